//! What is published, for everybody.

use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::schema::ticket;
use super::tickets::{TicketRow, complete};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::value::{NodeId, SetupId};

/// What is asked for; empty means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub categories: Vec<SetupId>,
    pub building: Option<String>,
    pub node: Option<NodeId>,
}

/// Published, unsealed tickets, newest first: `limit` of them from before the position `before`.
///
/// # Errors
/// Only those of the database.
pub fn list_published(
    db: &mut Db,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Ticket>, StoreError> {
    let categories: Vec<i64> = filter.categories.iter().map(|it| it.0).collect();
    let rows: Vec<TicketRow> = on!(db, |c| {
        let mut query = ticket::table.select(TicketRow::as_select()).into_boxed();
        query = query.filter(ticket::published).filter(ticket::sealed.eq(false));
        if !categories.is_empty() {
            query = query.filter(ticket::category_id.eq_any(&categories));
        }
        if let Some(building) = &filter.building {
            query = query.filter(ticket::building.eq(building));
        }
        if let Some(node) = filter.node {
            query = query.filter(ticket::node_id.eq(node.0));
        }
        if let Some(before) = before {
            query = query.filter(ticket::position.lt(before));
        }
        query.order(ticket::position.desc()).limit(limit).load(c)
    })?;
    complete(db, &rows)
}

/// How many unsealed tickets of `node` and `category` still wait, received from the position `since` on; counting
/// ends at `most`.
///
/// # Errors
/// Only those of the database.
pub fn count_alike(
    db: &mut Db,
    node: NodeId,
    category: SetupId,
    building: Option<&str>,
    since: i64,
    most: i64,
) -> Result<usize, StoreError> {
    let open: Vec<&str> = Status::ALL.iter().filter(|it| it.is_open()).map(|it| it.as_str()).collect();
    let found: Vec<i64> = on!(db, |c| {
        let mut query = ticket::table.select(ticket::id).into_boxed();
        query = query.filter(ticket::node_id.eq(node.0)).filter(ticket::position.ge(since));
        query = query.filter(ticket::category_id.eq(category.0)).filter(ticket::sealed.eq(false));
        query = query.filter(ticket::status.eq_any(&open));
        if let Some(building) = building {
            query = query.filter(ticket::building.eq(building));
        }
        query.order(ticket::position.desc()).limit(most).load(c)
    })?;
    Ok(found.len())
}
