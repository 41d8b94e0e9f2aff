//! Somebody with the database's own password: no triggers, no foreign keys, every table at hand.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use red_mailbox::store::db::PgConn;

use crate::builders::World;
use crate::harness::Engine;
use crate::postgres;

/// What an intruder may write to.
pub(crate) const TABLES: [&str; 21] = [
    "node",
    "setup_entry",
    "device_token",
    "account",
    "role_grant",
    "day_counter",
    "ticket",
    "ticket_supporting",
    "reply",
    "outbox",
    "event",
    "event_head",
    "event_text",
    "phone_index",
    "clock",
    "collection",
    "collection_attachment",
    "collection_letter",
    "collection_text",
    "slip_batch",
    "attachment",
];

#[expect(clippy::large_enum_variant, reason = "one per test")]
/// A connection past everything the product does.
pub(crate) enum Intruder {
    Lite(SqliteConnection),
    Pg(PgConn),
}

macro_rules! each {
    ($intruder:expr, |$c:ident| $work:expr) => {
        match $intruder {
            Intruder::Lite($c) => $work,
            Intruder::Pg($c) => $work,
        }
    };
}

/// A column as the engine describes it.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Column {
    #[diesel(sql_type = Text)]
    pub(crate) name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    pub(crate) may_be_null: bool,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl Intruder {
    /// A connection that still meets the triggers.
    pub(crate) fn visiting(world: &World) -> Self {
        match world.app.store.engine {
            Engine::Sqlite => {
                let path = world.app.store.file();
                let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                Intruder::Lite(conn)
            }
            Engine::Postgres => Intruder::Pg(postgres::connect(&world.app.store.settings.database_url)),
        }
    }

    /// Takes the triggers off and keeps a copy of every table.
    pub(crate) fn breaking_in(world: &World) -> Self {
        let mut intruder = Self::visiting(world);
        match &mut intruder {
            Intruder::Lite(conn) => conn
                .batch_execute(
                    "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
                     PRAGMA synchronous = OFF;
                     DROP TRIGGER event_refuses_update; DROP TRIGGER event_refuses_delete;
                     DROP TRIGGER event_refuses_replace; DROP TRIGGER event_text_refuses_update;
                     DROP TRIGGER event_text_refuses_replace; DROP TRIGGER event_head_refuses_lowering;
                     DROP TRIGGER event_head_refuses_delete; DROP TRIGGER event_head_refuses_replace;
                     DROP TRIGGER collection_text_refuses_update; DROP TRIGGER collection_text_refuses_replace;
                     DROP TRIGGER event_waits_for_statistics;",
                )
                .unwrap(),
            Intruder::Pg(conn) => conn.batch_execute("SET session_replication_role = replica").unwrap(),
        }
        for table in TABLES {
            intruder.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        }
        intruder
    }

    /// Puts every row back.
    pub(crate) fn restore(&mut self) {
        let back = TABLES.map(|it| format!("DELETE FROM {it}; INSERT INTO {it} SELECT * FROM kept_{it};"));
        self.run(&format!("BEGIN; {} COMMIT", back.concat()));
    }

    #[track_caller]
    pub(crate) fn run(&mut self, sql: &str) {
        if let Err(error) = self.attempt(sql) {
            panic!("{sql}: {error}");
        }
    }

    pub(crate) fn attempt(&mut self, sql: &str) -> QueryResult<()> {
        each!(self, |c| c.batch_execute(sql))
    }

    pub(crate) fn count(&mut self, from_where: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM {from_where}");
        each!(self, |c| diesel::sql_query(&sql).get_result::<Counted>(c)).unwrap().n
    }

    pub(crate) fn columns(&mut self, table: &str) -> Vec<Column> {
        match self {
            Intruder::Lite(c) => diesel::sql_query(format!(
                "SELECT name, lower(type) AS kind, \"notnull\" = 0 AS may_be_null FROM pragma_table_info('{table}')"
            ))
            .load(c),
            Intruder::Pg(c) => diesel::sql_query(format!(
                "SELECT column_name::text AS name, data_type::text AS kind, is_nullable = 'YES' AS may_be_null \
                 FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
            ))
            .load(c),
        }
        .unwrap()
    }

    /// An expression for another value of a column; words that a CHECK holds to a set stay in it.
    pub(crate) fn other_value(&self, table: &str, column: &Column) -> String {
        let name = format!("\"{}\"", column.name);
        match (table, column.name.as_str()) {
            ("ticket", "status") => return "'withdrawn'".to_owned(),
            ("reply", "delivery") => return "'failed'".to_owned(),
            ("clock", "stage") => return "'reply'".to_owned(),
            ("attachment", "media") => return "'audio/ogg'".to_owned(),
            ("collection_attachment", "media") => return "'application/pdf'".to_owned(),
            ("clock", "state") => return "'void'".to_owned(),
            ("collection", "n_registered" | "n_set_aside") => return "2".to_owned(),
            ("collection_letter", "set_aside") => return "'valuables'".to_owned(),
            ("event" | "event_head", "stream") => return "'collection'".to_owned(),
            _ => {}
        }
        match (self, column.kind.as_str()) {
            (_, "boolean") => format!("NOT coalesce({name}, false)"),
            (_, "bigint" | "integer") => format!("coalesce({name}, 0) + 1000003"),
            (_, "text") => format!("coalesce({name}, '') || 'x'"),
            (Intruder::Lite(_), "blob") => format!("x'{}'", "ab".repeat(32)),
            (Intruder::Pg(_), "bytea") => "decode(repeat('ab', 32), 'hex')".to_owned(),
            (_, kind) => panic!("no other value for {kind}"),
        }
    }
}
