//! The receipt: number and code open a ticket; only failed guesses count against limits.

use chrono::TimeDelta;
use subtle::ConstantTimeEq;

use super::{App, Error};
use crate::domain::number::{Reference, Serial, parse_receipt_code, receipt_code};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::domain::value::At;
use crate::store::people::attempts;
use crate::store::tickets::By;
use crate::store::{Db, StoreError, StoreFault, receipts, tickets};

/// Failed guesses an hour from one address (TRUST R10).
const GUESSES_PER_ADDRESS_MAX: i64 = 30;
/// Failed guesses an hour at one ticket, from all addresses together.
const GUESSES_PER_TICKET_MAX: i64 = 30;

const BY_ADDRESS: &str = "receipt_address";
const BY_TICKET: &str = "receipt_ticket";
/// Guesses are counted by the hour; after it nothing needs the address any more.
const GUESSES_KEPT: TimeDelta = TimeDelta::hours(1);

/// The receipt code of `ticket` that is good now.
pub fn code_of(app: &App, ticket: &Ticket) -> String {
    receipt_code(&app.keys.receipt, &ticket.number, ticket.receipt_issue)
}

/// The code on a slip and its stub, which opens the first ticket of its letter.
pub fn code_of_slip(app: &App, serial: &Serial) -> String {
    receipt_code(&app.keys.receipt, &serial.to_string(), 1)
}

/// How a guess ended that is not counted: what was counted for it is taken back with the job's savepoint.
enum Uncounted {
    Opened(Box<Ticket>),
    Failed(Error),
}

impl From<StoreError> for Uncounted {
    fn from(fault: StoreError) -> Self {
        Self::Failed(fault.into())
    }
}

impl StoreFault for Uncounted {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Opened(_) => None,
            Self::Failed(error) => error.store_error(),
        }
    }
}

/// The ticket that `number`, a ticket's or a slip's, and `code` open, for somebody at `address`.
///
/// A wrong code and an unknown number give the same answer after the same work. A right code from an
/// address that has not failed passes always, however many others guess. Every guess is counted before it is
/// judged, in one transaction, so that guesses at once get no more answers than guesses in turn.
///
/// # Errors
/// `NotFound`, `NotRegisteredYet` for a slip that is bound to no letter, or `TooMany` once an address or a ticket
/// has had too many failed guesses.
pub async fn open(app: &App, number: &Reference, code: &str, address: &str) -> Result<Ticket, Error> {
    let (number, address, now) = (number.clone(), address.to_owned(), app.clock.now());
    let given = parse_receipt_code(code).unwrap_or_default();
    let key = app.keys.receipt;
    let judged = app.store.write(move |db: &mut Db| judge(db, &key, &number, &given, &address, now)).await;
    match judged {
        Ok(refusal) => Err(refusal.into()),
        Err(Uncounted::Opened(ticket)) => Ok(*ticket),
        Err(Uncounted::Failed(error)) => Err(error),
    }
}

/// Counts a guess and judges it: `Ok` is the refusal of a wrong code, whose count stays.
fn judge(
    db: &mut Db,
    key: &[u8; 32],
    number: &Reference,
    given: &str,
    address: &str,
    now: At,
) -> Result<Refusal, Uncounted> {
    let (found, number, issue) = match number {
        Reference::Number(number) => {
            let number = number.to_string();
            let found = tickets::find(db, By::Number(&number))?;
            let issue = found.as_ref().map_or(1, |it| it.receipt_issue);
            (found, number, issue)
        }
        Reference::Serial(serial) => {
            let serial = serial.to_string();
            let Some(found) = tickets::find(db, By::Slip(&serial))? else {
                return Err(Uncounted::Failed(Refusal::NotRegisteredYet.into()));
            };
            // What is printed cannot be changed: a new receipt code ends the stub's.
            (Some(found).filter(|it| it.receipt_issue == 1), serial, 1)
        }
    };
    let fits = bool::from(receipt_code(key, &number, issue).as_bytes().ct_eq(given.as_bytes()));
    let opened = found.filter(|_| fits);
    let (n_by_address, address_until) = receipts::count_guess(db, BY_ADDRESS, address, now)?;
    let has_failed = n_by_address > 1;
    if !has_failed && let Some(ticket) = opened {
        return Err(Uncounted::Opened(Box::new(ticket)));
    }
    let (n_by_ticket, ticket_until) = receipts::count_guess(db, BY_TICKET, &number, now)?;
    let limited_until = if n_by_address > GUESSES_PER_ADDRESS_MAX {
        Some(address_until)
    } else {
        (has_failed && n_by_ticket > GUESSES_PER_TICKET_MAX).then_some(ticket_until)
    };
    match (limited_until, opened) {
        (Some(until), _) => {
            let retry_after_s = u64::try_from((until - now).num_seconds()).unwrap_or(0).max(1);
            Err(Uncounted::Failed(Refusal::TooMany { retry_after_s }.into()))
        }
        (None, Some(ticket)) => Err(Uncounted::Opened(Box::new(ticket))),
        (None, None) => Ok(Refusal::NotFound(number)),
    }
}

/// Forgets up to `limit` of each kind of guesses that no longer count at `now`: no address is kept for longer.
pub(super) fn forget_guesses(db: &mut Db, now: At, limit: i64) -> Result<usize, StoreError> {
    let before = now + (-GUESSES_KEPT);
    let n_addresses = attempts::forget(db, BY_ADDRESS, before, limit)?;
    Ok(n_addresses + attempts::forget(db, BY_TICKET, before, limit)?)
}
