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
    /// How many joins the coordinator works on at once, half of them from one address at most; more wait their turn.
    /// From a quarter of it on, whoever comes has to show first that its address is its own (QUIC Retry). 64.
    pub pending_joins: usize,
    /// How many joins wait at most, three quarters of them from one address; more are refused. 4,096: a fleet of
    /// thousands that joins at once is not refused.
    pub waiting_joins: usize,
    /// How many joins of one address are taken up in one go, and how many a second in the long run. A join that fails
    /// counts as 20, so that a misguided or malicious host costs little. 2,048 and 50.
    pub joins: Allowance,
    /// The same of all addresses. 8,192 and 500.
    pub all_joins: Allowance,
    /// Octets that a peer may send ahead of what is read here, for each connection. 1 MiB: 80 Mbit/s at a round trip
    /// of 100 ms, and 1,000 agents cost the coordinator 1 GiB when all of them are ahead of it.
    pub window: u32,
    /// The versions of the messages that this side speaks. Other than [`VERSION`] alone only in tests.
    pub versions: RangeInclusive<u16>,
}

/// So many at once, and so many a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// At once.
    pub at_once: u32,
    /// A second.
    pub per_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(2),
            idle: Duration::from_secs(10),
            join: Duration::from_secs(5),
            pending_joins: 64,
            waiting_joins: 4_096,
            joins: Allowance { at_once: 2_048, per_s: 50 },
            all_joins: Allowance { at_once: 8_192, per_s: 500 },
            window: 1 << 20,
            versions: VERSION..=VERSION,
        }
    }
}
