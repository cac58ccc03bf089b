//! The short run of what `server/fuzz` does at length. `FLOE_PROPERTY_ROUNDS=100000` makes it longer.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use floe_harness::{Dice, Target, parse, random, rounds, to_sql};

#[test]
fn whatever_is_sent_as_queries_is_answered() {
    let mut accepted = 0_u64;
    let tries = rounds(20_000);
    for seed in 0..tries {
        accepted += u64::from(parse(&random(&mut Dice::new(seed))).is_some());
    }
    // If nothing were accepted, nothing would be tried.
    assert!(accepted > tries / 20 && accepted < tries, "{accepted} of {tries}");
}

#[test]
fn nothing_that_a_caller_says_becomes_sql() {
    for seed in 0..rounds(20_000) {
        to_sql(&random(&mut Dice::new(seed)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_run_what_is_accepted_and_find_the_same() {
    let (sqlite, postgres) = (Target::sqlite().await, Target::postgres().await);
    for seed in 0..rounds(1500) {
        let text = random(&mut Dice::new(seed));
        let found = sqlite.run(&text).await;
        if let Some(postgres) = &postgres {
            assert_eq!(found, postgres.run(&text).await, "seed {seed}: {text}");
        }
    }
    assert!(sqlite.is_whole().await);
    if let Some(postgres) = postgres {
        assert!(postgres.is_whole().await);
        postgres.clean_up().await;
    }
}
