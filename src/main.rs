//! The `red-mailbox` command.
#![forbid(unsafe_code)]

fn main() {}
