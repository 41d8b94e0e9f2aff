//! Rows of one change, written together.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

use super::{Db, StoreError};

/// Inserts of one statement: a change has about ten, the first set-up of a database hundreds.
const TOGETHER_MAX: usize = 64;

type Insert = Box<dyn QueryFragment<Pg> + Send>;

/// Inserts that PostgreSQL gets as one statement: each by itself would be a round trip, and a new ticket has ten.
/// SQLite has no trips and runs each at once. Rules between their rows are checked when all are there.
#[derive(Default)]
pub(in crate::store) struct Inserts(Vec<Insert>);

/// Runs an insert on SQLite, and adds it to the others on PostgreSQL: `insert!(db, inserts, insert_into(…).values(…))?`.
macro_rules! insert {
    ($db:expr, $inserts:expr, $statement:expr) => {
        match $db {
            $crate::store::db::Db::Lite(c) => {
                diesel::RunQueryDsl::execute($statement, c).map(drop).map_err(StoreError::from)
            }
            $crate::store::db::Db::Pg(_) => {
                $inserts.add(Box::new($statement));
                Ok(())
            }
        }
    };
}
pub(in crate::store) use insert;

impl Inserts {
    /// Adds one for PostgreSQL.
    pub(in crate::store) fn add(&mut self, insert: Insert) {
        self.0.push(insert);
    }

    /// Runs what was added.
    ///
    /// # Errors
    /// As each insert by itself.
    pub(in crate::store) fn run(self, db: &mut Db) -> Result<(), StoreError> {
        let Db::Pg(c) = db else { return Ok(()) };
        for inserts in self.0.chunks(TOGETHER_MAX) {
            Together(inserts).execute(c)?;
        }
        Ok(())
    }
}

/// `WITH w0 AS (INSERT …), w1 AS (INSERT …) INSERT …`
struct Together<'a>(&'a [Insert]);

impl QueryId for Together<'_> {
    /// Which inserts there are differs; the text tells.
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (nth, insert) in self.0.iter().enumerate() {
            let is_last = nth + 1 == self.0.len();
            if !is_last {
                out.push_sql(if nth == 0 { "WITH " } else { ", " });
                out.push_identifier(&format!("w{nth}"))?;
                out.push_sql(" AS (");
            } else if nth > 0 {
                out.push_sql(" ");
            }
            insert.walk_ast(out.reborrow())?;
            if !is_last {
                out.push_sql(")");
            }
        }
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Together<'_> {}
