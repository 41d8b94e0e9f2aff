//! Erasing on demand (PRODUCT §6): what was said and sent goes, what was done stays.

use super::event::TicketEvent;
use super::{Change, Doing, Ticket, Verb};
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;

impl Ticket {
    /// Erases texts, contact, place, files and publication; None when that was done before.
    ///
    /// What is still open is withdrawn with it, for nobody could work on it; a reply that is not sent yet is not sent
    /// any more. One that waits for its reply keeps waiting: it is answered at the receipt.
    ///
    /// # Errors
    /// `NotYours` for anyone but the holder of the receipt.
    pub fn erase(self, doing: &Doing) -> Result<Option<Change>, Refusal> {
        if !matches!(doing.actor, Actor::Resident | Actor::System) {
            return Err(Refusal::NotYours(
                "只有凭回执才能删除自己的资料。 Only the holder of the receipt may erase what was put in."
                    .to_owned(),
            ));
        }
        if self.erased_at.is_some() {
            return Ok(None);
        }
        let change = self.after_time(doing, |ticket| {
            let is_open = ticket.is_legal(Verb::Withdraw);
            let mut change = if is_open { ticket.withdraw(None, doing) } else { Change::of(ticket, doing) };
            change.cancel_unsettled();
            change.push(TicketEvent::Erased {}, vec![]);
            Ok(change)
        });
        change.map(Some)
    }
}

impl Change {
    /// True when everything said before is to go.
    pub fn erases(&self) -> bool {
        self.entries().iter().any(|it| matches!(it.event, TicketEvent::Erased {}))
    }
}
