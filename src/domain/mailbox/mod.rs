//! Red mailboxes: openings that must balance, letter by letter, and the schedule that asks for them.
//!
//! A collection is what its events add up to, as a ticket is: a verb gives a change with its event, and
//! `CollectionEvent::apply` is the only code that changes a collection.

mod attachment;
mod collection;
mod event;
mod reading;
mod schedule;
#[cfg(test)]
mod tests;

pub use attachment::{ATTACHMENTS_PER_LETTER_MAX, CollectionAttachment};
pub use collection::{
    Change, Collection, CollectionMove, Doing, Exception, LETTERS_MAX, Letter, Opener, SetAside, text,
};
pub use event::{CollectionEvent, Opened};
pub use reading::{
    LetterBody, LetterTicket, Opening, OpeningBody, ReadLetter, TICKETS_PER_LETTER_MAX, received_at,
};
pub use schedule::{DueOpening, Verdict, verdicts};
