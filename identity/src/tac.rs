use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tracking area code of 24 bits (TS 38.413 §9.3.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
pub struct Tac(#[schemars(range(min = 0, max = 16_777_213))] u32);

impl Tac {
    /// `None` above 24 bits, and for the two reserved values FFFFFE and FFFFFF (TS 24.501 §9.11.3.8).
    pub fn new(raw: u32) -> Option<Self> {
        (raw < 0xff_fffe).then_some(Self(raw))
    }

    /// The code as a number.
    pub fn value(self) -> u32 {
        self.0
    }

    /// The three octets on the wire.
    pub fn octets(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

impl TryFrom<u32> for Tac {
    type Error = String;

    fn try_from(raw: u32) -> Result<Self, String> {
        Self::new(raw).ok_or_else(|| format!("{raw} is not a tracking area code: 0 to 16777213 are"))
    }
}

impl From<Tac> for u32 {
    fn from(tac: Tac) -> Self {
        tac.0
    }
}

impl fmt::Display for Tac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
