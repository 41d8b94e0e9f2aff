//! Mailboxes through time: a box that is not opened by its schedule is told of, and what custody adds up to.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::statistics::{self, AsOf};
use super::{App, Caller, Error, notices};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::event::Stream;
use crate::domain::mailbox::{Collection, CollectionEvent, DueOpening, Verdict, verdicts};
use crate::domain::people::{Permission, may};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{DEFAULT_ZONE, Details, Entry, Node, Schedule};
use crate::domain::value::{At, CollectionId, NodeId, SetupId};
use crate::store::mailboxes::{self as rows, Letters, Watch};
use crate::store::{Db, StoreError, collections, events, setup};

/// Mailboxes looked at in one tick; the rest follow in the next, a second later.
const LOOKED_AT_ONCE: i64 = 500;
/// However far the next opening is, a box is looked at so often: official days may have come to be known.
const LOOK_EVERY: TimeDelta = TimeDelta::days(1);
/// Due times before and after a period that may decide about those in it: schedules are weekly, holidays shorter.
const AROUND: TimeDelta = TimeDelta::days(31);

/// Events of one collection: one for each letter, and few others.
const COLLECTION_EVENTS_MAX: i64 = 20_000;

/// Looks at every mailbox whose time has come: records what was due, and tells of what was not opened, each once.
///
/// # Errors
/// Only those of the database; what was done before stays done.
pub(super) async fn tick(app: &App, now: At) -> Result<usize, Error> {
    let due = app.store.read(move |db: &mut Db| rows::list_to_look(db, now, LOOKED_AT_ONCE)).await?;
    let n_looked = due.len();
    for mailbox in due {
        match app.store.write(move |db: &mut Db| look(db, mailbox, now)).await {
            // One that cannot be read holds up no other.
            Err(Error::Store(StoreError::Corrupt(what)) | Error::Internal(what)) => {
                let id = mailbox.0;
                tracing::error!(
                    mailbox.id = id,
                    "could not look at mailbox {id}, run `audit verify`: {what}"
                );
            }
            looked => looked?,
        }
    }
    Ok(n_looked)
}

/// Begins to watch a mailbox that was added or changed, by the schedule it has now.
///
/// # Errors
/// Only those of the database.
pub(super) fn begin(db: &mut Db, mailbox: SetupId, now: At) -> Result<(), Error> {
    rows::look_again(db)?;
    look(db, mailbox, now)
}

/// Has every mailbox looked at with the next tick: a calendar or a node was changed.
///
/// # Errors
/// Only those of the database.
pub(super) fn look_again(db: &mut Db) -> Result<(), Error> {
    Ok(rows::look_again(db)?)
}

fn look(db: &mut Db, mailbox: SetupId, now: At) -> Result<(), Error> {
    // Another process may have looked meanwhile.
    let watch = rows::lock_watch(db, mailbox)?.filter(|it| it.look_at.is_some_and(|at| at <= now));
    let Some(watch) = watch else { return Ok(()) };
    let entry = setup::find_entry(db, mailbox)?;
    let node = node_of(db, &entry)?;
    let calendar = calendar_at(db, &node)?;
    let current = schedule_of(&entry, &node);
    let text = current.as_ref().and_then(|it| serde_json::to_string(it).ok());
    let before: Option<Schedule> = watch.schedule.as_deref().and_then(|it| serde_json::from_str(it).ok());
    let mut looked_at = now;
    if let Some(schedule) = &before {
        let due = schedule.due_between(&calendar, watch.looked_at, now);
        for it in &due {
            if rows::record_due(db, mailbox, *it)? {
                tell_unless_kept(db, &entry, &node, *it, now)?;
            }
        }
        // More than one look can tell of: go on from the last of these.
        let next = due.last().and_then(|it| schedule.next_due(&calendar, it.due_at));
        if let (Some(last), Some(_)) = (due.last(), next.filter(|it| *it <= now)) {
            looked_at = last.due_at;
        }
    }
    let is_caught_up = looked_at == now;
    let next = current.and_then(|it| it.next_due(&calendar, now));
    let look_at = match next {
        _ if !is_caught_up => Some(now),
        Some(next) => Some(next.min(now + LOOK_EVERY)),
        None => None,
    };
    let schedule = if is_caught_up { text } else { watch.schedule };
    Ok(rows::save_watch(db, &Watch { mailbox, schedule, looked_at, look_at })?)
}

/// The schedule in force: none for a box that is retired.
pub(super) fn schedule_of(entry: &Entry, node: &Node) -> Option<Schedule> {
    let is_in_use = entry.retired_at.is_none() && node.retired_at.is_none();
    match &entry.details {
        Details::Mailbox(mailbox) if is_in_use => mailbox.schedule.clone(),
        _ => None,
    }
}

/// The node that a mailbox hangs at.
pub(super) fn node_of(db: &mut Db, entry: &Entry) -> Result<Node, Error> {
    let node = entry.node.ok_or_else(|| Error::internal("a mailbox without a node"))?;
    Ok(setup::find_node(db, node)?)
}

pub(super) fn calendar_at(db: &mut Db, node: &Node) -> Result<WorkingCalendar, Error> {
    Ok(setup::rulebook(db, &node.path, node.time_zone)?.calendar)
}

fn tell_unless_kept(db: &mut Db, entry: &Entry, node: &Node, due: DueOpening, now: At) -> Result<(), Error> {
    let after = due.due_at + TimeDelta::microseconds(1);
    let mut both = rows::list_due(db, &[entry.id], due.since, after)?;
    both.retain(|(_, it)| it.due_at <= due.due_at);
    let both: Vec<DueOpening> = both.into_iter().map(|(_, it)| it).collect();
    let opened = rows::list_openings(db, &[entry.id], due.since + -AROUND, after)?;
    let opened: Vec<At> = opened.into_iter().map(|(_, at)| at).collect();
    if verdicts(&both, &opened, node.time_zone).last() == Some(&Verdict::Kept) {
        return Ok(());
    }
    notices::tell_unopened(db, node, &entry.code, due.due_at, now)
}

/// The custody of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// The mailbox's code and name, and the code of its node.
    pub mailbox: String,
    pub name: String,
    pub node: String,
    pub letters: Letters,
    /// Scheduled openings that came after their time.
    pub late: u32,
    /// Scheduled openings that did not come.
    pub missed: u32,
}

/// Custody by mailbox: letters of boxes opened in [from, to), openings that were due in it.
///
/// `from` and `to` are RFC 3339 times, or days, which begin in the node's zone.
///
/// # Errors
/// `Forbidden` without the right anywhere, `NotFound` for a node without it, `Invalid` for a wrong time.
pub async fn custody(
    app: &App,
    caller: &Caller,
    node: Option<String>,
    from: Option<String>,
    to: Option<String>,
) -> Result<Vec<Custody>, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !staff.may_somewhere(Permission::ReadStatistics) {
        return Err(Refusal::Forbidden(Permission::ReadStatistics).into());
    }
    let now = app.clock.now();
    app.store
        .read(move |db: &mut Db| {
            let (paths, zone) = if let Some(code) = &node {
                let node = setup::find_node_by_code(db, &code.trim().to_uppercase())?
                    .filter(|it| staff.may_at(Permission::ReadStatistics, &it.path))
                    .ok_or_else(|| Refusal::NotFound(format!("nodes/{}", shown(code))))?;
                (vec![node.path], node.time_zone)
            } else {
                let grants = staff.grants.iter().filter(|it| may(it.role, Permission::ReadStatistics));
                (grants.map(|it| it.path.clone()).collect(), DEFAULT_ZONE)
            };
            let mut faults = Faults::default();
            let from = moment("from", from.as_deref(), zone, &mut faults).unwrap_or(At::from_micros(0));
            let soon = now + TimeDelta::seconds(1);
            let to = moment("to", to.as_deref(), zone, &mut faults).unwrap_or(soon);
            if from > to {
                faults.add("to", "结束时间要晚于开始时间。 The end must be after the beginning.");
            }
            faults.check(())?;
            let nodes = setup::nodes_of(db, &paths)?;
            add_up(db, &Wanted { nodes: &nodes, from, to, now, as_of: None })
        })
        .await
}

fn moment(field: &str, given: Option<&str>, zone: Tz, faults: &mut Faults) -> Option<At> {
    let given = given?.trim();
    let day = || given.parse().ok().filter(|_| given.len() == 10).map(|it| At::of_day(it, zone));
    let at = At::parse(given).or_else(day);
    if at.is_none() {
        faults.add(
            field,
            "请写日期 2026-11-23 或 RFC 3339 时间。 Write a day like 2026-11-23 or an RFC 3339 time.",
        );
    }
    at
}

/// What is told: of which nodes, from when until before when, and as of what.
struct Wanted<'a> {
    nodes: &'a [NodeId],
    from: At,
    to: At,
    now: At,
    as_of: Option<&'a AsOf>,
}

/// Custody by mailbox as it was: what came later does not count.
///
/// # Errors
/// As `AsOf::read`.
pub(super) fn custody_as_of(
    db: &mut Db,
    nodes: &[NodeId],
    (from, to): (At, At),
    as_of: &AsOf,
) -> Result<Vec<Custody>, Error> {
    let soon = as_of.at + TimeDelta::microseconds(1);
    let mut custody =
        add_up(db, &Wanted { nodes, from, to: to.min(soon), now: as_of.at, as_of: Some(as_of) })?;
    custody.sort_by(|a, b| (&a.node, &a.mailbox).cmp(&(&b.node, &b.mailbox)));
    Ok(custody)
}

/// An opening of a mailbox, and what came out of it.
type Opening = (SetupId, At, Letters);

/// Collections that moved since: as they are, and as they were.
fn moved_collections(db: &mut Db, as_of: &AsOf) -> Result<Vec<[Option<Collection>; 2]>, Error> {
    let mut moved = Vec::new();
    for id in statistics::moved(db, Stream::Collection, as_of.event)? {
        let now = collections::find(db, CollectionId(id))?;
        let mut then: Option<Collection> = None;
        for it in events::list(db, Stream::Collection, id, 0, COLLECTION_EVENTS_MAX)? {
            if it.id > as_of.event {
                continue;
            }
            let Ok(event) = CollectionEvent::from_parts(&it.kind, &it.data) else { continue };
            match &mut then {
                None => then = event.begin(CollectionId(id), it.at),
                Some(collection) => event.apply(collection, it.at),
            }
        }
        moved.push([now, then]);
    }
    Ok(moved)
}

fn opening(it: &Collection) -> Opening {
    let letters = Letters {
        counted: it.letters_counted.into(),
        registered: it.n_registered().into(),
        set_aside: it.n_set_aside().into(),
    };
    (it.mailbox, it.opened_at, letters)
}

fn add_up(db: &mut Db, wanted: &Wanted) -> Result<Vec<Custody>, Error> {
    let Wanted { nodes, from, to, now, as_of } = *wanted;
    let mailboxes = rows::mailboxes_at(db, nodes)?;
    let mut letters: HashMap<SetupId, Letters> = rows::letters(db, nodes, from, to)?.into_iter().collect();
    let (first, last) = (from + -AROUND, to + AROUND);
    let mut due: BTreeMap<SetupId, Vec<DueOpening>> = BTreeMap::new();
    for (mailbox, it) in
        rows::list_due(db, &mailboxes, first, last)?.into_iter().filter(|it| it.1.due_at <= now)
    {
        due.entry(mailbox).or_default().push(it);
    }
    let mut opened: HashMap<SetupId, Vec<At>> = HashMap::new();
    for (mailbox, at) in rows::list_openings(db, &mailboxes, first + -AROUND, last + AROUND)? {
        opened.entry(mailbox).or_default().push(at);
    }
    if let Some(as_of) = as_of {
        for [is, was] in moved_collections(db, as_of)? {
            let of_nodes = |it: &&Collection| nodes.contains(&it.node);
            if let Some((mailbox, at, out)) = is.as_ref().filter(of_nodes).map(opening) {
                let opened = opened.entry(mailbox).or_default();
                opened.iter().position(|it| *it == at).map(|it| opened.remove(it));
                count(&mut letters, (mailbox, at, out), (from, to), -1);
            }
            if let Some((mailbox, at, out)) = was.as_ref().filter(of_nodes).map(opening) {
                let opened = opened.entry(mailbox).or_default();
                opened.insert(opened.partition_point(|it| *it <= at), at);
                count(&mut letters, (mailbox, at, out), (from, to), 1);
            }
        }
    }
    let mut custody = Vec::with_capacity(mailboxes.len());
    for id in mailboxes {
        let (due, opened) = (due.remove(&id).unwrap_or_default(), opened.remove(&id).unwrap_or_default());
        let letters = letters.get(&id).copied().unwrap_or_default();
        custody.extend(of_mailbox(db, id, letters, due, &opened, wanted)?);
    }
    Ok(custody)
}

/// Adds what came out of a box that was opened in a span, or takes it away.
fn count(letters: &mut HashMap<SetupId, Letters>, opening: Opening, (from, to): (At, At), sign: i64) {
    let (mailbox, at, out) = opening;
    if from <= at && at < to {
        let sum = letters.entry(mailbox).or_default();
        sum.counted += sign * out.counted;
        sum.registered += sign * out.registered;
        sum.set_aside += sign * out.set_aside;
    }
}

/// One mailbox; None for one that is retired and has nothing to say.
fn of_mailbox(
    db: &mut Db,
    id: SetupId,
    letters: Letters,
    mut due: Vec<DueOpening>,
    opened: &[At],
    wanted: &Wanted,
) -> Result<Option<Custody>, Error> {
    let entry = match wanted.as_of {
        Some(as_of) => as_of.entry(db, id)?,
        None => Some(setup::find_entry(db, id)?),
    };
    let Some(entry) = entry else { return Ok(None) };
    let now = node_of(db, &entry)?;
    let then = wanted.as_of.map(|it| it.node(db, now.id)).transpose()?.flatten();
    let node = then.unwrap_or(now);
    due.extend(due_unrecorded(db, id, &node, wanted.now)?);
    let verdicts = verdicts(&due, opened, node.time_zone);
    let n = |of: Verdict| {
        let is_in = |it: &DueOpening| wanted.from <= it.due_at && it.due_at < wanted.to;
        let of_period = due.iter().zip(&verdicts).filter(|(it, _)| is_in(it));
        u32::try_from(of_period.filter(|(_, it)| **it == of).count()).unwrap_or(u32::MAX)
    };
    let (late, missed) = (n(Verdict::Late), n(Verdict::Missed));
    // A box that is retired is named for what it still has to say.
    let is_in_use = entry.retired_at.is_none() && node.retired_at.is_none();
    if !is_in_use && letters == Letters::default() && late + missed == 0 {
        return Ok(None);
    }
    Ok(Some(Custody { mailbox: entry.code, name: entry.name, node: node.code, letters, late, missed }))
}

/// What was due since the mailbox was last looked at: figures do not wait for the timer.
pub(super) fn due_unrecorded(
    db: &mut Db,
    mailbox: SetupId,
    node: &Node,
    now: At,
) -> Result<Vec<DueOpening>, Error> {
    let watch = rows::find_watch(db, mailbox)?.filter(|it| it.look_at.is_some_and(|at| at <= now));
    let Some(watch) = watch else { return Ok(Vec::new()) };
    let schedule: Option<Schedule> = watch.schedule.as_deref().and_then(|it| serde_json::from_str(it).ok());
    let Some(schedule) = schedule else { return Ok(Vec::new()) };
    Ok(schedule.due_between(&calendar_at(db, node)?, watch.looked_at, now))
}
