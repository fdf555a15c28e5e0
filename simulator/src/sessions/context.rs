//! What an event meets: the time, the sessions, and the functions that these work with.

use std::time::Instant;

use super::Sessions;
use crate::charging::Chf;
use crate::upf::Upf;

/// The charging and user-plane ports of sessions, lent for one event: N4 and Nchf are not on the wire here.
pub struct Ports<'a> {
    /// For timers.
    pub now: Instant,
    /// For charging records: UNIX time in µs.
    pub wall_us: u64,
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
