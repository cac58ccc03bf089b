//! What is kept of deliveries: the table `webhook_deliveries`.

use crate::delivery::{Attempt, Delivery, Status};
use floe_kernel::query::{Field, Fields, Selection};
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_store::json;
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};

mod schema {
    diesel::table! {
        webhook_deliveries (number) {
            number -> BigInt,
            id -> Text,
            webhook_id -> Text,
            pattern -> Text,
            ids -> Text,
            payload -> Text,
            user_id -> Text,
            status -> Text,
            attempts -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
}
use schema::webhook_deliveries;

/// How many deliveries of a webhook are kept, whatever became of them.
const KEPT: i64 = 500;

/// What lists of deliveries may be filtered and sorted by.
pub(crate) const FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("status", "status", Kind::Text),
    ],
    sequence: "number",
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_deliveries)]
struct DeliveryRow {
    id: String,
    webhook_id: String,
    pattern: String,
    ids: String,
    payload: String,
    user_id: String,
    status: String,
    attempts: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Self, Error> {
        Ok(Self {
            ids: json::read(&row.ids)?,
            attempts: json::read(&row.attempts)?,
            status: Status::named(&row.status),
            id: row.id,
            webhook_id: row.webhook_id,
            pattern: row.pattern,
            payload: row.payload,
            user_id: row.user_id,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// A project's deliveries, through one connection.
pub(crate) struct DeliveryRepository<'c>(pub(crate) &'c mut Connection);

impl DeliveryRepository<'_> {
    /// The delivery of this id.
    pub(crate) async fn find(&mut self, id: &str) -> Result<Option<Delivery>, Error> {
        let query = webhook_deliveries::table.filter(webhook_deliveries::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(DeliveryRow::as_select()).first::<DeliveryRow>(c)).optional()?;
        row.map(Delivery::try_from).transpose()
    }

    /// Adds a delivery.
    pub(crate) async fn add(&mut self, delivery: &Delivery) -> Result<(), Error> {
        let row = DeliveryRow {
            id: delivery.id.clone(),
            webhook_id: delivery.webhook_id.clone(),
            pattern: delivery.pattern.clone(),
            ids: json::write(&delivery.ids)?,
            payload: delivery.payload.clone(),
            user_id: delivery.user_id.clone(),
            status: delivery.status.name().to_owned(),
            attempts: json::write(&delivery.attempts)?,
            created_at: delivery.created.millis(),
            updated_at: delivery.updated.millis(),
        };
        on_conn!(self.0, |c| diesel::insert_into(webhook_deliveries::table).values(row).execute(c))?;
        Ok(())
    }

    /// Notes how it stands with a delivery. Whether it is still there.
    pub(crate) async fn save(
        &mut self,
        id: &str,
        status: Status,
        attempts: &[Attempt],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let row = (
            webhook_deliveries::status.eq(status.name()),
            webhook_deliveries::attempts.eq(json::write(attempts)?),
            webhook_deliveries::updated_at.eq(now.millis()),
        );
        let update = diesel::update(webhook_deliveries::table.filter(webhook_deliveries::id.eq(id))).set(row);
        Ok(on_conn!(self.0, |c| update.execute(c))? > 0)
    }

    /// Removes the oldest of a webhook's deliveries that are over, beyond those that are kept.
    pub(crate) async fn remove_old(&mut self, webhook_id: &str) -> Result<(), Error> {
        let of_webhook = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(webhook_id));
        let newest = of_webhook.order(webhook_deliveries::number.desc()).select(webhook_deliveries::number);
        let oldest = on_conn!(self.0, |c| newest.offset(KEPT).first::<i64>(c)).optional()?;
        let Some(number) = oldest else { return Ok(()) };
        let old = webhook_deliveries::table
            .filter(webhook_deliveries::webhook_id.eq(webhook_id))
            .filter(webhook_deliveries::number.le(number))
            .filter(webhook_deliveries::status.ne(Status::Waiting.name()));
        on_conn!(self.0, |c| diesel::delete(old).execute(c))?;
        Ok(())
    }

    /// Removes all deliveries of a webhook.
    pub(crate) async fn remove_all(&mut self, webhook_id: &str) -> Result<(), Error> {
        let of_webhook = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(webhook_id));
        on_conn!(self.0, |c| diesel::delete(of_webhook).execute(c))?;
        Ok(())
    }
}

/// The deliveries of a webhook that a list asks for, and how many there are in all.
pub(crate) async fn list(
    store: &Store,
    webhook_id: &str,
    selection: &Selection,
) -> Result<(i64, Vec<Delivery>), Error> {
    let place = TableRef::fixed("webhook_deliveries", "id");
    let of_webhook = Predicate::is("webhook_id", Value::Text(webhook_id.to_owned()));
    let (total, rows) = on_list!(store, &place, selection, Some(of_webhook), webhook_deliveries::table => DeliveryRow);
    Ok((total, rows.into_iter().map(Delivery::try_from).collect::<Result<_, _>>()?))
}
