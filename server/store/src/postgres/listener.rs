//! Hearing what other nodes say (`LISTEN`), on a connection of its own.

use super::Pool;
use super::session::CONNECTING;
use crate::error::{Error, Result};
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio_postgres::{AsyncMessage, Config, NoTls};

/// How long to wait before connecting again; twice as long after each failure, up to the second.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

impl Pool {
    /// Hears what is said on a channel, without end. None: it listens from now on, and may have missed something before.
    pub(crate) async fn listen(&self, channel: &str, heard: impl Fn(Option<&str>)) {
        let [first, longest] = AGAIN;
        let mut pause = first;
        loop {
            let listened = listen(self.config(), channel, &heard, &mut pause).await;
            if let Err(error) = listened {
                tracing::warn!(%error, "other nodes aren't heard");
            }
            tokio::time::sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }
}

/// Listens until the connection ends.
async fn listen(
    config: &Config,
    channel: &str,
    heard: &impl Fn(Option<&str>),
    pause: &mut Duration,
) -> Result<(), Error> {
    let within = config.get_connect_timeout().copied().unwrap_or(CONNECTING);
    let connecting = tokio::time::timeout(within, config.connect(NoTls)).await.map_err(Error::unreachable)?;
    let (client, mut connection) = connecting.map_err(Error::unreachable)?;
    let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    let statement = format!("LISTEN \"{channel}\"");
    let mut listening = std::pin::pin!(client.batch_execute(&statement));
    let mut listens = false;
    loop {
        tokio::select! {
            answer = &mut listening, if !listens => {
                answer.map_err(Error::unreachable)?;
                listens = true;
                *pause = AGAIN[0];
                heard(None);
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(notice))) => heard(Some(notice.payload())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Error::unreachable(error)),
                None => return Ok(()),
            }
        }
    }
}
