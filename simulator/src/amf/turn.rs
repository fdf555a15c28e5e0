//! One turn of the AMF: the time, and whom its SMF works with.

use std::time::Instant;

use crate::sessions::Planes;

/// What an event meets.
pub struct Turn<'a> {
    /// For timers.
    pub now: Instant,
    /// For charging records: UNIX time in µs.
    pub wall_us: u64,
    /// The user plane and the charging function, lent for this turn. `None`: every PDU session is refused.
    pub planes: Option<Planes<'a>>,
}

impl Turn<'_> {
    /// For an AMF that serves signalling alone.
    pub fn without_user_plane(now: Instant) -> Self {
        Self { now, wall_us: 0, planes: None }
    }
}
