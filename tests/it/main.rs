//! The tests from outside: one binary, both databases.
#![expect(clippy::unwrap_used, reason = "a panic is the report")]
#![expect(clippy::needless_pass_by_value, reason = "a story reads best with its JSON in place")]

mod accounts;
mod app;
mod architecture;
mod attachments;
mod builders;
mod clocks;
mod collections;
mod delivery;
mod demo;
mod desk;
mod due_times;
mod figures;
mod harness;
mod hostile;
mod import;
mod in_force;
mod intake;
mod intruder;
mod jumps;
mod kiosk;
mod lifecycle;
mod messages;
mod migrations;
mod openings;
mod pages;
mod postgres;
mod process;
mod queue;
mod rosters;
mod setup;
mod sign_in;
mod simulate;
mod slips;
mod smtp;
mod store;
mod trail;
mod voice;
mod web;
mod years;
