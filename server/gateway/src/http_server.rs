//! Between actix-web and the gateway: the only place, beside [`crate::server`], that knows which HTTP server we use.

use crate::arrival::{Arrival, IncomingBody};
use crate::departing::{Departing, PIECE, Streaming};
use crate::gateway::Gateway;
use crate::input::parse_form;
use crate::response::{Response, ResponseBody};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::time::Duration;

/// What a request takes of the 128 units of work that tokio lets a connection do at a time: after two requests that came in a
/// row, others have their turn. (The event loop lets 61 of them have one before it looks for new requests.) Without it a client
/// who sends the next request before it has the answer keeps the whole event loop, as each that needn't wait for anything is
/// done at once.
const UNITS: usize = 64;

/// From the request to its answer. The one handler that actix knows.
pub(crate) async fn serve(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    for _ in 0..UNITS {
        tokio::task::coop::consume_budget().await;
    }
    let patience = gateway.settings.patience;
    let response = gateway.enter(arrival(&request), IncomingBody::Stream(payload)).await;
    let mut answer = departure(response, patience);
    if gateway.leaving.has_begun() {
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    answer
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
        ResponseBody::Bytes(bytes) => builder.body(Departing::new(bytes, response.held, patience)),
        ResponseBody::Stream(length, stream) => builder.body(Streaming::new(length, stream)),
    }
}
