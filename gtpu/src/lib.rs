//! The user plane as both of its ends need it: GTP-U messages (TS 29.281), the packets inside them, the traffic of a
//! session by its scenario, what went missing on the way, and whom an endpoint believes. Pure: no socket, no clock.

use std::net::IpAddr;

mod ip;
mod message;
mod rate_limit;
mod sequence;
mod t_pdu;
mod traffic;

pub use ip::{
    ALL_NODES, ALL_ROUTERS, Advertised, IpPacket, Request, echo_reply, echo_request, neighbour_advertisement,
    read_ip, read_router_advertisement, router_advertisement, router_solicitation,
};
pub use message::{DecodeError, Direction, EncodeError, GPdu, Message, QosFlow};
pub use rate_limit::RateLimit;
pub use sequence::{Arrival, MOST_MISSING, SequenceCounter};
pub use t_pdu::{Packet, TPduError, build, read};
pub use traffic::{Skipped, TrafficSource, most_missing};

/// The UDP port of GTP-U (TS 29.281 §4.4.2.3).
pub const PORT: u16 = 2152;

/// Whether two addresses are one: an IPv4 address that is mapped into IPv6 is that IPv4 address (RFC 4291 §2.5.5.2).
pub fn is_same_address(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}
