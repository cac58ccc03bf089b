//! How much of a queue is done at once, how often a job is tried, and for how long it may take.

use std::time::Duration;

/// A queue, and how its jobs are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The queue's name: small letters.
    pub queue: &'static str,
    /// How many of its jobs run at once in this process.
    pub at_once: usize,
    /// How many of these may be one project's, so that another project's job finds a free place.
    pub in_a_project: usize,
    /// How often a job is tried before it has failed for good.
    pub tries: u32,
    /// How long to wait after the first failure; twice as long after each further one, up to the second.
    pub back_off: [Duration; 2],
    /// How long a try may take before it is stopped and has failed; none: as long as it takes.
    pub time: Option<Duration>,
}

const fn policy(
    queue: &'static str,
    [at_once, in_a_project]: [usize; 2],
    tries: u32,
    back_off: [u64; 2],
    time: u64,
) -> Policy {
    let [first, longest] = back_off;
    Policy {
        queue,
        at_once,
        in_a_project,
        tries,
        back_off: [Duration::from_secs(first), Duration::from_secs(longest)],
        time: if time == 0 { None } else { Some(Duration::from_secs(time)) },
    }
}

/// Mails to people.
pub const EMAILS: Policy = policy("emails", [10, 5], 3, [10, 600], 60);
/// Files that have come, to be looked at or moved.
pub const UPLOADS: Policy = policy("uploads", [5, 3], 2, [30, 600], 900);
/// Data that goes to, or comes from, elsewhere.
pub const SYNC: Policy = policy("sync", [3, 2], 5, [30, 1800], 1800);
/// Reports, which are asked for again when they fail.
pub const REPORTS: Policy = policy("reports", [2, 1], 1, [60, 60], 900);
/// Deliveries to webhooks: other people's servers, which are slow, and down now and then.
pub const WEBHOOKS: Policy = policy("webhooks", [16, 4], 5, [10, 600], 60);
/// Executions and builds of functions, which may do anything, so they aren't repeated.
pub const FUNCTIONS: Policy = policy("functions", [8, 4], 1, [10, 60], 1800);
/// Messages to many people by way of a provider.
pub const MESSAGING: Policy = policy("messaging", [5, 2], 3, [10, 600], 900);
/// What is removed behind the API's back. It must go in the end.
pub const DELETES: Policy = policy("deletes", [2, 1], 20, [10, 3600], 0);
/// Changes of the shape of tables: one at a time in a project, in their order.
/// Each holds a store for as long as it takes.
pub const SCHEMA: Policy = policy("schema", [6, 1], 20, [10, 3600], 0);

/// All of them.
pub const POLICIES: [Policy; 9] = [EMAILS, UPLOADS, SYNC, REPORTS, WEBHOOKS, FUNCTIONS, MESSAGING, DELETES, SCHEMA];

impl Policy {
    /// How long to wait after so many failures. A little less or more for each job, so that those that failed together don't come
    /// back together.
    #[must_use]
    pub fn pause_after(&self, failures: u32, job: i64) -> Duration {
        let [first, longest] = self.back_off;
        let doubled = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(20)));
        // From 90 to 110 percent.
        let percent = 90 + u32::try_from(job.rem_euclid(21)).unwrap_or(0);
        longest.min(doubled) * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_up_to_the_longest() {
        let pauses: Vec<_> = (1..=8).map(|failures| EMAILS.pause_after(failures, 10).as_secs()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(EMAILS.pause_after(u32::MAX, 0).as_secs(), 540);
    }

    #[test]
    fn no_project_has_a_whole_queue() {
        for policy in POLICIES {
            assert!(policy.in_a_project < policy.at_once && policy.in_a_project > 0 && policy.tries > 0, "{policy:?}");
        }
    }
}
