//! One chain of events: links, hashes, places, and the sealed head.

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess};

use super::{AuditKeys, Finding, HeadRow, Report, Spot};
use crate::domain::chain::{GENESIS, Hash, event_hash};
use crate::domain::event::{ActorKind, Recorded, Stream};
use crate::domain::mailbox::{Collection, CollectionEvent};
use crate::domain::ticket::Ticket;
use crate::domain::ticket::event::{TicketEvent, effects_of};
use crate::domain::value::{AccountId, CollectionId, TicketId};

/// A chain as it is followed, event by event; the first wrong event is reported, what comes after it is not.
#[derive(Debug, Clone)]
pub struct Chain {
    stream: String,
    stream_id: i64,
    /// Read so far.
    seq: i64,
    hash: Hash,
    is_whole: bool,
    ticket: Option<Ticket>,
    collection: Option<Collection>,
}

impl Chain {
    /// A chain before its first event.
    pub fn new(stream: &str, stream_id: i64) -> Self {
        Self {
            stream: stream.to_owned(),
            stream_id,
            seq: 0,
            hash: GENESIS,
            is_whole: true,
            ticket: None,
            collection: None,
        }
    }

    /// True when events of this chain belong here.
    pub fn is(&self, stream: &str, stream_id: i64) -> bool {
        self.stream_id == stream_id && self.stream == stream
    }

    /// The chain's name.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The ticket's id, or 0.
    pub fn stream_id(&self) -> i64 {
        self.stream_id
    }

    /// Events read so far.
    pub fn n_events(&self) -> i64 {
        self.seq
    }

    /// False once something was wrong with an event or the head.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reports nothing more: a row of this chain could not be read, and that was told.
    pub fn give_up(&mut self) {
        self.is_whole = false;
    }

    /// What the events of a ticket add up to, if they are whole.
    pub fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref().filter(|_| self.is_whole)
    }

    /// What the events of a collection add up to, if they are whole.
    pub fn collection(&self) -> Option<&Collection> {
        self.collection.as_ref().filter(|_| self.is_whole)
    }

    /// The number, as far as the events tell it.
    pub fn number(&self) -> Option<&str> {
        self.ticket.as_ref().map(|it| it.number.as_str())
    }

    /// The place of event `seq` in this chain.
    pub fn spot(&self, seq: Option<i64>, table: &'static str) -> Spot {
        Spot {
            stream: self.stream.clone(),
            stream_id: Some(self.stream_id),
            number: self.number().map(str::to_owned),
            seq,
            table,
            ..Spot::default()
        }
    }

    /// Takes the next event.
    pub fn follow(&mut self, event: &Recorded, report: &mut Report) {
        report.n_events += 1;
        if !self.is_whole {
            self.seq = event.seq;
            return;
        }
        if let Err(wrong) = self.check(event) {
            let at = if wrong.is_gap { self.seq + 1 } else { event.seq };
            let mut spot = self.spot(Some(at), "event");
            wrong.column.clone_into(&mut spot.column);
            report.add(Finding::new(wrong.fault, spot, wrong.zh, wrong.en));
            self.is_whole = false;
        }
        self.seq = event.seq;
        self.hash = event.hash.as_slice().try_into().unwrap_or(GENESIS);
    }

    fn check(&mut self, event: &Recorded) -> Result<(), Wrong> {
        let next = self.seq + 1;
        if event.seq > next {
            let last = event.seq - 1;
            return Err(Wrong {
                fault: "missing",
                column: "seq",
                zh: format!("第 {next} 至 {last} 个事件不见了"),
                en: format!("events {next} to {last} are missing"),
                is_gap: true,
            });
        }
        if event.seq < next {
            return Err(Wrong::new(
                "order",
                "seq",
                format!("第 {} 个事件重复或顺序不对", event.seq),
                format!("event {} is there twice or out of order", event.seq),
            ));
        }
        if event.prev_hash != self.hash {
            return Err(Wrong::new(
                "link",
                "prev_hash",
                "与前一个事件接不上：前面有事件被改动、删去、插入或换位".to_owned(),
                "does not link to the event before it: one was changed, removed, inserted or swapped"
                    .to_owned(),
            ));
        }
        if event.hash != event_hash(event) {
            return Err(Wrong::new(
                "hash",
                "hash",
                "内容与散列值不符：这个事件被改动过".to_owned(),
                "its hash is not that of its columns: this event was changed".to_owned(),
            ));
        }
        if ActorKind::parse(&event.actor_kind).is_none() {
            return Err(Wrong::new(
                "unreadable",
                "actor_kind",
                "没有这种操作者".to_owned(),
                "no such kind of actor".to_owned(),
            ));
        }
        match Stream::parse(&self.stream) {
            Some(Stream::Ticket) => self.fold(event),
            Some(Stream::Collection) => self.fold_collection(event),
            Some(Stream::Setup) | None => Ok(()),
        }
    }

    /// Adds an event to what the collection is.
    fn fold_collection(&mut self, event: &Recorded) -> Result<(), Wrong> {
        let parsed = CollectionEvent::from_parts(&event.kind, &event.data).map_err(|cause| {
            Wrong::new(
                "event",
                "data",
                format!("不是本版本认识的事件 {}", event.kind),
                format!("is no {} event as this version knows it ({cause})", event.kind),
            )
        })?;
        match (&mut self.collection, parsed.begin(CollectionId(self.stream_id), event.at)) {
            (None, Some(collection)) => self.collection = Some(collection),
            (Some(collection), None) => parsed.apply(collection, event.at),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Wrong::new(
                    "begin",
                    "type",
                    "一次开箱以 collection.opened 开始，只有一次".to_owned(),
                    "a collection begins with collection.opened, once".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Adds an event to what the ticket is.
    fn fold(&mut self, event: &Recorded) -> Result<(), Wrong> {
        let parsed = ticket_event(&event.kind, &event.data).map_err(|cause| {
            Wrong::new(
                "event",
                "data",
                format!("不是本版本认识的事件 {}", event.kind),
                format!("is no {} event as this version knows it ({cause})", event.kind),
            )
        })?;
        let effects = effects_of(&event.data).map_err(|cause| {
            Wrong::new(
                "event",
                "data",
                "时限的变化不是本版本认识的".to_owned(),
                format!("what it did to the clocks is not as this version knows it ({cause})"),
            )
        })?;
        let begins = parsed.begin(TicketId(self.stream_id), event.at);
        match (&mut self.ticket, begins) {
            (None, Some(ticket)) => {
                self.ticket.insert(ticket).apply_effects(&effects, event.at);
            }
            (Some(ticket), None) => {
                parsed.apply_all(&effects, ticket, event.at, event.actor_id.map(AccountId));
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(Wrong::new(
                    "begin",
                    "type",
                    "一件诉求以 ticket.received 开始，只有一次".to_owned(),
                    "a ticket begins with ticket.received, once".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Compares the head with the last event, and its seal with the key.
    pub fn close<const FROM_STORE: bool>(
        &mut self,
        head: Option<&HeadRow<FROM_STORE>>,
        keys: AuditKeys,
        report: &mut Report,
    ) {
        if !self.is_whole {
            return;
        }
        if let Err((wrong, seq)) = self.check_head(head, keys) {
            let mut spot = self.spot(seq, "event_head");
            wrong.column.clone_into(&mut spot.column);
            report.add(Finding::new(wrong.fault, spot, wrong.zh, wrong.en));
            self.is_whole = false;
        }
    }

    fn check_head<const FROM_STORE: bool>(
        &self,
        head: Option<&HeadRow<FROM_STORE>>,
        keys: AuditKeys,
    ) -> Result<(), (Wrong, Option<i64>)> {
        let wrong = |fault, column, seq, zh: String, en: String| {
            Err((Wrong { fault, column, zh, en, is_gap: false }, seq))
        };
        let Some(head) = head else {
            if self.seq == 0 {
                return Ok(());
            }
            return wrong(
                "no-head",
                "",
                None,
                "事件链的链头不见了".to_owned(),
                "the chain's head is missing".to_owned(),
            );
        };
        if head.seq > self.seq {
            let (first, last) = (self.seq + 1, head.seq);
            return wrong(
                "missing",
                "seq",
                Some(first),
                format!("链头记有 {last} 个事件，第 {first} 个起不见了"),
                format!("the head counts {last} events; those from {first} on are missing"),
            );
        }
        if head.seq < self.seq {
            let (first, n) = (head.seq.saturating_add(1), head.seq);
            return wrong(
                "unsealed",
                "seq",
                Some(first),
                format!("链头只记有 {n} 个事件，第 {first} 个起是后来加上的"),
                format!("the head counts {n} events only; those from {first} on were added without it"),
            );
        }
        if head.hash.0 != self.hash {
            return wrong(
                "head-hash",
                "hash",
                Some(self.seq),
                "链头的散列值不是最后一个事件的：整条链被重新连接过，或链头被改动".to_owned(),
                "the head's hash is not that of the last event: the chain was linked anew, or the head changed"
                    .to_owned(),
            );
        }
        let Some(key) = keys.seal else { return Ok(()) };
        if head.key_id != key.id {
            return wrong(
                "key",
                "key_id",
                None,
                format!("链头由另一把密钥 {} 封印，手边的是 {}", head.key_id, key.id),
                format!("the head was sealed by another key, {}; at hand is {}", head.key_id, key.id),
            );
        }
        let stream = Stream::parse(&self.stream);
        let seal = stream.map(|it| key.seal(it, self.stream_id, head.seq, &self.hash));
        if seal.is_none_or(|it| head.seal.0 != it) {
            return wrong(
                "seal",
                "seal",
                Some(self.seq),
                "链头的封印不对：没有密钥的人重写过这条链".to_owned(),
                "the head's seal is not by the key: somebody without it wrote this chain anew".to_owned(),
            );
        }
        Ok(())
    }
}

/// What is wrong with an event.
struct Wrong {
    fault: &'static str,
    column: &'static str,
    zh: String,
    en: String,
    /// It is about an event that is not there.
    is_gap: bool,
}

impl Wrong {
    fn new(fault: &'static str, column: &'static str, zh: String, en: String) -> Self {
        Self { fault, column, zh, en, is_gap: false }
    }
}

/// Reads an event of a ticket from its columns, without a tree of values in between.
fn ticket_event(kind: &str, data: &str) -> Result<TicketEvent, serde_json::Error> {
    TicketEvent::deserialize(MapAccessDeserializer::new(Parts { kind, data, n_given: 0 }))
}

/// `{"type": kind, "data": data}` as serde walks through it.
struct Parts<'de> {
    kind: &'de str,
    data: &'de str,
    n_given: u8,
}

impl<'de> MapAccess<'de> for Parts<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        self.n_given += 1;
        match self.n_given {
            1 => seed.deserialize(BorrowedStrDeserializer::new("type")).map(Some),
            2 => seed.deserialize(BorrowedStrDeserializer::new("data")).map(Some),
            _ => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        if self.n_given == 1 {
            return seed.deserialize(BorrowedStrDeserializer::new(self.kind));
        }
        let mut data = serde_json::Deserializer::from_str(self.data);
        let value = seed.deserialize(&mut data)?;
        data.end()?;
        Ok(value)
    }
}
