//! red-mailbox (红色信箱): a community's feedback system, from the letter box to the reply.
#![forbid(unsafe_code)]

mod cidr;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod keys;
pub mod media;
pub mod notify;
pub mod service;
pub mod store;
pub mod worker;
