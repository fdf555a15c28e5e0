//! When each session is next to be looked at: one entry a session, in one heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// A session's own note of its entry tells a live entry from one that was replaced.
#[derive(Default)]
pub(super) struct Wakeups {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
}

impl Wakeups {
    /// The session is to be looked at no later than `at`.
    pub(super) fn set(&mut self, teid: u32, noted: &mut Option<Instant>, at: Instant) {
        if noted.is_none_or(|noted| at < noted) {
            *noted = Some(at);
            self.heap.push(Reverse((at, teid)));
        }
    }

    /// An entry that is due by `now`; it counts when the session has noted just this time.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(u32, Instant)> {
        let Reverse((at, teid)) = self.heap.peek().copied().filter(|Reverse((at, _))| *at <= now)?;
        self.heap.pop();
        Some((teid, at))
    }

    /// Drops entries until the head is one that `live` says is still noted: nobody is to be woken for one that is not.
    pub(super) fn clear_head(&mut self, live: impl Fn(u32, Instant) -> bool) {
        while self.heap.peek().is_some_and(|Reverse((at, teid))| !live(*teid, *at)) {
            self.heap.pop();
        }
    }

    /// When the next entry is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Keeps the entries that `live` says are still noted.
    pub(super) fn compact(&mut self, live: impl Fn(u32, Instant) -> bool) {
        self.heap.retain(|Reverse((at, teid))| live(*teid, *at));
    }
}
