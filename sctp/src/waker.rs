//! Waiting until an instant, asleep or for its last part awake, and being woken.

use crate::oversleep::Oversleep;
use polling::{Event as Interest, Events, PollMode, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd};
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
    watched: Option<Watched>,
}

/// A socket that belongs to somebody else.
#[derive(Debug)]
struct Watched {
    /// A second descriptor of it, so that it outlives its being watched.
    socket: OwnedFd,
    /// It was found ready, and nobody was told yet.
    ready: bool,
}

impl Waiter {
    /// `spin` is how long before something due the wait may go on awake.
    pub(crate) fn new(spin: Duration) -> io::Result<Self> {
        Ok(Self {
            poller: Arc::new(Poller::new()?),
            asked: Arc::default(),
            events: Events::with_capacity(NonZeroUsize::MIN.saturating_add(63)),
            oversleep: Oversleep::new(spin),
            watched: None,
        })
    }

    /// Watches a socket from the next [`Self::arm`] on.
    #[allow(unsafe_code, reason = "registering a socket with epoll is unsafe in `polling`")]
    pub(crate) fn watch(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.unwatch();
        let socket = socket.try_clone_to_owned()?;
        // SAFETY: the descriptor is kept in `watched` until `unwatch` has taken it out of the poller.
        unsafe { self.poller.add_with_mode(&socket, Interest::none(WATCHED), PollMode::Oneshot)? };
        self.watched = Some(Watched { socket, ready: false });
        Ok(())
    }

    /// Looks for something to read from the watched socket, until there is something.
    pub(crate) fn arm(&mut self) -> io::Result<()> {
        let Some(watched) = &self.watched else { return Ok(()) };
        self.poller.modify_with_mode(&watched.socket, Interest::readable(WATCHED), PollMode::Oneshot)
    }

    fn unwatch(&mut self) {
        if let Some(watched) = self.watched.take() {
            let _ = self.poller.delete(&watched.socket);
        }
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker { poller: Arc::clone(&self.poller), asked: Arc::clone(&self.asked) }
    }

    /// Whether [`Waker::wake`] was called, or the watched socket became ready, since the last time this was asked.
    pub(crate) fn was_asked(&mut self) -> bool {
        let ready = self.watched.as_mut().is_some_and(|watched| std::mem::take(&mut watched.ready));
        self.asked.swap(false, Ordering::AcqRel) || ready
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
        if let Some(watched) = &mut self.watched {
            watched.ready |= self.events.iter().any(|event| event.key == WATCHED);
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

impl Drop for Waiter {
    fn drop(&mut self) {
        self.unwatch();
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

/// The poller's key of the watched socket.
const WATCHED: usize = usize::MAX - 2;
/// Not worth the system calls.
const SHORTEST_SLEEP: Duration = Duration::from_micros(10);
