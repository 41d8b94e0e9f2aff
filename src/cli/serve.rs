//! `serve`: the server and the timers, until a signal ends them gracefully.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{Failure, Outcome, open};
use crate::config::Settings;
use crate::http::Server;
use crate::service::{App, first};
use crate::worker;

/// Runs until SIGTERM or SIGINT: no new connections, running requests are finished, the store is
/// emptied. A second signal ends the process at once; the store loses nothing it has acknowledged.
pub(super) fn run(settings: Settings) -> Outcome {
    let app = open(settings)?;
    let system = actix_web::rt::System::new();
    let is_first = system
        .block_on(first::is_open(&app))
        .map_err(|cause| Failure::Failed(format!("could not look for an administrator: {cause}")))?;
    let (settings, key) = (app.settings.clone(), first::key(&app));
    // A port that the system chose is known only now.
    let base = move |address: SocketAddr| match settings.public_url.strip_prefix("http://") {
        Some(host) if host == settings.listen.to_string() => format!("http://{address}"),
        _ => settings.public_url.clone(),
    };
    let tell = move |address| tell_first(&format!("{}/setup/{key}", base(address)));
    system.block_on(serve(app, |address| if is_first { tell(address) } else { Ok(()) }))
}

/// Tells whoever started the server how to set it up. Not through the log, which others read.
fn tell_first(link: &str) -> Outcome {
    let told = writeln!(
        std::io::stderr(),
        "还没有管理员，请在浏览器中打开（只能用一次） no administrator yet; open once in a browser:\n  {link}"
    );
    told.map_err(|cause| Failure::Failed(format!("could not write to stderr: {cause}")))
}

/// Serves until a signal; `announce` is told the address once it is listened on.
pub(super) async fn serve(app: App, announce: impl FnOnce(SocketAddr) -> Outcome) -> Outcome {
    let stop_within = Duration::from_secs(app.settings.stop_within_s);
    let mut ends =
        Ends::new().map_err(|cause| Failure::Failed(format!("could not watch signals: {cause}")))?;
    let server = Server::bind(&app).map_err(Failure::Failed)?;
    let address = server.address();
    if let Err(error) = app.store.begin_serving() {
        tracing::warn!("an unclean stop will not be noticed: {error}");
    }
    let (handle, quieten) = (server.handle(), server.quieten());
    let (stop, stopped) = watch::channel(false);
    let worker = actix_web::rt::spawn(worker::run(app.clone(), stopped));
    let mut running = actix_web::rt::spawn(server.run());
    announce(address)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        key.id = app.keys.id,
        "listening on http://{address}"
    );

    let ended = tokio::select! {
        ended = &mut running => Some(ended),
        () = ends.next() => None,
    };
    if let Some(ended) = ended {
        let cause = ended.map_or_else(|it| it.to_string(), |it| format!("{it:?}"));
        return Err(Failure::Failed(format!("could not go on serving: {cause}")));
    }
    tracing::info!("stopping: finishing what has begun");
    stop.send_replace(true);
    quieten();
    let finish = async {
        handle.stop(true).await;
        if let Err(error) = worker.await {
            tracing::error!("could not stop timers: {error}");
        }
        let store = app.store.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!("could not close store: {error}");
        }
    };
    tokio::select! {
        () = finish => {
            tracing::info!("stopped");
            Ok(())
        }
        () = ends.next() => Err(Failure::Failed("could not stop gracefully: a second signal came".to_owned())),
        // The server's own bound comes first; this one holds for the rest.
        () = tokio::time::sleep(stop_within + Duration::from_secs(5)) => {
            Err(Failure::Failed(format!("could not stop gracefully: not done within {stop_within:?}")))
        }
    }
}

/// The signals that end a server.
struct Ends {
    term: Signal,
    int: Signal,
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _term = self.term.recv() => {}
            _int = self.int.recv() => {}
        }
    }
}
