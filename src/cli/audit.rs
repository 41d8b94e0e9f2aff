//! `audit verify`: whether the trail still is what was written.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, Outcome, open, say};
use crate::config::Settings;
use crate::domain::audit::{Finding, Report};
use crate::keys::{KeyError, Keys};
use crate::service::{attachments, audit};

/// Bytes of an export read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What to do with the trail.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum AuditCommand {
    /// Verify every chain of events, its texts, and that the rows are what the events add up to
    ///
    /// The first wrong event of each ticket is named. Exit status: 0 whole, 1 something was found.
    Verify {
        /// An export of events to verify alone, instead of the database
        export: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one `audit` command.
pub(super) fn run(settings: Settings, command: &AuditCommand) -> Outcome {
    let AuditCommand::Verify { export, json } = command;
    let key_file = settings.key_file.clone();
    let (report, is_sealed) = match export {
        Some(export) => verify_export(export, &key_file)?,
        None => (verify_database(settings, &key_file)?, true),
    };
    tell(&report, is_sealed, *json)?;
    match report.n_findings {
        0 => Ok(()),
        n => Err(Failure::Failed(format!("{n} finding(s): the trail is not whole"))),
    }
}

fn verify_database(settings: Settings, key_file: &Path) -> Result<Report, Failure> {
    // A key made now would fit no seal, and the next start would take it for the right one.
    if !key_file.exists() {
        return Err(Failure::Failed(format!(
            "could not verify seals: no key file: {}\nhint: restore it, or verify an export without it",
            key_file.display()
        )));
    }
    let app = open(settings)?;
    let progress = spinner("{spinner} {human_pos} events {elapsed}");
    let mut report = audit::verify_database(&app.store, &app.keys, |n| progress.set_position(n))
        .map_err(|it| Failure::Failed(format!("could not read the trail: {it}")))?;
    let progress_of_files = spinner("{spinner} {human_pos} files {elapsed}");
    attachments::verify_files(&app, &mut report, |n| progress_of_files.set_position(n))
        .map_err(|it| Failure::Failed(format!("could not read attachments: {it}")))?;
    progress_of_files.finish_and_clear();
    progress.finish_and_clear();
    Ok(report)
}

fn verify_export(export: &Path, key_file: &Path) -> Result<(Report, bool), Failure> {
    let keys = match Keys::load(key_file) {
        Ok(keys) => Some(keys),
        Err(KeyError::Read { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::of(error)),
    };
    let failed = |cause| Failure::Failed(format!("could not read export: {}: {cause}", export.display()));
    let file = File::open(export).map_err(failed)?;
    let n_bytes = file.metadata().map_err(failed)?.len();
    let progress = spinner("{wide_bar} {bytes} of {total_bytes} {elapsed}");
    progress.set_length(n_bytes);
    let reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut n_told = 0;
    let report = audit::verify_export(reader, keys.as_ref(), |n| {
        // Drawing on every line would take longer than verifying it.
        if n - n_told > 1 << 22 {
            progress.set_position(n);
            n_told = n;
        }
    })
    .map_err(failed)?;
    progress.finish_and_clear();
    Ok((report, keys.is_some()))
}

/// Progress on standard error, shown on a terminal only.
pub(super) fn spinner(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new(0).with_style(style)
}

fn tell(report: &Report, is_sealed: bool, json: bool) -> Outcome {
    if json {
        let report = json!({
            "is_whole": report.n_findings == 0,
            "verified_tickets": report.n_tickets,
            "verified_events": report.n_events,
            "seals_checked": is_sealed,
            "n_findings": report.n_findings,
            "findings": report.findings,
        });
        return say(&format!("{report:#}"));
    }
    for finding in &report.findings {
        say(&in_words(finding))?;
    }
    let n_more = report.n_findings.saturating_sub(report.findings.len() as u64);
    if n_more > 0 {
        say(&format!("and {n_more} more"))?;
    }
    if !is_sealed {
        say("seals were not checked: no key file at hand; name it with --key-file")?;
    }
    say(&format!(
        "verified {} tickets, {} events: {}",
        report.n_tickets,
        report.n_events,
        if report.n_findings == 0 { "whole".to_owned() } else { format!("{} finding(s)", report.n_findings) }
    ))
}

/// A finding on one line: where, then what.
fn in_words(finding: &Finding) -> String {
    let spot = &finding.spot;
    let mut parts = Vec::new();
    parts.extend(spot.line.map(|it| format!("line {it}")));
    match (&spot.number, spot.stream_id) {
        (Some(number), _) => parts.push(number.clone()),
        (None, Some(id)) => parts.push(format!("{} {id}", spot.stream)),
        (None, None) => {}
    }
    parts.extend(spot.seq.map(|it| format!("event {it}")));
    match (spot.table, spot.column.as_str()) {
        ("", column) => parts.extend(Some(column).filter(|it| !it.is_empty()).map(str::to_owned)),
        (table, "") => parts.push(table.to_owned()),
        (table, column) => parts.push(format!("{table}.{column}")),
    }
    format!("{}: {}", parts.join(" "), finding.message)
}
