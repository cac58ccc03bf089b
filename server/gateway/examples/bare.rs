//! What actix-web costs by itself: a server that answers everything with one file, as it is: lines of headers, an empty
//! line, the body. `make bench` gives it an answer of Floe's, so that both send the same bytes.
//!
//! `bare PORT FILE`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a tool")]

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};

struct Answer {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    fn read(file: &str) -> Self {
        let text = std::fs::read_to_string(file).expect("the answer");
        let (headers, body) = text.split_once("\n\n").expect("an empty line");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.parse().unwrap(), value.parse().unwrap())
        };
        Self { headers: headers.lines().map(header).collect(), body: Bytes::from(body.to_owned()) }
    }
}

async fn answer(answer: Data<Answer>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in &answer.headers {
        response.append_header(header.clone());
    }
    response.body(answer.body.clone())
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok()).expect("a port");
    let data = Data::new(Answer::read(&arguments.next().expect("a file")));
    HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
        .workers(1)
        .bind(("127.0.0.1", port))?
        .run()
        .await
}
