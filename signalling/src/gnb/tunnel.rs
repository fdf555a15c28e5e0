//! The NG-U tunnel of a PDU session.

use std::net::IpAddr;

use identity::PduSessionId;

/// The two ends of the NG-U tunnel of one PDU session (TS 38.413 §9.3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The session.
    pub session: PduSessionId,
    /// Our TEID: downlink comes with it.
    pub local_teid: u32,
    /// The address of the UPF.
    pub remote: IpAddr,
    /// The TEID of the UPF: uplink goes there.
    pub remote_teid: u32,
    /// The QoS flow that user data goes in.
    pub qfi: u8,
}
