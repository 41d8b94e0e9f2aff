//! Mail servers for tests: real sockets and the line protocol, as friendly as told to be; one speaks only under TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
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

/// A mail server that takes nothing before STARTTLS (RFC 3207), under a certificate of its own.
pub(crate) struct TlsMailServer {
    pub(crate) url: String,
    /// Its certificate, PEM.
    pub(crate) certificate: String,
    mails: Arc<Mutex<Vec<String>>>,
}

impl TlsMailServer {
    /// Listens for as long as the tests run.
    pub(crate) fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://localhost:{}?tls=required", listener.local_addr().unwrap().port());
        let mails: Arc<Mutex<Vec<String>>> = Arc::default();
        let taken = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that does not trust us goes away, which is part of the story.
                drop(encrypted(stream.unwrap(), Arc::clone(&config), &taken));
            }
        });
        Self { url, certificate: made.cert.pem(), mails }
    }

    /// Every message that came under TLS.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

fn encrypted(
    mut stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    mails: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.write_all(b"220 mail.test ready\r\n")?;
    let mut plain = BufReader::new(stream);
    if !talk(&mut plain, "250-mail.test\r\n250 STARTTLS\r\n", "530 5.7.0 STARTTLS first\r\n", mails)? {
        return Ok(());
    }
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let secret = rustls::StreamOwned::new(connection, plain.into_inner());
    talk(&mut BufReader::new(secret), "250 mail.test\r\n", "250 good\r\n", mails).map(drop)
}

/// A conversation until its end or until STARTTLS, which is true; `other` answers what begins a message.
fn talk<S: Read + Write>(
    stream: &mut BufReader<S>,
    greeting: &str,
    other: &str,
    mails: &Mutex<Vec<String>>,
) -> std::io::Result<bool> {
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        let verb = line.split([' ', ':', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        line.clear();
        let answer = match verb.as_str() {
            "EHLO" => greeting,
            "STARTTLS" => {
                stream.get_mut().write_all(b"220 go on\r\n")?;
                return Ok(true);
            }
            "DATA" if other.starts_with("250") => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") && stream.read_line(&mut mail)? > 0 {}
                mails.lock().unwrap().push(mail);
                "250 taken\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => other,
        };
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
    }
    Ok(false)
}
