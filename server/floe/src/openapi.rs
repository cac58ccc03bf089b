//! `GET /v1/openapi.json`: the route table as a document.

use floe_gateway::conditional::weak_tag;
use floe_gateway::gateway::RouteTable;
use floe_gateway::{Caching, Call, Reply, Route, get, openapi};
use floe_kernel::secret::hash;
use floe_kernel::{ErrorKind, Result};
use std::sync::{Arc, OnceLock};

/// The document, written once the table is complete.
#[derive(Default)]
struct Document(OnceLock<Written>);

struct Written {
    json: String,
    tag: String,
}

/// The table with a route that describes all of it, itself included.
pub(crate) fn with_document(table: RouteTable) -> RouteTable {
    let document = Arc::new(Document::default());
    let table = table.with(routes(), &document);
    document.0.get_or_init(|| {
        let json = openapi::document(&table).to_string();
        Written { tag: weak_tag(&hash(&json)), json }
    });
    table
}

fn routes() -> Vec<Route<Document>> {
    vec![
        get("/openapi.json", "openapi.get", read)
            .any_origin()
            .caching(Caching::Revalidate)
            .answers(200, "any")
            .summary("This API, as an OpenAPI 3.1 document."),
    ]
}

async fn read(document: Arc<Document>, _call: Call, _input: ()) -> Result<Reply> {
    let written = document.0.get().ok_or(ErrorKind::GeneralServerError)?;
    Ok(Reply::written(200, written.json.clone().into_bytes()).tagged(written.tag.clone()))
}
