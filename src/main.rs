//! The `red-mailbox` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    red_mailbox::cli::main()
}
