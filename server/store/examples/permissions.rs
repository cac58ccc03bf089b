//! What lists and totals cost when a row's permissions decide: 1,000,000 rows, a caller with 100 roles who may read
//! 0.01 %, 50 % or all of them. `cargo run --release --example permissions`
#![allow(clippy::print_stdout, reason = "its purpose")]

use floe_kernel::permission::{Action, PermissionTarget, Permissions};
use floe_kernel::query::{Direction, Filter, Order, Selection};
use floe_kernel::role::Role;
use floe_kernel::value::{Kind, Value};
use floe_store::query::{self, Predicate};
use floe_store::tables::{self, Column, Ddl, NewRow};
use floe_store::{Backend, Error, Store, StoreSettings, Stores, permissions};
use std::time::Instant;

const ROWS: usize = 1_000_000;

/// A thousand sets, each readable by one team; of 10,000 rows one has the caller's own, every second one `everyone`.
async fn fill(store: &Store, table: &tables::StoredTable) -> Result<(), Box<dyn std::error::Error>> {
    let mut unit = store.begin().await?;
    unit.change(&Ddl::CreateTable(table.clone())).await?;
    let mut sets = Vec::new();
    for n in 0..1000 {
        sets.push(
            permissions::intern(
                &mut unit,
                &Permissions::parse(&[format!("read(\"team:t{n}\")")], PermissionTarget::Item)?,
            )
            .await?,
        );
    }
    let own =
        permissions::intern(&mut unit, &Permissions::parse(&["read(\"team:mine\")"], PermissionTarget::Item)?).await?;
    let half =
        permissions::intern(&mut unit, &Permissions::parse(&["read(\"team:half\")"], PermissionTarget::Item)?).await?;
    for n in 0..ROWS {
        let permissions = match n {
            n if n % 10_000 == 9_999 => own,
            n if n % 2 == 0 => half,
            n => sets[n % 1000],
        };
        let values = [Value::Text(format!("title {n}"))];
        let row = NewRow { id: &format!("r{n:08}"), created: 1, updated: 1, permissions, values: &values };
        tables::insert(&mut unit, table, row).await?;
    }
    Ok(unit.commit().await?)
}

async fn measure(store: &Store, table: &tables::StoredTable, what: &str, teams: &[String]) -> Result<(), Error> {
    let roles: Vec<_> = teams.iter().filter_map(|team| Role::parse(&format!("team:{team}"))).collect();
    for direction in [Direction::Ascending, Direction::Descending] {
        let order = Order {
            attribute: "$sequence".into(),
            column: tables::SEQUENCE.into(),
            kind: Kind::Integer,
            nullable: false,
            direction,
        };
        let selection = Selection {
            filter: Filter::All(vec![]),
            order: vec![order],
            random: false,
            limit: 25,
            offset: 0,
            cursor: None,
            select: None,
            count_up_to: 5000,
        };
        let visible = Predicate::granted(tables::PERMISSIONS, Action::Read, &roles);
        let plan = query::plan(store, table.place(), &selection, Some(visible)).await?;
        for round in 0..2 {
            let started = Instant::now();
            let rows = tables::list(store, table, None, &plan).await?.len();
            let listed = started.elapsed();
            let total = query::count(store, table.place(), &plan.all, 5000).await?;
            let counted = started.elapsed().saturating_sub(listed);
            if round == 1 {
                println!("{what:>18} {direction:?}: {rows} of {total}; list {listed:>10.1?}, total {counted:>10.1?}");
            }
        }
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let backend = match std::env::var("FLOE_TEST_POSTGRES_URL") {
        Ok(url) if std::env::args().nth(1).as_deref() == Some("postgres") => {
            Backend::Postgres { url, pool_size: 4, schema_prefix: "example".into() }
        }
        _ => Backend::Sqlite { folder: folder.path().to_owned() },
    };
    let stores = Stores::open(StoreSettings::new(backend)).await?;
    stores.delete_project("bench", 1).await?;
    let store = stores.create_project("bench", 1).await?;
    let table = store.table(1, 1, vec![Column::new(1, Kind::Text)]);
    let started = Instant::now();
    fill(&store, &table).await?;
    println!("filled in {:.1?}", started.elapsed());
    let others: Vec<_> = (0..99).map(|n| format!("x{n}")).collect();
    let with = |team: &str| [others.as_slice(), &[team.to_owned()]].concat();
    measure(&store, &table, "nothing", &others).await?;
    measure(&store, &table, "0.01 %", &with("mine")).await?;
    measure(&store, &table, "50 %", &with("half")).await?;
    let everything: Vec<_> = (0..1000).map(|n| format!("t{n}")).chain(["mine".into(), "half".into()]).collect();
    measure(&store, &table, "all, 1002 roles", &everything).await?;
    stores.delete_project("bench", 1).await?;
    Ok(())
}
