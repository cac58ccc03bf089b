//! Watches every SQLite connection of the process: interrupts statements that run longer than they may or stand in a
//! checkpoint's way, notices when SQLite ends a transaction on its own, and gives SQL functions of ours.
//!
//! Diesel offers none of it. SQLite can call a function on each connection that it opens (`sqlite3_auto_extension`); ours
//! installs there:
//! - a progress handler, called every [`STEPS`] steps of SQLite's virtual machine, which interrupts the statement when
//!   the thread's deadline has passed (see [`within`]) or it was recalled (see [`recallable`]), or steps back for other
//!   threads (see [`politely`]);
//! - a rollback hook, which counts the thread's rollbacks (see [`rollbacks`]);
//! - the functions that [`install`] was given.
//!
//! It also sets what only a C call can set about a connection (see `watch`).
//!
//! This is the one crate of Floe with unsafe code: the workspace forbids it everywhere else.

mod clock;
mod functions;

pub use functions::{Interrupted, TextTest};

use libsqlite3_sys as ffi;
use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How many steps of SQLite's virtual machine lie between two calls of the progress handler: a few rows. Long values
/// make a row dear (one of 10 MB costs milliseconds to be read), so rows can't be counted in hundreds. Most calls only
/// look at the processor's counter (see [`clock`]): a scan of short rows takes 3 % longer than with 1,000 steps.
const STEPS: c_int = 40;

/// How much a byte of a value costs whoever reads or parses it, in nanoseconds: JSON's price, which is the highest.
const NANOS_A_BYTE: u64 = 10;

/// Below this a value is read in no time, and the clock isn't asked.
const SHORT: usize = 8192;

thread_local! {
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static ROLLBACKS: Cell<u64> = const { Cell::new(0) };
    static POLITE: Cell<bool> = const { Cell::new(false) };
    static LOOKED: Cell<u64> = const { Cell::new(0) };
    /// The recalls that apply, and how often each had been made when that began.
    static RECALLS: RefCell<Vec<(Recall, u64)>> = const { RefCell::new(Vec::new()) };
}

/// Recalls the statements that have been running for a while: see [`recallable`].
#[derive(Debug, Clone, Default)]
pub struct Recall(Arc<AtomicU64>);

impl Recall {
    /// Interrupts whatever runs in [`recallable`] now; what begins later isn't touched.
    pub fn recall(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

static FUNCTIONS: OnceLock<&'static [TextTest]> = OnceLock::new();

/// Watches all connections that are opened from now on, which know these functions. To be called before the first;
/// calling again does nothing.
pub fn install(functions: &'static [TextTest]) {
    FUNCTIONS.get_or_init(|| {
        // SAFETY: the option takes one int. SQLite refuses it, without harm, once it is in use; it isn't yet.
        // Without it all threads meet at one lock, at every allocation, to keep statistics that nobody reads.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
        // SAFETY: as above, and takes nothing. It spares each connection a lock of its own, which is needed only where
        // several threads use one at the same time. Diesel's can't be: it is `Send` and not `Sync`.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MULTITHREAD) };
        // SAFETY: `watch` has the signature that SQLite calls entry points with, lives as long as the process, and
        // touches nothing but the connection it is given. `sqlite3_auto_extension` itself is safe to call from any
        // thread (it takes SQLite's own mutex).
        unsafe { ffi::sqlite3_auto_extension(Some(watch)) };
        functions
    });
}

/// Runs `body`, in which no SQLite statement of this thread may run past `budget`: it fails with the message
/// `interrupted`. Of nested budgets the one that ends first counts.
pub fn within<R>(budget: Duration, body: impl FnOnce() -> R) -> R {
    /// Puts the outer deadline back, even when `body` panics.
    struct Restore(Option<Instant>);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEADLINE.set(self.0);
        }
    }
    let outer = DEADLINE.get();
    let ours = Instant::now().checked_add(budget);
    let _restore = Restore(outer);
    DEADLINE.set(match (outer, ours) {
        (Some(outer), Some(ours)) => Some(outer.min(ours)),
        (outer, ours) => outer.or(ours),
    });
    body()
}

/// Runs `body` whatever the time is, and whoever was recalled: for what must be done nevertheless, such as the end of a
/// transaction. (SQLite looks at the clock even while it prepares a statement.)
pub fn untimed<R>(body: impl FnOnce() -> R) -> R {
    /// Also when `body` panics.
    struct Restore(Option<Instant>, Vec<(Recall, u64)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEADLINE.set(self.0);
            RECALLS.set(std::mem::take(&mut self.1));
        }
    }
    let _restore = Restore(DEADLINE.replace(None), RECALLS.take());
    body()
}

/// Runs `body`, whose SQLite statements let other threads go first, again and again: for long ones on threads of their
/// own. Otherwise the system would let such a statement compute for milliseconds while requests wait for the processor.
pub fn politely<R>(body: impl FnOnce() -> R) -> R {
    /// Also when `body` panics: the thread goes on to do other things.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            POLITE.set(self.0);
        }
    }
    let _restore = Restore(POLITE.replace(true));
    body()
}

/// Runs `body`, whose SQLite statements are interrupted when `recall` is [recalled](Recall::recall) meanwhile: for reads
/// that can be begun anew (the old state of the file that they see keeps its log from being begun anew), and for what
/// nobody waits for any more. Of nested ones each counts.
///
/// Gives what `body` gave, and whether it was recalled.
pub fn recallable<R>(recall: &Recall, body: impl FnOnce() -> R) -> (R, bool) {
    /// Also when `body` panics.
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            RECALLS.with_borrow_mut(Vec::pop);
        }
    }
    let begun = recall.count();
    RECALLS.with_borrow_mut(|recalls| recalls.push((recall.clone(), begun)));
    let _pop = Pop;
    let result = body();
    (result, recall.count() != begun)
}

/// Whether this thread has used up its budget, or was recalled. For functions that SQLite calls, and whoever reads its
/// rows: meanwhile SQLite can't look.
#[must_use]
pub fn is_over() -> bool {
    let deadline = DEADLINE.try_with(Cell::get).ok().flatten();
    deadline.is_some_and(|deadline| Instant::now() >= deadline) || is_recalled()
}

fn is_recalled() -> bool {
    let is_recalled = |(recall, begun): &(Recall, u64)| recall.count() != *begun;
    RECALLS.try_with(|recalls| recalls.borrow().iter().any(is_recalled)).unwrap_or(false)
}

/// Asks whether this thread's budget lasts for reading, or parsing, a value of so many bytes, which can't be interrupted.
///
/// # Errors
/// [`Interrupted`] when it doesn't.
pub fn afford(bytes: usize) -> Result<(), Interrupted> {
    if bytes <= SHORT {
        return Ok(());
    }
    let Some(deadline) = DEADLINE.try_with(Cell::get).ok().flatten() else { return Ok(()) };
    let cost = Duration::from_nanos(NANOS_A_BYTE.saturating_mul(bytes as u64));
    let lasts = Instant::now().checked_add(cost).is_some_and(|end| end < deadline);
    if lasts { Ok(()) } else { Err(Interrupted) }
}

/// How many transactions were rolled back on this thread so far, by `ROLLBACK` or by SQLite on its own.
///
/// SQLite ends the whole transaction, not only the statement, when the disk is full, fails, or a writing statement is
/// interrupted. Whoever keeps others' work in the same transaction must know.
#[must_use]
pub fn rollbacks() -> u64 {
    ROLLBACKS.get()
}

/// SQLite calls this with each connection that it has opened.
unsafe extern "C" fn watch(
    connection: *mut ffi::sqlite3,
    _error: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite passes the connection that it is opening, valid for this call and not yet known to anybody else.
    // The hooks are functions of the process and use no context, so nothing can dangle.
    unsafe {
        ffi::sqlite3_progress_handler(connection, STEPS, Some(look), std::ptr::null_mut());
        ffi::sqlite3_rollback_hook(connection, Some(rolled_back), std::ptr::null_mut());
        // The option takes an int and a pointer that may be null. Without it a statement whose plan looked at a bound
        // value (any `column > ?` on an index, any `LIMIT ?`) is compiled anew whenever another value is bound: SQLite
        // is built with SQLITE_ENABLE_STAT4. That costs more than most lists do.
        ffi::sqlite3_db_config(connection, ffi::SQLITE_DBCONFIG_ENABLE_QPSG, 1 as c_int, std::ptr::null_mut::<c_int>());
    }
    for function in FUNCTIONS.get().copied().unwrap_or_default() {
        // SAFETY: as above; the functions live as long as the process.
        let code = unsafe { functions::register(connection, function) };
        if code != ffi::SQLITE_OK {
            return code;
        }
    }
    ffi::SQLITE_OK
}

/// Non-zero interrupts. `try_with`, because a connection may be closed while its thread ends.
unsafe extern "C" fn look(_: *mut c_void) -> c_int {
    if LOOKED.try_with(clock::is_due) == Ok(false) {
        return 0;
    }
    if POLITE.try_with(Cell::get) == Ok(true) {
        std::thread::yield_now();
    }
    c_int::from(is_over())
}

unsafe extern "C" fn rolled_back(_: *mut c_void) {
    // A thread that is ending has nobody left who would ask.
    let _ = ROLLBACKS.try_with(|count| count.set(count.get().wrapping_add(1)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, QueryResult, SqliteConnection};

    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    const SHORT: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n";

    fn open() -> SqliteConnection {
        install(&[]);
        SqliteConnection::establish(":memory:").unwrap()
    }

    fn assert_interrupted(result: QueryResult<()>) {
        assert_eq!(result.unwrap_err().to_string(), "interrupted");
    }

    #[test]
    fn interrupts_what_runs_too_long_and_nothing_afterwards() {
        let mut connection = open();
        let started = Instant::now();
        assert_interrupted(within(Duration::from_millis(20), || connection.batch_execute(ENDLESS)));
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        connection.batch_execute(SHORT).unwrap();
    }

    #[test]
    fn leaves_other_threads_alone() {
        let other = std::thread::spawn(|| open().batch_execute(SHORT));
        assert_interrupted(within(Duration::ZERO, || open().batch_execute(ENDLESS)));
        other.join().unwrap().unwrap();
    }

    #[test]
    fn the_shorter_of_nested_budgets_wins() {
        let mut connection = open();
        let started = Instant::now();
        within(Duration::from_millis(20), || {
            assert_interrupted(within(Duration::from_secs(60), || connection.batch_execute(ENDLESS)));
        });
        within(Duration::from_secs(60), || {
            assert_interrupted(within(Duration::from_millis(20), || connection.batch_execute(ENDLESS)));
        });
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn notices_that_an_interrupted_write_ends_the_whole_transaction() {
        let mut connection = open();
        connection.batch_execute("CREATE TABLE t(i); BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s").unwrap();
        let before = rollbacks();
        connection.batch_execute("ROLLBACK TO s; RELEASE s").unwrap();
        assert_eq!(rollbacks(), before, "a savepoint is not the transaction");
        let endless = format!("INSERT INTO t {ENDLESS}");
        assert_interrupted(within(Duration::from_millis(5), || connection.batch_execute(&endless)));
        assert_eq!(rollbacks(), before + 1);
        assert!(connection.batch_execute("COMMIT").is_err());
    }

    #[test]
    fn recalls_what_runs_and_nothing_that_begins_later() {
        let (outer, inner) = (Recall::default(), Recall::default());
        for recall in [&outer, &inner] {
            let ((_, outer_was), inner_was) = recallable(&inner, || {
                recallable(&outer, || {
                    recall.recall();
                    assert_interrupted(open().batch_execute(ENDLESS));
                })
            });
            assert_eq!([outer_was, inner_was], [std::ptr::eq(recall, &outer), std::ptr::eq(recall, &inner)]);
            open().batch_execute(SHORT).unwrap();
        }
    }

    #[test]
    fn what_must_be_done_is_done_when_the_time_is_over() {
        let recall = Recall::default();
        within(Duration::ZERO, || {
            recallable(&recall, || {
                recall.recall();
                untimed(|| open().batch_execute(SHORT)).unwrap();
                assert!(is_over());
            })
        });
    }

    #[test]
    fn long_values_are_not_begun_without_time_for_them() {
        assert_eq!(afford(usize::MAX), Ok(()), "there is no end to the time");
        within(Duration::from_millis(1), || {
            assert_eq!(afford(1), Ok(()));
            assert_eq!(afford(10_000_000), Err(Interrupted));
        });
        within(Duration::from_secs(60), || assert_eq!(afford(10_000_000), Ok(())));
    }

    #[test]
    fn functions_see_texts_and_end_their_statement() {
        const FUNCTIONS: &[TextTest] = &[
            TextTest { name: c"same", test: |text, other| Ok(text == other) },
            TextTest { name: c"never", test: |_, _| Err(Interrupted) },
        ];
        install(FUNCTIONS);
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection.batch_execute("CREATE TABLE t(i NOT NULL CHECK (i = 1))").unwrap();
        for (sql, holds) in [("same('é', 'é')", true), ("same('a', 'b')", false), ("same(1, '1')", true)] {
            let inserted = connection.batch_execute(&format!("INSERT INTO t VALUES ({sql})"));
            assert_eq!(inserted.is_ok(), holds, "{sql}");
        }
        connection
            .batch_execute("INSERT INTO t SELECT 1 WHERE same(NULL, 'a') IS NULL AND same('a', NULL) IS NULL")
            .unwrap();
        assert_interrupted(connection.batch_execute("SELECT never('a', 'b')"));
    }
}
