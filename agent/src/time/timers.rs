//! Many timers, few of which ever expire: one heap with lazy cancellation. Only its head is always a timer that runs, so
//! that nobody is woken for one that was stopped.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Timers by key; setting a key again moves it.
pub(crate) struct Timers<K> {
    heap: BinaryHeap<Reverse<Entry<K>>>,
    running: HashMap<K, (u64, Instant)>,
    next_number: u64,
}

struct Entry<K> {
    at: Instant,
    number: u64,
    key: K,
}

impl<K: Copy + Eq + Hash> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), running: HashMap::new(), next_number: 0 }
    }

    pub(crate) fn set(&mut self, key: K, at: Instant) {
        let number = self.next_number;
        self.next_number += 1;
        let moved = self.running.insert(key, (number, at));
        self.heap.push(Reverse(Entry { at, number, key }));
        if self.heap.len() > 2 * self.running.len() + SLACK {
            let running = &self.running;
            self.heap.retain(|Reverse(entry)| is_current(running, entry));
        }
        // What it was set to before may have been the head.
        if moved.is_some() {
            self.clear_head();
        }
    }

    pub(crate) fn stop(&mut self, key: K) {
        if self.running.remove(&key).is_some() {
            self.clear_head();
        }
    }

    /// Drops stopped timers until the head is one that runs.
    fn clear_head(&mut self) {
        while self.heap.peek().is_some_and(|Reverse(entry)| !is_current(&self.running, entry)) {
            self.heap.pop();
        }
    }

    /// Every timer expires so much later.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.running.values_mut().for_each(|(_, at)| *at += by);
        let later = |Reverse(Entry { at, number, key })| Reverse(Entry { at: at + by, number, key });
        self.heap = std::mem::take(&mut self.heap).into_iter().map(later).collect();
    }

    /// When a timer expires, if it runs.
    pub(crate) fn expires(&self, key: K) -> Option<Instant> {
        self.running.get(&key).map(|(_, at)| *at)
    }

    /// When the next timer expires.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next timer that has expired.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<K> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse(Entry { key, .. }) = self.heap.pop()?;
        self.running.remove(&key);
        self.clear_head();
        Some(key)
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.heap.capacity() * size_of::<Entry<K>>()
            + self.running.capacity() * (size_of::<(K, (u64, Instant))>() + 1)
    }
}

fn is_current<K: Eq + Hash>(running: &HashMap<K, (u64, Instant)>, entry: &Entry<K>) -> bool {
    running.get(&entry.key).is_some_and(|(number, _)| *number == entry.number)
}

/// Stopped timers that may stay in the heap before it is swept.
const SLACK: usize = 1024;

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<K> Eq for Entry<K> {}

impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Entry<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_expires_once_at_the_later_time() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.set("a", after(10));
        timers.set("a", after(20));
        timers.set("b", after(15));
        assert_eq!(timers.pop_expired(after(10)), None);
        assert_eq!(timers.pop_expired(after(30)), Some("b"));
        assert_eq!(timers.pop_expired(after(30)), Some("a"));
        assert_eq!(timers.pop_expired(after(30)), None);
    }

    #[test]
    fn postponed_timers_keep_their_order() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.set("b", after(20));
        timers.set("a", after(10));
        timers.postpone(Duration::from_millis(100));
        assert_eq!(timers.expires("a"), Some(after(110)));
        assert_eq!(timers.pop_expired(after(109)), None);
        assert_eq!(timers.pop_expired(after(120)), Some("a"));
        assert_eq!(timers.pop_expired(after(120)), Some("b"));
    }

    /// A registration starts T3510 and stops it when it is accepted: fifteen seconds later nobody is to be woken.
    #[test]
    fn stopped_and_moved_timers_wake_nobody() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        for ue in 0..10 {
            timers.set(ue, after(10 + ue));
        }
        (0..8).for_each(|ue| timers.stop(ue));
        assert_eq!(timers.next_deadline(), Some(after(18)));
        timers.set(8, after(50));
        assert_eq!(timers.next_deadline(), Some(after(19)));
        assert_eq!(timers.pop_expired(after(20)), Some(9));
        assert_eq!(timers.next_deadline(), Some(after(50)));
        timers.stop(8);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn stopped_timers_do_not_pile_up() {
        let start = Instant::now();
        let mut timers = Timers::new();
        for round in 0..100_000 {
            timers.set(round % 10, start + Duration::from_secs(15));
            timers.stop(round % 10);
        }
        assert!(timers.heap.len() <= SLACK + 21, "{}", timers.heap.len());
    }
}
