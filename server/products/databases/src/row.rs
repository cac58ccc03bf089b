//! Rows: from the JSON of a request to typed values, and from typed values to the JSON of an answer.
//!
//! Both directions are written by hand, without a tree of JSON in between on the way out, because every request for rows
//! passes here.

use crate::permission_sets::PermissionSet;
use crate::schema::{SchemaColumn, TableSchema};
use crate::vocabulary::Vocabulary;
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_kernel::{Error, Result};
use floe_store::tables::StoredRow;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// What a request says of a row, checked against the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowData {
    /// Columns, by their position, and their values.
    pub(crate) values: Vec<(usize, Value)>,
    /// The row's `$createdAt`, where the caller may say.
    pub(crate) created: Option<i64>,
    /// The row's `$updatedAt`, where the caller may say.
    pub(crate) updated: Option<i64>,
}

/// Who says it: the words they speak, and whether they may say when a row was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    /// The words.
    pub(crate) vocabulary: Vocabulary,
    /// Whether permissions don't bind the caller.
    pub(crate) privileged: bool,
}

impl Speaker {
    /// A value that must be there isn't.
    pub(crate) fn lacks(self, key: &str) -> Error {
        self.refuse(format!("Missing required attribute \"{key}\""))
    }

    fn refuse(self, fault: impl std::fmt::Display) -> Error {
        let kind = self.vocabulary.errors().row_structure;
        Error::new(kind).message(format!("Invalid document structure: {fault}")).field("data")
    }
}

impl TableSchema {
    /// Reads the data of a whole row: what is required must be there.
    ///
    /// # Errors
    /// `row_invalid_structure`, in the words that clients know.
    pub(crate) fn whole(&self, data: &Map<String, Json>, speaker: Speaker) -> Result<RowData> {
        match self.lacking(data) {
            Some(key) => Err(speaker.lacks(key)),
            None => self.part(data, speaker),
        }
    }

    /// The key of the first column that a whole row must have a value of, and these have none of.
    pub(crate) fn lacking(&self, data: &Map<String, Json>) -> Option<&str> {
        let mut required = self.columns.iter().map(|column| &column.column).filter(|column| column.required);
        required.find(|column| data.get(&column.key).is_none_or(Json::is_null)).map(|column| column.key.as_str())
    }

    /// Reads the data of a change: only what is there counts.
    ///
    /// # Errors
    /// As [`TableSchema::whole`].
    pub(crate) fn part(&self, data: &Map<String, Json>, speaker: Speaker) -> Result<RowData> {
        let mut read = RowData { values: Vec::with_capacity(data.len()), ..RowData::default() };
        let mut fault = None;
        for (key, json) in data {
            let outcome = match self.position(key) {
                Some(position) => self.columns[position].read(json).map(|value| read.values.push((position, value))),
                // What a row is related to is read by `service::links`.
                None if self.relation(key).is_some() => Ok(()),
                None => read.read_system(key, json, speaker)?,
            };
            // An unknown attribute is the greater fault, so the search goes on.
            if let Err(error) = outcome {
                fault.get_or_insert(error);
            }
        }
        match fault {
            None => Ok(read),
            Some(fault) => Err(speaker.refuse(fault)),
        }
    }

    /// The values of a new row, one for each column: what was said, else the default.
    pub(crate) fn filled(&self, data: RowData) -> Vec<Value> {
        let mut values: Vec<_> = self.columns.iter().map(|column| column.default.clone()).collect();
        for (position, value) in data.values {
            values[position] = value;
        }
        values
    }

    /// Writes a row. Its values are those of `chosen`, or all.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        row: &StoredRow,
        permissions: &PermissionSet,
        chosen: Option<&[usize]>,
        vocabulary: Vocabulary,
    ) {
        self.begin(out, row, permissions, chosen, vocabulary);
        out.push(b'}');
    }

    /// Writes a row up to its end, where more may follow.
    pub(crate) fn begin(
        &self,
        out: &mut Vec<u8>,
        row: &StoredRow,
        permissions: &PermissionSet,
        chosen: Option<&[usize]>,
        vocabulary: Vocabulary,
    ) {
        // An id needs no escapes.
        out.extend_from_slice(br#"{"$id":""#);
        out.extend_from_slice(row.id.as_bytes());
        out.extend_from_slice(br#"","$sequence":""#);
        put(out, &row.sequence);
        out.extend_from_slice(self.head(vocabulary));
        Timestamp::from_millis(row.created).write(out);
        out.extend_from_slice(br#"","$updatedAt":""#);
        Timestamp::from_millis(row.updated).write(out);
        out.extend_from_slice(br#"","$permissions":"#);
        out.extend_from_slice(permissions.json.as_bytes());
        match chosen {
            None => self.columns.iter().zip(&row.values).for_each(|(column, value)| column.write(out, value)),
            Some(chosen) => {
                for (position, value) in chosen.iter().zip(&row.values) {
                    self.columns[*position].write(out, value);
                }
            }
        }
    }
}

impl RowData {
    /// Reads what isn't a column. What the server alone decides is left aside, as Appwrite does.
    ///
    /// # Errors
    /// For what is no part of a row at all.
    fn read_system(&mut self, key: &str, json: &Json, speaker: Speaker) -> Result<Result<(), String>> {
        let moment = match key {
            "$id" | "$permissions" | "$sequence" | "$databaseId" | "$tableId" | "$collectionId" => return Ok(Ok(())),
            "$createdAt" => &mut self.created,
            "$updatedAt" => &mut self.updated,
            _ => return Err(speaker.refuse(format!("Unknown attribute: \"{key}\""))),
        };
        if !speaker.privileged || json.is_null() {
            return Ok(Ok(()));
        }
        let domain = crate::domain::Domain::Datetime;
        Ok(match domain.accept(json) {
            Ok(Value::Datetime(millis)) => {
                *moment = Some(millis);
                Ok(())
            }
            _ => Err(format!("Attribute \"{key}\" has invalid type. {}", domain.rule(json))),
        })
    }
}

impl SchemaColumn {
    /// Reads a value of the wire.
    fn read(&self, json: &Json) -> Result<Value, String> {
        let column = &self.column;
        if json.is_null() && !column.required {
            return Ok(Value::Null(self.kind));
        }
        if column.array {
            return self.read_list(json);
        }
        let broken =
            |rule: String| format!("Attribute \"{}\" has invalid {}. {rule}", column.key, column.domain.fault());
        column.domain.accept(json).map_err(broken)
    }

    /// A list is kept as the text of its JSON, with every element in the form in which it is answered.
    fn read_list(&self, json: &Json) -> Result<Value, String> {
        let column = &self.column;
        let items = json.as_array().ok_or_else(|| format!("Attribute \"{}\" must be an array", column.key))?;
        let mut text = vec![b'['];
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                text.push(b',');
            }
            if item.is_null() && !column.required {
                text.extend_from_slice(b"null");
                continue;
            }
            let value = column.domain.accept(item).map_err(|rule| {
                format!("Attribute \"{}['{n}']\" has invalid {}. {rule}", column.key, column.domain.fault())
            })?;
            write_value(&mut text, &value);
        }
        text.push(b']');
        String::from_utf8(text).map(Value::Json).map_err(|error| error.to_string())
    }

    fn write(&self, out: &mut Vec<u8>, value: &Value) {
        out.extend_from_slice(&self.head);
        // A list that nobody gave a value is an empty one.
        if value.is_null() && self.column.array {
            return out.extend_from_slice(b"[]");
        }
        write_value(out, value);
    }
}

/// Writes a value as JSON.
fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => put(out, text.as_str()),
        Value::Integer(number) => put(out, number),
        Value::Float(number) => put(out, number),
        Value::Boolean(flag) => put(out, flag),
        Value::Datetime(millis) => {
            out.push(b'"');
            Timestamp::from_millis(*millis).write(out);
            out.push(b'"');
        }
        Value::Json(json) => out.extend_from_slice(json.as_bytes()),
        Value::Null(_) => out.extend_from_slice(b"null"),
    }
}

/// Texts and numbers as serde writes them. Into memory: it can't fail.
fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(out, value);
}

/// Adds to a number, and keeps it one of its column.
///
/// # Errors
/// The rule that the outcome breaks.
pub(crate) fn added(column: &SchemaColumn, value: &Value, by: f64, limit: Option<f64>) -> Result<Value, Added> {
    let sum = match (value, column.kind) {
        (Value::Integer(_) | Value::Null(_), Kind::Integer) => {
            let before = if let Value::Integer(number) = value { *number } else { 0 };
            let whole = (by.fract() == 0.0 && by.abs() < 9.0e15).then_some(by as i64).ok_or(Added::NoNumber)?;
            Value::Integer(before.checked_add(whole).ok_or(Added::BeyondLimit)?)
        }
        (Value::Float(_) | Value::Null(_), Kind::Float) => {
            Value::Float(if let Value::Float(number) = value { *number } else { 0.0 } + by)
        }
        _ => return Err(Added::NoNumber),
    };
    let (as_float, json) = match &sum {
        Value::Integer(number) => (*number as f64, Json::from(*number)),
        Value::Float(number) => (*number, Json::from(*number)),
        _ => return Err(Added::NoNumber),
    };
    if limit.is_some_and(|limit| if by > 0.0 { as_float > limit } else { as_float < limit }) {
        return Err(Added::BeyondLimit);
    }
    column.read(&json).map_err(Added::BeyondRange)?;
    Ok(sum)
}

/// Why a number can't be added.
#[derive(Debug, PartialEq)]
pub(crate) enum Added {
    /// The column doesn't hold such numbers.
    NoNumber,
    /// The sum is beyond what the caller allows, or what a number can be.
    BeyondLimit,
    /// The sum is beyond what the column allows; the sentence says so.
    BeyondRange(String),
}
