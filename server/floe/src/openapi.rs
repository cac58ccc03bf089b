//! `GET /v1/openapi.json`: the route table as a document; `/v1/openapi-3.0.json` for tools that know no newer one.

use crate::VERSION;
use floe_gateway::gateway::RouteTable;
use floe_gateway::{Call, Reply, Route, get, openapi};
use floe_kernel::Result;
use std::sync::{Arc, OnceLock};

/// The documents, written once the table is complete.
#[derive(Default)]
struct Documents {
    v3_1: OnceLock<Vec<u8>>,
    v3_0: OnceLock<Vec<u8>>,
}

/// The table with the routes that describe all of it, themselves included.
pub(crate) fn with_document(table: RouteTable) -> RouteTable {
    let documents = Arc::new(Documents::default());
    let table = table.with(routes(), &documents);
    let document = openapi::document(&table, VERSION);
    documents.v3_0.get_or_init(|| openapi::downgraded(&document).to_string().into_bytes());
    documents.v3_1.get_or_init(|| document.to_string().into_bytes());
    table
}

fn routes() -> Vec<Route<Documents>> {
    vec![
        get("/openapi.json", "openapi.get", read)
            .any_origin()
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.1 document."),
        get("/openapi-3.0.json", "openapi.getOlder", read_older)
            .any_origin()
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.0 document, for tools that know no newer one."),
    ]
}

async fn read(documents: Arc<Documents>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::written(200, documents.v3_1.get().cloned().unwrap_or_default()))
}

async fn read_older(documents: Arc<Documents>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::written(200, documents.v3_0.get().cloned().unwrap_or_default()))
}
