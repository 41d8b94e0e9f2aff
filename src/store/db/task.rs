//! One caller's job on its way through a queue: run, judged, and answered after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::{Db, StoreError, StoreFault};

/// What a transaction should do with the work of a job that has just run.
pub(super) enum Verdict {
    /// It succeeded: keep its work.
    Keep,
    /// It refused: roll its work back, its neighbours are not concerned.
    Refuse,
    /// It collided with another transaction: roll back and run it again, alone.
    Again,
    /// The database failed under it: the whole transaction is lost.
    Lost(StoreError),
}

/// A job with its waiting caller, whatever the types of its answer.
pub(super) trait Task: Send {
    /// Runs the job inside the transaction that is open on `db` and keeps the answer.
    fn run(&mut self, db: &mut Db) -> Verdict;
    /// Replaces the answer: the work is not kept.
    fn fail(&mut self, fault: StoreError);
    /// Gives the caller the answer.
    fn answer(self: Box<Self>);
}

struct Asked<T, E, F> {
    job: F,
    outcome: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

/// Boxes `job`; the answer arrives at the receiver.
pub(super) fn task<T, E, F>(job: F) -> (Box<dyn Task>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut Db) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: StoreFault,
{
    let (caller, answer) = oneshot::channel();
    (Box::new(Asked { job, outcome: None, caller }), answer)
}

impl<T, E, F> Task for Asked<T, E, F>
where
    F: Fn(&mut Db) -> Result<T, E> + Send,
    T: Send,
    E: StoreFault,
{
    fn run(&mut self, db: &mut Db) -> Verdict {
        // A panic leaves nothing behind but what the savepoint takes back.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.job)(db)));
        let outcome = outcome.unwrap_or_else(|_| Err(E::from(StoreError::Panicked)));
        let verdict = match outcome.as_ref().map_err(E::store_error) {
            Ok(_) => Verdict::Keep,
            Err(Some(StoreError::Collision)) => Verdict::Again,
            Err(Some(fault)) if fault.breaks_connection() => Verdict::Lost(fault.clone()),
            Err(_) => Verdict::Refuse,
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn fail(&mut self, fault: StoreError) {
        self.outcome = Some(Err(E::from(fault)));
    }

    fn answer(self: Box<Self>) {
        let outcome = self
            .outcome
            .unwrap_or_else(|| Err(E::from(StoreError::Unavailable("the store is closed".into()))));
        // The caller may have gone away; the work is kept all the same.
        drop(self.caller.send(outcome));
    }
}
