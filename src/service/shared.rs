//! A shared problem (一事多信): tickets merged into one are seen together and answered together, each in its own way.

use std::collections::HashMap;

use super::circumstances::{Circumstances, keep};
use super::desk::reload;
use super::{App, Caller, Error};
use crate::domain::people::{Actor, Permission, Role, Staff, may};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Change, Delivery, ReplyDecision, Ticket, Verb};
use crate::domain::value::{At, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, tickets};

/// Tickets merged into one: answering them is one transaction, and a list people still read.
pub const MERGED_MAX: usize = 500;

/// What the main ticket came to, each ticket merged into it comes to as well (PRODUCT §4): answering or
/// declining it answers each, withdrawing it lets each go on by itself; resolving it starts their reply clocks.
///
/// A template names the ticket it was filled in for; each resident reads the number of the own one.
///
/// # Errors
/// Only those of the database.
pub(super) fn follow_merged(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    verb: Verb,
    main: &Change,
    now: At,
) -> Result<(), Error> {
    let is_followed =
        matches!(verb, Verb::Reply | Verb::Decline | Verb::Withdraw | Verb::Resolve | Verb::SendBack);
    if !is_followed {
        return Ok(());
    }
    let words = main.reply_words().unwrap_or_default();
    let main = main.ticket();
    for merged in tickets::list_merged_into(db, main.id)? {
        let locked = reload(db, merged.id)?;
        let surroundings = Circumstances::of(db, &locked)?;
        let doing = surroundings.doing(caller, now);
        let change = if verb == Verb::Withdraw {
            locked.released(main, &doing)
        } else if matches!(verb, Verb::Resolve | Verb::SendBack) {
            locked.follow_clock(verb == Verb::Resolve, &doing)
        } else {
            let own = words.replace(&main.number, &locked.number);
            locked.answer_with_main(main, own, &doing)
        };
        if let Some(change) = change {
            keep(db, app, &change)?;
        }
    }
    Ok(())
}

/// A supervisor who approves or rejects the reply of the main ticket decides about the same words to each ticket
/// merged into it; those the supervisor may not decide about wait for whoever may.
///
/// # Errors
/// Only those of the database.
pub(super) fn decide_merged(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    (main, reply): (&Ticket, u32),
    decision: &ReplyDecision,
    now: At,
) -> Result<(), Error> {
    let is_followed = match decision {
        ReplyDecision::Approve | ReplyDecision::Reject => true,
        ReplyDecision::Retry | ReplyDecision::Redirect { .. } | ReplyDecision::Log { .. } => false,
    };
    let Some(written_at) = main.replies.iter().find(|it| it.id == reply).map(|it| it.written_at) else {
        return Ok(());
    };
    if !is_followed {
        return Ok(());
    }
    for merged in tickets::list_merged_into(db, main.id)? {
        let locked = reload(db, merged.id)?;
        let same = locked
            .replies
            .iter()
            .find(|it| it.written_at == written_at && it.delivery == Delivery::AwaitingApproval);
        let Some(id) = same.map(|it| it.id) else { continue };
        let surroundings = Circumstances::of(db, &locked)?;
        match locked.decide_reply(id, decision.clone(), &surroundings.doing(caller, now)) {
            Ok(change) => keep(db, app, &change)?,
            Err(Refusal::Forbidden(_) | Refusal::NotFound(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// Numbers of the tickets merged into each of `mains` that the caller may know, oldest first. Whoever holds a receipt
/// knows only the own one.
///
/// # Errors
/// Only those of the database.
pub(super) fn merged_into(
    db: &mut Db,
    mains: &[(&Ticket, &str)],
    caller: &Caller,
) -> Result<HashMap<TicketId, Vec<String>>, Error> {
    let mut shown: HashMap<TicketId, Vec<String>> = HashMap::new();
    let staff = match &caller.actor {
        Actor::Staff(staff) => Some(staff),
        Actor::System => None,
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => return Ok(shown),
    };
    let ids: Vec<TicketId> = mains.iter().map(|it| it.0.id).collect();
    for (main, id, number) in tickets::list_merged_numbers(db, &ids)? {
        let of = mains.iter().find(|it| it.0.id == main);
        let sees_all = staff.is_none_or(|staff| of.is_some_and(|it| sees_all(staff, it.0, it.1)));
        if sees_all || may_know(db, id, caller)? {
            shown.entry(main).or_default().push(number);
        }
    }
    Ok(shown)
}

/// True for those who read every ticket of the node that received the main one, and so also what was merged into it.
fn sees_all(staff: &Staff, main: &Ticket, owner_path: &str) -> bool {
    let reads_all = |role| role != Role::Handler && may(role, Permission::ReadTicket);
    !main.sealed && staff.grants.iter().any(|it| reads_all(it.role) && it.covers(owner_path))
}

fn may_know(db: &mut Db, other: TicketId, caller: &Caller) -> Result<bool, Error> {
    match tickets::find(db, By::Id(other))? {
        Some(other) => super::caller_sees_number(db, &caller.actor, &other),
        None => Ok(false),
    }
}
