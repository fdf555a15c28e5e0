//! Waiting until an instant, asleep or for its last part awake, and being woken.

use crate::oversleep::Oversleep;
use polling::{Events, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Wakes the [`crate::Endpoint::wait`] of the endpoint it came from; harmless when that is gone.
#[derive(Clone, Debug)]
pub struct Waker {
    poller: Arc<Poller>,
    asked: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the current or the next `wait` return.
    pub fn wake(&self) {
        self.asked.store(true, Ordering::Release);
        self.nudge();
    }

    /// Makes the endpoint look for new work, without returning from `wait` when there is none to report.
    pub(crate) fn nudge(&self) {
        // An error would mean that the event descriptor is gone, and so is the endpoint.
        let _ = self.poller.notify();
    }
}

/// Until when an endpoint waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    /// What is due must be met as exactly as it can be.
    pub(crate) due: Option<Instant>,
    /// The longest wait. Nobody minds when it ends some 100 µs later.
    pub(crate) longest: Instant,
}

impl Until {
    /// When the wait is over.
    pub(crate) fn end(self) -> Instant {
        self.due.map_or(self.longest, |due| due.min(self.longest))
    }
}

/// How to get on with a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Asleep, and the alarm is for housekeeping.
    Asleep { alarm: Instant },
    /// Asleep, and the alarm is for something that is due shortly after it.
    Dozing { alarm: Instant },
    /// Awake: the end is too near to sleep.
    Awake { end: Instant },
}

/// The waiting side of a [`Waker`]; sockets may be registered with its poller.
#[derive(Debug)]
pub(crate) struct Waiter {
    poller: Arc<Poller>,
    asked: Arc<AtomicBool>,
    events: Events,
    oversleep: Oversleep,
}

impl Waiter {
    /// `spin` is how long before something due the wait may go on awake.
    pub(crate) fn new(spin: Duration) -> io::Result<Self> {
        Ok(Self {
            poller: Arc::new(Poller::new()?),
            asked: Arc::default(),
            events: Events::with_capacity(NonZeroUsize::MIN.saturating_add(63)),
            oversleep: Oversleep::new(spin),
        })
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker { poller: Arc::clone(&self.poller), asked: Arc::clone(&self.asked) }
    }

    /// Whether [`Waker::wake`] was called since the last time this was asked.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }

    /// How to wait for the end of `until`, or for `housekeeping` if that is earlier.
    pub(crate) fn rest(&self, until: Until, housekeeping: Option<Instant>, now: Instant) -> Rest {
        let end = until.end();
        let alarm = housekeeping.map_or(end, |housekeeping| housekeeping.min(end));
        let Some(due) = until.due else { return Rest::Asleep { alarm } };
        let lie_in = self.oversleep.allowance();
        match due.checked_sub(lie_in) {
            Some(before) if before < alarm && before <= now + SHORTEST_SLEEP && !lie_in.is_zero() => {
                Rest::Awake { end: alarm }
            }
            Some(before) if before <= alarm => Rest::Dozing { alarm: before.max(now) },
            _ => Rest::Asleep { alarm },
        }
    }

    /// Sleeps until an alarm (by timerfd, so to some 60 µs), a nudge or a registered socket's readiness.
    pub(crate) fn sleep(&mut self, rest: Rest) -> io::Result<()> {
        let (Rest::Asleep { alarm } | Rest::Dozing { alarm } | Rest::Awake { end: alarm }) = rest;
        self.events.clear();
        match self.poller.wait_deadline(&mut self.events, alarm) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if matches!(rest, Rest::Dozing { .. })
            && let Some(late) = Instant::now().checked_duration_since(alarm)
        {
            self.oversleep.slept(late);
        }
        Ok(())
    }

    /// Begins to wait awake.
    pub(crate) fn vigil(&mut self, end: Instant) -> Vigil<'_> {
        Vigil { end, looked: Instant::now(), asked: &self.asked, oversleep: &mut self.oversleep }
    }
}

/// A wait that is spent awake: its holder looks for work as long as it goes on.
pub(crate) struct Vigil<'a> {
    end: Instant,
    /// The last time that it looked at the clock.
    looked: Instant,
    asked: &'a AtomicBool,
    oversleep: &'a mut Oversleep,
}

impl Vigil<'_> {
    /// What time it is; `None` when it is over.
    pub(crate) fn goes_on(&mut self) -> Option<Instant> {
        std::hint::spin_loop();
        let now = Instant::now();
        self.oversleep.looked(now - std::mem::replace(&mut self.looked, now));
        (now < self.end && !self.asked.load(Ordering::Acquire)).then_some(now)
    }
}

/// Not worth the system calls.
const SHORTEST_SLEEP: Duration = Duration::from_micros(10);
