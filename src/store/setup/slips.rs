//! Printed slips: runs of serials, written once.

use diesel::dsl::max;
use diesel::prelude::*;

use super::corrupt;
use crate::domain::setup::SlipBatch;
use crate::domain::value::{At, NodeId, SetupId};
use crate::store::db::{Db, StoreError, held, on};
use crate::store::schema::{node, slip_batch};

#[derive(Queryable, Selectable)]
#[diesel(table_name = slip_batch)]
struct BatchRow {
    id: i64,
    node_id: i64,
    first_running: i64,
    last_running: i64,
    kiosk_id: Option<i64>,
    printed_at: i64,
}

impl BatchRow {
    fn into_batch(self) -> Result<SlipBatch, StoreError> {
        let running = |it: i64| u64::try_from(it).map_err(|_| corrupt("a slip's running number"));
        Ok(SlipBatch {
            id: self.id,
            node: NodeId(self.node_id),
            first: running(self.first_running)?,
            last: running(self.last_running)?,
            kiosk: self.kiosk_id.map(SetupId),
            printed_at: At::from_micros(self.printed_at),
        })
    }
}

/// Slips to be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlipDraft {
    /// The community.
    pub node: NodeId,
    /// How many, at least one.
    pub count: u32,
    /// The kiosk whose reserve they are.
    pub kiosk: Option<SetupId>,
    pub printed_at: At,
}

/// Gives out the community's next run of serials. Others who print for it wait until the transaction ends.
///
/// # Errors
/// Only those of the database.
pub fn print_slips(db: &mut Db, draft: &SlipDraft) -> Result<SlipBatch, StoreError> {
    let community = node::table.find(draft.node.0).select(node::id);
    let _held: i64 = held!(db, community, |c, it| it.first(c))?;
    let last: Option<i64> = on!(db, |c| slip_batch::table
        .filter(slip_batch::node_id.eq(draft.node.0))
        .select(max(slip_batch::last_running))
        .first(c))?;
    let first = last.unwrap_or(0) + 1;
    let row: BatchRow = on!(db, |c| diesel::insert_into(slip_batch::table)
        .values((
            slip_batch::node_id.eq(draft.node.0),
            slip_batch::first_running.eq(first),
            slip_batch::last_running.eq(first + i64::from(draft.count) - 1),
            slip_batch::kiosk_id.eq(draft.kiosk.map(|it| it.0)),
            slip_batch::printed_at.eq(draft.printed_at.micros()),
        ))
        .returning(BatchRow::as_returning())
        .get_result(c))?;
    row.into_batch()
}

/// The run that a community's serial with this running number is of; None when it was never printed.
///
/// # Errors
/// Only those of the database.
pub fn find_slip_batch(db: &mut Db, node: NodeId, running: u64) -> Result<Option<SlipBatch>, StoreError> {
    let Ok(running) = i64::try_from(running) else { return Ok(None) };
    let row: Option<BatchRow> = on!(db, |c| slip_batch::table
        .filter(slip_batch::node_id.eq(node.0))
        .filter(slip_batch::first_running.le(running))
        .order(slip_batch::first_running.desc())
        .select(BatchRow::as_select())
        .first(c)
        .optional())?;
    row.filter(|it| it.last_running >= running).map(BatchRow::into_batch).transpose()
}

/// How many slips a kiosk was given from `since` on.
///
/// # Errors
/// Only those of the database.
pub fn count_reserve(db: &mut Db, kiosk: SetupId, since: At) -> Result<u64, StoreError> {
    let runs: Vec<(i64, i64)> = on!(db, |c| slip_batch::table
        .filter(slip_batch::kiosk_id.eq(kiosk.0))
        .filter(slip_batch::printed_at.ge(since.micros()))
        .order(slip_batch::id)
        .limit(super::ROWS_MAX)
        .select((slip_batch::first_running, slip_batch::last_running))
        .load(c))?;
    Ok(runs.into_iter().map(|(first, last)| (last - first).unsigned_abs() + 1).sum())
}

pub(super) fn every(db: &mut Db) -> Result<Vec<SlipBatch>, StoreError> {
    let rows: Vec<BatchRow> =
        on!(db, |c| slip_batch::table.order(slip_batch::id).select(BatchRow::as_select()).load(c))?;
    rows.into_iter().map(BatchRow::into_batch).collect()
}
