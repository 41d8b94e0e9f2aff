//! Random histories of a ticket (proptest): what holds whatever people do, and whenever the timer looks.
//!
//! `PROPTEST_CASES=20000 cargo test --release --lib histories` tries more of them.
#![expect(clippy::wildcard_enum_match_arm, reason = "a check looks at some of many")]

mod checks;
mod sim;
mod story;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use self::sim::{Sim, Ticks};
use self::story::{Act, History, Import, Start, Step, histories};
use super::{Kind, Status};
use crate::domain::sla::{ClockState, Stage};
use crate::domain::value::At;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases * 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Each event and each change is checked on the way; see `checks`.
    #[test]
    fn every_history_keeps_its_clocks_true(history in histories()) {
        Sim::live(&history, Ticks::Sometimes);
    }

    /// The timer may be late, early or away: what people did and when decides, and nothing else.
    #[test]
    fn a_late_or_early_timer_changes_no_verdict(history in histories()) {
        let on_time = Sim::live(&history, Ticks::OnTime);
        for ticks in [Ticks::Sometimes, Ticks::Never] {
            let other = Sim::live(&history, ticks);
            let logs = || format!("on time:\n{}\n{ticks:?}:\n{}", on_time.log, other.log);
            prop_assert_eq!(&on_time.taken, &other.taken, "another act was taken\n{}", logs());
            prop_assert_eq!(&on_time.ticket.clocks, &other.ticket.clocks, "clocks differ\n{}", logs());
            prop_assert_eq!(&on_time.ticket.extensions, &other.ticket.extensions, "extensions differ\n{}", logs());
            let rest = |it: &Sim| (it.ticket.status, it.ticket.cycle, it.ticket.closed_at, it.ticket.timer_at);
            prop_assert_eq!(rest(&on_time), rest(&other), "the ticket differs\n{}", logs());
        }
    }
}

/// The histories reach what they are to prove: every status, and every event that concerns clocks.
#[test]
fn histories_go_everywhere() {
    let mut runner = TestRunner::deterministic();
    let (mut statuses, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..600 {
        let history = histories().new_tree(&mut runner).unwrap().current();
        let sim = Sim::live(&history, Ticks::Sometimes);
        statuses.extend(sim.statuses);
        kinds.extend(sim.kinds);
    }

    assert_eq!(statuses, Status::ALL.iter().copied().collect());
    for kind in [
        "ticket.amended ticket.accepted ticket.declined ticket.assigned ticket.returned ticket.acknowledged",
        "ticket.contacted ticket.waiting ticket.resumed ticket.resolved ticket.sent_back ticket.reply_failed",
        "ticket.replied ticket.rated ticket.reopened ticket.closed ticket.merged ticket.split ticket.withdrawn",
        "ticket.extension_requested ticket.extension_granted ticket.extension_refused clock.warned",
        "clock.breached clock.escalated",
    ]
    .iter()
    .flat_map(|it| it.split(' '))
    {
        assert!(kinds.contains(kind), "no history has {kind}: {kinds:?}");
    }
}

/// A letter imported as live is let go on by a split; an old one never ran, and does not start.
#[test]
fn a_split_lets_a_live_letter_run_and_an_old_one_rest() {
    for (import, state) in [(Import::Live, ClockState::Running), (Import::Old, ClockState::Void)] {
        let start = Start {
            at: At::parse("2026-11-23T09:00:00+08:00").unwrap(),
            minutes_before: 0,
            kind: Kind::Request,
            is_dangerous: false,
            has_phone: false,
            import: Some(import),
        };
        let steps = [Act::Merge, Act::Split].map(|act| Step { minutes: 1, tick_percent: None, act });

        let sim = Sim::before_the_end(&History { start, steps: steps.to_vec() }, Ticks::Never);

        assert_eq!(sim.ticket.clock(Stage::Accept).unwrap().state, state, "{}", sim.log);
    }
}

/// Returned work keeps its resolve clock, which a split lets run on, late or not.
#[test]
fn a_split_lets_the_resolve_clock_of_returned_work_run_on() {
    for days in [0, 30] {
        let start = Start {
            at: At::parse("2026-11-23T09:00:00+08:00").unwrap(),
            minutes_before: 0,
            kind: Kind::Request,
            is_dangerous: false,
            has_phone: false,
            import: None,
        };
        let mut steps = [Act::Next, Act::Next, Act::Return, Act::Merge, Act::Split].map(|act| Step {
            minutes: 1,
            tick_percent: None,
            act,
        });
        steps[3].minutes = 1 + days * 1_440;

        let sim = Sim::before_the_end(&History { start, steps: steps.to_vec() }, Ticks::Never);

        assert_eq!(sim.ticket.status, Status::Accepted, "{}", sim.log);
        assert!(sim.ticket.clock_now(Stage::Resolve).unwrap().is_unmet(), "{}", sim.log);
    }
}
