//! What is known of mailboxes beside their set-up: which openings were due, and what came out of them.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::db::{Db, StoreError, held, on};
use super::schema::{collection, due_opening, mailbox_watch, setup_entry};
use crate::domain::mailbox::DueOpening;
use crate::domain::setup::SetupKind;
use crate::domain::value::{At, NodeId, SetupId};

/// Rows one question meets at most: a district's boxes with a year of daily openings.
const ROWS_MAX: i64 = 200_000;

/// Up to when a mailbox was looked at, and by which schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub mailbox: SetupId,
    /// The schedule in force then, as JSON.
    pub schedule: Option<String>,
    pub looked_at: At,
    /// When it is to be looked at again; None when nothing will be due.
    pub look_at: Option<At>,
}

/// Has every mailbox looked at again: a schedule, a calendar or a node was changed.
///
/// # Errors
/// Only those of the database.
pub fn look_again(db: &mut Db) -> Result<(), StoreError> {
    let unwatched = setup_entry::table
        .left_join(mailbox_watch::table.on(mailbox_watch::mailbox_id.eq(setup_entry::id)))
        .filter(setup_entry::kind.eq(SetupKind::Mailbox.as_str()))
        .filter(mailbox_watch::mailbox_id.nullable().is_null())
        .order(setup_entry::id)
        .select(setup_entry::id);
    let new: Vec<i64> = on!(db, |c| unwatched.load(c))?;
    for id in new {
        on!(db, |c| diesel::insert_into(mailbox_watch::table)
            .values((mailbox_watch::mailbox_id.eq(id), mailbox_watch::looked_at.eq(0)))
            .execute(c))?;
    }
    on!(db, |c| diesel::update(mailbox_watch::table).set(mailbox_watch::look_at.eq(Some(0))).execute(c))?;
    Ok(())
}

/// Mailboxes that are to be looked at by `now`, longest due first.
///
/// # Errors
/// Only those of the database.
pub fn list_to_look(db: &mut Db, now: At, limit: i64) -> Result<Vec<SetupId>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| mailbox_watch::table
        .filter(mailbox_watch::look_at.le(now.micros()))
        .order((mailbox_watch::look_at, mailbox_watch::mailbox_id))
        .limit(limit)
        .select(mailbox_watch::mailbox_id)
        .load(c))?;
    Ok(ids.into_iter().map(SetupId).collect())
}

type WatchRow = (i64, Option<String>, i64, Option<i64>);

fn watch((mailbox, schedule, looked_at, look_at): WatchRow) -> Watch {
    Watch {
        mailbox: SetupId(mailbox),
        schedule,
        looked_at: At::from_micros(looked_at),
        look_at: look_at.map(At::from_micros),
    }
}

/// The watch of a mailbox, held against others who look until the transaction ends.
///
/// # Errors
/// Only those of the database.
pub fn lock_watch(db: &mut Db, mailbox: SetupId) -> Result<Option<Watch>, StoreError> {
    let row = mailbox_watch::table.find(mailbox.0);
    let found: Option<WatchRow> = held!(db, row, |c, it| it.first(c).optional())?;
    Ok(found.map(watch))
}

/// The watch of a mailbox as it is.
///
/// # Errors
/// Only those of the database.
pub fn find_watch(db: &mut Db, mailbox: SetupId) -> Result<Option<Watch>, StoreError> {
    let found: Option<WatchRow> = on!(db, |c| mailbox_watch::table.find(mailbox.0).first(c).optional())?;
    Ok(found.map(watch))
}

/// Writes a watch over the one that was held.
///
/// # Errors
/// Only those of the database.
pub fn save_watch(db: &mut Db, watch: &Watch) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(mailbox_watch::table.find(watch.mailbox.0))
        .set((
            mailbox_watch::schedule.eq(&watch.schedule),
            mailbox_watch::looked_at.eq(watch.looked_at.micros()),
            mailbox_watch::look_at.eq(watch.look_at.map(At::micros)),
        ))
        .execute(c))?;
    Ok(())
}

/// Records that an opening was due; false when that is recorded already.
///
/// # Errors
/// Only those of the database.
pub fn record_due(db: &mut Db, mailbox: SetupId, due: DueOpening) -> Result<bool, StoreError> {
    let n_rows = on!(db, |c| diesel::insert_into(due_opening::table)
        .values((
            due_opening::mailbox_id.eq(mailbox.0),
            due_opening::since_at.eq(due.since.micros()),
            due_opening::due_at.eq(due.due_at.micros()),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(n_rows == 1)
}

/// Openings of these mailboxes that were due in [from, to), by mailbox and time.
///
/// # Errors
/// Only those of the database.
pub fn list_due(
    db: &mut Db,
    mailboxes: &[SetupId],
    from: At,
    to: At,
) -> Result<Vec<(SetupId, DueOpening)>, StoreError> {
    let ids: Vec<i64> = mailboxes.iter().map(|it| it.0).collect();
    let rows: Vec<(i64, i64, i64)> = on!(db, |c| due_opening::table
        .filter(due_opening::mailbox_id.eq_any(&ids))
        .filter(due_opening::due_at.ge(from.micros()))
        .filter(due_opening::due_at.lt(to.micros()))
        .order((due_opening::mailbox_id, due_opening::due_at))
        .limit(ROWS_MAX)
        .load(c))?;
    let due = |(mailbox, since, due_at)| {
        (SetupId(mailbox), DueOpening { since: At::from_micros(since), due_at: At::from_micros(due_at) })
    };
    Ok(rows.into_iter().map(due).collect())
}

/// When these mailboxes were opened in [from, to), by mailbox and time.
///
/// # Errors
/// Only those of the database.
pub fn list_openings(
    db: &mut Db,
    mailboxes: &[SetupId],
    from: At,
    to: At,
) -> Result<Vec<(SetupId, At)>, StoreError> {
    let ids: Vec<i64> = mailboxes.iter().map(|it| it.0).collect();
    let rows: Vec<(i64, i64)> = on!(db, |c| collection::table
        .filter(collection::mailbox_id.eq_any(&ids))
        .filter(collection::opened_at.ge(from.micros()))
        .filter(collection::opened_at.lt(to.micros()))
        .order((collection::mailbox_id, collection::opened_at, collection::id))
        .limit(ROWS_MAX)
        .select((collection::mailbox_id, collection::opened_at))
        .load(c))?;
    Ok(rows.into_iter().map(|(mailbox, at)| (SetupId(mailbox), At::from_micros(at))).collect())
}

/// What came out of a mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Letters {
    pub counted: i64,
    pub registered: i64,
    pub set_aside: i64,
}

/// The letters of boxes at `nodes` that were opened in [from, to), by mailbox.
///
/// # Errors
/// Only those of the database.
pub fn letters(
    db: &mut Db,
    nodes: &[NodeId],
    from: At,
    to: At,
) -> Result<Vec<(SetupId, Letters)>, StoreError> {
    let ids: Vec<i64> = nodes.iter().map(|it| it.0).collect();
    // A sum of BIGINTs is numeric on PostgreSQL.
    let rows: Vec<(i64, i64, i64, i64)> = on!(db, |c| collection::table
        .filter(collection::node_id.eq_any(&ids))
        .filter(collection::opened_at.ge(from.micros()))
        .filter(collection::opened_at.lt(to.micros()))
        .group_by(collection::mailbox_id)
        .order(collection::mailbox_id)
        .limit(ROWS_MAX)
        .select((
            collection::mailbox_id,
            sql::<BigInt>("CAST(sum(letters_counted) AS BIGINT)"),
            sql::<BigInt>("CAST(sum(n_registered) AS BIGINT)"),
            sql::<BigInt>("CAST(sum(n_set_aside) AS BIGINT)"),
        ))
        .load(c))?;
    let of = |(mailbox, counted, registered, set_aside)| {
        (SetupId(mailbox), Letters { counted, registered, set_aside })
    };
    Ok(rows.into_iter().map(of).collect())
}

/// The mailboxes that hang at `nodes`, retired ones too, by id.
///
/// # Errors
/// Only those of the database.
pub fn mailboxes_at(db: &mut Db, nodes: &[NodeId]) -> Result<Vec<SetupId>, StoreError> {
    let nodes: Vec<Option<i64>> = nodes.iter().map(|it| Some(it.0)).collect();
    let ids: Vec<i64> = on!(db, |c| setup_entry::table
        .filter(setup_entry::kind.eq(SetupKind::Mailbox.as_str()))
        .filter(setup_entry::node_id.eq_any(&nodes))
        .order(setup_entry::id)
        .limit(ROWS_MAX)
        .select(setup_entry::id)
        .load(c))?;
    Ok(ids.into_iter().map(SetupId).collect())
}
