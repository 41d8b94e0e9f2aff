//! The program as operators meet it: exit status, words on standard error, a graceful stop.

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sqlite::SqliteConnection;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_red-mailbox"));
    command.args(arguments).env("RED_MAILBOX_DATA_DIR", folder).env("RED_MAILBOX_LISTEN", "127.0.0.1:0");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server in a process of its own, and the rest of its log.
struct Serving {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
}

fn serve(folder: &Path) -> Serving {
    let mut child = command(folder, &["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut serving = Serving { child, log, address: String::new() };
    while serving.address.is_empty() {
        let mut line = String::new();
        assert_ne!(serving.log.read_line(&mut line).unwrap(), 0, "it ended before it listened");
        let address = line.split_once("listening on http://").and_then(|it| it.1.split_whitespace().next());
        address.unwrap_or_default().clone_into(&mut serving.address);
    }
    serving
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both are harmless when it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_stop_finishes_what_has_begun_and_ends_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = serve(folder.path());
    let mut begun = TcpStream::connect(&serving.address).unwrap();
    begun.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();

    signal(&serving.child, "-TERM");
    let status = serving.child.wait().unwrap();
    let mut log = String::new();
    serving.log.read_to_string(&mut log).unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
    assert!(TcpStream::connect(&serving.address).is_err());
}

impl Serving {
    /// The answer of `/readyz` once the check after an unclean stop is over.
    fn readiness(&self) -> String {
        let began = Instant::now();
        loop {
            let mut asked = TcpStream::connect(&self.address).unwrap();
            asked.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            asked.read_to_string(&mut answer).unwrap();
            if !answer.contains("being checked") {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{answer}");
        }
    }
}

#[test]
fn after_an_unclean_stop_the_database_is_checked_beside_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("red-mailbox.db-serving");
    let mut first = serve(folder.path());
    assert!(!first.readiness().contains("unclean") && mark.exists());
    signal(&first.child, "-KILL");
    first.child.wait().unwrap();

    // Whoever looks first brings the log in; it is noticed all the same.
    assert_eq!(run(folder.path(), &["doctor"]).status.code(), Some(0));
    let mut second = serve(folder.path());
    let sound = second.readiness();
    signal(&second.child, "-TERM");

    assert!(sound.starts_with("HTTP/1.1 200 ") && sound.contains("sound after an unclean stop"), "{sound}");
    assert_eq!(second.child.wait().unwrap().code(), Some(0));
    assert!(!mark.exists());
}

#[test]
fn a_damaged_database_turns_readyz_red_and_stays_under_suspicion() {
    let folder = tempfile::tempdir().unwrap();
    let (file, mark) = (folder.path().join("red-mailbox.db"), folder.path().join("red-mailbox.db-serving"));
    assert_eq!(run(folder.path(), &["migrate"]).status.code(), Some(0));
    // The last page is then one that nothing but the check reads.
    let mut conn = SqliteConnection::establish(&file.display().to_string()).unwrap();
    conn.batch_execute("CREATE TABLE ballast (body BLOB); INSERT INTO ballast VALUES (zeroblob(40000))")
        .unwrap();
    drop(conn);
    let mut bytes = std::fs::read(&file).unwrap();
    let last_page = bytes.len() - 4096;
    bytes[last_page..].fill(0x55);
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(&mark, "").unwrap();

    let mut serving = serve(folder.path());
    let red = serving.readiness();
    signal(&serving.child, "-TERM");
    serving.child.wait().unwrap();

    assert!(red.starts_with("HTTP/1.1 503 ") && red.contains("damaged, see the log"), "{red}");
    assert!(mark.exists());
}

#[test]
fn wrong_settings_are_told_at_once_with_status_2() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(folder.path(), &["serve", "--listen", "here", "--metrics", "maybe"]);

    assert_eq!(output.status.code(), Some(2));
    let told = words(&output.stderr);
    assert!(told.contains("listen (flag --listen): given \"here\", wanted ADDRESS:PORT"), "{told}");
    assert!(told.contains("metrics (flag --metrics): given \"maybe\""), "{told}");
    assert_eq!(run(folder.path(), &["fly"]).status.code(), Some(2));
}

#[test]
fn a_taken_port_fails_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output = run(folder.path(), &["serve", "--listen", &address]);

    assert_eq!(output.status.code(), Some(1));
    let told = words(&output.stderr);
    assert!(told.contains(&format!("could not listen: {address}")) && told.contains("hint: "), "{told}");
}

#[test]
fn what_fails_says_what_may_help() {
    let folder = tempfile::tempdir().unwrap();
    let node = ["node", "add", "YD", "--name", "YD", "--kind", "community"];
    assert_eq!(run(folder.path(), &node).status.code(), Some(0));
    let unreachable = ["node", "list", "--database-url", "postgres://nobody@127.0.0.1:1/none"];
    let unreadable = ["node", "list", "--database-url", "postgres://host:port/none"];
    let unknown = ["unit", "add", "WY", "--name", "WY", "--node", "NO"];

    for arguments in [&node[..], &unreachable, &unreadable, &unknown] {
        let output = run(folder.path(), arguments);
        let told = words(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{told}");
        assert_eq!(told.matches("hint: ").count(), 1, "{told}");
    }
}

#[test]
fn doctor_fails_on_an_empty_folder_and_passes_after_migrate_and_serve() {
    let folder = tempfile::tempdir().unwrap();
    let before = run(folder.path(), &["doctor"]);
    let migrated = run(folder.path(), &["migrate"]);
    let mut serving = serve(folder.path());
    let after = run(folder.path(), &["doctor", "--json"]);
    signal(&serving.child, "-INT");

    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    assert_eq!(before.status.code(), Some(1));
    assert!(words(&before.stdout).contains("hint: the first `red-mailbox serve` makes it"));
    assert_eq!(migrated.status.code(), Some(0), "{}", words(&migrated.stderr));
    assert_eq!(after.status.code(), Some(0), "{}{}", words(&after.stdout), words(&after.stderr));
    let report: serde_json::Value = serde_json::from_slice(&after.stdout).unwrap();
    assert_eq!(report["is_ok"], true);
}

#[test]
fn openapi_is_printed_without_a_database() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(&folder.path().join("missing"), &["openapi"]);

    assert_eq!(output.status.code(), Some(0));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(!folder.path().join("missing").exists());
}
