//! `…/transactions`: transactions themselves. What is staged in them one by one comes through the endpoints of rows.

use super::bulk::{read_rows, take_permissions};
use super::numbers::positive;
use super::page;
use super::params::RowValues;
use super::params::{Key, Numeric};
use crate::service::{Addition, At, Databases, Operation, RowInput, Staging, Which};
use crate::vocabulary::Vocabulary;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{CustomId, Id, Int, List, Object, Queries};
use floe_gateway::{Call, Reply, input};
use floe_kernel::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

input! {
    /// What creating a transaction takes.
    pub(crate) struct CreateTransaction {
        /// For how many seconds it can be used.
        ttl: Int<60, 3600> = body "ttl" or Int(300),
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateTransaction) -> Result<Reply> {
    Reply::created(&service.create_transaction(&call, input.ttl.0).await?.to_json())
}

input! {
    /// What listing transactions takes.
    pub(crate) struct ListTransactions {
        /// Filters, order and page.
        queries: Queries = query "queries" or Queries::default(),
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListTransactions) -> Result<Reply> {
    let listed = service.transactions(&call, &input.queries.0).await?;
    Reply::ok(&page("transactions", listed, |transaction| transaction.to_json()))
}

input! {
    /// What names a transaction.
    pub(crate) struct NamedTransaction {
        /// The transaction's id.
        id: Id = path "transactionId",
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: NamedTransaction) -> Result<Reply> {
    Reply::ok(&service.transaction(&call, &input.id).await?.to_json())
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: NamedTransaction) -> Result<Reply> {
    service.delete_transaction(&call, &input.id).await?;
    Ok(Reply::empty())
}

input! {
    /// What ending a transaction takes.
    pub(crate) struct UpdateTransaction {
        /// The transaction's id.
        id: Id = path "transactionId",
        /// Whether to make what is staged last.
        commit: bool = body "commit" or false,
        /// Whether to give it up.
        rollback: bool = body "rollback" or false,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateTransaction) -> Result<Reply> {
    let bad = |message: &'static str| Err(Error::new(ErrorKind::GeneralBadRequest).message(message));
    let ended = match (input.commit, input.rollback) {
        (true, false) => service.commit_transaction(&call, &input.id).await?,
        (false, true) => service.roll_back_transaction(&call, &input.id).await?,
        (false, false) => return bad("Either commit or rollback must be true"),
        (true, true) => return bad("Cannot commit and rollback at the same time"),
    };
    Reply::ok(&ended.to_json())
}

input! {
    /// What staging operations takes.
    pub(crate) struct CreateOperations {
        /// The transaction's id.
        id: Id = path "transactionId",
        /// The operations: `action`, `databaseId`, the ids of a table and a row, and `data`.
        operations: List<Object, 1000> = body "operations" or List(Vec::new()),
    }
}

pub(crate) async fn create_operations(service: Arc<Databases>, call: Call, input: CreateOperations) -> Result<Reply> {
    if input.operations.0.is_empty() {
        let message = "Operations array cannot be empty";
        return Err(Error::new(ErrorKind::GeneralBadRequest).message(message));
    }
    let operations = input.operations.0.into_iter().map(|operation| read(operation.0, &call));
    let staged = service.stage(&call, &input.id, operations.collect::<Result<_>>()?).await?;
    Reply::created(&staged.to_json())
}

/// What an operation can be.
const ACTIONS: [&str; 10] = [
    "create",
    "update",
    "upsert",
    "delete",
    "increment",
    "decrement",
    "bulkCreate",
    "bulkUpdate",
    "bulkUpsert",
    "bulkDelete",
];

fn read(given: Map<String, Json>, call: &Call) -> Result<Staging> {
    let words = Vocabulary::of(call).words();
    let mut parts = Parts { given, table_id: words.table_id, row_id: words.row_id };
    let database = parts.take::<Id>("databaseId")?.into();
    let action: String = parts.take("action")?;
    let table = parts.take::<Id>(parts.table_id)?.into();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(broken(&format!("Key 'action' must be one of: {}", ACTIONS.join(", "))));
    }
    if action.starts_with("bulk") && !call.caller.privileged() {
        return Err(ErrorKind::UserUnauthorized.into());
    }
    let operation = parts.operation(&action, call)?;
    Ok(Staging { at: At { database, table }, operation })
}

/// What is said of an operation.
struct Parts {
    given: Map<String, Json>,
    table_id: &'static str,
    row_id: &'static str,
}

impl Parts {
    fn operation(&mut self, action: &str, call: &Call) -> Result<Operation> {
        let errors = Vocabulary::of(call).errors();
        Ok(match action {
            "create" => Operation::Create(self.row(call)?),
            "update" | "upsert" => {
                let row = self.row(call)?;
                if row.data.is_empty() && row.permissions.is_none() {
                    return Err(errors.row_missing_payload.into());
                }
                if action == "update" { Operation::Update(row) } else { Operation::Upsert(row) }
            }
            "delete" => Operation::Delete(self.take::<Id>(self.row_id)?.into()),
            "increment" => Operation::Add(self.addition(1.0, "max")?),
            "decrement" => Operation::Add(self.addition(-1.0, "min")?),
            "bulkUpdate" => {
                let Object(data) = self.take("data")?;
                let mut inner = Parts { given: data, ..*self };
                let (queries, Object(mut data)) = (inner.take::<Which>("queries")?, inner.take("data")?);
                if data.is_empty() {
                    return Err(errors.row_missing_payload.into());
                }
                let permissions = take_permissions(&mut data, "operations")?;
                Operation::UpdateMatching { queries, data, permissions }
            }
            "bulkDelete" => {
                let Object(data) = self.take("data")?;
                Operation::DeleteMatching { queries: Parts { given: data, ..*self }.take("queries")? }
            }
            // Only these two are left.
            _ => {
                let rows = read_rows(self.take::<List<RowValues, 100>>("data")?.0, call)?;
                if rows.is_empty() {
                    return Err(errors.row_missing_data.into());
                }
                if action == "bulkCreate" { Operation::CreateMany(rows) } else { Operation::UpsertMany(rows) }
            }
        })
    }

    fn row(&mut self, call: &Call) -> Result<RowInput> {
        let id = self.take::<CustomId>(self.row_id)?.or_make(call.now);
        let Object(mut data) = self.take("data")?;
        let permissions = take_permissions(&mut data, "operations")?;
        Ok(RowInput { id, permissions, data })
    }

    fn addition(&mut self, sign: f64, limit: &'static str) -> Result<Addition> {
        let id = self.take::<Id>(self.row_id)?.into();
        let Object(data) = self.take("data")?;
        let mut inner = Parts { given: data, ..*self };
        // Either word, because what is staged through one vocabulary may have been written for the other.
        let word = if inner.given.contains_key("column") { "column" } else { "attribute" };
        let Key(column) = inner.take(word)?;
        let by = inner.maybe("value")?.map_or(Ok(1.0), positive)?;
        let limit = inner.maybe(limit)?.map(|Numeric(limit)| limit);
        Ok(Addition { id, column, by: sign * by, limit })
    }

    fn maybe<P: Param>(&mut self, key: &'static str) -> Result<Option<P>> {
        match self.given.get_mut(key).map(Json::take) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => P::read(value).map(Some).map_err(|refusal| match refusal {
                Refusal::Rule(rule) => broken(&format!("Key '{key}': {rule}")),
                Refusal::Error(error) => *error,
            }),
        }
    }

    fn take<P: Param>(&mut self, key: &'static str) -> Result<P> {
        self.maybe(key)?.ok_or_else(|| broken(&format!("Missing required key: {key}")))
    }
}

fn broken(rule: &str) -> Error {
    Error::invalid("operations", format!("Value must a valid array and {rule}"))
}
