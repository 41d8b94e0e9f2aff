//! The REST API, `/api/v1`: one file per resource.

pub mod actions;
pub mod statistics;
pub mod tickets;
pub mod views;
