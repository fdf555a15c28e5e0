//! What a run came to: its conditions, what they cover, whether the generator was the limit, and the verdict.

pub(crate) mod coverage;
mod expectations;
mod machine;
pub(crate) mod saturation;
mod slo;

pub(crate) use expectations::broken;
pub(crate) use machine::Machines;
pub(crate) use slo::{Guard, Measured};

/// Whether a scenario has a condition that could fail a run.
pub(crate) fn has_condition(scenario: &scenarios::Scenario) -> bool {
    !scenario.slos.is_empty() || !scenario.guardrails.is_empty() || !scenario.expect.never_succeeds.is_empty()
}
