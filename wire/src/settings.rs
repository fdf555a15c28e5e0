//! The times and limits of a connection.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::VERSION;

/// The times and limits of a connection. The default is what both programs use; tests shorten the times.
///
/// QUIC keeps the smaller idle time of the two ends, so one end alone can shorten it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often a quiet connection says that it is alive. 2 s: five of them may be lost before `idle` passes.
    pub keep_alive: Duration,
    /// After this long without a packet the peer counts as vanished: [`crate::WireError::Vanished`]. 10 s, a third
    /// of the default lease, so that a dead agent's shard is free again before its lease ends.
    pub idle: Duration,
    /// How long a join may take, from the first packet to `Hello`. 5 s.
    pub join: Duration,
    /// How many joins the coordinator works on at once; more wait their turn. 64.
    pub pending_joins: usize,
    /// Octets that a peer may send ahead of what is read here, for each connection. 1 MiB: 80 Mbit/s at a round trip
    /// of 100 ms, and 1,000 agents cost the coordinator 1 GiB when all of them are ahead of it.
    pub window: u32,
    /// The versions of the messages that this side speaks. Other than [`VERSION`] alone only in tests.
    pub versions: RangeInclusive<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(2),
            idle: Duration::from_secs(10),
            join: Duration::from_secs(5),
            pending_joins: 64,
            window: 1 << 20,
            versions: VERSION..=VERSION,
        }
    }
}
