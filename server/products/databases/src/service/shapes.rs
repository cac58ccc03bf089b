//! Conditions on shapes, settled before a list is read: each is replaced by the rows that meet it, which storage then
//! knows by number. See docs/decisions/0011.
//!
//! Only rows come into question that the caller may see and that meet the other conditions, as far as those must hold
//! anyway; and of a column with a spatial index only those in the right frame.

use crate::domain::Domain;
use crate::schema::{SchemaColumn, TableSchema};
use floe_geometry::{Relation, Shape, Test, Wanted};
use floe_kernel::query::{Filter, Method, Operator};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::Predicate;
use floe_store::tables::{self, SEQUENCE, Shapes};
use floe_store::{Store, UnitOfWork};
use serde_json::Value as Json;
use std::sync::Arc;

/// The most conditions on shapes of one request: each may read all of a table.
const MAX_CONDITIONS: usize = 10;

/// Where the rows are read.
pub(super) enum Source<'s> {
    /// Outside of a unit of work.
    Store(Store),
    /// Inside of one.
    Unit(&'s mut UnitOfWork),
}

/// A condition on shapes, understood.
struct Asked<'a> {
    column: &'a SchemaColumn,
    test: Test,
    /// Whether rows are meant whose shape does *not* pass.
    negated: bool,
}

/// Refuses conditions on shapes that make no sense. Needs no storage.
///
/// # Errors
/// `general_query_invalid`.
pub(super) fn check(schema: &TableSchema, filter: &Filter) -> Result<()> {
    let mut conditions = Vec::new();
    collect(filter, &mut conditions);
    if conditions.len() > MAX_CONDITIONS {
        return Err(invalid(format!("at most {MAX_CONDITIONS} spatial queries")));
    }
    conditions.into_iter().try_for_each(|condition| understood(schema, condition).map(drop))
}

/// Replaces each condition on shapes by the rows that meet it. `visible` is what the caller may see; none: everything.
///
/// # Errors
/// Those of [`check`], and of reading.
pub(super) async fn settle(
    mut source: Source<'_>,
    schema: &TableSchema,
    filter: &mut Filter,
    visible: Option<&Predicate>,
) -> Result<()> {
    if !filter.has_shapes() {
        return Ok(());
    }
    check(schema, filter)?;
    let mut certain: Vec<_> = visible.cloned().into_iter().collect();
    holds_anyway(filter, &mut certain);
    let also = Predicate::all(certain);
    let mut conditions = Vec::new();
    collect_mut(filter, &mut conditions);
    for condition in conditions {
        let asked = understood(schema, condition)?;
        *condition = settled(&mut source, schema, asked, also.clone()).await?;
    }
    Ok(())
}

async fn settled(source: &mut Source<'_>, schema: &TableSchema, asked: Asked<'_>, also: Predicate) -> Result<Filter> {
    let Asked { column, test, negated } = asked;
    // What doesn't pass may be anywhere. To leave out what passes instead is much quicker, but on PostgreSQL it lets a
    // row through that was made in between: fine where rows are shown, not where they are changed or removed.
    let (leave_out, invert) =
        (negated && matches!(source, Source::Store(_)), negated && matches!(source, Source::Unit(_)));
    let bounding_box = test.bounding_box();
    let name = column.column.stored().name;
    let shapes = Shapes {
        table: schema.stored.clone(),
        column: name.clone(),
        within: column.spatial_index.filter(|_| !invert).map(|number| (number, bounding_box)),
        also,
    };
    let passes = move |text: &str| Shape::stored(text).is_some_and(|shape| test.passes(&shape) != invert);
    let passes: tables::Test = Arc::new(passes);
    let numbers = match source {
        Source::Store(store) => tables::matching(store, shapes, passes).await?,
        Source::Unit(unit) => tables::matching_in(unit, shapes, passes).await?,
    };
    let numbered = Filter::Numbered { column: SEQUENCE.to_owned(), negated: leave_out, numbers };
    if !leave_out {
        return Ok(numbered);
    }
    let has_shape = Filter::Compare { column: name, array: false, operator: Operator::IsNotNull, values: Vec::new() };
    Ok(Filter::All(vec![has_shape, numbered]))
}

/// The conditions on shapes, wherever they are. (Those on related rows are settled on the way there: [`super::paths`].)
fn collect<'f>(filter: &'f Filter, found: &mut Vec<&'f Filter>) {
    match filter {
        Filter::Shape { .. } => found.push(filter),
        Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| collect(part, found)),
        _ => {}
    }
}

fn collect_mut<'f>(filter: &'f mut Filter, found: &mut Vec<&'f mut Filter>) {
    match filter {
        Filter::Shape { .. } => found.push(filter),
        Filter::All(parts) | Filter::Any(parts) => parts.iter_mut().for_each(|part| collect_mut(part, found)),
        _ => {}
    }
}

/// The conditions that hold for every row of the list, and that storage can tell.
fn holds_anyway(filter: &Filter, found: &mut Vec<Predicate>) {
    let is_told = |filter: &Filter| {
        let mut shapes = Vec::new();
        collect(filter, &mut shapes);
        shapes.is_empty()
    };
    match filter {
        Filter::All(parts) => parts.iter().for_each(|part| holds_anyway(part, found)),
        other if is_told(other) => found.push(Predicate::from(other)),
        _ => {}
    }
}

fn understood<'s>(schema: &'s TableSchema, condition: &Filter) -> Result<Asked<'s>> {
    let Filter::Shape { column, method, given } = condition else {
        return Err(Error::internal("a condition on shapes is none"));
    };
    let column = schema.columns.iter().find(|known| known.column.stored().name == *column);
    let column = column.ok_or_else(|| invalid("Spatial queries are for attributes of the table itself"))?;
    let Domain::Shape(form) = column.column.domain else {
        return Err(Error::internal("a column of shapes holds none"));
    };
    let (test, negated) = asked(*method, given)?;
    test.suits(form).map_err(invalid)?;
    Ok(Asked { column, test, negated })
}

/// What is asked of each shape, and whether the answer must be no.
fn asked(method: Method, given: &[Json]) -> Result<(Test, bool)> {
    let relation =
        |relation| -> Result<Test> { Ok(Test::relation(relation, Shape::read_any(given).map_err(invalid)?)) };
    Ok(match method {
        Method::Crosses => (relation(Relation::Crosses)?, false),
        Method::NotCrosses => (relation(Relation::Crosses)?, true),
        Method::Equal => (relation(Relation::Equals)?, false),
        Method::NotEqual => (relation(Relation::Equals)?, true),
        Method::Intersects => (relation(Relation::Intersects)?, false),
        Method::NotIntersects => (relation(Relation::Intersects)?, true),
        Method::Overlaps => (relation(Relation::Overlaps)?, false),
        Method::NotOverlaps => (relation(Relation::Overlaps)?, true),
        Method::Touches => (relation(Relation::Touches)?, false),
        Method::NotTouches => (relation(Relation::Touches)?, true),
        Method::Contains => (relation(Relation::Contains)?, false),
        Method::NotContains => (relation(Relation::Contains)?, true),
        Method::DistanceEqual => (distance(Wanted::Exactly, given)?, false),
        Method::DistanceNotEqual => (distance(Wanted::Exactly, given)?, true),
        Method::DistanceLessThan => (distance(Wanted::Below, given)?, false),
        Method::DistanceGreaterThan => (distance(Wanted::UpTo, given)?, true),
        other => return Err(invalid(format!("Spatial data can't be queried by {}", other.name()))),
    })
}

/// `[shape, distance]` or `[shape, distance, whether in metres]`.
fn distance(wanted: fn(f64) -> Wanted, given: &[Json]) -> Result<Test> {
    let refuse = || invalid("Distance query requires [[geometry, distance]] parameters");
    let (shape, far, metres) = match given {
        [shape, far] => (shape, far, false),
        [shape, far, metres] => (shape, far, metres.as_bool().ok_or_else(refuse)?),
        _ => return Err(refuse()),
    };
    let shape = shape.as_array().ok_or_else(|| invalid("Spatial data must be an array"))?;
    let shape = Shape::read_any(shape).map_err(invalid)?;
    let wanted = wanted(far.as_f64().ok_or_else(refuse)?);
    Ok(if metres { Test::metres(wanted, shape) } else { Test::distance(wanted, shape) })
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GeneralQueryInvalid).message(format!("Invalid query: {message}")).field("queries")
}
