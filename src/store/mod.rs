//! All SQL of the product, and nothing that decides: rows in, rows out, on SQLite and PostgreSQL alike.
//!
//! Rules of this floor: a query is written once, with `on!`; the engine is matched on only in `db` and where
//! a query truly differs; nothing here knows of HTTP, people's rights or the time of day.
#![warn(clippy::missing_errors_doc)]

pub mod agenda;
pub mod audit;
pub mod board;
mod claims;
pub mod collections;
pub mod db;
pub mod events;
pub mod files;
pub mod follow_ups;
pub mod mailboxes;
pub mod messages;
pub mod migrate;
pub mod notices;
pub mod outbox;
pub mod people;
pub mod queue;
pub mod receipts;
pub mod schema;
pub mod search;
pub mod setup;
pub mod statistics;
pub mod tickets;

pub use db::{Db, Soundness, Store, StoreError, StoreFault, StoreGauges, StoreSettings};
