//! All timers of the AMF in one heap; a stopped timer stays in it until it surfaces or the heap is compacted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::connection::ConnectionId;
use super::ue::UeId;
use identity::PduSessionId;

/// A running timer. Its number is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId(u64);

/// Whose timer expired, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The one timer of the procedure that runs on a connection.
    Connection(ConnectionId, ConnectionTimer),
    /// The one timer of a UE without a connection.
    Ue(UeId, UeTimer),
    /// A handover target is overdue.
    Handover(ConnectionId),
    /// The one timer of a PDU session.
    Session(UeId, PduSessionId, SessionTimer),
}

/// Timers of a PDU session (TS 24.501 table 10.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionTimer {
    /// Policy control has thought.
    Policy,
    /// The gNB is overdue with the resources.
    Resources,
    T3591,
    T3592,
}

/// Timers of TS 24.501 table 10.2.2 that belong to a NAS signalling connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionTimer {
    T3522,
    T3550,
    T3555,
    T3560,
    T3570,
    /// UE CONTEXT RELEASE COMPLETE is overdue.
    ReleaseGuard,
}

/// Timers of TS 24.501 table 10.2.2 that belong to a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UeTimer {
    /// Paging.
    T3513,
    MobileReachable,
    ImplicitDeregistration,
}

#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, TimerId)>>,
    running: FxHashMap<TimerId, Expiry>,
    started: u64,
}

impl Timers {
    pub(super) fn start(&mut self, at: Instant, expiry: Expiry) -> TimerId {
        self.started += 1;
        let id = TimerId(self.started);
        self.running.insert(id, expiry);
        self.heap.push(Reverse((at, id)));
        id
    }

    pub(super) fn stop(&mut self, id: TimerId) {
        self.running.remove(&id);
        if self.heap.len() > COMPACT_ABOVE && self.heap.len() > 2 * self.running.len() {
            let running = &self.running;
            self.heap.retain(|Reverse((_, id))| running.contains_key(id));
        }
    }

    /// Stops a timer that is to go on as another one's. When it would have expired, and for whom.
    pub(super) fn take(&mut self, id: TimerId) -> Option<(Instant, Expiry)> {
        let expiry = self.running.remove(&id)?;
        let at = self.heap.iter().find(|Reverse((_, other))| *other == id).map(|Reverse((at, _))| *at)?;
        Some((at, expiry))
    }

    /// When something is due. May be early, for a timer that was stopped.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next timer that has expired by `now`.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Expiry> {
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
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }
}

const COMPACT_ABOVE: usize = 64;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(ue: u32) -> Expiry {
        Expiry::Ue(UeId(ue), UeTimer::T3513)
    }

    #[test]
    fn timers_expire_in_order_and_once() {
        let now = Instant::now();
        let mut timers = Timers::default();
        let late = timers.start(now + Duration::from_secs(2), of(2));
        timers.start(now + Duration::from_secs(1), of(1));
        assert_eq!(timers.expired(now), None);
        assert_eq!(timers.expired(now + Duration::from_secs(3)), Some(of(1)));
        timers.stop(late);
        assert_eq!(timers.expired(now + Duration::from_secs(3)), None);
    }

    #[test]
    fn stopped_timers_do_not_accumulate() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..100_000 {
            let id = timers.start(now + Duration::from_secs(60), of(1));
            timers.stop(id);
        }
        assert!(timers.heap.len() <= COMPACT_ABOVE + 1, "{}", timers.heap.len());
    }
}
