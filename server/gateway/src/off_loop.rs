//! Work of the processor that takes too long for an event loop, on which hundreds of other requests wait.

use floe_kernel::{Error, Result};
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// From this many bytes on the work isn't done in place: about a millisecond of it, many times what the way to another
/// thread costs.
const LONG: usize = 128 * 1024;

/// One a core: more would not be faster, and each has its memory.
static THREADS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))));

/// Does work about this many bytes, on a thread of its own when they are many.
///
/// # Errors
/// When the work panics.
pub(crate) async fn off_loop<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if bytes < LONG {
        return Ok(work());
    }
    let turn = Arc::clone(&THREADS).acquire_owned().await.map_err(Error::internal)?;
    // The work goes on when nobody waits for it any more, and keeps its turn.
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
