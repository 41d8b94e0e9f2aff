//! `red-mailbox import`: a sheet's rows become tickets; bad rows are named, the rest are in.

mod comma;
mod rows;
mod workbook;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::rows::Rows;
use super::node::{block_on, failed};
use super::{Failure, Outcome, say};
use crate::domain::refusal::FieldFault;
use crate::service::App;
use crate::service::import::{Import, Plan, Verdict};

/// Larger files are split by whoever made them.
const FILE_BYTES_MAX: u64 = 100 << 20;

/// What to import, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct ImportArgs {
    /// A CSV file (UTF-8, or GB18030 as old spreadsheets write it) or an XLSX workbook
    file: PathBuf,
    /// The community's code
    #[arg(long, value_name = "CODE")]
    community: String,
    /// The mailbox all rows came out of
    #[arg(long, value_name = "CODE")]
    mailbox: Option<String>,
    /// Add categories that are not there yet to the community
    #[arg(long)]
    create_categories: bool,
    /// The letters are still to be dealt with in time: let their clocks run from the day they were received
    #[arg(long)]
    live: bool,
    /// The workbook's sheet [default: the first]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Counts, and each refused row by its line.
#[derive(Default)]
struct Summary {
    n_new: u64,
    n_before: u64,
    refused: Vec<(u64, Vec<FieldFault>)>,
}

/// Reads the file, takes its rows in, and says what became of them.
///
/// # Errors
/// What kept the file from being read, or that rows were refused.
pub(super) fn run(app: &App, args: &ImportArgs) -> Outcome {
    let bytes = read_file(&args.file).map_err(|cause| unreadable(&args.file, &cause))?;
    block_on(async {
        let plan = Plan {
            community: args.community.clone(),
            mailbox: args.mailbox.clone(),
            create_categories: args.create_categories,
            is_live: args.live,
        };
        let mut import = Import::begin(app, plan).await.map_err(|error| failed("import", error))?;
        let mut rows = Rows::of(import.community(), import.time_zone());
        read_sheet(bytes, args, &mut rows).map_err(|cause| unreadable(&args.file, &cause))?;
        let (records, unknown_columns) = rows.finish().map_err(|cause| unreadable(&args.file, &cause))?;
        if !unknown_columns.is_empty() {
            tell(&format!("ignored columns that mean nothing here: {}", unknown_columns.join(", ")));
        }

        let mut summary = Summary::default();
        let bar = progress(records.len());
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let some: Vec<_> = records.by_ref().take(import.rows_at_once()).collect();
            let lines: Vec<u64> = some.iter().map(|it| it.line).collect();
            let verdicts = import.take(some).await.map_err(|error| {
                bar.abandon();
                let Failure::Failed(words) = failed("go on importing", error) else { return Failure::of("") };
                let n_done = summary.n_new + summary.n_before;
                Failure::Failed(format!(
                    "{words}\nhint: {n_done} rows are in; import the same file again, and only the others are added"
                ))
            })?;
            bar.inc(lines.len() as u64);
            for (line, verdict) in lines.into_iter().zip(verdicts) {
                summary.count(line, verdict);
            }
        }
        bar.finish_and_clear();
        summary.report(&import, &unknown_columns, args.json)
    })
}

impl Summary {
    fn count(&mut self, line: u64, verdict: Verdict) {
        match verdict {
            Verdict::New(_) => self.n_new += 1,
            Verdict::Before => self.n_before += 1,
            Verdict::Refused(faults) => self.refused.push((line, faults)),
        }
    }

    fn report(&self, import: &Import, unknown_columns: &[String], json: bool) -> Outcome {
        for (line, faults) in &self.refused {
            for fault in faults {
                tell(&format!("line {line}: {}: {}", fault.field, fault.message));
            }
        }
        for (name, n_rows) in import.unknown_categories() {
            tell(&format!("unknown category, left out: {name} ({n_rows} rows)"));
        }
        if !import.unknown_categories().is_empty() {
            tell("hint: --create-categories adds such categories");
        }
        let n_refused = self.refused.len();
        let n_read = self.n_new + self.n_before + n_refused as u64;
        if json {
            say(&self.to_json(import, unknown_columns, n_read).to_string())?;
        } else {
            if !import.created_categories().is_empty() {
                say(&format!("added categories: {}", import.created_categories().join(", ")))?;
            }
            say(&format!(
                "{n_read} rows read, {} new, {} were in before, {n_refused} refused",
                self.n_new, self.n_before
            ))?;
        }
        match n_refused {
            0 => Ok(()),
            n => Err(Failure::Failed(format!(
                "{n} rows were refused, the others are in\nhint: mend them in the file and import it again; rows that are in are not added twice"
            ))),
        }
    }

    fn to_json(&self, import: &Import, unknown_columns: &[String], n_read: u64) -> Value {
        let faults = |faults: &[FieldFault]| -> Vec<Value> {
            faults.iter().map(|it| json!({"field": it.field, "message": it.message})).collect()
        };
        let refused: Vec<Value> =
            self.refused.iter().map(|(line, of)| json!({"line": line, "faults": faults(of)})).collect();
        json!({
            "read": n_read,
            "new": self.n_new,
            "before": self.n_before,
            "refused": refused,
            "unknown_columns": unknown_columns,
            "unknown_categories": import.unknown_categories(),
            "created_categories": import.created_categories(),
        })
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|it| it.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|it| it.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {} MB\nhint: split it", FILE_BYTES_MAX >> 20));
    }
    Ok(bytes)
}

/// What a file is, its first bytes tell; its name is believed only where they say nothing.
fn read_sheet(bytes: Vec<u8>, args: &ImportArgs, rows: &mut Rows) -> Result<(), String> {
    if bytes.starts_with(b"PK\x03\x04") {
        return workbook::read(bytes, args.sheet.as_deref(), rows);
    }
    if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err("it is an old .xls workbook, or one with a password\nhint: save it as .xlsx without one"
            .to_owned());
    }
    if args.file.extension().is_some_and(|it| it.eq_ignore_ascii_case("xlsx")) {
        return Err("it is not an XLSX workbook, whatever its name says".to_owned());
    }
    if args.sheet.is_some() {
        return Err("it has no sheets\nhint: leave --sheet out".to_owned());
    }
    comma::read(&bytes, rows)
}

fn unreadable(path: &Path, cause: &str) -> Failure {
    Failure::Failed(format!("could not read {}: {cause}", path.display()))
}

fn tell(line: &str) {
    // With standard error gone there is nobody left to tell; the summary still counts it.
    drop(writeln!(io::stderr(), "{line}"));
}

/// A bar on a terminal, nothing elsewhere.
fn progress(n_rows: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {per_sec}, {eta} left");
    ProgressBar::new(n_rows as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
