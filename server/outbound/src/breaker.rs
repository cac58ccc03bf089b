//! The circuit breaker: hosts that fail again and again are left alone for a while.
//!
//! ```text
//!            so many failures in a row               the pause is over: one request is the probe
//!   closed ----------------------------> open ----------------------------------------------------> half open
//!     ^                                   ^                                                             |
//!     |                                   +--- the probe fails: open again, for twice as long ----------+
//!     +------------------------------------------------------------------- the probe succeeds ----------+
//! ```
//!
//! There are two kinds. That a host can't be connected to says something to everybody, so all share that circuit. What happens
//! after that (silence, nonsense) depends on what was asked of it; each caller has a circuit of its own for that, and can't
//! have others' requests to the same host paused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind};

/// When hosts are left alone, and for how long.
#[derive(Clone, Debug)]
pub struct BreakerSettings {
    /// How many failures in a row open a circuit.
    pub failures: u32,
    /// How long the first pause is. Each further one, after a probe that failed, is twice as long.
    pub pause: Duration,
    /// How long a pause is at most.
    pub longest_pause: Duration,
    /// How many circuits with failures are remembered. Beyond, those with the oldest failure are forgotten first.
    pub remembered: usize,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(10), longest_pause: Duration::from_secs(300), remembered: 4096 }
    }
}

/// What a circuit is for: reaching a host, or one owner's exchanges with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Circuit {
    pub(crate) host: Arc<str>,
    pub(crate) owner: Option<Arc<str>>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    last_failure: Instant,
    /// The last pause; until it ends, if one was begun.
    pause: Option<(Duration, Instant)>,
    probing: bool,
}

/// The circuits in which something failed. Closed ones without a failure aren't remembered.
pub(crate) struct Breaker {
    settings: BreakerSettings,
    states: Mutex<HashMap<Circuit, State>>,
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self { settings, states: Mutex::default() })
    }

    /// Lets a request through, or says that it is to be left for a while. Whoever was let through tells how it went;
    /// who is dropped without a word leaves things as they were.
    pub(crate) fn admit(self: &Arc<Self>, circuit: Circuit) -> Result<Admitted, Error> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let mut probe = false;
        if let Some(state) = states.get_mut(&circuit)
            && let Some((_, until)) = state.pause
        {
            if state.probing || Instant::now() < until {
                return Err(Error::new(ErrorKind::Paused, format!("{} failures in a row", state.failures)));
            }
            state.probing = true;
            probe = true;
        }
        Ok(Admitted { breaker: Arc::clone(self), circuit, probe, told: false })
    }

    fn failed(&self, circuit: &Circuit, probe: bool) {
        let now = Instant::now();
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if states.len() >= self.settings.remembered && !states.contains_key(circuit) {
            forget_oldest(&mut states);
        }
        let state = states.entry(circuit.clone()).or_insert(State {
            failures: 0,
            last_failure: now,
            pause: None,
            probing: false,
        });
        state.failures = state.failures.saturating_add(1);
        state.last_failure = now;
        match state.pause {
            // It was let through before the pause began.
            Some(_) if !probe => {}
            Some((pause, _)) => {
                let pause = (pause * 2).min(self.settings.longest_pause);
                state.pause = Some((pause, now + pause));
                state.probing = false;
            }
            None if state.failures >= self.settings.failures => {
                state.pause = Some((self.settings.pause, now + self.settings.pause));
            }
            None => {}
        }
    }

    fn succeeded(&self, circuit: &Circuit) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(circuit);
    }

    fn given_up(&self, circuit: &Circuit) {
        if let Some(state) = self.states.lock().unwrap_or_else(PoisonError::into_inner).get_mut(circuit) {
            state.probing = false;
        }
    }
}

fn forget_oldest(states: &mut HashMap<Circuit, State>) {
    let oldest = states.iter().min_by_key(|(_, state)| state.last_failure).map(|(circuit, _)| circuit.clone());
    if let Some(oldest) = oldest {
        states.remove(&oldest);
    }
}

/// A request that was let through.
#[must_use]
pub(crate) struct Admitted {
    breaker: Arc<Breaker>,
    circuit: Circuit,
    probe: bool,
    told: bool,
}

impl Admitted {
    pub(crate) fn failed(mut self) {
        self.told = true;
        self.breaker.failed(&self.circuit, self.probe);
    }

    pub(crate) fn succeeded(mut self) {
        self.told = true;
        self.breaker.succeeded(&self.circuit);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.probe && !self.told {
            self.breaker.given_up(&self.circuit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn breaker(remembered: usize) -> Arc<Breaker> {
        Breaker::new(BreakerSettings { failures: 2, pause: PAUSE, longest_pause: 3 * PAUSE, remembered })
    }

    fn circuit(host: &str, owner: Option<&str>) -> Circuit {
        Circuit { host: Arc::from(host), owner: owner.map(Arc::from) }
    }

    fn fail(breaker: &Arc<Breaker>, circuit: &Circuit) {
        breaker.admit(circuit.clone()).unwrap().failed();
    }

    async fn paused_for(breaker: &Arc<Breaker>, circuit: &Circuit, pause: Duration) {
        tokio::time::advance(pause - Duration::from_millis(1)).await;
        assert_eq!(breaker.admit(circuit.clone()).err().unwrap().kind(), ErrorKind::Paused);
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn opens_probes_once_and_closes() {
        let (breaker, a) = (breaker(9), circuit("a", None));
        fail(&breaker, &a);
        breaker.admit(a.clone()).unwrap().succeeded();
        fail(&breaker, &a);
        let early = breaker.admit(a.clone()).unwrap();
        fail(&breaker, &a);
        early.failed();
        paused_for(&breaker, &a, PAUSE).await;
        let probe = breaker.admit(a.clone()).unwrap();
        assert!(breaker.admit(a.clone()).is_err(), "one probe at a time");
        probe.failed();
        paused_for(&breaker, &a, 2 * PAUSE).await;
        fail(&breaker, &a);
        paused_for(&breaker, &a, 3 * PAUSE).await;
        drop(breaker.admit(a.clone()).unwrap());
        breaker.admit(a.clone()).unwrap().succeeded();
        fail(&breaker, &a);
        breaker.admit(a).unwrap().succeeded();
    }

    #[tokio::test(start_paused = true)]
    async fn circuits_are_apart() {
        let breaker = breaker(9);
        let (mine, all) = (circuit("a", Some("shop")), circuit("a", None));
        fail(&breaker, &mine);
        fail(&breaker, &mine);
        assert!(breaker.admit(mine).is_err());
        assert!(breaker.admit(all).is_ok() && breaker.admit(circuit("a", Some("other"))).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn remembers_so_many() {
        let breaker = breaker(3);
        for host in ["a", "b", "c", "d", "e"] {
            fail(&breaker, &circuit(host, None));
            tokio::time::advance(PAUSE).await;
        }
        let kept = breaker.states.lock().unwrap();
        assert!(kept.len() == 3 && !kept.contains_key(&circuit("b", None)));
    }
}
