//! Waiting with sub-millisecond precision, and being woken.

use polling::{Events, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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

/// The waiting side of a [`Waker`]; sockets may be registered with its poller.
#[derive(Debug)]
pub(crate) struct Waiter {
    poller: Arc<Poller>,
    asked: Arc<AtomicBool>,
    events: Events,
}

impl Waiter {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Arc::new(Poller::new()?),
            asked: Arc::default(),
            events: Events::with_capacity(NonZeroUsize::MIN.saturating_add(63)),
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

    /// Sleeps until `deadline` (by timerfd, so to some 60 µs), a nudge or a registered socket's readiness. Returns the
    /// keys of the sockets that are ready.
    pub(crate) fn sleep_until(&mut self, deadline: Instant) -> io::Result<impl Iterator<Item = usize> + '_> {
        self.events.clear();
        match self.poller.wait_deadline(&mut self.events, deadline) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(self.events.iter().map(|event| event.key))
    }
}
