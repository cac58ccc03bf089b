//! One route as an operation.

use super::{headers, reference, security};
use crate::input::{ParamDoc, ParamLocation};
use crate::route::{Caching, RouteSpec};
use serde_json::{Map, Value as Json, json};

/// Headers that an operation may be given, by the name of their component.
const HEADERS: &[(&str, &str, &str)] = &[
    ("locale", "X-Appwrite-Locale", "The language of texts in the answer, such as `de`."),
    (
        "responseFormat",
        "X-Appwrite-Response-Format",
        "The version of the API whose answers are wanted, such as `1.8.0`.",
    ),
    ("unchangedSince", "X-Appwrite-Timestamp", "Changes only what hasn't been changed since this moment."),
    (
        "timeout",
        "X-Appwrite-Timeout",
        "How long a statement that reads may take, in milliseconds; for keys and admins.",
    ),
];

/// What the table says of an answer that is plain text, in the place of a model.
pub(super) const TEXT: &str = "text";

pub(super) fn header_parameters() -> Json {
    let described = HEADERS.iter().map(|(component, name, description)| {
        let parameter = json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}});
        ((*component).to_owned(), parameter)
    });
    described.collect::<Map<_, _>>().into()
}

pub(super) fn operation(route: &RouteSpec, params: &[ParamDoc]) -> Json {
    let (inside, outside): (Vec<_>, Vec<_>) = params.iter().partition(|param| param.place == ParamLocation::Body);
    let mut parameters: Vec<Json> = outside.iter().map(|param| parameter(param, route.vocabulary)).collect();
    parameters.extend(headers_of(route).map(|name| json!({"$ref": format!("#/components/parameters/{name}")})));
    let mut operation = json!({
        "operationId": route.name.replace('.', "_"),
        "summary": route.summary,
        "tags": [route.service()],
        "parameters": parameters,
        "responses": responses(route, params),
        "security": security::of(route),
        "x-retry": if route.method.is_idempotent() { "safe" } else { "never" },
        "x-mcp": if route.at_root { "hidden" } else if route.method.reads() { "read" } else { "write" },
    });
    if !inside.is_empty() {
        operation["requestBody"] = body(&inside, route.vocabulary);
    }
    for (key, value) in extensions(route, params) {
        operation[key] = value;
    }
    operation
}

fn headers_of(route: &RouteSpec) -> impl Iterator<Item = &'static str> {
    let (under_v1, reads) = (!route.at_root, route.method.reads());
    let of_rows = route.answer.1.is_some_and(|model| matches!(model, "row" | "rowList" | "document" | "documentList"));
    let is_wanted = move |name: &str| match name {
        "unchangedSince" => of_rows && !reads,
        "timeout" => of_rows && reads,
        _ => under_v1,
    };
    HEADERS.iter().map(|(component, ..)| *component).filter(move |component| is_wanted(component))
}

fn parameter(param: &ParamDoc, vocabulary: usize) -> Json {
    let (name, schema) = (param.name(vocabulary), schema_of(param, vocabulary));
    let mut parameter = json!({
        "name": name,
        "in": if param.place == ParamLocation::Path { "path" } else { "query" },
        "required": param.required,
        "description": param.description,
        "schema": schema,
    });
    if parameter["schema"]["type"] == "array" {
        // As PHP, and so every SDK, writes lists. The extension is the name without that.
        parameter["name"] = format!("{name}[]").into();
        parameter["style"] = "form".into();
        parameter["explode"] = true.into();
        parameter["x-name"] = name.into();
    }
    parameter
}

/// A parameter's schema, with its default; of the lists that have a grammar by name.
fn schema_of(param: &ParamDoc, vocabulary: usize) -> Json {
    let mut schema = param.schema.clone();
    let items = match param.name(vocabulary) {
        "queries" => Some("Query"),
        "permissions" => Some("Permission"),
        _ => None,
    };
    if let Some(component) = items.filter(|_| schema["type"] == "array") {
        schema["items"] = reference(component);
    }
    if let Some(default) = &param.default {
        schema["default"] = default.clone();
    }
    schema
}

fn body(params: &[&ParamDoc], vocabulary: usize) -> Json {
    let required: Vec<_> = params.iter().filter(|param| param.required).map(|param| param.name(vocabulary)).collect();
    let described = params.iter().map(|param| {
        let mut schema = schema_of(param, vocabulary);
        if !param.description.is_empty() {
            schema["description"] = param.description.into();
        }
        (param.name(vocabulary).to_owned(), schema)
    });
    let properties: Map<String, Json> = described.collect();
    let alternatives = one_or_many(&properties);
    let is_required = !required.is_empty() || alternatives.is_some();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if let Some(alternatives) = alternatives {
        schema["oneOf"] = alternatives;
    }
    json!({
        "required": is_required,
        "content": {"application/json": {"schema": schema}, "application/x-www-form-urlencoded": {"schema": schema}},
    })
}

/// Where one row or many can be given: what each way needs.
fn one_or_many(properties: &Map<String, Json>) -> Option<Json> {
    let many = ["rows", "documents"].into_iter().find(|name| properties.contains_key(*name))?;
    let one = ["rowId", "documentId"].into_iter().find(|name| properties.contains_key(*name))?;
    Some(json!([
        {"title": "one", "required": [one, "data"], "not": {"required": [many]}},
        {"title": "many", "required": [many], "not": {"required": [one]}},
    ]))
}

/// The models that the body of a success may be.
pub(super) fn models(route: &RouteSpec, params: &[ParamDoc]) -> Vec<String> {
    let Some(model) = route.answer.1 else { return Vec::new() };
    let takes_many = params.iter().any(|param| matches!(param.name(route.vocabulary), "rows" | "documents"));
    let takes_one = params.iter().any(|param| matches!(param.name(route.vocabulary), "rowId" | "documentId"));
    let list = (takes_many && takes_one).then(|| format!("{model}List"));
    std::iter::once(model.to_owned()).chain(list).collect()
}

fn responses(route: &RouteSpec, params: &[ParamDoc]) -> Json {
    let mut success = json!({"description": "Success", "headers": headers()});
    let models = models(route, params);
    let content = match models.as_slice() {
        [] => None,
        [text] if text == TEXT => Some(("text/plain", json!({"type": "string"}))),
        [any] if any == "any" => Some(("application/json", json!({}))),
        [model] => Some(("application/json", reference(model))),
        several => {
            let several: Vec<_> = several.iter().map(|model| reference(model)).collect();
            Some(("application/json", json!({"oneOf": several})))
        }
    };
    if let Some((media, schema)) = content {
        success["content"] = json!({media: {"schema": schema}});
    }
    let mut responses = json!({
        route.answer.0.to_string(): success.clone(),
        "4XX": {"$ref": "#/components/responses/refused"},
        "5XX": {"$ref": "#/components/responses/failed"},
    });
    // What is only staged in a transaction has a status of its own: 201 for one row, 200 for many.
    let is_staged = |param: &ParamDoc| param.place == ParamLocation::Body && param.name(0) == "transactionId";
    if params.iter().any(is_staged) {
        for status in ["200", "201"].into_iter().filter(|status| *status != route.answer.0.to_string()) {
            responses[status] = success.clone();
        }
    }
    if route.caching == Caching::Revalidate {
        responses["304"] = json!({"description": "What the client has is still good."});
    }
    if route.at_root {
        // A probe says in one shape how things are, good or bad.
        responses["503"] = success;
    }
    responses
}

/// What OpenAPI has no words for.
fn extensions(route: &RouteSpec, params: &[ParamDoc]) -> Vec<(&'static str, Json)> {
    let mut extensions = Vec::new();
    if route.service() == "databases" {
        // The older of the two vocabularies.
        extensions.push(("deprecated", true.into()));
    }
    if !route.scopes.is_empty() {
        extensions.push(("x-scopes", route.scopes.iter().map(|scope| scope.name()).collect()));
    }
    if let Some(event) = route.event {
        extensions.push(("x-event", event.into()));
    }
    if let Some(limit) = route.limits.first() {
        extensions.push(("x-rate-limit", json!({"calls": limit.calls, "seconds": limit.seconds})));
    }
    if !route.aliases.is_empty() {
        extensions.push(("x-aliases", route.aliases.iter().map(|alias| format!("/v1{alias}")).collect()));
    }
    if params.iter().any(|param| param.place == ParamLocation::Query && param.names.contains(&"queries")) {
        extensions.push(("x-paging", "cursor".into()));
    }
    extensions.push(("x-errors", errors(route, params)));
    extensions
}

/// The errors that the pipeline gives by what the table says of the route. A handler may have more.
fn errors(route: &RouteSpec, params: &[ParamDoc]) -> Json {
    let has_project = !route.any_origin;
    let possible = [
        ("general_argument_invalid", !params.is_empty()),
        ("general_bad_request", !route.method.reads()),
        ("project_not_found", has_project),
        ("general_unknown_origin", has_project),
        ("general_unauthorized_scope", !route.scopes.is_empty()),
        ("user_unauthorized", route.callers != crate::route::Callers::ALL),
        ("general_service_disabled", has_project),
        ("general_rate_limit_exceeded", !route.limits.is_empty()),
        ("general_server_error", true),
        ("general_service_unavailable", true),
    ];
    possible.into_iter().filter(|(_, is_possible)| *is_possible).map(|(name, _)| name).collect()
}
