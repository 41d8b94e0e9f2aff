//! A closer look: where and what comes again and again, what a leader may want to look at, and the letters' custody.

use std::collections::BTreeMap;

use super::as_of::AsOf;
use super::ask::{midnight, steps};
use super::bulletin::{Matter, matters};
use super::follow::catch_up;
use super::frame::{Asked, By, Frame, Interval, Takes};
use super::sums::tallies;
use crate::domain::statistics::{Days, Hint};
use crate::domain::value::{At, NodeId, SetupId};
use crate::service::mailboxes::{self, Custody};
use crate::service::{App, Caller, Error};
use crate::store::{Db, setup, statistics};

/// Months of the heat table.
const MONTHS: u32 = 12;
/// Buildings of the heat table; those with most tickets are shown.
const BUILDINGS_SHOWN: usize = 30;
/// From so many tickets on the same reply is told of.
const SAME_MIN: i64 = 5;
/// Characters of such a reply that are shown.
const REPLY_CHARS_SHOWN: usize = 40;

/// Tickets received by building and month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heat {
    /// The first moment of each month and the one after its last, oldest first.
    pub months: Vec<(At, At)>,
    /// Each building with its tickets of each month, the building with most first.
    pub buildings: Vec<(String, Vec<i64>)>,
}

/// Tickets that give a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    pub hint: Hint,
    pub n: i64,
    /// Names of the lead units with how many, most first.
    pub units: Vec<(String, i64)>,
}

/// A reply that went word for word to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameReply {
    /// Its beginning.
    pub text: String,
    pub n: i64,
    /// Numbers of the newest.
    pub numbers: Vec<String>,
}

/// A closer look at some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closer {
    pub heat: Heat,
    pub matters: Vec<Matter>,
    pub hints: Vec<Hinted>,
    pub replies: Vec<SameReply>,
    pub custody: Vec<Custody>,
}

/// A closer look at these days, at a node or all of the caller's.
///
/// # Errors
/// `Forbidden` without the right, `NotFound` for a node that is not the person's.
pub async fn closer(app: &App, caller: &Caller, node: Option<String>, days: Days) -> Result<Closer, Error> {
    catch_up(app).await;
    let (caller, now) = (caller.clone(), app.clock.now());
    app.store
        .read(move |db: &mut Db| {
            let asked = Asked { node: node.clone(), ..Asked::default() };
            let frame = Frame { is_timed: false, ..Frame::read(db, &caller, &asked, Takes::Neither, now)? };
            let (span, as_of) = (days.bounds(frame.zone), AsOf::read(db, None)?);
            let nodes: Vec<NodeId> = frame.wanted.nodes.iter().copied().map(NodeId).collect();
            Ok(Closer {
                heat: heat(db, &frame, days)?,
                matters: matters(db, &frame, days, &as_of)?,
                hints: hints(db, &frame, span)?,
                replies: replies(db, &frame, span)?,
                custody: mailboxes::custody_as_of(db, &nodes, span, &as_of)?,
            })
        })
        .await
}

/// The twelve months up to the last of these days.
fn heat(db: &mut Db, frame: &Frame, days: Days) -> Result<Heat, Error> {
    let month = Days::around(days.last, crate::domain::statistics::Rhythm::Month);
    let first = month.first.checked_sub_months(chrono::Months::new(MONTHS - 1)).unwrap_or(month.first);
    let months = steps(Interval::Month, frame.zone, midnight(first, frame.zone), month.bounds(frame.zone).1)?;
    let mut buildings: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (place, found) in tallies(db, frame, &months, Some(By::Building))?.into_iter().enumerate() {
        for (building, tally) in found.into_iter().filter(|it| !it.0.is_empty()) {
            buildings.entry(building).or_insert_with(|| vec![0; months.len()])[place] += tally.intake();
        }
    }
    let mut buildings: Vec<(String, Vec<i64>)> = buildings.into_iter().collect();
    buildings.sort_by_key(|(_, counts)| -counts.iter().sum::<i64>());
    buildings.truncate(BUILDINGS_SHOWN);
    Ok(Heat { months, buildings })
}

fn hints(db: &mut Db, frame: &Frame, span: (At, At)) -> Result<Vec<Hinted>, Error> {
    let mut hints = Vec::with_capacity(Hint::ALL.len());
    for hint in Hint::ALL {
        let found = statistics::hinted(db, &frame.wanted, span, *hint)?;
        let ids: Vec<SetupId> = found.iter().filter_map(|it| it.0.parse().ok()).map(SetupId).collect();
        let labels = setup::labels(db, &ids)?;
        let named = found.iter().filter_map(|(id, n)| {
            let label = labels.get(&SetupId(id.parse().ok()?))?;
            Some((label.1.clone(), *n))
        });
        let mut units: Vec<(String, i64)> = named.collect();
        units.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        hints.push(Hinted { hint: *hint, n: found.iter().map(|it| it.1).sum(), units });
    }
    Ok(hints)
}

fn replies(db: &mut Db, frame: &Frame, span: (At, At)) -> Result<Vec<SameReply>, Error> {
    let found = statistics::same_replies(db, &frame.wanted, span, SAME_MIN)?;
    let shown = |text: &str| {
        let mut short: String = text.chars().take(REPLY_CHARS_SHOWN).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        crate::domain::board::without_addresses(&short)
    };
    Ok(found.into_iter().map(|(text, n, numbers)| SameReply { text: shown(&text), n, numbers }).collect())
}
