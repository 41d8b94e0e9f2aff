//! One ticket's life as the figures see it: its events, oldest first, and what they add.

use chrono::TimeDelta;

use super::{Contribution, Done, Exclusion, Facts, Figure, Hint, Milestone, Tally};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::event::{ActorKind, Recorded};
use crate::domain::sla::{ClockState, RulesDigest, Stage};
use crate::domain::ticket::event::{TicketEvent, effects_of};
use crate::domain::ticket::{Channel, Outcome, Status, Ticket};
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
    handling: Handling,
    /// When the first cycle got there, in the order of [`Milestone`].
    reached: [Option<At>; 4],
}

/// Who had to do with a ticket, as far as hints go.
#[derive(Debug, Clone, Default)]
struct Handling {
    is_contacted: bool,
    /// Who acknowledged, contacted or resolved.
    hands: Vec<i64>,
    /// The last rating was asked for by one of them.
    is_own_follow_up: bool,
}

impl Handling {
    fn note(&mut self, event: &TicketEvent, by: Option<i64>) {
        self.is_contacted |= matches!(event, TicketEvent::Contacted { .. });
        let is_handling = matches!(
            event,
            TicketEvent::Acknowledged { .. } | TicketEvent::Contacted { .. } | TicketEvent::Resolved { .. }
        );
        self.hands.extend(by.filter(|it| is_handling && !self.hands.contains(it)));
        if let TicketEvent::Rated { asked_by, .. } = event {
            self.is_own_follow_up = asked_by.is_some_and(|it| self.hands.contains(&it.0));
        }
    }
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
        self.handling.note(&event, recorded.actor_id);
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

    fn hints(&self, ticket: &Ticket) -> i64 {
        let has_way = !matches!(ticket.channel, Channel::None | Channel::Board);
        let is_last_hour = ticket.clocks.iter().any(|it| {
            let is_long = it.due_at - it.started_at >= TimeDelta::days(1);
            let left = it.met_at.map(|met| it.due_at - met);
            it.stage == Stage::Resolve
                && it.state == ClockState::Met
                && is_long
                && left.is_some_and(|it| it < TimeDelta::hours(1))
        });
        let found = [
            (
                Hint::ClosedWithoutContact,
                ticket.status == Status::Closed && has_way && !self.handling.is_contacted,
            ),
            (Hint::LastHour, is_last_hour),
            (Hint::OwnFollowUp, self.handling.is_own_follow_up),
        ];
        found.iter().filter(|it| it.1).fold(0, |hints, it| hints | it.0.mark())
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
            done: done(ticket),
            hints: self.hints(ticket),
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

/// What became of it so far.
fn done(ticket: &Ticket) -> Done {
    match (ticket.status, ticket.outcome) {
        (Status::Withdrawn, _) => Done::Withdrawn,
        (Status::Merged, _) => Done::Merged,
        (Status::Declined, _) => Done::Declined,
        (_, Some(Outcome::Solved)) => Done::Solved,
        (_, Some(Outcome::Explained)) => Done::Explained,
        (_, Some(Outcome::NotOurs)) => Done::NotOurs,
        (_, Some(Outcome::Cannot)) => Done::Cannot,
        (_, None) => Done::Open,
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
