//! The two questions that are put to the network, as a seam for tests.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that was made.
pub struct Dialled {
    /// What is written to and read from.
    pub stream: Box<dyn Stream>,
    /// This end's address, if it has one.
    pub local: Option<IpAddr>,
}

/// Who resolves names and makes connections. Neither decides anything: what comes out of `lookup` is checked, and `dial` gets
/// what passed.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// All addresses of a name, in the order in which they should be tried. It need not end in time: who asks doesn't wait.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;

    /// A connection to exactly this address. Dropping the future gives up.
    async fn dial(&self, to: SocketAddr) -> io::Result<Dialled>;
}

/// The operating system's resolver and TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNetwork;

#[async_trait]
impl Network for SystemNetwork {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Dialled> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?.ip();
        Ok(Dialled { stream: Box::new(stream), local: Some(local) })
    }
}
