//! The end of the tunnels on the side of the gNBs.

use std::net::IpAddr;

use identity::TeidKey;

/// Where the gNBs of a shard have their ends of the tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPlaneEnd {
    /// The address that the agent's socket has.
    pub address: IpAddr,
    /// The number of the shard within the agent, below 4096: the upper 12 bits of the numbers of all its TEIDs.
    pub slot: u32,
    /// By which a number is turned into a TEID, and back.
    pub key: TeidKey,
}

impl UserPlaneEnd {
    /// How far the numbers of TEIDs are shifted to show the slot.
    pub const SHIFT: u32 = 20;

    /// The first number of the slot that a gNB may use, and the last one.
    pub(crate) fn numbers(self) -> (u32, u32) {
        let first = self.slot << Self::SHIFT;
        (first + 1, first | ((1 << Self::SHIFT) - 1))
    }
}
