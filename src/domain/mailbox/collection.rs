//! A collection (开箱取件): one opening of one box, which must account for every letter that was counted.

use chrono::NaiveDate;

use super::attachment::CollectionAttachment;
use super::event::{CollectionEvent, Opened};
use super::reading::Opening;
use crate::domain::event::Stamp;
use crate::domain::people::{Actor, Permission};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};
use crate::words;

/// Letters one box can hold; a larger count is a typing error.
pub const LETTERS_MAX: u32 = 1_000;

words! {
    /// Why a letter became no ticket (PRODUCT §3).
    SetAside {
        Blank = "blank", Thanks = "thanks", Advert = "advert", Misdirected = "misdirected",
        Valuables = "valuables", Unreadable = "unreadable", HandedOver = "handed_over",
    }
}

words! {
    /// What leaders are shown of a collection that is not as it should be.
    Exception {
        /// An opener with an account has not confirmed.
        Unconfirmed = "unconfirmed",
        /// It was closed with letters that nobody accounted for.
        Unaccounted = "unaccounted",
    }
}

words! {
    /// What can be done with a collection.
    CollectionMove { Letters = "letters", Confirm = "confirm", Close = "close" }
}

/// Names of the texts beside the log.
pub mod text {
    /// The two who opened the box, as they were named.
    pub const OPENERS: [&str; 2] = ["opener.1", "opener.2"];
    pub const SEAL_BEFORE: &str = "seal_before";
    pub const SEAL_AFTER: &str = "seal_after";
    /// Why a supervisor closed it.
    pub const REASON: &str = "reason";

    /// The name of what was noted of a letter that was set aside.
    pub fn note(letter: u32) -> String {
        format!("note.{letter}")
    }

    /// The name of what a file is called.
    pub fn attachment(id: u32) -> String {
        format!("attachment.{id}")
    }
}

/// One of the two who opened a box; whoever has no account signs on paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opener {
    pub account: Option<AccountId>,
    pub confirmed_at: Option<At>,
}

impl Opener {
    /// True when this person can confirm and has not.
    pub fn is_unconfirmed(self) -> bool {
        self.account.is_some() && self.confirmed_at.is_none()
    }
}

/// A letter that was accounted for: registered as tickets, or set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// From 1, within the collection.
    pub id: u32,
    pub set_aside: Option<SetAside>,
    /// The day its writer put it in, if that is known.
    pub put_in_on: Option<NaiveDate>,
    /// The serial of the slip it was written on.
    pub slip: Option<String>,
    /// None when it was set aside.
    pub n_tickets: u32,
    pub registered_at: At,
}

/// A collection without its texts. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    pub id: CollectionId,
    pub mailbox: SetupId,
    /// The mailbox's node.
    pub node: NodeId,
    /// Moves with every event; the ETag.
    pub version: i64,
    pub opened_at: At,
    pub recorded_at: At,
    /// Counted before any letter was typed.
    pub letters_counted: u32,
    pub openers: [Opener; 2],
    /// In the order in which they were registered.
    pub letters: Vec<Letter>,
    /// Photos of the opening and scans of letters, in the order in which they were added.
    pub attachments: Vec<CollectionAttachment>,
    pub closed_at: Option<At>,
    /// Letters nobody had accounted for when it was closed.
    pub n_unaccounted: Option<u32>,
}

/// Who does something with a collection, from where and when.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    pub actor: &'a Actor,
    /// The network address, for the trail.
    pub from: Option<&'a str>,
    pub now: At,
}

/// What a verb did: the collection as it is now, and the event that made it so.
///
/// Only this can be saved; so there is no update without its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    collection: Collection,
    version_before: Option<i64>,
    event: CollectionEvent,
    texts: Vec<(String, String)>,
    at: At,
    stamp: Stamp,
}

impl Change {
    /// The collection as it will be saved.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The version it was decided on; none for a new collection.
    pub fn version_before(&self) -> Option<i64> {
        self.version_before
    }

    /// What happened.
    pub fn event(&self) -> &CollectionEvent {
        &self.event
    }

    /// The letter this change accounts for, if it does.
    pub fn letter(&self) -> Option<&Letter> {
        let is_letter = matches!(
            self.event,
            CollectionEvent::LetterRegistered { .. } | CollectionEvent::LetterSetAside { .. }
        );
        self.collection.letters.last().filter(|_| is_letter)
    }

    /// The attachment this change adds, if it does.
    pub fn attachment(&self) -> Option<&CollectionAttachment> {
        let is_added = matches!(self.event, CollectionEvent::AttachmentAdded { .. });
        self.collection.attachments.last().filter(|_| is_added)
    }

    /// The texts kept beside the log, by name.
    pub fn texts(&self) -> &[(String, String)] {
        &self.texts
    }

    /// When it happened.
    pub fn at(&self) -> At {
        self.at
    }

    /// Who did it.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Collection {
    /// A new collection; `accounts` are those of its two openers who have one. Whoever records it and opened the
    /// box confirms by that.
    pub fn open(
        id: CollectionId,
        mailbox: SetupId,
        node: NodeId,
        opening: &Opening,
        accounts: [Option<AccountId>; 2],
        doing: &Doing,
    ) -> Change {
        let recorder = doing.actor.staff().map(|it| it.account);
        let opened = Opened {
            mailbox,
            node,
            opened_at: opening.opened_at,
            letters_counted: opening.letters_counted,
            openers: accounts,
            confirmed: accounts.map(|it| it.is_some() && it == recorder),
        };
        let collection = opened.begin(id, doing.now);
        Change {
            version_before: None,
            event: CollectionEvent::Opened(opened),
            texts: opening.texts(),
            at: doing.now,
            stamp: Stamp::of(doing.actor, doing.from),
            collection,
        }
    }

    /// As it was when it was recorded, before anything else was done with it.
    #[must_use]
    pub fn as_opened(self) -> Self {
        let as_then =
            |it: Opener| Opener { confirmed_at: it.confirmed_at.filter(|at| *at == self.recorded_at), ..it };
        let openers = self.openers.map(as_then);
        let (letters, attachments) = (Vec::new(), Vec::new());
        Self { version: 1, openers, letters, attachments, closed_at: None, n_unaccounted: None, ..self }
    }

    /// Letters registered as tickets.
    pub fn n_registered(&self) -> u32 {
        self.count(|it| it.set_aside.is_none())
    }

    /// Letters set aside.
    pub fn n_set_aside(&self) -> u32 {
        self.count(|it| it.set_aside.is_some())
    }

    fn count(&self, is_counted: impl Fn(&Letter) -> bool) -> u32 {
        u32::try_from(self.letters.iter().filter(|it| is_counted(it)).count()).unwrap_or(u32::MAX)
    }

    /// Letters that were counted and neither registered nor set aside.
    pub fn unaccounted(&self) -> u32 {
        self.letters_counted.saturating_sub(self.n_registered() + self.n_set_aside())
    }

    /// The id the next letter will have.
    pub fn next_letter(&self) -> u32 {
        self.letters.iter().map(|it| it.id).max().unwrap_or(0) + 1
    }

    /// True until it is closed.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// What is not as it should be, for leaders.
    pub fn exceptions(&self) -> Vec<Exception> {
        let is_unconfirmed = self.openers.iter().any(|it| it.is_unconfirmed());
        let is_unaccounted = self.n_unaccounted.is_some_and(|it| it > 0);
        let unconfirmed = is_unconfirmed.then_some(Exception::Unconfirmed);
        unconfirmed.into_iter().chain(is_unaccounted.then_some(Exception::Unaccounted)).collect()
    }

    /// What can be done now, whoever does it.
    pub fn moves(&self) -> Vec<CollectionMove> {
        let is_unconfirmed = self.openers.iter().any(|it| it.is_unconfirmed());
        let letters = (self.is_open() && self.unaccounted() > 0).then_some(CollectionMove::Letters);
        let confirm = is_unconfirmed.then_some(CollectionMove::Confirm);
        let close = self.is_open().then_some(CollectionMove::Close);
        [letters, confirm, close].into_iter().flatten().collect()
    }

    /// Refuses another letter when there can be none.
    ///
    /// # Errors
    /// `Illegal` once it is closed, `Rule` when every counted letter is accounted for.
    pub fn check_letter(&self) -> Result<(), Refusal> {
        self.check_open(CollectionMove::Letters)?;
        if self.unaccounted() > 0 {
            return Ok(());
        }
        let n = self.letters_counted;
        Err(Refusal::Rule {
            slug: "all-accounted-for",
            message: format!(
                "这次开箱清点了 {n} 封，都已登记或搁置，不能再加。多出来的信请另记一次开箱。 {n} letters were counted and all are accounted for; record another collection for more."
            ),
        })
    }

    fn check_open(&self, verb: CollectionMove) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let legal = self.moves().iter().map(ToString::to_string).collect();
        Err(Refusal::Illegal { verb: verb.to_string(), status: "closed".to_owned(), legal })
    }

    /// Registers the next letter as these tickets.
    ///
    /// # Errors
    /// As [`Self::check_letter`].
    pub fn register(
        self,
        tickets: Vec<TicketId>,
        put_in_on: Option<NaiveDate>,
        slip: Option<String>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        self.check_letter()?;
        let letter = self.next_letter();
        let event = CollectionEvent::LetterRegistered { letter, put_in_on, slip, tickets };
        Ok(self.with(event, Vec::new(), doing))
    }

    /// Sets the next letter aside.
    ///
    /// # Errors
    /// As [`Self::check_letter`].
    pub fn set_aside(self, reason: SetAside, note: Option<String>, doing: &Doing) -> Result<Change, Refusal> {
        self.check_letter()?;
        let letter = self.next_letter();
        let event = CollectionEvent::LetterSetAside { letter, reason };
        let texts = note.map(|it| (text::note(letter), it)).into_iter().collect();
        Ok(self.with(event, texts, doing))
    }

    /// Lets the one who does it say: I was there. None when that was said before.
    ///
    /// # Errors
    /// `NotYours` for anyone but the openers.
    pub fn confirm(self, doing: &Doing) -> Result<Option<Change>, Refusal> {
        let account = doing.actor.staff().map(|it| it.account);
        let opener = (1u8..).zip(self.openers).find(|(_, it)| it.account.is_some() && it.account == account);
        let Some((nth, opener)) = opener else {
            return Err(Refusal::NotYours(
                "只有开箱的两个人可以确认。 Only the two who opened the box may confirm.".to_owned(),
            ));
        };
        let event = CollectionEvent::Confirmed { opener: nth };
        Ok(opener.is_unconfirmed().then(|| self.with(event, Vec::new(), doing)))
    }

    /// Closes it: when every letter is accounted for, or by a supervisor with a reason.
    ///
    /// # Errors
    /// `Illegal` when it is closed; with letters unaccounted for `Rule` without a reason, `Forbidden` for a
    /// reason of somebody who is no supervisor.
    pub fn close(
        self,
        reason: Option<String>,
        is_supervisor: bool,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        self.check_open(CollectionMove::Close)?;
        let unaccounted = self.unaccounted();
        if unaccounted > 0 && reason.is_none() {
            return Err(Refusal::Rule {
                slug: "not-accounted-for",
                message: format!(
                    "还有 {unaccounted} 封没有登记或搁置，不能关闭。请先登记；督办可以写明原因（reason）后关闭。 {unaccounted} letter(s) are not accounted for. Register them or set them aside; a supervisor may close it with a reason."
                ),
            });
        }
        if unaccounted > 0 && !is_supervisor {
            return Err(Refusal::Forbidden(Permission::Supervise));
        }
        let texts = reason.map(|it| (text::REASON.to_owned(), it)).into_iter().collect();
        Ok(self.with(CollectionEvent::Closed { unaccounted }, texts, doing))
    }

    pub(super) fn with(self, event: CollectionEvent, texts: Vec<(String, String)>, doing: &Doing) -> Change {
        let mut collection = self;
        let version_before = Some(collection.version);
        event.apply(&mut collection, doing.now);
        Change {
            collection,
            version_before,
            event,
            texts,
            at: doing.now,
            stamp: Stamp::of(doing.actor, doing.from),
        }
    }
}
