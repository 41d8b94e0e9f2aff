//! `red-mailbox policy simulate`: what would have been late under a changed policy.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::audit::spinner;
use super::{Failure, Outcome, say};
use crate::domain::sla::Stage;
use crate::domain::sla::whatif::Difference;
use crate::service::App;
use crate::service::export::Wanted;
use crate::service::simulate::{Simulation, WhatIf, simulate};

/// A policy is a page at most.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What to do with policies.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum PolicyCommand {
    /// Count a past period again under a changed policy, and say what would have been late; changes nothing
    Simulate(SimulateArgs),
}

/// Which period, and what would be otherwise.
#[derive(Debug, Clone, Args)]
pub(super) struct SimulateArgs {
    /// Tickets of this node and below; the policy hangs there
    #[arg(long, value_name = "CODE")]
    node: String,
    /// Tickets received from this day or RFC 3339 time on [default: the first]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Tickets received up to this day, or before this RFC 3339 time [default: the last]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The policy at the node that is changed [default: one more]
    #[arg(long, value_name = "CODE")]
    policy: Option<String>,
    /// JSON of the policy's fields, as `POST /api/v1/policies` takes them
    #[arg(long, value_name = "FILE", required_unless_present = "set")]
    file: Option<PathBuf>,
    /// A target: resolve=3d working days, 4w working hours, 24h hours, 30m minutes; or a field=JSON, category=lift
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one `policy` command on an opened application.
///
/// # Errors
/// What was refused or failed, in words for operators.
pub(super) fn run(app: &App, command: &PolicyCommand) -> Outcome {
    let PolicyCommand::Simulate(args) = command;
    let failed = |error| Failure::of_service("simulate", &error);
    let wanted = Wanted::read(&app.store, Some(&args.node), args.from.as_deref(), args.to.as_deref());
    let wanted = wanted.map_err(failed)?;
    let what = WhatIf { node: args.node.clone(), policy: args.policy.clone(), fields: fields(args)? };
    let progress = spinner("{spinner} {human_pos} {elapsed}");
    let done = simulate(&app.store, &wanted, &what, app.clock.now(), |n| progress.set_position(n));
    progress.finish_and_clear();
    let done = done.map_err(failed)?;
    if args.json { say(&format!("{:#}", as_json(&done))) } else { print(&done) }
}

/// The fields of the changed policy: those of the file, then those set one by one.
fn fields(args: &SimulateArgs) -> Result<Map<String, Value>, Failure> {
    let mut fields = match &args.file {
        Some(path) => {
            let told =
                |cause: String| Failure::Failed(format!("could not read file: {}: {cause}", path.display()));
            let length = std::fs::metadata(path).map_err(|it| told(it.to_string()))?.len();
            if length > FILE_BYTES_MAX {
                return Err(told(format!("it has {length} bytes, at most {FILE_BYTES_MAX} are read")));
            }
            let text = std::fs::read_to_string(path).map_err(|it| told(it.to_string()))?;
            serde_json::from_str(&text).map_err(|it| told(format!("no JSON object: {it}")))?
        }
        None => Map::new(),
    };
    for set in &args.set {
        let wrong = || {
            Failure::Usage(format!(
                "could not read --set {set}\nhint: write resolve=3d (working days), accept=4w (working hours), contact=24h or contact=30m (round the clock), or warn_percents=[60]"
            ))
        };
        let (name, value) = set.split_once('=').ok_or_else(wrong)?;
        if Stage::parse(name).is_some() || name == "rework" {
            let target = target(value).ok_or_else(wrong)?;
            let place = if name == "rework" {
                &mut fields
            } else {
                let targets = fields.entry("targets").or_insert_with(|| json!({}));
                targets.as_object_mut().ok_or_else(wrong)?
            };
            place.insert(name.to_owned(), target);
        } else {
            let value = serde_json::from_str(value).unwrap_or_else(|_text| Value::from(value));
            fields.insert(name.to_owned(), value);
        }
    }
    Ok(fields)
}

/// A target as it is set: `3d`, `4w`, `24h`, `30m`.
fn target(text: &str) -> Option<Value> {
    let unit = text.chars().last()?;
    let n: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(match unit {
        'd' => json!({"working_days": n}),
        'w' => json!({"working_minutes": n.checked_mul(60)?}),
        'h' => json!({"calendar_minutes": n.checked_mul(60)?}),
        'm' => json!({"calendar_minutes": n}),
        _ => return None,
    })
}

fn print(done: &Simulation) -> Outcome {
    say(&format!("{} tickets", done.n_tickets))?;
    if done.n_unread > 0 {
        say(&format!("{} tickets could not be read: run `red-mailbox audit verify`", done.n_unread))?;
    }
    say(&format!("{:<12} {:>17} {:>17}", "", "as it was", "what if"))?;
    say(&format!("{:<12} {:>8} {:>8} {:>8} {:>8}", "stage", "clocks", "late", "clocks", "late"))?;
    for (stage, it) in &done.stages {
        say(&format!(
            "{:<12} {:>8} {:>8} {:>8} {:>8}",
            stage.as_str(),
            it.n_clocks_was,
            it.n_late_was,
            it.n_clocks_would,
            it.n_late_would
        ))?;
    }
    for ticket in &done.tickets {
        for it in &ticket.clocks {
            say(&format!("{} {}", ticket.number, sentence(it)))?;
        }
    }
    Ok(())
}

fn sentence(it: &Difference) -> String {
    let due =
        |at: Option<crate::domain::value::At>| at.map_or_else(|| "never".to_owned(), |it| it.to_string());
    let (was, would) = (due(it.due_was), due(it.due_would));
    let change = if it.late_would { "would have been late" } else { "would have been in time" };
    format!("{} (cycle {}): {change}; due {was}, would have been due {would}", it.stage, it.cycle)
}

fn as_json(done: &Simulation) -> Value {
    let stages = done.stages.iter().map(|(stage, it)| {
        json!({"stage": stage, "n_clocks_was": it.n_clocks_was, "n_late_was": it.n_late_was,
            "n_clocks_would": it.n_clocks_would, "n_late_would": it.n_late_would})
    });
    let clock = |it: &Difference| {
        json!({"stage": it.stage, "cycle": it.cycle, "due_was": it.due_was.map(|it| it.to_string()),
            "due_would": it.due_would.map(|it| it.to_string()), "late_was": it.late_was, "late_would": it.late_would})
    };
    let tickets = done
        .tickets
        .iter()
        .map(|it| json!({"number": it.number, "clocks": it.clocks.iter().map(clock).collect::<Vec<_>>()}));
    json!({"n_tickets": done.n_tickets, "n_unread": done.n_unread, "stages": stages.collect::<Vec<_>>(),
        "tickets": tickets.collect::<Vec<_>>()})
}
