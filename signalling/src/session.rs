//! A PDU session as the UE knows it (TS 24.501 §6.1).

use std::net::Ipv4Addr;

use identity::{Dnn, PduSessionType, SessionId, Snssai};
use serde::{Deserialize, Serialize};

/// What a UE asks for when it establishes a PDU session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// The number of the new session.
    pub id: SessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The wanted type.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
}

/// A PDU session that is established.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The type that the network selected.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
    /// The IPv4 address of the UE, when it has one.
    pub ipv4: Option<Ipv4Addr>,
    /// The interface identifier of its IPv6 link-local address, when it has one.
    pub ipv6_interface_id: Option<[u8; 8]>,
    /// The QoS flow of the default QoS rule.
    pub qfi: u8,
    /// The session AMBR, downlink and uplink, in bits a second.
    pub ambr_bps: (u64, u64),
    /// The charging identifier that the network told, in an operator-specific container of the ePCO.
    pub charging_id: Option<u32>,
}
