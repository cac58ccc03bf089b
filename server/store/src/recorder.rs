//! Somebody who subscribes to everything and writes it down: for tests of what is told.

use crate::connection::Connection;
use crate::error::Result;
use crate::events::{Event, Subscribers, Subscription};
use crate::prelude::*;
use floe_kernel::event::{self, Pattern};
use futures_util::future::BoxFuture;

mod schema {
    diesel::table! {
        recorded_events (number) {
            number -> BigInt,
            name -> Text,
            payload -> Text,
            user_id -> Text,
        }
    }
}
use schema::recorded_events;

/// Writes down what happens, in a table of its own, in the unit of work in which it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorder;

/// What was written down.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = recorded_events)]
pub struct RecordedEvent {
    /// The event's name, such as `users.abc.create`.
    pub name: String,
    /// The JSON that subscribers get.
    pub payload: String,
    /// Who did it; empty when it was no user.
    pub user_id: String,
}

impl Recorder {
    /// What happened in a project since this was last asked, in its order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn take(store: &Store) -> Result<Vec<RecordedEvent>> {
        let mut unit = store.begin().await?;
        make_table(&mut unit).await?;
        let all = recorded_events::table.order(recorded_events::number);
        let recorded = on_conn!(unit, |c| all.select(RecordedEvent::as_select()).load::<RecordedEvent>(c))?;
        unit.batch("DELETE FROM recorded_events").await?;
        unit.commit().await?;
        Ok(recorded)
    }
}

async fn make_table(unit: &mut UnitOfWork) -> Result<()> {
    let number = match unit.is_sqlite() {
        true => "INTEGER PRIMARY KEY AUTOINCREMENT",
        false => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    };
    let columns = format!("number {number}, name TEXT NOT NULL, payload TEXT NOT NULL, user_id TEXT NOT NULL");
    unit.batch(&format!("CREATE TABLE IF NOT EXISTS recorded_events ({columns})")).await
}

impl Subscribers for Recorder {
    fn subscriptions<'c>(&'c self, _: &'c mut Connection) -> BoxFuture<'c, Result<Vec<Subscription>>> {
        Box::pin(async { Ok(vec![Subscription { subscriber: "recorder".into(), pattern: Pattern::any() }]) })
    }

    fn notify<'u>(&'u self, unit: &'u mut UnitOfWork, event: Event<'u>, _: Vec<Box<str>>) -> BoxFuture<'u, Result<()>> {
        Box::pin(async move {
            make_table(unit).await?;
            let row = (
                recorded_events::name.eq(event::name(event.pattern, event.ids)),
                recorded_events::payload.eq(event.payload),
                recorded_events::user_id.eq(event.origin.map_or("", |origin| &origin.user_id)),
            );
            on_conn!(unit, |c| diesel::insert_into(recorded_events::table).values(row).execute(c))?;
            Ok(())
        })
    }
}
