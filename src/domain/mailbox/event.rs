//! What happens to a collection, and what each happening changes.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::attachment::CollectionAttachment;
use super::collection::{Collection, Letter, Opener, SetAside};
use crate::domain::ticket::Filed;
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};

/// What is known of an opening, texts apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub mailbox: SetupId,
    /// The mailbox's node.
    pub node: NodeId,
    pub opened_at: At,
    pub letters_counted: u32,
    /// The accounts of the two openers; whoever has none is known by name only.
    pub openers: [Option<AccountId>; 2],
    /// Whether each confirmed by recording it.
    pub confirmed: [bool; 2],
}

impl Opened {
    /// The collection that begins so.
    pub(super) fn begin(&self, id: CollectionId, at: At) -> Collection {
        let opener = |nth: usize| Opener {
            account: self.openers[nth],
            confirmed_at: self.confirmed[nth].then_some(at),
        };
        Collection {
            id,
            mailbox: self.mailbox,
            node: self.node,
            version: 1,
            opened_at: self.opened_at,
            recorded_at: at,
            letters_counted: self.letters_counted,
            openers: [opener(0), opener(1)],
            letters: Vec::new(),
            attachments: Vec::new(),
            closed_at: None,
            n_unaccounted: None,
        }
    }
}

/// An event of a collection. Free text and names are never in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CollectionEvent {
    #[serde(rename = "collection.opened")]
    Opened(Opened),
    #[serde(rename = "collection.letter_registered")]
    LetterRegistered {
        letter: u32,
        put_in_on: Option<NaiveDate>,
        /// The serial of the slip it was written on.
        slip: Option<String>,
        tickets: Vec<TicketId>,
    },
    #[serde(rename = "collection.letter_set_aside")]
    LetterSetAside { letter: u32, reason: SetAside },
    #[serde(rename = "collection.confirmed")]
    Confirmed {
        /// 1 or 2.
        opener: u8,
    },
    #[serde(rename = "collection.attachment_added")]
    AttachmentAdded {
        attachment: u32,
        /// The letter it is a scan of; None for a photo of the opening.
        letter: Option<u32>,
        filed: Filed,
    },
    #[serde(rename = "collection.closed")]
    Closed { unaccounted: u32 },
}

impl CollectionEvent {
    /// The event's type and its fields, as the trail stores them.
    ///
    /// # Errors
    /// None in practice: every field is plain. A text says what serde could not write.
    pub fn to_parts(&self) -> Result<(String, serde_json::Value), String> {
        let mut value = serde_json::to_value(self).map_err(|it| it.to_string())?;
        let kind = value["type"].as_str().ok_or("an event without a type")?.to_owned();
        Ok((kind, value["data"].take()))
    }

    /// The inverse of [`Self::to_parts`]; commitments among the fields are passed over.
    ///
    /// # Errors
    /// A text that says what is not as this version knows it.
    pub fn from_parts(kind: &str, data: &str) -> Result<Self, String> {
        let fields: serde_json::Value = serde_json::from_str(data).map_err(|it| it.to_string())?;
        serde_json::from_value(serde_json::json!({ "type": kind, "data": fields }))
            .map_err(|it| it.to_string())
    }

    /// The collection that a `collection.opened` event begins; None for any other.
    pub fn begin(&self, id: CollectionId, at: At) -> Option<Collection> {
        if let CollectionEvent::Opened(opened) = self { Some(opened.begin(id, at)) } else { None }
    }

    /// Changes `collection` as this event, recorded at `at`, says.
    pub fn apply(&self, collection: &mut Collection, at: At) {
        collection.version += 1;
        match self {
            // A collection begins with it once; met again it changes nothing, and verification tells.
            CollectionEvent::Opened(_) => {}
            CollectionEvent::LetterRegistered { letter, put_in_on, slip, tickets } => {
                collection.letters.push(Letter {
                    id: *letter,
                    set_aside: None,
                    put_in_on: *put_in_on,
                    slip: slip.clone(),
                    n_tickets: u32::try_from(tickets.len()).unwrap_or(u32::MAX),
                    registered_at: at,
                });
            }
            CollectionEvent::LetterSetAside { letter, reason } => collection.letters.push(Letter {
                id: *letter,
                set_aside: Some(*reason),
                put_in_on: None,
                slip: None,
                n_tickets: 0,
                registered_at: at,
            }),
            CollectionEvent::AttachmentAdded { attachment, letter, filed } => {
                collection.attachments.push(CollectionAttachment {
                    id: *attachment,
                    letter: *letter,
                    filed: filed.clone(),
                    added_at: at,
                });
            }
            CollectionEvent::Confirmed { opener } => {
                let nth = usize::from(opener.saturating_sub(1));
                if let Some(opener) = collection.openers.get_mut(nth) {
                    opener.confirmed_at = Some(at);
                }
            }
            CollectionEvent::Closed { unaccounted } => {
                collection.closed_at = Some(at);
                collection.n_unaccounted = Some(*unaccounted);
            }
        }
    }
}
