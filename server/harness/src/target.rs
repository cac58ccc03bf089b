//! A table of either database, to run selections on.

use crate::parse;
use floe_kernel::value::{Kind, Value};
use floe_store::prelude::*;
use floe_store::tables::{self, Column, Ddl, NewRow, StoredTable};
use floe_store::{Backend, StoreSettings, Stores, query};
use std::sync::Arc;

const KINDS: [Kind; 6] = [Kind::Text, Kind::Integer, Kind::Float, Kind::Boolean, Kind::Datetime, Kind::Json];

/// A table with a column of each kind and a row of each sort.
pub struct Target {
    stores: Stores,
    id: String,
    table: StoredTable,
    _folder: Option<Arc<tempfile::TempDir>>,
}

impl Target {
    /// One in a file that is gone with it.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite { folder: folder.path().join("data") };
        Self::open(backend, "p".to_owned(), Some(Arc::new(folder))).await
    }

    /// One in the PostgreSQL of `FLOE_TEST_POSTGRES_URL`; none without that. See [`Target::clean_up`].
    pub async fn postgres() -> Option<Self> {
        let url = std::env::var("FLOE_TEST_POSTGRES_URL").ok()?;
        let backend = Backend::Postgres { url, pool_size: 2, schema_prefix: "harness".into() };
        Some(Self::open(backend, format!("h{}", std::process::id()), None).await)
    }

    async fn open(backend: Backend, id: String, folder: Option<Arc<tempfile::TempDir>>) -> Self {
        let stores = Stores::open(StoreSettings::new(backend)).await.unwrap();
        let store = stores.create_project(&id, 1).await.unwrap();
        let columns = KINDS.into_iter().zip(1..).map(|(kind, n)| Column::new(n, kind)).collect();
        let table = store.table(1, 1, columns);
        let mut unit = store.begin().await.unwrap();
        unit.change(&Ddl::CreateTable(table.clone())).await.unwrap();
        for n in 0..6_i32 {
            let some = |value: Value| if n == 0 { Value::Null(value.kind()) } else { value };
            let values = [
                some(Value::Text(["", "a", "%", "_", "\\", "😀"][n as usize].to_owned())),
                some(Value::Integer(n.into())),
                some(Value::Float(f64::from(n) / 3.0)),
                some(Value::Boolean(n % 2 == 0)),
                some(Value::Datetime(1_700_000_000_000 + i64::from(n))),
                some(Value::Json(r#"["a",1,true,null]"#.to_owned())),
            ];
            let row = NewRow { id: &format!("r{n}"), created: 1, updated: 1, permissions: 0, values: &values };
            tables::insert(&mut unit, &table, row).await.unwrap();
        }
        unit.commit().await.unwrap();
        Self { stores, id, table, _folder: folder }
    }

    /// Runs lines of a text as queries: the ids of the page and the count of the whole list. Nothing, where the queries
    /// can't be; and never an error of the database, other than that it took too long.
    pub async fn run(&self, text: &str) -> Option<(Vec<String>, i64)> {
        let mut selection = parse(text)?;
        if selection.filter.has_shapes() {
            return None;
        }
        selection.limit = selection.limit.min(100);
        let store = self.stores.project(&self.id, 1).await.unwrap();
        let answered = |error: Error| match error {
            Error::CursorNotFound | Error::CursorNull { .. } | Error::Timeout => None::<()>,
            error => panic!("{text}: {error}"),
        };
        let plan = match query::plan(&store, self.table.place(), &selection, None).await {
            Ok(plan) => plan,
            Err(error) => return answered(error).map(|()| (Vec::new(), 0)),
        };
        let rows = match tables::list(&store, &self.table, None, &plan).await {
            Ok(rows) => rows,
            Err(error) => return answered(error).map(|()| (Vec::new(), 0)),
        };
        let count = query::count(&store, self.table.place(), &plan.all, 100).await.unwrap_or_default();
        let mut ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
        if selection.random {
            ids.sort_unstable();
        }
        Some((ids, count))
    }

    /// Whether every row is there still.
    pub async fn is_whole(&self) -> bool {
        self.run("").await.is_some_and(|(ids, _)| ids.len() == 6)
    }

    /// Removes what was made.
    pub async fn clean_up(self) {
        self.stores.delete_project(&self.id, 1).await.unwrap();
    }
}
