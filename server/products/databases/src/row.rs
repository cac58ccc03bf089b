//! Rows: from the JSON of a request to typed values, and from typed values to the JSON of an answer.
//!
//! Both directions are written by hand, without a tree of JSON in between on the way out, because every request for rows
//! passes here.

use crate::operator::Operator;
use crate::permission_sets::PermissionSet;
use crate::schema::{SchemaColumn, TableSchema};
use crate::vocabulary::Vocabulary;
use floe_kernel::time::Timestamp;
use floe_kernel::value::Value;
use floe_kernel::{Error, Result};
use floe_store::tables::StoredRow;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// The moment of making of a row that is only staged. It has none yet, nor a sequence: they are shown as empty texts, as
/// Appwrite does. (No row was made that long ago.)
pub(crate) const PROVISIONAL: i64 = i64::MIN;

/// What a request says of a row, checked against the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowData {
    /// Columns, by their position, and their values.
    pub(crate) values: Vec<(usize, Value)>,
    /// Columns, by their position, and how their values change.
    pub(crate) operators: Vec<(usize, Operator)>,
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
    /// Whether they may speak in terms of what a row holds already.
    pub(crate) operators: bool,
}

impl Speaker {
    /// A value that must be there isn't.
    pub(crate) fn lacks(self, key: &str) -> Error {
        self.refuse(format!("Missing required attribute \"{key}\""))
    }

    /// The same, speaking of a row that isn't there yet.
    pub(crate) fn of_new(self) -> Self {
        Self { operators: false, ..self }
    }

    /// The error that a row doesn't fit its table, which this sentence says.
    pub(crate) fn refuse(self, fault: impl std::fmt::Display) -> Error {
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
                Some(position) => read.read_column(position, &self.columns[position], json, speaker)?,
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

    /// The values of a new row, one for each column: what was said, else the default. Nothing (`null`) says nothing.
    pub(crate) fn filled(&self, data: RowData) -> Vec<Value> {
        let mut values: Vec<_> = self.columns.iter().map(|column| column.default.clone()).collect();
        for (position, value) in data.values {
            if !value.is_null() {
                values[position] = value;
            }
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
        let is_there = row.created != PROVISIONAL;
        if is_there {
            put(out, &row.sequence);
        }
        out.extend_from_slice(self.head(vocabulary));
        if is_there {
            Timestamp::from_millis(row.created).write(out);
        }
        out.extend_from_slice(br#"","$updatedAt":""#);
        if is_there {
            Timestamp::from_millis(row.updated).write(out);
        }
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
    /// The same, with the default where nothing (`null`) was said of a column.
    pub(crate) fn defaulted(mut self, schema: &TableSchema) -> Self {
        for (position, value) in self.values.iter_mut().filter(|(_, value)| value.is_null()) {
            value.clone_from(&schema.columns[*position].default);
        }
        self
    }

    /// Reads what is said of a column: its value, or how that changes.
    ///
    /// # Errors
    /// For an operator that isn't well-formed.
    fn read_column(
        &mut self,
        position: usize,
        column: &SchemaColumn,
        json: &Json,
        speaker: Speaker,
    ) -> Result<Result<(), String>> {
        let operator = if speaker.operators { Operator::read(json, column) } else { Ok(None) };
        Ok(match operator {
            Ok(Some(operator)) => {
                self.operators.push((position, operator));
                Ok(())
            }
            Ok(None) => column.read(json).map(|value| self.values.push((position, value))),
            Err(misread) => Err(misread.fault()?),
        })
    }

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
        column.domain.accept(json).map_err(|rule| self.broken(&rule))
    }

    /// The sentence that a value breaks this rule of the column.
    pub(crate) fn broken(&self, rule: &str) -> String {
        format!("Attribute \"{}\" has invalid {}. {rule}", self.column.key, self.column.domain.fault())
    }

    /// A number that was computed, if it is one of the column's.
    ///
    /// # Errors
    /// The sentence that says which rule it breaks.
    pub(crate) fn check(&self, value: Value) -> Result<Value, String> {
        let json = match &value {
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            _ => return Ok(value),
        };
        self.column.domain.accept(&json).map_err(|rule| self.broken(&rule))
    }

    /// Elements for the column's lists, in the form in which those are kept.
    ///
    /// # Errors
    /// The sentence that says which rule one of them breaks.
    pub(crate) fn accepted(&self, items: &[Json]) -> Result<Vec<Json>, String> {
        self.read_items(items).map(|list| parsed_list(&list))
    }

    /// A list is kept as the text of its JSON, with every element in the form in which it is answered.
    fn read_list(&self, json: &Json) -> Result<Value, String> {
        let column = &self.column;
        let items = json.as_array().ok_or_else(|| format!("Attribute \"{}\" must be an array", column.key))?;
        self.read_items(items)
    }

    fn read_items(&self, items: &[Json]) -> Result<Value, String> {
        let column = &self.column;
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

/// The elements of a list that is kept; nothing has none.
pub(crate) fn parsed_list(value: &Value) -> Vec<Json> {
    let Value::Json(text) = value else { return Vec::new() };
    serde_json::from_str(text).unwrap_or_default()
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
