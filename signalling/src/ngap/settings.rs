//! The settings of a gNB.

use std::net::IpAddr;

use identity::{Plmn, Snssai, Tac, TeidKey};

/// The settings of a gNB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GnbSettings {
    /// The gNB ID: 24 bits long on the wire, with 4096 cells; 32 bits where it does not fit, with 16.
    pub gnb_id: u32,
    /// The RAN Node Name.
    pub name: String,
    /// The network that it belongs to, and broadcasts.
    pub plmn: Plmn,
    /// Its tracking area.
    pub tac: Tac,
    /// The slices that it supports.
    pub slices: Vec<Snssai>,
    /// How many cells it has.
    pub cells: u32,
    /// Its end of the NG-U tunnels. Without one it has no user plane: it refuses every PDU session resource.
    pub n3: Option<N3Settings>,
}

/// The gNB's end of the NG-U tunnels. It takes the numbers `first`, `first + step` and so on up to `last`, so that many gNBs
/// can share one address, and hands out their TEIDs under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct N3Settings {
    /// The address.
    pub address: IpAddr,
    /// The first number. One whose TEID is 0 is left out: that is no TEID (TS 29.281 §5.1).
    pub first: u32,
    /// How far the next number is; at least 1.
    pub step: u32,
    /// No number is above this one.
    pub last: u32,
    /// By which a number is turned into a TEID.
    pub key: TeidKey,
}

impl GnbSettings {
    /// The length of the gNB ID: 24 bits leave 12 for the cells (TS 38.413 §9.3.1.6, §9.3.1.7).
    pub fn gnb_id_bits(&self) -> u32 {
        if self.gnb_id < 1 << 24 { 24 } else { 32 }
    }
}

/// Where a handover through the AMF goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetGnb {
    /// The gNB ID of the target.
    pub gnb_id: u32,
    /// Its length: see [`GnbSettings::gnb_id_bits`].
    pub gnb_id_bits: u32,
    /// The network of the target.
    pub plmn: Plmn,
    /// The tracking area of the target.
    pub tac: Tac,
    /// The cell of the target, from 0.
    pub cell: u32,
}
