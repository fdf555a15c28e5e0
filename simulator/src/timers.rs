//! All timers of a part of the network in one heap; a stopped timer stays in it until it surfaces or the heap is compacted.

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
    }

    /// Stops a timer that is to go on as another one's. When it would have expired, and for whom.
    pub(crate) fn take(&mut self, id: TimerId) -> Option<(Instant, E)> {
        let expiry = self.running.remove(&id)?;
        let at = self.heap.iter().find(|Reverse((_, other))| *other == id).map(|Reverse((at, _))| *at)?;
        Some((at, expiry))
    }

    /// When something is due. May be early, for a timer that was stopped.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next timer that has expired by `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<E> {
        while let Some(Reverse((at, id))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            if let Some(expiry) = self.running.remove(&id) {
                return Some(expiry);
            }
        }
        None
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
