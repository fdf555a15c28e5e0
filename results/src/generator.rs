//! Whether the generator was the bottleneck, and who had its processors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Coverage, Percentiles};

/// Whether the generator was the bottleneck.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GeneratorSummary {
    /// True: the figures are not the target's alone, and the run is invalid.
    pub limited: bool,
    /// Why.
    pub reasons: Vec<String>,
    /// How late attempts left, µs.
    pub lateness_us: Percentiles,
    /// Attempts whose lateness was reported.
    pub attempts: u64,
    /// The same against all that came due: a run in which any is missing is invalid.
    pub coverage: Coverage,
    /// Attempts that left later than the threshold.
    pub late_attempts: u64,
    /// What the judgement is by.
    pub thresholds: BTreeMap<String, f64>,
    /// The place in the queue for a processor that the agents' workers got, the least of them: `real-time`, `slice` or
    /// `none`; empty where no agent said.
    pub priority: String,
    /// Who had the processors, by host.
    pub processors: Vec<HostSummary>,
    /// What to do about lateness; nothing where there was none to speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Whether the simulator beside the agents was let run when there was something to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EmbeddedTargetSummary {
    /// True: its answers were late by this machine, so the figures are not its own, and the run is invalid.
    pub starved: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Messages of signalling that it took in and sent.
    pub messages: u64,
    /// Those that waited for a processor longer than an attempt may be late.
    pub late: u64,
    /// The longest such wait, µs.
    pub longest_wait_us: u64,
}

/// The processors of one host of agents, from the run's start to the last word of its agents. Informative: it explains
/// lateness, and no verdict rests on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostSummary {
    /// The agents on it.
    pub agents: Vec<String>,
    /// What their workers got, the least of them.
    pub priority: String,
    /// How often real-time threads were set back to fair shares, because they took too much.
    pub set_back: u64,
    /// Processors that the agents may use.
    pub processors: u32,
    /// Who had them, all along.
    pub run: ProcessorShares,
    /// Who had them in the seconds in which attempts left too late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub while_late: Option<ProcessorShares>,
}

/// Shares of all processors together, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProcessorShares {
    /// Not idle: the sum of the three below.
    pub busy: f64,
    /// The agents' processes; in an embedded run that is everything.
    pub this_program: f64,
    /// Other processes, and the system's own work.
    pub other_processes: f64,
    /// Taken by the host of a virtual machine.
    pub stolen: f64,
    /// The part of the time in which the processes stood still, because the quota of their control group was used up.
    pub held_back: f64,
}

impl ProcessorShares {
    /// False where nobody could look, such as without a descriptor for it: who looks is busy.
    pub fn is_known(&self) -> bool {
        self.busy > 0.0
    }

    /// `2 processors 98 % busy (35 % this program, 60 % other processes, 3 % stolen by the host)`.
    pub fn in_words(&self, processors: u32) -> String {
        let percent = |share: f64| (share * 100.0).round();
        let parts = [(self.this_program, "this program"), (self.other_processes, "other processes")];
        let rare =
            [(self.stolen, "stolen by the host")].into_iter().filter(|(share, _)| percent(*share) > 0.0);
        let parts: Vec<String> =
            parts.into_iter().chain(rare).map(|(share, who)| format!("{} % {who}", percent(share))).collect();
        let processors =
            if processors == 1 { "1 processor".to_owned() } else { format!("{processors} processors") };
        let quota = if self.held_back > HELD_BACK { ", held back by a quota" } else { "" };
        format!("{processors} {} % busy ({}){quota}", percent(self.busy), parts.join(", "))
    }
}

/// A quota that holds back a larger part of the time is worth a word.
pub const HELD_BACK: f64 = 0.05;
