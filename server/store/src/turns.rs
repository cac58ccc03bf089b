//! Whose turn it is: what is scarce (threads that scan, connections) is shared out among callers.
//!
//! Of those who wait, whoever has the fewest running goes first; of these, callers take turns, each with what came first of
//! theirs. So who asks for much waits behind themselves, and holds up nobody else, also where only one may run. How many may
//! run, and how many of one caller's, is decided by whoever shares something out: SQLite's scans ([`crate::sqlite`]),
//! connections to PostgreSQL ([`crate::postgres`]).

use crate::error::{Error, Result};
use std::collections::{HashMap, VecDeque};
use tokio::sync::oneshot;

/// What runs for whom, and who waits to be given a `G`. Only counts and orders: it is locked by its owner.
pub(crate) struct Turns<G> {
    /// Of those who have something running, or wait.
    callers: HashMap<u64, OfCaller<G>>,
    running: usize,
    waiting: usize,
    /// How many have come to wait so far.
    came: u64,
    /// The round that was begun last, see [`Waiting::round`].
    round: u64,
}

struct OfCaller<G> {
    running: usize,
    waiting: VecDeque<Waiting<G>>,
    /// The round of what came last of theirs.
    last: u64,
}

struct Waiting<G> {
    /// In each round everybody has one turn: the next one that isn't over, and for each further one of a caller's another.
    /// (The start tags of fair queueing.)
    round: u64,
    /// Who came earlier has a smaller one.
    number: u64,
    granted: oneshot::Sender<G>,
}

/// How many may wait, and how many of these are one caller's at the most.
pub(crate) struct QueueLimits {
    pub(crate) all: usize,
    pub(crate) of_one: usize,
}

impl<G> Default for Turns<G> {
    fn default() -> Self {
        Self { callers: HashMap::new(), running: 0, waiting: 0, came: 0, round: 0 }
    }
}

impl<G> Default for OfCaller<G> {
    fn default() -> Self {
        Self { running: 0, waiting: VecDeque::new(), last: 0 }
    }
}

impl<G> Turns<G> {
    /// How many are running.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// How many of them are this caller's.
    pub(crate) fn running_of(&self, caller: u64) -> usize {
        self.callers.get(&caller).map_or(0, |of| of.running)
    }

    /// Whether anybody may be waiting; maybe all of them have left.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting > 0
    }

    /// How many wait, with those who have left.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether nothing runs, and nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Counts one more that runs.
    pub(crate) fn begin(&mut self, caller: u64) {
        self.running += 1;
        self.callers.entry(caller).or_default().running += 1;
    }

    /// Counts one less.
    pub(crate) fn end(&mut self, caller: u64) {
        self.running -= 1;
        if let Some(of) = self.callers.get_mut(&caller) {
            of.running -= 1;
        }
        self.tidy(caller);
    }

    /// Gets in line. What comes of it is dropped when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub(crate) fn queue(&mut self, caller: u64, limits: &QueueLimits) -> Result<oneshot::Receiver<G>> {
        if self.is_full_for(caller, limits) {
            self.forget_who_left();
            if self.is_full_for(caller, limits) {
                return Err(Error::Busy);
            }
        }
        let (granted, later) = oneshot::channel();
        self.came += 1;
        self.waiting += 1;
        let of = self.callers.entry(caller).or_default();
        of.last = of.last.max(self.round) + 1;
        of.waiting.push_back(Waiting { round: of.last, number: self.came, granted });
        Ok(later)
    }

    /// Whether somebody waits who may begin now: `may_begin` is asked for each caller, with how many of theirs are running.
    pub(crate) fn has_next(&self, may_begin: impl Fn(u64, usize) -> bool) -> bool {
        self.callers.iter().any(|(caller, of)| !of.waiting.is_empty() && may_begin(*caller, of.running))
    }

    /// Takes whose turn it is out of the line, of those who may begin now; and whom to tell. Nothing is counted yet.
    pub(crate) fn next(&mut self, may_begin: impl Fn(u64, usize) -> bool) -> Option<(u64, oneshot::Sender<G>)> {
        while self.waiting > 0 {
            let first = |of: &OfCaller<G>| of.waiting.front().map(|next| (of.running, next.round, next.number));
            let candidates = self.callers.iter().filter(|(caller, of)| may_begin(**caller, of.running));
            let (_, caller) = candidates.filter_map(|(caller, of)| Some((first(of)?, *caller))).min()?;
            let waiting = self.callers.get_mut(&caller)?.waiting.pop_front()?;
            self.waiting -= 1;
            self.tidy(caller);
            self.round = self.round.max(waiting.round);
            if !waiting.granted.is_closed() {
                return Some((caller, waiting.granted));
            }
        }
        None
    }

    fn is_full_for(&self, caller: u64, limits: &QueueLimits) -> bool {
        let own = self.callers.get(&caller).map_or(0, |of| of.waiting.len());
        self.waiting >= limits.all || own >= limits.of_one
    }

    fn forget_who_left(&mut self) {
        self.callers.retain(|_, of| {
            of.waiting.retain(|waiting| !waiting.granted.is_closed());
            of.running > 0 || !of.waiting.is_empty()
        });
        self.waiting = self.callers.values().map(|of| of.waiting.len()).sum();
    }

    fn tidy(&mut self, caller: u64) {
        if self.callers.get(&caller).is_some_and(|of| of.running == 0 && of.waiting.is_empty()) {
            self.callers.remove(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: QueueLimits = QueueLimits { all: 6, of_one: 4 };

    #[test]
    fn who_has_the_fewest_goes_first_and_of_these_who_came_first() {
        let mut turns = Turns::<()>::default();
        for caller in [1, 1, 2, 3] {
            turns.begin(caller);
        }
        let line: Vec<_> = [1, 2, 3, 3, 4].map(|caller| turns.queue(caller, &FEW).unwrap()).into();
        assert!(turns.has_next(|caller, _| caller == 1) && !turns.has_next(|caller, _| caller == 5));
        let mut order = Vec::new();
        while let Some((caller, _)) = turns.next(|caller, _| caller != 1) {
            order.push(caller);
            turns.begin(caller);
        }
        assert_eq!(order, [4, 2, 3, 3]);
        assert!(turns.is_awaited(), "the first may not begin");
        drop(line);
        assert!(turns.next(|_, _| true).is_none() && !turns.is_awaited(), "the first has left");
        for caller in [1, 1, 2, 2, 3, 3, 3, 4] {
            turns.end(caller);
        }
        assert!(turns.is_empty());
    }

    /// Where only one may run, nobody ever has more than another one.
    #[test]
    fn who_asks_for_much_waits_behind_themselves() {
        let (mut turns, many) = (Turns::<()>::default(), QueueLimits { all: 100, of_one: 60 });
        let mut line: Vec<_> = (0..60).map(|_| turns.queue(1, &many).unwrap()).collect();
        let mut order = Vec::new();
        let mut one_turn = |turns: &mut Turns<()>| order.push(turns.next(|_, _| true).unwrap().0);
        (0..3).for_each(|_| one_turn(&mut turns));
        line.extend([2, 3, 2].map(|caller| turns.queue(caller, &many).unwrap()));
        (0..5).for_each(|_| one_turn(&mut turns));
        // Who comes anew isn't before those who have waited for this round.
        line.push(turns.queue(4, &many).unwrap());
        (0..3).for_each(|_| one_turn(&mut turns));
        assert_eq!(order, [1, 1, 1, 1, 2, 3, 1, 2, 1, 4, 1]);
    }

    #[test]
    fn the_line_has_an_end_and_another_one_for_each_caller() {
        let mut turns = Turns::<()>::default();
        let mut line: Vec<_> = (0..4).map(|_| turns.queue(1, &FEW).unwrap()).collect();
        assert!(turns.queue(1, &FEW).is_err(), "one caller's part of it is full");
        line.extend([turns.queue(2, &FEW).unwrap(), turns.queue(3, &FEW).unwrap()]);
        assert!(turns.queue(4, &FEW).is_err(), "it is full");
        drop(line.remove(0));
        assert!(turns.queue(4, &FEW).is_ok(), "who has left doesn't count");
    }
}
