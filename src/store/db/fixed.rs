//! SQL that never varies: prepared once on each connection, where `sql_query` is prepared anew each time.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

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
