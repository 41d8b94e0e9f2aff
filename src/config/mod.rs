//! Settings: defaults < TOML file < environment < flags, each value knowing where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cidr::Cidr;

mod forms;
use forms::{
    database_url, database_url_of_server, filled, host_of, log_filter, mail_address, mail_url, masked,
    networks, number, optional, plain, web_template, web_url,
};

/// The file looked for in the data folder when none is named.
const FILE_NAME: &str = "red-mailbox.toml";
/// What every variable of ours starts with.
const PREFIX: &str = "RED_MAILBOX_";

/// One setting as people meet it: its name in TOML, and from it the variable and the flag.
struct Known {
    name: &'static str,
    /// What a right value looks like, said to who gave a wrong one.
    wanted: &'static str,
}

/// Every setting there is. A name that is not here is refused wherever it appears.
const KNOWN: &[Known] = &[
    Known { name: "data_dir", wanted: "a folder" },
    Known { name: "database_url", wanted: "sqlite://PATH or postgres://USER@HOST:PORT/DATABASE" },
    Known { name: "migrate_url", wanted: "postgres://OWNER@HOST:PORT/DATABASE" },
    Known { name: "key_file", wanted: "a file" },
    Known { name: "listen", wanted: "ADDRESS:PORT, for example 127.0.0.1:8080" },
    Known { name: "public_url", wanted: "http(s)://HOST[:PORT][/PATH]" },
    Known { name: "trusted_proxies", wanted: "addresses or networks, for example 10.0.0.1,10.1.0.0/16" },
    Known { name: "smtp_url", wanted: "smtp://HOST:PORT or smtps://HOST:PORT" },
    Known { name: "smtp_ca", wanted: "a file" },
    Known { name: "mail_from", wanted: "NAME@HOST" },
    Known { name: "sms_command", wanted: "a program and its arguments" },
    Known { name: "sms_url", wanted: "https://HOST/PATH, with {to} and {text} in it or in sms_body" },
    Known { name: "sms_body", wanted: "a line with {to}, {text} and perhaps {key} in it, or none" },
    Known { name: "sms_headers", wanted: "Name: value, one a line" },
    Known { name: "sms_success", wanted: "words of the gateway's answer" },
    Known { name: "intake_per_minute", wanted: "a whole number from 1 to 1000000" },
    Known { name: "log", wanted: "a level or filter, for example info or red_mailbox=debug" },
    Known { name: "log_format", wanted: "human or json" },
    Known { name: "metrics", wanted: "loopback, open or off" },
    Known { name: "workers", wanted: "a whole number from 1 to 64" },
    Known { name: "readers", wanted: "a whole number from 1 to 64" },
    Known { name: "queue_max", wanted: "a whole number from 1 to 100000" },
    Known { name: "free_space_floor_mb", wanted: "a whole number of MiB from 0 to 1000000" },
    Known { name: "stop_within_s", wanted: "a whole number of seconds from 1 to 600" },
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Programs on this machine that come without a proxy.
    Loopback,
    /// Everybody who reaches the port.
    Open,
    /// Nobody: the route answers 404.
    Off,
}

/// What is in force. Addresses of databases and mail servers may hold passwords: print `shown()`.
#[derive(Clone)]
pub struct Settings {
    /// Where the embedded database, the key and files live.
    pub data_dir: PathBuf,
    pub database_url: String,
    /// A database role that may change the schema; the serving role when absent.
    pub migrate_url: Option<String>,
    pub key_file: PathBuf,
    pub listen: SocketAddr,
    /// Start of every link we give out, without a slash at its end; never taken from a request.
    pub public_url: String,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    pub smtp_url: Option<String>,
    /// Certificates (PEM) trusted for the mail server besides the public ones.
    pub smtp_ca: Option<PathBuf>,
    pub mail_from: String,
    /// Program and arguments that text messages are handed to, as JSON on standard input.
    pub sms_command: Option<String>,
    /// Where text messages are sent over HTTP; `{to}`, `{text}` and `{key}` are filled in.
    pub sms_url: Option<String>,
    /// The body of that request; empty for JSON of our own, `none` for a GET.
    pub sms_body: String,
    /// Headers of that request, one a line.
    pub sms_headers: String,
    /// What stands in the answer to a message that was taken; empty: its status is enough.
    pub sms_success: String,
    /// Public submissions a minute from one address.
    pub intake_per_minute: u32,
    /// A tracing filter.
    pub log: String,
    pub log_format: LogFormat,
    pub metrics: MetricsAccess,
    /// HTTP threads.
    pub workers: usize,
    /// Reading database connections.
    pub readers: usize,
    /// Writes that may wait for the database; one more is answered 503.
    pub queue_max: usize,
    /// `/readyz` is red when the data folder's disk has less room than this.
    pub free_space_floor_mb: u64,
    /// How long a graceful stop may take.
    pub stop_within_s: u64,
    shown: Vec<Shown>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shown.iter().map(|it| (it.name, &it.value))).finish()
    }
}

/// One setting for people to read, with its secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub name: &'static str,
    pub value: String,
    pub origin: Origin,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read settings: {} fault(s)\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigFaults(pub Vec<String>);

impl Settings {
    /// Reads settings from flags (name and given text), the environment and the file.
    ///
    /// `file` is the one asked for by name, which must exist; without it
    /// `RED_MAILBOX_CONFIG`, then `red-mailbox.toml` in the data folder if there is one.
    ///
    /// # Errors
    /// Every fault at once: unknown names, values that cannot be read, a file that cannot be read.
    pub fn read(
        file: Option<&Path>,
        flags: &[(&'static str, String)],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFaults> {
        let mut given = Given::default();
        let mut named_file = file.map(Path::to_path_buf);
        given.take_environment(environment, &mut named_file);
        for (name, text) in flags {
            given.put(name, text.clone(), Origin::Flag(format!("--{}", name.replace('_', "-"))));
        }
        given.take_file(named_file);
        given.settle()
    }

    /// Every setting in force with its origin, secrets masked.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// Settings for a test or a sample: the defaults in the given folder.
    ///
    /// # Errors
    /// `ConfigFaults` when one of `changes` cannot be read.
    pub fn in_folder(folder: &Path, changes: &[(&'static str, &str)]) -> Result<Self, ConfigFaults> {
        let mut flags = vec![("data_dir", folder.display().to_string())];
        flags.extend(changes.iter().map(|(name, text)| (*name, (*text).to_owned())));
        Self::read(None, &flags, [])
    }
}

/// Texts as they were given, and the faults met so far.
#[derive(Default)]
struct Given {
    texts: BTreeMap<&'static str, (String, Origin)>,
    faults: Vec<String>,
    shown: Vec<Shown>,
}

impl Given {
    fn put(&mut self, name: &str, text: String, origin: Origin) {
        match KNOWN.iter().find(|it| it.name == name) {
            Some(known) => {
                self.texts.insert(known.name, (text, origin));
            }
            None => self.faults.push(format!("  unknown setting: {name} ({origin})")),
        }
    }

    fn take_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
        file: &mut Option<PathBuf>,
    ) {
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            match name {
                "CONFIG" => {
                    file.get_or_insert_with(|| PathBuf::from(&text));
                }
                // The tests' own, which a program that they start inherits.
                _ if name.starts_with("TEST_") => {}
                _ => self.put(&name.to_ascii_lowercase(), text, Origin::Environment(variable.clone())),
            }
        }
    }

    /// Fills in from the file whatever was not given closer to the command.
    fn take_file(&mut self, named: Option<PathBuf>) {
        let is_named = named.is_some();
        let path = named.unwrap_or_else(|| self.data_dir().join(FILE_NAME));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return,
            Err(error) => {
                self.faults.push(format!("  could not read file: {}: {error}", path.display()));
                return;
            }
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |it| text[..it.start].lines().count().max(1));
                self.faults.push(format!(
                    "  could not read file: {}: line {line}: {}",
                    path.display(),
                    error.message()
                ));
                return;
            }
        };
        for (name, value) in table {
            let origin = Origin::File(path.clone());
            match plain(&value) {
                Some(text) if !self.texts.contains_key(name.as_str()) => self.put(&name, text, origin),
                Some(_) => {}
                None => self.faults.push(format!(
                    "  {name} ({origin}): given {}, wanted a text, a number or a list of texts",
                    value.type_str()
                )),
            }
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.texts.get("data_dir").map_or_else(|| PathBuf::from("red-mailbox-data"), |it| it.0.clone().into())
    }

    /// Reads one setting; `default` when it was not given or when what was given is at fault.
    fn take<T>(&mut self, name: &'static str, default: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (text, origin) =
            self.texts.get(name).cloned().unwrap_or_else(|| (default.to_owned(), Origin::Default));
        let value = read(text.trim());
        if value.is_none() {
            let wanted = KNOWN.iter().find(|it| it.name == name).map_or("", |it| it.wanted);
            self.faults.push(format!("  {name} ({origin}): given \"{}\", wanted {wanted}", masked(&text)));
        }
        // An argument may be a secret: of a command only the program is shown.
        let shown = match name {
            "sms_command" => text.split(' ').next().unwrap_or_default(),
            // A gateway's key stands in any of them.
            "sms_url" => text.split('?').next().unwrap_or_default(),
            "sms_body" | "sms_headers" if !text.is_empty() => "****",
            _ => &text,
        };
        self.shown.push(Shown { name, value: masked(shown), origin });
        value
    }

    fn settle(mut self) -> Result<Settings, ConfigFaults> {
        let data_dir = self.data_dir();
        let in_folder = |name: &str| data_dir.join(name).display().to_string();
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 16).to_string();
        self.take("data_dir", &data_dir.display().to_string(), filled);
        let database_url =
            self.take("database_url", &format!("sqlite://{}", in_folder("red-mailbox.db")), database_url);
        let migrate_url = self.take("migrate_url", "", |it| optional(it, database_url_of_server));
        let key_file = self.take("key_file", &in_folder("red-mailbox.key"), filled).map(PathBuf::from);
        let listen = self.take("listen", "127.0.0.1:8080", |it| it.parse::<SocketAddr>().ok());
        let listen_shown = listen.map_or_else(|| "127.0.0.1:8080".to_owned(), |it| it.to_string());
        let public_url = self.take("public_url", &format!("http://{listen_shown}"), web_url);
        let trusted_proxies = self.take("trusted_proxies", "", networks);
        let smtp_url = self.take("smtp_url", "", |it| optional(it, mail_url));
        let smtp_ca = self.take("smtp_ca", "", |it| optional(it, filled));
        let from = format!("red-mailbox@{}", public_url.as_deref().and_then(host_of).unwrap_or("localhost"));
        let mail_from = self.take("mail_from", &from, mail_address);
        let sms_command = self.take("sms_command", "", |it| optional(it, filled));
        let sms_url = self.take("sms_url", "", |it| optional(it, web_template));
        let any = |it: &str| Some(it.to_owned());
        let sms_body = self.take("sms_body", "", any);
        let sms_headers = self.take("sms_headers", "", any);
        let sms_success = self.take("sms_success", "", any);
        let intake_per_minute = self.take("intake_per_minute", "120", |it| number(it, 1, 1_000_000));
        let log = self.take("log", "info", log_filter);
        let log_format = self.take("log_format", "human", |it| match it {
            "human" => Some(LogFormat::Human),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let metrics = self.take("metrics", "loopback", |it| match it {
            "loopback" => Some(MetricsAccess::Loopback),
            "open" => Some(MetricsAccess::Open),
            "off" => Some(MetricsAccess::Off),
            _ => None,
        });
        let workers = self.take("workers", &threads, |it| number(it, 1, 64));
        let readers = self.take("readers", "4", |it| number(it, 1, 64));
        let queue_max = self.take("queue_max", "1024", |it| number(it, 1, 100_000));
        let free_space_floor_mb = self.take("free_space_floor_mb", "100", |it| number(it, 0, 1_000_000));
        let stop_within_s = self.take("stop_within_s", "20", |it| number(it, 1, 600));
        let shown = self.shown;
        let settings = || {
            Some(Settings {
                data_dir,
                database_url: database_url?,
                migrate_url: migrate_url?,
                key_file: key_file?,
                listen: listen?,
                public_url: public_url?,
                trusted_proxies: trusted_proxies?,
                smtp_url: smtp_url?,
                smtp_ca: smtp_ca?.map(PathBuf::from),
                mail_from: mail_from?,
                sms_command: sms_command?,
                sms_url: sms_url?,
                sms_body: sms_body?,
                sms_headers: sms_headers?,
                sms_success: sms_success?,
                intake_per_minute: intake_per_minute?,
                log: log?,
                log_format: log_format?,
                metrics: metrics?,
                workers: workers?,
                readers: readers?,
                queue_max: queue_max?,
                free_space_floor_mb: free_space_floor_mb?,
                stop_within_s: stop_within_s?,
                shown,
            })
        };
        match settings() {
            Some(settings) if self.faults.is_empty() => Ok(settings),
            Some(_) | None => Err(ConfigFaults(self.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("red-mailbox.toml");
        std::fs::write(&file, "intake_per_minute = 5\nreaders = 6\nlisten = \"127.0.0.1:1\"\n")
            .expect("written");
        let variables = environment(&[("RED_MAILBOX_READERS", "7"), ("RED_MAILBOX_LISTEN", "127.0.0.1:2")]);
        let flags = [("data_dir", folder.path().display().to_string()), ("listen", "127.0.0.1:3".to_owned())];

        let settings = Settings::read(None, &flags, variables).expect("settings");

        assert_eq!((settings.intake_per_minute, settings.readers), (5, 7));
        assert_eq!(settings.public_url, "http://127.0.0.1:3");
        assert_eq!(settings.mail_from, "red-mailbox@127.0.0.1");
        let origin =
            |name| settings.shown().iter().find(|it| it.name == name).expect("shown").origin.to_string();
        assert_eq!(origin("listen"), "flag --listen");
        assert_eq!(origin("readers"), "environment RED_MAILBOX_READERS");
        assert_eq!(origin("intake_per_minute"), file.display().to_string());
        assert_eq!(origin("metrics"), "default");
    }

    #[test]
    fn all_faults_are_told_at_once_with_name_given_and_wanted_form() {
        let variables = environment(&[
            ("RED_MAILBOX_LISTN", "x"),
            ("RED_MAILBOX_LISTEN", "8080"),
            ("RED_MAILBOX_DATABASE_URL", "mysql://me:secret@host/db"),
            ("RED_MAILBOX_TRUSTED_PROXIES", "10.0.0.0/40"),
        ]);

        let ConfigFaults(faults) = Settings::read(None, &[], variables).expect_err("faults");

        assert_eq!(
            faults,
            [
                "  unknown setting: listn (environment RED_MAILBOX_LISTN)",
                "  database_url (environment RED_MAILBOX_DATABASE_URL): given \"mysql://me:****@host/db\", wanted sqlite://PATH or postgres://USER@HOST:PORT/DATABASE",
                "  listen (environment RED_MAILBOX_LISTEN): given \"8080\", wanted ADDRESS:PORT, for example 127.0.0.1:8080",
                "  trusted_proxies (environment RED_MAILBOX_TRUSTED_PROXIES): given \"10.0.0.0/40\", wanted addresses or networks, for example 10.0.0.1,10.1.0.0/16",
            ]
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://me:s3cret@host:5432/db", "postgres://me:****@host:5432/db"),
            ("postgres://me:s3/cr@et@host/db", "postgres://me:****@host/db"),
            ("smtp://host:25", "smtp://host:25"),
            (
                "postgres://host/db?user=me&password=s3cret&x=1",
                "postgres://host/db?user=me&password=****&x=1",
            ),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
