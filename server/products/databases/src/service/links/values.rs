//! From the JSON of a request to what a row is to be related to. Needs no storage.

use super::{DEPTH, MAX_ROWS, RelatedSchemas};
use crate::relation::Relation;
use crate::row::RowData;
use crate::schema::TableSchema;
use crate::service::speaker;
use crate::service::writes::permissions_of_new;
use floe_gateway::Call;
use floe_kernel::permission::{PermissionTarget, Permissions};
use floe_kernel::{Error, ErrorKind, Result, id};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

const ID_RULE: &str = "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

/// What a row is to be related to by one relationship, and nothing else.
#[derive(Debug)]
pub(in crate::service) struct Wanted<'o> {
    /// The relationship.
    pub(super) relation: &'o Relation,
    /// The table that it leads to.
    pub(super) related: &'o TableSchema,
    /// The rows, in the order in which they were said.
    pub(super) targets: Vec<Target<'o>>,
}

/// A row to be related to.
#[derive(Debug)]
pub(super) enum Target<'o> {
    /// The one of this id.
    Named(&'o str),
    /// One that is made, or changed where it is there.
    Nested(Nested<'o>),
}

/// A row that stands among the values of another one.
#[derive(Debug)]
pub(super) struct Nested<'o> {
    /// Its id.
    pub(super) id: Cow<'o, str>,
    /// Whether the id is of our making, so that there is no such row.
    pub(super) is_new: bool,
    /// Its values.
    pub(super) data: RowData,
    /// The key of a value that it lacks, if it isn't there yet.
    pub(super) lacks: Option<&'o str>,
    /// What it is to allow, where that is said.
    pub(super) permissions: Option<Permissions>,
    /// What it is to be related to itself.
    pub(super) wanted: Vec<Wanted<'o>>,
}

impl<'o> Wanted<'o> {
    /// Reads what a row of this table is to be related to. `tx`: whether the row is there and is changed.
    ///
    /// # Errors
    /// `relationship_value_invalid` in Appwrite's words; for rows in it, those of making or changing a row.
    pub(in crate::service) fn read(
        call: &Call,
        schema: &'o TableSchema,
        around: &'o RelatedSchemas,
        data: &'o Map<String, Json>,
        tx: bool,
    ) -> Result<Vec<Self>> {
        LinkValueReader { call, around, left: MAX_ROWS }.wanted(schema, data, None, 1, tx)
    }
}

struct LinkValueReader<'o, 'c> {
    call: &'c Call,
    around: &'o RelatedSchemas,
    /// How many rows may still be named.
    left: usize,
}

impl<'o> LinkValueReader<'o, '_> {
    /// What a row is to be related to, `depth` rows deep. `through`: the relationship by which it was reached, whose
    /// other side is what it is already.
    fn wanted(
        &mut self,
        schema: &'o TableSchema,
        data: &'o Map<String, Json>,
        through: Option<&Relation>,
        depth: usize,
        tx: bool,
    ) -> Result<Vec<Wanted<'o>>> {
        let mut all = Vec::new();
        for relation in &schema.relations {
            let back = through.is_some_and(|through| relation.mirrors(through));
            let Some(value) = data.get(&relation.key).filter(|_| !back && depth < DEPTH) else { continue };
            let Some(items) = items(relation, value, tx)? else { continue };
            let Some(related) = self.around.related(self.call, relation) else {
                // A table that isn't there has no rows to name; and none can be made.
                if items.iter().any(|item| item.is_object()) {
                    return Err(ErrorKind::UserUnauthorized.into());
                }
                continue;
            };
            let targets = items.into_iter().map(|item| self.target(relation, related, item, depth));
            all.push(Wanted { relation, related, targets: targets.collect::<Result<_>>()? });
        }
        Ok(all)
    }

    fn target(
        &mut self,
        relation: &Relation,
        related: &'o TableSchema,
        item: &'o Json,
        depth: usize,
    ) -> Result<Target<'o>> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| invalid(format!("A row can't name more than {MAX_ROWS} others at once.")))?;
        match item {
            Json::String(id) if id::is_valid(id) => Ok(Target::Named(id)),
            Json::String(_) => Err(invalid(ID_RULE)),
            Json::Object(data) => self.nested(relation, related, data, depth).map(Target::Nested),
            _ => Err(invalid(
                "Invalid relationship value. Must be either a document, document ID, or an array of documents or document IDs.",
            )),
        }
    }

    fn nested(
        &mut self,
        relation: &Relation,
        related: &'o TableSchema,
        data: &'o Map<String, Json>,
        depth: usize,
    ) -> Result<Nested<'o>> {
        let (id, is_new) = match data.get("$id") {
            None | Some(Json::Null) => (Cow::Owned(id::unique(self.call.now)), true),
            Some(Json::String(id)) if id == id::UNIQUE => (Cow::Owned(id::unique(self.call.now)), true),
            Some(Json::String(id)) if id::is_valid(id) => (Cow::Borrowed(id.as_str()), false),
            Some(Json::String(_)) => return Err(invalid(ID_RULE)),
            Some(_) => return Err(invalid("Relationship $id must be a string")),
        };
        Ok(Nested {
            id,
            is_new,
            data: related.part(data, speaker(self.call).of_new())?,
            lacks: related.lacking(data),
            permissions: permissions(data)?,
            wanted: self.wanted(related, data, Some(relation), depth + 1, false)?,
        })
    }
}

/// Gives the rows that are to be made among these values the ids that they will have, and what they will allow: so that
/// it is the same whenever, and by whomever, they are made.
///
/// # Errors
/// None that the caller can cause.
pub(in crate::service) fn settle(
    call: &Call,
    schema: &TableSchema,
    around: &RelatedSchemas,
    data: &mut Map<String, Json>,
    depth: usize,
) -> Result<()> {
    for relation in &schema.relations {
        let Some(value) = data.get_mut(&relation.key).filter(|_| depth < DEPTH) else { continue };
        let Some(related) = around.related(call, relation) else { continue };
        let rows: Vec<_> = match value {
            Json::Object(row) => vec![row],
            Json::Array(items) => items.iter_mut().filter_map(Json::as_object_mut).collect(),
            _ => continue,
        };
        for row in rows {
            let id = row.get("$id").unwrap_or(&Json::Null);
            if id.is_null() || id == id::UNIQUE {
                row.insert("$id".to_owned(), id::unique(call.now).into());
                if row.get("$permissions").is_none_or(Json::is_null) {
                    let own = serde_json::to_value(permissions_of_new(call, None)?).map_err(Error::internal)?;
                    row.insert("$permissions".to_owned(), own);
                }
            }
            settle(call, related, around, row, depth + 1)?;
        }
    }
    Ok(())
}

/// The rows that a relationship's value names; none: it says nothing.
fn items<'o>(relation: &Relation, value: &'o Json, tx: bool) -> Result<Option<Vec<&'o Json>>> {
    let fault = match (relation.to_many(), value) {
        (true, Json::Array(items)) => return Ok(Some(items.iter().collect())),
        (false, Json::Null) => return Ok(Some(Vec::new())),
        (false, Json::String(_) | Json::Object(_)) => return Ok(Some(vec![value])),
        (true, Json::Null) if !tx => return Ok(None),
        (true, Json::Null) => "Must be either an array of documents or document IDs, NULL given.",
        (true, Json::Object(_)) => "Must be either an array of documents or document IDs, document given.",
        (true, Json::String(_)) => "Must be either an array of documents or document IDs, document ID given.",
        (false, Json::Array(_)) => "Must be either a document ID or a document, array given.",
        _ => "Must be either a document, document ID, or an array of documents or document IDs.",
    };
    Err(invalid(format!("Invalid relationship value. {fault}")))
}

fn permissions(data: &Map<String, Json>) -> Result<Option<Permissions>> {
    let Some(list) = data.get("$permissions").filter(|list| !list.is_null()) else { return Ok(None) };
    let texts: Option<Vec<&str>> = list.as_array().and_then(|list| list.iter().map(Json::as_str).collect());
    let texts = texts.ok_or_else(|| invalid("$permissions must be a list of texts"))?;
    Permissions::parse(&texts, PermissionTarget::Item).map(Some)
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::RelationshipValueInvalid).message(message).field("data")
}
