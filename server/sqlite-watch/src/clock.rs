//! A cheap clock, for deciding whether it is worth asking a dear one.

/// How many ticks lie between two looks at the real clock: some 20 microseconds, on whatever processor.
const LOOK_TICKS: u64 = if cfg!(target_arch = "x86_64") { 50_000 } else { 20_000 };

/// Whether a look at the clock is due; remembers that it was taken.
///
/// Errs on the side of looking: another core's counter makes the difference huge.
pub(crate) fn is_due(last: &std::cell::Cell<u64>) -> bool {
    let now = ticks();
    if now.wrapping_sub(last.get()) < LOOK_TICKS {
        return false;
    }
    last.set(now);
    true
}

/// The processor's own counter: a third of the price of the system's clock.
#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    // SAFETY: reads a register that every x86-64 processor has, and touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Nanoseconds since the first call.
#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    u64::try_from(START.get_or_init(std::time::Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
