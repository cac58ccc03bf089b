//! Functions of ours that SQL can call: tests of a text, which see the bytes where SQLite keeps them (nothing is copied)
//! and can end their statement when its time is over.

use libsqlite3_sys as ffi;
use std::ffi::{CStr, c_int, c_void};

/// The statement's time is over (or would be, before the work was done): the statement fails with the message
/// `interrupted`, as if SQLite had noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// A function `name(text, argument)` of SQL: 1 or 0; NULL where one of the two is NULL.
#[derive(Debug, Clone, Copy)]
pub struct TextTest {
    /// Its name in SQL.
    pub name: &'static CStr,
    /// What it does. The bytes are UTF-8 as far as whoever wrote them saw to it. Must not panic: a panic aborts the process.
    pub test: fn(text: &[u8], argument: &[u8]) -> Result<bool, Interrupted>,
}

/// Makes a function known to a connection.
///
/// # Safety
/// The connection must be valid, and nobody else may be using it.
pub(crate) unsafe fn register(connection: *mut ffi::sqlite3, function: &'static TextTest) -> c_int {
    let context = std::ptr::from_ref(function).cast_mut().cast::<c_void>();
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
    // SAFETY: the caller vouches for the connection; the name ends with a zero and the context is a `'static` reference,
    // which `call` only reads. No destructor is needed for it.
    unsafe {
        ffi::sqlite3_create_function_v2(
            connection,
            function.name.as_ptr(),
            2,
            flags,
            context,
            Some(call),
            None,
            None,
            None,
        )
    }
}

/// SQLite calls this for each row. (A panic can't cross it: `extern "C"` aborts.)
unsafe extern "C" fn call(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    debug_assert_eq!(count, 2);
    // SAFETY: SQLite passes as many values as the function was registered with: two. The user data is what `register` gave
    // it. The texts stay where they are until this returns: nothing here converts a value twice or to another encoding.
    unsafe {
        let function = &*ffi::sqlite3_user_data(context).cast::<TextTest>();
        let (Some(text), Some(argument)) = (bytes(*values), bytes(*values.add(1))) else {
            return ffi::sqlite3_result_null(context);
        };
        match (function.test)(text, argument) {
            Ok(holds) => ffi::sqlite3_result_int(context, c_int::from(holds)),
            Err(Interrupted) => ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT),
        }
    }
}

/// A value as a text; none: it is NULL.
///
/// # Safety
/// The value must be one that SQLite has passed to a function, and the slice not outlive that call.
unsafe fn bytes<'v>(value: *mut ffi::sqlite3_value) -> Option<&'v [u8]> {
    // SAFETY: as the caller vouches. The text first, then its length, which is that of the text then.
    unsafe {
        let text = ffi::sqlite3_value_text(value);
        if text.is_null() {
            return None;
        }
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        Some(std::slice::from_raw_parts(text, length))
    }
}
