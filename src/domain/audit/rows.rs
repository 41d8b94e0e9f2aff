//! Rows as they were found: read column by column, so that a damaged one is told and never trusted.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use super::values::{Bytes, Flag};
use crate::domain::event::Recorded;
use crate::domain::value::At;

/// A column in which two rows of one kind differ; the values as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub column: &'static str,
    pub expected: String,
    pub found: String,
}

fn shown(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Declares rows, each with its table and a comparison of every column.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident of $table:literal { $($(#[$meta:meta])* $field:ident: $kind:ty,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$meta])* pub $field: $kind),+ }

        impl $name {
            /// The columns in which `found` differs from this, which is expected.
            pub fn differences(&self, found: &Self) -> Vec<Difference> {
                let mut differences = Vec::new();
                $(if self.$field != found.$field {
                    differences.push(Difference {
                        column: stringify!($field),
                        expected: shown(&self.$field),
                        found: shown(&found.$field),
                    });
                })+
                differences
            }
        }

        impl Stored for $name {
            const TABLE: &'static str = $table;
        }
    )+};
}

/// A row of a table.
pub trait Stored: DeserializeOwned {
    const TABLE: &'static str;
}

rows! {
    /// A ticket.
    TicketRow of "ticket" {
        id: i64,
        number: String,
        node_id: i64,
        handling_node_id: i64,
        position: i64,
        version: i64,
        status: String,
        cycle: i64,
        kind: String,
        source: String,
        priority: Option<String>,
        category_id: Option<i64>,
        building: Option<String>,
        channel: String,
        unit_id: Option<i64>,
        assignee_id: Option<i64>,
        answerable_unit_id: Option<i64>,
        about_unit_id: Option<i64>,
        mailbox_id: Option<i64>,
        collection_id: Option<i64>,
        letter_id: Option<i64>,
        slip: Option<String>,
        designated: Flag,
        returned_in_cycle: Flag,
        sealed: Flag,
        suspected_emergency: Flag,
        may_publish: Flag,
        published: Flag,
        attachments_expected: i64,
        receipt_issue: i64,
        n_urges: i64,
        merged_into_id: Option<i64>,
        status_before: Option<String>,
        waiting_for: Option<String>,
        outcome: Option<String>,
        resolved_by_id: Option<i64>,
        rating_solved: Option<Flag>,
        rating_satisfaction: Option<i64>,
        rating_cycle: Option<i64>,
        received_at: i64,
        registered_at: i64,
        accepted_at: Option<i64>,
        assigned_at: Option<i64>,
        acknowledged_at: Option<i64>,
        resolved_at: Option<i64>,
        replied_at: Option<i64>,
        closed_at: Option<i64>,
        timer_at: Option<i64>,
        due_at: Option<i64>,
        next_alarm_at: Option<i64>,
        rules: Option<String>,
        updated_at: i64,
        erased_at: Option<i64>,
    }
    /// A collection.
    CollectionRow of "collection" {
        id: i64,
        mailbox_id: i64,
        node_id: i64,
        version: i64,
        opened_at: i64,
        recorded_at: i64,
        letters_counted: i64,
        n_registered: i64,
        n_set_aside: i64,
        opener_1_id: Option<i64>,
        opener_2_id: Option<i64>,
        confirmed_1_at: Option<i64>,
        confirmed_2_at: Option<i64>,
        closed_at: Option<i64>,
        n_unaccounted: Option<i64>,
    }
    /// A letter of a collection.
    LetterRow of "collection_letter" {
        collection_id: i64,
        id: i64,
        set_aside: Option<String>,
        put_in_on: Option<String>,
        slip: Option<String>,
        n_tickets: i64,
        registered_at: i64,
    }
    /// A file of a collection.
    CollectionAttachmentRow of "collection_attachment" {
        collection_id: i64,
        id: i64,
        letter_id: Option<i64>,
        media: String,
        file: String,
        n_bytes: u64,
        sha256: String,
        thumbnail_sha256: Option<String>,
        added_at: i64,
    }
    /// A text beside a collection's log.
    CollectionTextRow of "collection_text" {
        collection_id: i64,
        seq: i64,
        name: String,
        salt: Bytes<true>,
        body: String,
    }
    /// A reply.
    ReplyRow of "reply" {
        ticket_id: i64,
        id: i64,
        cycle: i64,
        channel: String,
        delivery: String,
        written_by_id: Option<i64>,
        written_at: i64,
        settled_at: Option<i64>,
    }
    /// A clock; `details` is a JSON text.
    ClockRow of "clock" {
        ticket_id: i64,
        place: i64,
        stage: String,
        cycle: i64,
        nth: i64,
        state: String,
        started_at: i64,
        due_at: i64,
        paused_at: Option<i64>,
        met_at: Option<i64>,
        breached_at: Option<i64>,
        alarm_at: Option<i64>,
        alarm: Option<String>,
        warned: Option<i64>,
        rules: String,
        details: String,
    }
    /// A request for more time.
    ExtensionRow of "extension" {
        ticket_id: i64,
        id: i64,
        cycle: i64,
        due_at: i64,
        state: String,
        requested_at: i64,
        decided_at: Option<i64>,
    }
    /// An attachment.
    AttachmentRow of "attachment" {
        ticket_id: i64,
        id: i64,
        cycle: i64,
        media: String,
        file: String,
        n_bytes: u64,
        sha256: String,
        thumbnail_sha256: Option<String>,
        duration_ms: Option<u64>,
        by_resident: Flag,
        shown: Flag,
        added_by_id: Option<i64>,
        added_at: i64,
    }
    /// Rules that clocks are counted by.
    RulesRow of "sla_rules" {
        digest: String,
        body: String,
    }
    /// A supporting unit.
    SupportingRow of "ticket_supporting" {
        ticket_id: i64,
        unit_id: i64,
    }
    /// A text beside the log.
    TextRow of "event_text" {
        ticket_id: i64,
        seq: i64,
        name: String,
        salt: Bytes<true>,
        body: String,
    }
    /// The keyed hash of a phone number.
    PhoneRow of "phone_index" {
        ticket_id: i64,
        phone_hmac: Bytes<true>,
    }
    /// What a message says of its place; its progress is nobody's fact but the sender's.
    OutboxRow of "outbox" {
        id: i64,
        ticket_id: i64,
        reply_id: i64,
        channel: String,
    }
    /// What numbers are compared by.
    NumberRow of "ticket" {
        id: i64,
        number: String,
        node_id: i64,
        received_at: i64,
    }
    /// A day's counter.
    DayRow of "day_counter" {
        node_id: i64,
        day: String,
        last_number: i64,
    }
    /// A node.
    NodeRow of "node" {
        id: i64,
        code: String,
        name: String,
        kind: String,
        parent_id: Option<i64>,
        path: String,
        time_zone: String,
        version: i64,
        retired_at: Option<i64>,
    }
    /// A set-up entry; `details` is a JSON text.
    EntryRow of "setup_entry" {
        id: i64,
        kind: String,
        node_id: Option<i64>,
        parent_id: Option<i64>,
        code: String,
        name: String,
        details: String,
        version: i64,
        retired_at: Option<i64>,
    }
    /// A kiosk's token, as far as the trail knows it.
    TokenRow of "device_token" {
        kiosk_id: i64,
        issued_at: i64,
        revoked_at: Option<i64>,
    }
    /// A run of printed slips.
    SlipRow of "slip_batch" {
        id: i64,
        node_id: i64,
        first_running: i64,
        last_running: i64,
        kiosk_id: Option<i64>,
        printed_at: i64,
    }
    /// An account, as far as the trail knows it.
    AccountRow of "account" {
        id: i64,
        username: String,
        name: String,
        totp_last_step: Option<i64>,
        version: i64,
        disabled_at: Option<i64>,
    }
    /// A role held.
    GrantRow of "role_grant" {
        account_id: i64,
        role: String,
        node_id: i64,
        unit_id: Option<i64>,
    }
}

/// An event; `FROM_STORE` tells how its bytes are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRow<const FROM_STORE: bool> {
    pub id: i64,
    pub stream: String,
    pub stream_id: i64,
    pub seq: i64,
    #[serde(rename = "type")]
    pub kind: String,
    pub at: i64,
    pub actor_kind: String,
    pub actor_id: Option<i64>,
    pub actor_name: Option<String>,
    pub place: Option<String>,
    pub data: String,
    pub prev_hash: Bytes<FROM_STORE>,
    pub hash: Bytes<FROM_STORE>,
}

impl<const FROM_STORE: bool> Stored for EventRow<FROM_STORE> {
    const TABLE: &'static str = "event";
}

impl<const FROM_STORE: bool> EventRow<FROM_STORE> {
    /// The event; None when its time is none that we could have stored.
    pub fn into_recorded(self) -> Option<Recorded> {
        let at = At::from_micros(self.at);
        (at.micros() == self.at).then_some(Recorded {
            id: self.id,
            stream: self.stream,
            stream_id: self.stream_id,
            seq: self.seq,
            kind: self.kind,
            at,
            actor_kind: self.actor_kind,
            actor_id: self.actor_id,
            actor_name: self.actor_name,
            place: self.place,
            data: self.data,
            prev_hash: self.prev_hash.0,
            hash: self.hash.0,
        })
    }

    /// The same with bytes written as exports have them.
    pub fn into_exported(self) -> EventRow<false> {
        EventRow {
            id: self.id,
            stream: self.stream,
            stream_id: self.stream_id,
            seq: self.seq,
            kind: self.kind,
            at: self.at,
            actor_kind: self.actor_kind,
            actor_id: self.actor_id,
            actor_name: self.actor_name,
            place: self.place,
            data: self.data,
            prev_hash: Bytes(self.prev_hash.0),
            hash: Bytes(self.hash.0),
        }
    }
}

/// A chain's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRow<const FROM_STORE: bool> {
    pub stream: String,
    pub stream_id: i64,
    pub seq: i64,
    pub hash: Bytes<FROM_STORE>,
    pub seal: Bytes<FROM_STORE>,
    pub key_id: String,
}

impl<const FROM_STORE: bool> Stored for HeadRow<FROM_STORE> {
    const TABLE: &'static str = "event_head";
}

impl<const FROM_STORE: bool> HeadRow<FROM_STORE> {
    /// The same with bytes written as exports have them.
    pub fn into_exported(self) -> HeadRow<false> {
        HeadRow {
            stream: self.stream,
            stream_id: self.stream_id,
            seq: self.seq,
            hash: Bytes(self.hash.0),
            seal: Bytes(self.seal.0),
            key_id: self.key_id,
        }
    }
}

/// What could not be read: the column, empty for the whole row, and whose row it is; never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub column: String,
    pub stream_id: Option<i64>,
    pub seq: Option<i64>,
}

/// Reads a row from its JSON; the slow second look happens for damaged rows only.
///
/// # Errors
/// `Unreadable` naming the column and, if those can still be read, the ticket and the event.
pub fn read<T: Stored>(json: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(json).map_err(|_| {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let fault = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err();
        let column = fault.map(|it| it.path().to_string()).filter(|it| it != ".").unwrap_or_default();
        let row: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        let number = |name: &str| row.get(name).and_then(serde_json::Value::as_i64);
        let own_id = if matches!(T::TABLE, "ticket" | "collection") { number("id") } else { None };
        Unreadable {
            column,
            stream_id: number("stream_id")
                .or_else(|| number("ticket_id"))
                .or_else(|| number("collection_id").filter(|_| T::TABLE.starts_with("collection")))
                .or(own_id),
            seq: number("seq"),
        }
    })
}
