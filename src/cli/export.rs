//! `export`: tickets and events as files.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::audit::spinner;
use super::{Failure, Outcome};
use crate::service::App;
use crate::service::export::{self, ExportError, Wanted};

/// What to export.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum ExportCommand {
    /// Facts of tickets, without contact data and texts
    Tickets(ExportOptions),
    /// Events; as jsonl whole chains that `audit verify` checks alone
    Events(ExportOptions),
}

/// Which tickets, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct ExportOptions {
    /// Tickets received from this day or RFC 3339 time on [default: the first]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Tickets received up to this day, or before this RFC 3339 time [default: the last]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The form
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Tickets of this node and below [default: all]
    #[arg(long, value_name = "CODE")]
    node: Option<String>,
    /// The file, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forms of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for spreadsheets, UTF-8
    Csv,
    /// One JSON object per line
    Jsonl,
}

/// Runs one `export` command.
pub(super) fn run(app: &App, command: &ExportCommand) -> Outcome {
    let (ExportCommand::Tickets(options) | ExportCommand::Events(options)) = command;
    let is_table = options.format == Format::Csv;
    let wanted =
        Wanted::read(&app.store, options.node.as_deref(), options.from.as_deref(), options.to.as_deref())
            .map_err(|it| Failure::Failed(format!("could not export: {it}")))?;
    let mut out = BufWriter::with_capacity(1 << 18, output(options.output.as_ref())?);
    let progress = spinner("{spinner} {human_pos} {elapsed}");
    let tell = |n| progress.set_position(n);
    let exported = match command {
        ExportCommand::Tickets(_) => export::tickets(&app.store, &wanted, is_table, &mut out, tell),
        ExportCommand::Events(_) if is_table => export::events_csv(&app.store, &wanted, &mut out, tell),
        ExportCommand::Events(_) => export::events_jsonl(&app.store, &app.keys, &wanted, &mut out, tell),
    };
    progress.finish_and_clear();
    match exported.and_then(|n| out.flush().map(|()| n).map_err(ExportError::from)) {
        Ok(_) => Ok(()),
        // `red-mailbox … | head` is no failure.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::of(error)),
    }
}

/// A new file for its owner only, or standard output.
pub(super) fn output(path: Option<&PathBuf>) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = path else { return Ok(Box::new(io::stdout())) };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(|cause| {
        Failure::Failed(format!("could not make output file: {}: {cause}", path.display()))
    })?;
    Ok(Box::new(file))
}
