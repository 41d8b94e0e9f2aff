//! Provisional due times counted anew once the official days they wait for are known.

use super::course::{Course, Works};
use super::{Clock, ClockEffect, Rules, Stage};
use crate::domain::ticket::Ticket;
use crate::domain::value::At;

/// What the official years known now change of the provisional clocks of `ticket`, and the rules they are then
/// counted by; no effect where nothing changes.
///
/// Policy and hours stay those kept with the ticket: only what was not known is filled in.
pub fn recounted(ticket: &Ticket, at: At, works: Works) -> (Vec<ClockEffect>, Option<Rules>) {
    let Some(kept) = works.kept else { return (Vec::new(), None) };
    let rules = kept.with_years(&works.rulebook.years);
    let mut course = Course { ticket, at, zone: works.zone, rules, effects: Vec::new() };
    for stage in Stage::ALL {
        course.recount(*stage);
    }
    let is_new = !course.effects.is_empty() && course.rules.digest != kept.digest;
    let rules = is_new.then_some(course.rules);
    (course.effects, rules)
}

impl Course<'_> {
    fn recount(&mut self, stage: Stage) {
        let provisional = self.ticket.clock_now(stage).filter(|it| it.is_open() && it.details.provisional);
        let Some(clock) = provisional.cloned() else { return };
        self.retime(stage, None);
        let Some(ClockEffect::Retimed { due_at, provisional, target, alarm, .. }) = self.effects.last_mut()
        else {
            return;
        };
        // What was promised and has not passed yet is not made late by days that were published since.
        if *due_at <= self.at && clock.due_at > self.at {
            *due_at = clock.due_at;
            let mut stays = Clock { due_at: clock.due_at, ..clock.clone() };
            stays.details.target = *target;
            *alarm = stays.alarm_again(&self.rules.policy, &self.rules.calendar);
        }
        if *provisional && *due_at == clock.due_at {
            self.effects.pop();
        }
    }
}
