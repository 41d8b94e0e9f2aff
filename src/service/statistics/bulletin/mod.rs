//! The bulletin (周报、月报): what a community tells of a week or a month, the same whenever it is asked for as of the
//! same event. No moment of now is in it.

mod document;
mod file;
mod gather;

use chrono::NaiveDate;
use chrono_tz::Tz;

pub use self::document::{Cell, Document, Section, document};
pub use self::file::{to_csv, to_xlsx};
pub(super) use self::gather::gather;
use super::follow::catch_up;
use super::frame::{Asked, Frame, Takes};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::statistics::{Days, Done, Figure, Rhythm, Tally};
use crate::domain::value::At;
use crate::service::mailboxes::Custody;
use crate::service::queue::word;
use crate::service::{App, Caller, Error};
use crate::store::Db;

/// Below so many of 100 a unit is named, unless asked otherwise.
pub(super) const FLOOR: i64 = 90;
/// Days of one bulletin, at most: a year.
const DAYS_MAX: i64 = 366;

/// The rates a unit is named for when they are below the floor.
pub const LOW_RATES: [Figure; 4] =
    [Figure::OnTimeRate, Figure::ResponseRate, Figure::ResolutionRate, Figure::SatisfactionRate];

/// Which bulletin, as text; each part optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulletinAsked {
    /// Code of a node, with what is below it; default: all of the caller's.
    pub node: Option<String>,
    /// `week` (default, Monday to Sunday) or `month`.
    pub period: Option<String>,
    /// A day in the week or month, like 2026-11-16; default: one in the last that is over.
    pub day: Option<String>,
    /// The first day of another span, with `to`: a day like 2026-11-16, or the RFC 3339 time it begins at.
    pub from: Option<String>,
    /// The end of it: the day after the last, or the RFC 3339 time that day begins at.
    pub to: Option<String>,
    /// Id of an event: as everything was then. Default: the latest.
    pub as_of: Option<i64>,
    /// Units below so many of 100 are named, 0 to 100; default 90.
    pub floor: Option<i64>,
    /// `json` (the API's default), `html` (the page's), `csv` or `xlsx`.
    pub format: Option<String>,
    /// `zh-CN` or `en`, for the words of csv and xlsx; default zh-CN, on the page as the page is.
    pub language: Option<String>,
}

/// A kind or category with how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Word or code; None for tickets without one.
    pub value: Option<String>,
    pub name: Option<String>,
    pub n: i64,
    pub n_before: i64,
}

/// A unit or node with its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub value: Option<String>,
    pub name: Option<String>,
    pub tally: Tally,
    /// Open then, whenever they were received.
    pub backlog: i64,
}

/// A matter that came several times: one category in one building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matter {
    pub category: Option<(String, String)>,
    pub building: Option<String>,
    pub n: i64,
    /// In the span before; as many make it a repeated one.
    pub n_before: i64,
    /// What became of them, none of it zero.
    pub done: Vec<(Done, i64)>,
}

/// A bulletin's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    /// Code and name of the nodes it is of.
    pub nodes: Vec<(String, String)>,
    /// The code it was asked for by.
    pub node: Option<String>,
    pub days: Days,
    pub before: Days,
    pub zone: Tz,
    /// The last event that counts, and when it was recorded.
    pub as_of: i64,
    pub as_of_at: At,
    pub floor: i64,
    pub now: Tally,
    pub then: Tally,
    pub backlog: i64,
    pub kinds: Vec<Share>,
    /// Most tickets first.
    pub categories: Vec<Share>,
    /// By code.
    pub units: Vec<Line>,
    /// Communities below a street or district; empty for one community.
    pub nodes_below: Vec<Line>,
    pub matters: Vec<Matter>,
    pub custody: Vec<Custody>,
}

impl Matter {
    /// True when it came as often in the span before.
    pub fn is_repeated(&self) -> bool {
        self.n_before >= gather::RECURRING_MIN
    }
}

impl Line {
    /// The rates below `floor` of 100, of those that a unit is named for.
    pub fn low(&self, floor: i64) -> impl Iterator<Item = Figure> {
        LOW_RATES.into_iter().filter(move |it| {
            let (numerator, denominator) = self.tally.rate(*it);
            numerator * 100 < denominator * floor
        })
    }
}

/// The bulletin that is asked for.
///
/// # Errors
/// `Forbidden` without the right, `NotFound` for a node that is not the person's, `Invalid` for what is wrong.
pub async fn bulletin(app: &App, caller: &Caller, asked: BulletinAsked) -> Result<Bulletin, Error> {
    catch_up(app).await;
    let (caller, now) = (caller.clone(), app.clock.now());
    app.store
        .read(move |db: &mut Db| {
            let question = Asked { node: asked.node.clone(), ..Asked::default() };
            let frame = Frame::read(db, &caller, &question, Takes::Neither, now)?;
            let days = days(&asked, frame.zone, now)?;
            let floor = asked.floor.unwrap_or(FLOOR);
            Ok(Bulletin { node: asked.node.clone(), ..gather(db, &frame, days, asked.as_of, floor)? })
        })
        .await
}

/// The days that are asked for.
fn days(asked: &BulletinAsked, zone: Tz, now: At) -> Result<Days, Refusal> {
    let mut faults = Faults::default();
    let rhythm = word("period", asked.period.as_deref(), Rhythm::parse, Rhythm::ALL, &mut faults);
    let mut day = |field: &'static str, given: Option<&str>| {
        let given = given?;
        let found = read_day(given, zone);
        if found.is_none() {
            faults.add(field, "请写日期，如 2026-11-16。 Write a day like 2026-11-16.");
        }
        found
    };
    let within = day("day", asked.day.as_deref());
    let (from, to) = (day("from", asked.from.as_deref()), day("to", asked.to.as_deref()));
    if asked.from.is_some() != asked.to.is_some() {
        let missing = if asked.from.is_some() { "to" } else { "from" };
        faults.add(missing, "from 和 to 要一起给。 Give from and to together.");
    }
    if asked.from.is_some() && (asked.period.is_some() || asked.day.is_some()) {
        faults.add(
            "period",
            "给了 from 和 to 就不用 period 和 day。 Leave period and day out with from and to.",
        );
    }
    if asked.floor.is_some_and(|it| !(0..=100).contains(&it)) {
        faults.add("floor", "0 到 100。 0 to 100.");
    }
    let last = to.and_then(|it| it.pred_opt());
    if let (Some(first), Some(last)) = (from, last)
        && !(1..=DAYS_MAX).contains(&(Days { first, last }).n_days())
    {
        let words = format!("时段须为 1 至 {DAYS_MAX} 天。 The span must be 1 to {DAYS_MAX} days.");
        faults.add("to", words);
    }
    faults.check(())?;
    let rhythm = rhythm.unwrap_or(Rhythm::Week);
    Ok(match (from.zip(last), within) {
        (Some((first, last)), _) => Days { first, last },
        (None, Some(day)) => Days::around(day, rhythm),
        (None, None) => Days::over(now.local_date(zone), rhythm),
    })
}

/// A day, or the moment it begins at.
fn read_day(given: &str, zone: Tz) -> Option<NaiveDate> {
    let given = given.trim();
    let day = NaiveDate::parse_from_str(given, "%Y-%m-%d").ok();
    let begun = || {
        let at = At::parse(given)?;
        Some(at.local_date(zone)).filter(|it| At::of_day(*it, zone) == at)
    };
    let is_usual = |it: &NaiveDate| (1..=9_998).contains(&chrono::Datelike::year(it));
    day.or_else(begun).filter(is_usual)
}
