use std::fmt;

use serde::{Deserialize, Serialize};

/// A cell, by the gNB ID and its number within the gNB: an NR Cell Identity without its PLMN (TS 38.413 §9.3.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// The gNB ID.
    pub gnb_id: u32,
    /// From 0.
    pub cell: u32,
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.gnb_id, self.cell)
    }
}
