//! A disk that fills up under the server and is given room again: intake is held up, nothing is lost, nobody restarts
//! anything.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use red_mailbox::store::schema::ticket;
use serde_json::json;

use crate::app::Answer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_red-mailbox");
/// A fresh database takes about 1 MB.
const SMALL: &str = "6291456";
/// Each matter takes some 6 kB: the disk is full long before.
const SUBMISSIONS_MAX: u32 = 5_000;

/// Where the database lies: a small file system of its own; or, where mounting is refused, any folder, and a limit on
/// how long the server's files may grow.
struct Disk {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Disk {
    fn small() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_mounted =
            does("mount", &["-t", "tmpfs", "-o", &format!("size={SMALL}"), "tmpfs"], folder.path());
        if !is_mounted {
            eprintln!("mounting is refused here: the size of files is limited instead");
        }
        Self { folder, is_mounted }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let limited = format!("trap '' XFSZ; exec prlimit --fsize={SMALL}: \"$0\" \"$@\"");
        let script = if self.is_mounted { "exec \"$0\" \"$@\"" } else { &limited };
        let mut command = Command::new("sh");
        command
            .args(["-c", script, PROGRAM])
            .args(arguments)
            .env("RED_MAILBOX_DATA_DIR", self.folder.path())
            .env("RED_MAILBOX_LISTEN", "127.0.0.1:0")
            .env("RED_MAILBOX_INTAKE_PER_MINUTE", "100000")
            .env("RED_MAILBOX_FREE_SPACE_FLOOR_MB", "1");
        command
    }

    fn make_room(&self, server: &Child) {
        let made = if self.is_mounted {
            does("mount", &["-o", "remount,size=200m"], self.folder.path())
        } else {
            does("prlimit", &["--fsize=unlimited:", "--pid"], Path::new(&server.id().to_string()))
        };
        assert!(made);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            does("umount", &["--lazy"], self.folder.path());
        }
    }
}

fn does(program: &str, arguments: &[&str], last: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(last).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// The server, stopped with the test.
struct Serving {
    child: Child,
    /// Open, or the log has nowhere to go.
    _log: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Serving {
    fn on(disk: &Disk) -> Self {
        let mut child = disk.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        Self { child, _log: log, address }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let fields = "Host: a\r\nConnection: close\r\nContent-Type: application/json";
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer).unwrap()
    }

    /// Puts a matter in, and keeps its number when it was acknowledged.
    fn submit(&self, acknowledged: &mut BTreeSet<String>) -> Answer {
        let body = json!({"community": "YD", "description": "楼道的灯不亮，晚上看不见台阶。".repeat(40)});
        let answer = self.ask("POST", "/api/v1/tickets", &body.to_string());
        if answer.status == 201 {
            acknowledged.insert(answer.json()["number"].as_str().unwrap().to_owned());
        }
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_full_disk_holds_intake_up_until_there_is_room_and_loses_nothing() {
    let disk = Disk::small();
    let added =
        disk.command(&["node", "add", "YD", "--name", "阳岱", "--kind", "community"]).output().unwrap();
    assert!(added.status.success(), "{added:?}");
    let serving = Serving::on(&disk);
    let mut acknowledged = BTreeSet::new();

    let refused = (0..SUBMISSIONS_MAX).map(|_| serving.submit(&mut acknowledged)).find(|it| it.status != 201);
    let refused = refused.expect("it was full before").expect(503);
    assert_eq!((refused.slug().as_str(), refused.header("retry-after")), ("unavailable", "5"));
    for _ in 0..10 {
        let answer = serving.submit(&mut acknowledged);
        assert!(matches!(answer.status, 201 | 503), "{answer:?}");
    }
    // A limit on files leaves the disk as free as it was.
    serving.ask("GET", "/readyz", "").expect(if disk.is_mounted { 503 } else { 200 });
    serving.ask("GET", "/livez", "").expect(200);

    disk.make_room(&serving.child);
    serving.submit(&mut acknowledged).expect(201);
    serving.ask("GET", "/readyz", "").expect(200);
    drop(serving);

    let verified = disk.command(&["audit", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let file = disk.folder.path().join("red-mailbox.db").display().to_string();
    let mut conn = SqliteConnection::establish(&file).unwrap();
    let kept: Vec<String> = ticket::table.select(ticket::number).order(ticket::id).load(&mut conn).unwrap();
    assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), acknowledged);
}
