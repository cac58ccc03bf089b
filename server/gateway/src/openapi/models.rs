//! The schemas of answers: the contract's models, and what Floe's answers say beside them.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Every model as the contract has it; `scripts/models` makes this file from the contract.
const MODELS: &str = include_str!("models.json");

/// Models of Floe's own, in the same form.
const OWN: &str = include_str!("own.json");

/// A model: a JSON object with these fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    #[serde(default)]
    fields: Vec<Field>,
    /// Of a place where any of several models may stand: these, and no fields of its own.
    #[serde(default)]
    one_of: Vec<String>,
    /// What tells it from the other models that may stand in the same place: a field, and its value or values.
    #[serde(default)]
    is: BTreeMap<String, Json>,
    /// Whether it has fields that nobody knows beforehand.
    #[serde(default)]
    open: bool,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    r#type: Type,
    #[serde(default)]
    list: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    nullable: bool,
    #[serde(default)]
    values: Option<Vec<String>>,
}

/// A type by its name: one of JSON's, a moment, a model; or several models, any of which it may be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Type {
    One(String),
    AnyOf(Vec<String>),
}

/// What is so, beside what the contract says.
enum Amendment {
    /// It may be null; the items, if it is a list.
    Nullable,
    /// It is a moment, or an empty text for none.
    MayBeEmpty,
    /// It is of this type, and not of the contract's.
    Is(&'static str),
    /// A query can `select` some of the item's fields; then the others aren't there.
    Selectable,
}

use Amendment::{Is, MayBeEmpty, Nullable, Selectable};

/// Where answers say more, or less, than the contract's models. Each was found by a test that holds every answer of the
/// HTTP suite against the document (`testkit`'s client).
const AMENDMENTS: &[(&str, &str, Amendment)] = &[
    ("account", "accessedAt", MayBeEmpty),
    ("account", "passwordUpdate", MayBeEmpty),
    ("attributeDatetime", "format", Is("string")),
    ("columnDatetime", "format", Is("string")),
    ("columnIndex", "lengths", Nullable),
    // Of a row that is only staged.
    ("document", "$createdAt", MayBeEmpty),
    ("document", "$updatedAt", MayBeEmpty),
    ("index", "lengths", Nullable),
    ("key", "accessedAt", MayBeEmpty),
    ("key", "expire", MayBeEmpty),
    ("membership", "joined", MayBeEmpty),
    ("membership", "userAccessedAt", MayBeEmpty),
    ("project", "consoleAccessedAt", MayBeEmpty),
    ("project", "onboarding", Is("any")),
    ("project", "pingedAt", MayBeEmpty),
    ("projectList", "projects", Selectable),
    ("row", "$createdAt", MayBeEmpty),
    ("row", "$updatedAt", MayBeEmpty),
    ("session", "mfaUpdatedAt", MayBeEmpty),
    ("session", "providerAccessTokenExpiry", MayBeEmpty),
    ("user", "accessedAt", MayBeEmpty),
    ("user", "passwordUpdate", MayBeEmpty),
];

/// The schemas of these models, and of all that stand in them.
pub(super) fn schemas(used: BTreeSet<String>) -> Map<String, Json> {
    let exclusions = exclusions();
    let mut wanted: Vec<String> = used.into_iter().collect();
    let mut schemas = Map::new();
    while let Some(name) = wanted.pop() {
        let Some(model) = ALL.get(&name).filter(|_| !schemas.contains_key(&name)) else { continue };
        let mut schema = model.schema(&name);
        if let Some(excluded) = exclusions.get(&name) {
            schema["not"] = json!({"required": excluded});
        }
        schemas.insert(name, schema);
        let inner = model.fields.iter().flat_map(|field| field.r#type.names()).chain(&model.one_of);
        wanted.extend(inner.filter(|name| ALL.contains_key(*name)).cloned());
    }
    schemas.sort_keys();
    schemas
}

/// Whether the table may say this of a success: there is a model of this name, or it is plain text.
#[must_use]
pub fn is_model(name: &str) -> bool {
    name == super::operation::TEXT || ALL.contains_key(name)
}

/// Every model by its name, the contract's and ours.
static ALL: LazyLock<BTreeMap<String, Model>> = LazyLock::new(|| {
    let read = |text| serde_json::from_str::<BTreeMap<String, Model>>(text).unwrap_or_default();
    let mut models = read(MODELS);
    models.extend(read(OWN));
    models
});

/// Of each model that has siblings which are told from it by a further field: these fields, which it doesn't have.
fn exclusions() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let unions = ALL.values().flat_map(|model| &model.fields).filter_map(|field| match &field.r#type {
        Type::AnyOf(names) => Some(names),
        Type::One(_) => None,
    });
    for names in unions {
        for (name, sibling) in names.iter().flat_map(|name| names.iter().map(move |sibling| (name, sibling))) {
            let (Some(model), Some(other)) = (ALL.get(name), ALL.get(sibling)) else { continue };
            let is_narrower = model.is.iter().all(|(key, value)| other.is.get(key) == Some(value));
            if name != sibling && is_narrower {
                let further = other.is.keys().filter(|key| !model.is.contains_key(*key)).cloned();
                found.entry(name.clone()).or_default().extend(further);
            }
        }
    }
    found.retain(|_, fields| !fields.is_empty());
    found
}

impl Model {
    fn schema(&self, name: &str) -> Json {
        if !self.one_of.is_empty() {
            return union(&self.one_of);
        }
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &self.fields {
            let amended = AMENDMENTS.iter().find(|(model, of, _)| *model == name && *of == field.name);
            let schema = match (amended, self.is.get(&field.name)) {
                (None, Some(Json::Array(values))) => json!({"type": "string", "enum": values}),
                (None, Some(value)) => json!({"type": "string", "const": value}),
                (amended, _) => field.schema(amended.map(|(.., amendment)| amendment)),
            };
            properties.insert(field.name.clone(), schema);
            if !field.optional {
                required.push(field.name.clone());
            }
        }
        let mut schema = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        if self.open {
            schema["additionalProperties"] = true.into();
        }
        schema
    }
}

impl Field {
    fn schema(&self, amendment: Option<&Amendment>) -> Json {
        let item = match (&self.values, &self.r#type, amendment) {
            (_, _, Some(Is(kind))) => single(kind),
            (_, _, Some(MayBeEmpty)) => moment_or_empty(),
            (Some(values), ..) => json!({"type": "string", "enum": values}),
            (None, Type::One(name), Some(Selectable)) => json!({"anyOf": [single(name), single("object")]}),
            (None, Type::One(name), _) => single(name),
            (None, Type::AnyOf(names), _) => union(names),
        };
        let item = if self.nullable || matches!(amendment, Some(Nullable)) { or_null(item) } else { item };
        if self.list { json!({"type": "array", "items": item}) } else { item }
    }
}

impl Type {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::AnyOf(names) => names,
        }
    }
}

fn single(name: &str) -> Json {
    match name {
        "string" | "id" => json!({"type": "string"}),
        "boolean" => json!({"type": "boolean"}),
        "integer" => json!({"type": "integer", "format": "int64"}),
        "double" | "float" => json!({"type": "number", "format": "double"}),
        "datetime" => json!({"type": "string", "format": "date-time"}),
        // Of points, lines and polygons: numbers, in lists, in lists.
        "array" => json!({"type": "array", "items": {}}),
        "any" => json!({}),
        "json" | "object" => json!({"type": "object", "additionalProperties": true}),
        model => reference(model),
    }
}

fn moment_or_empty() -> Json {
    json!({"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 0}]})
}

fn union(names: &[String]) -> Json {
    let models: Vec<Json> = names.iter().map(|name| reference(name)).collect();
    let mut schema = json!({"oneOf": models});
    if let Some(discriminator) = discriminator(names) {
        schema["discriminator"] = discriminator;
    }
    schema
}

/// The field whose value alone tells the models apart, if there is one.
fn discriminator(names: &[String]) -> Option<Json> {
    let key = ALL.get(names.first()?)?.is.keys().next()?.clone();
    let mut mapping = Map::new();
    for name in names {
        let values = match ALL.get(name)?.is.get(&key)? {
            Json::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        for value in values {
            let target = format!("#/components/schemas/{name}");
            if mapping.insert(value.as_str()?.to_owned(), target.into()).is_some() {
                return None;
            }
        }
    }
    Some(json!({"propertyName": key, "mapping": mapping}))
}

fn reference(model: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{model}")})
}

/// The same, or null.
pub(super) fn or_null(schema: Json) -> Json {
    match schema {
        Json::Object(mut schema) if schema.get("type").is_some_and(Json::is_string) && !schema.contains_key("enum") => {
            let kind = schema["type"].take();
            schema.insert("type".to_owned(), json!([kind, "null"]));
            schema.into()
        }
        schema => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &'static str) -> Json {
        schemas(BTreeSet::from([name.to_owned()]))[name].clone()
    }

    #[test]
    fn what_is_always_there_is_required_and_what_may_be_null_says_so() {
        let user = schema("user");
        assert!(user["required"].as_array().unwrap().contains(&json!("email")));
        assert!(!user["required"].as_array().unwrap().contains(&json!("hash")));
        assert_eq!(user["properties"]["emailIsFree"]["type"], json!(["boolean", "null"]));
        assert_eq!(user["additionalProperties"], Json::Null);
        assert_eq!(schema("row")["additionalProperties"], json!(true));
    }

    #[test]
    fn models_in_one_place_are_told_apart() {
        let platforms = &schema("platformList")["properties"]["platforms"]["items"];
        assert!(platforms["oneOf"].as_array().unwrap().len() == 5, "{platforms}");
        let text = schema("columnString");
        assert_eq!(text["properties"]["type"]["const"], "string");
        assert_eq!(
            text["not"]["required"],
            json!(["format"]),
            "or a column of addresses would be one of texts as well"
        );
    }

    #[test]
    fn every_amendment_is_of_a_model_and_of_a_field() {
        for (model, field, _) in AMENDMENTS {
            assert!(ALL[*model].fields.iter().any(|known| known.name == *field), "{model}.{field}");
        }
    }
}
