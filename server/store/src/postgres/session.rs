//! One connection to PostgreSQL, and the task that drives it.

use super::silence::NO_ANSWER;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::future::BoxFuture;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

/// How long making a connection may take, unless the URL says otherwise.
pub(super) const CONNECTING: Duration = Duration::from_secs(3);

/// How long what we sent may stay unacknowledged, and how long a connection on which nothing moves is believed without
/// asking, unless the URL says otherwise. A firewall that forgot a connection drops what we send without a word.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(10);
const BETWEEN_PROBES: Duration = Duration::from_secs(2);

/// How much longer than a statement a transaction may pause before the server ends it: nothing of ours pauses so long,
/// unless the machine that began it is gone.
const PAUSE: Duration = Duration::from_secs(5);

/// When the server notices, by itself, that we are gone without a word: what it asks of us, and how long it waits for us
/// to take what it sent. (After [`QUIET`] and three probes; what a transaction holds is free before that or then.)
const WATCH_US: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
    SELECT set_config(name, value, false) FROM pg_settings \
    JOIN (VALUES ('tcp_user_timeout', '15000'), ('client_connection_check_interval', '5000')) AS ours (name, value) \
    USING (name) WHERE version() LIKE '%linux%'";

/// A connection, closed when dropped, whether or not the other side still listens. Derefs to Diesel's.
pub(crate) struct Session {
    connection: AsyncPgConnection,
    driver: Driver,
    /// The number of the server's process that serves it.
    pub(super) process: i32,
}

struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Connects, and runs this set-up.
    pub(super) fn connect<'c>(config: &'c Config, setup: &'c str) -> BoxFuture<'c, ConnectionResult<Self>> {
        Box::pin(async move {
            let within = config.get_connect_timeout().copied().unwrap_or(CONNECTING);
            match tokio::time::timeout(within, Self::connect_at_leisure(config, setup)).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectionError::BadConnection(NO_ANSWER.to_owned())),
            }
        })
    }

    async fn connect_at_leisure(config: &Config, setup: &str) -> ConnectionResult<Self> {
        let failed = |error: tokio_postgres::Error| ConnectionError::CouldntSetupConfiguration(told(&error));
        let unconnected = |error| ConnectionError::BadConnection(why(config, &error));
        let (client, driven) = config.connect(NoTls).await.map_err(unconnected)?;
        // Driven by us, not by diesel-async: the end of the task is how a connection that was closed is told.
        let driver = Driver(
            tokio::spawn(async move {
                if let Err(error) = driven.await {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                }
            })
            .abort_handle(),
        );
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failed)?;
        let process = row.try_get(0).map_err(failed)?;
        let mut connection = AsyncPgConnection::try_from(client).await?;
        let setup = format!("{setup}; {WATCH_US}");
        connection.batch_execute(&setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self { connection, driver, process })
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.0.is_finished()
    }
}

impl Deref for Session {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }
}

/// Why there is no connection: where it was tried, and what the system or the server said. Without the password, or the URL that has it.
fn why(config: &Config, error: &tokio_postgres::Error) -> String {
    let place = |(n, host): (usize, &Host)| {
        let port = config.get_ports().get(n).or(config.get_ports().first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    };
    let places: Vec<_> = config.get_hosts().iter().enumerate().map(place).collect();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    format!("{}: {said}", places.join(", "))
}

/// The set-up of a session in which a statement may take so long (none: without end), where statements otherwise take
/// `usual` at the most. The server ends a transaction in which nothing comes for a little longer than that.
pub(super) fn limits(statement: Option<Duration>, usual: Duration) -> String {
    let (statement, pause) = (statement.unwrap_or_default().as_millis(), (usual + PAUSE).as_millis());
    format!("SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {pause}")
}

/// Refuses a URL of PostgreSQL that can't be used, whatever is at its other end. What it holds isn't told: a password may be in it,
/// where nobody would look for it.
///
/// # Errors
/// What is wrong with it, for people: what follows its name.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    match url.parse::<Config>() {
        Err(_) => Err("is none: it must be postgres://user:password@host:port/database, with a port from 0 to 65535, \
             parameters that are known, and every special character of the password percent-encoded (`@` is `%40`)"),
        Ok(config) if config.get_ssl_mode() == SslMode::Require => {
            Err("asks for sslmode=require, and connections to PostgreSQL aren't encrypted yet")
        }
        Ok(_) => Ok(()),
    }
}

/// What a URL says, with limits for whatever it says nothing of.
pub(super) fn config(url: &str) -> Result<Config, tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(QUIET).keepalives_interval(BETWEEN_PROBES).keepalives_retries(2);
    }
    Ok(config)
}

/// With what the server said, which the error itself keeps to itself.
fn told(error: &tokio_postgres::Error) -> diesel::result::Error {
    let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let kind = diesel::result::DatabaseErrorKind::UnableToSendCommand;
    diesel::result::Error::DatabaseError(kind, Box::new(message))
}
