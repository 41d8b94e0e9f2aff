//! Time left, in words and as the length of a bar.

use chrono_tz::Tz;

use super::Frame;
use crate::domain::sla::{Clock, ClockState};
use crate::domain::ticket::Ticket;
use crate::domain::value::At;

/// From this share of its time on, a clock is at risk: where the second warning is (PRODUCT §5).
const RISK_PERCENT: i64 = 80;

/// How a clock stands, for a reader.
pub(super) struct Left {
    /// The stage's name.
    pub(super) stage: String,
    /// `11-26 17:30`, or with the year when that is another.
    pub(super) due: String,
    /// `还剩 3 小时`, `超期 2 天`.
    pub(super) words: String,
    /// `late`, `risk`, `fine`.
    pub(super) tone: &'static str,
    /// How much of its time is used, 0 to 100.
    pub(super) percent: i64,
}

/// The clock of `ticket` that is due next.
pub(super) fn next(frame: &Frame, ticket: &Ticket, zone: Tz) -> Option<Left> {
    let running = ticket.clocks.iter().filter(|it| it.is_unmet() && it.paused_at.is_none());
    running.min_by_key(|it| it.due_at).map(|it| of(frame, it, zone))
}

/// How `clock` stands now.
pub(super) fn of(frame: &Frame, clock: &Clock, zone: Tz) -> Left {
    let (now, due) = (frame.now, clock.due_at);
    let whole = (due - clock.started_at).num_minutes().max(1);
    let used = (now - clock.started_at).num_minutes().max(0);
    let percent = (used * 100 / whole).clamp(0, 100);
    let tone = if clock.state == ClockState::Breached || now >= due {
        "late"
    } else if percent >= RISK_PERCENT {
        "risk"
    } else {
        "fine"
    };
    Left {
        stage: frame.say(&format!("stage.{}", clock.stage)),
        due: moment(due, now, zone),
        words: in_words(frame, due, now),
        tone,
        percent,
    }
}

/// A moment as short as it is clear.
pub(super) fn moment(at: At, now: At, zone: Tz) -> String {
    use chrono::Datelike as _;
    let (local, today) = (at.to_utc().with_timezone(&zone), now.local_date(zone));
    let format = if local.year() == today.year() { "%m-%d %H:%M" } else { "%Y-%m-%d %H:%M" };
    local.format(format).to_string()
}

fn in_words(frame: &Frame, due: At, now: At) -> String {
    let (key, minutes) =
        if now >= due { ("over", (now - due).num_minutes()) } else { ("left", (due - now).num_minutes()) };
    let (unit, n) = match minutes {
        0..=59 => ("minutes", minutes),
        60..=2_879 => ("hours", minutes / 60),
        _ => ("days", minutes / 1_440),
    };
    frame.say_with(&format!("left.{key}_{unit}"), &[("n", &n.to_string())])
}
