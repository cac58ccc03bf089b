//! How many files the process may have open, and how many projects that is enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What an open project holds as long as it is open: its database, the log, the log's index, and a second hold on the log.
/// Each connection that reads holds up to two more, which only a busy project has many of.
const EACH_PROJECT: u64 = 12;

/// What everything else needs: connections of clients, above all.
const THE_REST: u64 = 512;

/// Lets the process open as many files as the system allows it at all. Gives how many these are; `None`: any number.
pub(crate) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files can't be raised");
            current
        }
    }
}

/// Of `wanted` open projects as many as so many files are enough for; at least one.
pub(crate) fn open_projects(wanted: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    // Where there are few files in all, projects get half of them.
    let for_projects = files.saturating_sub(THE_REST).max(files / 2);
    wanted.min(usize::try_from(for_projects / EACH_PROJECT).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_leave_files_for_everything_else() {
        assert_eq!(open_projects(1000, None), 1000);
        assert_eq!(open_projects(1000, Some(1 << 20)), 1000);
        assert_eq!(open_projects(1000, Some(4096)), 298);
        assert_eq!(open_projects(1000, Some(1024)), 42);
        assert_eq!(open_projects(10, Some(1024)), 10);
        assert_eq!(open_projects(1000, Some(8)), 1);
    }
}
