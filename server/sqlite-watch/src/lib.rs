//! Watches every SQLite connection of the process: interrupts statements that run longer than they may, and notices
//! when SQLite ends a transaction on its own.
//!
//! Diesel offers neither. SQLite can call a function on each connection that it opens (`sqlite3_auto_extension`); ours
//! installs two hooks there:
//! - a progress handler, called every [`STEPS`] steps of SQLite's virtual machine, which interrupts the statement when
//!   the thread's deadline has passed (see [`within`]), or steps back for other threads (see [`politely`]);
//! - a rollback hook, which counts the thread's rollbacks (see [`rollbacks`]).
//!
//! It also sets what only a C call can set about a connection (see `watch`).
//!
//! This is the one crate of Floe with unsafe code: the workspace forbids it everywhere else.

use libsqlite3_sys as ffi;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Once;
use std::time::{Duration, Instant};

/// How many steps of SQLite's virtual machine lie between two looks at the clock: some tens of microseconds.
const STEPS: c_int = 1000;

thread_local! {
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static ROLLBACKS: Cell<u64> = const { Cell::new(0) };
    static POLITE: Cell<bool> = const { Cell::new(false) };
}

/// Watches all connections that are opened from now on. To be called before the first; calling again does nothing.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
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

/// Whether this thread has used up its budget. For functions that SQLite calls: while one runs, SQLite can't look.
#[must_use]
pub fn is_over() -> bool {
    let deadline = DEADLINE.try_with(Cell::get).ok().flatten();
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
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
    ffi::SQLITE_OK
}

/// Non-zero interrupts. `try_with`, because a connection may be closed while its thread ends.
unsafe extern "C" fn look(_: *mut c_void) -> c_int {
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
        install();
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
}
