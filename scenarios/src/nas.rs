//! What the UEs do on the NAS level.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every UE does, in each technology that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nas {
    /// In 5G (TS 24.501).
    pub nr: Nas5g,
}

/// Capabilities and habits of every UE in 5G.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nas5g {
    /// NEA algorithms 0 to 3 that the UEs support; the simulator prefers the first ones.
    pub ciphering: Vec<u8>,
    /// NIA algorithms 0 to 3 that the UEs support; the simulator prefers the first ones.
    pub integrity: Vec<u8>,
    /// What a UE does after a failed registration.
    pub retry: Retry,
    /// Overrides the value that the network assigned to T3512.
    pub t3512: Option<Duration>,
}

/// What a UE does after a failed registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Nothing: the schedule alone starts attempts.
    #[default]
    Never,
    /// It tries again by itself, after T3511 or T3502 (TS 24.501 §5.5.1.2.7). Such attempts are counted apart.
    AsSpecified,
}
