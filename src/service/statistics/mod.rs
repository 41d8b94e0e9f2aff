//! Figures for leaders: the roll-ups follow the events, and questions are answered from them.

mod as_of;
mod ask;
mod bulletin;
mod follow;
mod frame;
mod public;
mod sums;

pub(super) use as_of::{AsOf, moved};
pub use ask::{
    About, Backlog, Band, Breakdown, Figures, Item, Point, Series, Summary, backlog, breakdown, series,
    summary,
};
pub use bulletin::{
    Bulletin, BulletinAsked, Cell, Document, LOW_RATES, Line, Matter, Section, Share, bulletin, document,
    to_csv, to_xlsx,
};
pub(super) use follow::catch_up;
pub use follow::{Followed, follow, rebuild};
pub(super) use frame::statistics_nodes;
pub use frame::{Asked, By, Interval};
pub use public::{Public, PublicAsked, public};
