//! The OpenAPI 3.1 document, made from the route table.

use crate::API_VERSION;
use crate::gateway::RouteTable;
use crate::input::ParamLocation;
use crate::route::RouteSpec;
use floe_kernel::scope::Scope;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// The fields of every model, as the contract has them (`scripts/models` makes this file from the contract).
const MODELS: &str = include_str!("openapi/models.json");

/// The document for these routes.
#[must_use]
pub fn document(table: &RouteTable) -> Json {
    let mut paths = Map::new();
    let mut used = BTreeSet::new();
    for route in table.routes() {
        let path = paths.entry(route.full_path()).or_insert_with(|| json!({}));
        path[route.method.name().to_lowercase()] = operation(route);
        used.extend(route.answer.1);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Floe",
            "version": API_VERSION,
            "description": "A complete backend in one binary. The API is wire-compatible with Appwrite, so every official Appwrite SDK works against it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas(used), "securitySchemes": security_schemes()},
    })
}

fn operation(route: &RouteSpec) -> Json {
    let params = (route.params)();
    let named = |param: &crate::input::ParamDoc| param.name(route.vocabulary).to_owned();
    let outside: Vec<Json> = params
        .iter()
        .filter(|param| param.place != ParamLocation::Body)
        .map(|param| {
            let list = param.schema["type"] == "array";
            json!({
                "name": if list { format!("{}[]", named(param)) } else { named(param) },
                "in": if param.place == ParamLocation::Path { "path" } else { "query" },
                "required": param.required,
                "description": param.description,
                "schema": param.schema,
            })
        })
        .collect();
    let mut operation = json!({
        "operationId": route.name.replace('.', "_"),
        "summary": route.summary,
        "tags": [route.service()],
        "parameters": outside,
        "responses": responses(route),
        "security": security(route),
    });
    let inside: Vec<_> = params.iter().filter(|param| param.place == ParamLocation::Body).collect();
    if !inside.is_empty() {
        let required: Vec<_> = inside.iter().filter(|param| param.required).map(|param| named(param)).collect();
        let properties: Map<String, Json> = inside.iter().map(|param| (named(param), described(param))).collect();
        let schema = json!({"type": "object", "properties": properties, "required": required});
        operation["requestBody"] =
            json!({"required": !required.is_empty(), "content": {"application/json": {"schema": schema}}});
    }
    if !route.scopes.is_empty() {
        operation["x-scopes"] = route.scopes.iter().map(|scope| scope.name()).collect();
    }
    if let Some(event) = route.event {
        operation["x-event"] = event.into();
    }
    if let Some(limit) = route.limits.first() {
        operation["x-rate-limit"] = json!({"calls": limit.calls, "seconds": limit.seconds});
    }
    operation
}

fn described(param: &crate::input::ParamDoc) -> Json {
    let mut schema = param.schema.clone();
    if !param.description.is_empty() {
        schema["description"] = param.description.into();
    }
    schema
}

fn responses(route: &RouteSpec) -> Json {
    let mut success = json!({"description": "Success"});
    if let Some(model) = route.answer.1 {
        let schema = if model == "any" { json!({}) } else { json!({"$ref": format!("#/components/schemas/{model}")}) };
        success["content"] = json!({"application/json": {"schema": schema}});
    }
    let error = json!({"description": "Refused", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}});
    json!({route.answer.0.to_string(): success, "default": error})
}

fn security(route: &RouteSpec) -> Json {
    let mut ways = vec![];
    let open = route.scopes.contains(&Scope::Public) || route.scopes.is_empty();
    let project = |with: &str| json!({"project": [], with: []});
    if route.callers.guests && (open || route.scopes.iter().any(|scope| floe_kernel::scope::GUESTS.has(*scope))) {
        ways.push(json!({"project": []}));
    }
    if route.callers.users {
        ways.extend([project("session"), project("jwt")]);
    }
    if route.callers.keys {
        ways.push(project("key"));
    }
    ways.into()
}

fn security_schemes() -> Json {
    let header = |name: &str, description: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": description});
    json!({
        "project": header("X-Appwrite-Project", "The project's id."),
        "key": header("X-Appwrite-Key", "An API key of the project."),
        "session": header("X-Appwrite-Session", "A session; browsers send it as a cookie instead."),
        "jwt": header("X-Appwrite-JWT", "A JWT of `POST /v1/account/jwts`."),
    })
}

/// The schemas of the models that answers have, and of the models within them.
fn schemas(used: BTreeSet<&'static str>) -> Json {
    let all: Map<String, Json> = serde_json::from_str(MODELS).unwrap_or_default();
    let mut wanted: Vec<String> = used.into_iter().map(str::to_owned).collect();
    let mut schemas = Map::new();
    while let Some(name) = wanted.pop() {
        let Some(model) = all.get(&name).filter(|_| !schemas.contains_key(&name)) else { continue };
        let mut properties = Map::new();
        for (field, kind, array) in fields(model) {
            let single = match kind {
                "string" | "boolean" | "integer" | "object" => json!({"type": kind}),
                "double" | "float" => json!({"type": "number"}),
                "datetime" => json!({"type": "string", "format": "date-time"}),
                inner if all.contains_key(inner) => {
                    wanted.push(inner.to_owned());
                    json!({"$ref": format!("#/components/schemas/{inner}")})
                }
                _ => json!({}),
            };
            properties.insert(field.to_owned(), if array { json!({"type": "array", "items": single}) } else { single });
        }
        schemas.insert(name, json!({"type": "object", "properties": properties}));
    }
    schemas.insert("error".to_owned(), error_schema());
    schemas.into()
}

/// Name, type and "is a list" of each field.
fn fields(model: &Json) -> impl Iterator<Item = (&str, &str, bool)> {
    model.as_array().into_iter().flatten().map(|field| {
        (
            field[0].as_str().unwrap_or_default(),
            field[1].as_str().unwrap_or_default(),
            field[2].as_bool().unwrap_or_default(),
        )
    })
}

fn error_schema() -> Json {
    json!({
        "type": "object",
        "required": ["message", "code", "type", "version", "requestId"],
        "properties": {
            "message": {"type": "string"},
            "code": {"type": "integer"},
            "type": {"type": "string"},
            "version": {"type": "string"},
            "requestId": {"type": "string"},
            "field": {"type": "string", "description": "The parameter at fault."},
        },
    })
}
