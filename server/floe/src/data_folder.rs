//! Whether the data folder is whole: a server that finds half of it must not take it for a fresh one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Refuses a folder that has projects but no platform: accounts, keys and the list of projects are in `platform.db`, so
/// without it a new and empty instance would begin, and ask whoever comes first to set it up.
///
/// # Errors
/// What is missing, and how it is brought back; or why the folder can't be read.
pub(crate) fn must_be_whole(folder: &Path) -> Result<(), String> {
    let platform = folder.join("platform.db");
    if length(&platform).map_err(|error| unreadable(&platform, &error))? > 0 {
        return Ok(());
    }
    let projects = folder.join("projects");
    let Some(project) = any_database(&projects).map_err(|error| unreadable(&projects, &error))? else { return Ok(()) };
    let (state, name) = (if platform.exists() { "empty" } else { "missing" }, platform.display());
    Err(format!(
        "{name} is {state}, although there are projects ({}). It holds the accounts, the API keys and the list of projects. \
         Restore it, with its platform.db-wal if there is one, from a backup; or choose another folder (FLOE_DATA) to begin anew.",
        project.display()
    ))
}

/// How long a file is; 0 for one that isn't there.
fn length(file: &Path) -> io::Result<u64> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// A database in this folder that holds something.
fn any_database(folder: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db") && length(&path)? > 0 {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_without_a_platform_are_no_fresh_instance() {
        let folder = tempfile::tempdir().unwrap();
        let (platform, projects) = (folder.path().join("platform.db"), folder.path().join("projects"));
        assert_eq!(must_be_whole(folder.path()), Ok(()), "a folder that is really fresh");
        fs::create_dir(&projects).unwrap();
        fs::write(&platform, "").unwrap();
        fs::write(projects.join("shop.db"), "").unwrap();
        assert_eq!(must_be_whole(folder.path()), Ok(()), "one that was just begun");

        fs::write(projects.join("shop.db"), "data").unwrap();
        let empty = must_be_whole(folder.path()).unwrap_err();
        assert!(
            empty.contains("platform.db is empty") && empty.contains("shop.db") && empty.contains("backup"),
            "{empty}"
        );
        fs::remove_file(&platform).unwrap();
        assert!(must_be_whole(folder.path()).unwrap_err().contains("platform.db is missing"));
        fs::write(&platform, "data").unwrap();
        assert_eq!(must_be_whole(folder.path()), Ok(()));
    }
}
