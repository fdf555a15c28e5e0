//! What an event meets: the time, the sessions, and the functions that these work with.

use std::time::Instant;

use super::Sessions;
use crate::charging::Chf;
use crate::subscribers::Subscribers;
use crate::upf::Upf;

/// The functions that sessions and access nodes work with, lent for one event: none of these interfaces is on the wire here.
pub struct Ports<'a> {
    /// For timers.
    pub now: Instant,
    /// For charging records: UNIX time in µs.
    pub wall_us: u64,
    /// Of the home network: N8, N10 and N13.
    pub subscribers: &'a mut Subscribers,
    /// N4.
    pub user_plane: &'a mut Upf,
    /// Nchf.
    pub charging: &'a mut Chf,
}

/// What an access node meets when it handles an event.
pub struct EventContext<'a> {
    /// The sessions of all UEs.
    pub sessions: &'a mut Sessions,
    /// What they work with.
    pub ports: Ports<'a>,
}

impl EventContext<'_> {
    pub(crate) fn now(&self) -> Instant {
        self.ports.now
    }

    pub(crate) fn wall_us(&self) -> u64 {
        self.ports.wall_us
    }
}
