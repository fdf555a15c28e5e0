//! The settings of a gNB.

use identity::{Plmn, Snssai, Tac};

use crate::node::tunnel::N3Settings;

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

impl GnbSettings {
    /// The length of the gNB ID: 24 bits leave 12 for the cells (TS 38.413 §9.3.1.6, §9.3.1.7).
    pub fn gnb_id_bits(&self) -> u32 {
        gnb_id_bits(self.gnb_id)
    }
}

/// The length of a gNB ID, as each gNB of ours has it ([`GnbSettings::gnb_id_bits`]).
pub fn gnb_id_bits(gnb_id: u32) -> u32 {
    if gnb_id < 1 << 24 { 24 } else { 32 }
}
