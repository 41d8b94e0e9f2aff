//! Collections in the database: `save` is the only way a collection's row is written, and it writes the event too.

pub mod attachments;
mod keys;

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::db::{Db, StoreError, held, on};
use super::events;
use super::schema::{collection, collection_letter, collection_text, ticket};
use crate::domain::chain::SealKey;
use crate::domain::event::{Draft, Stream};
use crate::domain::mailbox::{Change, Collection, CollectionAttachment, Letter, Opener, SetAside};
use crate::domain::ticket::LetterOf;
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};

pub use self::keys::{Kept, KeyOf, find_kept, forget_kept, keep};

/// Rows of one table that one question meets at most: a page of collections with a thousand letters each is
/// asked for without its letters.
const ROWS_MAX: i64 = 100_000;
/// Tickets of some collections' letters; more are not named.
const TICKETS_MAX: i64 = 20_000;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = collection, treat_none_as_null = true)]
struct CollectionRow {
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

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = collection_letter)]
struct LetterRow {
    collection_id: i64,
    id: i64,
    set_aside: Option<String>,
    put_in_on: Option<String>,
    slip: Option<String>,
    n_tickets: i64,
    registered_at: i64,
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a collection's {what}"))
}

fn small(value: i64, what: &str) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| corrupt(what))
}

impl CollectionRow {
    fn of(it: &Collection) -> Self {
        let [first, second] = it.openers;
        Self {
            id: it.id.0,
            mailbox_id: it.mailbox.0,
            node_id: it.node.0,
            version: it.version,
            opened_at: it.opened_at.micros(),
            recorded_at: it.recorded_at.micros(),
            letters_counted: it.letters_counted.into(),
            n_registered: it.n_registered().into(),
            n_set_aside: it.n_set_aside().into(),
            opener_1_id: first.account.map(|it| it.0),
            opener_2_id: second.account.map(|it| it.0),
            confirmed_1_at: first.confirmed_at.map(At::micros),
            confirmed_2_at: second.confirmed_at.map(At::micros),
            closed_at: it.closed_at.map(At::micros),
            n_unaccounted: it.n_unaccounted.map(i64::from),
        }
    }

    fn into_collection(
        self,
        letters: Vec<Letter>,
        attachments: Vec<CollectionAttachment>,
    ) -> Result<Collection, StoreError> {
        let opener = |account: Option<i64>, confirmed_at: Option<i64>| Opener {
            account: account.map(AccountId),
            confirmed_at: confirmed_at.map(At::from_micros),
        };
        let n_unaccounted = self.n_unaccounted.map(|it| small(it, "count")).transpose()?;
        Ok(Collection {
            id: CollectionId(self.id),
            mailbox: SetupId(self.mailbox_id),
            node: NodeId(self.node_id),
            version: self.version,
            opened_at: At::from_micros(self.opened_at),
            recorded_at: At::from_micros(self.recorded_at),
            letters_counted: small(self.letters_counted, "count")?,
            openers: [
                opener(self.opener_1_id, self.confirmed_1_at),
                opener(self.opener_2_id, self.confirmed_2_at),
            ],
            letters,
            attachments,
            closed_at: self.closed_at.map(At::from_micros),
            n_unaccounted,
        })
    }
}

impl LetterRow {
    fn of(collection: CollectionId, it: &Letter) -> Self {
        Self {
            collection_id: collection.0,
            id: it.id.into(),
            set_aside: it.set_aside.map(|it| it.to_string()),
            put_in_on: it.put_in_on.map(|it| it.to_string()),
            slip: it.slip.clone(),
            n_tickets: it.n_tickets.into(),
            registered_at: it.registered_at.micros(),
        }
    }

    fn into_letter(self) -> Result<Letter, StoreError> {
        let put_in_on = match self.put_in_on {
            Some(day) => Some(day.parse::<NaiveDate>().map_err(|_| corrupt("day"))?),
            None => None,
        };
        let set_aside = match self.set_aside {
            Some(word) => Some(SetAside::parse(&word).ok_or_else(|| corrupt("reason"))?),
            None => None,
        };
        Ok(Letter {
            id: small(self.id, "letter")?,
            set_aside,
            put_in_on,
            slip: self.slip,
            n_tickets: small(self.n_tickets, "count")?,
            registered_at: At::from_micros(self.registered_at),
        })
    }
}

/// The next collection's id, which nobody else gets while the transaction lasts.
///
/// # Errors
/// Only those of the database.
pub fn next_id(db: &mut Db) -> Result<CollectionId, StoreError> {
    let id = match db {
        Db::Lite(c) => {
            let last: Option<i64> = collection::table.select(diesel::dsl::max(collection::id)).first(c)?;
            last.unwrap_or(0) + 1
        }
        Db::Pg(c) => diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "nextval(pg_get_serial_sequence('collection', 'id'))",
        ))
        .first(c)?,
    };
    Ok(CollectionId(id))
}

/// Writes a change: the collection's row, the letter it accounts for or the file it adds, and its event with its texts.
///
/// # Errors
/// `Stale` when somebody saved the collection since it was read.
pub fn save(db: &mut Db, key: &SealKey, change: &Change) -> Result<(), StoreError> {
    let now = change.collection();
    let row = CollectionRow::of(now);
    match change.version_before() {
        None => {
            on!(db, |c| diesel::insert_into(collection::table).values(&row).execute(c))?;
        }
        Some(version) => {
            let n_updated = on!(db, |c| diesel::update(collection::table)
                .filter(collection::id.eq(now.id.0))
                .filter(collection::version.eq(version))
                .set(&row)
                .execute(c))?;
            if n_updated != 1 {
                return Err(StoreError::Stale);
            }
        }
    }
    if let Some(letter) = change.letter() {
        let row = LetterRow::of(now.id, letter);
        on!(db, |c| diesel::insert_into(collection_letter::table).values(&row).execute(c))?;
    }
    attachments::save(db, change)?;
    let (kind, fields) = change.event().to_parts().map_err(StoreError::Bug)?;
    let draft = Draft {
        kind,
        at: change.at(),
        stamp: change.stamp().clone(),
        fields,
        texts: change.texts().to_vec(),
    };
    events::append(db, key, Stream::Collection, now.id.0, vec![draft])
}

/// The collection, if it is there.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn find(db: &mut Db, id: CollectionId) -> Result<Option<Collection>, StoreError> {
    let row: Option<CollectionRow> =
        on!(db, |c| collection::table.find(id.0).select(CollectionRow::as_select()).first(c).optional())?;
    let Some(row) = row else { return Ok(None) };
    let letters: Vec<LetterRow> = on!(db, |c| collection_letter::table
        .filter(collection_letter::collection_id.eq(id.0))
        .order(collection_letter::id)
        .limit(ROWS_MAX)
        .select(LetterRow::as_select())
        .load(c))?;
    let letters = letters.into_iter().map(LetterRow::into_letter).collect::<Result<_, _>>()?;
    let attached = attachments::of_collections(db, &[id.0])?.remove(&id.0).unwrap_or_default();
    row.into_collection(letters, attached).map(Some)
}

/// The same, held against other writers until the transaction ends.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn lock(db: &mut Db, id: CollectionId) -> Result<Option<Collection>, StoreError> {
    let row = collection::table.find(id.0).select(collection::id);
    let held: Option<i64> = held!(db, row, |c, it| it.first(c).optional())?;
    if held.is_none() { Ok(None) } else { find(db, id) }
}

/// Which collections are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of mailboxes at these nodes.
    pub nodes: Vec<NodeId>,
    /// Of these mailboxes; None for all.
    pub mailboxes: Option<Vec<SetupId>>,
    pub state: Option<ListState>,
}

crate::words! {
    /// Which of the collections.
    ListState {
        Open = "open", Closed = "closed",
        /// Those with something that is not as it should be.
        Exception = "exception",
    }
}

/// Collections below the id `before`, newest first, with their letters, at most `limit`.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn list(db: &mut Db, filter: &Filter, before: i64, limit: i64) -> Result<Vec<Collection>, StoreError> {
    let nodes: Vec<i64> = filter.nodes.iter().map(|it| it.0).collect();
    let rows: Vec<CollectionRow> = on!(db, |c| {
        let mut query = collection::table
            .filter(collection::node_id.eq_any(&nodes))
            .filter(collection::id.lt(before))
            .select(CollectionRow::as_select())
            .into_boxed();
        if let Some(mailboxes) = &filter.mailboxes {
            let ids: Vec<i64> = mailboxes.iter().map(|it| it.0).collect();
            query = query.filter(collection::mailbox_id.eq_any(ids));
        }
        query = match filter.state {
            None => query,
            Some(ListState::Open) => query.filter(collection::closed_at.is_null()),
            Some(ListState::Closed) => query.filter(collection::closed_at.is_not_null()),
            Some(ListState::Exception) => query.filter(
                collection::n_unaccounted
                    .gt(0)
                    .or(collection::opener_1_id.is_not_null().and(collection::confirmed_1_at.is_null()))
                    .or(collection::opener_2_id.is_not_null().and(collection::confirmed_2_at.is_null())),
            ),
        };
        query.order(collection::id.desc()).limit(limit).load(c)
    })?;
    let ids: Vec<i64> = rows.iter().map(|it| it.id).collect();
    let letters: Vec<LetterRow> = on!(db, |c| collection_letter::table
        .filter(collection_letter::collection_id.eq_any(&ids))
        .order((collection_letter::collection_id, collection_letter::id))
        .limit(ROWS_MAX)
        .select(LetterRow::as_select())
        .load(c))?;
    let mut letters_of: HashMap<i64, Vec<Letter>> = HashMap::new();
    for row in letters {
        letters_of.entry(row.collection_id).or_default().push(row.into_letter()?);
    }
    let mut attached_of = attachments::of_collections(db, &ids)?;
    rows.into_iter()
        .map(|row| {
            let letters = letters_of.remove(&row.id).unwrap_or_default();
            let attached = attached_of.remove(&row.id).unwrap_or_default();
            row.into_collection(letters, attached)
        })
        .collect()
}

/// A text of a collection and the event it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct CollectionText {
    pub collection: i64,
    pub seq: i64,
    pub name: String,
    pub body: String,
}

/// The texts of collections in the order they were written.
///
/// # Errors
/// Only those of the database.
pub fn list_texts(db: &mut Db, ids: &[CollectionId]) -> Result<Vec<CollectionText>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|it| it.0).collect();
    Ok(on!(db, |c| collection_text::table
        .filter(collection_text::collection_id.eq_any(&ids))
        .order((collection_text::collection_id, collection_text::seq, collection_text::name))
        .limit(ROWS_MAX)
        .select((
            collection_text::collection_id,
            collection_text::seq,
            collection_text::name,
            collection_text::body,
        ))
        .load(c))?)
}

/// A ticket as a letter's list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketOfLetter {
    pub letter: LetterOf,
    pub ticket: TicketId,
    pub number: String,
    pub sealed: bool,
    pub handling_node: NodeId,
}

type NamedRow = (Option<i64>, Option<i64>, i64, String, bool, i64);

/// Which tickets came in the letters of these collections, oldest first.
///
/// # Errors
/// Only those of the database.
pub fn tickets_of(db: &mut Db, collections: &[CollectionId]) -> Result<Vec<TicketOfLetter>, StoreError> {
    if collections.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = collections.iter().map(|it| it.0).collect();
    let rows: Vec<NamedRow> = on!(db, |c| ticket::table
        .filter(ticket::collection_id.eq_any(&ids))
        .order((ticket::collection_id, ticket::letter_id, ticket::id))
        .limit(TICKETS_MAX)
        .select((
            ticket::collection_id,
            ticket::letter_id,
            ticket::id,
            ticket::number,
            ticket::sealed,
            ticket::handling_node_id,
        ))
        .load(c))?;
    let mut found = Vec::with_capacity(rows.len());
    for (collection, letter, id, number, sealed, handling_node) in rows {
        let (Some(collection), Some(letter)) = (collection, letter) else { continue };
        found.push(TicketOfLetter {
            letter: LetterOf { collection: CollectionId(collection), letter: small(letter, "letter")? },
            ticket: TicketId(id),
            number,
            sealed,
            handling_node: NodeId(handling_node),
        });
    }
    Ok(found)
}

/// The letters that tickets came in, with when their boxes were opened.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn letters(db: &mut Db, wanted: &[LetterOf]) -> Result<Vec<(LetterOf, Letter, At)>, StoreError> {
    let mut ids: Vec<i64> = wanted.iter().map(|it| it.collection.0).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers: Vec<i64> = wanted.iter().map(|it| it.letter.into()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let rows: Vec<(LetterRow, i64)> = on!(db, |c| collection_letter::table
        .inner_join(collection::table.on(collection::id.eq(collection_letter::collection_id)))
        .filter(collection_letter::collection_id.eq_any(&ids))
        .filter(collection_letter::id.eq_any(&numbers))
        .order((collection_letter::collection_id, collection_letter::id))
        .limit(ROWS_MAX)
        .select((LetterRow::as_select(), collection::opened_at))
        .load(c))?;
    let mut found = Vec::new();
    for (row, opened_at) in rows {
        let collection = CollectionId(row.collection_id);
        let letter = row.into_letter()?;
        let of = LetterOf { collection, letter: letter.id };
        if wanted.contains(&of) {
            found.push((of, letter, At::from_micros(opened_at)));
        }
    }
    Ok(found)
}
