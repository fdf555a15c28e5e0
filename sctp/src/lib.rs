//! SCTP associations (RFC 9260) behind one API, over four transports.
//!
//! An [`Endpoint`] is owned by one thread, which queues messages with [`Endpoint::send`] and then calls
//! [`Endpoint::wait`]: that flushes, runs the protocol's timers, waits for the network and reports [`Event`]s.
//!
//! ```text
//!              Endpoint ──┬── kernel/      the kernel's SCTP                    sctp://host:38412
//!                         ├── userspace/   dcsctp in UDP (RFC 6951)             sctp+udp://host:9899
//!                         │                dcsctp on raw IP, protocol 132       sctp+ip://host:38412
//!                         └── memory/      within this process                  memory://name
//! ```
//!
//! [`memory::Network`] is something else: a lossy message network in virtual time for property tests, without I/O.

mod address;
mod departure;
mod endpoint;
mod error;
mod event;
mod kernel;
mod options;
mod oversleep;
mod parameters;
mod targets;
mod userspace;
mod waker;

pub mod memory;

pub use address::{Address, AddressError, Transport};
pub use departure::Departure;
pub use endpoint::{Endpoint, pick};
pub use error::{SctpError, SendError};
pub use event::{AssociationId, DownReason, Event, Remote};
pub use options::Options;
pub use parameters::{Overview, Parameters};
pub use targets::{MOST_TARGETS, Targets, TargetsError};
#[doc(hidden)]
pub use userspace::fuzz;
pub use waker::Waker;

/// The SCTP port of NGAP (TS 38.412 §7).
pub const NGAP_PORT: u16 = 38412;
/// The payload protocol identifier of NGAP (TS 38.412 §7).
pub const NGAP_PPID: u32 = 60;
/// The UDP port of SCTP in UDP (RFC 6951 §5.1).
pub const UDP_ENCAPSULATION_PORT: u16 = 9899;
/// The largest message that [`Endpoint::send`] takes, in octets.
pub const MAX_MESSAGE: usize = 256 * 1024;
