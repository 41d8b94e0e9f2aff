//! Figures for leaders as a page: from a glance to the tickets behind each number.

pub mod bulletin;
mod chart;
pub mod tickets;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use self::chart::{Bar, HEIGHT, Mark, WIDTH};
use super::answered;
use super::desk::{Frame, PageCaller, Turned};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::statistics::{Days, Figure, Milestone, Tally, percent};
use crate::domain::value::At;
use crate::http::Query;
use crate::http::reply::segment;
use crate::notify::catalogue::Language;
use crate::service::App;
use crate::service::statistics::{self, About, Asked, Band, By, Figures, Item, Point};

/// What of the figures.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeadAsked {
    /// Code of a node; default: all of the leader's.
    node: Option<String>,
    /// First day, `2026-11-01`; default: the first of the month of the last.
    from: Option<String>,
    /// Last day; default: today.
    to: Option<String>,
    /// What the breakdown is by; default `unit`, above a community `node`.
    by: Option<String>,
    /// A figure the breakdown is sorted by; default: most tickets first.
    sort: Option<String>,
    /// `wall`: large, for a screen on the wall.
    view: Option<String>,
}

/// A figure at one time: as people read it, and what it is made of.
struct Cell {
    text: String,
    /// Numerator and denominator, where it has them.
    of: String,
}

/// A figure with what it is compared with.
struct Line {
    name: String,
    definition: &'static str,
    excluded: String,
    now: Cell,
    before: Cell,
    year: Cell,
    link: String,
}

struct Column {
    name: String,
    link: String,
    is_sorted: bool,
}

struct Row {
    name: String,
    intake: i64,
    rates: Vec<Cell>,
    backlog: i64,
    link: String,
}

struct Step {
    day: String,
    intake: i64,
    on_time: Cell,
    link: String,
}

struct BandLine {
    name: String,
    n: i64,
    /// Of 100.
    share: i64,
}

struct Choice {
    name: String,
    link: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "lead/page.html")]
struct LeadPage {
    frame: Frame,
    title: String,
    span: Days,
    asked: LeadAsked,
    is_wall: bool,
    lines: Vec<Line>,
    times: Vec<Line>,
    steps: Vec<Step>,
    bars: Vec<Bar>,
    marks: Vec<Mark>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    choices: Vec<Choice>,
    n_open: i64,
    ages: Vec<BandLine>,
    left: Vec<BandLine>,
    /// How far the roll-ups are, in words.
    position: String,
}

/// One decimal, rounded half up; nothing to divide by is a dash.
fn rate(tally: &Tally, figure: Figure) -> Cell {
    let (numerator, denominator) = tally.rate(figure);
    let of = if denominator == 0 { String::new() } else { format!("{numerator}/{denominator}") };
    Cell { text: percent(numerator, denominator), of }
}

/// The ends of a span as the API takes them.
fn texts((from, to): (At, At)) -> (String, String) {
    (from.to_rfc3339(), to.to_rfc3339())
}

fn position(frame: &Frame, about: &About) -> String {
    let fields = [("position", about.position.to_string()), ("age", about.age_s.to_string())];
    frame.say_with("lead.position", &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn plain(n: i64) -> Cell {
    Cell { text: n.to_string(), of: String::new() }
}

impl LeadAsked {
    fn question(&self, bounds: (String, String)) -> Asked {
        Asked { node: self.node.clone(), from: Some(bounds.0), to: Some(bounds.1), ..Asked::default() }
    }

    /// This page again with one part that differs.
    fn link(&self, part: &str, value: &str) -> String {
        let parts = [
            ("node", &self.node),
            ("from", &self.from),
            ("to", &self.to),
            ("by", &self.by),
            ("sort", &self.sort),
            ("view", &self.view),
        ];
        let kept = parts.into_iter().filter(|it| it.0 != part);
        let kept = kept.filter_map(|(name, value)| value.as_deref().map(|value| (name, value)));
        let all = kept.chain([(part, value)]).filter(|it| !it.1.is_empty());
        let query: Vec<String> = all.map(|(name, value)| format!("{name}={}", segment(value))).collect();
        format!("/lead?{}", query.join("&"))
    }

    /// The tickets behind a figure.
    fn tickets(
        &self,
        figure: Figure,
        part: &str,
        bounds: &(String, String),
        filter: &[(&str, &str)],
    ) -> String {
        let mut link = format!("/lead/tickets?figure={figure}&part={part}");
        if figure != Figure::Backlog {
            link = format!("{link}&from={}&to={}", segment(&bounds.0), segment(&bounds.1));
        }
        let node = self.node.as_deref().map(|it| ("node", it));
        let has_node = filter.iter().any(|it| it.0 == "node");
        for (name, value) in filter.iter().copied().chain(node.filter(|_| !has_node)) {
            link = format!("{link}&{name}={}", segment(value));
        }
        link
    }
}

/// Figures for leaders.
#[utoipa::path(get, path = "/lead", tag = "pages", params(LeadAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<LeadAsked>,
) -> Result<HttpResponse, Turned> {
    if !caller.staff().may_somewhere(Permission::ReadStatistics) {
        return Err(Refusal::Forbidden(Permission::ReadStatistics).into());
    }
    let frame = Frame::of(&app, &caller, &request).await?;
    let page = gather(&app, &caller, frame, asked.read()?).await?;
    Ok(answered(HttpResponse::Ok(), &page)?)
}

async fn gather(app: &App, caller: &PageCaller, frame: Frame, asked: LeadAsked) -> Result<LeadPage, Turned> {
    let today = app.clock.now().local_date(frame.zone);
    let span = Days::read(asked.from.as_deref(), asked.to.as_deref(), today);
    let bounds = texts(span.bounds(frame.zone));
    let summary = |it: Days| statistics::summary(app, caller, asked.question(texts(it.bounds(frame.zone))));
    let now = summary(span).await?;
    let (before, year) = (summary(span.before()).await?, summary(span.year_before()).await?);
    let trend = Asked { interval: Some(span.interval().to_owned()), ..asked.question(bounds.clone()) };
    let trend = statistics::series(app, caller, trend).await?;
    let by = asked.by.clone().unwrap_or_else(|| "unit".to_owned());
    let broken = Asked { by: Some(by.clone()), ..asked.question(bounds.clone()) };
    let mut items = statistics::breakdown(app, caller, broken).await?.items;
    sort(&mut items, asked.sort.as_deref());
    let backlog = Asked { node: asked.node.clone(), ..Asked::default() };
    let backlog = statistics::backlog(app, caller, backlog).await?;

    let figures = [&now.figures, &before.figures, &year.figures];
    let steps: Vec<Step> = trend.points.iter().map(|it| step(&frame, &asked, it)).collect();
    let values: Vec<i64> = steps.iter().map(|it| it.intake).collect();
    let labels: Vec<String> = steps.iter().map(|it| it.day.clone()).collect();
    Ok(LeadPage {
        lines: lines(&frame, &asked, figures, &bounds),
        times: times(&frame, &asked, figures, &bounds),
        columns: columns(&frame, &asked),
        rows: items.iter().map(|it| row(&frame, &asked, &by, it, &bounds)).collect(),
        choices: By::ALL.iter().map(|it| choice(&frame, &asked, *it, &by)).collect(),
        bars: chart::bars(&values, &labels),
        marks: chart::scale(&values),
        steps,
        n_open: backlog.n,
        ages: bands(&frame, &backlog.by_age),
        left: bands(&frame, &backlog.by_time_left),
        title: now.about.nodes.join("、"),
        position: position(&frame, &now.about),
        is_wall: asked.view.as_deref() == Some("wall"),
        span,
        asked,
        frame,
    })
}

/// The worst of a figure first; what has nothing to divide by comes last.
fn sort(items: &mut [Item], by: Option<&str>) {
    let Some(figure) = by.and_then(Figure::parse) else { return };
    items.sort_by_key(|it| {
        let (numerator, denominator) = it.figures.tally.rate(figure);
        if denominator == 0 { i64::MAX } else { numerator * 1_000_000 / denominator }
    });
}

fn step(frame: &Frame, asked: &LeadAsked, it: &Point) -> Step {
    let bounds = (it.from.to_rfc3339(), it.to.to_rfc3339());
    Step {
        day: it.from.to_utc().with_timezone(&frame.zone).format("%m-%d").to_string(),
        intake: it.figures.tally.intake(),
        on_time: rate(&it.figures.tally, Figure::OnTimeRate),
        link: asked.tickets(Figure::Intake, "numerator", &bounds, &[]),
    }
}

fn choice(frame: &Frame, asked: &LeadAsked, by: By, now: &str) -> Choice {
    Choice {
        name: frame.say(&format!("lead_by.{by}")),
        link: asked.link("by", by.as_str()),
        is_current: by.as_str() == now,
    }
}

fn lines(frame: &Frame, asked: &LeadAsked, figures: [&Figures; 3], bounds: &(String, String)) -> Vec<Line> {
    let all = std::iter::once(Figure::Intake).chain(Figure::RATES);
    all.map(|figure| {
        let cell = |it: &Figures| match figure {
            Figure::Intake => plain(it.tally.intake()),
            _ => rate(&it.tally, figure),
        };
        let excluded = figures[0].tally.excluded(figure);
        let excluded = excluded.map(|(why, n)| format!("{} {n}", frame.say(&format!("lead_excluded.{why}"))));
        Line {
            name: frame.say(&format!("lead_figure.{figure}")),
            definition: definition(frame, figure),
            excluded: excluded.collect::<Vec<_>>().join("；"),
            now: cell(figures[0]),
            before: cell(figures[1]),
            year: cell(figures[2]),
            link: asked.tickets(figure, "denominator", bounds, &[]),
        }
    })
    .collect()
}

fn definition(frame: &Frame, figure: Figure) -> &'static str {
    let (zh, en) = figure.definition();
    if frame.language == Language::Chinese { zh } else { en }
}

/// Median and 90th percentile of working time, in hours.
fn times(frame: &Frame, asked: &LeadAsked, figures: [&Figures; 3], bounds: &(String, String)) -> Vec<Line> {
    let stages = [
        (Milestone::Accepted, Figure::TimeToAccepted),
        (Milestone::Assigned, Figure::TimeToAssigned),
        (Milestone::Resolved, Figure::TimeToResolved),
        (Milestone::Replied, Figure::TimeToReplied),
    ];
    stages
        .into_iter()
        .map(|(milestone, figure)| {
            let cell = |it: &Figures| {
                let hours =
                    |percent| it.tally.percentile(milestone, true, percent).map(|it| (it + 180) / 360);
                let text =
                    |it: Option<i64>| it.map_or("—".to_owned(), |it| format!("{}.{} h", it / 10, it % 10));
                Cell {
                    text: format!("{} · {}", text(hours(50)), text(hours(90))),
                    of: format!("n = {}", it.tally.n_timed(milestone)),
                }
            };
            Line {
                name: frame.say(&format!("lead_figure.{figure}")),
                definition: definition(frame, figure),
                excluded: String::new(),
                now: cell(figures[0]),
                before: cell(figures[1]),
                year: cell(figures[2]),
                link: asked.tickets(figure, "denominator", bounds, &[]),
            }
        })
        .collect()
}

/// The rates a breakdown shows.
const SHOWN: [Figure; 5] = [
    Figure::ResponseRate,
    Figure::OnTimeRate,
    Figure::ResolutionRate,
    Figure::SatisfactionRate,
    Figure::ReplyRate,
];

fn columns(frame: &Frame, asked: &LeadAsked) -> Vec<Column> {
    let column = |figure: Figure| Column {
        name: frame.say(&format!("lead_figure.{figure}")),
        link: asked.link("sort", figure.as_str()),
        is_sorted: asked.sort.as_deref() == Some(figure.as_str()),
    };
    SHOWN.map(column).into()
}

fn row(frame: &Frame, asked: &LeadAsked, by: &str, item: &Item, bounds: &(String, String)) -> Row {
    let (value, name, figures) = (item.value.as_deref(), item.name.as_deref(), &item.figures);
    let shown = match (by, name, value) {
        (_, Some(name), _) => name.to_owned(),
        ("kind" | "source" | "priority", None, Some(value)) => frame.say(&format!("lead_{by}.{value}")),
        (_, None, Some(value)) => value.to_owned(),
        (_, None, None) => frame.say("lead.without"),
    };
    // Tickets without a value cannot be asked for by it.
    let link = value
        .map_or(String::new(), |value| asked.tickets(Figure::Intake, "numerator", bounds, &[(by, value)]));
    Row {
        name: shown,
        intake: figures.tally.intake(),
        rates: SHOWN.map(|it| rate(&figures.tally, it)).into(),
        backlog: figures.backlog.unwrap_or(0),
        link,
    }
}

fn bands(frame: &Frame, bands: &[Band]) -> Vec<BandLine> {
    let most = bands.iter().map(|it| it.n).max().unwrap_or(0).max(1);
    let time = |seconds: i64| {
        let (n, key) = if seconds % 86_400 == 0 {
            (seconds / 86_400, "lead.days")
        } else {
            (seconds / 3_600, "lead.hours")
        };
        frame.say_with(key, &[("n", &n.to_string())])
    };
    bands
        .iter()
        .map(|it| BandLine {
            name: match (it.from_s, it.to_s) {
                (None, Some(0)) => frame.say("lead.late"),
                (None | Some(0), Some(to)) => frame.say_with("lead.under", &[("time", &time(to))]),
                (Some(from), Some(to)) => format!("{} – {}", time(from), time(to)),
                (from, None) => frame.say_with("lead.over", &[("time", &time(from.unwrap_or(0)))]),
            },
            n: it.n,
            share: it.n * 100 / most,
        })
        .collect()
}
