//! Where a store is: the names of files and schemas, and how files come and go.

use crate::error::{Error, Result};
use floe_kernel::time::Timestamp;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The project that is the platform itself.
pub const PLATFORM: &str = "console";

/// The file of the platform.
const PLATFORM_FILE: &str = "platform.db";

/// Where files are put that no project has.
const UNCLAIMED: &str = "unclaimed";

/// What every SQLite file begins with.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// A project's id, fit to be a part of a file's and a schema's name, and which making of the project is meant.
///
/// The id was checked at the edge; checked again here, because here it could leave the folder.
#[derive(Clone)]
pub(super) struct Id {
    pub(super) name: String,
    pub(super) generation: i64,
}

impl Id {
    pub(super) fn parse(name: &str, generation: i64) -> Result<Self> {
        let inside =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
        let outside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = name.len() <= 36 && name.bytes().next().is_some_and(outside) && name.bytes().all(inside);
        if !valid {
            return Err(Error::ProjectNotFound);
        }
        if name == PLATFORM { Ok(Self::platform()) } else { Ok(Self { name: name.to_owned(), generation }) }
    }

    /// The platform, which is made once.
    pub(super) fn platform() -> Self {
        Self { name: PLATFORM.to_owned(), generation: 0 }
    }

    pub(super) fn is_platform(&self) -> bool {
        self.name == PLATFORM
    }

    /// Whose data it is, for people; of the platform's, which nobody knows by an id, also where it is: in a file, or with this
    /// prefix in a schema.
    pub(super) fn whose(&self, schema_prefix: Option<&str>) -> String {
        match schema_prefix {
            _ if !self.is_platform() => format!("the project \"{}\"", self.name),
            Some(prefix) => format!("the platform (the schema {})", self.schema(prefix)),
            None => format!("the platform ({PLATFORM_FILE})"),
        }
    }

    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        if self.is_platform() {
            folder.join(PLATFORM_FILE)
        } else {
            projects_folder(folder).join(format!("{}.db", self.name))
        }
    }

    pub(super) fn schema(&self, prefix: &str) -> String {
        if self.is_platform() {
            format!("{prefix}_platform")
        } else {
            format!("{}{}", Self::schema_of_projects(prefix), self.name)
        }
    }

    /// What its schema is called when it is put aside: within PostgreSQL's 63 bytes, and as no project's.
    pub(super) fn schema_aside(&self, prefix: &str, now: Timestamp) -> String {
        let name: String = self.name.chars().take(20).collect();
        format!("{prefix}_unclaimed_{name}_{}", now.millis())
    }

    /// What the schemas of all projects begin with, and nothing else does: no prefix is like the beginning of one.
    pub(super) fn schema_of_projects(prefix: &str) -> String {
        format!("{prefix}_project_")
    }
}

fn projects_folder(folder: &Path) -> PathBuf {
    folder.join("projects")
}

/// Makes the data folder, unless it is there, and makes sure that it is whole.
///
/// # Errors
/// [`Error::Damaged`] when projects are there and the platform's file, which knows them, isn't.
pub(super) fn prepare_folder(folder: &Path) -> Result<()> {
    make_folder(folder)?;
    make_folder(&projects_folder(folder))?;
    let platform = Id::platform().file(folder);
    if platform.metadata().is_ok_and(|about| about.len() > 0) { Ok(()) } else { refuse_if_projects(folder) }
}

/// Refuses to begin with a platform that knows of no projects where there are some.
///
/// # Errors
/// [`Error::Damaged`].
pub(super) fn refuse_if_projects(folder: &Path) -> Result<()> {
    let projects = project_files(folder)?.len();
    if projects == 0 {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{} is missing or empty, although {} holds {projects} project(s). Restore it from a backup of the same time as the \
         projects (docs/operations.md); to begin anew, move the whole folder away.",
        Id::platform().file(folder).display(),
        projects_folder(folder).display(),
    )))
}

/// The ids of the projects that have a file.
pub(super) fn project_files(folder: &Path) -> Result<Vec<String>> {
    let found = files_of_projects(folder, ".db")?;
    Ok(found.into_iter().map(|(id, _)| id.name).collect())
}

/// The stores beside whose files lie logs with something in them. (Of which generation isn't known.)
pub(super) fn files_with_logs(folder: &Path) -> Result<Vec<Id>> {
    let mut found = files_of_projects(folder, ".db-wal")?;
    let platform = Id::platform();
    let log = platform.file(folder).with_extension("db-wal");
    found.push((platform, log));
    let is_filled = |log: &Path| log.metadata().is_ok_and(|about| about.len() > 0);
    Ok(found.into_iter().filter(|(_, log)| is_filled(log)).map(|(id, _)| id).collect())
}

/// What lies in the folder of projects and is named after one, with this ending.
fn files_of_projects(folder: &Path, ending: &str) -> Result<Vec<(Id, PathBuf)>> {
    let mut found = Vec::new();
    let projects = projects_folder(folder);
    for entry in std::fs::read_dir(&projects).map_err(Error::of_file(&projects))? {
        let entry = entry.map_err(Error::of_file(&projects))?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(ending)).and_then(|name| Id::parse(name, 0).ok());
        found.extend(id.filter(|id| !id.is_platform()).map(|id| (id, entry.path())));
    }
    Ok(found)
}

pub(super) fn make_folder(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::of_file(folder))
}

/// Makes an empty file, which SQLite takes for an empty database. It gives its log the same mode.
pub(super) fn create_file(file: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    // The log of a deleted database of the same name must not be taken for this one's.
    remove_log(file)?;
    made.sync_all()?;
    sync_folder(file)
}

/// Makes sure that there is a database in a file, before SQLite would take an empty one for a new one. Not to be called while
/// this process has it open: closing a file gives back all the locks that the process has on it, SQLite's as well.
///
/// # Errors
/// [`Error::NotFound`] without a file, [`Error::Damaged`] for one that is something else or can't be read.
pub(super) fn check_file(file: &Path, id: &Id) -> Result<()> {
    let mut header = [0; HEADER.len()];
    match File::open(file).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) if header == *HEADER => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound),
        Err(error) if matches!(error.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied) => {
            Err(unreadable(&id.whose(None), &format!("{}: {error}", file.display())))
        }
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(Error::of_file(file)(error)),
        _ => Err(damaged(&id.whose(None), "its file is no database any more")),
    }
}

/// How many descriptors must be left once a store is open: for its next connections, and for those of its callers.
const SPARE_FILES: usize = 12;

/// Refuses to go on when the process has hardly any file descriptors left: then something else is closed for it.
pub(super) fn must_have_spare_files() -> Result<()> {
    let spare = (0..SPARE_FILES).map(|_| File::open("/dev/null"));
    spare.collect::<io::Result<Vec<_>>>().map(drop).map_err(Error::unavailable)
}

/// What is wrong with a store's data, told with [whose](Id::whose) it is.
pub(super) fn named(whose: &str, error: Error) -> Error {
    match error {
        Error::Damaged(what) => damaged(whose, &what),
        Error::Newer(_) => newer(whose, &error),
        error => error,
    }
}

/// That a store can't be used before somebody restores it.
fn damaged(whose: &str, what: &str) -> Error {
    Error::Damaged(format!("The data of {whose} is damaged: {what}. It must be restored from a backup."))
}

/// That the data is in a state that this program doesn't know.
fn newer(whose: &str, why: &Error) -> Error {
    Error::Damaged(format!(
        "The data of {whose} can't be used: {why}. Start that version or a later one, or restore a backup of before the upgrade."
    ))
}

/// That the data isn't there.
pub(super) fn missing(whose: &str) -> Error {
    Error::Damaged(format!("The data of {whose} is missing. It must be put back, or restored from a backup."))
}

/// That something else lies in its place.
pub(super) fn of_another_making(whose: &str, store: &str) -> Error {
    Error::Damaged(format!(
        "The data of {whose} isn't there: {store} holds another project's, or that of another making of it. It must be \
         restored from a backup."
    ))
}

fn unreadable(whose: &str, why: &str) -> Error {
    Error::Damaged(format!("The data of {whose} can't be read: {why}."))
}

/// Removes a database for good.
pub(super) fn remove_file(file: &Path) -> io::Result<()> {
    remove_if_there(file)?;
    remove_log(file)?;
    sync_folder(file)
}

/// Puts a database aside that no project has: it may be all that is left of one, so nobody but a person removes it.
pub(super) fn set_aside(folder: &Path, id: &Id, now: Timestamp) -> Result<()> {
    let (file, unclaimed) = (id.file(folder), folder.join(UNCLAIMED));
    make_folder(&unclaimed)?;
    let aside = unclaimed.join(format!("{}.{}.db", id.name, now.millis()));
    tracing::warn!(file = %file.display(), aside = %aside.display(), "no project has this file: it is put aside");
    let moved = move_if_there(&file.with_extension("db-wal"), &aside.with_extension("db-wal"))
        .and_then(|()| remove_if_there(&file.with_extension("db-shm")))
        .and_then(|()| move_if_there(&file, &aside))
        .and_then(|()| sync_folder(&file));
    moved.map_err(Error::of_file(&file))
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    unless_missing(std::fs::rename(from, to))
}

fn remove_log(file: &Path) -> io::Result<()> {
    for end in ["db-wal", "db-shm"] {
        remove_if_there(&file.with_extension(end))?;
    }
    Ok(())
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    unless_missing(std::fs::remove_file(file))
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// So that a file that was made or removed stays so.
fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
