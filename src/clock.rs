//! The only reader of the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use crate::domain::value::At;

/// Tells the time: the machine's, or one that tests move.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A clock that stands still until it is moved.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock standing at `at`.
    pub fn fixed(at: At) -> Self {
        Clock::Fixed(Arc::new(AtomicI64::new(at.micros())))
    }

    /// The present moment, in whole microseconds.
    pub fn now(&self) -> At {
        match self {
            Clock::System => At::from_utc(Utc::now()),
            Clock::Fixed(micros) => At::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the machine's is not ours to move.
    pub fn advance(&self, span: TimeDelta) {
        if let Clock::Fixed(micros) = self {
            micros.fetch_add(span.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}

/// A step of this length is no drift that a time server mends, but somebody who set the clock, or a machine asleep.
const JUMP_MIN: TimeDelta = TimeDelta::minutes(1);

/// The machine's clock moved otherwise than time passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// What the clock should have said, had it only gone on.
    pub expected: At,
    pub found: At,
}

impl Jump {
    /// How far it jumped; negative when it was set back.
    pub fn by(self) -> TimeDelta {
        self.found - self.expected
    }
}

/// Compares the machine's clock with time that only ever goes on, from one look to the next.
#[derive(Debug, Clone, Copy)]
pub struct JumpWatch {
    began: Instant,
    /// What the clock said at the last look, and how long after the beginning that was.
    last: Option<(At, Duration)>,
}

impl JumpWatch {
    /// A watch that has not looked yet.
    pub fn begin() -> Self {
        Self { began: Instant::now(), last: None }
    }

    /// Looks at the clock, which says `now`; gives a jump of a minute or more since the last look.
    pub fn look(&mut self, now: At) -> Option<Jump> {
        self.compare(now, self.began.elapsed())
    }

    fn compare(&mut self, found: At, steady: Duration) -> Option<Jump> {
        let (said, at) = self.last.replace((found, steady))?;
        let passed = TimeDelta::from_std(steady.saturating_sub(at)).unwrap_or_default();
        let jump = Jump { expected: said + passed, found };
        (jump.by().abs() >= JUMP_MIN).then_some(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_from_time_that_passes_and_told_once() {
        let mut watch = JumpWatch::begin();
        let hour = 3_600_000_000_i64;
        let mut look = |micros: i64, steady_s: u64| {
            watch.compare(At::from_micros(micros), Duration::from_secs(steady_s)).map(Jump::by)
        };

        assert_eq!(look(10 * hour, 0), None);
        assert_eq!(look(11 * hour, 3_600), None, "an hour that passed");
        assert_eq!(look(11 * hour + 59_000_000, 3_600), None, "less than a minute");
        assert_eq!(look(10 * hour, 3_660), Some(TimeDelta::microseconds(-(hour + 119_000_000))));
        assert_eq!(look(10 * hour + 1_000_000, 3_661), None);
        assert_eq!(look(8_760 * hour, 3_662), Some(TimeDelta::microseconds(8_750 * hour - 2_000_000)));
    }
}
