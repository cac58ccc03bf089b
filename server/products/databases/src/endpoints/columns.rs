//! `…/columns` and `…/attributes`. Each type has endpoints of its own; what they take differs, what is done doesn't.

use super::params::Key;
use super::{at, page};
use crate::domain::{Domain, Form, MAX_STRING, MAX_VARCHAR, TextType};
use crate::model::NewColumn;
use crate::repository::Listing;
use crate::service::{At, ColumnChange, Databases, DomainChange};
use crate::vocabulary::Vocabulary;
use floe_gateway::input::Param;
use floe_gateway::param::{Id, Nullable, Queries, Text};
use floe_gateway::{Call, Reply, input};
use floe_kernel::range::range_rule;
use floe_kernel::{Error, Result};
use serde_json::Value as Json;
use std::sync::Arc;

/// The status of "asked for, and not yet certain to be done" (it is done; see [`crate::service`]).
const ACCEPTED: u16 = 202;

/// Declares what creating a column of some type takes: what all types do, and more.
macro_rules! new_column {
    ($(#[$meta:meta])* $name:ident, default: $default:ty $(, $(#[doc = $doc:literal])* $field:ident: $type:ty = $wire:literal $(or $or:expr)?)* $(,)?) => {
        input! {
            $(#[$meta])*
            pub(crate) struct $name {
                /// The database's id.
                database: Id = path "databaseId",
                /// The table's id.
                table: Id = path "tableId" | "collectionId",
                /// The column's name.
                key: Key = body "key",
                $($(#[doc = $doc])* $field: $type = body $wire $(or $or)?,)*
                /// Whether every new row must have a value.
                required: bool = body "required",
                /// What rows get that don't say.
                default: Option<$default> = body "default" or None,
                /// Whether it holds lists of values.
                array: bool = body "array" or false,
            }
        }

        impl $name {
            fn split(self, domain: Domain) -> (At, NewColumn) {
                let default = self.default.map(Json::from);
                let Self { key, required, array, .. } = self;
                (at(self.database, self.table), NewColumn { key: key.0, domain, required, array, encrypted: false, default })
            }
        }
    };
}

/// Declares what updating a column of some type takes: what all types do, and more.
macro_rules! changed_column {
    ($(#[$meta:meta])* $name:ident, default: $default:ty $(= $absent:expr)? $(, $(#[doc = $doc:literal])* $field:ident: $type:ty = $wire:literal $(or $or:expr)?)* $(,)?) => {
        input! {
            $(#[$meta])*
            pub(crate) struct $name {
                /// The database's id.
                database: Id = path "databaseId",
                /// The table's id.
                table: Id = path "tableId" | "collectionId",
                /// The column's name.
                key: Key = path "key",
                $($(#[doc = $doc])* $field: $type = body $wire $(or $or)?,)*
                /// Whether every new row must have a value.
                required: bool = body "required",
                /// What rows get that don't say; null for nothing.
                default: Nullable<$default> = body "default" $(or $absent)?,
                /// Another name.
                new_key: Option<Key> = body "newKey" or None,
            }
        }

        impl $name {
            fn split(self, domain: DomainChange) -> (At, String, ColumnChange) {
                let default = match self.default {
                    Nullable::Value(default) => Some(Json::from(default)),
                    Nullable::Null | Nullable::Absent => None,
                };
                let new_key = self.new_key.map(|key| key.0);
                let change = ColumnChange { domain, required: self.required, default, new_key };
                (at(self.database, self.table), self.key.0, change)
            }
        }
    };
}

/// The default value of a text column, whose size says how long it may be.
#[derive(Debug)]
pub(crate) struct DefaultText(String);

impl Param for DefaultText {
    fn read(value: Json) -> Result<Self, floe_gateway::input::Refusal> {
        match value {
            Json::String(text) => Ok(Self(text)),
            _ => Err("Value must be a valid string".into()),
        }
    }

    fn schema() -> Json {
        serde_json::json!({"type": "string"})
    }
}

impl From<DefaultText> for Json {
    fn from(default: DefaultText) -> Self {
        default.0.into()
    }
}

async fn made(service: Arc<Databases>, call: Call, (at, new): (At, NewColumn)) -> Result<Reply> {
    Reply::json(ACCEPTED, &service.create_column(&call, &at, new).await?.to_json())
}

async fn changed(service: Arc<Databases>, call: Call, (at, key, change): (At, String, ColumnChange)) -> Result<Reply> {
    Reply::ok(&service.update_column(&call, &at, &key, change).await?.to_json())
}

new_column! {
    /// What creating a text column of a size takes.
    CreateSized, default: DefaultText,
    /// How many characters a value may have.
    size: i64 = "size",
    /// Whether values are kept encrypted.
    encrypt: bool = "encrypt" or false,
}

pub(crate) async fn create_sized(
    service: Arc<Databases>,
    call: Call,
    input: CreateSized,
    of: TextType,
) -> Result<Reply> {
    let (size, encrypt) = (sized(of, input.size)?, input.encrypt);
    made(service, call, encrypted(input.split(Domain::Text { of, size }), encrypt)).await
}

fn sized(of: TextType, size: i64) -> Result<i64> {
    let largest = if of == TextType::Varchar { MAX_VARCHAR } else { MAX_STRING };
    let rule = || Error::invalid("size", range_rule(1, largest));
    (1..=largest).contains(&size).then_some(size).ok_or_else(rule)
}

fn encrypted((at, new): (At, NewColumn), encrypted: bool) -> (At, NewColumn) {
    (at, NewColumn { encrypted, ..new })
}

changed_column! {
    /// What updating a text column of a size takes.
    UpdateSized, default: DefaultText,
    /// How many characters a value may have from now on.
    size: Option<i64> = "size" or None,
}

pub(crate) async fn update_sized(
    service: Arc<Databases>,
    call: Call,
    input: UpdateSized,
    of: TextType,
) -> Result<Reply> {
    let size = input.size.map(|size| sized(of, size)).transpose()?;
    changed(service, call, input.split(DomainChange::Text { of, size })).await
}

new_column! {
    /// What creating a text column takes, of a type that says itself how long a value may be.
    CreateText, default: DefaultText,
    /// Whether values are kept encrypted.
    encrypt: bool = "encrypt" or false,
}

pub(crate) async fn create_text(service: Arc<Databases>, call: Call, input: CreateText, of: TextType) -> Result<Reply> {
    let (size, encrypt) = (of.own_size().unwrap_or(MAX_STRING), input.encrypt);
    made(service, call, encrypted(input.split(Domain::Text { of, size }), encrypt)).await
}

pub(crate) async fn update_text(service: Arc<Databases>, call: Call, input: UpdateForm, of: TextType) -> Result<Reply> {
    changed(service, call, input.split(DomainChange::Text { of, size: None })).await
}

new_column! {
    /// What creating a column of text of a form takes.
    CreateForm, default: DefaultText
}

pub(crate) async fn create_form(service: Arc<Databases>, call: Call, input: CreateForm, form: Form) -> Result<Reply> {
    check_form(input.default.as_ref(), &Domain::Form(form))?;
    made(service, call, input.split(Domain::Form(form))).await
}

pub(crate) async fn create_datetime(service: Arc<Databases>, call: Call, input: CreateForm) -> Result<Reply> {
    check_form(input.default.as_ref(), &Domain::Datetime)?;
    made(service, call, input.split(Domain::Datetime)).await
}

/// A default of such a type has a form that doesn't depend on the column.
fn check_form(default: Option<&DefaultText>, domain: &Domain) -> Result<()> {
    let Some(default) = default else { return Ok(()) };
    let accepted = domain.accept(&Json::from(default.0.as_str()));
    accepted.map(drop).map_err(|rule| Error::invalid("default", rule))
}

changed_column! {
    /// What updating a column takes whose type leaves nothing else to say.
    UpdateForm, default: DefaultText
}

pub(crate) async fn update_form(service: Arc<Databases>, call: Call, input: UpdateForm, form: Form) -> Result<Reply> {
    check_form(input.default.as_ref(), &Domain::Form(form))?;
    changed(service, call, input.split(DomainChange::Form(form))).await
}

pub(crate) async fn update_datetime(service: Arc<Databases>, call: Call, input: UpdateForm) -> Result<Reply> {
    check_form(input.default.as_ref(), &Domain::Datetime)?;
    changed(service, call, input.split(DomainChange::Datetime)).await
}

new_column! {
    /// What creating an enum column takes.
    CreateEnum, default: DefaultText,
    /// The texts that it may hold.
    elements: Vec<Text<1, 255>> = "elements",
}

pub(crate) async fn create_enum(service: Arc<Databases>, call: Call, mut input: CreateEnum) -> Result<Reply> {
    let elements = std::mem::take(&mut input.elements).into_iter().map(Into::into).collect();
    made(service, call, input.split(Domain::Enum(elements))).await
}

changed_column! {
    /// What updating an enum column takes.
    UpdateEnum, default: DefaultText,
    /// The texts that it may hold from now on.
    elements: Vec<Text<1, 255>> = "elements",
}

pub(crate) async fn update_enum(service: Arc<Databases>, call: Call, mut input: UpdateEnum) -> Result<Reply> {
    let elements = std::mem::take(&mut input.elements).into_iter().map(Into::into).collect();
    changed(service, call, input.split(DomainChange::Enum(elements))).await
}

new_column! {
    /// What creating a column of whole numbers takes.
    CreateInteger, default: i64,
    /// The smallest value.
    min: Option<i64> = "min" or None,
    /// The largest value.
    max: Option<i64> = "max" or None,
}

pub(crate) async fn create_integer(
    service: Arc<Databases>,
    call: Call,
    input: CreateInteger,
    big: bool,
) -> Result<Reply> {
    let (min, max) = (input.min.unwrap_or(i64::MIN), input.max.unwrap_or(i64::MAX));
    made(service, call, input.split(Domain::Integer { big, min, max })).await
}

changed_column! {
    /// What updating a column of whole numbers takes.
    UpdateInteger, default: i64,
    /// The smallest value from now on.
    min: Option<i64> = "min" or None,
    /// The largest value from now on.
    max: Option<i64> = "max" or None,
}

pub(crate) async fn update_integer(
    service: Arc<Databases>,
    call: Call,
    input: UpdateInteger,
    big: bool,
) -> Result<Reply> {
    let (min, max) = (input.min, input.max);
    changed(service, call, input.split(DomainChange::Integer { big, min, max })).await
}

new_column! {
    /// What creating a column of numbers takes.
    CreateFloat, default: f64,
    /// The smallest value.
    min: Option<f64> = "min" or None,
    /// The largest value.
    max: Option<f64> = "max" or None,
}

pub(crate) async fn create_float(service: Arc<Databases>, call: Call, input: CreateFloat) -> Result<Reply> {
    let (min, max) = (input.min.unwrap_or(f64::MIN), input.max.unwrap_or(f64::MAX));
    made(service, call, input.split(Domain::Float { min, max })).await
}

changed_column! {
    /// What updating a column of numbers takes.
    UpdateFloat, default: f64,
    /// The smallest value from now on.
    min: Option<f64> = "min" or None,
    /// The largest value from now on.
    max: Option<f64> = "max" or None,
}

pub(crate) async fn update_float(service: Arc<Databases>, call: Call, input: UpdateFloat) -> Result<Reply> {
    let (min, max) = (input.min, input.max);
    changed(service, call, input.split(DomainChange::Float { min, max })).await
}

new_column! {
    /// What creating a boolean column takes.
    CreateBoolean, default: bool
}

pub(crate) async fn create_boolean(service: Arc<Databases>, call: Call, input: CreateBoolean) -> Result<Reply> {
    made(service, call, input.split(Domain::Boolean)).await
}

changed_column! {
    /// What updating a boolean column takes.
    UpdateBoolean, default: bool
}

pub(crate) async fn update_boolean(service: Arc<Databases>, call: Call, input: UpdateBoolean) -> Result<Reply> {
    changed(service, call, input.split(DomainChange::Boolean)).await
}

input! {
    /// What creating a column of points, lines or polygons takes.
    pub(crate) struct CreateShape {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The column's name.
        key: Key = body "key",
        /// Whether every new row must have a value.
        required: bool = body "required",
        /// What rows get that don't say.
        default: Option<Places> = body "default" or None,
    }
}

pub(crate) async fn create_shape(
    service: Arc<Databases>,
    call: Call,
    input: CreateShape,
    form: floe_geometry::Form,
) -> Result<Reply> {
    let default = input.default.map(|places| places.of(form)).transpose()?;
    let CreateShape { key, required, .. } = input;
    let new = NewColumn { key: key.0, domain: Domain::Shape(form), required, array: false, encrypted: false, default };
    made(service, call, (at(input.database, input.table), new)).await
}

changed_column! {
    /// What updating a column of points, lines or polygons takes.
    UpdateShape, default: Places = Nullable::Absent
}

pub(crate) async fn update_shape(
    service: Arc<Databases>,
    call: Call,
    input: UpdateShape,
    form: floe_geometry::Form,
) -> Result<Reply> {
    let (at, key, mut change) = input.split(DomainChange::Shape(form));
    change.default = change.default.map(|default| Places(default).of(form)).transpose()?;
    changed(service, call, (at, key, change)).await
}

/// The default value of a column of shapes.
#[derive(Debug)]
pub(crate) struct Places(Json);

impl Places {
    /// It, if it is a shape of this form.
    fn of(self, form: floe_geometry::Form) -> Result<Json> {
        let refuse = |rule| Error::invalid("default", rule);
        floe_geometry::Shape::read(form, &self.0).map_err(refuse).map(|_| self.0)
    }
}

impl Param for Places {
    fn read(value: Json) -> Result<Self, floe_gateway::input::Refusal> {
        if value.is_array() { Ok(Self(value)) } else { Err("Value must be a valid array".into()) }
    }

    fn schema() -> Json {
        serde_json::json!({"type": "array", "items": {}})
    }
}

impl From<Places> for Json {
    fn from(places: Places) -> Self {
        places.0
    }
}

input! {
    /// What listing columns takes.
    pub(crate) struct ListColumns {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Filters, order and page.
        queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListColumns) -> Result<Reply> {
    let listing = Listing { queries: &input.queries.0, search: "", total: input.total };
    let listed = service.columns(&call, &at(input.database, input.table), &listing).await?;
    Reply::ok(&page(Vocabulary::of(&call).words().columns, listed, |column| column.to_json(Vocabulary::of(&call))))
}

input! {
    /// What names a column.
    pub(crate) struct NamedColumn {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The column's name.
        key: Key = path "key",
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: NamedColumn) -> Result<Reply> {
    let column = service.column(&call, &at(input.database, input.table), &input.key.0).await?;
    Reply::ok(&column.to_json(Vocabulary::of(&call)))
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: NamedColumn) -> Result<Reply> {
    service.delete_column(&call, &at(input.database, input.table), &input.key.0).await?;
    Ok(Reply::empty())
}
