//! Putting figures together: from kept sums where there are some, ticket by ticket at the edges.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::frame::{By, Frame};
use crate::domain::statistics::{Dimension, EVER, Sign, SpanPart, Tally, cover, month_bounds};
use crate::domain::value::At;
use crate::service::Error;
use crate::store::statistics::{self, Kept};
use crate::store::{Db, StoreError};

/// A question that takes longer is given up: whoever asked has gone, and others wait for the connection.
pub(super) const WITHIN: Duration = Duration::from_secs(5);
/// Moments that no ticket is received outside of.
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// Tallies by value; the empty value is everything, or those without one.
pub(super) type Tallies = BTreeMap<String, Tally>;

/// How sums are looked for.
pub(super) struct Plan<'a> {
    frame: &'a Frame,
    by: Option<By>,
    /// The dimension of kept sums; None where only the tickets themselves tell.
    kept: Option<Dimension>,
    began: Instant,
}

/// A part of the span in this place among the points.
type Piece = (usize, Sign, SpanPart);
/// A step's place among the points and whether it is added.
type Uses = HashMap<i64, Vec<(usize, i64)>>;

/// The tallies of each of these spans, by `by` or all in one under the empty value.
///
/// # Errors
/// `Busy` when it took too long; else only those of the database.
pub(super) fn tallies(
    db: &mut Db,
    frame: &Frame,
    spans: &[(At, At)],
    by: Option<By>,
) -> Result<Vec<Tallies>, Error> {
    let plan = Plan::of(frame, by);
    let mut found = vec![Tallies::new(); spans.len()];
    let Some(parts) = plan.parts(db, spans)? else { return Ok(found) };
    let mut uses = Uses::new();
    let mut reads = Vec::new();
    for (place, sign, part) in parts {
        match part {
            SpanPart::Kept(period) => uses.entry(period).or_default().push((place, sign.factor())),
            SpanPart::Read(from, to) => reads.push((place, sign.factor(), (from, to))),
        }
    }
    let periods: Vec<i64> = uses.keys().copied().collect();
    for row in plan.kept(db, &periods)? {
        for (place, sign) in uses.get(&row.period).into_iter().flatten() {
            plan.add(&mut found[*place], &row, *sign)?;
        }
    }
    for (place, sign, span) in reads {
        let go_on = || plan.began.elapsed() < WITHIN;
        statistics::read_span(db, &frame.wanted, span, plan.dimension(), &go_on, |row| {
            plan.add(&mut found[place], &row, sign)
        })?;
    }
    for tallies in &mut found {
        tallies.retain(|_, it| *it != Tally::default());
    }
    Ok(found)
}

/// How many are open now, by `by` or all under the empty value.
///
/// # Errors
/// `Busy` when it took too long; else only those of the database.
pub(super) fn open_now(db: &mut Db, frame: &Frame, by: Option<By>) -> Result<BTreeMap<String, i64>, Error> {
    let plan = Plan::of(frame, by);
    let mut found = Tallies::new();
    if plan.kept.is_some() {
        for row in plan.kept(db, &[EVER])? {
            plan.add(&mut found, &Kept { times: Vec::new(), ..row }, 1)?;
        }
    } else {
        let go_on = || plan.began.elapsed() < WITHIN;
        statistics::open(db, &frame.wanted, plan.dimension(), &go_on, |row, _, _| {
            plan.add(&mut found, &row, 1)
        })?;
    }
    Ok(found.into_iter().map(|(value, it)| (value, it.open())).filter(|it| it.1 != 0).collect())
}

impl<'a> Plan<'a> {
    pub(super) fn of(frame: &'a Frame, by: Option<By>) -> Self {
        let dimension = by.and_then(By::dimension);
        // A sum is kept by one dimension alone.
        let kept = match (frame.wanted.filters.as_slice(), dimension) {
            ([], dimension) => Some(dimension.unwrap_or(Dimension::All)),
            ([(filtered, _)], None) => Some(*filtered),
            ([(filtered, _)], Some(dimension)) if *filtered == dimension => Some(dimension),
            _ => None,
        };
        Self { frame, by, kept, began: Instant::now() }
    }

    /// The dimension whose value a row is grouped under.
    pub(super) fn dimension(&self) -> Dimension {
        self.by.and_then(By::dimension).unwrap_or(Dimension::All)
    }

    fn kept(&self, db: &mut Db, periods: &[i64]) -> Result<Vec<Kept>, Error> {
        let Some(dimension) = self.kept else { return Ok(Vec::new()) };
        let values = self.frame.wanted.filters.first().map(|it| it.1.as_slice());
        Ok(statistics::kept(db, &self.frame.wanted, (dimension, values), periods, self.frame.is_timed)?)
    }

    /// What each span is made of; None when nothing was ever received.
    fn parts(&self, db: &mut Db, spans: &[(At, At)]) -> Result<Option<Vec<Piece>>, Error> {
        let nodes = &self.frame.wanted.nodes;
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(None) };
        let Some((oldest, newest)) = statistics::months(db, nodes)? else { return Ok(None) };
        let (begin, end) = (month(oldest), month(newest));
        let (begin, end) = (month_bounds(begin, begin).0, month_bounds(end, end).1);
        let [dawn, dusk] = [ALWAYS.0, ALWAYS.1].map(At::from_micros);
        // Where nothing lies beyond, the months are taken whole: their sums are there.
        let is_from_first = first.0 <= begin || !statistics::has_received(db, nodes, dawn, first.0)?;
        let is_to_last = last.1 >= end || !statistics::has_received(db, nodes, last.1, dusk)?;
        if self.kept.is_some() && spans.len() == 1 && is_from_first && is_to_last {
            return Ok(Some(vec![(0, Sign::Plus, SpanPart::Kept(EVER))]));
        }
        let mut parts = Vec::new();
        for (place, (from, to)) in spans.iter().enumerate() {
            let from = if place == 0 && is_from_first { begin } else { (*from).max(begin) };
            let to = if place + 1 == spans.len() && is_to_last { end } else { (*to).min(end) };
            if from >= to {
                continue;
            }
            if self.kept.is_some() {
                parts.extend(cover(from, to).into_iter().map(|(sign, part)| (place, sign, part)));
            } else {
                parts.push((place, Sign::Plus, SpanPart::Read(from, to)));
            }
        }
        Ok(Some(parts))
    }

    pub(super) fn add(&self, found: &mut Tallies, row: &Kept, sign: i64) -> Result<(), StoreError> {
        let value = match self.by {
            Some(By::Node) => row.node.to_string(),
            Some(_) => row.value.clone(),
            None => String::new(),
        };
        let tally = found.entry(value).or_default();
        let is_timed = self.frame.is_timed;
        if tally.add_counts_bytes(&row.counts, sign) && (!is_timed || tally.add_times_bytes(&row.times, sign))
        {
            Ok(())
        } else {
            Err(StoreError::Corrupt("a sum of the figures; run `red-mailbox stats rebuild`".to_owned()))
        }
    }
}

/// A moment inside of a month given as 202611: its first days, whatever the zone.
fn month(period: i64) -> At {
    let (year, month) = (period / 100, period % 100);
    At::parse(&format!("{year:04}-{month:02}-02T00:00:00Z")).unwrap_or(At::from_micros(0))
}
