//! Follow-up (回访): a call back within three working days of the reply, by somebody who did not handle it.

use chrono::TimeDelta;

use super::circumstances::Circumstances;
use super::{App, Caller, Error, notices};
use crate::domain::notice::{Audience, NoticeKind, Telling};
use crate::domain::people::{Permission, Staff, may};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::{Channel, Ticket};
use crate::domain::value::{At, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, follow_ups, setup, tickets};

/// Working days from the reply to the end of the last day for the call (PRODUCT §4).
pub const WORKING_DAYS: u32 = 3;
/// A page is never longer.
pub const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 50;
/// Tickets looked at in one tick; the longest answered come first.
const TOLD_PER_TICK: i64 = 100;

/// Which call-backs.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `due` (default): all that wait; `overdue`: those whose last day is over.
    pub state: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200, default 50.
    pub limit: Option<i64>,
}

/// A call that is still to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    pub number: String,
    pub channel: Channel,
    pub cycle: u32,
    pub replied_at: At,
    pub due_at: At,
    pub is_overdue: bool,
    /// False for who handled it: a colleague asks.
    pub may_ask: bool,
}

/// A page of call-backs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub items: Vec<FollowUp>,
    /// Where to go on; none on the last page.
    pub next_cursor: Option<String>,
}

/// The call-backs of the nodes where the caller logs ratings, the longest answered first.
///
/// # Errors
/// `Forbidden` without the right anywhere; `Invalid` with each wrong part.
pub async fn list(app: &App, caller: &Caller, asked: Asked) -> Result<Listed, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !staff.may_somewhere(Permission::Reply) {
        return Err(Refusal::Forbidden(Permission::Reply).into());
    }
    let mut faults = Faults::default();
    let is_overdue = match asked.state.as_deref() {
        None | Some("due") => false,
        Some("overdue") => true,
        Some(_) => {
            faults.add("state", "只能是 due 或 overdue。 It must be due or overdue.");
            false
        }
    };
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        faults.add("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}."));
    }
    let after = asked.cursor.as_deref().map(read_cursor);
    if after == Some(None) {
        faults.add("cursor", "请原样使用上一页的 next_cursor。 Use next_cursor of the last page as it is.");
    }
    faults.check(())?;
    let (after, now) = (after.flatten(), app.clock.now());
    let job = move |db: &mut Db| list_page(db, &staff, after, limit, is_overdue, now);
    app.store.read(job).await
}

fn read_cursor(text: &str) -> Option<(At, TicketId)> {
    let (at, id) = text.split_once('-')?;
    Some((At::from_micros(at.parse().ok()?), TicketId(id.parse().ok()?)))
}

fn list_page(
    db: &mut Db,
    staff: &Staff,
    after: Option<(At, TicketId)>,
    limit: i64,
    only_overdue: bool,
    now: At,
) -> Result<Listed, Error> {
    let held = staff.grants.iter().filter(|it| may(it.role, Permission::Reply));
    let paths: Vec<String> = held.map(|it| it.path.clone()).collect();
    let nodes = setup::nodes_of(db, &paths)?;
    let mut found = follow_ups::list(db, &nodes, after, limit + 1)?;
    let n_asked = usize::try_from(limit).unwrap_or(0);
    let has_more = found.len() > n_asked;
    found.truncate(n_asked);
    let cursor = |it: &Ticket| format!("{}-{}", it.replied_at.map_or(0, At::micros), it.id);
    let mut next_cursor = found.last().filter(|_| has_more).map(cursor);
    let mut items = Vec::with_capacity(found.len());
    for ticket in found {
        let surroundings = Circumstances::of(db, &ticket)?;
        if !ticket.allows(staff, Permission::Reply, &surroundings.place) {
            continue;
        }
        let it = follow_up(&ticket, &surroundings, staff, now);
        // Longest answered first: after the first that is in time, none is late.
        if only_overdue && !it.is_overdue {
            next_cursor = None;
            break;
        }
        items.push(it);
    }
    Ok(Listed { items, next_cursor })
}

fn follow_up(ticket: &Ticket, surroundings: &Circumstances, staff: &Staff, now: At) -> FollowUp {
    let replied_at = ticket.replied_at.unwrap_or(ticket.updated_at);
    let due_at = due_at(replied_at, surroundings);
    FollowUp {
        number: ticket.number.clone(),
        channel: ticket.channel,
        cycle: ticket.cycle,
        replied_at,
        due_at,
        is_overdue: due_at < now,
        may_ask: ![ticket.resolved_by, ticket.assignee].contains(&Some(staff.account)),
    }
}

/// The end of the third working day after the reply, as the community's calendar has it.
fn due_at(replied_at: At, surroundings: &Circumstances) -> At {
    let counted = surroundings.calendar.end_of_working_days(replied_at, WORKING_DAYS);
    counted.map_or(replied_at + TimeDelta::days(7), |it| it.at)
}

/// Tells supervisors and triagers of calls that are late, each once; gives how many tickets.
///
/// # Errors
/// Only those of the database.
pub async fn tell_late(app: &App, now: At) -> Result<usize, Error> {
    // No calendar counts three working days faster than three days.
    let before = now + -TimeDelta::days(i64::from(WORKING_DAYS));
    let untold = app.store.read(move |db: &mut Db| late(db, before, now)).await?;
    if untold.is_empty() {
        return Ok(0);
    }
    let app_too = app.clone();
    let job = move |db: &mut Db| -> Result<usize, Error> {
        let mut n_told = 0;
        for (id, _) in &untold {
            // Held and looked at again, so that of two processes one tells.
            let Some(ticket) = tickets::lock(db, By::Id(*id))? else { continue };
            if let Some((_, due_at)) = late(db, before, now)?.into_iter().find(|it| it.0 == *id) {
                let told = Telling {
                    due_at: Some(due_at),
                    ..Telling::of(NoticeKind::FollowUpLate, vec![Audience::Triagers, Audience::Supervisors])
                };
                notices::tell_of(db, &app_too, &ticket, &told, now)?;
                n_told += 1;
            }
        }
        Ok(n_told)
    };
    app.store.write(job).await
}

/// Calls that are late and of which nobody was told, each with its due time.
fn late(db: &mut Db, before: At, now: At) -> Result<Vec<(TicketId, At)>, Error> {
    let mut late = Vec::new();
    for id in follow_ups::list_untold(db, before, TOLD_PER_TICK)? {
        let Some(ticket) = tickets::find(db, By::Id(id))? else { continue };
        let surroundings = Circumstances::of(db, &ticket)?;
        let due_at = ticket.replied_at.map(|it| due_at(it, &surroundings));
        late.extend(due_at.filter(|it| *it < now).map(|it| (id, it)));
    }
    Ok(late)
}
