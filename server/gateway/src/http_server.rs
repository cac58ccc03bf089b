//! Between actix-web and the gateway: the only place, beside [`crate::server`], that knows which HTTP server we use.

use crate::arrival::{Arrival, IncomingBody};
use crate::gateway::Gateway;
use crate::input::parse_form;
use crate::reply::ByteStream;
use crate::response::{Response, ResponseBody};
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How many bytes of an answer are given to the connection at a time.
const PIECE: usize = 32 * 1024;
/// How many bytes a second a client must take once its time of grace is over.
const SLOWEST: u64 = 16 * 1024;

/// What a request takes of the 128 units of work that tokio lets a connection do at a time: after eight requests that came in a
/// row, others have their turn. Without it a client who sends the next one before it has the answer keeps the whole event
/// loop, as each request that needn't wait for anything is done at once.
const UNITS: usize = 16;

/// From the request to its answer. The one handler that actix knows.
pub(crate) async fn serve(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    for _ in 0..UNITS {
        tokio::task::coop::consume_budget().await;
    }
    let patience = gateway.settings.patience;
    let response = gateway.enter(arrival(&request), IncomingBody::Stream(payload)).await;
    departure(response, patience)
}

fn arrival(request: &HttpRequest) -> Arrival {
    Arrival {
        method: request.method().clone(),
        path: request.path().to_owned(),
        query: parse_form(request.query_string()),
        headers: request.headers().iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        peer: request.peer_addr().map(|peer| peer.ip()),
    }
}

fn departure(response: Response, patience: Duration) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for header in response.headers {
        builder.append_header(header);
    }
    match response.body {
        ResponseBody::Empty => builder.finish(),
        ResponseBody::Unsent(length) => builder.no_chunking(length).finish(),
        ResponseBody::Bytes(bytes) if bytes.len() <= PIECE => builder.body(bytes),
        ResponseBody::Bytes(bytes) => builder.body(Paced::new(Content::Bytes(bytes), patience)),
        ResponseBody::Stream(length, stream) => builder.body(Paced::new(Content::Stream(length, stream), patience)),
    }
}

/// A body that is given to the connection piece by piece, as fast as the client takes it. A client that takes nothing
/// is the kernel's to end (`TCP_USER_TIMEOUT`, see [`crate::server`]); one that takes a little now and then is ended
/// here, when it asks for more too late.
struct Paced {
    content: Content,
    begun: Instant,
    patience: Duration,
    sent: u64,
}

enum Content {
    Bytes(Bytes),
    Stream(Option<u64>, ByteStream),
}

impl Paced {
    fn new(content: Content, patience: Duration) -> Self {
        Self { content, begun: Instant::now(), patience, sent: 0 }
    }

    fn too_late(&self) -> bool {
        self.begun.elapsed() > self.patience + Duration::from_secs(self.sent / SLOWEST)
    }
}

impl MessageBody for Paced {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        match &self.content {
            Content::Bytes(bytes) => BodySize::Sized(self.sent + bytes.len() as u64),
            Content::Stream(Some(length), _) => BodySize::Sized(*length),
            Content::Stream(None, _) => BodySize::Stream,
        }
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let late = self.too_late();
        let piece = match &mut self.content {
            Content::Bytes(bytes) if bytes.is_empty() => None,
            Content::Bytes(_) if late => Some(Err("the client takes its answer too slowly".into())),
            Content::Bytes(bytes) => Some(Ok(bytes.split_to(bytes.len().min(PIECE)))),
            Content::Stream(_, stream) => match stream.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => piece.map(|piece| piece.map_err(|error| error.to_string().into())),
            },
        };
        self.sent += piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, |piece: &Bytes| piece.len() as u64);
        Poll::Ready(piece)
    }
}
