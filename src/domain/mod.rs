//! Types and rules of the job: pure and total, without clock, randomness, files or network.
//!
//! Rules of this floor: nothing here can fail for outside reasons; time is an argument; wrong states
//! cannot be said. `tests/it/architecture.rs` holds it to that.
#![warn(clippy::missing_errors_doc, clippy::wildcard_enum_match_arm)]

pub mod accounts;
pub mod audit;
pub mod board;
pub mod calendar;
pub mod category;
pub mod chain;
pub mod event;
pub mod import;
pub mod mailbox;
pub mod notice;
pub mod number;
pub mod people;
pub mod refusal;
pub mod search;
pub mod setup;
pub mod sla;
pub mod statistics;
pub mod ticket;
pub mod value;
