//! One ticket's life as the figures see it: its events, oldest first, and what they add.

use super::{Contribution, Exclusion, Facts, Figure, Milestone, Tally};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::event::{ActorKind, Recorded};
use crate::domain::sla::{ClockState, RulesDigest, Stage};
use crate::domain::ticket::event::{TicketEvent, effects_of};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::value::{AccountId, At, TicketId};

/// The clocks that a rate is made of.
const CLOCK_RATES: [(Stage, Figure); 3] = [
    (Stage::Contact, Figure::ResponseRate),
    (Stage::Accept, Figure::AcceptanceOnTimeRate),
    (Stage::Resolve, Figure::OnTimeRate),
];

/// A ticket's events as far as they were read.
#[derive(Debug, Clone, Default)]
pub struct Life {
    ticket: Option<Ticket>,
    seq: i64,
    /// Beside each clock, why it is void.
    voided: Vec<Option<Exclusion>>,
    withdrawn: Option<Exclusion>,
    is_concluded: bool,
    is_replied: bool,
    /// When the first cycle got there, in the order of [`Milestone`].
    reached: [Option<At>; 4],
}

impl Life {
    /// Reads the next event. What is no event of a ticket's course, such as an erasure, is passed over.
    ///
    /// # Errors
    /// A text that says what of the event's clocks cannot be read.
    pub fn take(&mut self, recorded: &Recorded) -> Result<(), String> {
        self.seq = recorded.seq;
        let Ok(event) = TicketEvent::from_parts(&recorded.kind, &recorded.data) else { return Ok(()) };
        let effects = effects_of(&recorded.data)?;
        let at = recorded.at;
        match &mut self.ticket {
            None => {
                self.ticket = event.begin(TicketId(recorded.stream_id), at);
                if let Some(ticket) = &mut self.ticket {
                    ticket.apply_effects(&effects, at);
                }
            }
            Some(ticket) => event.apply_all(&effects, ticket, at, recorded.actor_id.map(AccountId)),
        }
        let by = ActorKind::parse(&recorded.actor_kind).unwrap_or(ActorKind::System);
        self.note(&event, at, by);
        Ok(())
    }

    /// The rules that the ticket's working time is counted by, once there are some.
    pub fn rules(&self) -> Option<RulesDigest> {
        self.ticket.as_ref().and_then(|it| it.rules)
    }

    fn note(&mut self, event: &TicketEvent, at: At, by: ActorKind) {
        let Some(ticket) = &self.ticket else { return };
        let n_before = self.voided.len();
        self.voided.resize(ticket.clocks.len(), None);
        for (place, (clock, why)) in ticket.clocks.iter().zip(&mut self.voided).enumerate() {
            *why = (clock.state == ClockState::Void)
                .then(|| why.unwrap_or_else(|| why_void(event, clock.stage, place >= n_before, by)));
        }
        self.is_concluded |= matches!(event, TicketEvent::Resolved { .. } | TicketEvent::Declined {});
        self.is_replied |= matches!(event, TicketEvent::Replied { .. });
        if matches!(event, TicketEvent::Withdrawn {}) {
            self.withdrawn = Some(Exclusion::withdrawn(by));
        }
        if ticket.cycle == 1 {
            let [accepted, assigned, resolved, replied] = &mut self.reached;
            if matches!(event, TicketEvent::Accepted { .. }) {
                *accepted = accepted.or(Some(at));
            }
            if matches!(event, TicketEvent::Assigned { .. }) {
                *assigned = assigned.or(Some(at));
            }
            // Sent back, it was not resolved after all.
            *resolved = ticket.resolved_at;
            *replied = ticket.replied_at;
        }
    }

    /// What the ticket adds to the figures; None before it was received. Working time is counted by `calendar`.
    pub fn contribution(&self, calendar: &WorkingCalendar) -> Option<Contribution> {
        let ticket = self.ticket.as_ref()?;
        let mut tally = Tally::default();
        tally.add_intake();
        if ticket.status.is_open() {
            tally.add_open();
        }
        if ticket.sealed {
            tally.add_sealed();
        }
        self.add_clocks(ticket, &mut tally);
        self.add_ratings(ticket, &mut tally);
        self.add_replies(ticket, &mut tally);
        for (milestone, reached) in Milestone::ALL.iter().zip(self.reached) {
            let Some(reached) = reached else { continue };
            let from = ticket.received_at.min(reached);
            tally.add_time(*milestone, false, (reached - from).num_seconds());
            // More than 30 years are no working time that anybody counts.
            let working = calendar.working_time_between(from, reached).unwrap_or_default();
            tally.add_time(*milestone, true, working.num_seconds());
        }
        Some(Contribution {
            ticket: ticket.id,
            seq: self.seq,
            facts: Facts {
                node: ticket.node,
                sealed_at: ticket.sealed.then_some(ticket.handling_node),
                unit: ticket.unit,
                category: ticket.category,
                source: ticket.source,
                mailbox: ticket.mailbox,
                building: ticket.building.clone(),
                priority: ticket.priority,
                kind: ticket.kind,
            },
            received_at: ticket.received_at,
            is_open: ticket.status.is_open(),
            due_at: ticket.due_at,
            tally,
        })
    }

    fn add_clocks(&self, ticket: &Ticket, tally: &mut Tally) {
        for (clock, why) in ticket.clocks.iter().zip(&self.voided) {
            let Some((_, figure)) = CLOCK_RATES.iter().find(|(stage, _)| *stage == clock.stage) else {
                continue;
            };
            match clock.state {
                ClockState::Met => tally.add_to_rate(*figure, true),
                ClockState::Breached => tally.add_to_rate(*figure, false),
                ClockState::Running | ClockState::Paused => tally.add_excluded(*figure, Exclusion::Running),
                ClockState::Void => tally.add_excluded(*figure, why.unwrap_or(Exclusion::Ended)),
            }
        }
    }

    fn add_ratings(&self, ticket: &Ticket, tally: &mut Tally) {
        let silent = if self.is_replied { Exclusion::NotAnswered } else { self.unconcluded(ticket) };
        if let Some(rating) = ticket.rating {
            tally.add_to_rate(Figure::ResolutionRate, rating.solved);
            tally.add_to_rate(Figure::FirstTimeResolutionRate, rating.solved && rating.cycle == 1);
        } else {
            tally.add_excluded(Figure::ResolutionRate, silent);
            tally.add_excluded(Figure::FirstTimeResolutionRate, silent);
        }
        match ticket.rating.and_then(|it| it.satisfaction) {
            Some(satisfaction) => tally.add_to_rate(Figure::SatisfactionRate, satisfaction >= 4),
            None => tally.add_excluded(Figure::SatisfactionRate, silent),
        }
    }

    fn add_replies(&self, ticket: &Ticket, tally: &mut Tally) {
        // What a merged ticket is about is resolved with the main one, and its reply clock says so.
        let is_with_main = ticket.status == Status::Merged && ticket.clock(Stage::Reply).is_some();
        if self.is_concluded || self.is_replied || is_with_main {
            tally.add_to_rate(Figure::ReplyRate, self.is_replied);
        } else {
            tally.add_excluded(Figure::ReplyRate, self.unconcluded(ticket));
        }
        if ticket.status == Status::Merged {
            tally.add_excluded(Figure::ReworkRate, Exclusion::Merged);
        } else if self.is_replied {
            tally.add_to_rate(Figure::ReworkRate, ticket.cycle > 1);
        } else {
            tally.add_excluded(Figure::ReworkRate, self.unconcluded(ticket));
        }
    }

    /// Why nothing was answered yet.
    fn unconcluded(&self, ticket: &Ticket) -> Exclusion {
        match (ticket.status, self.withdrawn) {
            (Status::Withdrawn, Some(why)) => why,
            (Status::Merged, _) => Exclusion::Merged,
            _ if self.is_concluded => Exclusion::NotReplied,
            _ => Exclusion::NotConcluded,
        }
    }
}

/// Why `event` made a clock of `stage` void, one that it started itself when `is_new`.
fn why_void(event: &TicketEvent, stage: Stage, is_new: bool, by: ActorKind) -> Exclusion {
    if is_new {
        return if matches!(event, TicketEvent::Received(_)) {
            Exclusion::Imported
        } else {
            Exclusion::NoChannel
        };
    }
    if matches!(event, TicketEvent::Withdrawn {}) {
        Exclusion::withdrawn(by)
    } else if matches!(event, TicketEvent::Merged { .. }) {
        Exclusion::Merged
    } else if matches!(event, TicketEvent::Declined {}) {
        Exclusion::Declined
    } else if matches!(event, TicketEvent::Amended { .. }) && stage == Stage::Contact {
        Exclusion::NoChannel
    } else if matches!(event, TicketEvent::Accepted { .. } | TicketEvent::Amended { .. }) {
        Exclusion::Superseded
    } else {
        Exclusion::Ended
    }
}
