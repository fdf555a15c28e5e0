//! Conditions of a run: what was measured of each, and whether it held.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Coverage, units};

/// One SLO and what was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SloResult {
    /// The metric, such as `registration.success`.
    pub name: String,
    /// The comparison and the value, such as `>= 99.5%`.
    pub target: String,
    /// What was measured, in the unit of the target. Nothing when there was nothing to measure.
    pub actual: Option<f64>,
    /// The unit of what was measured: `%`, `us`, `ms`, `s`, `m`, `h`, `/s`, `/min`, `/h`, or nothing for a count.
    pub unit: String,
    /// Nothing measured is no pass, nor is a figure without all of its evidence; and nothing passes in a run that is invalid.
    pub pass: bool,
    /// How many attempts the figure is of, once the run is over. Nothing for what is not of attempts.
    #[serde(default)]
    pub coverage: Option<Coverage>,
    /// To which attempts the condition is limited: `phase`, `during`, `dnn`, `network`, `slice`, `cells`. The name says it too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// False in a run that is invalid: it says nothing about the target, neither good nor bad.
    #[serde(default = "yes")]
    pub judged: bool,
}

fn yes() -> bool {
    true
}

impl SloResult {
    /// What was measured, as people read it: `1.20 ms`, `99.95 %`, `3`; on the side of the target that the judgement says.
    pub fn measured(&self) -> Option<String> {
        self.actual.map(|actual| units::beside(actual, &self.unit, &self.target, self.pass))
    }

    /// The run is invalid.
    pub fn not_judged(&mut self) {
        (self.pass, self.judged) = (false, false);
    }

    /// Why it was not met, in a sentence.
    pub fn missed(&self) -> String {
        match self.measured() {
            Some(measured) => {
                let but = self.coverage.filter(|coverage| !coverage.is_complete());
                let but = but.map(|coverage| format!(", but it {coverage}")).unwrap_or_default();
                format!("{} is {measured}, target {}{but}", self.name, self.target)
            }
            None => format!("{}: nothing was measured, target {}", self.name, self.target),
        }
    }
}

/// One guardrail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GuardrailResult {
    /// The condition that ends a run.
    pub condition: String,
    /// For how long it must be true, in seconds.
    pub for_s: f64,
    /// When it ended this run, in seconds since the start.
    pub broken_at_s: Option<f64>,
}
