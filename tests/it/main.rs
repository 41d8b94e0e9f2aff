//! The tests from outside: one binary, both databases.
#![expect(clippy::unwrap_used, reason = "a panic is the report")]
#![expect(clippy::needless_pass_by_value, reason = "a story reads best with its JSON in place")]

mod accounts;
mod app;
mod architecture;
mod attachments;
mod builders;
mod clock_faults;
mod clocks;
mod delivery;
mod demo;
mod desk;
mod due_times;
mod harness;
mod hostile;
mod import;
mod intake;
mod intruder;
mod killed;
mod lifecycle;
mod migrations;
mod pages;
mod postgres;
mod process;
mod queue;
mod rosters;
mod setup;
mod sign_in;
mod smtp;
mod store;
mod trail;
mod voice;
mod web;
mod years;
