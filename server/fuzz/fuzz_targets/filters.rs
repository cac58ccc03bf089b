//! Filters on SQLite and, with `FLOE_TEST_POSTGRES_URL`, on PostgreSQL: both run what is accepted, and find the same.
#![no_main]

use floe_harness::Target;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

static TARGETS: LazyLock<(Runtime, Target, Option<Target>)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let (sqlite, postgres) = runtime.block_on(async { (Target::sqlite().await, Target::postgres().await) });
    (runtime, sqlite, postgres)
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (runtime, sqlite, postgres) = &*TARGETS;
    runtime.block_on(async {
        let found = sqlite.run(text).await;
        if let Some(postgres) = postgres {
            assert_eq!(found, postgres.run(text).await);
        }
    });
});
