//! SQL that never varies: prepared once on each connection, where `sql_query` is prepared anew each time.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::sql_types::BigInt;

/// A statement without values, to be executed.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Fixed(pub(in crate::store) &'static str);

impl QueryId for Fixed {
    /// The type does not tell the statement; its text does.
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B: Backend> QueryFragment<B> for Fixed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, B>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Fixed {}

/// The next `n` numbers of a sequence of PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Draw {
    pub(in crate::store) sequence: &'static str,
    pub(in crate::store) n: i64,
}

impl QueryId for Draw {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Draw {
    type SqlType = BigInt;
}

impl QueryFragment<Pg> for Draw {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT nextval('");
        out.push_sql(self.sequence);
        out.push_sql("') FROM generate_series(1, ");
        out.push_bind_param::<BigInt, _>(&self.n)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Draw {}
