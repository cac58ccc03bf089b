//! The HTTP server: listens, hands every request to the pipeline, and stops without losing one.

use crate::gateway::Gateway;
use crate::pipeline;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to send its headers. Longer than any honest one needs, shorter than a slow-loris likes.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that listens.
pub struct Running {
    /// Where it listens, with the port that the system chose when none was asked for.
    pub address: SocketAddr,
    server: actix_web::dev::Server,
}

/// Stops a [`Running`] server.
#[derive(Clone)]
pub struct Stop(ServerHandle);

/// Binds the address and prepares the workers: one a core, each with its own event loop.
///
/// # Errors
/// When the address can't be bound.
pub fn listen(gateway: Arc<Gateway>, address: SocketAddr, workers: usize, drain: Duration) -> std::io::Result<Running> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let data = web::Data::from(gateway);
    let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(pipeline::serve)))
        .workers(workers)
        .client_request_timeout(HEADER_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(drain.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(Running { address, server })
}

impl Running {
    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop(self.server.handle())
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When the workers fail.
    pub async fn serve(self) -> std::io::Result<()> {
        self.server.await
    }
}

impl Stop {
    /// Takes no new connections, lets requests in flight finish, then stops.
    pub async fn stop(&self) {
        self.0.stop(true).await;
    }
}
