//! A throw-away PostgreSQL cluster, started once per test process and stopped with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use red_mailbox::store::db::PgConn;
use red_mailbox::store::{StoreSettings, migrate};

/// The migrated database that every test's own is copied from.
const TEMPLATE: &str = "migrated_template";

/// Settings: real durability, small memory, deadlocks noticed fast enough for a test.
const SETTINGS: &str = "-c fsync=on -c shared_buffers=16MB -c max_connections=200 -c deadlock_timeout=50ms \
    -c listen_addresses= -c autovacuum=off -c logging_collector=off";

/// Makes the cluster and runs its server until standard input ends, which it does when the test process does,
/// however that ends.
const WATCH: &str = r#"
"$1/initdb" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync -D "$2/rows" >"$2/log" 2>&1 ||
    exit 1
"$1/postgres" -D "$2/rows" -k "$2" $3 >"$2/log" 2>&1 &
server=$!
cat >/dev/null
# The shell had it ignore QUIT, which it heeds only once it has started; until then TERM ends it.
kill -TERM "$server" 2>/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"#;

struct Cluster {
    folder: PathBuf,
    /// Its standard input is open as long as this process lives.
    _watcher: Child,
    creating: Mutex<()>,
    n_databases: AtomicU32,
}

/// URL of a fresh, migrated database.
pub(crate) fn fresh_database() -> String {
    let cluster = cluster();
    let name = format!("t{}", cluster.n_databases.fetch_add(1, Ordering::Relaxed));
    let _turn = cluster.creating.lock().unwrap_or_else(PoisonError::into_inner);
    cluster.run(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"));
    cluster.url(&name)
}

/// URL of a fresh database without tables.
pub(crate) fn empty_database() -> String {
    let cluster = cluster();
    let name = format!("t{}", cluster.n_databases.fetch_add(1, Ordering::Relaxed));
    cluster.run(&format!("CREATE DATABASE {name}"));
    cluster.url(&name)
}

/// Removes a database and whoever is still connected to it.
pub(crate) fn drop_database(url: &str) {
    let name = url.rsplit('/').next().unwrap();
    cluster().run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
}

/// A plain connection; the calling thread has no runtime.
pub(crate) fn connect(url: &str) -> PgConn {
    PgConn::establish(url).unwrap()
}

/// Runs SQL at `url` from any thread, also inside a runtime.
pub(crate) fn run(url: &str, sql: &str) {
    std::thread::scope(|scope| scope.spawn(|| connect(url).batch_execute(sql).unwrap()).join().unwrap());
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = start();
        cluster.run(&format!("CREATE DATABASE {TEMPLATE}"));
        migrate::prepare(&StoreSettings::new(cluster.url(TEMPLATE))).unwrap();
        cluster
    })
}

impl Cluster {
    fn url(&self, database: &str) -> String {
        url(&self.folder, database)
    }

    fn run(&self, sql: &str) {
        run(&self.url("postgres"), sql);
    }
}

fn start() -> Cluster {
    let programs = programs();
    // The path of a socket may have 107 bytes, which a configured temporary folder can exceed.
    let folder = tempfile::Builder::new().prefix("red-mailbox-pg").tempdir_in("/tmp").unwrap().keep();
    let account = account_for_root(&folder);

    let mut watcher = command(Path::new("/bin/sh"), account)
        .args(["-c", WATCH, "watch"])
        .args([&programs, &folder])
        .arg(SETTINGS)
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not in our group: an interrupt from the keyboard must leave it time to clean up.
        .process_group(0)
        .spawn()
        .unwrap();
    wait_until_ready(&folder, &mut watcher);
    Cluster { folder, _watcher: watcher, creating: Mutex::new(()), n_databases: AtomicU32::new(0) }
}

fn wait_until_ready(folder: &Path, watcher: &mut Child) {
    let url = url(folder, "postgres");
    for _ in 0..1200 {
        let is_ready =
            std::thread::scope(|scope| scope.spawn(|| PgConn::establish(&url).is_ok()).join().unwrap());
        if is_ready {
            return;
        }
        if watcher.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("PostgreSQL did not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
}

fn url(folder: &Path, database: &str) -> String {
    let host = folder.to_str().unwrap().replace('/', "%2F");
    format!("postgres://postgres@{host}/{database}")
}

/// The folder with `initdb` and `postgres`: on the path, or where Debian keeps them.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|it| it.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    debian
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&on_path))
        .find(|it| it.join("initdb").exists() && it.join("postgres").exists())
        .expect("PostgreSQL is not installed\nhint: run scripts/setup")
}

/// The account to run as: `initdb` refuses root. The folder becomes that account's.
fn account_for_root(folder: &Path) -> Option<(u32, u32)> {
    if fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = accounts.lines().find(|it| it.starts_with(&format!("{name}:")))?;
        let mut parts = line.split(':').skip(2).map(|it| it.parse().unwrap());
        Some((parts.next()?, parts.next()?))
    };
    let account = find("postgres").or_else(|| find("nobody")).unwrap();
    chown(folder, Some(account.0), Some(account.1)).unwrap();
    Some(account)
}

fn command(program: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("PGHOST").env_remove("PGDATA").env("LC_ALL", "C");
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}
