//! Roll-ups of the figures in the database: sums by node, period and one dimension, and what each ticket adds to them.

mod as_of;
mod follow;
mod matters;
mod read;

pub use as_of::{Counted, counted_at, counted_now, moved_since, recorded_at, waiting};
pub use follow::{Batch, Follower, Pending, batch, follower, pending, record, reset};
pub use matters::{Group, groups, hinted};
pub use read::{Kept, Wanted, has_received, kept, months, open, position_and_age, read_span};
