//! The tests from outside: one binary, both databases.
#![expect(clippy::unwrap_used, reason = "a panic is the report")]

mod accounts;
mod app;
mod architecture;
mod harness;
mod migrations;
mod postgres;
mod process;
mod sign_in;
mod store;
mod web;
