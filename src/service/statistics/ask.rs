//! Answers: a summary, a series, a breakdown, the backlog; each with what it was made of.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::follow::catch_up;
use super::frame::{Asked, By, Frame, Interval, Takes};
use super::sums::{Tallies, open_now, tallies};
use crate::domain::refusal::Refusal;
use crate::domain::statistics::{Dimension, Tally};
use crate::domain::value::{At, NodeId, SetupId};
use crate::service::{App, Caller, Error};
use crate::store::{Db, setup, statistics};

/// Steps of a series, at most.
const STEPS_MAX: usize = 400;
/// Values of a breakdown, at most; the largest ones are given.
const ITEMS_MAX: usize = 500;
/// The backlog of a whole district is read within this, or not at all.
const WITHIN: Duration = Duration::from_secs(5);

/// What an answer was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Codes of the nodes asked about; what is below them counts too.
    pub nodes: Vec<String>,
    pub from: Option<At>,
    pub to: Option<At>,
    /// Every event up to this id is counted.
    pub position: i64,
    /// How long the oldest event that is not counted yet has been waiting; none waits at 0.
    pub age_s: i64,
}

/// Figures of some tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub tally: Tally,
    /// Open now, whenever they were received; none where the figures are of a step in time.
    pub backlog: Option<i64>,
}

/// `GET /stats/summary`.
#[derive(Debug, Clone)]
pub struct Summary {
    pub about: About,
    pub figures: Figures,
}

/// Figures of one step in time.
#[derive(Debug, Clone)]
pub struct Point {
    pub from: At,
    pub to: At,
    pub figures: Figures,
}

/// `GET /stats/series`.
#[derive(Debug, Clone)]
pub struct Series {
    pub about: About,
    pub interval: Interval,
    pub zone: Tz,
    pub is_timed: bool,
    pub points: Vec<Point>,
}

/// Figures of one value.
#[derive(Debug, Clone)]
pub struct Item {
    /// Code, word or name; none for tickets without one.
    pub value: Option<String>,
    /// What people call it, where it has a code.
    pub name: Option<String>,
    pub figures: Figures,
}

/// `GET /stats/breakdown`.
#[derive(Debug, Clone)]
pub struct Breakdown {
    pub about: About,
    pub by: String,
    pub is_timed: bool,
    /// Most tickets first.
    pub items: Vec<Item>,
    /// Smaller ones were left out.
    pub is_cut: bool,
}

/// How many are open between two spans of time, in seconds; none is no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    pub from_s: Option<i64>,
    pub to_s: Option<i64>,
    pub n: i64,
}

/// `GET /stats/backlog`.
#[derive(Debug, Clone)]
pub struct Backlog {
    pub about: About,
    pub n: i64,
    /// Since receipt.
    pub by_age: Vec<Band>,
    /// Until what is due next; below 0 it is late.
    pub by_time_left: Vec<Band>,
    /// Nothing is due next: the clocks stand still, or are done.
    pub n_without_due: i64,
}

/// Every figure of the tickets received in a span of time.
///
/// # Errors
/// `Forbidden` without the right, `NotFound` for a node that is not the person's, `Invalid` for what is wrong.
pub async fn summary(app: &App, caller: &Caller, asked: Asked) -> Result<Summary, Error> {
    read(app, caller, asked, Takes::Neither, |db, frame| {
        let about = about(db, frame)?;
        let tally = tallies(db, frame, &[span(frame)], None)?.pop().and_then(|mut it| it.remove(""));
        let backlog = open_now(db, frame, None)?.remove("").unwrap_or(0);
        Ok(Summary { about, figures: Figures { tally: tally.unwrap_or_default(), backlog: Some(backlog) } })
    })
    .await
}

/// The same for each hour, day, week or month.
///
/// # Errors
/// As [`summary`]; `Invalid` also without a beginning and for too many steps.
pub async fn series(app: &App, caller: &Caller, asked: Asked) -> Result<Series, Error> {
    read(app, caller, asked, Takes::Interval, |db, frame| {
        let Some(from) = frame.from else {
            return Err(Refusal::field("from", "请给出开始时间。 Give a beginning.").into());
        };
        let steps = steps(frame.interval, frame.zone, from, frame.to.unwrap_or(frame.now))?;
        let about = about(db, frame)?;
        let found = tallies(db, frame, &steps, None)?;
        let points = steps.into_iter().zip(found).map(|((from, to), mut it)| Point {
            from,
            to,
            figures: Figures { tally: it.remove("").unwrap_or_default(), backlog: None },
        });
        Ok(Series {
            about,
            interval: frame.interval,
            zone: frame.zone,
            is_timed: frame.is_timed,
            points: points.collect(),
        })
    })
    .await
}

/// The same for each value of what they are broken down by.
///
/// # Errors
/// As [`summary`].
pub async fn breakdown(app: &App, caller: &Caller, asked: Asked) -> Result<Breakdown, Error> {
    read(app, caller, asked, Takes::By, |db, frame| {
        let about = about(db, frame)?;
        let received = tallies(db, frame, &[span(frame)], Some(frame.by))?.pop().unwrap_or_default();
        let open = open_now(db, frame, Some(frame.by))?;
        let mut items = named(db, frame, &received, &open)?;
        items.sort_by(|a, b| {
            let n = |it: &Item| it.figures.tally.intake();
            n(b).cmp(&n(a)).then_with(|| a.value.cmp(&b.value))
        });
        let is_cut = items.len() > ITEMS_MAX;
        items.truncate(ITEMS_MAX);
        Ok(Breakdown { about, by: frame.by.to_string(), is_timed: frame.is_timed, items, is_cut })
    })
    .await
}

/// What is open now, by age and by the time that is left.
///
/// # Errors
/// As [`summary`].
pub async fn backlog(app: &App, caller: &Caller, asked: Asked) -> Result<Backlog, Error> {
    read(app, caller, asked, Takes::Now, |db, frame| {
        const DAY: i64 = 86_400;
        let mut by_age = bands(&[DAY, 3 * DAY, 7 * DAY, 15 * DAY, 30 * DAY]);
        let mut by_time_left = bands(&[0, 4 * 3_600, DAY, 3 * DAY, 7 * DAY]);
        let (mut n, mut n_without_due) = (0, 0);
        let began = Instant::now();
        let (go_on, now) = (|| began.elapsed() < WITHIN, frame.now);
        statistics::open(db, &frame.wanted, Dimension::All, &go_on, |_, received_at, due_at| {
            n += 1;
            put(&mut by_age, (now - received_at).num_seconds());
            match due_at {
                Some(due_at) => put(
                    &mut by_time_left,
                    (due_at - now).num_microseconds().unwrap_or(0).div_euclid(1_000_000),
                ),
                None => n_without_due += 1,
            }
            Ok(())
        })?;
        Ok(Backlog { about: about(db, frame)?, n, by_age, by_time_left, n_without_due })
    })
    .await
}

async fn read<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    asked: Asked,
    takes: Takes,
    answer: impl Fn(&mut Db, &Frame) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    catch_up(app).await;
    let (caller, now) = (caller.clone(), app.clock.now());
    app.store
        .read(move |db: &mut Db| {
            let frame = Frame::read(db, &caller, &asked, takes, now)?;
            answer(db, &frame)
        })
        .await
}

fn about(db: &mut Db, frame: &Frame) -> Result<About, Error> {
    let (position, oldest) = statistics::position_and_age(db)?;
    Ok(About {
        nodes: frame.roots.iter().map(|it| it.code.clone()).collect(),
        from: frame.from,
        to: frame.to,
        position,
        age_s: oldest.map_or(0, |it| (frame.now - it).num_seconds().max(0)),
    })
}

/// The span asked for; a bound that is not there lies beyond every ticket.
fn span(frame: &Frame) -> (At, At) {
    let [dawn, dusk] = [i64::MIN, i64::MAX].map(At::from_micros);
    (frame.from.unwrap_or(dawn), frame.to.unwrap_or(dusk))
}

fn bands(bounds: &[i64]) -> Vec<Band> {
    let lows = std::iter::once(None).chain(bounds.iter().copied().map(Some));
    let highs = bounds.iter().copied().map(Some).chain(std::iter::once(None));
    lows.zip(highs).map(|(from_s, to_s)| Band { from_s, to_s, n: 0 }).collect()
}

fn put(bands: &mut [Band], seconds: i64) {
    let found = bands.iter_mut().find(|it| it.to_s.is_none_or(|to| seconds < to));
    if let Some(band) = found {
        band.n += 1;
    }
}

/// The steps that make up a span, in the zone's hours, days, weeks or months; the first and the last may be part of one.
fn steps(interval: Interval, zone: Tz, from: At, to: At) -> Result<Vec<(At, At)>, Refusal> {
    let mut steps = Vec::new();
    let mut start = from;
    while start < to {
        if steps.len() == STEPS_MAX {
            let words = format!(
                "步数超过 {STEPS_MAX}，请缩短时间或加大 interval。 More than {STEPS_MAX} steps; ask for less time or a longer interval."
            );
            return Err(Refusal::field("interval", words));
        }
        let end = step_end(interval, zone, start).min(to);
        steps.push((start, end));
        start = end;
    }
    Ok(steps)
}

/// The first moment of a day; where the clocks skip midnight, the first one after it.
pub(super) fn midnight(day: NaiveDate, zone: Tz) -> At {
    let midnight = day.and_time(NaiveTime::MIN);
    let found = (0..4).find_map(|it| {
        let later = midnight.checked_add_signed(TimeDelta::hours(it))?;
        zone.from_local_datetime(&later).earliest()
    });
    found.map_or(At::from_micros(i64::MAX), |it| At::from_utc(it.to_utc()))
}

fn step_end(interval: Interval, zone: Tz, start: At) -> At {
    let local = start.to_utc().with_timezone(&zone).naive_local();
    let day = local.date();
    let next = |day: Option<NaiveDate>| midnight(day.unwrap_or(NaiveDate::MAX), zone);
    match interval {
        Interval::Hour => {
            let hour = 3_600_000_000;
            // Zones lie whole quarters of an hour from UTC; their hours begin when UTC's do, or part of one later.
            let offset = i64::from(
                chrono::Offset::fix(&zone.offset_from_utc_datetime(&start.to_utc().naive_utc()))
                    .local_minus_utc(),
            ) * 1_000_000;
            At::from_micros(((start.micros() + offset).div_euclid(hour) + 1) * hour - offset)
        }
        Interval::Day => next(day.checked_add_days(Days::new(1))),
        Interval::Week => {
            let left = 7 - u64::from(day.weekday().num_days_from_monday());
            next(day.checked_add_days(Days::new(left)))
        }
        Interval::Month => next(day.with_day(1).and_then(|it| it.checked_add_months(Months::new(1)))),
    }
}

/// Gives ids their codes and names; what is called the same is one.
fn named(
    db: &mut Db,
    frame: &Frame,
    received: &Tallies,
    open: &BTreeMap<String, i64>,
) -> Result<Vec<Item>, Error> {
    let mut values: Vec<&String> = received.keys().chain(open.keys()).collect();
    values.sort_unstable();
    values.dedup();
    let ids = values.iter().filter_map(|it| it.parse().ok()).map(SetupId);
    let labels = match frame.by {
        By::Unit | By::Category | By::Mailbox => setup::labels(db, &ids.collect::<Vec<_>>())?,
        By::Node | By::Source | By::Building | By::Priority | By::Kind => HashMap::default(),
    };
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for value in values {
        let (code, name) = match frame.by {
            By::Node => node_label(frame, value),
            By::Unit | By::Category | By::Mailbox => {
                let label = value.parse().ok().and_then(|it| labels.get(&SetupId(it)).cloned());
                label.map_or((value.clone(), None), |(code, name)| (code, Some(name)))
            }
            By::Source | By::Building | By::Priority | By::Kind => (value.clone(), None),
        };
        let item = items.entry(code.clone()).or_insert_with(|| Item {
            value: Some(code).filter(|it| !it.is_empty()),
            name,
            figures: Figures { tally: Tally::default(), backlog: Some(0) },
        });
        if let Some(tally) = received.get(value) {
            item.figures.tally.add(tally);
        }
        let n_open = open.get(value).copied().unwrap_or(0);
        item.figures.backlog = item.figures.backlog.map(|it| it + n_open);
    }
    Ok(items.into_values().collect())
}

/// The part of the tree a node belongs to: below one node its children, below several these themselves.
pub(super) fn node_label(frame: &Frame, id: &str) -> (String, Option<String>) {
    let Some(node) = id.parse().ok().and_then(|it| frame.nodes.get(&it)) else {
        return (String::new(), None);
    };
    let above = frame.roots.iter().find(|it| node.path.starts_with(&it.path));
    let shown = match (above, frame.roots.as_slice()) {
        (Some(root), [_]) => {
            let below = node.path[root.path.len()..].split('/').next().and_then(|it| it.parse().ok());
            below.map(NodeId).and_then(|it| frame.nodes.get(&it.0)).unwrap_or(root)
        }
        (Some(root), _) => root,
        (None, _) => node,
    };
    (shown.code.clone(), Some(shown.name.clone()))
}
