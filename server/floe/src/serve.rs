//! `floe serve`: from configuration to a server that runs until it is told to stop.

use crate::app::App;
use crate::config::{Config, ConsoleSignup};
use crate::{VERSION, logging};
use floe_gateway::server;
use floe_kernel::time::SystemClock;
use floe_store::ServingLock;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How long clients are told that the server stops before it hangs up: several times what a busy one, or a proxy, takes to send
/// its next request.
const PARTING: Duration = Duration::from_secs(1);

/// What went wrong, for people.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until SIGTERM, SIGINT or SIGHUP, then lets requests in flight finish.
pub(crate) async fn serve(config: Config) -> Result<(), Failure> {
    let started = Instant::now();
    let _flush = logging::start(&config.logging);
    // Before anything is looked at: another server may be in the middle of it.
    let serving = match &config.database.postgres {
        Some(_) => None,
        None => Some(ServingLock::take(&config.database.folder)?),
    };
    let app = App::open(&config, Arc::new(SystemClock)).await?;
    let alone = app.stores.serve_alone().await?;
    app.clear_up().await?;
    app.work().await?;
    let address = SocketAddr::new(config.server.host, config.server.port);
    let running = server::listen(Arc::clone(&app.gateway), address, config.server.workers, config.server.drain)
        .map_err(|error| format!("can't listen on {address}: {error}"))?;
    let address = running.address;
    announce(&config, &app, address, started).await?;

    let stop = running.stopper();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Sent when the terminal is closed in which the server was started.
    let mut hang_up = signal(SignalKind::hangup())?;
    let (health, drain) = (Arc::clone(&app.health), config.server.drain);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {}, _ = hang_up.recv() => {} }
        tracing::info!("stopping: requests in flight may finish");
        health.stop_accepting();
        stop.part(PARTING.min(drain)).await;
        stop.stop().await;
    });
    running.serve().await?;
    app.close().await;
    drop(alone);
    if let Some(serving) = &serving {
        app.stores.empty_leftover_logs(serving).await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Says where the server is and, on a fresh instance, how its first console account is made. For people, so not a log
/// line: the set-up token is a secret.
async fn announce(config: &Config, app: &App, address: SocketAddr, started: Instant) -> Result<(), Failure> {
    let database = match &config.database.postgres {
        Some(_) => "PostgreSQL".to_owned(),
        None => format!("SQLite in {}", config.database.folder.display()),
    };
    let ready = started.elapsed().as_millis();
    let mut words = format!("Floe {VERSION} listens on http://{address} ({database}), ready in {ready} ms\n");
    if config.security.console_signup == ConsoleSignup::Token && app.is_fresh().await? {
        let token = app.setup_token.expose();
        words += &format!(
            "\nThis instance has no console account yet. The one-time set-up token for the first:\n    {token}\n\
             Sign up in the console with it, or run `floe console-user create`.\n\n"
        );
    }
    // Where nobody can be told, as when a disk is full that the log is written to, the server serves nevertheless.
    let _ = std::io::stderr().write_all(words.as_bytes());
    tracing::info!(%address, database, version = VERSION, "listening");
    Ok(())
}
