//! Where UEs move, and how well handovers go on the radio side.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How UEs choose the next gNB, and what happens on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mobility {
    /// Which gNB is next.
    pub path: Path,
    /// Between leaving the source cell and arriving in the target cell, the median.
    pub interruption: Duration,
    /// How many UEs never arrive in the target cell, 0 to 1: radio link failure.
    pub failure: f64,
    /// How many N2 handovers the source gNB cancels after it asked for them, 0 to 1.
    pub cancel: f64,
    /// How many N2 handovers the target gNB refuses, 0 to 1.
    pub refuse: f64,
}

impl Default for Mobility {
    fn default() -> Self {
        let interruption = Duration::from_millis(20);
        Self { path: Path::default(), interruption, failure: 0.0, cancel: 0.0, refuse: 0.0 }
    }
}

/// Which gNB a UE moves to. gNBs are numbered through all networks of the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// The next one, after the last the first: with more than one shard that is another shard's, so on another agent.
    #[default]
    Ring,
    /// Any other, by chance.
    Random,
    /// One of another network, by chance: across a border and back.
    Border,
    /// The next one of the same shard.
    WithinShard,
}

/// The USIM in a device is replaced by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SimSwap {
    /// The same IMSI with new keys: the operator replaced a lost card, or somebody had it replaced.
    #[default]
    NewKeys,
    /// The IMSI of another subscriber in the same device: two identities, one device.
    OtherIdentity,
}
