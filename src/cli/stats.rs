//! `stats`: the roll-ups of the figures.

use clap::Subcommand;

use super::audit::spinner;
use super::{Failure, Outcome, say};
use crate::service::{App, statistics};

/// What to do with the roll-ups.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum StatsCommand {
    /// Make every figure anew from the trail; also beside a running server
    Rebuild {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one `stats` command.
pub(super) fn run(app: &App, command: &StatsCommand) -> Outcome {
    let StatsCommand::Rebuild { json } = command;
    let progress = spinner("{spinner} {human_pos} tickets {elapsed}");
    let done = statistics::rebuild(&app.store, app.clock.now(), |n| {
        progress.set_position(u64::try_from(n).unwrap_or(u64::MAX));
    })
    .map_err(|it| Failure::of_service("rebuild the figures", &it))?;
    progress.finish_and_clear();
    if *json {
        return say(&serde_json::json!({"tickets": done.n_events, "position": done.position}).to_string());
    }
    say(&format!("counted {} tickets anew, up to event {}", done.n_events, done.position))
}
