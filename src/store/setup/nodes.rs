//! Nodes of the organisation tree: rows in, rows out.

use std::collections::HashMap;

use chrono_tz::Tz;
use diesel::prelude::*;

use super::{ROWS_MAX, Sight, bounds, corrupt};
use crate::domain::setup::{Node, NodeKind};
use crate::domain::value::{At, NodeId};
use crate::store::db::{Db, StoreError, can_be_stored, on};
use crate::store::schema::node;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = node, treat_none_as_null = true)]
struct NodeRow {
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

impl NodeRow {
    fn of(node: &Node) -> Self {
        Self {
            id: node.id.0,
            code: node.code.clone(),
            name: node.name.clone(),
            kind: node.kind.to_string(),
            parent_id: node.parent.map(|it| it.0),
            path: node.path.clone(),
            time_zone: node.time_zone.name().to_owned(),
            version: node.version,
            retired_at: node.retired_at.map(At::micros),
        }
    }

    fn into_node(self) -> Result<Node, StoreError> {
        Ok(Node {
            id: NodeId(self.id),
            code: self.code,
            name: self.name,
            kind: NodeKind::parse(&self.kind).ok_or_else(|| corrupt("a node's kind"))?,
            parent: self.parent_id.map(NodeId),
            path: self.path,
            time_zone: self.time_zone.parse().map_err(|_| corrupt("a node's time zone"))?,
            version: self.version,
            retired_at: self.retired_at.map(At::from_micros),
        })
    }
}

fn into_nodes(rows: Vec<NodeRow>) -> Result<Vec<Node>, StoreError> {
    rows.into_iter().map(NodeRow::into_node).collect()
}

/// A node about to be written; its id, path and first version are given on writing.
#[derive(Debug, Clone)]
pub struct NodeDraft<'a> {
    pub code: &'a str,
    pub name: &'a str,
    pub kind: NodeKind,
    pub parent: Option<&'a Node>,
    pub time_zone: Tz,
}

/// Writes a new node.
///
/// # Errors
/// `Duplicate` when the code is taken.
pub fn insert_node(db: &mut Db, draft: &NodeDraft) -> Result<Node, StoreError> {
    // The path holds the id, which the database gives; until it is known, the code keeps the place unique.
    let id: i64 = on!(db, |c| diesel::insert_into(node::table)
        .values((
            node::code.eq(draft.code),
            node::name.eq(draft.name),
            node::kind.eq(draft.kind.as_str()),
            node::parent_id.eq(draft.parent.map(|it| it.id.0)),
            node::path.eq(format!("new/{}", draft.code)),
            node::time_zone.eq(draft.time_zone.name()),
            node::version.eq(1),
        ))
        .returning(node::id)
        .get_result(c))?;
    let path = format!("{}{id}/", draft.parent.map_or("/", |it| it.path.as_str()));
    on!(db, |c| diesel::update(node::table.find(id)).set(node::path.eq(&path)).execute(c))?;
    find_node(db, NodeId(id))
}

/// Writes a changed node over the row that has `version`.
///
/// # Errors
/// `Stale` when the row has another version.
pub fn save_node(db: &mut Db, changed: &Node, version: i64) -> Result<(), StoreError> {
    let row = NodeRow::of(changed);
    let n_rows = on!(db, |c| diesel::update(node::table.find(row.id).filter(node::version.eq(version)))
        .set(&row)
        .execute(c))?;
    if n_rows == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// Keeps a node as it is until the transaction ends: nobody moves or changes it meanwhile.
///
/// # Errors
/// Only those of the database.
pub fn hold_node(db: &mut Db, id: NodeId) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(node::table.find(id.0)).set(node::version.eq(node::version)).execute(c))?;
    Ok(())
}

/// Keeps the node with `path` and all below as they are until the transaction ends: no node is hung on them
/// meanwhile, as `hold_node` waits.
///
/// # Errors
/// Only those of the database.
pub fn hold_subtree(db: &mut Db, path: &str) -> Result<(), StoreError> {
    let (from, to) = bounds(path);
    on!(db, |c| diesel::update(node::table.filter(node::path.ge(&from)).filter(node::path.lt(&to)))
        .set(node::version.eq(node::version))
        .execute(c))?;
    Ok(())
}

/// The node with this id, retired or not.
///
/// # Errors
/// `NotFound` when there is none.
pub fn find_node(db: &mut Db, id: NodeId) -> Result<Node, StoreError> {
    let row: NodeRow = on!(db, |c| node::table.find(id.0).select(NodeRow::as_select()).first(c))?;
    row.into_node()
}

/// The node with this code, retired or not; None when there is none.
///
/// # Errors
/// Only those of the database.
pub fn find_node_by_code(db: &mut Db, code: &str) -> Result<Option<Node>, StoreError> {
    if !can_be_stored(code) {
        return Ok(None);
    }
    let row: Option<NodeRow> = on!(db, |c| node::table
        .filter(node::code.eq(code))
        .select(NodeRow::as_select())
        .first(c)
        .optional())?;
    row.map(NodeRow::into_node).transpose()
}

/// Nodes in sight, after the id `after`, in the order of their ids.
///
/// # Errors
/// Only those of the database.
pub fn list_nodes(
    db: &mut Db,
    sight: &Sight,
    active: bool,
    after: i64,
    limit: i64,
) -> Result<Vec<Node>, StoreError> {
    let rows: Vec<NodeRow> = on!(db, |c| {
        let mut query = node::table.select(NodeRow::as_select()).into_boxed();
        query = query.filter(node::path.eq_any(&sight.above));
        for path in &sight.below {
            let (from, to) = bounds(path);
            query = query.or_filter(node::path.ge(from).and(node::path.lt(to)));
        }
        query
            .filter(node::retired_at.is_null().eq(active))
            .filter(node::id.gt(after))
            .order(node::id)
            .limit(limit)
            .load(c)
    })?;
    into_nodes(rows)
}

/// The ids of the nodes at and below any of these paths, in order; retired ones too, as their tickets stay.
///
/// # Errors
/// Only those of the database.
pub fn nodes_of(db: &mut Db, paths: &[String]) -> Result<Vec<NodeId>, StoreError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = on!(db, |c| {
        let mut query = node::table.select(node::id).into_boxed();
        for path in paths {
            let (from, to) = bounds(path);
            query = query.or_filter(node::path.ge(from).and(node::path.lt(to)));
        }
        query.order(node::id).limit(ROWS_MAX).load(c)
    })?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// The ids of the node with `path` and of all below it, in order.
///
/// # Errors
/// Only those of the database.
pub fn subtree(db: &mut Db, path: &str) -> Result<Vec<NodeId>, StoreError> {
    nodes_of(db, &[path.to_owned()])
}

/// The node with `path` and all below it, in order of their paths: the upper before the lower.
///
/// # Errors
/// Only those of the database.
pub fn subtree_nodes(db: &mut Db, path: &str) -> Result<Vec<Node>, StoreError> {
    let (from, to) = bounds(path);
    let rows: Vec<NodeRow> = on!(db, |c| node::table
        .filter(node::path.ge(&from))
        .filter(node::path.lt(&to))
        .order(node::path)
        .limit(ROWS_MAX)
        .select(NodeRow::as_select())
        .load(c))?;
    into_nodes(rows)
}

/// The codes of these nodes.
///
/// # Errors
/// Only those of the database.
pub fn node_codes(db: &mut Db, ids: &[NodeId]) -> Result<HashMap<NodeId, String>, StoreError> {
    let mut codes = HashMap::new();
    // 500 at a time: SQLite takes 32,766 bound values a statement.
    for some in ids.chunks(500) {
        let some: Vec<i64> = some.iter().map(|it| it.0).collect();
        let found: Vec<(i64, String)> =
            on!(db, |c| node::table.filter(node::id.eq_any(&some)).select((node::id, node::code)).load(c))?;
        codes.extend(found.into_iter().map(|(id, code)| (NodeId(id), code)));
    }
    Ok(codes)
}

pub(super) fn every(db: &mut Db) -> Result<Vec<Node>, StoreError> {
    into_nodes(on!(db, |c| node::table.order(node::id).select(NodeRow::as_select()).load(c))?)
}
