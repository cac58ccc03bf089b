//! Orders of lists.

use super::expression;
use crate::dialect::{Dialect, push_column, push_text_order};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use floe_kernel::query::{Direction, Order};
use floe_kernel::value::Kind;
use std::sync::Arc;

/// An order, for `.order_by(…)`. Empty values come first ascending and last descending, on both databases. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Ordering(Arc<Steps>);

#[derive(Debug)]
enum Steps {
    Random,
    By(Vec<Order>),
    /// In a way that no index serves.
    Sorted(Vec<Order>),
}

expression!(Ordering);

impl Ordering {
    /// A different one each time.
    #[must_use]
    pub fn random() -> Self {
        Self(Arc::new(Steps::Random))
    }

    /// By these, the most important first.
    #[must_use]
    pub fn by(steps: Vec<Order>) -> Self {
        Self(Arc::new(Steps::By(steps)))
    }

    /// The same order, but PostgreSQL looks the rows up first and then sorts them, instead of walking along an index
    /// until enough have been met: for where it is known that there are few.
    pub(super) fn sorted(&self) -> Self {
        match &*self.0 {
            Steps::By(steps) => Self(Arc::new(Steps::Sorted(steps.clone()))),
            Steps::Random | Steps::Sorted(_) => self.clone(),
        }
    }
}

impl<DB: Dialect> QueryFragment<DB> for Ordering {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (steps, sorted) = match &*self.0 {
            Steps::By(steps) if !steps.is_empty() => (steps, false),
            Steps::Sorted(steps) if !steps.is_empty() => (steps, !DB::SQLITE),
            // Both databases call it so.
            _ => {
                out.push_sql("RANDOM()");
                return Ok(());
            }
        };
        for (n, step) in steps.iter().enumerate() {
            out.push_sql(if n > 0 { ", " } else { "" });
            out.push_sql(if sorted { "(" } else { "" });
            push_column(&mut out, &step.column)?;
            out.push_sql(if sorted { disguise(step.kind) } else { "" });
            push_text_order(&mut out, step.kind);
            push_direction(&mut out, step.direction, step.nullable);
        }
        Ok(())
    }
}

/// What makes an expression of a column that is worth the same, but that PostgreSQL has no index for.
fn disguise(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Json | Kind::Shape => " || '')",
        Kind::Integer | Kind::Float | Kind::Datetime => " + 0)",
        Kind::Boolean => "::int)",
    }
}

/// SQLite's way with empty values, spelled out where there may be any. (Not elsewhere: PostgreSQL's planner then takes
/// no index that was made without these words.)
pub(crate) fn push_direction<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, direction: Direction, nullable: bool) {
    out.push_sql(match (direction, nullable && !DB::SQLITE) {
        (Direction::Ascending, false) => " ASC",
        (Direction::Descending, false) => " DESC",
        (Direction::Ascending, true) => " ASC NULLS FIRST",
        (Direction::Descending, true) => " DESC NULLS LAST",
    });
}
