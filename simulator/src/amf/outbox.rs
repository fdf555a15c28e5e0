//! What the AMF sends, after its processing delay.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::AmfAction;

pub(super) struct Outbox {
    delay: Duration,
    jitter: Duration,
    limit: usize,
    ready: Vec<AmfAction>,
    waiting: BinaryHeap<Reverse<Delayed>>,
    sequence: u64,
    dropped: u64,
}

/// Ordered by time, then by the order in which it was sent.
struct Delayed {
    due: Instant,
    sequence: u64,
    action: AmfAction,
}

impl Outbox {
    pub(super) fn new(delay: Duration, jitter: Duration, limit: usize) -> Self {
        Self { delay, jitter, limit, ready: Vec::new(), waiting: BinaryHeap::new(), sequence: 0, dropped: 0 }
    }

    /// Sends `action` after the processing delay, but not before `after`, when something that must precede it
    /// leaves. Returns when it leaves.
    pub(super) fn send(
        &mut self,
        now: Instant,
        after: Option<Instant>,
        rng: &mut ChaCha8Rng,
        action: AmfAction,
    ) -> Instant {
        let mut due = now + self.delay;
        if !self.jitter.is_zero() {
            due += self.jitter.mul_f64(rng.random::<f64>());
        }
        due = after.map_or(due, |after| after.max(due));
        if due <= now {
            self.ready.push(action);
        } else if self.waiting.len() >= self.limit {
            self.dropped += 1;
        } else {
            self.sequence += 1;
            self.waiting.push(Reverse(Delayed { due, sequence: self.sequence, action }));
        }
        due
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(delayed)| delayed.due)
    }

    /// Moves what is due by `now` to `out`.
    pub(super) fn take(&mut self, now: Instant, out: &mut Vec<AmfAction>) {
        out.append(&mut self.ready);
        while self.waiting.peek().is_some_and(|Reverse(delayed)| delayed.due <= now) {
            out.extend(self.waiting.pop().map(|Reverse(delayed)| delayed.action));
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Messages that were not sent because too many were waiting.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Delayed {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.sequence)
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
