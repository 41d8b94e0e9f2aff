//! The queues and the threads behind them: reading, writing, and intake.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::link::{Door, Link, Purpose, SAVEPOINT};
use super::task::{Task, Verdict};
use super::{Db, StoreError, StoreGauges, StoreSettings};
use crate::store::search;

/// Jobs that commit together: more would make the first of them wait.
const BATCH_MAX: usize = 256;
/// Work after which a group commits even if more is queued.
const BATCH_SPAN: Duration = Duration::from_millis(20);
/// Times a job runs before its collisions are reported as such.
const TRIES_MAX: u32 = 5;

type Queue = Sender<Box<dyn Task>>;

/// Which queue a job goes to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    Read,
    Write,
    Intake,
}

/// Counts since the start.
#[derive(Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    retries: AtomicU64,
    busy: AtomicU64,
    lost: AtomicU64,
}

struct Queues {
    read: Queue,
    write: Queue,
    /// None on SQLite: its one writer groups everything.
    intake: Option<Queue>,
}

/// The queues, until they are closed, and the threads.
pub(super) struct Lanes {
    queues: RwLock<Option<Queues>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

impl Lanes {
    /// Starts the threads. Connections are made when the first job comes.
    pub(super) fn start(door: &Arc<Door>, settings: &StoreSettings) -> Result<Self, StoreError> {
        let counters = Arc::new(Counters::default());
        let mut threads = Vec::new();
        let room = settings.queue_max.max(1);
        let start =
            |name: &str, n: usize, purpose, batch_max, threads: &mut Vec<_>| -> Result<Queue, StoreError> {
                let (queue, jobs) = bounded(room);
                for _ in 0..n.max(1) {
                    let link = Link::new(Arc::clone(door), purpose);
                    let server =
                        Server { link, jobs: jobs.clone(), batch_max, counters: Arc::clone(&counters) };
                    let thread = std::thread::Builder::new()
                        .name(name.to_owned())
                        .spawn(move || server.serve(purpose));
                    threads.push(thread.map_err(|error| {
                        StoreError::Unavailable(format!("could not start a thread: {error}"))
                    })?);
                }
                Ok(queue)
            };
        let read = start("store-read", settings.readers, Purpose::Read, 1, &mut threads)?;
        let (write, intake) = match **door {
            Door::Lite(_) => (start("store-write", 1, Purpose::Write, BATCH_MAX, &mut threads)?, None),
            Door::Pg(_) => (
                start("store-write", settings.writers, Purpose::Write, 1, &mut threads)?,
                Some(start("store-intake", 1, Purpose::Write, BATCH_MAX, &mut threads)?),
            ),
        };
        let queues = RwLock::new(Some(Queues { read, write, intake }));
        Ok(Self { queues, threads: Mutex::new(threads), counters })
    }

    /// Queues a job, or refuses it at once when there is no room.
    pub(super) fn offer(&self, lane: Lane, task: Box<dyn Task>) -> Result<(), StoreError> {
        self.queue(lane)?.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.counters.busy.fetch_add(1, Ordering::Relaxed);
                StoreError::Busy
            }
            TrySendError::Disconnected(_) => closed(),
        })
    }

    /// Queues a job, waiting for room.
    pub(super) fn put(&self, lane: Lane, task: Box<dyn Task>) -> Result<(), StoreError> {
        self.queue(lane)?.send(task).map_err(|_| closed())
    }

    fn queue(&self, lane: Lane) -> Result<Queue, StoreError> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let queues = queues.as_ref().ok_or_else(closed)?;
        Ok(match lane {
            Lane::Read => &queues.read,
            Lane::Write => &queues.write,
            Lane::Intake => queues.intake.as_ref().unwrap_or(&queues.write),
        }
        .clone())
    }

    pub(super) fn close(&self) {
        // Without senders the threads end when their queue is empty.
        drop(self.queues.write().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }

    pub(super) fn gauges(&self) -> StoreGauges {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let waiting =
            |pick: fn(&Queues) -> Option<&Queue>| queues.as_ref().and_then(pick).map_or(0, Sender::len);
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        StoreGauges {
            n_writes_queued: waiting(|it| Some(&it.write)),
            n_intakes_queued: waiting(|it| it.intake.as_ref()),
            n_reads_queued: waiting(|it| Some(&it.read)),
            n_batches: count(&self.counters.batches),
            n_writes: count(&self.counters.writes),
            n_reads: count(&self.counters.reads),
            n_retries: count(&self.counters.retries),
            n_busy: count(&self.counters.busy),
            n_lost: count(&self.counters.lost),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// One thread: takes jobs from its queue until the queue is closed and empty.
struct Server {
    link: Link,
    jobs: Receiver<Box<dyn Task>>,
    batch_max: usize,
    counters: Arc<Counters>,
}

impl Server {
    fn serve(mut self, purpose: Purpose) {
        while let Ok(first) = self.jobs.recv() {
            match purpose {
                Purpose::Read => self.read(first),
                Purpose::Write => {
                    for task in self.commit_group(first, self.batch_max) {
                        self.commit_alone(task);
                    }
                }
            }
        }
        self.link.finish();
    }

    fn read(&mut self, mut task: Box<dyn Task>) {
        // A lost connection harms nobody here, so the job gets a second one.
        for _ in 0..2 {
            let verdict = match self.link.begin() {
                Ok(db) => {
                    let verdict = task.run(db);
                    if db.steer(&["ROLLBACK"]).is_err() {
                        self.link.drop_connection();
                    }
                    verdict
                }
                Err(fault) => {
                    task.fail(fault);
                    break;
                }
            };
            match verdict {
                Verdict::Keep | Verdict::Refuse => break,
                Verdict::Again => add(&self.counters.retries),
                Verdict::Lost(_) => {
                    add(&self.counters.lost);
                    self.link.drop_connection();
                }
            }
        }
        add(&self.counters.reads);
        task.answer();
    }

    /// Runs a job in its own transaction, again when it collides.
    fn commit_alone(&mut self, mut task: Box<dyn Task>) {
        for turn in 1..TRIES_MAX {
            add(&self.counters.retries);
            match self.commit_group(task, 1).pop() {
                None => return,
                Some(again) => task = again,
            }
            // Those who collided must not meet again in step: threads wait for different spans.
            std::thread::sleep(Duration::from_millis(u64::from(turn * turn) + rand::random_range(0..5)));
        }
        self.answer(vec![task]);
    }

    /// Runs `first` and what else is queued in one transaction; everyone is answered after the commit.
    ///
    /// Gives back the jobs that must run again, alone.
    fn commit_group(&mut self, first: Box<dyn Task>, batch_max: usize) -> Vec<Box<dyn Task>> {
        add(&self.counters.batches);
        let mut done = Vec::new();
        let mut again = Vec::new();
        let outcome = match self.link.begin() {
            Ok(db) => {
                let ran = run_group(db, &self.jobs, first, batch_max, &mut done, &mut again);
                ran.and_then(|()| commit(db)).inspect_err(|_| {
                    // Often there is nothing left to roll back; the connection is looked at below.
                    drop(db.steer(&["ROLLBACK"]));
                })
            }
            Err(fault) => {
                done.push(first);
                Err(fault)
            }
        };
        let Err(fault) = outcome else {
            self.answer(done);
            return again;
        };
        for task in &mut done {
            task.fail(fault.clone());
        }
        let is_lost = fault.breaks_connection() || fault == StoreError::Busy;
        if is_lost {
            add(&self.counters.lost);
            self.link.drop_connection();
        }
        // Whether a lost commit took place is unknown, so nothing is run again. Otherwise one job's deferred
        // rule can have failed the commit of all.
        if is_lost || (done.len() == 1 && fault != StoreError::Collision) {
            self.answer(done);
        } else {
            again.append(&mut done);
        }
        again
    }

    fn answer(&self, done: Vec<Box<dyn Task>>) {
        self.counters.writes.fetch_add(done.len() as u64, Ordering::Relaxed);
        for task in done {
            task.answer();
        }
    }
}

/// Runs jobs until there are none queued, enough, or time is up. Each has a savepoint of its own: that of the first
/// was set with the transaction, the next ones follow where the one before is released.
///
/// An error means that the transaction is lost; the job that met it is among `done`.
fn run_group(
    db: &mut Db,
    jobs: &Receiver<Box<dyn Task>>,
    first: Box<dyn Task>,
    batch_max: usize,
    done: &mut Vec<Box<dyn Task>>,
    again: &mut Vec<Box<dyn Task>>,
) -> Result<(), StoreError> {
    let started = Instant::now();
    let mut next = Some(first);
    while let Some(mut task) = next {
        let verdict = task.run(db);
        let is_full = done.len() + again.len() + 1 >= batch_max || started.elapsed() >= BATCH_SPAN;
        next = if is_full { None } else { jobs.try_recv().ok() };
        let settled = settle(db, &mut *task, &verdict, next.is_some());
        match verdict {
            Verdict::Again => again.push(task),
            Verdict::Keep | Verdict::Refuse | Verdict::Lost(_) => done.push(task),
        }
        if let Err(fault) = settled {
            // Nothing of it was begun, so it runs again with the others.
            again.extend(next);
            return Err(fault);
        }
    }
    Ok(())
}

/// Keeps the work of a job that has run, or takes it back, and sets the savepoint of the next.
fn settle(db: &mut Db, task: &mut dyn Task, verdict: &Verdict, has_next: bool) -> Result<(), StoreError> {
    const UNDO: &str = "ROLLBACK TO SAVEPOINT job";
    match verdict {
        // The commit releases the last one.
        Verdict::Keep if !has_next => Ok(()),
        Verdict::Keep => {
            // PostgreSQL refuses this when the job overlooked a failed statement: nothing of it would be kept.
            db.steer(&[RELEASE, SAVEPOINT]).or_else(|fault| {
                task.fail(fault);
                db.steer(&[UNDO]).map_err(lost)
            })
        }
        Verdict::Refuse | Verdict::Again => db.steer(&[UNDO]).map_err(lost),
        Verdict::Lost(fault) => Err(fault.clone()),
    }
}

/// Ends the last job and the transaction. PostgreSQL refuses the first when that job overlooked a failed statement,
/// where a bare COMMIT would roll back and say nothing.
fn commit(db: &mut Db) -> Result<(), StoreError> {
    search::index_waiting_words(db)?;
    db.steer(&[RELEASE, "COMMIT"])
}

const RELEASE: &str = "RELEASE SAVEPOINT job";

/// A savepoint that cannot be reached means that the engine gave the transaction up.
fn lost(fault: StoreError) -> StoreError {
    if fault.breaks_connection() {
        fault
    } else {
        StoreError::Unavailable(format!("the transaction was lost: {fault}"))
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
