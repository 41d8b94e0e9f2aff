//! A thread's own connection, made when it is needed and made again when it was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lite::{FileId, LiteDoor};
use super::pg::PgDoor;
use super::{Db, StoreError};

/// A server that did not answer is not asked again for this long: each try may take seconds, and a queue of
/// jobs must hear "unavailable" at once.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// Begins a job within a transaction.
pub(super) const SAVEPOINT: &str = "SAVEPOINT job";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// Where connections come from.
pub(super) enum Door {
    Lite(LiteDoor),
    Pg(Box<PgDoor>),
}

impl Door {
    fn connect(&self, purpose: Purpose) -> Result<Db, StoreError> {
        match self {
            Door::Lite(door) => door.connect(purpose).map(Db::Lite),
            Door::Pg(door) => door.connect().map(Db::Pg),
        }
    }

    /// The statements that open a transaction of this purpose; one that writes has the savepoint of its first job.
    fn begin_sql(&self, purpose: Purpose) -> &'static [&'static str] {
        match (self, purpose) {
            (Door::Lite(_), Purpose::Read) => &["BEGIN"],
            (Door::Pg(_), Purpose::Write) => &["BEGIN", SAVEPOINT],
            // A deferred transaction that turns into a writer fails at once when another one writes.
            (Door::Lite(_), Purpose::Write) => &["BEGIN IMMEDIATE", SAVEPOINT],
            // One snapshot for all statements of a read, as SQLite gives.
            (Door::Pg(_), Purpose::Read) => &["BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"],
        }
    }
}

/// One thread's connection, lazily made.
pub(super) struct Link {
    door: Arc<Door>,
    purpose: Purpose,
    db: Option<Db>,
    file: Option<FileId>,
    refused_at: Option<(Instant, StoreError)>,
}

impl Link {
    pub(super) fn new(door: Arc<Door>, purpose: Purpose) -> Self {
        Self { door, purpose, db: None, file: None, refused_at: None }
    }

    /// A connection with a transaction open on it, and when it is to write, the savepoint of its first job.
    ///
    /// A connection that died while it was idle is noticed here and replaced.
    pub(super) fn begin(&mut self) -> Result<&mut Db, StoreError> {
        self.look_at_file()?;
        let sql = self.door.begin_sql(self.purpose);
        let begun = match &mut self.db {
            Some(db) => db.steer(sql),
            None => Err(StoreError::Unavailable("not connected yet".into())),
        };
        match begun {
            Ok(()) => {}
            Err(StoreError::Busy) => return Err(StoreError::Busy),
            Err(_) => {
                self.drop_connection();
                let mut db = self.connect()?;
                db.steer(sql)?;
                self.db = Some(db);
            }
        }
        self.db.as_mut().ok_or_else(|| StoreError::Unavailable("not connected".into()))
    }

    /// Lets the connection go; the next `begin` makes a new one.
    pub(super) fn drop_connection(&mut self) {
        self.db = None;
        self.file = None;
    }

    /// Brings the log into the main file, so that a stopped server leaves one file.
    pub(super) fn finish(&mut self) {
        if self.purpose == Purpose::Write
            && let Some(Db::Lite(conn)) = &mut self.db
        {
            super::lite::checkpoint(conn);
        }
        self.drop_connection();
    }

    fn connect(&mut self) -> Result<Db, StoreError> {
        if let Some((at, fault)) = &self.refused_at
            && at.elapsed() < RECONNECT_PAUSE
            && matches!(*self.door, Door::Pg(_))
        {
            return Err(fault.clone());
        }
        match self.door.connect(self.purpose) {
            Ok(db) => {
                self.refused_at = None;
                self.look_at_file()?;
                Ok(db)
            }
            Err(fault) => {
                self.refused_at = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Checks that the open SQLite file is still the one at its path: SQLite would go on writing into a file
    /// that was moved or removed, and those tickets would be lost.
    fn look_at_file(&mut self) -> Result<(), StoreError> {
        let door = Arc::clone(&self.door);
        let Door::Lite(lite) = &*door else { return Ok(()) };
        let found = lite.file_id(self.purpose).inspect_err(|_| self.drop_connection())?;
        if self.file.is_some_and(|opened| opened != found) {
            self.drop_connection();
        }
        self.file = Some(found);
        Ok(())
    }
}
