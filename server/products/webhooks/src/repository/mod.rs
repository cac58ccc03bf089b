//! What is kept of webhooks: the table `webhooks`. The only files with queries.

mod deliveries;

pub(crate) use deliveries::{DeliveryRepository, FIELDS as DELIVERY_FIELDS, list as list_deliveries};

use crate::model::{StoredSecret, Webhook};
use floe_kernel::query::{Field, Fields, Selection};
use floe_kernel::time::Timestamp;
use floe_kernel::value::Kind;
use floe_store::json;
use floe_store::prelude::*;
use floe_store::query::TableRef;

mod schema {
    diesel::table! {
        webhooks (number) {
            number -> BigInt,
            id -> Text,
            name -> Text,
            url -> Text,
            events -> Text,
            tls -> Bool,
            auth_username -> Text,
            auth_password -> Text,
            secret -> Text,
            enabled -> Bool,
            logs -> Text,
            attempts -> BigInt,
            created_at -> BigInt,
            updated_at -> BigInt,
            sealed -> Bool,
        }
    }
}
use schema::webhooks;

/// What lists of webhooks may be filtered and sorted by.
pub(crate) const FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("name", "name", Kind::Text),
        Field::required("url", "url", Kind::Text),
        // By their names of before 1.9.1, which the contract has kept here.
        Field::required("httpUser", "auth_username", Kind::Text),
        Field::required("security", "tls", Kind::Boolean),
        Field::required("enabled", "enabled", Kind::Boolean),
        Field::required("logs", "logs", Kind::Text),
        Field::required("attempts", "attempts", Kind::Integer),
        Field::list("events", "events", Kind::Text),
    ],
    sequence: "number",
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks)]
struct WebhookRow {
    id: String,
    name: String,
    url: String,
    events: String,
    tls: bool,
    auth_username: String,
    auth_password: String,
    secret: String,
    enabled: bool,
    logs: String,
    attempts: i64,
    created_at: i64,
    updated_at: i64,
    sealed: bool,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = Error;

    fn try_from(row: WebhookRow) -> Result<Self, Error> {
        Ok(Self {
            events: json::read(&row.events)?,
            id: row.id,
            name: row.name,
            url: row.url,
            tls: row.tls,
            auth_username: row.auth_username,
            auth_password: StoredSecret::new(row.auth_password, row.sealed),
            secret: StoredSecret::new(row.secret, row.sealed),
            enabled: row.enabled,
            logs: row.logs,
            attempts: row.attempts,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// A project's webhooks, through one connection.
pub(crate) struct WebhookRepository<'c>(pub(crate) &'c mut Connection);

impl WebhookRepository<'_> {
    /// The webhook of this id.
    pub(crate) async fn find(&mut self, id: &str) -> Result<Option<Webhook>, Error> {
        let query = webhooks::table.filter(webhooks::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(WebhookRow::as_select()).first::<WebhookRow>(c)).optional()?;
        row.map(Webhook::try_from).transpose()
    }

    /// The same, making others who want to change it wait until this unit of work is done.
    pub(crate) async fn find_to_change(&mut self, id: &str, now: Timestamp) -> Result<Option<Webhook>, Error> {
        let update =
            diesel::update(webhooks::table.filter(webhooks::id.eq(id))).set(webhooks::updated_at.eq(now.millis()));
        let row = on_conn!(self.0, |c| update.returning(WebhookRow::as_returning()).get_result::<WebhookRow>(c))
            .optional()?;
        row.map(Webhook::try_from).transpose()
    }

    /// Adds a webhook.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`; when a secret of it isn't sealed.
    pub(crate) async fn add(&mut self, webhook: &Webhook) -> Result<(), Error> {
        let row = (
            webhooks::id.eq(&webhook.id),
            webhooks::name.eq(&webhook.name),
            webhooks::url.eq(&webhook.url),
            webhooks::events.eq(json::write(&webhook.events)?),
            webhooks::tls.eq(webhook.tls),
            webhooks::auth_username.eq(&webhook.auth_username),
            webhooks::auth_password.eq(webhook.auth_password.stored()?),
            webhooks::secret.eq(webhook.secret.stored()?),
            webhooks::sealed.eq(true),
            webhooks::enabled.eq(webhook.enabled),
            webhooks::logs.eq(&webhook.logs),
            webhooks::attempts.eq(webhook.attempts),
            webhooks::created_at.eq(webhook.created.millis()),
            webhooks::updated_at.eq(webhook.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(webhooks::table).values(row).execute(c))?;
        Ok(())
    }

    /// Saves what may change of a webhook.
    ///
    /// # Errors
    /// When a secret of it isn't sealed.
    pub(crate) async fn save(&mut self, webhook: &Webhook) -> Result<(), Error> {
        let row = (
            webhooks::name.eq(&webhook.name),
            webhooks::url.eq(&webhook.url),
            webhooks::events.eq(json::write(&webhook.events)?),
            webhooks::tls.eq(webhook.tls),
            webhooks::auth_username.eq(&webhook.auth_username),
            webhooks::auth_password.eq(webhook.auth_password.stored()?),
            webhooks::secret.eq(webhook.secret.stored()?),
            webhooks::sealed.eq(true),
            webhooks::enabled.eq(webhook.enabled),
            webhooks::attempts.eq(webhook.attempts),
            webhooks::updated_at.eq(webhook.updated.millis()),
        );
        let update = diesel::update(webhooks::table.filter(webhooks::id.eq(&webhook.id))).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// The webhooks of a project, all of them.
    pub(crate) async fn all(&mut self) -> Result<Vec<Webhook>, Error> {
        let query = webhooks::table.order_by(webhooks::number);
        let rows = on_conn!(self.0, |c| query.select(WebhookRow::as_select()).load::<WebhookRow>(c))?;
        rows.into_iter().map(Webhook::try_from).collect()
    }

    /// Saves the secrets of a webhook, which are the same in another form: nothing else of it changes.
    ///
    /// # Errors
    /// When one of them isn't sealed.
    pub(crate) async fn save_secrets(&mut self, webhook: &Webhook) -> Result<(), Error> {
        let row = (
            webhooks::auth_password.eq(webhook.auth_password.stored()?),
            webhooks::secret.eq(webhook.secret.stored()?),
            webhooks::sealed.eq(true),
        );
        let update = diesel::update(webhooks::table.filter(webhooks::id.eq(&webhook.id))).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// The webhook of this id, which nobody else can change until the unit of work ends.
    pub(crate) async fn find_locked(&mut self, id: &str) -> Result<Option<Webhook>, Error> {
        // Nothing changes; but others wait.
        let lock = diesel::update(webhooks::table.filter(webhooks::id.eq(id))).set(webhooks::id.eq(webhooks::id));
        let row =
            on_conn!(self.0, |c| lock.returning(WebhookRow::as_returning()).get_result::<WebhookRow>(c)).optional()?;
        row.map(Webhook::try_from).transpose()
    }

    /// One more failure in a row, and what is to be said of it. How many there are now; none without the webhook.
    pub(crate) async fn add_failure(&mut self, id: &str, log: &str) -> Result<Option<i64>, Error> {
        let row = (webhooks::attempts.eq(webhooks::attempts + 1), webhooks::logs.eq(log));
        let update = diesel::update(webhooks::table.filter(webhooks::id.eq(id))).set(row);
        Ok(on_conn!(self.0, |c| update.returning(webhooks::attempts).get_result::<i64>(c)).optional()?)
    }

    /// It didn't fail this time.
    pub(crate) async fn clear_failures(&mut self, id: &str) -> Result<(), Error> {
        let update = diesel::update(webhooks::table.filter(webhooks::id.eq(id))).set(webhooks::attempts.eq(0));
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Switches a webhook off. Whether it was on.
    pub(crate) async fn switch_off(&mut self, id: &str) -> Result<bool, Error> {
        let these = webhooks::table.filter(webhooks::id.eq(id)).filter(webhooks::enabled.eq(true));
        Ok(on_conn!(self.0, |c| diesel::update(these).set(webhooks::enabled.eq(false)).execute(c))? > 0)
    }

    /// Removes a webhook. Whether there was one.
    pub(crate) async fn remove(&mut self, id: &str) -> Result<bool, Error> {
        Ok(on_conn!(self.0, |c| diesel::delete(webhooks::table.filter(webhooks::id.eq(id))).execute(c))? > 0)
    }
}

/// The webhooks that a list asks for, and how many there are in all.
pub(crate) async fn list(store: &Store, selection: &Selection) -> Result<(i64, Vec<Webhook>), Error> {
    let place = TableRef::fixed("webhooks", "id");
    let (total, rows) = on_list!(store, &place, selection, None, webhooks::table => WebhookRow);
    Ok((total, rows.into_iter().map(Webhook::try_from).collect::<Result<_, _>>()?))
}
