//! `ladders.ndjson`: the life of one UE in each line, message by message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The life of one UE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFlow {
    /// Whose.
    pub imsi: String,
    /// Why it is kept: `sampled`, or how it failed.
    pub why: String,
    /// True when an attempt of it did not succeed.
    pub failed: bool,
    /// Its first messages, in order of time.
    pub messages: Vec<CallFlowMessage>,
    /// Messages that are not listed.
    pub left_out: u64,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFlowMessage {
    /// When it left or was read, µs since the run's start; negative before it.
    pub at_us: i64,
    /// True towards the core.
    pub uplink: bool,
    /// The end at the RAN, `address:port` of SCTP.
    pub ran: String,
    /// The end at the core.
    pub core: String,
    /// What it is: `HandoverRequired`, `UplinkNASTransport · PDU session establishment request`.
    pub name: String,
    /// Which attempt begins with it, and when it was due.
    pub comment: String,
}
