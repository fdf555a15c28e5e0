use std::net::IpAddr;

use identity::{Dnn, Imsi, PduSessionId, Plmn};
use scenarios::Flow;

/// What a UPF is.
#[derive(Clone, Debug)]
pub struct UpfSettings {
    /// Its address on N3.
    pub address: IpAddr,
    /// Of the sizes of its packets and of its TEIDs.
    pub seed: u64,
    /// What it holds at most.
    pub sessions: usize,
}

impl UpfSettings {
    /// With the usual limits.
    pub fn new(address: IpAddr, seed: u64) -> Self {
        Self { address, seed, sessions: 1 << 20 }
    }
}

/// What the SMF wants of a session (in the place of N4).
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSpec {
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: PduSessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The serving network.
    pub serving: Plmn,
    /// Of the packets to the UE.
    pub qfi: u8,
    /// The UE's address. What comes from another one is dropped (TS 23.501 §5.6.10.3 asks for no more than that).
    pub ue_ip: IpAddr,
    /// What the UE is expected to send; nothing is made of it.
    pub uplink: Option<Flow>,
    /// What flows to the UE.
    pub downlink: Flow,
    /// Session-AMBR, bits a second, up and down; 0 is without a limit.
    pub ambr: (u64, u64),
}

/// An end of a tunnel of N3, for the gNB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct N3End {
    /// The UPF's address.
    pub address: IpAddr,
    /// The TEID that the UPF gave.
    pub teid: u32,
}
