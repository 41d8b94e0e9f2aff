//! The trail in the database: appending to a chain, reading it back.

use diesel::prelude::*;

use super::db::{Db, Draw, Inserts, StoreError, held, insert, on};
use super::schema::{collection_text, event, event_head, event_text};
use crate::domain::chain::{GENESIS, Hash, Salt, SealKey, commitment, event_hash};
use crate::domain::event::{Draft, Recorded, Stream};
use crate::domain::value::At;

/// Texts of one event are few; a verb that would write more is a mistake.
const TEXTS_PER_EVENT_MAX: usize = 16;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = event, treat_none_as_default_value = false)]
struct EventRow {
    id: i64,
    stream: String,
    stream_id: i64,
    seq: i64,
    kind: String,
    at: i64,
    actor_kind: String,
    actor_id: Option<i64>,
    actor_name: Option<String>,
    place: Option<String>,
    data: String,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl From<EventRow> for Recorded {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            stream: row.stream,
            stream_id: row.stream_id,
            seq: row.seq,
            kind: row.kind,
            at: At::from_micros(row.at),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            place: row.place,
            data: row.data,
            prev_hash: row.prev_hash,
            hash: row.hash,
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = event_text)]
struct TextRow {
    ticket_id: i64,
    seq: i64,
    name: String,
    salt: Vec<u8>,
    body: String,
}

/// A chain's last link, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = event_head)]
pub struct Head {
    pub stream: String,
    pub stream_id: i64,
    pub seq: i64,
    pub hash: Vec<u8>,
    pub seal: Vec<u8>,
    pub key_id: String,
}

/// A text beside the log, with the salt of its commitment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = event_text)]
pub struct StoredText {
    pub ticket_id: i64,
    pub seq: i64,
    pub name: String,
    pub salt: Vec<u8>,
    pub body: String,
}

/// Appends events to the chain of `stream_id`, links and seals them, and keeps their texts beside.
///
/// Salts come from the operating system. The caller's transaction makes it all one.
///
/// # Errors
/// `Duplicate` when another transaction appended to the same chain first.
pub fn append(
    db: &mut Db,
    key: &SealKey,
    stream: Stream,
    stream_id: i64,
    drafts: Vec<Draft>,
) -> Result<(), StoreError> {
    let head = if drafts.is_empty() { None } else { lock_head(db, stream, stream_id)? };
    let mut inserts = Inserts::default();
    link(db, &mut inserts, key, (stream, stream_id), head, drafts)?;
    inserts.run(db)
}

/// As [`append`], for a chain that is only begun now: nobody else can have appended to it. What PostgreSQL gets is
/// added to `inserts`.
///
/// # Errors
/// `Bug` when the chain is there already.
pub(super) fn begin(
    db: &mut Db,
    inserts: &mut Inserts,
    key: &SealKey,
    stream: Stream,
    stream_id: i64,
    drafts: Vec<Draft>,
) -> Result<(), StoreError> {
    link(db, inserts, key, (stream, stream_id), None, drafts)
}

fn link(
    db: &mut Db,
    inserts: &mut Inserts,
    key: &SealKey,
    (stream, stream_id): (Stream, i64),
    head: Option<Head>,
    drafts: Vec<Draft>,
) -> Result<(), StoreError> {
    let Some(n_drafts) = i64::try_from(drafts.len()).ok().filter(|it| *it > 0) else { return Ok(()) };
    let is_first = head.is_none();
    let (mut seq, mut prev_hash) = match head {
        Some(head) => (head.seq, head.hash),
        None => (0, GENESIS.to_vec()),
    };

    let ids = reserve_ids(db, n_drafts)?;
    let mut rows = Vec::with_capacity(drafts.len());
    let mut texts = Vec::new();
    let mut last: Hash = GENESIS;
    for (id, draft) in ids.into_iter().zip(drafts) {
        seq += 1;
        let data = with_commitments(draft.fields, draft.texts, stream_id, seq, &mut texts)?;
        let mut recorded = Recorded {
            id,
            stream: stream.as_str().to_owned(),
            stream_id,
            seq,
            kind: draft.kind,
            at: draft.at,
            actor_kind: draft.stamp.kind.as_str().to_owned(),
            actor_id: draft.stamp.id,
            actor_name: draft.stamp.name,
            place: draft.stamp.place,
            data,
            prev_hash,
            hash: Vec::new(),
        };
        last = event_hash(&recorded);
        recorded.hash = last.to_vec();
        prev_hash = last.to_vec();
        rows.push(EventRow {
            id: recorded.id,
            stream: recorded.stream,
            stream_id,
            seq,
            kind: recorded.kind,
            at: recorded.at.micros(),
            actor_kind: recorded.actor_kind,
            actor_id: recorded.actor_id,
            actor_name: recorded.actor_name,
            place: recorded.place,
            data: recorded.data,
            prev_hash: recorded.prev_hash,
            hash: recorded.hash,
        });
    }

    for row in rows {
        insert!(db, inserts, diesel::insert_into(event::table).values(row))?;
    }
    for text in texts {
        keep_text(db, inserts, stream, text)?;
    }
    let head = Head {
        stream: stream.as_str().to_owned(),
        stream_id,
        seq,
        seal: key.seal(stream, stream_id, seq, &last).to_vec(),
        hash: last.to_vec(),
        key_id: key.id.clone(),
    };
    if is_first {
        insert!(db, inserts, diesel::insert_into(event_head::table).values(head))?;
    } else {
        on!(db, |c| diesel::update(event_head::table.find((stream.as_str(), stream_id)))
            .set((
                event_head::seq.eq(head.seq),
                event_head::hash.eq(&head.hash),
                event_head::seal.eq(&head.seal),
                event_head::key_id.eq(&head.key_id),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Keeps a text beside the log: a ticket's or a collection's; the set-up has none.
fn keep_text(db: &mut Db, inserts: &mut Inserts, stream: Stream, text: TextRow) -> Result<(), StoreError> {
    match stream {
        Stream::Ticket => insert!(db, inserts, diesel::insert_into(event_text::table).values(text)),
        Stream::Collection => {
            let values = (
                collection_text::collection_id.eq(text.ticket_id),
                collection_text::seq.eq(text.seq),
                collection_text::name.eq(text.name),
                collection_text::salt.eq(text.salt),
                collection_text::body.eq(text.body),
            );
            insert!(db, inserts, diesel::insert_into(collection_text::table).values(values))
        }
        Stream::Setup => Err(StoreError::Bug("the set-up's events have no texts".to_owned())),
    }
}

/// The event's JSON text: its fields, and a commitment in place of each text.
fn with_commitments(
    fields: serde_json::Value,
    texts: Vec<(String, String)>,
    stream_id: i64,
    seq: i64,
    rows: &mut Vec<TextRow>,
) -> Result<String, StoreError> {
    let serde_json::Value::Object(mut fields) = fields else {
        return Err(StoreError::Bug("an event's fields are not a JSON object".to_owned()));
    };
    if texts.len() > TEXTS_PER_EVENT_MAX {
        return Err(StoreError::Bug("too many texts in one event".to_owned()));
    }
    if !texts.is_empty() {
        let mut commitments = serde_json::Map::new();
        for (name, body) in texts {
            let salt: Salt = rand::random();
            commitments.insert(name.clone(), commitment(&salt, &name, &body).into());
            rows.push(TextRow { ticket_id: stream_id, seq, name, salt: salt.to_vec(), body });
        }
        fields.insert("commitments".to_owned(), commitments.into());
    }
    Ok(serde_json::Value::Object(fields).to_string())
}

/// Lets nobody else append to a chain until the transaction ends: what is read from here on stays true.
///
/// # Errors
/// Only those of the database.
pub fn hold(db: &mut Db, stream: Stream, stream_id: i64) -> Result<(), StoreError> {
    lock_head(db, stream, stream_id).map(drop)
}

/// The chain's head, held until the transaction ends on PostgreSQL; SQLite has one writer.
fn lock_head(db: &mut Db, stream: Stream, stream_id: i64) -> Result<Option<Head>, StoreError> {
    let head = event_head::table.find((stream.as_str(), stream_id));
    Ok(held!(db, head.select(Head::as_select()), |c, it| it.first(c).optional())?)
}

/// `n` ids in rising order, which nobody else gets.
///
/// An event's hash covers its id, so the id must be known before the row is written.
fn reserve_ids(db: &mut Db, n: i64) -> Result<Vec<i64>, StoreError> {
    Ok(match db {
        Db::Lite(c) => {
            let last: Option<i64> = event::table.select(diesel::dsl::max(event::id)).first(c)?;
            let next = last.unwrap_or(0) + 1;
            (next..next + n).collect()
        }
        Db::Pg(c) => Draw { sequence: "event_id_seq", n }.load(c)?,
    })
}

/// The events of one chain from `after` on, oldest first, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list(
    db: &mut Db,
    stream: Stream,
    stream_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let rows: Vec<EventRow> = on!(db, |c| event::table
        .filter(event::stream.eq(stream.as_str()))
        .filter(event::stream_id.eq(stream_id))
        .filter(event::seq.gt(after))
        .order(event::seq)
        .limit(limit)
        .select(EventRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(Recorded::from).collect())
}

/// Tickets whose events are read at once.
const TICKETS_PER_QUERY: usize = 100;

/// Gives every event of these tickets to `take`, ticket by ticket, each oldest first.
///
/// # Errors
/// Only those of the database.
pub fn each_of_tickets(
    db: &mut Db,
    tickets: &[i64],
    mut take: impl FnMut(Recorded),
) -> Result<(), StoreError> {
    for some in tickets.chunks(TICKETS_PER_QUERY) {
        let rows: Vec<EventRow> = on!(db, |c| event::table
            .filter(event::stream.eq(Stream::Ticket.as_str()))
            .filter(event::stream_id.eq_any(some))
            .order((event::stream_id, event::seq))
            .select(EventRow::as_select())
            .load(c))?;
        rows.into_iter().map(Recorded::from).for_each(&mut take);
    }
    Ok(())
}

/// The head of one chain, if it has begun.
///
/// # Errors
/// Only those of the database.
pub fn head(db: &mut Db, stream: Stream, stream_id: i64) -> Result<Option<Head>, StoreError> {
    Ok(on!(db, |c| event_head::table
        .find((stream.as_str(), stream_id))
        .select(Head::as_select())
        .first(c)
        .optional())?)
}

/// The id of the last event of a ticket; 0 before the first.
///
/// # Errors
/// Only those of the database.
pub fn latest_id(db: &mut Db) -> Result<i64, StoreError> {
    let last: Option<i64> =
        on!(db, |c| event::table.order(event::id.desc()).select(event::id).first(c).optional())?;
    Ok(last.unwrap_or(0))
}

/// Events of tickets after the id `after`, oldest first: id, ticket, type; at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_moves(db: &mut Db, after: i64, limit: i64) -> Result<Vec<(i64, i64, String)>, StoreError> {
    Ok(on!(db, |c| event::table
        .filter(event::id.gt(after))
        .filter(event::stream.eq(Stream::Ticket.as_str()))
        .order(event::id)
        .limit(limit)
        .select((event::id, event::stream_id, event::kind))
        .load(c))?)
}
