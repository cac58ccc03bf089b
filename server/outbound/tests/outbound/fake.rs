//! A network in memory: what names resolve to and what listens at addresses is said by the test, and what was asked and
//! dialled is written down.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use floe_outbound::{Answer, Dialled, Error, Method, Network, Outbound, Policy, Request, Settings, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The address where `a.example` is, unless a test says otherwise.
pub(crate) const PUBLIC: &str = "93.184.216.34";

type Server = Arc<dyn Fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Fake {
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    servers: Mutex<HashMap<SocketAddr, Server>>,
    silent: Mutex<HashSet<IpAddr>>,
    asked: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// A network where `a.example` is a public address.
    pub(crate) fn new() -> Arc<Self> {
        let fake = Arc::new(Self::default());
        fake.name("a.example", &[&[PUBLIC]]);
        fake
    }

    /// What a name resolves to: the first answer first; the last one ever after. No answer: the lookup never ends.
    pub(crate) fn name(&self, name: &str, answers: &[&[&str]]) {
        let parse =
            |answer: &&[&str]| -> Vec<IpAddr> { answer.iter().map(|address| address.parse().unwrap()).collect() };
        self.names.lock().unwrap().insert(name.to_owned(), answers.iter().map(parse).collect());
    }

    /// An address that never answers.
    pub(crate) fn silent(&self, address: &str) {
        self.silent.lock().unwrap().insert(address.parse().unwrap());
    }

    /// What is done with each connection to an address.
    pub(crate) fn serve<F>(&self, at: &str, server: impl Fn(DuplexStream) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let server: Server = Arc::new(move |stream| Box::pin(server(stream)));
        self.servers.lock().unwrap().insert(at.parse().unwrap(), server);
    }

    /// A server that hears a whole request, says this, and hangs up.
    pub(crate) fn say(&self, at: &str, answer: impl AsRef<[u8]>) {
        let (answer, heard) = (Arc::new(answer.as_ref().to_vec()), Arc::clone(&self.heard));
        self.serve(at, move |mut stream| {
            let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
            async move {
                let request = hear(&mut stream).await;
                heard.lock().unwrap().push(request);
                let _ = stream.write_all(&answer).await;
            }
        });
    }

    /// A server that says this at port 80 of the public address.
    pub(crate) fn says(answer: impl AsRef<[u8]>) -> Arc<Self> {
        let fake = Self::new();
        fake.say(&format!("{PUBLIC}:80"), answer);
        fake
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn client(self: &Arc<Self>) -> Outbound {
        self.client_with(Settings::default())
    }

    pub(crate) fn client_with(self: &Arc<Self>, settings: Settings) -> Outbound {
        Outbound::over(settings, Arc::clone(self) as Arc<dyn Network>)
    }
}

#[async_trait]
impl Network for Fake {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let answer = {
            let mut names = self.names.lock().unwrap();
            let answers = names.get_mut(name).ok_or_else(|| io::Error::other("no such name"))?;
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer {
            Some(answer) => Ok(answer),
            None => std::future::pending().await,
        }
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Dialled> {
        self.dialled.lock().unwrap().push(to);
        if self.silent.lock().unwrap().contains(&to.ip()) {
            std::future::pending::<()>().await;
        }
        let server = self.servers.lock().unwrap().get(&to).cloned();
        let server = server.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        tokio::spawn(server(theirs));
        Ok(Dialled { stream: Box::new(ours), local: None })
    }
}

/// One request with its body, as far as `Content-Length` says.
pub(crate) async fn hear(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap_or(0);
        text.extend_from_slice(&piece[..read]);
        let so_far = String::from_utf8_lossy(&text);
        let length = |head: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            line.map_or(0, |length| length.parse().unwrap())
        };
        let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| body.len() >= length(head));
        if read == 0 || whole {
            return so_far.into_owned();
        }
    }
}

pub(crate) fn get(url: &str) -> Request {
    Request::new(Method::GET, Target::parse(url).unwrap())
}

/// The answer to a GET of `http://a.example/`, with this policy.
pub(crate) async fn fetch(fake: &Arc<Fake>, policy: Policy) -> Result<Answer, Error> {
    fake.client().fetch(get("http://a.example/").policy(policy)).await
}
