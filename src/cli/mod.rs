//! The command line: one binary, its commands, their exit status (0 done, 1 it failed, 2 wrong usage).
//!
//! Rules of this floor: a command reads its arguments, calls one service function and prints. Results go to
//! standard output, everything else to standard error. Errors are lower case, `doing what: cause`, with
//! the fix on a line of its own: `hint: …`.

mod audit;
mod calendar;
mod demo;
mod doctor;
mod export;
mod import;
mod node;
mod policy;
mod serve;
mod slips;
mod stats;
mod unit;
mod user;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{LogFormat, Settings};
use crate::domain::refusal::Refusal;
use crate::service::start::StartError;
use crate::service::{App, Error, start};

/// 红色信箱 red-mailbox: a community's feedback system, from the letter box to the reply.
#[derive(Debug, Parser)]
#[command(name = "red-mailbox", version, propagate_version = true, arg_required_else_help = true)]
struct Line {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server, the timers and the outbox; migrates the database on start
    Serve,
    /// Serve a sample community on a fresh embedded database; prints addresses and logins
    Demo(demo::DemoArgs),
    /// Bring the database to this program's tables
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Print every setting with its origin, and check what the server needs
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Also send a test mail there
        #[arg(long, value_name = "ADDRESS")]
        send_test_mail: Option<String>,
    },
    /// Print the OpenAPI document
    Openapi,
    /// Add and list nodes of the organisation tree
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Add and list units that tickets are assigned to
    #[command(subcommand)]
    Unit(unit::UnitCommand),
    /// Load and list official days off and swapped working days
    #[command(subcommand)]
    Calendar(calendar::CalendarCommand),
    /// Try policies out on a past period
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Take in the rows of a CSV or XLSX file, each once
    Import(import::ImportArgs),
    /// Keep the staff's accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Verify the trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Give out slips with stubs, as one HTML file to print
    Slips(slips::SlipsArgs),
    /// Keep the figures' roll-ups
    #[command(subcommand)]
    Stats(stats::StatsCommand),
    /// Export tickets or events
    #[command(subcommand)]
    Export(export::ExportCommand),
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident $value:literal,)+) => {
        /// Settings as flags. Each is also a variable, `RED_MAILBOX_…`, and a line of the TOML file.
        #[derive(Debug, Args)]
        #[command(next_help_heading = "Settings")]
        struct Flags {
            /// The TOML file of settings [default: red-mailbox.toml in the data folder]
            #[arg(long, global = true, value_name = "FILE")]
            config: Option<PathBuf>,
            $($(#[$doc])* #[arg(long, global = true, value_name = $value)] $name: Option<String>,)+
        }

        impl Flags {
            fn texts(&self) -> Vec<(&'static str, String)> {
                let given = [$((stringify!($name), self.$name.clone())),+];
                given.into_iter().filter_map(|(name, text)| text.map(|it| (name, it))).collect()
            }
        }
    };
}

flags! {
    /// Where the embedded database, the key and files live
    data_dir "FOLDER",
    /// The database: `sqlite://PATH` or `postgres://USER@HOST/DATABASE`
    database_url "URL",
    /// A database role that may change the schema
    migrate_url "URL",
    /// The installation's secret, made on the first start
    key_file "FILE",
    /// Where the server listens
    listen "ADDRESS:PORT",
    /// Start of links and QR codes
    public_url "URL",
    /// Proxies whose X-Forwarded-For is believed
    trusted_proxies "NETWORKS",
    /// The mail server
    smtp_url "URL",
    /// The sender of mail
    mail_from "ADDRESS",
    /// Program and arguments that text messages are handed to
    sms_command "COMMAND",
    /// Public submissions a minute from one address
    intake_per_minute "NUMBER",
    /// Which log lines are written
    log "FILTER",
    /// human or json
    log_format "FORMAT",
    /// Who may read /metrics: loopback, open or off
    metrics "WHO",
    /// HTTP threads
    workers "NUMBER",
    /// Reading database connections
    readers "NUMBER",
    /// Writes that may wait for the database
    queue_max "NUMBER",
    /// /readyz is red below this free space
    free_space_floor_mb "MIB",
    /// How long a graceful stop may take
    stop_within_s "SECONDS",
}

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for wrongly: exit status 2.
    Usage(String),
    /// It failed: exit status 1.
    Failed(String),
}

impl Failure {
    /// A failure with the words of `cause`.
    pub fn of(cause: impl Display) -> Self {
        Self::Failed(cause.to_string())
    }

    /// A failure with the words of `cause`, and `hint` on a line of its own unless the words have one.
    pub fn hinted(cause: impl Display, hint: &str) -> Self {
        let words = cause.to_string();
        if words.contains("hint: ") {
            Self::Failed(words)
        } else {
            Self::Failed(format!("{words}\nhint: {hint}"))
        }
    }

    /// Why the application did not come up.
    pub fn of_start(error: &StartError) -> Self {
        match error {
            StartError::Store(_) => Self::hinted(error, DATABASE_HINT),
            StartError::Folder(..) | StartError::Key(_) => Self::of(error),
        }
    }

    /// A refusal or fault of `doing` in words for operators, each field's fault on its own line.
    pub fn of_service(doing: &str, error: &Error) -> Self {
        let words = format!("could not {doing}: {error}");
        match error {
            Error::Refusal(Refusal::Invalid(faults)) => {
                let lines: Vec<String> =
                    faults.0.iter().map(|it| format!("  {}: {}", it.field, it.message)).collect();
                Self::Failed(format!("could not {doing}:\n{}", lines.join("\n")))
            }
            Error::Refusal(Refusal::NotFound(what)) if what.starts_with("nodes/") => {
                Self::hinted(words, "`red-mailbox node list` prints the codes of the nodes in use")
            }
            Error::Refusal(Refusal::NotFound(_)) => {
                Self::hinted(words, "the `list` commands print the codes in use")
            }
            Error::Refusal(Refusal::Exists(_)) => {
                Self::hinted(words, "choose another code; one that is retired stays taken")
            }
            Error::Refusal(_) | Error::Internal(_) => Self::Failed(words),
            Error::Store(_) => Self::hinted(words, DATABASE_HINT),
        }
    }
}

/// What helps when the database does not answer.
const DATABASE_HINT: &str =
    "is the database there, running and reachable? `red-mailbox doctor` prints its URL and checks it";

/// What a command gives back.
pub type Outcome = Result<(), Failure>;

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let line = Line::parse();
    match run(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(words)) => complain(&words, 1),
        Err(Failure::Usage(words)) => complain(&words, 2),
    }
}

fn complain(words: &str, status: u8) -> ExitCode {
    // With standard error gone there is nobody left to tell; the status still says it.
    drop(writeln!(io::stderr(), "error: {words}"));
    ExitCode::from(status)
}

fn run(line: &Line) -> Outcome {
    let settings = || {
        let environment = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.to_string_lossy().into_owned())));
        Settings::read(line.flags.config.as_deref(), &line.flags.texts(), environment)
            .map_err(|faults| Failure::Usage(faults.to_string()))
    };
    match &line.command {
        Command::Serve => serve::run(settings()?),
        Command::Migrate { dry_run } => doctor::migrate(&settings()?, *dry_run),
        Command::Doctor { json, send_test_mail } => {
            doctor::run(&settings()?, *json, send_test_mail.as_deref())
        }
        Command::Node(command) => node::run(&open(settings()?)?, command.clone()),
        Command::Unit(command) => unit::run(&open(settings()?)?, command.clone()),
        Command::Calendar(command) => calendar::run(&open(settings()?)?, command.clone()),
        Command::Policy(command) => policy::run(&open(settings()?)?, command),
        Command::Demo(args) => demo::run(&settings()?, args),
        Command::Import(args) => import::run(&open(settings()?)?, args),
        Command::User(command) => user::run(&open(settings()?)?, command.clone()),
        Command::Audit(command) => audit::run(settings()?, command),
        Command::Slips(args) => slips::run(&open(settings()?)?, args),
        Command::Stats(command) => stats::run(&open(settings()?)?, command),
        Command::Export(command) => export::run(&open(settings()?)?, command),
        Command::Openapi => {
            let document = crate::http::document().to_pretty_json().map_err(Failure::of)?;
            say(&document)
        }
    }
}

/// Opens the application for a command: log lines of warnings only, unless asked for.
///
/// # Errors
/// What could not be opened, and how to mend it.
pub fn open(settings: Settings) -> Result<App, Failure> {
    start_log(&settings);
    start::open(settings, Clock::System).map_err(|it| Failure::of_start(&it))
}

/// Prints one result line.
///
/// # Errors
/// When standard output is gone.
pub fn say(line: &str) -> Outcome {
    match writeln!(io::stdout(), "{line}") {
        // `red-mailbox … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|cause| Failure::Failed(format!("could not write output: {cause}"))),
    }
}

/// Log lines go to standard error, in the format of the settings.
fn start_log(settings: &Settings) {
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(&settings.log);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.log_format {
        LogFormat::Human => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!("log was started before: {error}");
    }
}
