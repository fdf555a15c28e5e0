//! Failures of an endpoint's own calls; what the network does comes as [`crate::Event::Down`].

use crate::{Address, Transport};
use std::io;

/// An endpoint that could not be made, or an association that could not be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SctpError {
    #[error(
        "kernel SCTP is not available on this machine ({source}); load it with `modprobe sctp` (Debian: package \
         linux-modules-extra or linux-image), or use userspace SCTP: sctp+udp:// to a Roamstorm simulator, sctp+ip:// (with \
         CAP_NET_RAW) to a core network; core networks on kernel SCTP cannot be reached with sctp+udp://"
    )]
    NoKernelSctp { source: io::Error },
    #[error(
        "userspace SCTP on raw IP needs the capability CAP_NET_RAW ({source}); run as root, or `setcap cap_net_raw+ep` the \
         program, or give the container NET_RAW; sctp+udp:// needs no privilege"
    )]
    NoRawSocket { source: io::Error },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: Address, source: io::Error },
    #[error("cannot open a socket for {transport}: {source}")]
    Open { transport: Transport, source: io::Error },
    #[error("cannot resolve the host of {address}: {source}")]
    Resolve { address: Address, source: io::Error },
    #[error("{address} cannot be reached from an endpoint that uses {transport}")]
    WrongTransport { address: Address, transport: Transport },
    #[error("the endpoint has {limit} associations, which is its limit")]
    TooManyAssociations { limit: usize },
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    #[error("the association's send buffer is full")]
    Full,
    #[error("the association is over")]
    Gone,
    #[error("the association is not up yet")]
    NotUp,
    #[error("stream {stream} does not exist: the association has {streams} outgoing streams")]
    NoSuchStream { stream: u16, streams: u16 },
    #[error("a message of {octets} octets cannot be sent: 1 to {} can", crate::MAX_MESSAGE)]
    BadLength { octets: usize },
}

impl SendError {
    /// Refuses lengths that SCTP or [`crate::MAX_MESSAGE`] does not allow.
    pub(crate) fn check_length(octets: usize) -> Result<(), Self> {
        if octets == 0 || octets > crate::MAX_MESSAGE { Err(Self::BadLength { octets }) } else { Ok(()) }
    }
}
