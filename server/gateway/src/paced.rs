//! A connection that lets nobody run ahead: what a client sends before it has taken its answers is read little by little.
//!
//! HTTP/1.1 allows pipelining, and actix-http decodes whatever it finds in its buffer (128 KiB are 1,700 small requests) before
//! it answers the first, and answers them without a pause. So ten connections that pipeline held an event loop for seconds,
//! and each of them megabytes. Through this it finds less at a time, and nothing while the client doesn't take what it was
//! answered.

use actix_web::rt::net::TcpStream;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are read before others have their turn on the event loop: some hundred small requests at the most.
const TURN: usize = 8 * 1024;

/// A client's connection.
pub(crate) struct Paced {
    stream: TcpStream,
    /// How much of this turn's bytes are left.
    left: usize,
    /// Whether the client doesn't take what it is sent.
    is_full: bool,
}

impl Paced {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, left: TURN, is_full: false }
    }

    /// The connection itself.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Notes whether the client takes what it is sent. Once it does again, it is read from again.
    fn wrote<T>(&mut self, cx: &Context<'_>, outcome: Poll<Result<T>>) -> Poll<Result<T>> {
        let was_full = std::mem::replace(&mut self.is_full, outcome.is_pending());
        if was_full && !self.is_full {
            cx.waker().wake_by_ref();
        }
        outcome
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.is_full {
            // Whoever waits to write is woken.
            return Poll::Pending;
        }
        if self.left == 0 {
            self.left = TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match read_some(Pin::new(&mut self.stream), cx, buf) {
            Poll::Ready(Ok(count)) => {
                self.left = self.left.saturating_sub(count);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.left = TURN;
                Poll::Pending
            }
        }
    }
}

/// Reads no more than a turn's bytes; gives how many.
fn read_some(stream: Pin<&mut TcpStream>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<usize>> {
    if buf.remaining() <= TURN {
        let before = buf.filled().len();
        ready!(stream.poll_read(cx, buf))?;
        return Poll::Ready(Ok(buf.filled().len() - before));
    }
    let mut part = ReadBuf::new(buf.initialize_unfilled_to(TURN));
    ready!(stream.poll_read(cx, &mut part))?;
    let count = part.filled().len();
    buf.advance(count);
    Poll::Ready(Ok(count))
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
