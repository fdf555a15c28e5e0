//! All timers of a part of the network in one heap; a stopped timer stays in it until it would be the head or the heap is
//! compacted. So the head is a timer that runs, and nobody is woken for one that was stopped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use rustc_hash::FxHashMap;

/// A running timer. Its number is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId(u64);

/// Running timers, each with what expires: an `E`.
pub(crate) struct Timers<E> {
    heap: BinaryHeap<Reverse<(Instant, TimerId)>>,
    running: FxHashMap<TimerId, E>,
    started: u64,
}

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), running: FxHashMap::default(), started: 0 }
    }
}

impl<E> Timers<E> {
    pub(crate) fn start(&mut self, at: Instant, expiry: E) -> TimerId {
        self.started += 1;
        let id = TimerId(self.started);
        self.running.insert(id, expiry);
        self.heap.push(Reverse((at, id)));
        id
    }

    pub(crate) fn stop(&mut self, id: TimerId) {
        self.running.remove(&id);
        if self.heap.len() > COMPACT_ABOVE && self.heap.len() > 2 * self.running.len() {
            let running = &self.running;
            self.heap.retain(|Reverse((_, id))| running.contains_key(id));
        }
        self.clear_head();
    }

    /// Drops stopped timers until the head is one that runs.
    fn clear_head(&mut self) {
        while self.heap.peek().is_some_and(|Reverse((_, id))| !self.running.contains_key(id)) {
            self.heap.pop();
        }
    }

    /// Stops a timer that is to go on as another one's. When it would have expired, and for whom.
    pub(crate) fn take(&mut self, id: TimerId) -> Option<(Instant, E)> {
        let expiry = self.running.remove(&id)?;
        let at = self.heap.iter().find(|Reverse((_, other))| *other == id).map(|Reverse((at, _))| *at)?;
        self.clear_head();
        Some((at, expiry))
    }

    /// When something is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next timer that has expired by `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<E> {
        let Reverse((_, id)) = self.heap.peek().copied().filter(|Reverse((at, _))| *at <= now)?;
        self.heap.pop();
        let expiry = self.running.remove(&id);
        self.clear_head();
        expiry
    }

    /// Running timers.
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }
}

const COMPACT_ABOVE: usize = 64;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_expire_in_order_and_once() {
        let now = Instant::now();
        let mut timers = Timers::default();
        let late = timers.start(now + Duration::from_secs(2), 2);
        timers.start(now + Duration::from_secs(1), 1);
        assert_eq!(timers.expired(now), None);
        assert_eq!(timers.expired(now + Duration::from_secs(3)), Some(1));
        timers.stop(late);
        assert_eq!(timers.expired(now + Duration::from_secs(3)), None);
    }

    #[test]
    fn stopped_timers_wake_nobody() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        let ids: Vec<TimerId> = (1..=5).map(|ue| timers.start(after(ue), ue)).collect();
        ids[..2].iter().for_each(|id| timers.stop(*id));
        assert_eq!(timers.next_deadline(), Some(after(3)));
        timers.stop(ids[3]);
        assert_eq!(timers.expired(after(3)), Some(3));
        assert_eq!(timers.next_deadline(), Some(after(5)));
        assert_eq!(timers.take(ids[4]), Some((after(5), 5)));
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn stopped_timers_do_not_accumulate() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..100_000 {
            let id = timers.start(now + Duration::from_secs(60), 1);
            timers.stop(id);
        }
        assert!(timers.heap.len() <= COMPACT_ABOVE + 1, "{}", timers.heap.len());
    }
}
