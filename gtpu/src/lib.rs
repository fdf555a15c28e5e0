//! The user plane as both of its ends need it: GTP-U messages (TS 29.281), the packets inside them, the traffic of a
//! session by its scenario, and what went missing on the way. Pure: no socket, no clock.

mod message;
mod sequence;
mod t_pdu;
mod traffic;

pub use message::{DecodeError, Direction, EncodeError, GPdu, Message, QosFlow};
pub use sequence::{Arrival, SequenceCounter};
pub use t_pdu::{Packet, TPduError, build, read};
pub use traffic::{Skipped, TrafficSource};

/// The UDP port of GTP-U (TS 29.281 §4.4.2.3).
pub const PORT: u16 = 2152;
