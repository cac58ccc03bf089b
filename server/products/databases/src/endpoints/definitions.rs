//! Columns and indexes that are defined together with their table.

use super::params::{IndexedKey, Key, OrderBy};
use crate::domain::{Domain, Form, MAX_STRING, MAX_VARCHAR, TextType, shape_form};
use crate::model::{NewColumn, NewIndex};
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{List, Object};
use floe_kernel::{Error, ErrorKind};
use serde_json::{Map, Value as Json, json};

/// The definitions of columns: of each what its own endpoint takes, and its `type`.
#[derive(Debug, Default)]
pub(crate) struct InlineColumns(pub(crate) Vec<NewColumn>);

/// The most columns that may be defined together with their table.
const MAX_COLUMNS: usize = 100;

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

/// A definition that is refused in words of its own, as Appwrite does: nothing stands before them.
fn refused(message: String) -> Refusal {
    Refusal::Error(Box::new(Error::new(ErrorKind::GeneralArgumentInvalid).message(message)))
}

impl Param for InlineColumns {
    fn read(value: Json) -> Result<Self, Refusal> {
        let List(definitions) = List::<Object, MAX_COLUMNS>::read(value)?;
        let mut columns: Vec<NewColumn> = Vec::with_capacity(definitions.len());
        for (n, definition) in definitions.into_iter().enumerate() {
            let column = column(n, definition.0)?;
            if columns.iter().any(|other| other.key.eq_ignore_ascii_case(&column.key)) {
                return Err(refused(format!("Duplicate attribute key: {}", column.key)));
            }
            columns.push(column);
        }
        Ok(Self(columns))
    }

    fn schema() -> Json {
        let column = json!({
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
        });
        json!({"type": "array", "items": column, "maxItems": MAX_COLUMNS})
    }
}

/// The column that is defined at this place of the list.
fn column(n: usize, mut map: Map<String, Json>) -> Result<NewColumn, Refusal> {
    for name in ["key", "type"] {
        if map.get(name).is_none_or(Json::is_null) {
            return Err(refused(format!("Attribute at index {n} is missing required field '{name}'")));
        }
    }
    let (key, kind): (Key, String) = (needed(&mut map, "key")?, needed(&mut map, "type")?);
    let format: String = field(&mut map, "format")?.unwrap_or_default();
    let encrypted = field(&mut map, "encrypt")?.unwrap_or(false);
    let domain = domain(&key.0, if kind == "string" && !format.is_empty() { &format } else { &kind }, &mut map)?;
    if encrypted && !matches!(domain, Domain::Text { .. }) {
        return Err("encrypt: Only text without a format can be encrypted".into());
    }
    Ok(NewColumn {
        key: key.0,
        domain,
        required: field(&mut map, "required")?.unwrap_or(false),
        array: field(&mut map, "array")?.unwrap_or(false),
        encrypted,
        default: map.remove("default").filter(|default| !default.is_null()),
    })
}

fn domain(key: &str, name: &str, map: &mut Map<String, Json>) -> Result<Domain, Refusal> {
    let mut text = |of: TextType, largest: i64| -> Result<Domain, Refusal> {
        let size = of.own_size().or_else(|| map.remove("size")?.as_i64().filter(|size| (1..=largest).contains(size)));
        let size = size.ok_or_else(|| {
            let size = format!("Size must be between 1 and {largest}");
            refused(format!("Invalid or missing size for {} attribute '{key}'. {size}", of.name()))
        })?;
        Ok(Domain::Text { of, size })
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
        "relationship" => {
            let message =
                "Relationship attributes cannot be created inline. Use the create relationship endpoint instead.";
            return Err(refused(message.to_owned()));
        }
        _ => return Err(refused(format!("Invalid type for attribute '{key}': {name}"))),
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
