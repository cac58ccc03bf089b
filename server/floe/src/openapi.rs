//! `GET /v1/openapi.json`: the route table as a document; `/v1/openapi-3.0.json` for tools that know no newer one.

use crate::VERSION;
use floe_gateway::conditional::weak_tag;
use floe_gateway::gateway::RouteTable;
use floe_gateway::route::RouteSpec;
use floe_gateway::{Caching, Call, Reply, Route, get, openapi};
use floe_kernel::secret::hash;
use floe_kernel::{Error, Result};
use serde_json::Value as Json;
use std::sync::{Arc, OnceLock};

/// The documents: each is written when somebody asks for it the first time, since most servers are never asked.
#[derive(Default)]
struct Documents {
    /// What they describe: the whole table, once it is complete.
    routes: OnceLock<Vec<RouteSpec>>,
    v3_1: OnceLock<Written>,
    v3_0: OnceLock<Written>,
}

struct Written {
    json: Vec<u8>,
    tag: String,
}

impl Written {
    fn of(document: &Json) -> Self {
        let json = document.to_string();
        Self { tag: weak_tag(&hash(&json)), json: json.into_bytes() }
    }

    fn reply(&self) -> Reply {
        Reply::written(200, self.json.clone()).tagged(self.tag.clone())
    }
}

impl Documents {
    fn document(&self) -> Json {
        openapi::document(self.routes.get().into_iter().flatten(), VERSION)
    }
}

/// The table with the routes that describe all of it, themselves included.
pub(crate) fn with_document(table: RouteTable) -> RouteTable {
    let documents = Arc::new(Documents::default());
    let table = table.with(routes(), &documents);
    documents.routes.get_or_init(|| table.routes().cloned().collect());
    table
}

fn routes() -> Vec<Route<Documents>> {
    vec![
        get("/openapi.json", "openapi.get", read)
            .any_origin()
            .caching(Caching::Revalidate)
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.1 document."),
        get("/openapi-3.0.json", "openapi.getOlder", read_older)
            .any_origin()
            .caching(Caching::Revalidate)
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.0 document, for tools that know no newer one."),
    ]
}

async fn read(documents: Arc<Documents>, _call: Call, _input: ()) -> Result<Reply> {
    reply(documents, |all| &all.v3_1, Documents::document).await
}

async fn read_older(documents: Arc<Documents>, _call: Call, _input: ()) -> Result<Reply> {
    reply(documents, |all| &all.v3_0, |all| openapi::downgraded(&all.document())).await
}

/// A document, which is written for the first answer: on a thread where the milliseconds that this takes hold nobody up.
async fn reply(
    documents: Arc<Documents>,
    kept: fn(&Documents) -> &OnceLock<Written>,
    write: fn(&Documents) -> Json,
) -> Result<Reply> {
    if let Some(written) = kept(&documents).get() {
        return Ok(written.reply());
    }
    let first = move || kept(&documents).get_or_init(|| Written::of(&write(&documents))).reply();
    tokio::task::spawn_blocking(first).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn only_the_first_answer_takes_a_thread() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            let documents = Arc::new(Documents::default());
            let ask =
                || timeout(Duration::from_secs(10), reply(documents.clone(), |all| &all.v3_1, Documents::document));
            let first = ask().await.unwrap().unwrap();
            // From here on there is no thread to be had.
            let holder = tokio::task::spawn_blocking(move || held.recv());
            let second = ask().await;
            drop(release);
            let _ = holder.await;
            assert_eq!(first.tag, second.expect("it waits for a thread").unwrap().tag);
        });
    }
}
