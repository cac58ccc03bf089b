//! Somebody else's server: takes what is sent to it over HTTP, shows it, and answers as it is told.

use async_trait::async_trait;
use floe_outbound::{Dialled, Network, SystemNetwork};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A network of this machine alone: no name leads anywhere.
pub(crate) struct ThisMachine;

#[async_trait]
impl Network for ThisMachine {
    async fn lookup(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::NotFound.into())
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Dialled> {
        if to.ip().is_loopback() { SystemNetwork.dial(to).await } else { Err(io::ErrorKind::NetworkUnreachable.into()) }
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Such as `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// By names in small letters.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// A header; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A server on a free port of this machine. It ends with the test.
pub struct Receiver {
    url: String,
    received: UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
}

impl Receiver {
    /// One that answers 200, unless it is told something else.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a port"));
        let (sender, received) = unbounded_channel();
        let answers = Arc::<Mutex<VecDeque<_>>>::default();
        let shared = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, received, answers }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers one of the next requests so, after those that it was told about before.
    pub fn answer(&self, status: u16, body: &str) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back((status, body.to_owned()));
    }

    /// The next request.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(PATIENCE, self.received.recv()).await;
        next.expect("a request comes").expect("the server runs")
    }

    /// What has come that nobody has looked at.
    pub fn left(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

async fn serve(
    stream: TcpStream,
    sender: UnboundedSender<Received>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (first.next()?, first.next()?);
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: HashMap<_, _> = lines.filter_map(header).collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let answer = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (status, text) = answer.unwrap_or((200, "thanks".to_owned()));
    // Seen before it is answered: whoever waits for the answer can look at it.
    sender.send(Received { method, path, headers, body }).ok()?;
    let length = text.len();
    let answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
