//! How many units of work a second, alone and together; how many reads: `cargo run --release --example group_commit`
//!
//! Takes the folder to write to as its argument, because the disk decides. A unit is one insert of a row like a user's:
//! a text as primary key, a unique email, three more columns.
#![allow(missing_docs, reason = "of what `diesel::table!` makes")]
#![allow(clippy::print_stdout, reason = "its purpose")]

use floe_store::prelude::*;
use floe_store::{Backend, StoreSettings, Stores};
use std::time::Instant;

diesel::table! { bench_users (id) { id -> Text, email -> Text, a -> BigInt, b -> Text, c -> Text, } }

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = bench_users)]
struct User {
    id: String,
    email: String,
    a: i64,
    b: String,
    c: String,
}

fn user(group: usize, n: usize) -> User {
    let (b, c) = ("hello world".to_owned(), "some text here for the row".to_owned());
    User { id: format!("{group:04}{n:016}"), email: format!("{group}.{n}@example.org"), a: 1, b, c }
}

async fn write(store: Store, group: usize, count: usize) -> Result<(), Error> {
    for n in 0..count {
        let mut unit = store.begin().await?;
        let user = user(group, n);
        on_conn!(unit, |c| diesel::insert_into(bench_users::table).values(&user).execute(c))?;
        unit.commit().await?;
    }
    Ok(())
}

async fn read(store: Store, count: usize) -> Result<(), Error> {
    for n in 0..count {
        let conn = &mut store.read().await?;
        let query = bench_users::table.find(user(1000, n % 500).id);
        on_conn!(conn, |c| query.select(User::as_select()).first::<User>(c))?;
    }
    Ok(())
}

/// Runs so many tasks at once, and says how many of `count` things they did a second.
async fn measure<F>(what: &str, tasks: usize, count: usize, task: impl Fn(usize) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let started = Instant::now();
    let running: Vec<_> = (0..tasks).map(|n| tokio::spawn(task(n))).collect();
    for task in running {
        task.await.map_err(Error::unavailable)??;
    }
    println!("{tasks:>4} {what}: {:>8.0}/s", count as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "/tmp".into());
    let folder = tempfile::tempdir_in(folder)?;
    let stores = Stores::open(StoreSettings::new(Backend::Sqlite { folder: folder.path().to_owned() })).await?;
    let store = stores.create_project("bench", 1).await?;
    let mut unit = store.begin().await?;
    let columns = "id TEXT PRIMARY KEY NOT NULL, email TEXT UNIQUE, a BIGINT, b TEXT, c TEXT";
    unit.execute_ddl(&format!("CREATE TABLE bench_users ({columns}) WITHOUT ROWID")).await?;
    unit.commit().await?;
    for writers in [1, 16, 64, 256] {
        let count = if writers == 1 { 10_000 } else { 60_000 };
        let each = count / writers;
        measure("writing", writers, each * writers, |n| write(store.clone(), writers * 1000 + n, each)).await?;
    }
    for readers in [1, 16] {
        measure("reading by id", readers, 400_000, |_| read(store.clone(), 400_000 / readers)).await?;
    }
    stores.close().await;
    Ok(())
}
