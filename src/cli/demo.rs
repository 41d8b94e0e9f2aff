//! `demo`: a sample community to look at, on a database of its own that goes when it ends.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use clap::Args;

use super::node::failed;
use super::{Failure, Outcome, say, serve, start_log};
use crate::clock::Clock;
use crate::config::{Origin, Settings};
use crate::demo::{self, Sample};
use crate::service::{App, start};

/// Settings that the sample takes over; where data and keys lie is its own.
const TAKEN_OVER: &[&str] = &[
    "listen",
    "public_url",
    "smtp_url",
    "mail_from",
    "intake_per_minute",
    "log",
    "log_format",
    "metrics",
    "workers",
];
/// Letters and digits that nobody mixes up when typing them from a screen.
const PASSWORD_SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// How the sample is shown.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    /// The port to listen on, in place of that of --listen
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The password of every sample user [default: a random one]
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
}

/// Tells the sample's story, then serves it until a signal.
///
/// # Errors
/// When the folder has a database already, the port is taken, or serving fails.
pub(super) fn run(settings: &Settings, args: &DemoArgs) -> Outcome {
    let folder = Folder::of(settings)?;
    let listen = SocketAddr::new(settings.listen.ip(), args.port.unwrap_or(settings.listen.port()));
    // Before seconds are spent on the story.
    drop(TcpListener::bind(listen).map_err(|cause| {
        Failure::Failed(format!("could not listen: {listen}: {cause}\nhint: choose another port with --port"))
    })?);
    let settings = sample_settings(settings, &folder.path, listen)?;
    start_log(&settings);
    let password = args.password.clone().unwrap_or_else(random_password);
    say("正在准备示例社区…… preparing the sample community …")?;
    actix_web::rt::System::new().block_on(async {
        let (app, sample) = tell(settings, &password).await?;
        serve::serve(app, |address| announce(&sample, &password, address, &folder)).await
    })
}

/// The application with the story told, its clock running.
async fn tell(settings: Settings, password: &str) -> Result<(App, Sample), Failure> {
    let now = Clock::System.now();
    let opened = tokio::task::spawn_blocking(move || start::open(settings, Clock::fixed(now))).await;
    let app = opened.map_err(Failure::of)?.map_err(Failure::of)?;
    let sample = demo::tell(&app, now, password).await.map_err(|error| failed("tell the sample", error))?;
    Ok((App { clock: Clock::System, ..app }, sample))
}

fn sample_settings(settings: &Settings, folder: &Path, listen: SocketAddr) -> Result<Settings, Failure> {
    let listen = listen.to_string();
    let mut changes = vec![("listen", listen.as_str())];
    for name in TAKEN_OVER.iter().filter(|it| **it != "listen") {
        let shown = settings.shown().iter().find(|it| it.name == *name && it.origin != Origin::Default);
        // Shown values hide passwords; the sample does without a mail server that needs one.
        if let Some(shown) = shown.filter(|it| !it.value.contains("***")) {
            changes.push((name, shown.value.as_str()));
        }
    }
    Settings::in_folder(folder, &changes).map_err(|faults| Failure::Usage(faults.to_string()))
}

fn announce(sample: &Sample, password: &str, address: SocketAddr, folder: &Folder) -> Outcome {
    let (number, code) = &sample.receipt;
    say(&format!("\n红色信箱示例 red-mailbox demo: {} 件 tickets", sample.n_tickets))?;
    say(&format!("  居民页面 pages    http://{address}/"))?;
    say(&format!("  接口文档 API docs http://{address}/docs"))?;
    say(&format!("  登录 sign in      http://{address}/login"))?;
    say(&format!("  查询回执 a receipt to try: {number}  code {code}"))?;
    say(&format!("  自助终端 kiosk    http://{address}/kiosk  设备码 device code {}", sample.device_token))?;
    say(&format!("\n所有用户的密码 everybody's password: {password}"))?;
    for (username, duty) in &sample.logins {
        say(&format!("  {username:<14} {duty}"))?;
    }
    let after = if folder.is_ours {
        "数据随后删除 its data goes with it"
    } else {
        "数据保留 its data stays"
    };
    say(&format!("\n按 Ctrl-C 停止 press Ctrl-C to stop ({after})\n"))
}

fn random_password() -> String {
    let sign = || {
        let at = usize::from(rand::random::<u8>()) % PASSWORD_SIGNS.len();
        char::from(PASSWORD_SIGNS[at])
    };
    let group = || (0..4).map(|_| sign()).collect::<String>();
    [group(), group(), group()].join("-")
}

/// Where the sample lies: a temporary folder that goes with it, or one that was named and stays.
struct Folder {
    path: PathBuf,
    is_ours: bool,
}

impl Folder {
    fn of(settings: &Settings) -> Result<Self, Failure> {
        let named = settings.shown().iter().find(|it| it.name == "data_dir");
        // A variable or file speaks of the real data; only a flag is meant for the sample.
        if named.is_some_and(|it| matches!(it.origin, Origin::Flag(_))) {
            let path = settings.data_dir.clone();
            if fs::read_dir(&path).is_ok_and(|mut it| it.next().is_some()) {
                return Err(Failure::Failed(format!(
                    "could not use {}: there is something in it already\nhint: name an empty folder, or leave --data-dir out",
                    path.display()
                )));
            }
            return Ok(Self { path, is_ours: false });
        }
        let name = format!("red-mailbox-demo-{:016x}", rand::random::<u64>());
        Ok(Self { path: std::env::temp_dir().join(name), is_ours: true })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(cause) = fs::remove_dir_all(&self.path)
            && cause.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("could not remove {}: {cause}", self.path.display());
        }
    }
}
