//! What storage can fail with. It knows nothing of HTTP.

use crate::quota::Used;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use floe_kernel::ErrorKind;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What storage gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Why storage could not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It would break a rule that the database keeps: a value that must be unique is there already, or something is
    /// still referred to. See [`Error::conflicts_on`].
    #[error("conflict on {}", if columns.is_empty() { constraint.clone().unwrap_or_default() } else { columns.join(", ") })]
    Conflict {
        /// The columns, where the database says which.
        columns: Vec<String>,
        /// The index or constraint, where the database says which.
        constraint: Option<String>,
    },
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// There is no such project, or it was deleted meanwhile.
    #[error("there is no such project")]
    ProjectNotFound,
    /// What lies in a project's place is another project's data, or of another making of it, which nobody is given. Says where.
    /// Only making a project fails with it: whoever asks for one is told what it means for them.
    #[error("{0} holds the data of another project, or of another making of it")]
    OfAnotherMaking(String),
    /// The store is being closed, to be opened anew when it is asked for again. Nothing was done.
    #[error("the store is being closed")]
    Closed,
    /// What is kept can't be read any more, so that a person must restore it. Says what, and how.
    #[error("{0}")]
    Damaged(String),
    /// A newer program has brought the data to a version that this one doesn't know: the first migration that it doesn't know.
    #[error("a newer version of Floe has written it (migration {0} isn't known here)")]
    Newer(String),
    /// The statement ran longer than it may, and was interrupted.
    #[error("the statement took too long")]
    Timeout,
    /// The unit of work held up others longer than it may. Nothing of it is saved; in smaller parts it may succeed.
    #[error("the unit of work took too long")]
    UnitTooLong,
    /// Two units of work waited for each other, and this one had to give way. Done again, it may succeed.
    #[error("two units of work waited for each other")]
    Deadlock,
    /// The item that a page should start at isn't there, or must not be seen.
    #[error("there is no item with the id of the cursor")]
    CursorNotFound,
    /// So many wait already that this one was turned away, or it waited too long for its turn. Nothing was done; tried again in
    /// a moment, it may succeed.
    #[error("storage is busy")]
    Busy,
    /// The rows hold more than an answer may, see [`crate::tables::MAX_ANSWER_BYTES`].
    #[error("the rows hold more than {} bytes", crate::tables::MAX_ANSWER_BYTES)]
    TooLarge,
    /// The database can't be reached, was stopped, doesn't answer any more, or its operator has stopped the statement. Nobody's
    /// bug; tried again later, it may succeed. Whether a commit that fails so was made isn't known; of anything else nothing was done.
    #[error("the database can't be reached: {0}")]
    Unreachable(#[source] Source),
    /// The project holds as much as it may. Nothing was done.
    #[error("the project's quota is used up: {0:?}")]
    QuotaUsed(Used),
    /// There is no room left where the database keeps its files. Nothing was done.
    #[error("there is no room left for data")]
    Full,
    /// The database failed in a way that is nobody's fault but ours.
    #[error("storage is unavailable: {0}")]
    Unavailable(#[source] Source),
}

impl Error {
    /// Something that is our fault, or the machine's.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(source.into()))
    }

    /// What the system said of this file. For `.map_err(…)`.
    pub(crate) fn of_file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::unavailable(OfFile { path, source })
    }

    /// Whether a file could not be opened because the process has too many.
    pub(crate) fn is_for_want_of_files(&self) -> bool {
        let Self::Unavailable(source) = self else { return false };
        let said = source.downcast_ref::<io::Error>();
        let said = said.or_else(|| source.downcast_ref::<OfFile>().map(|of| &of.source));
        // SQLite doesn't say why; that the file itself is there was seen before.
        let of_sqlite = || source.to_string().contains("unable to open database file");
        said.map_or_else(of_sqlite, is_too_many_files)
    }

    /// Something that is the database's, or the network's.
    pub(crate) fn unreachable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreachable(Arc::from(source.into()))
    }

    /// Whether it is a conflict about this column (or index), such as `email`.
    #[must_use]
    pub fn conflicts_on(&self, name: &str) -> bool {
        match self {
            Self::Conflict { columns, constraint } => {
                columns.iter().any(|column| column == name) || constraint.as_deref() == Some(name)
            }
            _ => false,
        }
    }

    /// Whether it is a conflict at all.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// What the system said of a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
struct OfFile {
    path: PathBuf,
    source: io::Error,
}

/// Whether this came of [`Error::Busy`]: others were in the way, and the same may succeed later.
#[must_use]
pub fn was_busy(error: &floe_kernel::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    matches!(source, Some(Error::Busy))
}

/// Says what a conflict means to the caller, where it can mean only one thing. For `.map_err(…)`.
pub fn conflict_is(meaning: impl Into<floe_kernel::Error>) -> impl FnOnce(Error) -> floe_kernel::Error {
    |error| if error.is_conflict() { meaning.into().because(error) } else { error.into() }
}

impl From<floe_sealed::Error> for Error {
    fn from(error: floe_sealed::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind::{ForeignKeyViolation, UniqueViolation};
        match error {
            DieselError::NotFound => Self::NotFound,
            error if was_interrupted(&error) => Self::Timeout,
            error if has_message(&error, LOCK_TIMED_OUT) => Self::Busy,
            error if has_message(&error, UNIT_TOO_LONG) => Self::UnitTooLong,
            error if is_deadlock(&error) => Self::Deadlock,
            DieselError::DatabaseError(_, about) if is_damage(about.message()) => {
                Self::Damaged(about.message().to_owned())
            }
            error if is_away(&error) => Self::unreachable(error),
            error if is_full(&error) => Self::Full,
            error if crate::tables::is_too_much(&error) => Self::TooLarge,
            error if crate::tables::is_out_of_memory(&error) => Self::Busy,
            DieselError::DatabaseError(UniqueViolation | ForeignKeyViolation, about) => conflict(&*about),
            error => Self::unavailable(error),
        }
    }
}

/// For products: what the caller is told. A conflict has a better name in each of them; map it there.
impl From<Error> for floe_kernel::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::CursorNotFound => Self::new(ErrorKind::GeneralCursorNotFound),
            Error::ProjectNotFound => Self::new(ErrorKind::ProjectNotFound).because(error),
            // Told who wants to make one of its id.
            Error::OfAnotherMaking(_) => Self::new(ErrorKind::ProjectAlreadyExists)
                .message("The database holds the data of an earlier project of this ID. Its operator must move that away first.")
                .because(error),
            Error::Damaged(ref what) => {
                let message = what.clone();
                Self::new(ErrorKind::GeneralServiceUnavailable).message(message).because(error)
            }
            Error::Busy | Error::Closed | Error::Deadlock | Error::Unreachable(_) => {
                Self::unavailable(RETRY_AFTER).because(error)
            }
            Error::Unavailable(ref source) if is_removed(&source.to_string()) => {
                Self::unavailable(RETRY_AFTER).because(error)
            }
            Error::TooLarge => {
                let most = crate::tables::MAX_ANSWER_BYTES >> 20;
                let message = format!(
                    "Invalid query: the answer would hold more than {most} MiB; ask for a shorter page, or select fewer columns and relationships"
                );
                Self::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries").because(error)
            }
            Error::QuotaUsed(used) => {
                let message = match used {
                    Used::Rows => "This project has as many rows as it may have. Delete some first.",
                    Used::Bytes => "This project holds as much data as it may hold. Delete some first.",
                };
                Self::new(ErrorKind::GeneralResourceLimitExceeded).message(message).because(error)
            }
            Error::Full => Self::new(ErrorKind::GeneralInsufficientStorage).message(FULL).because(error),
            Error::Timeout => Self::new(ErrorKind::DatabaseTimeout).because(error),
            Error::UnitTooLong => Self::new(ErrorKind::DatabaseTimeout)
                .message("The change takes too long to be made at once. Make it in smaller parts.")
                .because(error),
            error => Self::internal(error),
        }
    }
}

/// What the caller is told when the disk takes nothing at all: even what is removed has to be written down.
const FULL: &str = "There is no room left on the disk to write anything, and so nothing can be deleted either before its operator \
    makes room. What is stored can be read.";

/// In how many seconds whoever found storage busy, or away, may try again.
const RETRY_AFTER: u32 = 1;

/// PostgreSQL answers `COMMIT` with a silent rollback then; we don't let it come to that.
pub(crate) const FAILED_UNIT: &str = "a statement of this unit of work failed, so it can't be committed";

/// What a statement is told whose unit of work has held the writer for too long.
pub(crate) const UNIT_TOO_LONG: &str = "the unit of work took too long";

/// Whether the statement was stopped because its time was over, by the database or while we read what it gave.
pub(crate) fn was_interrupted(error: &DieselError) -> bool {
    match error {
        DieselError::DeserializationError(error) => error.is::<floe_sqlite_watch::Interrupted>(),
        error => {
            has_message(error, "interrupted") || has_message(error, "canceling statement due to statement timeout")
        }
    }
}

/// Whether SQLite gave up because tables changed their shape again and again.
pub(crate) fn is_schema_changed(error: &DieselError) -> bool {
    has_message(error, "database schema has changed")
}

/// PostgreSQL's words for a lock that wasn't free in time.
pub(crate) const LOCK_TIMED_OUT: &str = "canceling statement due to lock timeout";

fn has_message(error: &DieselError, message: &str) -> bool {
    matches!(error, DieselError::DatabaseError(_, about) if about.message() == message)
}

/// Whether PostgreSQL chose this unit of work to give way.
fn is_deadlock(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        DieselError::DatabaseError(_, about) => about.message() == "deadlock detected",
        _ => false,
    }
}

/// Whether SQLite says so of a file that isn't whole.
fn is_damage(message: &str) -> bool {
    matches!(message, "database disk image is malformed" | "file is not a database")
}

fn is_too_many_files(error: &io::Error) -> bool {
    // EMFILE and ENFILE, which the standard library gives no names.
    matches!(error.raw_os_error(), Some(24 | 23))
}

/// Whether PostgreSQL isn't there: its connection ended, or it says that it is about to end or to begin, or that somebody has
/// stopped what it did.
fn is_away(error: &DieselError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        DieselError::DatabaseError(ClosedConnection | UnableToSendCommand, _) => true,
        DieselError::DatabaseError(_, about) => {
            let message = about.message();
            AWAY.iter().any(|beginning| message.starts_with(beginning)) || has_too_many_connections(message)
        }
        _ => false,
    }
}

/// Whether PostgreSQL says so of a table or a schema: its operator has dropped it, perhaps to restore it. (Where somebody has
/// removed a table of theirs, products find out themselves, and say that.)
fn is_removed(message: &str) -> bool {
    (message.starts_with("relation \"") || message.starts_with("schema \"")) && message.ends_with("\" does not exist")
}

/// How PostgreSQL's messages of that begin.
const AWAY: [&str; 3] = ["terminating connection", "canceling statement due to user request", "the database system is"];

/// What they say when it has as many connections as it may have: all in all, of a role, or of a database.
const TOO_MANY_CONNECTIONS: [&str; 3] =
    ["sorry, too many clients", "remaining connection slots", "too many connections"];

/// Whether PostgreSQL says so because it has as many connections as it may have.
pub(crate) fn has_too_many_connections(message: &str) -> bool {
    TOO_MANY_CONNECTIONS.iter().any(|words| message.contains(words))
}

/// Whether the disk is full (SQLite's words, and those of the system in PostgreSQL's).
fn is_full(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(_, about)
        if about.message() == "database or disk is full" || about.message().ends_with("No space left on device"))
}

/// Whether another process holds SQLite's write lock.
pub(crate) fn is_busy(error: &DieselError) -> bool {
    has_message(error, "database is locked")
}

/// SQLite says `UNIQUE constraint failed: users.email, users.name` (or `: index 'name'`); PostgreSQL gives the
/// constraint's name, and `Key (email, name)=(…) already exists.` as the detail.
fn conflict(about: &dyn DatabaseErrorInformation) -> Error {
    let columns = match about.details() {
        Some(detail) => {
            let listed = detail.strip_prefix("Key (").and_then(|rest| rest.split_once(")=")).map(|(listed, _)| listed);
            listed.map(|listed| names(listed, |name| name.trim_matches('"'))).unwrap_or_default()
        }
        None => {
            let listed = about.message().strip_prefix("UNIQUE constraint failed: ");
            let listed = listed.filter(|listed| !listed.starts_with("index '"));
            listed.map(|listed| names(listed, |name| name.rsplit('.').next().unwrap_or(name))).unwrap_or_default()
        }
    };
    let index = about.message().split_once("index '").map(|(_, rest)| rest.trim_end_matches('\''));
    Error::Conflict { columns, constraint: about.constraint_name().or(index).map(str::to_owned) }
}

fn names<'a>(listed: &'a str, bare: impl Fn(&'a str) -> &'a str) -> Vec<String> {
    listed.split(", ").map(|name| bare(name).to_owned()).collect()
}
