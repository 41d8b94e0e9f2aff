//! The receipt: number and code open a ticket; only failed guesses count against limits.

use chrono::TimeDelta;
use subtle::ConstantTimeEq;

use super::{App, Error};
use crate::domain::number::{Number, parse_receipt_code, receipt_code};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::domain::value::At;
use crate::store::db::StoreError;
use crate::store::people::attempts;
use crate::store::tickets::By;
use crate::store::{Db, receipts, tickets};

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

/// The ticket that `number` and `code` open, for somebody at `address`.
///
/// A wrong code and an unknown number give the same answer after the same work. A right code from an
/// address that has not failed passes always, however many others guess.
///
/// # Errors
/// `NotFound`, or `TooMany` once an address or a ticket has had too many failed guesses.
pub async fn open(app: &App, number: &Number, code: &str, address: &str) -> Result<Ticket, Error> {
    let (number, address, now) = (number.to_string(), address.to_owned(), app.clock.now());
    let given = parse_receipt_code(code).unwrap_or_default();
    let checked = {
        let (app_key, number, address) = (app.keys.receipt, number.clone(), address.clone());
        app.store
            .read(move |db: &mut Db| -> Result<_, Error> {
                let found = tickets::find(db, By::Number(&number))?;
                let issue = found.as_ref().map_or(1, |it| it.receipt_issue);
                let right = receipt_code(&app_key, &number, issue);
                let fits = bool::from(right.as_bytes().ct_eq(given.as_bytes()));
                let by_address = receipts::failed_guesses(db, BY_ADDRESS, &address, now)?;
                let by_ticket = receipts::failed_guesses(db, BY_TICKET, &number, now)?;
                Ok((found.filter(|_| fits), by_address, by_ticket))
            })
            .await?
    };
    let (opened, (n_by_address, address_until), (n_by_ticket, ticket_until)) = checked;
    let is_limited = n_by_address >= GUESSES_PER_ADDRESS_MAX
        || (n_by_address > 0 && n_by_ticket >= GUESSES_PER_TICKET_MAX);
    match opened {
        Some(ticket) if !is_limited => Ok(ticket),
        _ if is_limited => {
            let until = if n_by_address >= GUESSES_PER_ADDRESS_MAX { address_until } else { ticket_until };
            let retry_after_s = u64::try_from((until - now).num_seconds()).unwrap_or(0).max(1);
            Err(Refusal::TooMany { retry_after_s }.into())
        }
        _ => {
            // Counted before it is answered, so that guesses at once get no more answers than the limit.
            let refused = Refusal::NotFound(number.clone());
            let n_by_address = app
                .store
                .write(move |db: &mut Db| -> Result<i64, Error> {
                    receipts::count_guess(db, BY_TICKET, &number, now)?;
                    Ok(receipts::count_guess(db, BY_ADDRESS, &address, now)?)
                })
                .await?;
            if n_by_address > GUESSES_PER_ADDRESS_MAX {
                return Err(Refusal::TooMany { retry_after_s: 3600 }.into());
            }
            Err(refused.into())
        }
    }
}

/// Forgets up to `limit` of each kind of guesses that no longer count at `now`: no address is kept for longer.
pub(super) fn forget_guesses(db: &mut Db, now: At, limit: i64) -> Result<usize, StoreError> {
    let before = now + (-GUESSES_KEPT);
    let n_addresses = attempts::forget(db, BY_ADDRESS, before, limit)?;
    Ok(n_addresses + attempts::forget(db, BY_TICKET, before, limit)?)
}
