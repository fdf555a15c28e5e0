use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use identity::{Dnn, Imsi, Plmn, SessionId, TeidKey};
use scenarios::Flow;

/// What a UPF is.
#[derive(Clone, Debug)]
pub struct UpfSettings {
    /// Its address on N3.
    pub address: IpAddr,
    /// Of the sizes of its packets.
    pub seed: u64,
    /// By which it draws its TEIDs.
    pub teids: TeidKey,
    /// What it holds at most.
    pub sessions: usize,
    /// Packets that one call of [`super::Upf::advance`] makes at most.
    pub packets_per_advance: usize,
    /// A session's downlink is looked at no more often than this.
    pub tick: Duration,
    /// Error indications and the like in a second, at most.
    pub answers_per_s: u32,
    /// How often a gNB's address is asked whether it is alive (TS 29.281 §7.2.1: no more often than each minute).
    pub echo_interval: Duration,
}

impl UpfSettings {
    /// With the usual limits, and TEIDs that whoever knows the seed can tell: see [`super::Upf::draw_teids_by`].
    pub fn new(address: IpAddr, seed: u64) -> Self {
        Self {
            address,
            seed,
            teids: TeidKey::of_seed(seed),
            sessions: 1 << 20,
            packets_per_advance: 1_024,
            tick: Duration::from_millis(2),
            answers_per_s: 100,
            echo_interval: Duration::from_secs(60),
        }
    }
}

/// What the SMF wants of a session (in the place of N4).
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSpec {
    /// The subscriber.
    pub supi: Imsi,
    /// The UE's number of the session.
    pub session: SessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The serving network.
    pub serving: Plmn,
    /// Of the packets to the UE.
    pub qfi: u8,
    /// The UE's addresses. What comes from another one is dropped.
    pub ue: UeAddresses,
    /// What the UE is expected to send: what is missing by its sequence numbers can be no more than this.
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

/// The addresses of a UE in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UeAddresses {
    /// The IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address: a prefix of 64 bits, which is advertised, and the interface identifier.
    pub ipv6: Option<Ipv6Addr>,
}
