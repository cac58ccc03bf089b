//! `GET /v1/openapi.json`: the route table as a document.

use floe_gateway::gateway::RouteTable;
use floe_gateway::{Call, Reply, Route, get, openapi};
use floe_kernel::Result;
use std::sync::{Arc, OnceLock};

/// The document, written once the table is complete.
#[derive(Default)]
struct Document(OnceLock<Vec<u8>>);

/// The table with a route that describes all of it, itself included.
pub(crate) fn with_document(table: RouteTable) -> RouteTable {
    let document = Arc::new(Document::default());
    let table = table.with(routes(), &document);
    document.0.get_or_init(|| openapi::document(&table).to_string().into_bytes());
    table
}

fn routes() -> Vec<Route<Document>> {
    vec![
        get("/openapi.json", "openapi.get", read)
            .any_origin()
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.1 document."),
    ]
}

async fn read(document: Arc<Document>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::written(200, document.0.get().cloned().unwrap_or_default()))
}
