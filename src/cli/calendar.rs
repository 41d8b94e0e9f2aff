//! `red-mailbox calendar …`: official days off and swapped working days, from a file.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::node::{block_on, failed, on_the_server};
use super::{Failure, Outcome, say};
use crate::service::App;
use crate::service::setup;

/// A file of a century has a tenth of this.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What to do with official years.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum CalendarCommand {
    /// Load official days off and swapped working days (调休): all years of the file, or none
    Load {
        /// JSON with "days" of "date", "name" and "type" (off or workday), or a year's file of holiday-cn
        file: PathBuf,
        /// Only this year of the file
        #[arg(long)]
        year: Option<i32>,
        /// Replace a year that was loaded before with other days
        #[arg(long)]
        replace: bool,
    },
    /// List the years that are known
    List {
        /// Print JSON, with every day
        #[arg(long)]
        json: bool,
    },
}

/// Runs one `calendar` command on an opened application.
///
/// # Errors
/// What was refused or failed, in words for operators.
pub(super) fn run(app: &App, command: CalendarCommand) -> Outcome {
    match command {
        CalendarCommand::Load { file, year, replace } => {
            let file = read(&file)?;
            block_on(load(app, &file, year, replace))
        }
        CalendarCommand::List { json } => block_on(list(app, json)),
    }
}

fn read(path: &std::path::Path) -> Result<Value, Failure> {
    let told = |cause: String| Failure::Failed(format!("could not read file: {}: {cause}", path.display()));
    let length = std::fs::metadata(path).map_err(|it| told(it.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(told(format!("it has {length} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|it| told(it.to_string()))?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|it| told(format!("no JSON: {it}")))
}

async fn load(app: &App, file: &Value, year: Option<i32>, replace: bool) -> Outcome {
    let loaded = setup::load_years(app, &on_the_server(), file, year, replace).await;
    for it in loaded.map_err(|error| failed("load official years", error))? {
        let (year, fate, n_off, n_working) = (it.year, it.fate.as_str(), it.n_off, it.n_working);
        say(&format!("{year} {fate}: {n_off} days off, {n_working} make-up working days"))?;
    }
    Ok(())
}

async fn list(app: &App, is_json: bool) -> Outcome {
    let years = setup::list_years(app, &on_the_server()).await;
    let years = years.map_err(|error| failed("list official years", error))?;
    if is_json {
        let card =
            |it: &setup::YearCard| json!({"year": it.days.year, "origin": it.origin, "days": it.days.days});
        return say(&Value::Array(years.iter().map(card).collect()).to_string());
    }
    for it in years {
        let n_working = it.days.days.iter().filter(|it| it.is_working).count();
        let n_off = it.days.days.len() - n_working;
        let (year, origin) = (it.days.year, it.origin.as_str());
        say(&format!("{year} {origin:<8} {n_off} days off, {n_working} make-up working days"))?;
    }
    Ok(())
}
