//! Filters by what rows are related to: `author` itself, or a path to a column of the rows there, `author.name`.
//!
//! A filter holds for a row that is related to a row which the caller may read and for which the rest holds. So what the
//! caller can't read is as if it weren't there, at every step, and filtering by it tells nothing.

use super::related::{MAX_DEPTH, RelatedTable, RelatedTableFinder};
use super::shapes::{self, Source};
use crate::relation::Relation;
use crate::schema::TableSchema;
use floe_gateway::Call;
use floe_kernel::query::{Condition, Filter, Method, Operator, Queries};
use floe_kernel::value::Value;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::query::Predicate;
use floe_store::tables::ID;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::pin::Pin;

type Boxed<'b, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'b>>;

impl RelatedTableFinder<'_> {
    /// The same queries, with every filter by a relationship worked out.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] for names and values that don't fit.
    pub(super) async fn follow<'q>(&self, schema: &TableSchema, queries: &'q Queries) -> Result<Cow<'q, Queries>> {
        if schema.relations.is_empty() || queries.conditions.is_empty() {
            return Ok(Cow::Borrowed(queries));
        }
        let conditions = self.follow_all(schema, &queries.conditions, 0).await?;
        Ok(Cow::Owned(Queries { conditions, ..queries.clone() }))
    }

    /// Conditions of which all must hold. Those on the same relationship must hold for one and the same row there.
    fn follow_all<'b>(
        &'b self,
        schema: &'b TableSchema,
        conditions: &'b [Condition],
        depth: usize,
    ) -> Boxed<'b, Vec<Condition>> {
        Box::pin(async move {
            let mut own = Vec::with_capacity(conditions.len());
            let mut through: Vec<(&Relation, Vec<Condition>)> = Vec::new();
            for condition in conditions {
                match condition {
                    Condition::And(parts) => own.push(Condition::And(self.follow_all(schema, parts, depth).await?)),
                    Condition::Or(parts) => own.push(Condition::Or(self.follow_each(schema, parts, depth).await?)),
                    Condition::Compare { attribute, .. } | Condition::List { attribute, .. } => {
                        match schema.step(attribute) {
                            None => own.push(condition.clone()),
                            Some((relation, None)) => {
                                let there = self.beyond(schema, relation, depth).await?;
                                own.push(Condition::Principal(is_related(&there, self.call(), relation, condition)?));
                            }
                            Some((relation, Some(rest))) => {
                                let rest = condition.about(rest);
                                match through.iter_mut().find(|(other, _)| other.number == relation.number) {
                                    Some((_, conditions)) => conditions.push(rest),
                                    None => through.push((relation, vec![rest])),
                                }
                            }
                        }
                    }
                    Condition::Principal(_) => own.push(condition.clone()),
                }
            }
            for (relation, conditions) in through {
                let there = self.beyond(schema, relation, depth).await?;
                let conditions = self.follow_all(&there.schema, &conditions, depth + 1).await?;
                let fields = there.schema.fields();
                let filters = conditions.iter().map(|condition| condition.resolve(fields)).collect::<Result<_>>()?;
                let (mut filter, visible) = (Filter::All(filters), Predicate::visible(&there.visible));
                let source = Source::Store(self.call().store_for_lists());
                shapes::settle(source, &there.schema, &mut filter, visible.as_ref()).await?;
                own.push(Condition::Principal(linked(&there, self.call(), relation, false, filter)));
            }
            Ok(own)
        })
    }

    /// Conditions of which one must hold.
    async fn follow_each(
        &self,
        schema: &TableSchema,
        conditions: &[Condition],
        depth: usize,
    ) -> Result<Vec<Condition>> {
        let mut followed = Vec::with_capacity(conditions.len());
        for condition in conditions {
            followed.extend(self.follow_all(schema, std::slice::from_ref(condition), depth).await?);
        }
        Ok(followed)
    }

    async fn beyond(&self, schema: &TableSchema, relation: &Relation, depth: usize) -> Result<RelatedTable> {
        if depth >= MAX_DEPTH {
            let key = &relation.key;
            return Err(invalid(format!("relationships can be followed {MAX_DEPTH} deep, not further: {key}")));
        }
        self.there(schema, relation).await
    }
}

fn linked(there: &RelatedTable, call: &Call, relation: &Relation, none: bool, filter: Filter) -> Filter {
    Filter::Linked { link: there.link(call, relation), none, filter: Box::new(filter) }
}

/// A filter by the relationship itself: to which rows there is one, by their ids.
fn is_related(there: &RelatedTable, call: &Call, relation: &Relation, condition: &Condition) -> Result<Filter> {
    let (method, values) = match condition {
        Condition::Compare { method, values, .. } => (*method, values),
        Condition::List { method, list, .. } if !list.is_empty() => (*method, list),
        _ => return Err(refused(relation)),
    };
    let ids: Vec<Value> = values.iter().map(|value| id(value, relation)).collect::<Result<_>>()?;
    let one_of = |operator, ids: &[Value]| Filter::Compare {
        column: ID.to_owned(),
        array: false,
        operator,
        values: ids.to_vec(),
    };
    let to = |none, filter| linked(there, call, relation, none, filter);
    Ok(match method {
        Method::Equal | Method::Contains | Method::ContainsAny => to(false, one_of(Operator::Equal, &ids)),
        Method::ContainsAll => Filter::All(ids.chunks(1).map(|id| to(false, one_of(Operator::Equal, id))).collect()),
        // As with other columns: one that has no value at all is neither equal nor unequal.
        Method::NotEqual if !relation.to_many() => to(false, one_of(Operator::NotEqual, &ids)),
        Method::NotEqual | Method::NotContains => to(true, one_of(Operator::Equal, &ids)),
        Method::IsNull => to(true, Filter::All(Vec::new())),
        Method::IsNotNull => to(false, Filter::All(Vec::new())),
        _ => {
            let (name, key) = (method.name(), &relation.key);
            return Err(invalid(format!("Cannot query {name} on attribute \"{key}\" because it is a relationship.")));
        }
    })
}

fn id(value: &Json, relation: &Relation) -> Result<Value> {
    let id = value.as_str().filter(|text| id::is_valid(text));
    id.map(|text| Value::Text(text.to_owned())).ok_or_else(|| refused(relation))
}

fn refused(relation: &Relation) -> Error {
    invalid(format!("Query value is invalid for attribute \"{}\"", relation.key))
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GeneralQueryInvalid).message(format!("Invalid query: {message}")).field("queries")
}
