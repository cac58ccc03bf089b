//! A real server for every test: on a free port, with its own data, on either database. A test calls it through the
//! public door, as an app would.
//!
//! ```ignore
//! floe_testkit::both_databases! {
//!     async fn refuses_a_taken_email(floe: TestServer) {
//!         let project = floe.project("shop").await;
//!         let account = json!({"userId": "unique()", "email": "a@b.org", "password": "correct horse"});
//!         project.guest().post("/v1/account", &account).await.expect(201);
//!         project.guest().post("/v1/account", &account).await.refused(409, "user_already_exists");
//!     }
//! }
//! ```

// Diesel's types nest deeply, and futures hold them.
#![recursion_limit = "512"]

mod client;
mod document;
mod receiver;
mod test_server;
mod wait;

pub use client::{Answer, Client};
pub use receiver::{Received, Receiver};
pub use test_server::{Database, PASSWORD, Project, TestServer, User, inside};
pub use wait::until;

/// Each function becomes two tests, `<name>::sqlite` and `<name>::postgres`.
///
/// One that wants other settings says so: `async fn name(floe: TestServer, |config| config.database.min_free = 1)`.
///
/// Without `FLOE_TEST_POSTGRES_URL` the second says that it was skipped; `make test` always sets it.
#[macro_export]
macro_rules! both_databases {
    (@settings) => { |_| {} };
    (@settings $set:expr) => { $set };
    ($($(#[$meta:meta])* async fn $name:ident($floe:ident: TestServer $(, $set:expr)?) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "a test may need nothing of its file")]
            use super::*;

            async fn scenario($floe: $crate::TestServer) $body

            #[test]
            fn sqlite() {
                let database = $crate::Database::Sqlite;
                $crate::TestServer::run_with(database, $crate::both_databases!(@settings $($set)?), scenario);
            }

            #[test]
            fn postgres() {
                let database = $crate::Database::Postgres;
                $crate::TestServer::run_with(database, $crate::both_databases!(@settings $($set)?), scenario);
            }
        }
    )* };
}
