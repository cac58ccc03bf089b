//! Whose turn it is: which project is looked at next, and how many of its jobs may be taken. Decides, and does nothing else.
//!
//! ```text
//!              woken, or its timer                      its turn
//!   asleep ----------------------------> in the row ----------------> visited (one visit at a time)
//!   (timer, or                               ^                           |
//!    forgotten)                              |  jobs are left that       |
//!      ^                                     |  found no place           |
//!      |                                     +---------------------------+
//!      |        nothing is due                                           |
//!      +-----------------------------------------------------------------+
//! ```
//!
//! Projects stand in one row, by the numbers that they drew. (It is kept as a row for each queue, so that nobody passes by those
//! who wait for another one.) Each visit takes as many jobs as there are places, and then the
//! project draws a new number; one that found no place keeps its own. A project has only a share of a queue's places, so whoever
//! comes finds one free, or gets the next one that becomes free.

use crate::policy::Policy;
use floe_store::BackgroundProject;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Which project: its id, and its generation.
pub(crate) type Key = (Arc<str>, i64);

/// Queues, by their index, as bits.
pub(crate) type Queues = u32;

/// How many projects are visited at a time: each visit holds a store.
const VISITS: usize = 8;

/// A project that has something to do, or had it a moment ago.
struct Place {
    background: BackgroundProject,
    /// In which queues there may be something to take: while there is, it stands in the row.
    wants: Queues,
    /// Its place in the row, the smallest first.
    number: u64,
    visited: bool,
    /// For which queues it is being visited, and has no places yet.
    aims: Queues,
    /// Woken during a visit, which may have come too early to see why.
    woken: bool,
    /// How many jobs of each queue are running, or about to be taken.
    running: Vec<usize>,
    /// The numbers of those that were taken.
    under_way: BTreeSet<i64>,
    timer: Option<i64>,
    /// What the dead have left is still to be taken over.
    inherited: bool,
    /// All that is known is that its store was opened.
    only_opened: bool,
    /// Whether the row of the platform says what this knows.
    settled: bool,
    /// When it last was woken, or ended a job.
    active: i64,
    /// How many visits in a row came to nothing because of an error.
    failures: u32,
}

impl Place {
    fn is_quiet(&self) -> bool {
        self.running.iter().all(|running| *running == 0)
    }
}

/// Why somebody is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A commit left something.
    Woken,
    /// The platform knew of it at the start: a process that died may have left it.
    Inherited,
    /// The store was opened.
    Opened,
}

/// What a visit is to do.
pub(crate) struct Visit {
    pub(crate) key: Key,
    pub(crate) background: BackgroundProject,
    /// In which queues there is something for certain; none: look.
    pub(crate) certain: Option<Queues>,
    /// Take over what the dead have left.
    pub(crate) inherited: bool,
    /// See only whether there is anything that the platform doesn't know of.
    pub(crate) only_opened: bool,
    /// It has been quiet for long enough: settle it, if nothing is due.
    pub(crate) settle: bool,
}

/// What a visit has found.
pub(crate) struct Found {
    /// In which queues there is something left to take.
    pub(crate) wants: Queues,
    /// When something is due next that isn't yet.
    pub(crate) next: Option<i64>,
    /// Whether it was settled.
    pub(crate) settled: bool,
    /// Whether something was taken.
    pub(crate) took: bool,
}

/// All of it.
pub(crate) struct Turns {
    policies: Vec<Policy>,
    places: HashMap<Key, Place>,
    /// Who stands in the row, by queue; the last one is of those of whom nobody knows what they want.
    rows: Vec<BTreeMap<u64, Key>>,
    next_number: u64,
    timers: BTreeSet<(i64, Key)>,
    running: Vec<usize>,
    /// How many visits are on their way to take something of a queue.
    aiming: Vec<usize>,
    visits: usize,
    /// How long a project is quiet before it is settled, in milliseconds: the next job may be about to come.
    linger: i64,
    /// Queues of which nobody takes anything, in any project.
    pub(crate) paused: Queues,
    /// Queues that somebody does the jobs of.
    pub(crate) handled: Queues,
}

impl Turns {
    pub(crate) fn new(policies: Vec<Policy>, linger: i64) -> Self {
        let running = vec![0; policies.len()];
        Self {
            policies,
            places: HashMap::new(),
            rows: vec![BTreeMap::new(); running.len() + 1],
            next_number: 0,
            aiming: vec![0; running.len()],
            timers: BTreeSet::new(),
            running,
            visits: 0,
            linger,
            paused: 0,
            handled: 0,
        }
    }

    /// There may be something to do in this project, from `due` on.
    pub(crate) fn wake(&mut self, background: BackgroundProject, due: i64, now: i64, why: Why) {
        let key = (background.project_id().into(), background.generation());
        if why == Why::Opened && self.places.contains_key(&key) {
            return;
        }
        let queues = self.policies.len();
        let place = self.places.entry(key.clone()).or_insert_with(|| Place {
            background,
            wants: 0,
            number: 0,
            visited: false,
            aims: 0,
            woken: false,
            running: vec![0; queues],
            under_way: BTreeSet::new(),
            timer: None,
            inherited: false,
            only_opened: why == Why::Opened,
            settled: false,
            active: 0,
            failures: 0,
        });
        place.inherited |= why == Why::Inherited;
        place.only_opened &= why == Why::Opened;
        if due > now {
            return self.set_timer(&key, due);
        }
        place.settled = false;
        if why == Why::Woken {
            place.active = now;
        }
        if place.visited {
            place.woken = true;
        } else {
            self.stand_in_row(&key, Queues::MAX);
        }
    }

    /// Has everything whose time has come stand in the row. When the next is due.
    pub(crate) fn fire(&mut self, now: i64) -> Option<i64> {
        while let Some((due, key)) = self.timers.first().cloned() {
            if due > now {
                return Some(due);
            }
            self.timers.pop_first();
            let Some(place) = self.places.get_mut(&key) else { continue };
            place.timer = None;
            if place.visited {
                place.woken = true;
            } else {
                self.stand_in_row(&key, Queues::MAX);
            }
        }
        None
    }

    /// The next visit; none: everybody has to wait for a place, or for a visit to end.
    pub(crate) fn next_visit(&mut self, now: i64) -> Option<Visit> {
        if self.visits >= VISITS {
            return None;
        }
        let key = self.first_in_row()?;
        self.leave_row(&key);
        let place = self.places.get_mut(&key)?;
        let certain = (place.wants != Queues::MAX).then_some(place.wants);
        (place.visited, place.woken, place.wants) = (true, false, 0);
        self.visits += 1;
        place.aims = certain.unwrap_or(0);
        each(place.aims).for_each(|queue| self.aiming[queue] += 1);
        Some(Visit {
            background: place.background.clone(),
            certain,
            inherited: place.inherited,
            only_opened: place.only_opened,
            settle: place.is_quiet() && now.saturating_sub(place.active) >= self.linger,
            key,
        })
    }

    /// Who has the smallest number of all that may be visited.
    fn first_in_row(&self) -> Option<Key> {
        let (unsure, queues) = self.rows.split_last()?;
        let may_have = |queue: usize, key: &Key| {
            self.places.get(key).is_some_and(|place| self.room(place, queue) > self.aiming[queue])
        };
        let has_room = queues.iter().enumerate().filter(|(queue, _)| self.room_of_all(*queue) > self.aiming[*queue]);
        let firsts = has_room.filter_map(|(queue, row)| row.iter().find(|(_, key)| may_have(queue, key)));
        firsts.chain(unsure.first_key_value()).min_by_key(|(number, _)| **number).map(|(_, key)| key.clone())
    }

    /// How many places of a queue are free for this project.
    fn room(&self, place: &Place, queue: usize) -> usize {
        let Some(policy) = self.policies.get(queue) else { return 0 };
        self.room_of_all(queue).min(policy.in_a_project.saturating_sub(place.running[queue]))
    }

    /// How many places of a queue are free.
    fn room_of_all(&self, queue: usize) -> usize {
        let Some(policy) = self.policies.get(queue) else { return 0 };
        if has(self.paused, queue) || !has(self.handled, queue) {
            return 0;
        }
        policy.at_once.saturating_sub(self.running[queue])
    }

    /// Whether this project may have a place in one of these queues now.
    pub(crate) fn has_room(&self, key: &Key, queues: Queues) -> bool {
        self.places.get(key).is_some_and(|place| each(queues).any(|queue| self.room(place, queue) > 0))
    }

    /// Reserves the places that this project may have now in these queues: so many of each.
    pub(crate) fn reserve(&mut self, key: &Key, queues: Queues) -> Vec<(usize, usize)> {
        self.has_aimed(key);
        let Some(place) = self.places.get(key) else { return Vec::new() };
        let rooms = each(queues).map(|queue| (queue, self.room(place, queue)));
        let reserved: Vec<_> = rooms.filter(|(_, room)| *room > 0).collect();
        for (queue, room) in &reserved {
            self.running[*queue] += room;
            if let Some(place) = self.places.get_mut(key) {
                place.running[*queue] += room;
            }
        }
        reserved
    }

    fn has_aimed(&mut self, key: &Key) {
        let Some(place) = self.places.get_mut(key) else { return };
        each(std::mem::take(&mut place.aims)).for_each(|queue| self.aiming[queue] -= 1);
    }

    /// Gives places back: jobs are done, or weren't there.
    pub(crate) fn release(&mut self, key: &Key, queue: usize, count: usize) {
        self.running[queue] = self.running[queue].saturating_sub(count);
        if let Some(place) = self.places.get_mut(key) {
            place.running[queue] = place.running[queue].saturating_sub(count);
        }
    }

    /// A job was taken, in a place that was reserved.
    pub(crate) fn job_begins(&mut self, key: &Key, number: i64) {
        if let Some(place) = self.places.get_mut(key) {
            place.under_way.insert(number);
        }
    }

    /// The numbers of a project's jobs that are running here.
    pub(crate) fn under_way(&self, key: &Key) -> Vec<String> {
        self.places.get(key).map_or_else(Vec::new, |place| place.under_way.iter().map(i64::to_string).collect())
    }

    /// A job is over, and due again then, maybe.
    pub(crate) fn job_over(&mut self, key: &Key, queue: usize, number: i64, due: Option<i64>, now: i64) {
        self.release(key, queue, 1);
        if let Some(due) = due {
            self.set_timer(key, due);
        }
        let Some(place) = self.places.get_mut(key) else { return };
        place.under_way.remove(&number);
        place.active = now;
        place.settled = false;
        if place.is_quiet() && place.wants == 0 && !place.visited {
            self.set_timer(key, now + self.linger);
        }
    }

    /// A visit is over; nothing was found out if it failed.
    pub(crate) fn visited(&mut self, key: &Key, found: Option<&Found>, now: i64) {
        self.visits = self.visits.saturating_sub(1);
        self.has_aimed(key);
        let Some(place) = self.places.get_mut(key) else { return };
        place.visited = false;
        if found.is_none_or(|found| found.took || found.wants == 0) {
            place.number = 0;
        }
        let Some(found) = found else {
            // After 1, 2, 4 seconds, and so on.
            place.failures += 1;
            place.woken = false;
            let again = now + 1000 * (1 << place.failures.min(6).saturating_sub(1));
            return self.set_timer(key, again);
        };
        place.failures = 0;
        (place.inherited, place.only_opened) = (false, false);
        place.settled = found.settled;
        let is_quiet = place.is_quiet();
        let woken = place.woken;
        let settled = place.settled;
        if let Some(next) = found.next {
            self.set_timer(key, next);
        }
        if woken {
            self.stand_in_row(key, Queues::MAX);
        } else if found.wants != 0 {
            self.stand_in_row(key, found.wants);
        } else if is_quiet && settled && found.next.is_none() {
            self.forget(key);
        } else if is_quiet && !settled {
            self.set_timer(key, now + self.linger);
        }
    }

    /// A visit found that its project isn't there any more.
    pub(crate) fn gone(&mut self, key: &Key) {
        self.visits = self.visits.saturating_sub(1);
        self.has_aimed(key);
        self.forget(key);
    }

    /// A project isn't there any more, or has nothing to do.
    fn forget(&mut self, key: &Key) {
        self.leave_row(key);
        let Some(place) = self.places.remove(key) else { return };
        if let Some(timer) = place.timer {
            self.timers.remove(&(timer, key.clone()));
        }
    }

    /// How many projects are known to have something to do.
    pub(crate) fn known(&self) -> usize {
        self.places.len()
    }

    /// How many jobs of a queue are running.
    pub(crate) fn running(&self, queue: usize) -> usize {
        self.running.get(queue).copied().unwrap_or_default()
    }

    fn set_timer(&mut self, key: &Key, due: i64) {
        let Some(place) = self.places.get_mut(key) else { return };
        match place.timer {
            Some(earlier) if earlier <= due => return,
            Some(later) => drop(self.timers.remove(&(later, key.clone()))),
            None => {}
        }
        place.timer = Some(due);
        self.timers.insert((due, key.clone()));
    }

    fn stand_in_row(&mut self, key: &Key, wants: Queues) {
        self.leave_row(key);
        let Some(place) = self.places.get_mut(key) else { return };
        if place.number == 0 {
            self.next_number += 1;
            place.number = self.next_number;
        }
        place.wants |= wants;
        let (number, wants) = (place.number, place.wants);
        self.rows_of(wants).for_each(|row| drop(self.rows[row].insert(number, key.clone())));
    }

    fn leave_row(&mut self, key: &Key) {
        let Some(place) = self.places.get(key) else { return };
        let (number, wants) = (place.number, place.wants);
        self.rows_of(wants).for_each(|row| drop(self.rows[row].remove(&number)));
    }

    /// In which rows somebody stands who wants these.
    fn rows_of(&self, wants: Queues) -> impl Iterator<Item = usize> + use<> {
        let unsure = (wants == Queues::MAX).then_some(self.policies.len());
        each(wants).chain(unsure)
    }
}

/// The indexes of these queues. `Queues::MAX`, which says that nobody knows, has none.
fn each(queues: Queues) -> impl Iterator<Item = usize> + use<> {
    (0..Queues::BITS as usize).filter(move |queue| queues != Queues::MAX && has(queues, *queue))
}

pub(crate) fn has(queues: Queues, queue: usize) -> bool {
    queues & (1 << queue) != 0
}
