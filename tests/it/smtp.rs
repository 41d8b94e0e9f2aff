//! A mail server for a test: real sockets and the line protocol, as friendly as it is told to be.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Takes everything.
    Takes,
    /// Answers each recipient so.
    Refuses(&'static str),
    /// Takes the message, and is gone before it says so.
    DropsAfterData,
    /// Takes the message, and says so once it behaves otherwise.
    Holds,
    /// Only closes connections.
    IsDead,
    /// Stops.
    Ends,
}

struct State {
    manner: Manner,
    mails: Vec<String>,
    n_connections: usize,
}

/// Listens on a free port of this machine until it is dropped.
pub(crate) struct MailServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl MailServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { manner, mails: Vec::new(), n_connections: 0 }));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().manner == Manner::Ends {
                    return;
                }
                // A client that goes away in the midst is part of the story.
                drop(converse(&stream.unwrap(), &shared));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(crate) fn turn(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Every message whose text came whole, as it came.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.state.lock().unwrap().mails.clone()
    }

    pub(crate) fn n_connections(&self) -> usize {
        self.state.lock().unwrap().n_connections
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.turn(Manner::Ends);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One conversation, as RFC 5321 has it.
fn converse(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    state.lock().unwrap().n_connections += 1;
    let manner = state.lock().unwrap().manner;
    if manner == Manner::IsDead {
        return Ok(());
    }
    let mut lines = BufReader::new(stream).lines();
    let say = |line: &str| {
        let mut writing = stream;
        writing.write_all(format!("{line}\r\n").as_bytes())
    };
    say("220 mail.test ready")?;
    while let Some(line) = lines.next() {
        let verb = line?.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), manner) {
            ("EHLO", _) => say("250 mail.test")?,
            ("RCPT", Manner::Refuses(words)) => say(words)?,
            ("DATA", _) => {
                say("354 go on")?;
                let mut mail = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push('\n');
                }
                state.lock().unwrap().mails.push(mail);
                if manner == Manner::DropsAfterData {
                    return Ok(());
                }
                while manner == Manner::Holds && state.lock().unwrap().manner == Manner::Holds {
                    std::thread::yield_now();
                }
                say("250 taken")?;
            }
            ("QUIT", _) => return say("221 bye"),
            _ => say("250 good")?,
        }
    }
    Ok(())
}
