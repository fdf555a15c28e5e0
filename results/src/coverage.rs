//! How many attempts a figure is of. What it does not cover cannot pass.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units;

/// How many attempts a figure is of, and of how many it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Coverage {
    /// Attempts that the figure is of.
    pub covers: u64,
    /// Attempts that it would be of if nothing had been lost.
    pub of: u64,
    /// Those of the difference that the fleet lost or gave up. They are accounted for, and limited by a rule of their own.
    pub lost: u64,
}

impl Coverage {
    /// Whether nothing is missing but what the fleet lost.
    pub fn is_complete(&self) -> bool {
        self.covers.saturating_add(self.lost) >= self.of
    }

    /// For people, where it does not cover everything.
    pub fn shown(&self) -> Option<String> {
        (self.covers < self.of).then(|| self.to_string())
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "covers {} of {} attempts", units::count(self.covers), units::count(self.of))?;
        match self.lost {
            0 => Ok(()),
            lost => write!(f, "; the fleet lost {}", units::count(lost)),
        }
    }
}
