//! The only reader of the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
