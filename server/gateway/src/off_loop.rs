//! Work of the processor that takes too long for an event loop, on which hundreds of other requests wait.

use floe_kernel::{Error, Result};
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// From this many bytes on the work isn't done in place: about a millisecond of it, many times what the way to another
/// thread costs.
const LONG: usize = 128 * 1024;

/// From this much memory on, a body costs more than the event loop has to give: its values are checked, made into what is kept
/// and written into the answer, each some hundred nanoseconds, and a long text as many milliseconds as it has megabytes.
const HEAVY: usize = 4 << 20;

/// How many heavy requests are worked on at a time: a few a core, as they wait for the database too; and by far fewer than there
/// are threads, as what they wait for may be done on those.
static HEAVY_THREADS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4 * cores()));

/// One a core: more would not be faster, and each has its memory.
static THREADS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(cores())));

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Whether what a request holds in memory is so much that it is worked on by [`as_thread`].
pub(crate) fn is_heavy(bytes: usize) -> bool {
    bytes >= HEAVY
}

/// Does work from its beginning to its end on a thread of its own, which waits where the work waits. Only who can't be dropped may
/// call it, or the work goes on without them.
///
/// # Errors
/// When the work panics.
pub(crate) async fn as_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let _turn = HEAVY_THREADS.acquire().await.map_err(Error::internal)?;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work)).await.map_err(Error::internal)
}

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
