//! The transactional outbox: what happened, written in the same unit of work as what changed.

use crate::prelude::*;
use floe_kernel::event::{self, Listeners};
use floe_kernel::time::Clock;
use std::sync::Arc;

mod schema {
    diesel::table! {
        outbox (id) {
            id -> BigInt,
            event -> Text,
            payload -> Text,
            user_id -> Nullable<Text>,
            created_at -> BigInt,
        }
    }
}
use schema::outbox;

/// A project's outbox, and who listens to it.
pub(crate) struct Outbox {
    pub(crate) project: Arc<str>,
    pub(crate) listeners: Arc<dyn Listeners>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Insertable)]
#[diesel(table_name = outbox)]
struct Row<'r> {
    event: &'r str,
    payload: &'r str,
    created_at: i64,
}

impl Outbox {
    /// Whether somebody listens to an event of one of these names.
    pub(crate) fn is_wanted(&self, names: &[&str]) -> bool {
        names.iter().any(|pattern| self.listeners.wants(&self.project, pattern))
    }

    /// Writes down what happened.
    pub(crate) async fn push(
        &self,
        conn: &mut Connection,
        pattern: &str,
        ids: &[&str],
        payload: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        let (event, payload) = (event::name(pattern, ids), payload());
        let row = Row { event: &event, payload: &payload, created_at: self.clock.now().millis() };
        on_conn!(conn, |c| diesel::insert_into(outbox::table).values(&row).execute(c))?;
        Ok(())
    }
}

/// Something that happened and that nobody has been told of yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct OutboxEvent {
    /// Tells it from the others. No watermark: on PostgreSQL numbers are given out before the commit, so a smaller one
    /// may appear after a larger one. Whoever has handled an event removes it.
    pub id: i64,
    /// The event's name, such as `users.abc.create`.
    pub event: String,
    /// The JSON that listeners get.
    pub payload: String,
    /// When: milliseconds since 1970.
    pub created_at: i64,
}

/// The oldest events that nobody has been told of yet.
///
/// # Errors
/// Those of the database.
pub async fn pending(conn: &mut Connection, limit: i64) -> Result<Vec<OutboxEvent>, Error> {
    let oldest = outbox::table.order(outbox::id.asc()).limit(limit);
    Ok(on_conn!(conn, |c| oldest.select(OutboxEvent::as_select()).load::<OutboxEvent>(c))?)
}
