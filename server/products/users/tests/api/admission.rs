//! Who gets the last place when many want it at the same time. Straight at the tables: a password's hash on the way
//! would let one come after the other.

use floe_kernel::time::Timestamp;
use floe_testkit::both_databases;
use floe_users::{Admission, User, register};
use futures_util::future::join_all;

/// How many of forty got in, and what the others were told.
async fn rush(store: &floe_store::Store, admission: Admission) -> (usize, Vec<&'static str>) {
    let people = (0..40).map(|n| User::new(format!("u{n}"), Timestamp::from_millis(0)));
    let outcomes = join_all(people.map(async |user| register(store, &user, admission).await)).await;
    let mut refusals: Vec<_> =
        outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.kind().name())).collect();
    let admitted = outcomes.len() - refusals.len();
    refusals.dedup();
    (admitted, refusals)
}

both_databases! {
    async fn one_is_the_first(floe: TestServer) {
        let store = floe.app.stores.platform().await.unwrap();
        assert_eq!(rush(&store, Admission::First).await, (1, vec!["user_console_count_exceeded"]));
    }

    async fn a_limit_is_never_exceeded(floe: TestServer) {
        floe.project("shop").await;
        let store = floe.store("shop").await;
        assert_eq!(rush(&store, Admission::UpTo(3)).await, (3, vec!["user_count_exceeded"]));
    }

    async fn without_a_limit_everybody_gets_in(floe: TestServer) {
        floe.project("shop").await;
        let store = floe.store("shop").await;
        assert_eq!(rush(&store, Admission::UpTo(0)).await, (40, vec![]));
    }
}
