//! OpenAPI 3.0 for tools that know no newer one. It has no `null` and no `const`.

use serde_json::{Map, Value as Json, json};

/// The same document in OpenAPI 3.0.
#[must_use]
pub fn downgraded(document: &Json) -> Json {
    let mut document = lowered(document);
    document["openapi"] = "3.0.3".into();
    document["info"]["license"] = json!({"name": "Apache-2.0"});
    document
}

fn lowered(json: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(lowered).collect(),
        Json::Object(object) => schema(object.iter().map(|(key, value)| (key.clone(), lowered(value))).collect()),
        other => other.clone(),
    }
}

fn schema(mut schema: Map<String, Json>) -> Json {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    let kinds = schema.get("type").and_then(Json::as_array).cloned();
    if let Some(kind) = kinds.as_ref().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")) {
        schema.insert("type".to_owned(), kind.clone());
        schema.insert("nullable".to_owned(), true.into());
    }
    let null = json!({"type": "null"});
    if let Some(Json::Array(choices)) = schema.get_mut("anyOf")
        && choices.contains(&null)
    {
        choices.retain(|choice| *choice != null);
        let rest = std::mem::take(choices);
        schema.remove("anyOf");
        schema.insert(if rest.len() == 1 { "allOf" } else { "anyOf" }.to_owned(), rest.into());
        schema.insert("nullable".to_owned(), true.into());
    }
    schema.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_const_are_said_in_older_words() {
        let lowered = lowered(&json!({"properties": {
            "a": {"type": ["string", "null"]},
            "b": {"anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
            "c": {"const": "x"},
        }}));
        assert_eq!(lowered["properties"]["a"], json!({"type": "string", "nullable": true}));
        assert_eq!(lowered["properties"]["b"], json!({"allOf": [{"$ref": "#/x"}], "nullable": true}));
        assert_eq!(lowered["properties"]["c"], json!({"enum": ["x"]}));
    }
}
