//! What can go wrong in the store, told apart by what the caller can do about it.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

/// Why the store did not do something. Nothing was changed when one of these is returned.
///
/// The texts are for operators and carry no row values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The row is not there.
    #[error("no such row")]
    NotFound,
    /// A unique rule refused the row; the constraint is named `table_column_column` on both engines,
    /// or as the unique index without `_idx`.
    #[error("a row with this key exists already: {}", constraint.as_deref().unwrap_or("unnamed constraint"))]
    Duplicate { constraint: Option<String> },
    /// The row has another version than the one the change was made for.
    #[error("the row was changed meanwhile")]
    Stale,
    /// The queue is full, or the database stayed locked too long; try again shortly.
    #[error("the database is busy")]
    Busy,
    /// Two transactions were in each other's way; the store retries the job by itself, a few times.
    #[error("the transaction collided with another one")]
    Collision,
    /// The database is gone, read-only, full or closed; it may come back.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// What is stored cannot be what we stored.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// The job panicked; its work was rolled back.
    #[error("a job of the store panicked")]
    Panicked,
    /// The statement itself is wrong, or broke a rule that the code above should have kept.
    #[error("the store was used wrongly: {0}")]
    Bug(String),
}

/// What the store needs to know of a job's error: how to make one, and whether the store itself was at fault.
///
/// A job that wraps the store's errors must give them back here, or it is not retried after a collision.
pub trait StoreFault: From<StoreError> + Send + 'static {
    /// The store's own error inside this one, if that is what it is.
    fn store_error(&self) -> Option<&StoreError>;
}

impl StoreFault for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl StoreError {
    /// Whether the connection or the whole transaction must be given up for this.
    pub(super) fn breaks_connection(&self) -> bool {
        matches!(self, StoreError::Unavailable(_) | StoreError::Corrupt(_))
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => StoreError::NotFound,
            DieselError::DatabaseError(kind, report) => from_database(kind, &*report),
            // The inner text may quote the stored value, so it stays out.
            DieselError::DeserializationError(_) => {
                StoreError::Corrupt("a value does not fit its column".into())
            }
            DieselError::SerializationError(_) => StoreError::Bug("a value could not be written".into()),
            DieselError::InvalidCString(_) => StoreError::Bug("a statement contains a zero byte".into()),
            other => StoreError::Bug(other.to_string()),
        }
    }
}

fn from_database(kind: DatabaseErrorKind, report: &dyn DatabaseErrorInformation) -> StoreError {
    match kind {
        DatabaseErrorKind::UniqueViolation => StoreError::Duplicate { constraint: constraint(report) },
        DatabaseErrorKind::SerializationFailure => StoreError::Collision,
        DatabaseErrorKind::ReadOnlyTransaction => StoreError::Unavailable("it is read-only".into()),
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
            StoreError::Unavailable("the connection was lost".into())
        }
        DatabaseErrorKind::ForeignKeyViolation => broken_rule("foreign key", report),
        DatabaseErrorKind::NotNullViolation => broken_rule("not null", report),
        DatabaseErrorKind::CheckViolation => broken_rule("check", report),
        _ => from_text(report.message()),
    }
}

fn broken_rule(rule: &str, report: &dyn DatabaseErrorInformation) -> StoreError {
    let place = [report.table_name(), report.column_name(), report.constraint_name()];
    let place: Vec<_> = place.into_iter().flatten().collect();
    // SQLite puts the constraint's name, never a value, into the message; PostgreSQL names it apart.
    let place = if place.is_empty() { report.message().to_owned() } else { place.join(".") };
    StoreError::Bug(format!("a {rule} rule was broken: {place}"))
}

/// The unique constraint's name, alike on both engines.
///
/// SQLite says `UNIQUE constraint failed: account.username` or `…: index 'x_idx'`, PostgreSQL
/// `account_username_key`.
fn constraint(report: &dyn DatabaseErrorInformation) -> Option<String> {
    if let Some(name) = report.constraint_name() {
        let bare = ["_key", "_idx"].iter().find_map(|it| name.strip_suffix(it));
        return Some(bare.unwrap_or(name).to_owned());
    }
    let (_, place) = report.message().split_once("constraint failed: ")?;
    if let Some(index) = place.strip_prefix("index '") {
        let index = index.trim_end_matches('\'');
        return Some(index.strip_suffix("_idx").unwrap_or(index).to_owned());
    }
    let mut columns = place.split(", ");
    let mut name = columns.next()?.replace('.', "_");
    for column in columns {
        name.push('_');
        name.push_str(column.rsplit('.').next().unwrap_or(column));
    }
    Some(name)
}

/// Reads the message, because diesel gives no more than `Unknown` here: it keeps neither SQLite's result code
/// nor PostgreSQL's SQLSTATE. This is the only place that looks at a message's words.
fn from_text(message: &str) -> StoreError {
    let has = |words: &[&str]| words.iter().any(|it| message.contains(it));
    // PostgreSQL translates; 40P01 is the one collision that diesel does not name by kind.
    if has(&["deadlock detected", "检测到死锁"]) {
        StoreError::Collision
    } else if has(&["is locked", "statement timeout", "lock timeout"]) {
        StoreError::Busy
    } else if has(&["readonly database", "read-only"]) {
        StoreError::Unavailable("it is read-only".into())
    } else if has(&["disk is full", "No space left on device"]) {
        StoreError::Unavailable("the disk is full".into())
    } else if has(&["disk I/O error", "could not write", "could not fsync", "could not extend"]) {
        StoreError::Unavailable("reading or writing the disk failed".into())
    } else if has(&["unable to open database file"]) {
        StoreError::Unavailable("the file could not be opened".into())
    } else if has(&["terminating connection", "is shutting down", "is starting up", "too many clients"])
        || has(&["in recovery mode", "connection slots are reserved", "connection closed"])
    {
        StoreError::Unavailable("the server is not taking connections".into())
    } else if has(&["malformed", "not a database"]) {
        StoreError::Corrupt("the database file is damaged".into())
    } else if has(&["append-only"]) {
        StoreError::Bug("the trail is append-only".into())
    } else {
        StoreError::Bug(without_values(message))
    }
}

/// The message with everything between quotation marks left out, unless it is a plain name.
fn without_values(message: &str) -> String {
    let is_name = |part: &str| part.chars().all(|it| it.is_ascii_lowercase() || it == '_' || it == '.');
    let parts = message.split('"').enumerate();
    parts.map(|(i, part)| if i % 2 == 0 || is_name(part) { part } else { "…" }).collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(kind: DatabaseErrorKind, message: &str) -> StoreError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_duplicate_is_named_as_table_and_columns() {
        let named = |message| match sqlite(DatabaseErrorKind::UniqueViolation, message) {
            StoreError::Duplicate { constraint } => constraint.unwrap(),
            other => panic!("not a duplicate: {other:?}"),
        };

        assert_eq!(named("UNIQUE constraint failed: account.username"), "account_username");
        assert_eq!(
            named("UNIQUE constraint failed: outbox.ticket_id, outbox.channel"),
            "outbox_ticket_id_channel"
        );
        assert_eq!(named("UNIQUE constraint failed: index 'setup_entry_code_idx'"), "setup_entry_code");
    }

    #[test]
    fn faults_of_the_machine_are_told_from_faults_of_the_code() {
        let unknown = |message| sqlite(DatabaseErrorKind::Unknown, message);

        assert!(matches!(unknown("attempt to write a readonly database"), StoreError::Unavailable(_)));
        assert!(matches!(unknown("database or disk is full"), StoreError::Unavailable(_)));
        assert!(matches!(unknown("database disk image is malformed"), StoreError::Corrupt(_)));
        assert_eq!(unknown("database is locked"), StoreError::Busy);
        assert_eq!(unknown("deadlock detected"), StoreError::Collision);
        assert!(matches!(unknown("no such table: letter"), StoreError::Bug(_)));
    }

    #[test]
    fn no_value_of_a_row_reaches_the_text_of_an_error() {
        let error =
            sqlite(DatabaseErrorKind::Unknown, "invalid input syntax for type bigint: \"13800138000\"");

        assert!(!error.to_string().contains("138"), "{error}");
    }
}
