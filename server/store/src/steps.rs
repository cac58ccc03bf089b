//! Where a test may stop the process: between any two steps of what must not be lost.

use std::sync::OnceLock;

type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// What happens at each step from now on, in this process: for tests. The first one stays.
pub fn on_step(hook: impl Fn(&'static str) + Send + Sync + 'static) {
    // A second one would be a mistake of the test's, which then sees nothing of it.
    let _ = HOOK.set(Box::new(hook));
}

/// A step is done. Costs nothing without a test.
pub fn reached(step: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(step);
    }
}
