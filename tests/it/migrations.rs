//! Both migration trees make the same tables, once, and take them back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use red_mailbox::store::{Store, StoreError, StoreSettings, migrate};

use crate::harness::{Engine, TestStore};
use crate::postgres;

/// The full-text index is each engine's own; only its name is the same.
const OWN_SHAPE: [&str; 1] = ["ticket_search"];

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    type_name: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

/// Table → column → class of its type and whether it may be empty.
type Tables = BTreeMap<String, BTreeMap<String, (&'static str, bool)>>;

fn tables(columns: Vec<Column>) -> Tables {
    let mut tables = Tables::new();
    for column in columns {
        let table = tables.entry(column.table_name.clone()).or_default();
        if !OWN_SHAPE.contains(&column.table_name.as_str()) {
            let class = type_class(&column);
            table.insert(column.name, (class, column.is_nullable));
        }
    }
    tables
}

fn type_class(column: &Column) -> &'static str {
    match column.type_name.to_ascii_lowercase().as_str() {
        "integer" | "bigint" => "whole number",
        "text" => "text",
        "blob" | "bytea" => "bytes",
        "boolean" => "yes or no",
        other => panic!("{}.{} has the type {other}", column.table_name, column.name),
    }
}

fn sqlite_tables(file: &Path) -> Tables {
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let query = "SELECT t.name AS table_name, c.name AS name, c.type AS type_name,
            c.\"notnull\" = 0 AS is_nullable
        FROM pragma_table_list AS t
        JOIN pragma_table_info(t.name) AS c
        WHERE t.schema = 'main' AND t.type IN ('table', 'virtual')
            AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> '__diesel_schema_migrations'";
    tables(diesel::sql_query(query).load(&mut conn).unwrap())
}

fn postgres_tables(url: &str) -> Tables {
    let query = "SELECT table_name::text, column_name::text AS name, data_type::text AS type_name,
            is_nullable = 'YES' AS is_nullable
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name <> '__diesel_schema_migrations'";
    tables(diesel::sql_query(query).load(&mut postgres::connect(url)).unwrap())
}

fn folders(tree: &str) -> BTreeSet<String> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(tree);
    tree.read_dir().unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

fn empty(engine: Engine, folder: &Path) -> StoreSettings {
    StoreSettings::new(match engine {
        Engine::Sqlite => format!("sqlite://{}/red-mailbox.db", folder.display()),
        Engine::Postgres => postgres::empty_database(),
    })
}

#[test]
fn both_trees_have_the_same_folders() {
    assert_eq!(folders("sqlite"), folders("postgres"));
}

#[test]
fn both_trees_make_the_same_tables_and_columns() {
    let sqlite = TestStore::new(Engine::Sqlite);
    let postgres = TestStore::new(Engine::Postgres);

    let (lite, pg) = (sqlite_tables(&sqlite.file()), postgres_tables(&postgres.settings.database_url));

    assert_eq!(lite.keys().collect::<Vec<_>>(), pg.keys().collect::<Vec<_>>());
    for (table, columns) in &lite {
        assert_eq!(columns, &pg[table], "the table {table} differs");
    }
}

#[test]
fn every_step_can_be_taken_back_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = empty(engine, folder.path());
        let url = &settings.database_url;
        let look = || match engine {
            Engine::Sqlite => sqlite_tables(&folder.path().join("red-mailbox.db")),
            Engine::Postgres => postgres_tables(url),
        };

        migrate::prepare(&settings).unwrap();
        let made = look();
        migrate::revert_all(url).unwrap();

        assert_eq!(look(), Tables::new(), "left over on {engine:?}");
        assert!(migrate::status(url).unwrap().iter().all(|it| !it.is_applied));
        migrate::prepare(&settings).unwrap();
        assert_eq!(look(), made);
        assert!(migrate::status(url).unwrap().iter().all(|it| it.is_applied));
    }
}

#[test]
fn programs_that_start_together_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = empty(engine, folder.path());

        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&settings).map(drop))).collect();
            for start in starts {
                assert_eq!(start.join().unwrap(), Ok(()), "{engine:?}");
            }
        });
    }
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')";
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let store = TestStore::new(engine);
        match engine {
            Engine::Sqlite => {
                let mut conn = SqliteConnection::establish(store.file().to_str().unwrap()).unwrap();
                conn.batch_execute(newer).unwrap();
            }
            Engine::Postgres => postgres::run(&store.settings.database_url, newer),
        }

        assert!(matches!(Store::open(&store.settings).err(), Some(StoreError::Corrupt(_))), "{engine:?}");
    }
}

#[test]
fn the_serving_role_can_neither_rewrite_events_nor_change_tables() {
    let folder = tempfile::tempdir().unwrap();
    let owner = empty(Engine::Postgres, folder.path()).database_url;
    let role = format!("serving_{}", owner.rsplit('/').next().unwrap());
    postgres::run(&owner, &format!("CREATE ROLE {role} LOGIN"));
    let serving = owner.replace("postgres@", &format!("{role}@"));
    let settings = StoreSettings { migrate_url: Some(owner), ..StoreSettings::new(serving.clone()) };

    let store = Store::open(&settings).unwrap();

    let mut conn = postgres::connect(&serving);
    let mut refused = |sql: &str| {
        let error = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{sql}: {error}");
    };
    for table in ["event", "event_text"] {
        refused(&format!("UPDATE {table} SET seq = 0"));
        refused(&format!("TRUNCATE {table}"));
        refused(&format!("ALTER TABLE {table} DISABLE TRIGGER ALL"));
    }
    refused("DELETE FROM event");
    refused("DELETE FROM event_head");
    refused("DROP TABLE ticket");
    refused("DELETE FROM __diesel_schema_migrations");
    assert_eq!(store.write_blocking(|_| Ok::<_, StoreError>(())), Ok(()));
    assert!(migrate::status(&serving).unwrap().iter().all(|it| it.is_applied));
}
