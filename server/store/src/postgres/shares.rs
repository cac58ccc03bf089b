//! Who may hold how many of the pool's connections: no project may take them all, no caller all of a project's, and
//! nothing long all of those that short reads and writes need (docs/decisions/0033).
//!
//! A project is given another one as long as it holds fewer than are free. So one alone gets half of them, the next
//! half of the rest, and there is always one left for a project that has none. What it could hold all in all, as things
//! are, is its *reach*; its parts are reckoned from that. Connections aren't taken back: what is kept free is what nobody
//! has to be waited for.

use crate::error::{Error, Result};
use crate::turns::{QueueLimits, Turns};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot::Sender;

/// How many of a project may wait for a connection at a time, for each [`Use`]; more are turned away at once.
const QUEUE: QueueLimits = QueueLimits { all: 4000, of_one: 1000 };

/// In whose name a connection is held that PostgreSQL doesn't give: no schema is called so.
const NOBODY: &str = "";

/// The connections that projects share.
#[derive(Clone)]
pub(crate) struct Shares(Arc<Mutex<State>>);

struct State {
    /// How many there are: free, in use, or set aside.
    count: usize,
    free: usize,
    /// How many times a project got in line, or had a turn.
    turns: u64,
    projects: HashMap<Arc<str>, Project>,
}

/// Of one that holds some, or waits for some.
#[derive(Default)]
struct Project {
    /// All that it holds, and who waits for something short.
    all: Turns<Share>,
    /// What of it is used for something long, and who waits for that.
    long: Turns<Share>,
    /// When it got in line, or had its last turn: of those that hold as many, the earlier one is next.
    since: u64,
}

/// Who wants a connection, and what for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Their number, see [`crate::Store::on_behalf_of`].
    pub(crate) caller: u64,
    pub(crate) wanted: Use,
}

/// How long a connection may be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For milliseconds: a row by its id, a change of few rows.
    Short,
    /// For as long as a statement may take: a list, a count, a part of a change of many rows.
    Long,
}

impl Claim {
    /// Something short of our own, for no caller: what is done behind everybody's back, or before it is known who asks. No
    /// caller's part of the connections is the limit of that.
    pub(crate) const OURS: Self = Self { caller: 0, wanted: Use::Short };
}

/// The right to one connection. Given back when dropped.
pub(crate) struct Share {
    shares: Shares,
    project: Arc<str>,
    claim: Claim,
}

impl Shares {
    /// Of so many connections.
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { count, free: count, turns: 0, projects: HashMap::new() })))
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Error::Busy`] after `patience`, or when too many of the project or of the caller wait.
    pub(super) async fn take(&self, project: &Arc<str>, claim: Claim, patience: Duration) -> Result<Share> {
        let turn = {
            let mut state = self.lock();
            let State { free, turns, projects, .. } = &mut *state;
            let wants = projects.entry(Arc::clone(project)).or_default();
            if wants.may_have_another(*free, claim) {
                wants.begin(claim);
                *free -= 1;
                return Ok(Share { shares: self.clone(), project: Arc::clone(project), claim });
            }
            if !wants.is_awaited() {
                *turns += 1;
                wants.since = *turns;
            }
            wants.line(claim.wanted).queue(claim.caller, &QUEUE)?
        };
        // A share that comes at the same moment is dropped with the receiver, and so given back.
        tokio::time::timeout(patience, turn).await.ok().and_then(Result::ok).ok_or(Error::Busy)
    }

    fn give_back(&self, project: &Arc<str>, claim: Claim) {
        let granted = {
            let mut state = self.lock();
            state.free += 1;
            state.end(project, claim);
            let granted = state.grant(self);
            state.tidy(project);
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
    fn end(&mut self, project: &Arc<str>, claim: Claim) {
        if let Some(of) = self.projects.get_mut(project) {
            of.end(claim);
        }
    }

    fn tidy(&mut self, project: &Arc<str>) {
        if self.projects.get(project).is_some_and(Project::is_empty) {
            self.projects.remove(project);
        }
    }

    /// What those who wait get now: those projects that hold least first, and of these one after the other.
    fn grant(&mut self, shares: &Shares) -> Vec<(Sender<Share>, Share)> {
        let mut granted = Vec::new();
        loop {
            let free = self.free;
            let wants = self.projects.iter_mut().filter(|(_, of)| of.wants_another(free));
            let Some((project, next)) = wants.min_by_key(|(_, of)| (of.all.running(), of.since)) else {
                return granted;
            };
            // None: all of them have gone away meanwhile, and are forgotten now.
            let Some((claim, waiting)) = next.next(free) else { continue };
            next.begin(claim);
            self.turns += 1;
            next.since = self.turns;
            self.free -= 1;
            granted.push((waiting, Share { shares: shares.clone(), project: Arc::clone(project), claim }));
        }
    }
}

impl Project {
    /// How many connections it can have at the same time, with as many free as there are.
    fn reach(&self, free: usize) -> usize {
        (self.all.running() + free).div_ceil(2).max(1)
    }

    fn may_have_another(&self, free: usize, Claim { caller, wanted }: Claim) -> bool {
        self.bounds(free).admit(wanted, caller, self.all.running_of(caller), self.long.running_of(caller))
    }

    fn bounds(&self, free: usize) -> Bounds {
        let (held, long, reach) = (self.all.running(), self.long.running(), self.reach(free));
        let has_part = free > 0 && (held == 0 || held < free);
        let longest = (reach / 2).max(1);
        Bounds {
            // Where there are few, all that it may hold may be long: then what is short has one more.
            short: has_part || (free > 0 && held == long),
            long: has_part && long < longest,
            of_one: most_of_one(reach),
            long_of_one: most_of_one(longest),
        }
    }

    fn line(&mut self, wanted: Use) -> &mut Turns<Share> {
        match wanted {
            Use::Short => &mut self.all,
            Use::Long => &mut self.long,
        }
    }

    fn is_awaited(&self) -> bool {
        self.all.is_awaited() || self.long.is_awaited()
    }

    fn wants_another(&self, free: usize) -> bool {
        let (all, long, bounds) = (&self.all, &self.long, self.bounds(free));
        (all.is_awaited() && all.has_next(|caller, own| bounds.admit(Use::Short, caller, own, long.running_of(caller))))
            || (long.is_awaited()
                && long.has_next(|caller, own| bounds.admit(Use::Long, caller, all.running_of(caller), own)))
    }

    /// Whose turn it is: what is short first, unless nothing long is running.
    fn next(&mut self, free: usize) -> Option<(Claim, Sender<Share>)> {
        let order = if self.long.running() == 0 { [Use::Long, Use::Short] } else { [Use::Short, Use::Long] };
        order.into_iter().find_map(|wanted| self.next_for(wanted, free))
    }

    fn next_for(&mut self, wanted: Use, free: usize) -> Option<(Claim, Sender<Share>)> {
        let bounds = self.bounds(free);
        let Self { all, long, .. } = self;
        let (caller, waiting) = match wanted {
            Use::Short => all.next(|caller, own| bounds.admit(wanted, caller, own, long.running_of(caller))),
            Use::Long => long.next(|caller, own| bounds.admit(wanted, caller, all.running_of(caller), own)),
        }?;
        Some((Claim { caller, wanted }, waiting))
    }

    fn begin(&mut self, Claim { caller, wanted }: Claim) {
        self.all.begin(caller);
        if wanted == Use::Long {
            self.long.begin(caller);
        }
    }

    fn end(&mut self, Claim { caller, wanted }: Claim) {
        self.all.end(caller);
        if wanted == Use::Long {
            self.long.end(caller);
        }
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.long.is_empty()
    }
}

/// What a project may take as things are.
#[derive(Clone, Copy)]
struct Bounds {
    /// Whether it may have another one for something short, for something long.
    short: bool,
    long: bool,
    /// How many of all, and of those for something long, are one caller's at the most.
    of_one: usize,
    long_of_one: usize,
}

impl Bounds {
    /// Whether a caller may have another one who has so many, so many of them for something long.
    fn admit(&self, wanted: Use, caller: u64, own: usize, own_long: usize) -> bool {
        let is_ours = caller == Claim::OURS.caller;
        match wanted {
            // Whatever they do that is long, something short they find one for.
            Use::Short => self.short && (is_ours || own < self.of_one || own == own_long),
            Use::Long => self.long && (is_ours || (own < self.of_one && own_long < self.long_of_one)),
        }
    }
}

/// How many of so many are one caller's at the most: what is left is for others, who needn't wait then.
fn most_of_one(count: usize) -> usize {
    count.saturating_sub((count / 4).max(1)).max(1)
}

/// What is said of a connection that can't be had.
pub(super) enum SetAside {
    /// Until this is dropped there is one less to share. Whether it is the first one.
    Share { share: Share, is_first: bool },
    /// It was the last one.
    WasTheLast,
}

impl Share {
    /// Keeps a connection from everybody that can't be had, unless it is the last one.
    pub(super) fn set_aside(mut self) -> SetAside {
        let mut state = self.shares.lock();
        let missing = state.projects.get(NOBODY).map_or(0, |of| of.all.running());
        if missing + 1 >= state.count {
            drop(state);
            return SetAside::WasTheLast;
        }
        state.end(&self.project, self.claim);
        state.tidy(&self.project);
        let nobody = Arc::from(NOBODY);
        state.projects.entry(Arc::clone(&nobody)).or_default().begin(Claim::OURS);
        drop(state);
        (self.project, self.claim) = (nobody, Claim::OURS);
        SetAside::Share { share: self, is_first: missing == 0 }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.give_back(&self.project, self.claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::collections::VecDeque;

    fn short(caller: u64) -> Claim {
        Claim { caller, wanted: Use::Short }
    }

    fn long(caller: u64) -> Claim {
        Claim { caller, wanted: Use::Long }
    }

    /// As many as the project gets now, each for the next of these.
    fn as_many_as_it_gets(shares: &Shares, project: &str, claim: impl Fn(u64) -> Claim) -> Vec<Share> {
        let (project, mut held) = (Arc::from(project), Vec::new());
        while let Some(Ok(share)) = shares.take(&project, claim(held.len() as u64), Duration::ZERO).now_or_never() {
            held.push(share);
        }
        held
    }

    #[tokio::test]
    async fn each_gets_half_of_what_is_left_and_the_last_still_one() {
        let shares = Shares::new(19);
        let of = |project| as_many_as_it_gets(&shares, project, short);
        let (first, second) = (of("a"), of("b"));
        assert_eq!((first.len(), second.len()), (10, 5));
        let (third, fourth) = (of("c"), of("d"));
        assert_eq!((third.len(), fourth.len()), (2, 1));
        assert_eq!(of("e").len(), 1);
        drop((first, second, third, fourth));
        assert_eq!(of("e").len(), 10);
        assert!(shares.lock().projects.is_empty(), "nobody holds or waits");
    }

    #[tokio::test]
    async fn what_is_long_has_half_of_a_project_and_no_caller_has_all() {
        // Of a pool of each size: what many callers may use for long, and one; what one may use for something short.
        for (pool, longest, long_of_one, short_of_one) in
            [(2, 1, 1, 1), (3, 1, 1, 1), (4, 1, 1, 1), (5, 1, 1, 2), (7, 2, 1, 3), (19, 5, 4, 8), (39, 10, 8, 15)]
        {
            let shares = Shares::new(pool);
            let held = as_many_as_it_gets(&shares, "a", |_| long(1));
            assert_eq!(held.len(), long_of_one, "a caller's, of {pool}");
            let others = as_many_as_it_gets(&shares, "a", |n| long(2 + n));
            assert_eq!(held.len() + others.len(), longest, "of {pool}");
            assert!(!as_many_as_it_gets(&shares, "a", |_| short(1)).is_empty(), "of {pool}: also of the same caller");
            drop((held, others));
            let held = as_many_as_it_gets(&shares, "a", |_| short(1));
            assert_eq!(held.len(), short_of_one, "a caller's, of {pool}");
            assert!(
                pool < 3 || !as_many_as_it_gets(&shares, "a", |n| short(2 + n)).is_empty(),
                "of {pool}: others find one"
            );
            drop(held);
            let ours = as_many_as_it_gets(&shares, "a", |_| Claim::OURS);
            assert_eq!(ours.len(), pool.div_ceil(2), "of {pool}: we are no caller");
        }
    }

    #[tokio::test]
    async fn a_project_among_others_keeps_one_for_what_is_short() {
        let shares = Shares::new(9);
        let _others = (as_many_as_it_gets(&shares, "a", short), as_many_as_it_gets(&shares, "b", short));
        let long_ones = as_many_as_it_gets(&shares, "c", long);
        assert_eq!(long_ones.len(), 1);
        assert_eq!(as_many_as_it_gets(&shares, "c", short).len(), 1);
    }

    /// All of these wait, in this order.
    fn line(shares: &Shares, claims: &[Claim]) -> VecDeque<futures_util::future::BoxFuture<'static, Result<Share>>> {
        let wait = |claim: &Claim| {
            let (shares, claim) = (shares.clone(), *claim);
            let mut waits = async move { shares.take(&Arc::from("a"), claim, Duration::from_secs(60)).await }.boxed();
            assert!(waits.as_mut().now_or_never().is_none());
            waits
        };
        claims.iter().map(wait).collect()
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back_in_order() {
        let shares = Shares::new(1);
        let held = shares.take(&Arc::from("a"), short(1), Duration::ZERO).await.unwrap();
        let mut waiting = line(&shares, &[short(1), short(1), short(1)]);
        // Who stopped waiting isn't waited for.
        drop(waiting.pop_front());
        drop(held);
        let second = waiting.pop_front().unwrap().await.unwrap();
        assert!(waiting[0].as_mut().now_or_never().is_none());
        drop(second);
        drop(waiting.pop_front().unwrap().await.unwrap());
        assert_eq!(shares.lock().free, 1);
    }

    #[tokio::test]
    async fn what_is_set_aside_is_nobodys_and_comes_back() {
        let shares = Shares::new(4);
        let project = Arc::from("a");
        let mut aside = Vec::new();
        for missing in 0..3 {
            let share = shares.take(&project, short(missing), Duration::ZERO).await.unwrap();
            let SetAside::Share { share, is_first } = share.set_aside() else { panic!("{missing} of 4 are missing") };
            assert_eq!(is_first, missing == 0);
            aside.push(share);
        }
        let last = shares.take(&project, short(7), Duration::ZERO).await.unwrap();
        let mut waiting = line(&shares, &[short(8)]);
        drop(aside.split_off(1));
        drop(waiting.pop_front().unwrap().await.unwrap());
        drop(aside);
        assert!(matches!(last.set_aside(), SetAside::Share { is_first: true, .. }));
        assert_eq!(shares.lock().free, 4);
        let (only, all) = (Shares::new(1), Arc::from("a"));
        let share = only.take(&all, short(1), Duration::ZERO).await.unwrap();
        assert!(matches!(share.set_aside(), SetAside::WasTheLast));
    }

    /// Where there is one connection for each of them at the most, nobody ever holds more than another.
    #[tokio::test]
    async fn projects_that_hold_as_many_take_turns() {
        let shares = Shares::new(2);
        let take = |project: &str| {
            let (shares, project) = (shares.clone(), Arc::from(project));
            async move { shares.take(&project, short(1), Duration::from_secs(60)).await.unwrap() }.boxed()
        };
        for _ in 0..20 {
            let mut held = VecDeque::from([take("a").await, take("b").await]);
            let mut busy: Vec<_> = ["a", "b", "a", "b"].into_iter().map(take).collect();
            assert!(busy.iter_mut().all(|one| one.now_or_never().is_none()));
            let mut third = take("c");
            assert!((&mut third).now_or_never().is_none());
            // Of three that wait, the third one has its turn after the two that came before.
            let mut turns = 0;
            let third = loop {
                drop(held.pop_front());
                turns += 1;
                busy.retain_mut(|one| match one.now_or_never() {
                    Some(share) => {
                        held.push_back(share);
                        false
                    }
                    None => true,
                });
                if let Some(third) = (&mut third).now_or_never() {
                    break third;
                }
            };
            assert!(turns <= 3, "{turns}");
            drop((held, busy, third));
            assert!(shares.lock().projects.is_empty());
        }
    }

    #[tokio::test]
    async fn whoever_has_the_fewest_goes_first_and_something_long_isnt_put_off_for_ever() {
        let shares = Shares::new(7);
        let mut held = as_many_as_it_gets(&shares, "a", |n| short(n.min(2)));
        assert_eq!(held.len(), 4);
        let mut waiting = line(&shares, &[short(0), short(3), long(4), long(5)]);
        let mut given = Vec::new();
        // Nothing long is running; then who has none.
        for expected in [2, 1] {
            drop(held.pop());
            given.push(waiting.remove(expected).unwrap().now_or_never().expect("their turn").unwrap());
        }
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        drop(given.remove(0));
        given.push(waiting.remove(1).unwrap().now_or_never().expect("in place of the first").unwrap());
    }
}
