//! The release binary, served from a folder of its own on a free port.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_red-mailbox");
pub(crate) const PASSWORD: &str = "pavilion-letters-bench";

pub(crate) struct Served {
    child: Child,
    /// Kept open, or the log would have nowhere to go.
    _log: BufReader<std::process::ChildStderr>,
    pub(crate) address: String,
}

impl Served {
    /// Makes the community on the first start, then serves.
    pub(crate) fn start(folder: &Path, url: Option<&str>) -> Self {
        if !folder.join("prepared").exists() {
            Self::prepare(folder, url);
        }
        Self::serve(folder, url)
    }

    /// A community and a triager.
    pub(crate) fn prepare(folder: &Path, url: Option<&str>) {
        Self::run(folder, url, &["node", "add", "YD", "--name", "阳岱", "--kind", "community"]);
        Self::run(
            folder,
            url,
            &["user", "add", "bench", "--role", "triager", "--node", "YD", "--password-stdin"],
        );
        std::fs::write(folder.join("prepared"), "").unwrap();
    }

    /// Runs a command to its end.
    pub(crate) fn run(folder: &Path, url: Option<&str>, arguments: &[&str]) {
        let mut child = command(folder, url)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn serve(folder: &Path, url: Option<&str>) -> Self {
        let mut child = command(folder, url).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        Self { child, _log: log, address }
    }

    /// `VmRSS` or `VmHWM` in kibibytes.
    pub(crate) fn memory_kb(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|it| it.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Processor time used so far, in milliseconds; Linux counts it in hundredths of a second.
    pub(crate) fn cpu_ms(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        let ticks = after_name.split(' ').skip(11).take(2).map(|it| it.parse::<u64>().unwrap());
        ticks.sum::<u64>() * 10
    }
}

fn command(folder: &Path, url: Option<&str>) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env("RED_MAILBOX_DATA_DIR", folder)
        .env("RED_MAILBOX_LISTEN", "127.0.0.1:0")
        .env("RED_MAILBOX_INTAKE_PER_MINUTE", "1000000")
        // One line at the start says the address; a line for each request would fill the pipe.
        .env("RED_MAILBOX_LOG", "warn,red_mailbox::cli=info");
    if let Some(url) = url {
        command.env("RED_MAILBOX_DATABASE_URL", url);
    }
    command
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
