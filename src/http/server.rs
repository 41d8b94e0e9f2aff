//! The listening server: bound before it runs, stopped within a bound.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App as WebApp, HttpServer, middleware, web};

use super::limits::Limits;
use super::live::Live;
use super::metrics::Metrics;
use super::{register, security};
use crate::service::App;

/// How long a request's head may take to arrive: slow senders give way (OWASP slow HTTP).
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE_FOR: Duration = Duration::from_secs(75);
/// Open connections per thread; more wait in the listen queue.
const CONNECTIONS_MAX: usize = 10_000;

/// A server that is bound to its port.
pub struct Server {
    running: actix_web::dev::Server,
    address: SocketAddr,
    live: web::Data<Live>,
}

impl Server {
    /// Binds to the address of the settings; port 0 takes a free one.
    ///
    /// # Errors
    /// A line for operators when the port is taken or may not be used.
    pub fn bind(app: &App) -> Result<Self, String> {
        let settings = &app.settings;
        let refused = |cause: std::io::Error| {
            format!(
                "could not listen: {}: {cause}\nhint: is another server running? choose a port with --listen",
                settings.listen
            )
        };
        let limits = web::Data::new(Limits::new(settings.intake_per_minute));
        let metrics = web::Data::new(Metrics::new().map_err(|it| format!("could not make metrics: {it}"))?);
        let state = web::Data::new(app.clone());
        let live = web::Data::new(Live::new());
        let shared = live.clone();
        let server = HttpServer::new(move || {
            WebApp::new()
                .app_data(state.clone())
                .app_data(limits.clone())
                .app_data(metrics.clone())
                .app_data(shared.clone())
                .wrap(middleware::from_fn(security::surround))
                .configure(register)
        })
        .workers(settings.workers)
        .max_connections(CONNECTIONS_MAX)
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(IDLE_FOR)
        .shutdown_timeout(settings.stop_within_s)
        .disable_signals()
        .bind(settings.listen)
        .map_err(refused)?;
        let address = server.addrs().first().copied().unwrap_or(settings.listen);
        Ok(Self { running: server.run(), address, live })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends the streams of live lists, which never end by themselves while the server stops.
    pub fn quieten(&self) -> impl Fn() + use<> {
        let live = self.live.clone();
        move || live.close()
    }

    /// What stops it.
    pub fn handle(&self) -> ServerHandle {
        self.running.handle()
    }

    /// Answers requests until it is stopped.
    ///
    /// # Errors
    /// `io::Error` when accepting connections fails for good.
    pub async fn run(self) -> std::io::Result<()> {
        self.running.await
    }
}
