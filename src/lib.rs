//! red-mailbox (红色信箱): a community's feedback system, from the letter box to the reply.
#![forbid(unsafe_code)]

pub mod clock;
pub mod domain;
pub mod store;
