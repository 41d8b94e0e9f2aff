//! SQLite: opening the file safely, and the settings every connection has.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::StoreError;
use super::link::Purpose;
use crate::store::search;

/// Earlier versions can lose commits in WAL mode with several connections (the WAL-reset race).
const VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// Which file is open: device and inode.
pub(super) type FileId = (u64, u64);

/// A SQLite database at a path.
pub(super) struct LiteDoor {
    path: PathBuf,
}

diesel::define_sql_function! {
    /// The version of the SQLite library in use.
    fn sqlite_version() -> Text;
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl LiteDoor {
    /// The door to the file named by `sqlite://path`, which is made if it is missing, but not on a network file system.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let path = url.strip_prefix("sqlite://").unwrap_or(url);
        if path.is_empty() {
            return Err(unusable(
                "no file is named in the database URL\nhint: write sqlite:///path/to/file.db",
            ));
        }
        let path = PathBuf::from(path);
        refuse_old_library()?;
        super::place::refuse_network(&path)?;
        create_private(&path)?;
        Ok(Self { path })
    }

    /// Where it is noted that the file is being served.
    pub(super) fn mark(&self) -> PathBuf {
        beside(&self.path, "-serving")
    }

    /// Opens the existing file; never makes an empty one in its place.
    pub(super) fn connect(&self, purpose: Purpose) -> Result<SqliteConnection, StoreError> {
        // It was migrated when the store was opened: an empty file is not the one that was there.
        if is_empty(&self.path) {
            return Err(not_ours(&self.path));
        }
        let mut conn = self.connect_bare()?;
        if purpose == Purpose::Read {
            conn.batch_execute("PRAGMA query_only = ON")?;
        }
        let migrated = diesel::sql_query(
            "SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table' AND name = '__diesel_schema_migrations'",
        )
        .get_result::<Counted>(&mut conn)?;
        if migrated.n == 0 {
            return Err(unusable(&format!("{} is not the database of this program", self.path.display())));
        }
        if purpose == Purpose::Write {
            conn.batch_execute(search::WORDS_LATER)?;
        }
        Ok(conn)
    }

    /// A connection that may be used before the tables are there.
    pub(super) fn connect_bare(&self) -> Result<SqliteConnection, StoreError> {
        // SQLite would delete the log beside an empty file, and with it what was acknowledged.
        if is_empty(&self.path) && std::fs::metadata(log_of(&self.path)).is_ok_and(|it| it.len() > 0) {
            return Err(not_ours(&self.path));
        }
        let mut conn = SqliteConnection::establish(&uri(&self.path))
            .map_err(|error| unusable(&format!("could not open {}: {error}", self.path.display())))?;
        conn.batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON",
        )?;
        // FULL: with NORMAL a power cut lost acknowledged rows in trials.
        let journal =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
            PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY";
        // Turning WAL on does not wait for a lock, so two processes starting together must try again.
        let mut tries = 0;
        while let Err(error) = conn.batch_execute(journal) {
            tries += 1;
            if tries > 50 || StoreError::from(error) != StoreError::Busy {
                return conn.batch_execute(journal).map(|()| conn).map_err(StoreError::from);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(conn)
    }

    /// The file at the path now.
    ///
    /// # Errors
    /// Unavailable when it is not there, or when its write permission was taken away and `purpose` is to
    /// write: an open SQLite connection would not notice either.
    pub(super) fn file_id(&self, purpose: Purpose) -> Result<FileId, StoreError> {
        let found = std::fs::metadata(&self.path)
            .map_err(|error| unusable(&format!("{}: {error}", self.path.display())))?;
        if purpose == Purpose::Write && found.mode() & 0o222 == 0 {
            return Err(StoreError::Unavailable("it is read-only".into()));
        }
        Ok((found.dev(), found.ino()))
    }
}

/// Writes the log back into the main file. Failing is harmless: the next start reads the log.
pub(super) fn checkpoint(conn: &mut SqliteConnection) {
    if let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "could not write the log back into the database file");
    }
}

fn refuse_old_library() -> Result<(), StoreError> {
    let version = SqliteConnection::establish(":memory:")
        .map_err(|error| unusable(&error.to_string()))
        .and_then(|mut conn| Ok(diesel::select(sqlite_version()).get_result::<String>(&mut conn)?))?;
    let mut parts = version.split('.').map(|it| it.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < VERSION_MIN {
        return Err(unusable(&format!("SQLite {version} can lose commits, 3.51.3 or later is needed")));
    }
    Ok(())
}

/// Makes the file, readable by its owner only, if it is missing; SQLite gives its log the same mode.
///
/// A log without its database is what remains when the file was taken away: then nothing is made.
fn create_private(path: &Path) -> Result<(), StoreError> {
    if !path.exists() && log_of(path).exists() {
        return Err(not_ours(path));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unusable(&format!(
            "could not create {}: {error}\nhint: the folder must exist and be writable",
            path.display()
        ))),
    }
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| it.len() == 0)
}

/// The write-ahead log, which SQLite keeps beside the file that a link leads to.
fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(ending);
    name.into()
}

fn not_ours(path: &Path) -> StoreError {
    unusable(&format!(
        "{0} is missing or empty, but was in use\nhint: put the database back there; its log {0}-wal belongs to it and holds tickets",
        path.display()
    ))
}

/// `mode=rw`: diesel's own flags would create a missing file.
fn uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?mode=rw")
}

fn unusable(cause: &str) -> StoreError {
    StoreError::Unavailable(cause.to_owned())
}
