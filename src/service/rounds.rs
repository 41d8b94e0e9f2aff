//! The round of the boxes, for those who go it: which is to be opened when, and which was not.

use std::cmp::Reverse;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::collections::community_at;
use super::mailboxes::{calendar_at, due_unrecorded, node_of, schedule_of};
use super::{App, Caller, Error};
use crate::domain::mailbox::{Verdict, verdicts};
use crate::domain::people::{Permission, Staff, may};
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::{Details, Entry, Mailbox, Node};
use crate::domain::value::{At, SetupId};
use crate::store::mailboxes as rows;
use crate::store::{Db, setup};

/// Boxes of one round: a person walks to fewer, and a page shows no more.
const BOXES_MAX: usize = 200;
/// Missed and late openings are counted so far back.
pub const DAYS_BACK: i64 = 31;
/// Due times before these may decide about the first of them.
const AROUND: TimeDelta = TimeDelta::days(31);

/// A box as its clerk meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxCard {
    pub code: String,
    pub name: String,
    /// Code and name of the community that receives its letters.
    pub community: (String, String),
    /// Where it hangs, its schedule and who holds the key.
    pub details: Mailbox,
    pub zone: Tz,
    pub is_retired: bool,
    /// When it is to be opened next; None without a schedule.
    pub next_due: Option<At>,
    /// When it should have been opened last, while that is still to be made up for.
    pub overdue_since: Option<At>,
    /// Openings of the last [`DAYS_BACK`] days that did not come, and that came late.
    pub n_missed: usize,
    pub n_late: usize,
    pub opened_at: Option<At>,
    /// True when the reader may record an opening.
    pub may_collect: bool,
}

/// The boxes in use of the caller's nodes: those overdue first, then by when they are due.
///
/// # Errors
/// `Forbidden` without the right anywhere.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<BoxCard>, Error> {
    let staff = reader(caller)?;
    let now = app.clock.now();
    let cards = app.store.read(move |db: &mut Db| cards(db, &staff, now, None)).await?;
    let mut cards: Vec<BoxCard> = cards.into_iter().filter(|it| !it.is_retired).collect();
    cards.sort_by_key(|it| {
        let due = it.overdue_since.or(it.next_due);
        (Reverse(it.overdue_since.is_some()), due.is_none(), due, it.community.0.clone(), it.code.clone())
    });
    Ok(cards)
}

/// The box with this code, in the community with that code where several have one.
///
/// # Errors
/// `Forbidden` without the right anywhere, `NotFound` when there is none, or several and no community is named.
pub async fn find(app: &App, caller: &Caller, code: &str, community: Option<&str>) -> Result<BoxCard, Error> {
    let staff = reader(caller)?;
    let now = app.clock.now();
    let wanted = code.to_owned();
    let mut found = app.store.read(move |db: &mut Db| cards(db, &staff, now, Some(&wanted))).await?;
    found.retain(|it| community.is_none_or(|community| it.community.0 == community));
    if found.len() > 1 {
        found.retain(|it| !it.is_retired);
    }
    match (found.pop(), found.is_empty()) {
        (Some(card), true) => Ok(card),
        _ => Err(Refusal::NotFound(format!("mailboxes/{}", shown(code))).into()),
    }
}

fn reader(caller: &Caller) -> Result<Staff, Refusal> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?;
    if staff.may_somewhere(Permission::ReadCollection) {
        Ok(staff.clone())
    } else {
        Err(Refusal::Forbidden(Permission::ReadCollection))
    }
}

fn cards(db: &mut Db, staff: &Staff, now: At, code: Option<&str>) -> Result<Vec<BoxCard>, Error> {
    let mut entries = match code {
        None => {
            let grants = staff.grants.iter().filter(|it| may(it.role, Permission::ReadCollection));
            let paths: Vec<String> = grants.map(|it| it.path.clone()).collect();
            let nodes = setup::nodes_of(db, &paths)?;
            let ids = rows::mailboxes_at(db, &nodes)?;
            ids.into_iter().map(|id| setup::find_entry(db, id)).collect::<Result<Vec<_>, _>>()?
        }
        Some(code) => {
            let coded = setup::entries_coded(db, crate::domain::setup::SetupKind::Mailbox, code)?;
            let seen = |it: &(Entry, String)| staff.may_at(Permission::ReadCollection, &it.1);
            coded.into_iter().filter(seen).map(|it| it.0).collect()
        }
    };
    entries.retain(|it| code.is_some() || it.retired_at.is_none());
    entries.truncate(BOXES_MAX);
    let ids: Vec<SetupId> = entries.iter().map(|it| it.id).collect();
    let from = now + -TimeDelta::days(DAYS_BACK);
    let due = rows::list_due(db, &ids, from + -AROUND, now + AROUND)?;
    let opened = rows::list_openings(db, &ids, from + -AROUND + -AROUND, now + AROUND)?;
    let mut cards = Vec::with_capacity(entries.len());
    for entry in entries {
        let node = node_of(db, &entry)?;
        let mut due: Vec<_> = due.iter().filter(|it| it.0 == entry.id).map(|it| it.1).collect();
        due.extend(due_unrecorded(db, entry.id, &node, now)?);
        let opened: Vec<At> = opened.iter().filter(|it| it.0 == entry.id).map(|it| it.1).collect();
        let verdicts = verdicts(&due, &opened, node.time_zone);
        let last = due.iter().zip(&verdicts).next_back();
        let overdue_since = last.filter(|(_, it)| **it == Verdict::Missed).map(|(it, _)| it.due_at);
        let n = |wanted: Verdict| {
            due.iter().zip(&verdicts).filter(|(it, of)| it.due_at >= from && **of == wanted).count()
        };
        let (n_missed, n_late) = (n(Verdict::Missed), n(Verdict::Late));
        cards.push(BoxCard {
            opened_at: opened.last().copied(),
            overdue_since,
            n_missed,
            n_late,
            ..card(db, staff, entry, &node, now)?
        });
    }
    Ok(cards)
}

/// What the set-up says of a box.
fn card(db: &mut Db, staff: &Staff, entry: Entry, node: &Node, now: At) -> Result<BoxCard, Error> {
    let community = community_at(db, &node.path)?.map(|it| (it.code, it.name)).unwrap_or_default();
    let schedule = schedule_of(&entry, node);
    let next_due = match schedule {
        Some(schedule) => schedule.next_due(&calendar_at(db, node)?, now),
        None => None,
    };
    let is_retired = entry.retired_at.is_some() || node.retired_at.is_some();
    let Details::Mailbox(details) = entry.details else {
        return Err(Error::internal("a mailbox of another kind"));
    };
    Ok(BoxCard {
        code: entry.code,
        name: entry.name,
        community,
        details,
        zone: node.time_zone,
        next_due,
        overdue_since: None,
        n_missed: 0,
        n_late: 0,
        opened_at: None,
        may_collect: !is_retired && staff.may_at(Permission::Collect, &node.path),
        is_retired,
    })
}
