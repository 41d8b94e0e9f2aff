//! What is promised, until when, and why it is that day (为什么是这一天).

use chrono_tz::Tz;

use super::screen::Screen;
use crate::domain::sla::{ClockState, Stage};
use crate::notify::catalogue::Language;
use crate::service::clocks::ClockTold;

/// A day by which something is to happen.
pub(super) struct Promised {
    /// What will have happened, and when.
    pub(super) words: String,
    pub(super) why: String,
    pub(super) is_late: bool,
}

/// What still stands, soonest first. Who is given the work and when is the staff's own affair.
pub(super) fn promised(clocks: &[ClockTold], zone: Tz, screen: &Screen) -> Vec<Promised> {
    let is_told = |stage| matches!(stage, Stage::Accept | Stage::Contact | Stage::Resolve | Stage::Reply);
    let mut open: Vec<&ClockTold> =
        clocks.iter().filter(|it| it.clock.is_unmet() && is_told(it.clock.stage)).collect();
    open.sort_by_key(|it| (it.clock.due_at, it.clock.stage));
    open.into_iter().map(|it| told(it, zone, screen)).collect()
}

fn told(told: &ClockTold, zone: Tz, screen: &Screen) -> Promised {
    let clock = &told.clock;
    let due = clock.due_at.to_utc().with_timezone(&zone);
    let format = match screen.language {
        Language::Chinese => "%Y年%-m月%-d日 %H:%M",
        Language::English => "%Y-%m-%d %H:%M",
    };
    let due = due.format(format).to_string();
    let stage = screen.say(&format!("promise.{}", clock.stage));
    let key = match clock.state {
        ClockState::Paused => "promise.paused",
        ClockState::Breached => "promise.late",
        ClockState::Running | ClockState::Met | ClockState::Void => "promise.by",
    };
    let why = match screen.language {
        Language::Chinese => told.explanation.zh.clone(),
        Language::English => told.explanation.en.clone(),
    };
    Promised {
        words: screen.say_with(key, &[("what", &stage), ("day", &due)]),
        why,
        is_late: clock.state == ClockState::Breached,
    }
}
