//! The HTTP server: listens, hands every request to the pipeline, and stops without losing one.

use crate::connections::Connections;
use crate::gateway::{Gateway, GatewaySettings};
use crate::http_server;
use crate::leaving::Leaving;
use crate::paced::Paced;
use actix_http::{HttpService, Protocol};
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Extensions, Server, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};
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
    server: Server,
    leaving: Arc<Leaving>,
}

/// Stops a [`Running`] server.
#[derive(Clone)]
pub struct Stop {
    server: ServerHandle,
    leaving: Arc<Leaving>,
}

/// Binds the address and prepares the workers: one a core, each with its own event loop.
///
/// # Errors
/// When the address can't be bound.
pub fn listen(gateway: Arc<Gateway>, address: SocketAddr, workers: usize, drain: Duration) -> std::io::Result<Running> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let leaving = Arc::clone(&gateway.leaving);
    let on_connect = Arc::new(guard(&gateway.settings, Arc::clone(&leaving)));
    let data = web::Data::from(gateway);
    let builder = Server::build().workers(workers).shutdown_timeout(drain.as_secs()).disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    // As `actix_web::HttpServer` does it, which takes connections only as they are.
    let service = move || {
        let (on_connect, stopping) = (Arc::clone(&on_connect), stopping.clone());
        let app = App::new().app_data(data.clone()).default_service(web::to(http_server::serve));
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEADER_TIMEOUT)
            // Who closes their side has gone: nothing else tells. Otherwise what they asked for would be done to its end, for
            // nobody.
            .h1_allow_half_closed(false)
            .local_addr(address)
            .on_connect_ext(move |connection: &Paced, extensions| on_connect(connection.stream(), extensions))
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(|stream: TcpStream| async {
            let peer = stream.peer_addr().ok();
            Ok((Paced::new(stream), Protocol::Http1, peer))
        })
        .and_then(http)
    };
    let server = builder.listen("floe", listener, service)?.run();
    Ok(Running { address, server, leaving })
}

/// What is done with every new connection. A client that takes no byte of its answer for as long as the server's
/// patience lasts is disconnected by the kernel; connections beyond what an address may have are closed at once.
fn guard(
    settings: &GatewaySettings,
    leaving: Arc<Leaving>,
) -> impl Fn(&TcpStream, &mut Extensions) + Send + Sync + 'static {
    let most = settings.connections_per_address;
    let counted = (most > 0 && settings.trusted_proxies == 0).then(|| Connections::new(most));
    let patience = u32::try_from(settings.patience.as_millis()).unwrap_or(u32::MAX);
    move |stream, extensions| {
        give_up_after(stream, patience);
        extensions.insert(leaving.open());
        let peer = stream.peer_addr().ok().map(|peer| peer.ip().to_canonical()).filter(|peer| !peer.is_loopback());
        let (Some(counted), Some(peer)) = (&counted, peer) else { return };
        match counted.open(peer) {
            Some(one) => {
                extensions.insert(one);
            }
            None => drop(rustix::net::shutdown(stream, rustix::net::Shutdown::Both)),
        }
    }
}

#[cfg(target_os = "linux")]
fn give_up_after(stream: &TcpStream, millis: u32) {
    // It can't fail but for a connection that is gone already.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
}

/// Elsewhere the kernel has a limit of its own.
#[cfg(not(target_os = "linux"))]
fn give_up_after(_stream: &TcpStream, _millis: u32) {}

impl Running {
    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop { server: self.server.handle(), leaving: Arc::clone(&self.leaving) }
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
    /// Says `Connection: close` with every answer from now on, and goes on serving until no connection is left, but no longer
    /// than this. Who sends the next request on a connection that the server has just closed gets no answer, and can't know
    /// whether it was done.
    pub async fn part(&self, most: Duration) {
        self.leaving.begin(most).await;
    }

    /// Takes no new connections, lets requests in flight finish, then stops.
    pub async fn stop(&self) {
        self.server.stop(true).await;
    }
}
