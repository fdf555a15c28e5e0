//! What an endpoint reports.

use crate::Transport;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Names an association within its endpoint; never reused there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssociationId(pub u32);

/// What happened to an association.
///
/// An association which [`crate::Endpoint::connect`] began, or whose `Up` was reported, ends with exactly one `Down`,
/// also when it was this side that shut it down or aborted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is established, by us or by the peer; `streams_out` streams can be sent on.
    Up { id: AssociationId, peer: SocketAddr, streams_out: u16 },
    /// One whole message; `at` is when its last packet was read from the kernel.
    Received { id: AssociationId, stream: u16, ppid: u32, payload: Vec<u8>, at: Instant },
    /// It is over, and its identifier unknown from now on.
    Down { id: AssociationId, reason: DownReason },
}

/// The other end of an association, for messages to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub transport: Transport,
    /// As the user wrote it, or as the peer came in.
    pub address: String,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.transport)
    }
}

/// Why an association ended. Its `Display` names the address, the transport and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// Nothing listens there, or the peer answered the first message with ABORT.
    Refused { remote: Remote, cause: String },
    /// The network has no way there.
    Unreachable { remote: Remote, cause: String },
    /// No answer within the connect timeout.
    TimedOut { remote: Remote, after: Duration },
    /// ABORT after the association was up: by the peer (its cause), or by this side.
    Aborted { remote: Remote, cause: String },
    /// Ended gracefully; `unsent` octets were still queued here when the peer began it.
    Shutdown { remote: Remote, unsent: usize },
    /// The peer fell silent, or did not finish a shutdown in time.
    Lost { remote: Remote, after: Duration },
    /// Something answered, but not with SCTP.
    NotSctp { remote: Remote, answer: String },
}

impl DownReason {
    /// The peer.
    pub fn remote(&self) -> &Remote {
        match self {
            Self::Refused { remote, .. }
            | Self::Unreachable { remote, .. }
            | Self::TimedOut { remote, .. }
            | Self::Aborted { remote, .. }
            | Self::Shutdown { remote, .. }
            | Self::Lost { remote, .. }
            | Self::NotSctp { remote, .. } => remote,
        }
    }

    /// A short stable name for counting: `refused`, `unreachable`, `timed-out`, `aborted`, `shutdown`, `lost`, `not-sctp`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::Aborted { .. } => "aborted",
            Self::Shutdown { .. } => "shutdown",
            Self::Lost { .. } => "lost",
            Self::NotSctp { .. } => "not-sctp",
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { remote, cause } => {
                write!(f, "{remote}: association refused ({cause}); {}", hint(remote.transport))
            }
            Self::Unreachable { remote, cause } => {
                write!(f, "{remote}: unreachable ({cause}); check the address, the route and firewalls")
            }
            Self::TimedOut { remote, after } => write!(
                f,
                "{remote}: no answer within {after:?}; check the address and firewalls; {}",
                hint(remote.transport)
            ),
            Self::Aborted { remote, cause } => write!(f, "{remote}: association aborted ({cause})"),
            Self::Shutdown { remote, unsent: 0 } => write!(f, "{remote}: association shut down"),
            Self::Shutdown { remote, unsent } => {
                write!(f, "{remote}: association shut down by the peer with {unsent} octets unsent")
            }
            Self::Lost { remote, after } => write!(
                f,
                "{remote}: association lost, the peer was silent for {after:?}; check that it still runs, and the network"
            ),
            Self::NotSctp { remote, answer } => write!(
                f,
                "{remote}: what answers there does not speak SCTP ({answer}); check the address and the port"
            ),
        }
    }
}

/// What a user can try when a connection attempt failed.
fn hint(transport: Transport) -> &'static str {
    match transport {
        Transport::Kernel => {
            "is the core network listening on this SCTP port? A Roamstorm simulator without kernel SCTP is reached with \
             sctp+udp://"
        }
        Transport::Udp => {
            "a core network on kernel SCTP cannot be reached with sctp+udp:// unless its UDP encapsulation is on \
             (sysctl net.sctp.udp_port); otherwise use sctp:// or sctp+ip://"
        }
        Transport::RawIp => {
            "is the core network listening on this SCTP port, and does the network carry IP protocol 132? This host's \
             kernel must not have SCTP loaded (it would answer with ABORT); with kernel SCTP use sctp://"
        }
        Transport::Memory => "start the listener of that name in this process first",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_reason_names_address_transport_and_what_to_try() {
        let remote = Remote { transport: Transport::Udp, address: "sctp+udp://10.0.0.1:9899".to_owned() };
        let text = DownReason::TimedOut { remote, after: Duration::from_secs(5) }.to_string();
        for part in ["sctp+udp://10.0.0.1:9899", "userspace SCTP in UDP", "5s", "use sctp://"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
