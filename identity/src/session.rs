use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a session of one UE: on 5G a PDU session identity, 1 to 15 (TS 24.501 §9.4, TS 24.007 §11.2.3.1b). An EPS bearer
/// identity (§11.2.3.1.5) and an NSAPI (TS 24.008 §10.5.6.2) are among these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct SessionId(#[schemars(range(min = 1, max = 15))] u8);

impl SessionId {
    /// `None` outside 1 to 15.
    pub fn new(raw: u8) -> Option<Self> {
        (1..=15).contains(&raw).then_some(Self(raw))
    }

    /// The number.
    pub fn value(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for SessionId {
    type Error = String;

    fn try_from(raw: u8) -> Result<Self, String> {
        Self::new(raw).ok_or_else(|| format!("{raw} is not a PDU session identity: 1 to 15 are"))
    }
}

impl From<SessionId> for u8 {
    fn from(id: SessionId) -> Self {
        id.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The PDU session types that carry IP (TS 24.501 §9.11.4.11).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PduSessionType {
    /// IPv4 alone.
    #[default]
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// Both.
    Ipv4v6,
}

impl PduSessionType {
    /// The value of the PDU session type IE.
    pub fn value(self) -> u8 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
            Self::Ipv4v6 => 3,
        }
    }

    /// `None` for the types that carry no IP.
    pub fn from_value(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Ipv4,
            2 => Self::Ipv6,
            3 => Self::Ipv4v6,
            _ => return None,
        })
    }
}
