//! How many files the process may have open, and how many projects that is enough for.

use crate::config::DEFAULT_MAX_OPEN;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What isn't for projects: connections of callers, the log, the platform's own files.
const RESERVED: u64 = 256;

/// How many descriptors a project in use takes: the log for its fsync, the index of the log, and two for each connection that
/// writes, reads or moves the log.
const A_PROJECT: u64 = 8;

/// However low the limit is: so many projects are open, and those that find no descriptor make others close.
const FEWEST: usize = 16;

/// Raises the limit as far as the system lets us, and gives it. The soft one is low for programs that can't do with high
/// numbers; we can.
pub(crate) fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// How many projects may be open at a time with so many descriptors, and never more than the default.
pub(crate) fn most_projects(limit: u64) -> usize {
    let most = usize::try_from(limit.saturating_sub(RESERVED) / A_PROJECT).unwrap_or(usize::MAX);
    most.clamp(FEWEST, DEFAULT_MAX_OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_are_enough_for_few_projects() {
        assert_eq!(most_projects(u64::MAX), DEFAULT_MAX_OPEN);
        assert_eq!(most_projects(1024), 96);
        assert_eq!(most_projects(64), FEWEST);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
