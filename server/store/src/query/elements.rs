//! Conditions on the elements of a list. Types count: `1` isn't `"1"`, nor `true`.
//!
//! However many elements a condition looks for, the list is taken apart once for it. PostgreSQL keeps what it has taken apart
//! until the row is done; so there all conditions on a list look at it together, once ([`ListColumns`]).

use crate::dialect::{Dialect, push_column};
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use floe_kernel::query::{Filter, Operator};
use floe_kernel::value::Value;
use serde_json::Value as Json;

/// What is asked of a list's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Any,
    None,
    All,
}

/// A list that has some elements, or hasn't.
#[derive(Debug)]
pub(super) struct Elements {
    column: String,
    which: Which,
    /// A list, as JSON, and how many it has.
    wanted: String,
    count: usize,
    /// Where it is told on PostgreSQL whether they were found; none: it looks for them itself.
    place: Option<Place>,
}

/// A condition among all that look at lists together.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The column, by its place in [`ListColumns`].
    column: usize,
    /// The condition, from 1 on.
    condition: usize,
}

/// The columns of lists that several conditions look at, and what they look for.
#[derive(Debug, Default)]
pub(super) struct ListColumns(Vec<ListColumn>);

#[derive(Debug)]
struct ListColumn {
    name: String,
    /// A list of lists, one for each condition.
    wanted: Vec<Json>,
    /// The same as JSON.
    json: String,
}

/// How many conditions on lists there are, apart from those on other tables.
pub(super) fn count(filter: &Filter) -> usize {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().map(count).sum(),
        Filter::Compare { array, operator, .. } => usize::from(*array && which(*operator).is_some()),
        _ => 0,
    }
}

fn which(operator: Operator) -> Option<Which> {
    match operator {
        Operator::Contains => Some(Which::Any),
        Operator::NotContains => Some(Which::None),
        Operator::ContainsAll => Some(Which::All),
        _ => None,
    }
}

impl Elements {
    /// The condition that this operator makes of a list, if it is one on its elements. `together`: with the other conditions,
    /// in these columns.
    pub(super) fn new(
        column: &str,
        operator: Operator,
        values: &[Value],
        together: Option<&mut ListColumns>,
    ) -> Option<Self> {
        let which = which(operator)?;
        let wanted = Json::Array(values.iter().map(json_of).collect());
        let json = wanted.to_string();
        let place = together.map(|columns| columns.add(column, wanted));
        Some(Self { column: column.to_owned(), which, wanted: json, count: values.len(), place })
    }

    pub(super) fn walk_ast<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.which == Which::None {
            push_column(&mut out, &self.column)?;
            out.push_sql(" IS NOT NULL AND NOT ");
        }
        match self.place {
            _ if DB::SQLITE => self.push_function(out),
            None => self.push_search(out),
            Some(place) => {
                self.push_found(&mut out, place);
                Ok(())
            }
        }
    }

    /// Ours: see `sqlite::functions`.
    fn push_function<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(if self.which == Which::All { "list_has_all(" } else { "list_has_any(" });
        push_column(&mut out, &self.column)?;
        out.push_sql(", ");
        DB::bind_text(&mut out, &self.wanted)?;
        out.push_sql(")");
        Ok(())
    }

    fn push_search<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let is_all = self.which == Which::All;
        out.push_sql(if is_all { "(SELECT count(DISTINCT element)" } else { "EXISTS (SELECT 1" });
        out.push_sql(" FROM jsonb_array_elements(");
        push_column(&mut out, &self.column)?;
        // Not what it seems to add: without it the two lists are joined, each element with each.
        out.push_sql("::jsonb) AS element WHERE (element IN (SELECT jsonb_array_elements(");
        DB::bind_text(&mut out, &self.wanted)?;
        out.push_sql("::jsonb))) IS TRUE)");
        if is_all {
            out.push_sql(" = (SELECT count(DISTINCT wanted) FROM jsonb_array_elements(");
            DB::bind_text(&mut out, &self.wanted)?;
            out.push_sql("::jsonb) AS wanted)");
        }
        Ok(())
    }

    /// Each of its elements that the list has stands there once, as the condition's number.
    fn push_found<DB: Dialect>(&self, out: &mut AstPass<'_, '_, DB>, Place { column, condition }: Place) {
        out.push_sql(&match self.which {
            Which::Any | Which::None => format!("({condition} = ANY(lists.found{column}))"),
            Which::All => format!("(cardinality(array_positions(lists.found{column}, {condition})) = {})", self.count),
        });
    }
}

impl ListColumns {
    fn add(&mut self, name: &str, wanted: Json) -> Place {
        let column = self.0.iter().position(|column| column.name == name).unwrap_or_else(|| {
            self.0.push(ListColumn { name: name.to_owned(), wanted: Vec::new(), json: String::new() });
            self.0.len() - 1
        });
        let wanted_of = &mut self.0[column].wanted;
        wanted_of.push(wanted);
        Place { column, condition: wanted_of.len() }
    }

    /// When all conditions are there.
    pub(super) fn complete(mut self) -> Self {
        for column in &mut self.0 {
            column.json = Json::Array(std::mem::take(&mut column.wanted)).to_string();
        }
        self
    }

    /// Writes conditions that look at these lists together.
    pub(super) fn push_around<'b, DB: Dialect>(
        &'b self,
        mut out: AstPass<'_, 'b, DB>,
        conditions: impl FnOnce(AstPass<'_, 'b, DB>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        if DB::SQLITE {
            return conditions(out);
        }
        out.push_sql("(SELECT ");
        conditions(out.reborrow())?;
        out.push_sql(" FROM (SELECT ");
        for (n, column) in self.0.iter().enumerate() {
            out.push_sql(if n > 0 { ", ARRAY(" } else { "ARRAY(" });
            out.push_sql("SELECT wanted.place FROM (SELECT DISTINCT element FROM jsonb_array_elements(");
            push_column(&mut out, &column.name)?;
            out.push_sql("::jsonb) AS element) AS has INNER JOIN (SELECT one.place::int AS place, element");
            out.push_sql(" FROM jsonb_array_elements(");
            DB::bind_text(&mut out, &column.json)?;
            out.push_sql("::jsonb) WITH ORDINALITY AS one(list, place), jsonb_array_elements(one.list) AS element)");
            out.push_sql(&format!(" AS wanted ON wanted.element = has.element) AS found{n}"));
        }
        // Worked out once, and not where each condition stands.
        out.push_sql(" OFFSET 0) AS lists)");
        Ok(())
    }
}

/// A value as JSON.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Json(text) => text.as_str().into(),
        Value::Integer(number) | Value::Datetime(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Null(_) => Json::Null,
    }
}
