//! The store's promises: answers after commits, neighbours unharmed, limits, and recovery without a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use red_mailbox::store::{Db, Store, StoreError, StoreFault, StoreSettings};

use crate::harness::{Engine, TestStore, both_engines, run};
use crate::postgres;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct LiteSettings {
    #[diesel(sql_type = Text)]
    journal_mode: String,
    #[diesel(sql_type = BigInt)]
    synchronous: i64,
    #[diesel(sql_type = BigInt)]
    foreign_keys: i64,
}

/// A job's own error, as a service has.
#[derive(Debug, PartialEq)]
enum Refused {
    ByRule,
    ByStore(StoreError),
}

impl From<StoreError> for Refused {
    fn from(fault: StoreError) -> Self {
        Refused::ByStore(fault)
    }
}

impl StoreFault for Refused {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Refused::ByRule => None,
            Refused::ByStore(fault) => Some(fault),
        }
    }
}

fn execute(db: &mut Db, sql: &str) -> Result<(), StoreError> {
    Ok(match db {
        Db::Lite(conn) => conn.batch_execute(sql),
        Db::Pg(conn) => conn.batch_execute(sql),
    }?)
}

fn count(db: &mut Db, sql: &str) -> Result<i64, StoreError> {
    let query = diesel::sql_query(format!("SELECT count(*) AS n FROM {sql}"));
    Ok(match db {
        Db::Lite(conn) => query.get_result::<Counted>(conn),
        Db::Pg(conn) => query.get_result::<Counted>(conn),
    }?
    .n)
}

/// Notes a failed attempt of `subject`: the simplest row there is.
fn note(db: &mut Db, subject: &str) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO failed_attempt VALUES ('test', '{subject}', 0, 0, 0)");
    execute(db, &sql)
}

async fn n_notes(store: &Store) -> i64 {
    store.read(|db| count(db, "failed_attempt")).await.unwrap()
}

both_engines! {
    async fn what_is_answered_is_committed(store: TestStore) {
        let jobs: Vec<_> = (0..200)
            .map(|i| {
                let (store, settings) = (store.store.clone(), store.settings.clone());
                tokio::spawn(async move {
                    store.write_intake(move |db| note(db, &format!("n{i}"))).await.unwrap();
                    // A second store sees it, so it is not only in the writer's open transaction.
                    (i % 50 == 0).then(|| Store::open(&settings).unwrap())
                })
            })
            .collect();
        for job in jobs {
            if let Some(other) = job.await.unwrap() {
                assert!(n_notes(&other).await >= 1);
            }
        }

        assert_eq!(n_notes(&store).await, 200);
        assert!(store.gauges().n_batches < 200, "nothing was grouped: {:?}", store.gauges());
    }

    async fn a_refused_job_leaves_nothing(store: TestStore) {
        let refused = store
            .write(|db| {
                note(db, "refused")?;
                Err::<(), _>(Refused::ByRule)
            })
            .await;

        assert_eq!(refused, Err(Refused::ByRule));
        assert_eq!(n_notes(&store).await, 0);
    }

    async fn a_panicking_or_refused_job_harms_no_neighbour(store: TestStore) {
        let jobs: Vec<_> = (0..60)
            .map(|i| {
                let store = store.store.clone();
                tokio::spawn(async move {
                    store
                        .write_intake(move |db| {
                            note(db, &format!("n{i}"))?;
                            match i % 3 {
                                0 => Ok(()),
                                1 => Err(Refused::ByRule),
                                _ => panic!("a job of this test panics on purpose"),
                            }
                        })
                        .await
                })
            })
            .collect();
        for (i, job) in jobs.into_iter().enumerate() {
            let wanted = match i % 3 {
                0 => Ok(()),
                1 => Err(Refused::ByRule),
                _ => Err(Refused::ByStore(StoreError::Panicked)),
            };
            assert_eq!(job.await.unwrap(), wanted, "job {i}");
        }

        assert_eq!(n_notes(&store).await, 20);
    }

    async fn a_duplicate_is_known_by_kind_and_name(store: TestStore) {
        let add = |db: &mut Db| execute(db, "INSERT INTO node (code, name, kind, path, time_zone, version)
            VALUES ('YD', 'y', 'community', '/YD/', 'Asia/Shanghai', 1)");
        store.write(add).await.unwrap();

        let again = store.write(add).await;

        assert!(matches!(&again, Err(StoreError::Duplicate { constraint: Some(name) })
            if name == "node_code" || name == "node_path"), "{again:?}");
    }

    async fn an_attempt_that_fails_leaves_the_transaction_usable(store: TestStore) {
        store
            .write(|db| {
                note(db, "kept")?;
                let twice = db.attempt(|db| note(db, "kept"));
                assert!(matches!(twice, Err(StoreError::Duplicate { .. })));
                note(db, "also kept")
            })
            .await
            .unwrap();

        assert_eq!(n_notes(&store).await, 2);
    }

    async fn a_job_that_overlooks_a_failed_statement_is_never_half_kept(store: TestStore) {
        let answer = store
            .write(|db| {
                note(db, "first")?;
                drop(note(db, "first"));
                Ok::<_, StoreError>(())
            })
            .await;

        // SQLite goes on after a failed statement, PostgreSQL does not; the answer tells the truth on both.
        assert_eq!(n_notes(&store).await, i64::from(answer.is_ok()));
    }

    async fn a_reader_cannot_write(store: TestStore) {
        let written = store.read(|db| note(db, "by a reader")).await;

        assert!(written.is_err());
        assert_eq!(n_notes(&store).await, 0);
    }

    async fn a_closed_store_finishes_its_queue_and_takes_no_more(store: TestStore) {
        let queued: Vec<_> = (0..20)
            .map(|i| {
                let store = store.store.clone();
                tokio::spawn(async move { store.write(move |db| note(db, &format!("n{i}"))).await })
            })
            .collect();
        let mut n_kept = 0;
        let closing = store.store.clone();
        tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
        for job in queued {
            n_kept += i64::from(job.await.unwrap().is_ok());
        }

        assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
        let reopened = Store::open(&store.settings).unwrap();
        assert_eq!(n_notes(&reopened).await, n_kept);
    }

    async fn a_ping_leaves_nothing(store: TestStore) {
        store.ping().await.unwrap();
        store.ping().await.unwrap();

        assert_eq!(n_notes(&store).await, 0);
    }

    async fn a_collision_is_tried_again(store: TestStore) {
        let n_runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&n_runs);

        let answer = store
            .write_intake(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
                0..=2 => Err(StoreError::Collision),
                _ => Ok(()),
            })
            .await;

        assert_eq!(answer, Ok(()));
        assert_eq!(n_runs.load(Ordering::SeqCst), 4);
    }

    async fn retries_of_a_collision_have_an_end(store: TestStore) {
        let n_runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&n_runs);

        let answer = store
            .write(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                Err::<(), _>(StoreError::Collision)
            })
            .await;

        assert_eq!(answer, Err(StoreError::Collision));
        assert_eq!(n_runs.load(Ordering::SeqCst), 5);
    }
}

/// Holds the writers until told, with `queue_max` of 2.
fn a_full_queue_says_busy(engine: Engine) {
    let store = TestStore::with(engine, |it| {
        it.queue_max = 2;
        it.writers = 1;
    });
    let inner = store.store.clone();
    run(async move {
        let (go, wait) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let gate = std::sync::Mutex::new((wait, Some(started)));
        let holder = inner.clone();
        let held = tokio::spawn(async move {
            holder
                .write(move |_| {
                    let mut gate = gate.lock().unwrap();
                    gate.1.take().unwrap().send(()).unwrap();
                    gate.0.recv().unwrap();
                    Ok::<_, StoreError>(())
                })
                .await
        });
        has_started.await.unwrap();
        let queued: Vec<_> = (0..2)
            .map(|i| {
                let store = inner.clone();
                tokio::spawn(async move { store.write(move |db| note(db, &format!("n{i}"))).await })
            })
            .collect();
        while inner.gauges().n_writes_queued < 2 {
            tokio::task::yield_now().await;
        }

        let refused = inner.write(|db| note(db, "one too many")).await;

        assert_eq!(refused, Err(StoreError::Busy));
        go.send(()).unwrap();
        held.await.unwrap().unwrap();
        for job in queued {
            job.await.unwrap().unwrap();
        }
        assert_eq!(n_notes(&inner).await, 2);
    });
}

#[test]
fn a_full_queue_says_busy_on_sqlite() {
    a_full_queue_says_busy(Engine::Sqlite);
}

#[test]
fn a_full_queue_says_busy_on_postgres() {
    a_full_queue_says_busy(Engine::Postgres);
}

#[test]
fn two_postgres_writers_in_deadlock_both_succeed() {
    let store = TestStore::new(Engine::Postgres);
    let inner = store.store.clone();
    run(async move {
        for subject in ["a", "b"] {
            inner.write(move |db| note(db, subject)).await.unwrap();
        }
        let met = Arc::new(Barrier::new(2));
        let touch = |first: &'static str, second: &'static str| {
            let (store, met) = (inner.clone(), Arc::clone(&met));
            let n_runs = AtomicU32::new(0);
            tokio::spawn(async move {
                store
                    .write(move |db| {
                        let add = |it| {
                            format!(
                                "UPDATE failed_attempt SET n_failed = n_failed + 1 WHERE subject = '{it}'"
                            )
                        };
                        execute(db, &add(first))?;
                        // Only the first time: the retry runs when the other one is through.
                        if n_runs.fetch_add(1, Ordering::SeqCst) == 0 {
                            met.wait();
                        }
                        execute(db, &add(second))
                    })
                    .await
            })
        };
        let (one, other) = (touch("a", "b"), touch("b", "a"));

        assert_eq!(one.await.unwrap(), Ok(()));
        assert_eq!(other.await.unwrap(), Ok(()));

        assert_eq!(inner.read(|db| count(db, "failed_attempt WHERE n_failed = 2")).await, Ok(2));
        assert!(inner.gauges().n_retries >= 1);
    });
}

#[test]
fn a_postgres_connection_that_died_is_replaced() {
    let store = TestStore::new(Engine::Postgres);
    let inner = store.store.clone();
    let url = store.settings.database_url.clone();
    run(async move {
        inner.write(|db| note(db, "before")).await.unwrap();
        n_notes(&inner).await;

        postgres::run(
            &url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );

        inner.write(|db| note(db, "after")).await.unwrap();
        assert_eq!(n_notes(&inner).await, 2);
    });
}

#[test]
fn a_database_moved_away_and_back_needs_no_restart() {
    let store = TestStore::new(Engine::Sqlite);
    let inner = store.store.clone();
    let (file, away) = (store.file(), store.file().with_extension("away"));
    run(async move {
        inner.write(|db| note(db, "before")).await.unwrap();

        fs::rename(&file, &away).unwrap();
        assert!(matches!(inner.write(|db| note(db, "lost")).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(inner.read(|db| count(db, "node")).await, Err(StoreError::Unavailable(_))));
        assert!(!file.exists(), "an empty file was made in its place");
        fs::rename(&away, &file).unwrap();

        inner.write(|db| note(db, "after")).await.unwrap();
        assert_eq!(n_notes(&inner).await, 2);
    });
}

#[test]
fn a_second_program_makes_no_file_in_the_place_of_one_that_is_away() {
    let store = TestStore::new(Engine::Sqlite);
    let (inner, settings) = (store.store.clone(), store.settings.clone());
    let (file, away) = (store.file(), store.file().with_extension("away"));
    run(async move {
        inner.write(|db| note(db, "acknowledged")).await.unwrap();
        let log = file.with_extension("db-wal");
        let log_bytes = fs::metadata(&log).unwrap().len();
        assert!(log_bytes > 0);

        fs::rename(&file, &away).unwrap();
        for is_empty in [false, true] {
            if is_empty {
                fs::write(&file, "").unwrap();
            }
            let refused = Store::open(&settings).err().unwrap();
            assert!(matches!(refused, StoreError::Unavailable(_)) && refused.to_string().contains("hint: "));
            assert!(matches!(inner.write(|db| note(db, "lost")).await, Err(StoreError::Unavailable(_))));
            assert_eq!((file.exists(), fs::metadata(&log).unwrap().len()), (is_empty, log_bytes));
        }
        fs::rename(&away, &file).unwrap();

        assert_eq!(n_notes(&inner).await, 1);
        assert_eq!(n_notes(&Store::open(&settings).unwrap()).await, 1);
    });
}

#[test]
fn a_foreign_file_in_its_place_is_not_written_to() {
    let store = TestStore::new(Engine::Sqlite);
    let inner = store.store.clone();
    let (file, away) = (store.file(), store.file().with_extension("away"));
    run(async move {
        inner.write(|db| note(db, "before")).await.unwrap();
        fs::rename(&file, &away).unwrap();
        fs::write(&file, "").unwrap();

        assert!(matches!(inner.ping().await, Err(StoreError::Unavailable(_) | StoreError::Corrupt(_))));

        fs::remove_file(&file).unwrap();
        fs::rename(&away, &file).unwrap();
        assert_eq!(inner.ping().await, Ok(()));
    });
}

#[test]
fn a_database_made_read_only_says_unavailable_until_it_is_writable() {
    let store = TestStore::new(Engine::Sqlite);
    let inner = store.store.clone();
    let file = store.file();
    run(async move {
        inner.write(|db| note(db, "before")).await.unwrap();
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();

        mode(0o400);
        assert!(matches!(inner.write(|db| note(db, "lost")).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(inner.ping().await, Err(StoreError::Unavailable(_))));
        assert_eq!(n_notes(&inner).await, 1);
        mode(0o600);

        assert_eq!(inner.ping().await, Ok(()));
    });
}

#[test]
fn a_read_only_postgres_says_unavailable_until_it_is_writable() {
    let store = TestStore::new(Engine::Postgres);
    let inner = store.store.clone();
    let url = store.settings.database_url.clone();
    run(async move {
        let name = url.rsplit('/').next().unwrap().to_owned();
        postgres::run(&url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
        assert!(matches!(inner.write(|db| note(db, "lost")).await, Err(StoreError::Unavailable(_))));
        let writable = format!(
            "BEGIN READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = off; COMMIT"
        );
        postgres::run(&url, &writable);

        assert_eq!(inner.ping().await, Ok(()));
    });
}

#[test]
fn a_sqlite_file_is_private_and_safe_against_power_cuts() {
    let store = TestStore::new(Engine::Sqlite);
    assert_eq!(fs::metadata(store.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let inner = store.store.clone();
    run(async move {
        let settings = inner
            .write(|db| {
                let Db::Lite(conn) = db else { panic!("not SQLite") };
                let sql = "SELECT journal_mode, synchronous, foreign_keys
                    FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys";
                let row =
                    diesel::sql_query(sql).get_result::<LiteSettings>(conn).map_err(StoreError::from)?;
                Ok::<_, StoreError>((row.journal_mode, row.synchronous, row.foreign_keys))
            })
            .await
            .unwrap();

        assert_eq!(settings, ("wal".to_owned(), 2, 1));
    });
}

#[test]
fn a_url_that_is_not_understood_is_refused_with_a_hint() {
    for url in ["sqllite:///tmp/x.db", "mysql://host/x", "/tmp/x.db", "sqlite::memory:", "sqlite://"] {
        let refused = Store::open(&StoreSettings::new(url)).err().unwrap().to_string();
        assert!(refused.contains("hint: "), "{url}: {refused}");
    }
    let refused = Store::open(&StoreSettings::new("pg://clerk:secret@host/x")).err().unwrap().to_string();
    assert!(!refused.contains("secret"), "{refused}");
}

#[test]
fn a_server_that_does_not_answer_is_reported_in_time() {
    let started = std::time::Instant::now();
    let refused = Store::open(&StoreSettings::new("postgres://postgres@127.0.0.1:1/none"));

    assert!(matches!(refused.err(), Some(StoreError::Unavailable(_))));
    assert!(started.elapsed() < Duration::from_secs(10));
}
