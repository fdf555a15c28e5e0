//! `ladders.ndjson`: the life of one UE in each line, message by message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The life of one UE. No field is skipped where it says nothing: a checkpoint of the coordinator does not describe itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFlow {
    /// Whose.
    pub imsi: String,
    /// Why it is kept: `sampled`, how it failed, or which attempt of it was slow.
    pub why: String,
    /// True when an attempt of it did not succeed.
    pub failed: bool,
    /// It had one of the slowest attempts that succeeded.
    pub slowest: Option<SlowAttempt>,
    /// Its first messages, in order of time.
    pub messages: Vec<CallFlowMessage>,
    /// Messages that are not listed.
    pub left_out: u64,
}

/// An attempt that succeeded, and took longer than most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SlowAttempt {
    /// The procedure.
    pub procedure: String,
    /// From the due time, µs.
    pub latency_us: u64,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFlowMessage {
    /// When it left or was read, µs since the run's start; negative before it.
    pub at_us: i64,
    /// True towards the core.
    pub uplink: bool,
    /// The radio lost it: it was on its way between the UE and the gNB, and never got there.
    pub lost: bool,
    /// The end at the RAN, `address:port` of SCTP.
    pub ran: String,
    /// The end at the core.
    pub core: String,
    /// What it is: `HandoverRequired`, `UplinkNASTransport · PDU session establishment request`.
    pub name: String,
    /// Which attempt begins with it, and when it was due.
    pub comment: String,
}
