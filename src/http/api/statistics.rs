//! Figures over JSON: each rate with its numerator and denominator, its definition and what it leaves out.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::statistics::{Exclusion, Figure, Milestone, PERCENTILE_ERROR, Tally};
use crate::domain::value::At;
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::statistics::{self, About, Asked, Band, Figures, Interval};

/// A rate; nothing to divide by is null, never 0 or 1.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rate)]
pub struct RateView {
    value: Option<f64>,
    numerator: i64,
    denominator: i64,
}

/// Median and 90th percentile by nearest rank, in seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Percentiles)]
pub struct PercentilesView {
    p50_s: Option<i64>,
    p90_s: Option<i64>,
}

/// Time from receipt in the first cycle.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimeTo)]
pub struct TimeToView {
    /// Tickets that got there.
    n: i64,
    calendar: PercentilesView,
    /// Only the minutes that the ticket's working calendar is open.
    working: PercentilesView,
}

/// Every figure of some tickets; the definitions stand beside them in `figures`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Figures)]
pub struct FiguresView {
    /// 收件量
    intake: i64,
    /// 响应率
    response_rate: RateView,
    /// 按时受理率
    acceptance_on_time_rate: RateView,
    /// 按时办结率
    on_time_rate: RateView,
    /// 解决率
    resolution_rate: RateView,
    /// 满意率
    satisfaction_rate: RateView,
    /// 答复率
    reply_rate: RateView,
    /// 重办率
    rework_rate: RateView,
    /// 一次解决率
    first_time_resolution_rate: RateView,
    /// 在办量, now; left out in a series.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog: Option<i64>,
    /// Sealed ones among the intake: counted for those above, listed for nobody.
    sealed: i64,
    /// By `accepted`, `assigned`, `resolved`, `replied`.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to: Option<BTreeMap<&'static str, TimeToView>>,
}

fn rate(tally: &Tally, figure: Figure) -> RateView {
    ratio(tally.rate(figure))
}

/// A share with what it is made of.
pub(super) fn ratio((numerator, denominator): (i64, i64)) -> RateView {
    let exact = |it: i64| i32::try_from(it).map(f64::from).ok();
    let value = exact(numerator).zip(exact(denominator)).filter(|it| it.1 > 0.0).map(|(n, of)| n / of);
    RateView { value, numerator, denominator }
}

fn times(tally: &Tally) -> BTreeMap<&'static str, TimeToView> {
    let percentiles = |milestone, is_working| PercentilesView {
        p50_s: tally.percentile(milestone, is_working, 50),
        p90_s: tally.percentile(milestone, is_working, 90),
    };
    let time_to = |it: Milestone| TimeToView {
        n: tally.n_timed(it),
        calendar: percentiles(it, false),
        working: percentiles(it, true),
    };
    Milestone::ALL.iter().map(|it| (it.as_str(), time_to(*it))).collect()
}

impl FiguresView {
    pub(super) fn of(it: &Figures, is_timed: bool) -> Self {
        let tally = &it.tally;
        Self {
            intake: tally.intake(),
            response_rate: rate(tally, Figure::ResponseRate),
            acceptance_on_time_rate: rate(tally, Figure::AcceptanceOnTimeRate),
            on_time_rate: rate(tally, Figure::OnTimeRate),
            resolution_rate: rate(tally, Figure::ResolutionRate),
            satisfaction_rate: rate(tally, Figure::SatisfactionRate),
            reply_rate: rate(tally, Figure::ReplyRate),
            rework_rate: rate(tally, Figure::ReworkRate),
            first_time_resolution_rate: rate(tally, Figure::FirstTimeResolutionRate),
            backlog: it.backlog,
            sealed: tally.sealed(),
            time_to: is_timed.then(|| times(tally)),
        }
    }
}

/// What a rate leaves out: clocks for rates of clocks, tickets for the others.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExcludedFromFigure)]
pub struct ExcludedView {
    reason: Exclusion,
    /// Who brought it about: a role, `clock`, `import`.
    by: &'static str,
    n: i64,
}

/// A figure's definition, what it leaves out, and where its tickets are listed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FigureExplained)]
pub struct FigureView {
    /// In Chinese and English.
    definition: Words,
    excluded: Vec<ExcludedView>,
    /// The tickets it is measured over; `part=numerator`, `missed` and `excluded` give the others.
    tickets: String,
}

/// The same in both languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InBothLanguages)]
pub struct Words {
    zh: &'static str,
    en: &'static str,
}

/// What an answer was made of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FiguresMadeOf)]
pub struct AboutView {
    /// Codes of the nodes; what is below them counts too.
    nodes: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    /// Every event up to this id is counted.
    position: i64,
    /// How long the oldest event that is not counted yet has been waiting; 0 when none waits.
    age_s: i64,
}

impl AboutView {
    fn of(it: &About) -> Self {
        let time = |it: Option<At>| it.map(At::to_rfc3339);
        Self {
            nodes: it.nodes.clone(),
            from: time(it.from),
            to: time(it.to),
            position: it.position,
            age_s: it.age_s,
        }
    }
}

/// Figures for leaders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Summary)]
pub struct SummaryView {
    #[serde(flatten)]
    figures: FiguresView,
    #[serde(flatten)]
    about: AboutView,
    /// The most a percentile is off, as a share of itself.
    percentile_error: f64,
    /// By figure: how it is defined and what it leaves out.
    #[serde(rename = "figures")]
    explained: BTreeMap<&'static str, FigureView>,
}

fn explained(tally: &Tally, query: &str) -> BTreeMap<&'static str, FigureView> {
    let view = |figure: Figure| {
        let (zh, en) = figure.definition();
        let excluded = tally.excluded(figure).map(|(reason, n)| ExcludedView { reason, by: reason.by(), n });
        let and = if query.is_empty() { "" } else { "&" };
        FigureView {
            definition: Words { zh, en },
            excluded: excluded.collect(),
            tickets: format!("/api/v1/tickets?figure={figure}{and}{query}"),
        }
    };
    Figure::ALL.iter().map(|it| (it.as_str(), view(*it))).collect()
}

/// Every figure of the tickets received in a span of time.
#[utoipa::path(get, path = "/api/v1/stats/summary", tag = "statistics", params(Asked),
    responses((status = 200, description = "The figures", body = SummaryView)), security(("bearer" = [])))]
pub async fn summary(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let summary = statistics::summary(&app, &caller, asked.read()?).await?;
    Ok(ok(SummaryView {
        explained: explained(&summary.figures.tally, request.query_string()),
        figures: FiguresView::of(&summary.figures, true),
        about: AboutView::of(&summary.about),
        percentile_error: PERCENTILE_ERROR,
    }))
}

/// One step of a series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesPoint)]
pub struct PointView {
    from: String,
    to: String,
    #[serde(flatten)]
    figures: FiguresView,
}

/// Figures over time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Series)]
pub struct SeriesView {
    interval: Interval,
    items: Vec<PointView>,
    #[serde(flatten)]
    about: AboutView,
}

/// A moment with the zone's offset, so that days can be told by their dates.
fn local(at: At, zone: Tz) -> String {
    at.to_utc().with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// The same figures for each hour, day, week or month, oldest first.
#[utoipa::path(get, path = "/api/v1/stats/series", tag = "statistics", params(Asked),
    responses((status = 200, description = "The figures of each step", body = SeriesView)), security(("bearer" = [])))]
pub async fn series(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let series = statistics::series(&app, &caller, asked.read()?).await?;
    let items = series.points.iter().map(|it| PointView {
        from: local(it.from, series.zone),
        to: local(it.to, series.zone),
        figures: FiguresView::of(&it.figures, series.is_timed),
    });
    Ok(ok(SeriesView {
        interval: series.interval,
        items: items.collect(),
        about: AboutView::of(&series.about),
    }))
}

/// Figures of one value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BreakdownItem)]
pub struct ItemView {
    /// Code, word or building; null for tickets without one.
    value: Option<String>,
    name: Option<String>,
    #[serde(flatten)]
    figures: FiguresView,
}

/// Figures broken down.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breakdown)]
pub struct BreakdownView {
    by: String,
    /// Most tickets first.
    items: Vec<ItemView>,
    /// True when there were more values than are given.
    cut: bool,
    #[serde(flatten)]
    about: AboutView,
}

/// The same figures by node, unit, category, mailbox, source, building, priority or kind.
#[utoipa::path(get, path = "/api/v1/stats/breakdown", tag = "statistics", params(Asked),
    responses((status = 200, description = "The figures of each value", body = BreakdownView)), security(("bearer" = [])))]
pub async fn breakdown(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let breakdown = statistics::breakdown(&app, &caller, asked.read()?).await?;
    let items = breakdown.items.iter().map(|it| ItemView {
        value: it.value.clone(),
        name: it.name.clone(),
        figures: FiguresView::of(&it.figures, breakdown.is_timed),
    });
    Ok(ok(BreakdownView {
        items: items.collect(),
        by: breakdown.by,
        cut: breakdown.is_cut,
        about: AboutView::of(&breakdown.about),
    }))
}

/// How many lie between two spans of time, in seconds; null is no bound.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BacklogBand)]
pub struct BandView {
    from_s: Option<i64>,
    to_s: Option<i64>,
    n: i64,
}

/// What is open now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backlog)]
pub struct BacklogView {
    backlog: i64,
    /// Since receipt.
    by_age: Vec<BandView>,
    /// Until what is due next; below 0 it is late.
    by_time_left: Vec<BandView>,
    /// Nothing is due next: the clocks stand still or are done.
    without_due: i64,
    definition: Words,
    #[serde(flatten)]
    about: AboutView,
}

/// What is open now, by age and by the time that is left.
#[utoipa::path(get, path = "/api/v1/stats/backlog", tag = "statistics", params(Asked),
    responses((status = 200, description = "The backlog", body = BacklogView)), security(("bearer" = [])))]
pub async fn backlog(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let backlog = statistics::backlog(&app, &caller, asked.read()?).await?;
    let (zh, en) = Figure::Backlog.definition();
    let views = |bands: &[Band]| {
        bands.iter().map(|it| BandView { from_s: it.from_s, to_s: it.to_s, n: it.n }).collect()
    };
    Ok(ok(BacklogView {
        backlog: backlog.n,
        by_age: views(&backlog.by_age),
        by_time_left: views(&backlog.by_time_left),
        without_due: backlog.n_without_due,
        definition: Words { zh, en },
        about: AboutView::of(&backlog.about),
    }))
}
