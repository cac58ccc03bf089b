//! Every answer against the OpenAPI document: what the document doesn't say, no answer may say.

use floe_gateway::gateway::RouteTable;
use floe_gateway::openapi;
use floe_gateway::route::{Method, RouteSpec};
use jsonschema::Validator;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The document, and what was compiled of it so far. One for the whole process: every server has the same routes.
static DOCUMENT: OnceLock<Document> = OnceLock::new();

struct Document {
    paths: Json,
    /// The schemas, closed: a field that isn't named is refused, unless the schema says that there may be others.
    schemas: Json,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Fails the test unless the document allows this answer.
///
/// # Panics
/// When it doesn't: with what was asked, what is wrong, and the answer.
pub(crate) fn check(table: &RouteTable, method: &str, path: &str, status: u16, text: &str) {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    if matches!(method, "HEAD" | "OPTIONS") {
        return;
    }
    // What no route answers has no operation, and for browsers it is a page.
    let Some(route) = Method::parse(method).and_then(|method| table.route(method, path)) else { return };
    let document = DOCUMENT.get_or_init(|| Document::of(table));
    let fault = if status < 400 || (route.at_root && status == 503) {
        document.fault_of_success(route, status, text)
    } else {
        document.fault_of("error", text)
    };
    if let Some(fault) = fault {
        panic!("{method} {path} ({status}) isn't as the OpenAPI document says: {fault}\n{text}");
    }
}

impl Document {
    fn of(table: &RouteTable) -> Self {
        let mut document = openapi::document(table.routes(), "test");
        let mut schemas = document["components"]["schemas"].take();
        for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
            close(schema);
        }
        Self { paths: document["paths"].take(), schemas, validators: Mutex::default() }
    }

    fn fault_of_success(&self, route: &RouteSpec, status: u16, text: &str) -> Option<String> {
        let operation = &self.paths[route.full_path()][route.method.name().to_lowercase()];
        let Some(answer) = operation["responses"].get(status.to_string()) else {
            return Some("it has no such status".to_owned());
        };
        let schema = &answer["content"]["application/json"]["schema"];
        let models = schema["oneOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
        let names = models.iter().filter_map(|model| model["$ref"].as_str()?.strip_prefix("#/components/schemas/"));
        let mut faults = Vec::new();
        for name in names {
            faults.push(self.fault_of(name, text)?);
        }
        match faults.is_empty() {
            true if answer["content"].is_null() && !text.is_empty() => Some("it has no body".to_owned()),
            true => None,
            false => Some(faults.join("; or ")),
        }
    }

    /// What is wrong with this text as a model.
    fn fault_of(&self, name: &str, text: &str) -> Option<String> {
        let body: Json = match serde_json::from_str(text) {
            Ok(body) => body,
            Err(error) => return Some(format!("no JSON: {error}")),
        };
        let validator = self.validator(name);
        let faults: Vec<_> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        (!faults.is_empty()).then(|| format!("as {name}: {}", faults.join("; ")))
    }

    fn validator(&self, name: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": {"schemas": reachable(&self.schemas, name)},
            });
            let compiled =
                jsonschema::options().should_validate_formats(true).should_ignore_unknown_formats(true).build(&schema);
            Arc::new(compiled.unwrap_or_else(|error| panic!("the schema {name}: {error}")))
        };
        Arc::clone(validators.entry(name.to_owned()).or_insert_with(compile))
    }
}

/// The same schema, refusing fields that it doesn't name, at every depth.
fn close(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(close);
        }
        Json::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Those of the schemas that this one leads to, itself included.
fn reachable(schemas: &Json, name: &str) -> Map<String, Json> {
    let mut found = Map::new();
    let mut wanted = vec![name.to_owned()];
    while let Some(name) = wanted.pop() {
        if let Some(schema) = schemas.get(&name).filter(|_| !found.contains_key(&name)) {
            references(schema, &mut wanted);
            found.insert(name, schema.clone());
        }
    }
    found
}

fn references(schema: &Json, found: &mut Vec<String>) {
    match schema {
        Json::Object(object) => {
            let reference = object.get("$ref").and_then(Json::as_str);
            found.extend(reference.and_then(|reference| reference.rsplit('/').next()).map(str::to_owned));
            object.values().for_each(|inner| references(inner, found));
        }
        Json::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}
