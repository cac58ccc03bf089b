//! Waiting for what comes by itself: by looking again, never for a fixed time.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// For how long it may not be there. Far longer than anything takes, because the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Until it is looked again.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until this holds.
///
/// # Panics
/// When it doesn't hold within a minute.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    until_found(async || if holds().await { Ok(()) } else { Err(what) }).await;
}

/// Looks until it is found; what it gives until then is what the test fails with after a minute.
pub(crate) async fn until_found<T, M: Display>(mut look: impl AsyncFnMut() -> Result<T, M>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(missing) => assert!(Instant::now() < deadline, "within a minute: {missing}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
