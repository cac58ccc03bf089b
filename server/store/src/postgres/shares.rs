//! Who may hold how many of the pool's connections: no project may take them all.
//!
//! A project is given another one as long as it holds fewer than are free. So one alone gets half of them, the next
//! half of the rest, and there is always one left for a project that has none. Connections aren't taken back: what is
//! kept free is what nobody has to be waited for.

use crate::error::{Error, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many of a project may wait for a connection at a time; more are turned away at once.
const MOST_WAITING: usize = 1000;

/// The connections that projects share.
#[derive(Clone)]
pub(crate) struct Shares(Arc<Mutex<State>>);

struct State {
    free: usize,
    projects: HashMap<Arc<str>, Project>,
}

/// Of one that holds some, or waits for some.
#[derive(Default)]
struct Project {
    held: usize,
    waiting: VecDeque<oneshot::Sender<Share>>,
}

/// The right to one connection. Given back when dropped.
pub(crate) struct Share {
    shares: Shares,
    project: Arc<str>,
}

impl Shares {
    /// Of so many connections.
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count, projects: HashMap::new() })))
    }

    /// Waits for its turn, in the order of asking within a project.
    ///
    /// # Errors
    /// [`Error::Busy`] after `patience`, or when too many of the project wait.
    pub(super) async fn take(&self, project: &Arc<str>, patience: Duration) -> Result<Share> {
        let turn = {
            let mut state = self.lock();
            let free = state.free;
            let wants = state.projects.entry(Arc::clone(project)).or_default();
            if wants.waiting.is_empty() && wants.may_have_another(free) {
                wants.held += 1;
                state.free -= 1;
                return Ok(Share { shares: self.clone(), project: Arc::clone(project) });
            }
            wants.waiting.retain(|waiting| !waiting.is_closed());
            if wants.waiting.len() >= MOST_WAITING {
                return Err(Error::Busy);
            }
            let (sender, turn) = oneshot::channel();
            wants.waiting.push_back(sender);
            turn
        };
        // A share that comes at the same moment is dropped with the receiver, and so given back.
        tokio::time::timeout(patience, turn).await.ok().and_then(Result::ok).ok_or(Error::Busy)
    }

    fn give_back(&self, project: &Arc<str>) {
        let granted = {
            let mut state = self.lock();
            state.free += 1;
            if let Some(of) = state.projects.get_mut(project) {
                of.held -= 1;
            }
            let granted = state.grant(self);
            if state.projects.get(project).is_some_and(|of| of.held == 0 && of.waiting.is_empty()) {
                state.projects.remove(project);
            }
            granted
        };
        // Not while the state is locked: one that nobody takes comes back here.
        for (waiting, share) in granted {
            drop(waiting.send(share));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What those who wait get now, those that hold least first.
    fn grant(&mut self, shares: &Shares) -> Vec<(oneshot::Sender<Share>, Share)> {
        let mut granted = Vec::new();
        while self.free > 0 {
            let free = self.free;
            let waits = self.projects.iter_mut().filter(|(_, of)| !of.waiting.is_empty());
            let Some((project, next)) = waits.min_by_key(|(_, of)| of.held) else { break };
            if !next.may_have_another(free) {
                break;
            }
            let Some(waiting) = next.waiting.pop_front() else { break };
            if waiting.is_closed() {
                continue;
            }
            next.held += 1;
            self.free -= 1;
            granted.push((waiting, Share { shares: shares.clone(), project: Arc::clone(project) }));
        }
        granted
    }
}

impl Project {
    fn may_have_another(&self, free: usize) -> bool {
        free > 0 && (self.held == 0 || self.held < free)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.give_back(&self.project);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    async fn as_many_as_it_gets(shares: &Shares, project: &str) -> Vec<Share> {
        let (project, mut held) = (Arc::from(project), Vec::new());
        while let Ok(share) = shares.take(&project, Duration::from_millis(1)).await {
            held.push(share);
        }
        held
    }

    #[tokio::test]
    async fn each_gets_half_of_what_is_left_and_the_last_still_one() {
        let shares = Shares::new(19);
        let (first, second) = (as_many_as_it_gets(&shares, "a").await, as_many_as_it_gets(&shares, "b").await);
        assert_eq!((first.len(), second.len()), (10, 5));
        let (third, fourth) = (as_many_as_it_gets(&shares, "c").await, as_many_as_it_gets(&shares, "d").await);
        assert_eq!((third.len(), fourth.len()), (2, 1));
        assert_eq!(as_many_as_it_gets(&shares, "e").await.len(), 1);
        drop((first, second, third, fourth));
        assert_eq!(as_many_as_it_gets(&shares, "e").await.len(), 10);
        assert!(shares.lock().projects.is_empty(), "nobody holds or waits");
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back_in_order() {
        let shares = Shares::new(1);
        let project: Arc<str> = "a".into();
        let held = shares.take(&project, Duration::ZERO).await.unwrap();
        let mut waiting: VecDeque<_> = (0..3)
            .map(|_| {
                let (shares, project) = (shares.clone(), Arc::clone(&project));
                Box::pin(async move { shares.take(&project, Duration::from_secs(60)).await })
            })
            .collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        // Who stopped waiting isn't waited for.
        drop(waiting.pop_front());
        drop(held);
        let second = waiting.pop_front().unwrap().await.unwrap();
        assert!(waiting[0].as_mut().now_or_never().is_none());
        drop(second);
        drop(waiting.pop_front().unwrap().await.unwrap());
        assert_eq!(shares.lock().free, 1);
    }
}
