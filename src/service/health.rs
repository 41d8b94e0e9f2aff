//! Whether the application can do its work, for operators and their programs.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::Datelike as _;

use super::App;
use super::start::StartError;
use crate::config::Settings;
use crate::domain::calendar::OfficialYears;
use crate::domain::setup::DEFAULT_ZONE;
use crate::domain::value::At;
use crate::store::{Soundness, migrate, setup};

/// A write that takes longer than this is as good as none to whoever waits.
const PING_WITHIN: Duration = Duration::from_secs(3);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub is_ok: bool,
    /// For operators; names no address and no secret.
    pub detail: String,
}

impl Check {
    /// A check that found something right, or wrong.
    pub fn of(name: &'static str, found: Result<String, String>) -> Self {
        let is_ok = found.is_ok();
        Self { name, is_ok, detail: found.unwrap_or_else(|it| it) }
    }
}

/// What must be right for requests to be served: the database takes a write, the disk has room, the
/// file is not known to be damaged.
pub async fn checks(app: &App) -> Vec<Check> {
    let ping = match tokio::time::timeout(PING_WITHIN, app.store.ping()).await {
        Ok(Ok(())) => Ok("takes writes".to_owned()),
        Ok(Err(error)) => {
            tracing::warn!("could not write to database: {error}");
            Err("takes no writes".to_owned())
        }
        Err(_late) => Err("takes no writes in time".to_owned()),
    };
    let mut checks = vec![Check::of("database", ping), Check::of("disk", room(&app.settings))];
    checks.extend(soundness(&app.store.soundness()));
    // Said, not failed: due times that reach into a year that is not known are marked provisional.
    let years = app.store.read(setup::official_years).await.unwrap_or_else(|error| {
        tracing::warn!("could not read official years: {error}");
        OfficialYears::default()
    });
    checks.push(Check { is_ok: true, ..holidays(app.clock.now(), &years) });
    checks
}

/// What the check after an unclean stop has found; the words of a damage are in the log.
fn soundness(found: &Soundness) -> Option<Check> {
    let found = match found {
        Soundness::Unquestioned => return None,
        Soundness::BeingChecked => Ok("being checked after an unclean stop"),
        Soundness::Sound => Ok("sound after an unclean stop"),
        Soundness::Damaged(_) => Err("damaged, see the log"),
    };
    Some(Check::of("file", found.map(str::to_owned).map_err(str::to_owned)))
}

/// Free space where the data folder is, against the floor of the settings.
pub fn room(settings: &Settings) -> Result<String, String> {
    let floor = settings.free_space_floor_mb;
    match free_mb(&settings.data_dir) {
        Ok(free) if free >= floor => Ok(format!("{free} MiB free")),
        Ok(free) => Err(format!("{free} MiB free, {floor} MiB wanted")),
        Err(cause) => Err(format!("free space cannot be read: {cause}")),
    }
}

fn free_mb(folder: &std::path::Path) -> Result<u64, std::io::Error> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize) / (1024 * 1024))
}

/// Every migration of this program, and whether the database has it. Makes no database.
///
/// # Errors
/// `StartError::Store` when the database cannot be reached.
pub fn steps(settings: &Settings) -> Result<Vec<(String, bool)>, StartError> {
    let steps = migrate::status(&settings.database_url)?;
    Ok(steps.into_iter().map(|it| (it.name, it.is_applied)).collect())
}

/// Whether the database can be reached and has this program's tables.
pub fn database(settings: &Settings) -> Vec<Check> {
    // Asking SQLite for a missing file would make it.
    if let Some(path) = settings.database_url.strip_prefix("sqlite://")
        && !std::path::Path::new(path).exists()
    {
        let words = format!("no file {path}\nhint: the first `red-mailbox serve` makes it");
        return vec![Check::of("database", Err(words))];
    }
    let found = steps(settings).and_then(|it| Ok((it, migrate::engine(&settings.database_url)?)));
    let (steps, engine) = match found {
        Ok(found) => found,
        Err(error) => return vec![Check::of("database", Err(error.to_string()))],
    };
    let pending: Vec<&str> = steps.iter().filter(|it| !it.1).map(|it| it.0.as_str()).collect();
    let schema = if pending.is_empty() {
        Ok(format!("{} migrations applied", steps.len()))
    } else {
        Err(format!("pending: {}\nhint: run `red-mailbox migrate`", pending.join(", ")))
    };
    vec![Check::of("database", Ok(engine)), Check::of("schema", schema)]
}

/// The official years loaded into the database, or none where it cannot be read. Makes no database.
pub fn years_loaded(settings: &Settings) -> OfficialYears {
    let is_missing =
        settings.database_url.strip_prefix("sqlite://").is_some_and(|it| !std::path::Path::new(it).exists());
    // What keeps them from being read is told by the check of the database.
    let read = || setup::official_years_at(&settings.database_url).unwrap_or_default();
    if is_missing { OfficialYears::default() } else { read() }
}

/// Whether the official days of this year are known, shipped or among `years`; and, said only, those of the next.
///
/// They are published in autumn for the year after, so a missing next year is no fault yet.
pub fn holidays(now: At, years: &OfficialYears) -> Check {
    let year = now.local_date(DEFAULT_ZONE).year();
    let words = |year| if years.knows(year) { "loaded" } else { "not loaded" };
    let detail = format!("{year} {}, {} {}", words(year), year + 1, words(year + 1));
    let found = if years.knows(year) {
        Ok(detail)
    } else {
        Err(format!("{detail}\nhint: `red-mailbox calendar load FILE`, or install a newer version"))
    };
    Check::of("holidays", found)
}

/// The store's figures as Prometheus text.
pub fn store_figures(app: &App) -> String {
    let gauges = app.store.gauges();
    let now = [
        ("writes_queued", "Writes waiting now.", gauges.n_writes_queued),
        ("intakes_queued", "Intake writes waiting now.", gauges.n_intakes_queued),
        ("reads_queued", "Reads waiting now.", gauges.n_reads_queued),
    ];
    let since = [
        ("batches", "Write transactions tried.", gauges.n_batches),
        ("writes", "Writes answered.", gauges.n_writes),
        ("reads", "Reads answered.", gauges.n_reads),
        ("retries", "Writes run again after a collision.", gauges.n_retries),
        ("busy", "Jobs refused because a queue was full.", gauges.n_busy),
        ("lost", "Transactions lost because the database was.", gauges.n_lost),
    ];
    let mut text = String::new();
    let written = now
        .iter()
        .try_for_each(|(name, words, value)| {
            let name = format!("red_mailbox_store_{name}");
            writeln!(text, "# HELP {name} {words}\n# TYPE {name} gauge\n{name} {value}")
        })
        .and_then(|()| {
            since.iter().try_for_each(|(name, words, value)| {
                let name = format!("red_mailbox_store_{name}_total");
                writeln!(text, "# HELP {name} {words}\n# TYPE {name} counter\n{name} {value}")
            })
        });
    debug_assert!(written.is_ok(), "a String takes every text");
    text
}
