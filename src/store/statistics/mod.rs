//! Roll-ups of the figures in the database: sums by node, period and one dimension, and what each ticket adds to them.

mod follow;
mod read;

pub use follow::{Batch, Follower, Pending, batch, follower, pending, record, reset};
pub use read::{Kept, Wanted, has_received, kept, months, open, position_and_age, read_span};
