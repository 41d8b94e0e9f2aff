//! What-if: a ticket's history counted again by other rules. Facts stay as they were; clocks follow the same course
//! as they do for real.

use std::sync::Arc;

use chrono_tz::Tz;

use super::holding::Happened;
use super::{
    Clock, ClockEffect, ClockState, Rulebook, Rules, Stage, Works, effects, main_reopened, main_resolved,
    recounted,
};
use crate::domain::ticket::Ticket;
use crate::domain::ticket::event::TicketEvent;
use crate::domain::value::{At, TicketId};

/// A clock that was late and would not have been, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub stage: Stage,
    pub cycle: u32,
    /// None where there was, or would have been, no such clock.
    pub due_was: Option<At>,
    pub due_would: Option<At>,
    pub late_was: bool,
    pub late_would: bool,
}

/// The ticket as its events made it; None when they do not begin with its receipt.
pub fn as_it_was(id: TicketId, happened: &[Happened]) -> Option<Ticket> {
    let (first, rest) = happened.split_first()?;
    let mut ticket = first.event.begin(id, first.at)?;
    ticket.apply_effects(&first.effects, first.at);
    for it in rest {
        it.event.apply_all(&it.effects, &mut ticket, it.at, it.by);
    }
    Some(ticket)
}

/// The ticket as it would stand at `now` if `rulebook` had told what held at each moment.
///
/// What people did and when stays; what clocks said is said anew. `zone` is that of the receiving node.
pub fn replayed(
    id: TicketId,
    happened: &[Happened],
    rulebook: impl Fn(At) -> Arc<Rulebook>,
    zone: Tz,
    now: At,
) -> Option<Ticket> {
    let first = happened.first()?;
    let mut replay = Replay { ticket: first.event.begin(id, first.at)?, kept: None, zone };
    for (it, is_first) in happened.iter().zip(std::iter::once(true).chain(std::iter::repeat(false))) {
        if it.event.is_of_time() {
            continue;
        }
        let book = rulebook(it.at);
        if !is_first {
            replay.say_what_is_due(it.at, &book);
        }
        replay.take(it, is_first, &book);
        replay.say_what_is_due(it.at, &book);
    }
    replay.say_what_is_due(now, &rulebook(now));
    Some(replay.ticket)
}

struct Replay {
    ticket: Ticket,
    kept: Option<Rules>,
    zone: Tz,
}

impl Replay {
    fn works<'a>(&'a self, book: &'a Rulebook) -> Works<'a> {
        Works { rulebook: book, kept: self.kept.as_ref(), zone: self.zone }
    }

    fn take(&mut self, it: &Happened, is_first: bool, book: &Rulebook) {
        let event = self.as_it_would_be(&it.event);
        let is_of_clocks = matches!(&event, TicketEvent::Amended { changed, .. } if changed == &["clocks"]);
        let is_past = matches!(event, TicketEvent::ExtensionGranted { .. }) && !self.is_running();
        let (effects, picked) = if is_of_clocks {
            self.clocks_alone(it, book)
        } else if is_past {
            // More time for what is over by now moves nothing.
            (Vec::new(), None)
        } else {
            effects(&self.ticket, &event, it.at, self.works(book))
        };
        self.kept = picked.or_else(|| self.kept.take());
        if is_first {
            self.ticket.apply_effects(&effects, it.at);
        } else {
            event.apply_all(&effects, &mut self.ticket, it.at, it.by);
        }
    }

    fn is_running(&self) -> bool {
        self.ticket.clock_now(Stage::Resolve).is_some_and(Clock::is_open)
    }

    /// Granting never takes time away: where the date would be later anyway, it stays.
    fn as_it_would_be(&self, event: &TicketEvent) -> TicketEvent {
        let TicketEvent::ExtensionGranted { extension, due_at } = event else { return event.clone() };
        let now = self.ticket.clock_now(Stage::Resolve).map_or(*due_at, |it| it.due_at);
        TicketEvent::ExtensionGranted { extension: *extension, due_at: now.max(*due_at) }
    }

    /// An event that changed nothing but clocks: a main ticket's resolution, its sending back, or a year that came.
    fn clocks_alone(&self, it: &Happened, book: &Rulebook) -> (Vec<ClockEffect>, Option<Rules>) {
        let has = |is_it: fn(&ClockEffect) -> bool| it.effects.iter().any(is_it);
        if has(|it| matches!(it, ClockEffect::Started { .. })) {
            main_resolved(&self.ticket, it.at, self.works(book))
        } else if has(|it| matches!(it, ClockEffect::Voided { .. })) {
            (main_reopened(&self.ticket), None)
        } else {
            recounted(&self.ticket, it.at, self.works(book))
        }
    }

    fn say_what_is_due(&mut self, by: At, book: &Rulebook) {
        while let Some(event) = self.ticket.alarm_due(by) {
            let (effects, _) = effects(&self.ticket, &event, by, self.works(book));
            event.apply_all(&effects, &mut self.ticket, by, None);
        }
    }
}

/// How many clocks of each stage were late, and would have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    pub n_clocks_was: u64,
    pub n_late_was: u64,
    pub n_clocks_would: u64,
    pub n_late_would: u64,
}

/// Adds the clocks of one stage to what was counted.
pub fn count(lateness: &mut Lateness, stage: Stage, was: &Ticket, would: &Ticket) {
    let ran = |it: &&Clock| it.stage == stage && (it.state != ClockState::Void || it.breached_at.is_some());
    let counted = |ticket: &Ticket| {
        let clocks: Vec<&Clock> = ticket.clocks.iter().filter(ran).collect();
        let n_late = clocks.iter().filter(|it| it.breached_at.is_some()).count();
        (u64::try_from(clocks.len()).unwrap_or(0), u64::try_from(n_late).unwrap_or(0))
    };
    let ((n_was, late_was), (n_would, late_would)) = (counted(was), counted(would));
    lateness.n_clocks_was += n_was;
    lateness.n_late_was += late_was;
    lateness.n_clocks_would += n_would;
    lateness.n_late_would += late_would;
}

/// The clocks whose lateness differs, in the order in which they began.
pub fn differences(was: &Ticket, would: &Ticket) -> Vec<Difference> {
    let key = |it: &Clock| (it.stage, it.cycle, it.nth);
    let mut keys: Vec<_> = was.clocks.iter().map(key).collect();
    keys.extend(would.clocks.iter().map(key).filter(|it| was.clocks.iter().all(|clock| key(clock) != *it)));
    keys.into_iter()
        .filter_map(|of| {
            let one = was.clocks.iter().find(|it| key(it) == of);
            let other = would.clocks.iter().find(|it| key(it) == of);
            let is_late = |it: Option<&Clock>| it.is_some_and(|it| it.breached_at.is_some());
            let (late_was, late_would) = (is_late(one), is_late(other));
            (late_was != late_would).then(|| Difference {
                stage: of.0,
                cycle: of.1,
                due_was: one.map(|it| it.due_at),
                due_would: other.map(|it| it.due_at),
                late_was,
                late_would,
            })
        })
        .collect()
}
