//! Events: what a change tells the rest of the house.

/// Knows who listens, so that a change which nobody listens to pays nothing for its event.
///
/// Whoever consumes events (webhooks, functions, realtime) registers here; a change asks before it writes its event to
/// the outbox, in its own unit of work.
pub trait Listeners: Send + Sync {
    /// Whether somebody listens to events of this pattern in this project.
    ///
    /// `pattern` is the event's name with its ids in brackets, as the route table and the contract have it:
    /// `users.[userId].sessions.[sessionId].create`.
    fn wants(&self, project_id: &str, pattern: &str) -> bool;
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoListeners;

impl Listeners for NoListeners {
    fn wants(&self, _project_id: &str, _pattern: &str) -> bool {
        false
    }
}

/// An event's pattern with its ids filled in, in order: `users.[userId].create` and `["abc"]` give `users.abc.create`.
#[must_use]
pub fn name(pattern: &str, ids: &[&str]) -> String {
    let mut ids = ids.iter();
    let filled =
        pattern.split('.').map(|part| if part.starts_with('[') { ids.next().copied().unwrap_or(part) } else { part });
    filled.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fill_the_brackets() {
        assert_eq!(name("users.[userId].sessions.[sessionId].create", &["u", "s"]), "users.u.sessions.s.create");
    }
}
