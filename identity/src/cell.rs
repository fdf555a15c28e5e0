use std::fmt;

use serde::{Deserialize, Serialize};

/// A cell, by its node and its number within the node. On NR: an NR Cell Identity without its PLMN (TS 38.413 §9.3.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// The node: on NR the gNB ID.
    pub node: u32,
    /// From 0.
    pub cell: u32,
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.cell)
    }
}
