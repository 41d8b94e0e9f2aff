//! PostgreSQL: connections with TLS and the settings every one has.

use std::cell::OnceCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use super::StoreError;

/// Diesel's synchronous interface over a pure-Rust connection; only on threads without a runtime of their own.
pub type PgConn = AsyncConnectionWrapper<AsyncPgConnection, ThreadRuntime>;

/// A server that is down must not hold a request longer than a person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// No statement of ours takes longer in good health.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;

thread_local! {
    static RUNTIME: OnceCell<Arc<Runtime>> = const { OnceCell::new() };
}

/// This thread's runtime, which drives its connections.
///
/// diesel-async's own has no timers, without which a connect timeout panics.
pub struct ThreadRuntime(Arc<Runtime>);

impl BlockOn for ThreadRuntime {
    fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.0.block_on(work)
    }

    fn get_runtime() -> Self {
        Self(thread_runtime().expect("connect() made this thread's runtime before it made a connection"))
    }
}

fn thread_runtime() -> Result<Arc<Runtime>, StoreError> {
    RUNTIME.with(|kept| {
        if let Some(runtime) = kept.get() {
            return Ok(Arc::clone(runtime));
        }
        let made = Builder::new_current_thread().enable_all().build();
        let made =
            made.map_err(|error| StoreError::Unavailable(format!("could not start a runtime: {error}")))?;
        Ok(Arc::clone(kept.get_or_init(|| Arc::new(made))))
    })
}

/// A PostgreSQL database at a URL.
pub(super) struct PgDoor {
    config: Config,
    tls: Option<tokio_postgres_rustls::MakeRustlsConnect>,
}

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

impl PgDoor {
    /// Reads the URL; does not connect yet.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        // The driver knows `require` only; here that always verifies the server's name and certificate.
        let url = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            StoreError::Unavailable(format!(
                "could not read the database URL: {cause}\nhint: write postgres://user:password@host/name"
            ))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.tcp_user_timeout(Duration::from_secs(15));
        if config.get_application_name().is_none() {
            config.application_name("red-mailbox");
        }
        let tls = (config.get_ssl_mode() == SslMode::Require).then(tls).transpose()?;
        Ok(Self { config, tls })
    }

    /// A new connection with its settings, to a server that does not forget what it confirmed.
    pub(super) fn connect(&self) -> Result<PgConn, StoreError> {
        let mut conn = self.connect_bare()?;
        conn.batch_execute(&format!("SET statement_timeout = {STATEMENT_TIMEOUT_MS}"))?;
        Ok(conn)
    }

    /// A connection without a limit on a statement's time, for migrations.
    pub(super) fn connect_bare(&self) -> Result<PgConn, StoreError> {
        let runtime = thread_runtime()?;
        let inner = runtime.block_on(async {
            if let Some(tls) = &self.tls {
                let (client, driver) =
                    self.config.connect(tls.clone()).await.map_err(|it| unreachable(&it))?;
                AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(unusable)
            } else {
                let (client, driver) = self.config.connect(NoTls).await.map_err(|it| unreachable(&it))?;
                AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(unusable)
            }
        })?;
        let mut conn = PgConn::from(inner);
        let fsync =
            diesel::sql_query("SELECT current_setting('fsync') AS value").get_result::<Setting>(&mut conn)?;
        if fsync.value != "on" {
            return Err(StoreError::Unavailable(
                "the server runs with fsync=off and may lose what it confirmed\nhint: set fsync=on".into(),
            ));
        }
        // A server set to `off` would confirm tickets before they are on disk.
        conn.batch_execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        )?;
        Ok(conn)
    }
}

fn tls() -> Result<tokio_postgres_rustls::MakeRustlsConnect, StoreError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Unavailable(format!("could not set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(client))
}

/// Why the server was not reached; the driver's own text is only "db error" or "error connecting".
fn unreachable(error: &tokio_postgres::Error) -> StoreError {
    let cause = match error.as_db_error() {
        Some(report) => report.message().to_owned(),
        None => {
            std::error::Error::source(error).map_or_else(|| error.to_string(), |it| format!("{error}: {it}"))
        }
    };
    StoreError::Unavailable(format!("could not connect: {cause}"))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn unusable(error: diesel::ConnectionError) -> StoreError {
    StoreError::Unavailable(format!("could not set up the connection: {error}"))
}
