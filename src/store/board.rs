//! What is published, for everybody.

use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::schema::ticket;
use super::tickets::{TicketRow, complete};
use crate::domain::ticket::Ticket;
use crate::domain::value::SetupId;

/// What is asked for; empty means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub categories: Vec<SetupId>,
    pub building: Option<String>,
}

/// Published, unsealed tickets, newest first: `limit` of them after `skip`.
///
/// # Errors
/// Only those of the database.
pub fn list_published(
    db: &mut Db,
    filter: &Filter,
    skip: i64,
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
        query.order(ticket::position.desc()).offset(skip).limit(limit).load(c)
    })?;
    complete(db, &rows)
}
