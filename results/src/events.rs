//! What happened between the RAN nodes and their core, and what the network noticed by itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `summary.ran_events`: how many of each kind, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RanEvents {
    /// How many there were, by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first of them, in the order of their merging; at most 500.
    pub first: Vec<ShownEvent>,
    /// The last of them; at most 8.
    pub last: Vec<ShownEvent>,
    /// Events that agents could not keep: there were too many at once.
    pub left_out: u64,
}

/// One AMF in `summary.amfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AmfSummary {
    /// Its URL.
    pub target: String,
    /// Its name, as it says.
    pub name: String,
    /// Initial UE messages that went to it.
    pub connections: u64,
    /// NGAP messages sent to it.
    pub messages_sent: u64,
    /// NGAP messages received from it.
    pub messages_received: u64,
}

/// One event, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShownEvent {
    /// µs since the run's start; what happened before it is at 0.
    pub at_us: u64,
    /// What happened: `association-lost`, `overload-start`, …
    pub kind: String,
    /// The RAN node's name.
    pub node: String,
    /// In a sentence.
    pub details: String,
}

impl RanEvents {
    /// How many there were of a kind.
    pub fn count(&self, kind: &str) -> u64 {
        self.by_kind.get(kind).copied().unwrap_or_default()
    }

    /// What an operator should know: in a sentence for each kind that changes what a run measures.
    pub fn warnings(&self, failed: &BTreeMap<String, u64>) -> Vec<String> {
        let mut warnings = Vec::new();
        let lost = self.count("association-lost");
        if lost > 0 {
            let at = self.first.iter().find(|event| event.kind == "association-lost");
            let at = at.map(|event| format!(", first at {:.1} s ({})", seconds(event.at_us), event.node));
            let cost = |cause: &str| failed.get(cause).copied().unwrap_or_default();
            warnings.push(format!(
                "{lost} {} with the core {} lost{}, {} came back; {} attempts ended with one, {} found none",
                if lost == 1 { "association" } else { "associations" },
                if lost == 1 { "was" } else { "were" },
                at.unwrap_or_default(),
                self.count("association-restored"),
                cost("association-lost"),
                cost("ng-interface-down"),
            ));
        }
        for (kind, what) in [
            ("overload-start", "OVERLOAD START of the core"),
            ("amf-status-indication", "AMF STATUS INDICATION"),
            ("ng-reset-by-amf", "NG RESET by the core"),
            ("ng-setup-refused", "refusals of NG setup"),
            ("ng-setup-unanswered", "NG setups without an answer"),
        ] {
            let count = self.count(kind);
            if count > 0 {
                warnings.push(format!("{count} × {what}: the events have their times"));
            }
        }
        warnings
    }
}

impl ShownEvent {
    /// For a live view.
    pub fn line(&self) -> String {
        format!("{:.1} s  {}  {}: {}", seconds(self.at_us), self.kind, self.node, self.details)
    }
}

/// `summary.network_events`: how many of each kind, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkEvents {
    /// How many there were, by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first of them, with their times in seconds since the start.
    pub first: Vec<TimedEvent>,
}

/// An event that the simulator makes, in the time of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TimedEvent {
    /// µs since the start.
    pub run_us: u64,
    /// What happened.
    pub kind: String,
    /// To whom.
    pub supi: String,
    /// In a sentence.
    pub details: String,
}

fn seconds(us: u64) -> f64 {
    crate::units::float(us) / 1e6
}
