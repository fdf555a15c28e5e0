//! What an endpoint is told at its creation.

use std::net::IpAddr;
use std::time::Duration;

/// Options of an endpoint and of each of its associations.
#[derive(Clone, Debug)]
pub struct Options {
    /// Streams asked for, each way; the association has the smaller number of both sides' wishes.
    pub streams: u16,
    /// An association that is not up by then ends with [`crate::DownReason::TimedOut`].
    pub connect_timeout: Duration,
    /// How often an idle association is probed (RFC 9260 §8.3); at most a third of `dead_after` is used.
    pub heartbeat: Duration,
    /// Silence after which the peer is taken for dead, and the time that a graceful shutdown may take.
    pub dead_after: Duration,
    /// The local address of a client; a server's is in its [`crate::Address`].
    pub bind: Option<IpAddr>,
    /// Associations at once; further ones are refused.
    pub max_associations: usize,
    /// Octets that may be queued in an association before [`crate::SendError::Full`].
    pub send_buffer: usize,
    /// How long before something due [`crate::Endpoint::wait_until_due`] may wait awake; as long as sleeps are found to be
    /// late, but no longer than this. Zero: never.
    pub spin: Duration,
    /// Whether [`crate::Endpoint::take_departures`] is going to be asked when messages left.
    pub departures: bool,
    /// The place in the queue for a processor of a thread that the endpoint starts, which only the kernel's SCTP needs:
    /// that of the thread which the endpoint is for.
    pub priority: (host::Priority, host::Role),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            streams: 32,
            connect_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(2),
            dead_after: Duration::from_secs(10),
            bind: None,
            max_associations: 1024,
            send_buffer: 4 * 1024 * 1024,
            // With one processor, whoever waits awake keeps everybody else from what is waited for.
            spin: if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
                SPIN
            } else {
                Duration::ZERO
            },
            departures: false,
            priority: (host::Priority::None, host::Role::Generator),
        }
    }
}

impl Options {
    /// The heartbeat that makes a living peer be heard at least three times within `dead_after`.
    pub(crate) fn effective_heartbeat(&self) -> Duration {
        self.heartbeat.min(self.dead_after / 3).max(Duration::from_millis(10))
    }
}

/// Where timers are later than this, it is not for the waking up.
const SPIN: Duration = Duration::from_micros(100);
