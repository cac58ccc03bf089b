//! Work with a table's rows that is done again when the table has changed in the middle of it.

use super::{At, Databases, is_of_storage};
use crate::schema::TableSchema;
use floe_gateway::Call;
use floe_kernel::Result;
use std::sync::Arc;

/// How often something is tried with yet another schema: each time somebody has changed the table in the middle of it. Whoever adds and
/// removes columns one after the other is at it again just when the next attempt waits for them.
const MOST: usize = 20;

/// The schema of a table, as far as is known, and how often something may still be tried with a newer one:
/// ```ignore
/// let mut attempts = self.attempts(call, at).await?;
/// loop {
///     let outcome = work(attempts.schema()).await;
///     if let Some(outcome) = attempts.settle(outcome).await {
///         return outcome;
///     }
/// }
/// ```
pub(super) struct Attempts<'a> {
    service: &'a Databases,
    call: &'a Call,
    at: &'a At,
    schema: Arc<TableSchema>,
    left: usize,
}

impl Databases {
    /// The first of some attempts to do something with a table's rows.
    ///
    /// # Errors
    /// Those of finding the table.
    pub(super) async fn attempts<'a>(&'a self, call: &'a Call, at: &'a At) -> Result<Attempts<'a>> {
        Ok(Attempts { service: self, call, at, schema: self.schema(call, at).await?, left: MOST })
    }
}

impl Attempts<'_> {
    /// The schema to work with.
    pub(super) fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// What came of an attempt; none: storage failed because the table has changed since its schema was read (somebody
    /// removed a column in this moment), and it is to be done again with the schema that is true now.
    pub(super) async fn settle<T>(&mut self, outcome: Result<T>) -> Option<Result<T>> {
        let error = match outcome {
            Err(error) if self.left > 1 && is_of_storage(&error) => error,
            outcome => return Some(outcome),
        };
        self.left -= 1;
        match self.service.newer_schema(self.call, self.at, &self.schema, error).await {
            Ok(newer) => {
                self.schema = newer;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}
