//! Conditions, orders and pages over columns known at run time: what a list is asked for, as Diesel expressions.
//!
//! They fit typed queries on a product's own tables and the queries of [`crate::tables`] alike:
//! ```ignore
//! let selection = queries.resolve(FIELDS)?;
//! let plan = query::plan(store, TableRef::fixed("users", "id"), &selection, None).await?;
//! let total = query::count(store, TableRef::fixed("users", "id"), &plan.all, selection.count_up_to).await?;
//! let reverse = plan.reverse;
//! let mut users = on_scan!(store, |c| users::table
//!     .filter(&plan.predicate).order_by(&plan.order).limit(plan.limit).offset(plan.offset)
//!     .select(User::as_select()).load::<User>(c))?;
//! if reverse { users.reverse(); }
//! ```

mod elements;
mod order;
mod plan;
mod predicate;
mod text;

pub use order::Ordering;
pub(crate) use order::push_direction;
pub use plan::{Plan, TableRef, count, count_in, plan, plan_in};
pub use predicate::Predicate;

/// What every expression of ours tells Diesel: it fits any table, groups with anything, and its text is not known from
/// its type.
macro_rules! expression {
    ($name:ty) => {
        impl diesel::expression::Expression for $name {
            type SqlType = diesel::sql_types::Bool;
        }
        impl<QS> diesel::expression::AppearsOnTable<QS> for $name {}
        impl<QS> diesel::expression::SelectableExpression<QS> for $name {}
        impl<GB> diesel::expression::ValidGrouping<GB> for $name {
            type IsAggregate = diesel::expression::is_aggregate::Never;
        }
        impl diesel::query_builder::QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}
pub(crate) use expression;
