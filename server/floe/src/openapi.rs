//! `GET /v1/openapi.json`: the route table as a document; `/v1/openapi-3.0.json` for tools that know no newer one.

use crate::VERSION;
use floe_gateway::conditional::weak_tag;
use floe_gateway::gateway::RouteTable;
use floe_gateway::{Caching, Call, Reply, Route, get, openapi};
use floe_kernel::secret::hash;
use floe_kernel::{ErrorKind, Result};
use serde_json::Value as Json;
use std::sync::{Arc, OnceLock};

/// The documents, written once the table is complete.
#[derive(Default)]
struct Documents {
    v3_1: OnceLock<Written>,
    v3_0: OnceLock<Written>,
}

struct Written {
    json: String,
    tag: String,
}

impl Written {
    fn of(document: &Json) -> Self {
        let json = document.to_string();
        Self { tag: weak_tag(&hash(&json)), json }
    }

    fn reply(written: &OnceLock<Self>) -> Result<Reply> {
        let written = written.get().ok_or(ErrorKind::GeneralServerError)?;
        Ok(Reply::written(200, written.json.clone().into_bytes()).tagged(written.tag.clone()))
    }
}

/// The table with the routes that describe all of it, themselves included.
pub(crate) fn with_document(table: RouteTable) -> RouteTable {
    let documents = Arc::new(Documents::default());
    let table = table.with(routes(), &documents);
    let document = openapi::document(&table, VERSION);
    documents.v3_0.get_or_init(|| Written::of(&openapi::downgraded(&document)));
    documents.v3_1.get_or_init(|| Written::of(&document));
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
    Written::reply(&documents.v3_1)
}

async fn read_older(documents: Arc<Documents>, _call: Call, _input: ()) -> Result<Reply> {
    Written::reply(&documents.v3_0)
}
