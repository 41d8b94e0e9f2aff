//! Brings a database to this program's tables, once, whoever starts first.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::db::{Db, StoreError, StoreSettings, connect_bare, off_runtime, on};

/// The migrations of the embedded engine.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// The migrations of the server, under the same names.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number, the same in every version: processes that start together take turns by it.
const LOCK: i64 = 0x7265_646d_6169_6c62;

/// One migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its folder's name.
    pub name: String,
    /// Whether it has been applied.
    pub is_applied: bool,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Runs what is pending and gives the serving role its rights.
///
/// # Errors
/// Unavailable when the database cannot be reached, Corrupt when it is newer than this program, Bug when a
/// migration fails.
pub fn prepare(settings: &StoreSettings) -> Result<(), StoreError> {
    off_runtime(|| {
        let url = settings.migrate_url.as_deref().unwrap_or(&settings.database_url);
        let mut db = connect_bare(url)?;
        refuse_newer(&mut db)?;
        run_pending(&mut db)?;
        if let (Some(_), Db::Pg(_)) = (&settings.migrate_url, &db) {
            let mut serving = connect_bare(&settings.database_url)?;
            let role = one_name(&mut serving, "SELECT quote_ident(current_user) AS name")?;
            grant(&mut db, &role)?;
        }
        Ok(())
    })
}

/// Every migration of this program and whether the database at `url` has it. Changes nothing, except that a
/// missing SQLite file is made.
///
/// # Errors
/// Unavailable when the database cannot be reached.
pub fn status(url: &str) -> Result<Vec<Step>, StoreError> {
    off_runtime(|| {
        let mut db = connect_bare(url)?;
        let applied = applied(&mut db)?;
        let steps = known(&db)?.into_iter();
        Ok(steps.map(|(version, name)| Step { name, is_applied: applied.contains(&version) }).collect())
    })
}

/// The engine's name and version, for operators. A missing SQLite file is made.
///
/// # Errors
/// Unavailable when the database cannot be reached.
pub fn engine(url: &str) -> Result<String, StoreError> {
    off_runtime(|| {
        let mut db = connect_bare(url)?;
        let (name, sql) = match db {
            Db::Lite(_) => ("SQLite", "SELECT sqlite_version() AS name"),
            Db::Pg(_) => ("PostgreSQL", "SELECT current_setting('server_version') AS name"),
        };
        Ok(format!("{name} {}", one_name(&mut db, sql)?))
    })
}

/// Takes every migration back, newest first. All rows are lost: for tests and developers.
///
/// # Errors
/// Unavailable when the database cannot be reached, Bug when a step back fails.
pub fn revert_all(url: &str) -> Result<(), StoreError> {
    off_runtime(|| match connect_bare(url)? {
        Db::Lite(mut conn) => conn.revert_all_migrations(SQLITE).map(drop).map_err(failed),
        Db::Pg(mut conn) => conn.revert_all_migrations(POSTGRES).map(drop).map_err(failed),
    })
}

fn run_pending(db: &mut Db) -> Result<(), StoreError> {
    match db {
        Db::Lite(conn) => {
            conn.immediate_transaction(|conn| conn.run_pending_migrations(SQLITE).map(drop).map_err(failed))
        }
        Db::Pg(conn) => {
            conn.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))?;
            let ran = conn.run_pending_migrations(POSTGRES).map(drop).map_err(failed);
            conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))?;
            ran
        }
    }
}

fn refuse_newer(db: &mut Db) -> Result<(), StoreError> {
    let known: BTreeSet<_> = known(db)?.into_iter().map(|(version, _)| version).collect();
    match applied(db)?.into_iter().find(|it| !known.contains(it)) {
        None => Ok(()),
        Some(version) => Err(StoreError::Corrupt(format!(
            "it was made by a newer version of this program: migration {version}\nhint: install that version"
        ))),
    }
}

/// Version and folder name of every migration, oldest first.
fn known(db: &Db) -> Result<Vec<(String, String)>, StoreError> {
    fn names<B: diesel::backend::Backend>(
        tree: &EmbeddedMigrations,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let steps = MigrationSource::<B>::migrations(tree).map_err(failed)?;
        let named = steps.iter().map(|it| (it.name().version().to_string(), it.name().to_string()));
        Ok(named.collect::<BTreeSet<_>>().into_iter().collect())
    }
    match db {
        Db::Lite(_) => names::<diesel::sqlite::Sqlite>(&SQLITE),
        Db::Pg(_) => names::<diesel::pg::Pg>(&POSTGRES),
    }
}

/// Versions the database has. Read by hand: diesel's own question needs the right to create tables.
fn applied(db: &mut Db) -> Result<BTreeSet<String>, StoreError> {
    let is_there = match db {
        Db::Lite(_) => "SELECT count(*) AS n FROM sqlite_schema WHERE name = '__diesel_schema_migrations'",
        Db::Pg(_) => "SELECT count(to_regclass('__diesel_schema_migrations')) AS n",
    };
    if on!(db, |c| diesel::sql_query(is_there).get_result::<Counted>(c))?.n == 0 {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT version AS name FROM __diesel_schema_migrations ORDER BY version";
    let rows = on!(db, |c| diesel::sql_query(sql).load::<Named>(c))?;
    Ok(rows.into_iter().map(|it| it.name).collect())
}

/// Gives `role` (already quoted) what serving needs, and no right to rewrite the trail.
fn grant(db: &mut Db, role: &str) -> Result<(), StoreError> {
    if one_name(db, "SELECT quote_ident(current_user) AS name")? == role {
        return Ok(());
    }
    let schema = one_name(db, "SELECT quote_ident(current_schema()) AS name")?;
    let tables = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename";
    let tables = on!(db, |c| diesel::sql_query(tables).load::<Named>(c))?;
    let grants = tables.iter().map(|table| {
        let table = table.name.as_str();
        let rights = match table {
            "__diesel_schema_migrations" => "SELECT",
            "event" => "SELECT, INSERT",
            "event_head" => "SELECT, INSERT, UPDATE",
            // A text may be erased with its salt, never changed.
            "event_text" | "collection_text" => "SELECT, INSERT, DELETE",
            _ => "SELECT, INSERT, UPDATE, DELETE",
        };
        format!("REVOKE ALL ON {schema}.{table} FROM {role}; GRANT {rights} ON {schema}.{table} TO {role};")
    });
    let sql = format!(
        "BEGIN; GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
         {} COMMIT",
        grants.collect::<String>()
    );
    on!(db, |c| c.batch_execute(&sql))?;
    Ok(())
}

fn one_name(db: &mut Db, sql: &str) -> Result<String, StoreError> {
    Ok(on!(db, |c| diesel::sql_query(sql).get_result::<Named>(c))?.name)
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Bug(format!("a migration failed: {error}"))
}
