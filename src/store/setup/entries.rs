//! Set-up entries: rows in, rows out, and the lookup of codes through the tree.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{ROWS_MAX, Sight, bounds, corrupt, ids_of};
use crate::domain::setup::{CATEGORY_LEVELS_MAX, Details, Entry, SetupKind};
use crate::domain::value::{At, NodeId, SetupId};
use crate::store::db::{Db, StoreError, can_be_stored, on};
use crate::store::schema::{node, setup_entry};

/// The expression of `setup_entry_kind_node_id_code_idx`, word for word, or the index is not used.
const NODE_OR_ZERO: &str = "coalesce(node_id, 0)";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = setup_entry, treat_none_as_null = true)]
struct EntryRow {
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

impl EntryRow {
    fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id.0,
            kind: entry.kind.to_string(),
            node_id: entry.node.map(|it| it.0),
            parent_id: entry.parent.map(|it| it.0),
            code: entry.code.clone(),
            name: entry.name.clone(),
            details: entry.details.to_value().to_string(),
            version: entry.version,
            retired_at: entry.retired_at.map(At::micros),
        }
    }

    fn into_entry(self) -> Result<Entry, StoreError> {
        let kind = SetupKind::parse(&self.kind).ok_or_else(|| corrupt("an entry's kind"))?;
        let details = serde_json::from_str(&self.details).map_err(|_| corrupt("an entry's details"))?;
        Ok(Entry {
            id: SetupId(self.id),
            kind,
            node: self.node_id.map(NodeId),
            parent: self.parent_id.map(SetupId),
            code: self.code,
            name: self.name,
            details: Details::parse(kind, &details).map_err(|_| corrupt("an entry's details"))?,
            version: self.version,
            retired_at: self.retired_at.map(At::from_micros),
        })
    }
}

fn into_entries(rows: Vec<EntryRow>) -> Result<Vec<Entry>, StoreError> {
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// An entry about to be written; its id and first version are given on writing.
#[derive(Debug, Clone)]
pub struct EntryDraft<'a> {
    pub node: Option<NodeId>,
    pub parent: Option<SetupId>,
    pub code: &'a str,
    pub name: &'a str,
    pub details: &'a Details,
}

/// Writes a new entry of the details' kind.
///
/// # Errors
/// `Duplicate` when the code is taken at the node.
pub fn insert_entry(db: &mut Db, draft: &EntryDraft) -> Result<Entry, StoreError> {
    let id: i64 = on!(db, |c| diesel::insert_into(setup_entry::table)
        .values((
            setup_entry::kind.eq(draft.details.kind().as_str()),
            setup_entry::node_id.eq(draft.node.map(|it| it.0)),
            setup_entry::parent_id.eq(draft.parent.map(|it| it.0)),
            setup_entry::code.eq(draft.code),
            setup_entry::name.eq(draft.name),
            setup_entry::details.eq(draft.details.to_value().to_string()),
            setup_entry::version.eq(1),
        ))
        .returning(setup_entry::id)
        .get_result(c))?;
    find_entry(db, SetupId(id))
}

/// Writes a changed entry over the row that has `version`.
///
/// # Errors
/// `Stale` when the row has another version.
pub fn save_entry(db: &mut Db, changed: &Entry, version: i64) -> Result<(), StoreError> {
    let row = EntryRow::of(changed);
    let n_rows = on!(db, |c| {
        diesel::update(setup_entry::table.find(row.id).filter(setup_entry::version.eq(version)))
            .set(&row)
            .execute(c)
    })?;
    if n_rows == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// The entry with this id, retired or not.
///
/// # Errors
/// `NotFound` when there is none.
pub fn find_entry(db: &mut Db, id: SetupId) -> Result<Entry, StoreError> {
    let row: EntryRow = on!(db, |c| setup_entry::table.find(id.0).select(EntryRow::as_select()).first(c))?;
    row.into_entry()
}

/// The entry that has this code at exactly this node (None: installation-wide), retired or not.
///
/// # Errors
/// Only those of the database.
pub fn find_own(
    db: &mut Db,
    kind: SetupKind,
    node: Option<NodeId>,
    code: &str,
) -> Result<Option<Entry>, StoreError> {
    let row: Option<EntryRow> = on!(db, |c| setup_entry::table
        .filter(setup_entry::kind.eq(kind.as_str()))
        .filter(sql::<BigInt>(NODE_OR_ZERO).eq(node.map_or(0, |it| it.0)))
        .filter(setup_entry::code.eq(code))
        .select(EntryRow::as_select())
        .first(c)
        .optional())?;
    row.map(EntryRow::into_entry).transpose()
}

/// The entry in use under this code at the node with `path`: its own, else that of the nearest node above,
/// else the installation-wide one; None when there is none. Retired ones are passed over.
///
/// # Errors
/// Only those of the database.
pub fn find_by_code(
    db: &mut Db,
    kind: SetupKind,
    path: &str,
    code: &str,
) -> Result<Option<Entry>, StoreError> {
    if !can_be_stored(code) {
        return Ok(None);
    }
    let nodes = with_zero(path)?;
    let rows: Vec<EntryRow> = on!(db, |c| setup_entry::table
        .filter(setup_entry::kind.eq(kind.as_str()))
        .filter(sql::<BigInt>(NODE_OR_ZERO).eq_any(&nodes))
        .filter(setup_entry::code.eq(code))
        .filter(setup_entry::retired_at.is_null())
        .select(EntryRow::as_select())
        .load(c))?;
    let nearest = rows.into_iter().max_by_key(|it| depth(&nodes, it));
    nearest.map(EntryRow::into_entry).transpose()
}

/// Every entry of these kinds in use at the node with `path`, farthest first: installation-wide ones, then from
/// the top down to the node, each level in the order of adding. Retired ones are left out.
///
/// # Errors
/// Only those of the database.
pub fn in_use_at(db: &mut Db, kinds: &[SetupKind], path: &str) -> Result<Vec<Entry>, StoreError> {
    let nodes = with_zero(path)?;
    let kinds: Vec<&str> = kinds.iter().map(|it| it.as_str()).collect();
    let mut rows: Vec<EntryRow> = on!(db, |c| setup_entry::table
        .filter(setup_entry::kind.eq_any(&kinds))
        .filter(sql::<BigInt>(NODE_OR_ZERO).eq_any(&nodes))
        .filter(setup_entry::retired_at.is_null())
        .order(setup_entry::id)
        .limit(ROWS_MAX)
        .select(EntryRow::as_select())
        .load(c))?;
    rows.sort_by_key(|it| depth(&nodes, it));
    into_entries(rows)
}

/// 0 for "installation-wide", then the ids from the top down to the node with `path`.
fn with_zero(path: &str) -> Result<Vec<i64>, StoreError> {
    let mut nodes = ids_of(path)?;
    nodes.insert(0, 0);
    Ok(nodes)
}

/// How near an entry is: its node's place on the way down.
fn depth(nodes: &[i64], row: &EntryRow) -> Option<usize> {
    nodes.iter().position(|it| *it == row.node_id.unwrap_or(0))
}

/// Entries of a kind in sight, installation-wide ones included, after the id `after`, in the order of ids.
///
/// # Errors
/// Only those of the database.
pub fn list_entries(
    db: &mut Db,
    kind: SetupKind,
    sight: &Sight,
    active: bool,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = on!(db, |c| {
        let mut query = setup_entry::table
            .left_join(node::table.on(setup_entry::node_id.eq(node::id.nullable())))
            .select(EntryRow::as_select())
            .into_boxed();
        query = query.filter(setup_entry::node_id.is_null()).or_filter(node::path.eq_any(&sight.above));
        for path in &sight.below {
            let (from, to) = bounds(path);
            query = query.or_filter(node::path.ge(from).and(node::path.lt(to)));
        }
        query
            .filter(setup_entry::kind.eq(kind.as_str()))
            .filter(setup_entry::retired_at.is_null().eq(active))
            .filter(setup_entry::id.gt(after))
            .order(setup_entry::id)
            .limit(limit)
            .load(c)
    })?;
    into_entries(rows)
}

/// Every entry of a kind with this code, at whatever node, retired or not, each with its node's path
/// (empty for installation-wide).
///
/// # Errors
/// Only those of the database.
pub fn entries_coded(db: &mut Db, kind: SetupKind, code: &str) -> Result<Vec<(Entry, String)>, StoreError> {
    if !can_be_stored(code) {
        return Ok(Vec::new());
    }
    let rows: Vec<(EntryRow, Option<String>)> = on!(db, |c| setup_entry::table
        .left_join(node::table.on(setup_entry::node_id.eq(node::id.nullable())))
        .filter(setup_entry::kind.eq(kind.as_str()))
        .filter(setup_entry::code.eq(code))
        .order(setup_entry::id)
        .limit(ROWS_MAX)
        .select((EntryRow::as_select(), node::path.nullable()))
        .load(c))?;
    rows.into_iter().map(|(row, path)| Ok((row.into_entry()?, path.unwrap_or_default()))).collect()
}

/// The entry meant by this code to somebody who stands at the node with `path`: that in use there, else the
/// first of those at, below or above it, in use before retired.
///
/// # Errors
/// Only those of the database.
pub fn find_by_code_around(
    db: &mut Db,
    kind: SetupKind,
    path: &str,
    code: &str,
) -> Result<Option<Entry>, StoreError> {
    if let Some(entry) = find_by_code(db, kind, path, code)? {
        return Ok(Some(entry));
    }
    let near = entries_coded(db, kind, code)?
        .into_iter()
        .filter(|(_, of)| of.starts_with(path) || path.starts_with(of.as_str()));
    Ok(near.map(|(entry, _)| entry).min_by_key(|it| it.retired_at.is_some()))
}

/// The codes of these entries.
///
/// # Errors
/// Only those of the database.
pub fn codes(db: &mut Db, ids: &[SetupId]) -> Result<HashMap<SetupId, String>, StoreError> {
    let mut codes = HashMap::new();
    // 500 at a time: SQLite takes 32,766 bound values a statement.
    for some in ids.chunks(500) {
        let some: Vec<i64> = some.iter().map(|it| it.0).collect();
        let found: Vec<(i64, String)> = on!(db, |c| setup_entry::table
            .filter(setup_entry::id.eq_any(&some))
            .select((setup_entry::id, setup_entry::code))
            .load(c))?;
        codes.extend(found.into_iter().map(|(id, code)| (SetupId(id), code)));
    }
    Ok(codes)
}

/// Code and name of these entries.
///
/// # Errors
/// Only those of the database.
pub fn labels(db: &mut Db, ids: &[SetupId]) -> Result<HashMap<SetupId, (String, String)>, StoreError> {
    let mut labels = HashMap::new();
    for some in ids.chunks(500) {
        let some: Vec<i64> = some.iter().map(|it| it.0).collect();
        let found: Vec<(i64, String, String)> = on!(db, |c| setup_entry::table
            .filter(setup_entry::id.eq_any(&some))
            .select((setup_entry::id, setup_entry::code, setup_entry::name))
            .load(c))?;
        labels.extend(found.into_iter().map(|(id, code, name)| (SetupId(id), (code, name))));
    }
    Ok(labels)
}

/// The entry's id, its parent's, its parent's parent's and so on, at most one more than may be.
///
/// # Errors
/// Only those of the database.
pub fn above(db: &mut Db, id: SetupId) -> Result<Vec<SetupId>, StoreError> {
    let mut line = vec![id];
    let mut last = id;
    while line.len() <= CATEGORY_LEVELS_MAX
        && let Some(parent) = find_entry(db, last)?.parent
    {
        line.push(parent);
        last = parent;
    }
    Ok(line)
}

/// A category and all below it, level by level, retired ones too.
///
/// # Errors
/// Only those of the database.
pub fn with_descendants(db: &mut Db, category: SetupId) -> Result<Vec<SetupId>, StoreError> {
    let mut all = vec![category];
    for level in levels_below(db, category)? {
        all.extend(level);
    }
    Ok(all)
}

/// Levels of a category's own tree, itself included.
///
/// # Errors
/// Only those of the database.
pub fn category_height(db: &mut Db, category: SetupId) -> Result<usize, StoreError> {
    Ok(1 + levels_below(db, category)?.len())
}

fn levels_below(db: &mut Db, category: SetupId) -> Result<Vec<Vec<SetupId>>, StoreError> {
    let mut levels = Vec::new();
    let mut level = vec![category.0];
    while levels.len() < CATEGORY_LEVELS_MAX {
        let below: Vec<i64> = on!(db, |c| setup_entry::table
            .filter(setup_entry::kind.eq(SetupKind::Category.as_str()))
            .filter(setup_entry::parent_id.eq_any(&level))
            .order(setup_entry::id)
            .limit(ROWS_MAX)
            .select(setup_entry::id)
            .load(c))?;
        if below.is_empty() {
            break;
        }
        levels.push(below.iter().copied().map(SetupId).collect());
        level = below;
    }
    Ok(levels)
}

/// True when any entry of this kind is installation-wide, retired or not.
///
/// # Errors
/// Only those of the database.
pub fn has_installation_wide(db: &mut Db, kind: SetupKind) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(db, |c| setup_entry::table
        .filter(setup_entry::kind.eq(kind.as_str()))
        .filter(sql::<BigInt>(NODE_OR_ZERO).eq(0))
        .select(setup_entry::id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

pub(super) fn every(db: &mut Db) -> Result<Vec<Entry>, StoreError> {
    let rows = on!(db, |c| setup_entry::table.order(setup_entry::id).select(EntryRow::as_select()).load(c))?;
    into_entries(rows)
}
