//! What a session takes along.

use identity::{Plmn, SessionId};
use serde::{Deserialize, Serialize};

/// What a session takes along to another agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionContext {
    pub(crate) session: SessionId,
    pub(crate) template: u32,
    pub(crate) serving: Plmn,
    pub(crate) opened_us: u64,
    /// The number of its last part.
    pub(crate) sequence: u32,
    /// Sent by the UE in all its parts: of a flow with a volume, the rest is left.
    pub(crate) uplink: u64,
    /// The IPv6 prefix that the network has advertised.
    pub(crate) prefix: Option<[u8; 8]>,
}
