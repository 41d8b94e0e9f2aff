//! Figures for leaders: the roll-ups follow the events, and questions are answered from them.

mod ask;
mod follow;
mod frame;
mod public;
mod sums;

pub use ask::{
    About, Backlog, Band, Breakdown, Figures, Item, Point, Series, Summary, backlog, breakdown, series,
    summary,
};
pub(super) use follow::catch_up;
pub use follow::{Followed, follow, rebuild};
pub(super) use frame::statistics_nodes;
pub use frame::{Asked, By, Interval};
pub use public::{Public, PublicAsked, public};
