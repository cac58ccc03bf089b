//! The OpenAPI 3.1 document, made from the route table; and the same in 3.0, for tools that know no newer one.
//!
//! It must be true: the testkit's client holds every answer of the HTTP suite against it.

mod models;
mod operation;
mod security;
mod v3_0;

pub use models::is_model;
pub use v3_0::downgraded;

use crate::API_VERSION;
use crate::route::RouteSpec;
use floe_kernel::ErrorKind;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// The document for these routes, of this version of Floe.
#[must_use]
pub fn document<'r>(routes: impl IntoIterator<Item = &'r RouteSpec>, version: &str) -> Json {
    let mut paths = Map::new();
    let mut used = BTreeSet::new();
    let mut tags = BTreeSet::new();
    for route in routes {
        let path = paths.entry(route.full_path()).or_insert_with(|| json!({}));
        let params = (route.params)();
        path[route.method.name().to_lowercase()] = operation::operation(route, &params);
        used.extend(operation::models(route, &params));
        tags.insert(route.service());
    }
    let tags: Vec<Json> = tags.into_iter().map(|tag| json!({"name": tag})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Floe",
            "version": API_VERSION,
            "x-floe-version": version,
            "description": "A complete backend in one binary. The API is wire-compatible with Appwrite, so every official Appwrite SDK works against it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": components(used),
    })
}

fn components(used: BTreeSet<String>) -> Json {
    let mut schemas = models::schemas(used);
    schemas.insert("error".to_owned(), error());
    schemas.insert("Query".to_owned(), query());
    schemas.insert("Permission".to_owned(), permission());
    json!({
        "schemas": schemas,
        "parameters": operation::header_parameters(),
        "responses": {
            "refused": {"description": "Refused: the request is at fault.", "headers": headers(), "content": {"application/json": {"schema": reference("error")}}},
            "failed": {"description": "Failed: the server is at fault, or too busy.", "headers": headers(), "content": {"application/json": {"schema": reference("error")}}},
        },
        "headers": {
            "X-Request-ID": {"description": "The request's id, as the server's log has it.", "schema": {"type": "string"}},
            "X-RateLimit-Limit": {"description": "How many calls a window of the rate limit has.", "schema": {"type": "integer"}},
            "X-RateLimit-Remaining": {"description": "How many are left of it.", "schema": {"type": "integer"}},
            "X-RateLimit-Reset": {"description": "When the next window begins: seconds since 1970.", "schema": {"type": "integer", "format": "int64"}},
            "Retry-After": {"description": "In how many seconds the same request may succeed: with 429 and 503.", "schema": {"type": "integer"}},
        },
        "securitySchemes": security::schemes(),
    })
}

/// The headers of an answer, by reference.
fn headers() -> Json {
    let named = ["X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"];
    named
        .iter()
        .map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
        .collect::<Map<_, _>>()
        .into()
}

/// The shape of every error. Its types are an open list: a newer server may have more.
fn error() -> Json {
    let types: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
    json!({
        "type": "object",
        "required": ["message", "code", "type", "version", "requestId"],
        "properties": {
            "message": {"type": "string", "description": "What is wrong, for people."},
            "code": {"type": "integer", "description": "The HTTP status."},
            "type": {"anyOf": [{"type": "string", "enum": types}, {"type": "string"}], "description": "What is wrong, for programs."},
            "version": {"type": "string"},
            "requestId": {"type": "string"},
            "field": {"type": "string", "description": "The parameter at fault."},
        },
    })
}

/// An item of `queries`.
fn query() -> Json {
    json!({
        "type": "string",
        "maxLength": floe_kernel::query::MAX_QUERY_LENGTH,
        "description": "A query as the SDKs' `Query` makes it: a JSON object with `method` and, as the method wants them, `attribute` and `values`.",
        "example": "{\"method\":\"equal\",\"attribute\":\"name\",\"values\":[\"Ada\"]}",
    })
}

/// An item of `permissions`.
fn permission() -> Json {
    json!({
        "type": "string",
        "pattern": "^(read|create|update|delete|write)\\(\"[^\"]+\"\\)$",
        "description": "An action and a role: `read(\"any\")`, `update(\"user:<id>\")`, `delete(\"team:<id>/owner\")`.",
        "example": "read(\"any\")",
    })
}

fn reference(schema: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}
