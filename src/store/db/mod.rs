//! One store, two engines: connections, queues, and the promise that an answer comes after the commit.
//!
//! Every write is a job: a closure over [`Db`] that runs in one transaction on a thread of the store. SQLite
//! has one writing thread that commits whatever is queued together; PostgreSQL has several, and one for
//! intake that groups likewise, because the day's ticket number is a row that only one may hold.

mod error;
mod fixed;
mod inserts;
mod lanes;
mod link;
mod lite;
mod pg;
mod place;
mod soundness;
mod task;

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::query_dsl::RunQueryDsl as _;
use diesel::sqlite::SqliteConnection;

pub use error::{StoreError, StoreFault};
pub(in crate::store) use fixed::{Draw, Fixed};
pub(in crate::store) use inserts::{Inserts, insert};
pub use pg::{PgConn, ThreadRuntime};
pub use soundness::Soundness;

use super::migrate;
use lanes::{Lane, Lanes};
use link::Door;
use lite::LiteDoor;
use pg::PgDoor;
use soundness::Watch;
use task::task;

/// A connection with a transaction open on it.
///
/// Jobs never open transactions of their own (`conn.transaction`): the store's would end with it.
#[expect(clippy::large_enum_variant, reason = "there is one per thread, and it stays where it is")]
pub enum Db {
    /// The embedded engine.
    Lite(SqliteConnection),
    /// The server.
    Pg(PgConn),
}

impl Db {
    /// What is deleted from now on is overwritten with zeros too, or no more. The server does so as it tidies up.
    pub(in crate::store) fn overwrite_deleted(&mut self, is_on: bool) -> Result<(), StoreError> {
        match self {
            Db::Lite(conn) => {
                let switch = if is_on { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" };
                Ok(conn.batch_execute(switch)?)
            }
            Db::Pg(_) => Ok(()),
        }
    }
}

/// Runs one diesel statement on whichever engine is there: `on!(db, |c| node::table.count().get_result(c))?`.
macro_rules! on {
    ($db:expr, |$c:ident| $query:expr) => {
        match $db {
            $crate::store::db::Db::Lite($c) => $query,
            $crate::store::db::Db::Pg($c) => $query,
        }
    };
}
pub(crate) use on;

/// Inserts rows: `insert_all!(db, outbox::table, &rows)?`. One statement on the server; one each on SQLite, where
/// diesel would open a transaction of its own for many.
macro_rules! insert_all {
    ($db:expr, $table:expr, $rows:expr) => {
        match $db {
            $crate::store::db::Db::Lite(c) => {
                $rows.iter().try_for_each(|it| diesel::insert_into($table).values(it).execute(c).map(drop))
            }
            $crate::store::db::Db::Pg(c) => diesel::insert_into($table).values($rows).execute(c).map(drop),
        }
    };
}
pub(crate) use insert_all;

/// Runs a query whose rows are held until the transaction ends:
/// `held!(db, session::table.find(id), |c, query| query.first(c).optional())?`.
///
/// `FOR UPDATE` on the server; SQLite has one writer, so its rows are held anyway.
macro_rules! held {
    ($db:expr, $query:expr, |$c:ident, $held:ident| $run:expr) => {
        match $db {
            $crate::store::db::Db::Lite($c) => {
                let $held = $query;
                $run
            }
            $crate::store::db::Db::Pg($c) => {
                let $held = $query.for_update();
                $run
            }
        }
    };
}
pub(crate) use held;

/// False for a text with a zero byte: PostgreSQL has none, so nothing stored is called that.
pub(super) fn can_be_stored(text: &str) -> bool {
    !text.contains('\0')
}

impl Db {
    /// Runs `work`; if it fails, what it did is rolled back and the transaction goes on.
    ///
    /// PostgreSQL refuses every further statement of a transaction after a failed one, unless it failed in here.
    ///
    /// # Errors
    /// What `work` returns, or the store's own fault.
    pub fn attempt<T, E: StoreFault>(&mut self, work: impl FnOnce(&mut Db) -> Result<T, E>) -> Result<T, E> {
        self.steer(&["SAVEPOINT attempt"])?;
        let outcome = work(self);
        self.steer(match &outcome {
            Ok(_) => &["RELEASE SAVEPOINT attempt"],
            Err(_) => &["ROLLBACK TO SAVEPOINT attempt", "RELEASE SAVEPOINT attempt"],
        })?;
        outcome
    }

    /// Runs what steers a transaction: on PostgreSQL in one round trip, on SQLite compiled once.
    fn steer(&mut self, statements: &[&'static str]) -> Result<(), StoreError> {
        match self {
            Db::Lite(c) => {
                for statement in statements {
                    Fixed(statement).execute(c)?;
                }
            }
            Db::Pg(c) => c.batch_execute(&statements.join("; "))?,
        }
        Ok(())
    }

    /// Runs SQL without values.
    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        on!(self, |c| c.batch_execute(sql)).map_err(StoreError::from)
    }
}

/// How the store is opened. It has no `Debug`: URLs carry passwords.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:///path/to/file.db` or `postgres://user:password@host/name`.
    pub database_url: String,
    /// PostgreSQL only: the role that owns the tables, so that the serving role cannot rewrite events.
    pub migrate_url: Option<String>,
    /// Threads that read, each with its own connection.
    pub readers: usize,
    /// PostgreSQL only: threads that write besides intake. SQLite always has one.
    pub writers: usize,
    /// Jobs that may wait in each queue; one more is refused as busy.
    pub queue_max: usize,
}

impl StoreSettings {
    /// Settings for `database_url` that suit a machine of 2 to 8 cores.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self { database_url: database_url.into(), migrate_url: None, readers: 4, writers: 4, queue_max: 1024 }
    }
}

/// Figures about the store for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreGauges {
    /// Writes waiting now.
    pub n_writes_queued: usize,
    /// Intake writes waiting now; they are among the writes on SQLite.
    pub n_intakes_queued: usize,
    /// Reads waiting now.
    pub n_reads_queued: usize,
    /// Write transactions tried since the start.
    pub n_batches: u64,
    /// Write jobs answered since the start.
    pub n_writes: u64,
    /// Read jobs answered since the start.
    pub n_reads: u64,
    /// Jobs run again after a collision or a failed neighbour.
    pub n_retries: u64,
    /// Jobs refused because a queue was full.
    pub n_busy: u64,
    /// Transactions lost because the database was.
    pub n_lost: u64,
}

/// The store: cheap to clone, shared by every request and the worker.
///
/// When the last clone is gone, its threads finish what is queued and stop.
#[derive(Clone)]
pub struct Store {
    lanes: Arc<Lanes>,
    watch: Arc<Watch>,
}

impl Store {
    /// Opens the database, migrates it, and starts the threads. Blocks; also works inside a runtime.
    ///
    /// # Errors
    /// Unavailable with a hint for operators when the URL is not understood or the database cannot be
    /// used; `Corrupt` when it is damaged or newer than this program.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let door = off_runtime(|| {
            let door = open_door(&settings.database_url)?;
            migrate::prepare(settings)?;
            Ok(door)
        })?;
        let door = Arc::new(door);
        Ok(Self { lanes: Arc::new(Lanes::start(&door, settings)?), watch: Arc::new(Watch::new(door)) })
    }

    /// Says that a server works with the database from now on, until [`Store::close`]. A SQLite file whose
    /// last server was not stopped in order is looked over beside the work; [`Store::soundness`] tells.
    ///
    /// # Errors
    /// Unavailable when the mark beside the file cannot be made.
    pub fn begin_serving(&self) -> Result<(), StoreError> {
        self.watch.begin()
    }

    /// What is known of the database's file as a whole.
    pub fn soundness(&self) -> Soundness {
        self.watch.found()
    }

    /// Runs `job` in one write transaction and answers after its commit; an `Err` rolls it back.
    ///
    /// The job may run more than once: after a collision, or alone after its group failed.
    ///
    /// # Errors
    /// What the job returns; `Busy` at once when the queue is full; `Unavailable` when the database is, and
    /// then the job was not acknowledged.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask(Lane::Write, job).await
    }

    /// Like `write`, for jobs that take the next ticket number: they are grouped on PostgreSQL too.
    ///
    /// # Errors
    /// As `write`.
    pub async fn write_intake<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask(Lane::Intake, job).await
    }

    /// Runs `job` on a connection that cannot write; all its statements see one moment of the database.
    ///
    /// # Errors
    /// As `write`.
    pub async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask(Lane::Read, job).await
    }

    /// `write` for commands, outside of any runtime; waits for room in the queue.
    ///
    /// # Errors
    /// As `write`, but never `Busy` for a full queue.
    pub fn write_blocking<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask_blocking(Lane::Write, job)
    }

    /// `write_intake` for commands, outside of any runtime; waits for room in the queue.
    ///
    /// # Errors
    /// As `write_blocking`.
    pub fn write_intake_blocking<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask_blocking(Lane::Intake, job)
    }

    /// `read` for commands, outside of any runtime; waits for room in the queue.
    ///
    /// # Errors
    /// As `write_blocking`.
    pub fn read_blocking<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        self.ask_blocking(Lane::Read, job)
    }

    /// Tries a real write and takes it back: fails when the database is gone, locked or read-only. A full
    /// disk shows only when a commit reaches it, so free space is asked for elsewhere.
    ///
    /// # Errors
    /// Unavailable or Busy, as a write would now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        /// Either a fault of the store, or none and the work is to be taken back.
        struct Undo(Option<StoreError>);
        impl From<StoreError> for Undo {
            fn from(fault: StoreError) -> Self {
                Self(Some(fault))
            }
        }
        impl StoreFault for Undo {
            fn store_error(&self) -> Option<&StoreError> {
                self.0.as_ref()
            }
        }

        let outcome = self
            .write(|db| {
                db.run("INSERT INTO failed_attempt VALUES ('ping', 'ping', 0, 0, 0)")?;
                Err::<(), _>(Undo(None))
            })
            .await;
        match outcome {
            Ok(()) | Err(Undo(None)) => Ok(()),
            Err(Undo(Some(fault))) => Err(fault),
        }
    }

    /// What is queued and what was done.
    pub fn gauges(&self) -> StoreGauges {
        self.lanes.gauges()
    }

    /// Takes no more jobs, finishes those that are queued, and stops the threads. Blocks until then.
    pub fn close(&self) {
        self.lanes.close();
        self.watch.end();
    }

    async fn ask<T, E, F>(&self, lane: Lane, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        let (task, answer) = task(job);
        self.lanes.offer(lane, task)?;
        answer.await.unwrap_or_else(|_| Err(unanswered().into()))
    }

    fn ask_blocking<T, E, F>(&self, lane: Lane, job: F) -> Result<T, E>
    where
        F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: StoreFault,
    {
        let (task, answer) = task(job);
        self.lanes.put(lane, task)?;
        answer.blocking_recv().unwrap_or_else(|_| Err(unanswered().into()))
    }
}

fn unanswered() -> StoreError {
    StoreError::Unavailable("the store stopped before it answered".into())
}

fn open_door(url: &str) -> Result<Door, StoreError> {
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        _ if url == "sqlite::memory:" || url.starts_with("sqlite://:memory:") => Err(StoreError::Unavailable(
            "an in-memory database would forget every ticket\nhint: name a file: sqlite:///path/to/file.db".into(),
        )),
        "sqlite" if url.starts_with("sqlite://") => LiteDoor::open(url).map(Door::Lite),
        "postgres" | "postgresql" => PgDoor::open(url).map(|it| Door::Pg(Box::new(it))),
        // The URL itself may carry a password.
        scheme => Err(StoreError::Unavailable(format!(
            "the database URL has no scheme this program knows: {scheme:?}\n\
             hint: write sqlite:///path/to/file.db or postgres://user@host/name"
        ))),
    }
}

/// A connection outside of the queues, for migrations: without a transaction, without a limit on time.
pub(super) fn connect_bare(url: &str) -> Result<Db, StoreError> {
    match open_door(url)? {
        Door::Lite(door) => door.connect_bare().map(Db::Lite),
        Door::Pg(door) => door.connect_bare().map(Db::Pg),
    }
}

/// Runs `work` on a thread of its own: PostgreSQL connections cannot be driven from inside a runtime.
pub(super) fn off_runtime<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or(Err(StoreError::Panicked))
}
