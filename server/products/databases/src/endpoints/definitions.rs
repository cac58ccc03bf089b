//! Columns and indexes that are defined together with their table.

use super::params::{IndexedKey, Key, OrderBy};
use crate::domain::{Domain, Form, MAX_STRING, MAX_VARCHAR, TextType, shape_form};
use crate::model::{NewColumn, NewIndex};
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::Object;
use serde_json::{Map, Value as Json, json};

/// The definition of a column: what its own endpoint takes, and its `type`.
#[derive(Debug)]
pub(crate) struct InlineColumn(pub(crate) NewColumn);

/// The definition of an index: what its own endpoint takes.
#[derive(Debug)]
pub(crate) struct InlineIndex(pub(crate) NewIndex);

/// The types that a column can be defined with here: those of the endpoints, and the formats of texts.
const TYPES: [&str; 18] = [
    "string",
    "varchar",
    "text",
    "mediumtext",
    "longtext",
    "email",
    "url",
    "ip",
    "enum",
    "integer",
    "bigint",
    "float",
    "double",
    "boolean",
    "datetime",
    "point",
    "line",
    "polygon",
];

/// Takes a field out of a definition.
fn field<P: Param>(map: &mut Map<String, Json>, name: &str) -> Result<Option<P>, Refusal> {
    match map.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => P::read(value).map(Some).map_err(|refusal| match refusal {
            Refusal::Rule(rule) => format!("{name}: {rule}").into(),
            error @ Refusal::Error(_) => error,
        }),
    }
}

fn needed<P: Param>(map: &mut Map<String, Json>, name: &str) -> Result<P, Refusal> {
    field(map, name)?.ok_or_else(|| format!("{name} is not optional").into())
}

impl Param for InlineColumn {
    fn read(value: Json) -> Result<Self, Refusal> {
        let mut map = Object::read(value)?.0;
        let kind: String = needed(&mut map, "type")?;
        let format: String = field(&mut map, "format")?.unwrap_or_default();
        let encrypted = field(&mut map, "encrypt")?.unwrap_or(false);
        let domain = domain(if kind == "string" && !format.is_empty() { &format } else { &kind }, &mut map)?;
        if encrypted && !matches!(domain, Domain::Text { .. }) {
            return Err("encrypt: Only text without a format can be encrypted".into());
        }
        Ok(Self(NewColumn {
            key: needed::<Key>(&mut map, "key")?.0,
            domain,
            required: field(&mut map, "required")?.unwrap_or(false),
            array: field(&mut map, "array")?.unwrap_or(false),
            encrypted,
            default: map.remove("default").filter(|default| !default.is_null()),
        }))
    }

    fn schema() -> Json {
        json!({
            "type": "object",
            "required": ["key", "type"],
            "properties": {
                "key": Key::schema(),
                "type": {"type": "string", "enum": TYPES},
                "format": {"type": "string", "enum": ["email", "url", "ip", "enum"], "description": "Of `string`: what a text must be."},
                "size": {"type": "integer", "minimum": 1, "description": "Of `string` and `varchar`: the most characters."},
                "elements": {"type": "array", "items": {"type": "string"}, "description": "Of `enum`: the values."},
                "min": {"type": "number", "description": "Of numbers: the least."},
                "max": {"type": "number", "description": "Of numbers: the largest."},
                "required": {"type": "boolean", "default": false},
                "array": {"type": "boolean", "default": false},
                "encrypt": {"type": "boolean", "default": false},
                "default": {"description": "A value of the column's type."},
            },
        })
    }
}

fn domain(name: &str, map: &mut Map<String, Json>) -> Result<Domain, Refusal> {
    let mut text = |of: TextType, largest: i64| -> Result<Domain, Refusal> {
        let size = match of.own_size() {
            Some(size) => size,
            None => needed::<i64>(map, "size")?,
        };
        let fits = of.own_size().is_some() || (1..=largest).contains(&size);
        fits.then_some(Domain::Text { of, size })
            .ok_or_else(|| format!("size: Value must be a valid range between 1 and {largest}").into())
    };
    Ok(match name {
        "string" => text(TextType::String, MAX_STRING)?,
        "varchar" => text(TextType::Varchar, MAX_VARCHAR)?,
        "text" => text(TextType::Text, 0)?,
        "mediumtext" => text(TextType::Mediumtext, 0)?,
        "longtext" => text(TextType::Longtext, 0)?,
        "email" => Domain::Form(Form::Email),
        "url" => Domain::Form(Form::Url),
        "ip" => Domain::Form(Form::Ip),
        "enum" => Domain::Enum(needed(map, "elements")?),
        "integer" | "bigint" => Domain::Integer {
            big: name == "bigint",
            min: field(map, "min")?.unwrap_or(i64::MIN),
            max: field(map, "max")?.unwrap_or(i64::MAX),
        },
        "float" | "double" => {
            Domain::Float { min: field(map, "min")?.unwrap_or(f64::MIN), max: field(map, "max")?.unwrap_or(f64::MAX) }
        }
        "boolean" => Domain::Boolean,
        "datetime" => Domain::Datetime,
        "line" => Domain::Shape(floe_geometry::Form::Line),
        other if let Some(form) = shape_form(other) => Domain::Shape(form),
        _ => return Err(format!("type: \"{}\" is not a type that can be defined here", name.escape_default()).into()),
    })
}

impl Param for InlineIndex {
    fn read(value: Json) -> Result<Self, Refusal> {
        let mut map = Object::read(value)?.0;
        let columns: Option<Vec<IndexedKey>> = field(&mut map, "columns")?;
        let columns = match columns {
            Some(columns) => columns,
            None => needed(&mut map, "attributes")?,
        };
        let orders: Vec<OrderBy> = field(&mut map, "orders")?.unwrap_or_default();
        Ok(Self(NewIndex {
            key: needed::<Key>(&mut map, "key")?.0,
            kind: needed::<String>(&mut map, "type")?.to_lowercase(),
            columns: columns.into_iter().map(|column| column.0).collect(),
            lengths: field(&mut map, "lengths")?.unwrap_or_default(),
            orders: orders.into_iter().map(|order| order.0).collect(),
        }))
    }

    fn schema() -> Json {
        let columns = json!({"type": "array", "items": {"type": "string"}});
        json!({
            "type": "object",
            "required": ["key", "type"],
            "properties": {
                "key": Key::schema(),
                "type": {"type": "string", "enum": ["key", "fulltext", "unique", "spatial"]},
                "columns": columns,
                "attributes": columns,
                "lengths": {"type": "array", "items": {"type": "integer"}},
                "orders": {"type": "array", "items": {"type": "string", "enum": ["ASC", "DESC"]}},
            },
            "oneOf": [{"required": ["columns"]}, {"required": ["attributes"]}],
        })
    }
}
