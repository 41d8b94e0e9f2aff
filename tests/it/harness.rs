//! What every test starts from: a fresh, migrated store on either engine.

use std::path::PathBuf;

use red_mailbox::store::{Store, StoreSettings};

use crate::postgres;

/// The database under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A store with a database of its own, which goes with it.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) settings: StoreSettings,
    folder: tempfile::TempDir,
}

impl TestStore {
    /// A fresh, migrated, empty database.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::with(engine, |_| {})
    }

    /// As `new`, with settings that differ.
    pub(crate) fn with(engine: Engine, differ: impl FnOnce(&mut StoreSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = StoreSettings::new(match engine {
            Engine::Sqlite => format!("sqlite://{}/red-mailbox.db", folder.path().display()),
            Engine::Postgres => postgres::fresh_database(),
        });
        settings.readers = 2;
        settings.writers = 2;
        differ(&mut settings);
        let store = Store::open(&settings).unwrap();
        Self { store, engine, settings, folder }
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("red-mailbox.db")
    }
}

impl std::ops::Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if self.engine == Engine::Postgres && !std::thread::panicking() {
            postgres::drop_database(&self.settings.database_url);
        }
    }
}

/// Runs a test's story in a runtime of its own.
pub(crate) fn run<F: Future<Output = ()>>(story: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(story);
}

/// Makes each `async fn story(store: TestStore)` two tests, `story::sqlite` and `story::postgres`.
macro_rules! both_engines {
    ($($(#[$doc:meta])* async fn $name:ident($store:ident: TestStore) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn story($store: $crate::harness::TestStore) $body

            #[test]
            fn sqlite() {
                let store = $crate::harness::TestStore::new($crate::harness::Engine::Sqlite);
                $crate::harness::run(story(store));
            }

            #[test]
            fn postgres() {
                let store = $crate::harness::TestStore::new($crate::harness::Engine::Postgres);
                $crate::harness::run(story(store));
            }
        }
    )+};
}
pub(crate) use both_engines;

/// Makes each `fn story(world)` two tests, `story::sqlite` and `story::postgres`, each with a community of its own;
/// `with [..]` names settings that differ.
macro_rules! both_worlds {
    ($($(#[$doc:meta])* fn $name:ident($world:ident) $body:block $(with $differ:expr)?)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            fn story($world: $crate::builders::World) $body

            fn begin(engine: $crate::harness::Engine) -> $crate::builders::World {
                let differ: Vec<(&str, &str)> = [Vec::new() $(, $differ.to_vec())?].concat();
                $crate::builders::World::with(engine, &differ)
            }

            #[test]
            fn sqlite() {
                story(begin($crate::harness::Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                story(begin($crate::harness::Engine::Postgres));
            }
        }
    )+};
}
pub(crate) use both_worlds;
