//! The bulletin over JSON, and as files that spreadsheets open.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::custody::CustodyView;
use super::statistics::{FiguresView, RateView, ratio};
use crate::domain::refusal::Refusal;
use crate::domain::statistics::{Done, Figure};
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::notify::catalogue::Language;
use crate::service::App;
use crate::service::statistics::{
    self, Bulletin, BulletinAsked, Figures, Line, Matter, Share, document, to_csv, to_xlsx,
};

/// Something with a code and a name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulletinName)]
pub struct NameView {
    code: String,
    name: String,
}

/// A kind or category with its share.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulletinShare)]
pub struct ShareView {
    /// Word or code; null for tickets without one.
    value: Option<String>,
    name: Option<String>,
    intake: i64,
    /// Of all that was received.
    share: RateView,
    /// Received in the span before.
    before: i64,
}

/// A unit or community with its figures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulletinLine)]
pub struct LineView {
    /// Code; null for tickets that were not assigned.
    value: Option<String>,
    name: Option<String>,
    /// The rates below the floor.
    below_floor: Vec<Figure>,
    #[serde(flatten)]
    figures: FiguresView,
}

/// A matter that came three times or more: one category in one building.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulletinMatter)]
pub struct MatterView {
    category: Option<NameView>,
    building: Option<String>,
    intake: i64,
    before: i64,
    /// It came as often in the span before.
    repeated: bool,
    /// How many of them went which way.
    done: BTreeMap<Done, i64>,
}

/// The bulletin of a week, a month or other days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bulletin)]
pub struct BulletinView {
    nodes: Vec<NameView>,
    /// The first and the last day, both told of, like 2026-11-16.
    first_on: String,
    last_on: String,
    /// The span it is compared with.
    before_first_on: String,
    before_last_on: String,
    /// Id of the last event that counts.
    as_of: i64,
    /// When it was recorded.
    as_of_at: String,
    /// Of 100.
    floor: i64,
    figures: FiguresView,
    before: FiguresView,
    kinds: Vec<ShareView>,
    /// Most tickets first, at most ten.
    categories: Vec<ShareView>,
    /// Codes of the units with a rate below the floor.
    units_below_floor: Vec<String>,
    /// By code.
    units: Vec<LineView>,
    /// Above several communities: each.
    communities: Vec<LineView>,
    /// Most tickets first, at most ten.
    matters: Vec<MatterView>,
    custody: Vec<CustodyView>,
}

fn name((code, name): (String, String)) -> NameView {
    NameView { code, name }
}

fn share(it: Share, all: i64) -> ShareView {
    let Share { value, name, n, n_before } = it;
    ShareView { value, name, intake: n, share: ratio((n, all)), before: n_before }
}

fn line(it: Line, floor: i64) -> LineView {
    let below_floor = it.low(floor).collect();
    let figures = Figures { tally: it.tally, backlog: Some(it.backlog) };
    LineView { value: it.value, name: it.name, below_floor, figures: FiguresView::of(&figures, false) }
}

fn matter(it: Matter) -> MatterView {
    let repeated = it.is_repeated();
    MatterView {
        category: it.category.map(name),
        building: it.building,
        intake: it.n,
        before: it.n_before,
        repeated,
        done: it.done.into_iter().collect(),
    }
}

impl From<Bulletin> for BulletinView {
    fn from(it: Bulletin) -> Self {
        let (all, floor) = (it.now.intake(), it.floor);
        let lines = |lines: Vec<Line>| lines.into_iter().map(|it| line(it, floor)).collect();
        let shares = |shares: Vec<Share>| shares.into_iter().map(|it| share(it, all)).collect();
        let low = it.units.iter().filter(|it| it.low(floor).next().is_some());
        let now = Figures { tally: it.now, backlog: Some(it.backlog) };
        let before = Figures { tally: it.then, backlog: None };
        Self {
            nodes: it.nodes.into_iter().map(name).collect(),
            first_on: it.days.first.to_string(),
            last_on: it.days.last.to_string(),
            before_first_on: it.before.first.to_string(),
            before_last_on: it.before.last.to_string(),
            as_of: it.as_of,
            as_of_at: it.as_of_at.to_rfc3339(),
            floor,
            figures: FiguresView::of(&now, true),
            before: FiguresView::of(&before, true),
            kinds: shares(it.kinds),
            categories: shares(it.categories),
            units_below_floor: low.filter_map(|it| it.value.clone()).collect(),
            units: lines(it.units),
            communities: lines(it.nodes_below),
            matters: it.matters.into_iter().map(matter).collect(),
            custody: it.custody.into_iter().map(CustodyView::from).collect(),
        }
    }
}

/// The forms a bulletin comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Form {
    /// JSON or the page: what the route gives by itself.
    Own,
    Csv,
    Xlsx,
}

impl Form {
    /// Reads `format`; `own` is the route's.
    ///
    /// # Errors
    /// `Invalid` for another word.
    pub(in crate::http) fn read(given: Option<&str>, own: &str) -> Result<Self, Refusal> {
        match given.map(str::trim) {
            None => Ok(Self::Own),
            Some("csv") => Ok(Self::Csv),
            Some("xlsx") => Ok(Self::Xlsx),
            Some(it) if it == own => Ok(Self::Own),
            Some(_) => {
                let words = format!("可用：{own}, csv, xlsx。 One of: {own}, csv, xlsx.");
                Err(Refusal::field("format", words))
            }
        }
    }
}

/// Reads `language`.
///
/// # Errors
/// `Invalid` for one there is not.
pub(in crate::http) fn language(given: Option<&str>, own: Language) -> Result<Language, Refusal> {
    let Some(given) = given else { return Ok(own) };
    Language::parse(given.trim())
        .ok_or_else(|| Refusal::field("language", "可用：zh-CN, en。 One of: zh-CN, en."))
}

/// The bulletin as a file to keep.
///
/// # Errors
/// Those of writing it.
pub(in crate::http) fn file(
    bulletin: &Bulletin,
    form: Form,
    language: Language,
) -> Result<HttpResponse, Problem> {
    let document = document(bulletin, language)?;
    let (kind, ending, body) = match form {
        Form::Own | Form::Csv => ("text/csv; charset=utf-8", "csv", to_csv(&document)?),
        Form::Xlsx => (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
            to_xlsx(bulletin, &document)?,
        ),
    };
    let codes: Vec<&str> = bulletin.nodes.iter().map(|(code, _)| code.as_str()).collect();
    let name = format!("{}-{}-{}.{ending}", codes.join("-"), bulletin.days.first, bulletin.days.last);
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(body))
}

/// The bulletin of a week, a month or other days; as of the same event always the same bytes.
#[utoipa::path(get, path = "/api/v1/stats/bulletin", tag = "statistics", params(BulletinAsked),
    responses((status = 200, description = "The bulletin; with `format` a file", body = BulletinView)),
    security(("bearer" = [])))]
pub async fn bulletin(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<BulletinAsked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let (form, given) = (asked.format.clone(), asked.language.clone());
    let bulletin = statistics::bulletin(&app, &caller, asked).await?;
    let (form, language) =
        (Form::read(form.as_deref(), "json")?, language(given.as_deref(), Language::Chinese)?);
    if form == Form::Own { Ok(ok(BulletinView::from(bulletin))) } else { file(&bulletin, form, language) }
}
