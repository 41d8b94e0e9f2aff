//! The REST API, `/api/v1`: one file per resource.

pub mod actions;
pub mod attachments;
pub mod audit;
pub mod auth;
pub mod board;
pub mod board_figures;
pub mod bulletin;
pub mod clocks;
pub mod collections;
pub mod custody;
pub mod follow_ups;
pub mod kiosk;
pub mod notices;
pub mod setup;
pub mod slips;
pub mod statistics;
pub mod tickets;
pub mod users;
pub mod views;
