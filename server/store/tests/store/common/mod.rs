//! One body of tests for both databases.

use floe_store::{Backend, StoreSettings, Stores};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Runs an async body on both databases, as two tests: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both {
    ($(#[$about:meta])* async fn $name:ident($home:ident: &Home) $body:block) => {
        $(#[$about])*
        mod $name {
            use super::*;

            async fn body($home: &Home) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                body(&Home::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let Some(home) = Home::postgres() else { return };
                body(&home).await;
                home.clean_up().await;
            }
        }
    };
}

/// A place for stores that nobody else uses.
pub(crate) struct Home {
    pub(crate) settings: StoreSettings,
    pub(crate) folder: Option<tempfile::TempDir>,
    prefix: String,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Home {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite { folder: folder.path().join("data") };
        Self { settings: StoreSettings::new(backend), folder: Some(folder), prefix: "p".to_owned() }
    }

    /// None without FLOE_TEST_POSTGRES_URL: the test is skipped, and says so.
    pub(crate) fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("FLOE_TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must test PostgreSQL too");
            println!("skipped: FLOE_TEST_POSTGRES_URL is not set");
            return None;
        };
        // The platform's schema is shared between tests; projects have names of their own.
        let backend = Backend::Postgres { url, pool_size: 8, schema_prefix: "store_tests".into() };
        let prefix = format!("t{}-{}-", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Some(Self { settings: StoreSettings::new(backend), folder: None, prefix })
    }

    pub(crate) async fn stores(&self) -> Stores {
        Stores::open(self.settings.clone()).await.unwrap()
    }

    /// A project's id that no other test uses.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A new project's store.
    pub(crate) async fn store(&self) -> floe_store::Store {
        self.stores().await.create_project(&self.id("one"), 1).await.unwrap()
    }

    pub(crate) async fn clean_up(&self) {
        let stores = self.stores().await;
        for name in ["one", "two", "three"] {
            stores.delete_project(&self.id(name), 1).await.unwrap();
        }
    }

    /// What several tests want shorter than it is.
    pub(crate) fn idle_time(mut self, time: Duration) -> Self {
        self.settings.idle_time = time;
        self
    }
}
