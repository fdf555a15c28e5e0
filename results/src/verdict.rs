//! The verdict: invalid dominates fail, fail dominates pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SloResult;

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every SLO was met.
    Pass,
    /// An SLO was not met, or a guardrail broke.
    Fail,
    /// The run proves nothing, whatever it measured.
    #[default]
    Invalid,
}

impl Status {
    /// As `summary.json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
        }
    }

    /// As a sign, where there is no colour of ours: chats and Markdown.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Pass => "✅",
            Self::Fail => "❌",
            Self::Invalid => "⚠️",
        }
    }
}

/// How a run ended, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Verdict {
    /// pass, fail or invalid.
    pub status: Status,
    /// One sentence each. A pass has none, but where nothing was judged.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Weighs what was found. A run that is invalid judges nothing: then only what makes it so is a reason.
    pub fn of(invalidating: Vec<String>, broken_guardrails: Vec<String>, slos: &[SloResult]) -> Self {
        if !invalidating.is_empty() {
            return Self { status: Status::Invalid, reasons: invalidating };
        }
        let missed = slos.iter().filter(|slo| !slo.pass).map(SloResult::missed);
        let failing: Vec<String> = broken_guardrails.into_iter().chain(missed).collect();
        Self { status: if failing.is_empty() { Status::Pass } else { Status::Fail }, reasons: failing }
    }

    /// Says of a pass that it means nothing, where the scenario has no condition that could have failed.
    pub fn without_condition(&mut self) {
        if self.status == Status::Pass {
            self.reasons.push(NOTHING_JUDGED.to_owned());
        }
    }

    /// Something that was found later makes the run invalid.
    pub fn invalidate(&mut self, reason: String) {
        if self.status != Status::Invalid {
            self.reasons.clear();
        }
        self.status = Status::Invalid;
        self.reasons.insert(0, reason);
    }

    /// The program's exit code: 0 pass, 1 fail, 3 invalid.
    pub fn exit_code(&self) -> u8 {
        match self.status {
            Status::Pass => 0,
            Status::Fail => 1,
            Status::Invalid => 3,
        }
    }
}

/// What a pass without a condition says.
pub const NOTHING_JUDGED: &str = "nothing was judged: the scenario has neither SLOs nor guardrails, so this says only that the run is valid";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn slo(pass: bool, actual: Option<f64>) -> SloResult {
        let (name, target) = ("registration.success".to_owned(), ">= 99.5%".to_owned());
        SloResult {
            name,
            target,
            actual,
            unit: "%".to_owned(),
            pass,
            limits: BTreeMap::new(),
            coverage: None,
            judged: true,
        }
    }

    #[test]
    fn all_slos_met_is_a_pass() {
        let verdict = Verdict::of(vec![], vec![], &[slo(true, Some(99.9))]);
        assert_eq!((verdict.status, verdict.exit_code(), verdict.reasons.len()), (Status::Pass, 0, 0));
    }

    #[test]
    fn missed_slo_is_a_fail_with_the_numbers() {
        let verdict = Verdict::of(vec![], vec![], &[slo(false, Some(12.34567))]);
        assert_eq!((verdict.status, verdict.exit_code()), (Status::Fail, 1));
        assert_eq!(verdict.reasons, ["registration.success is 12.35 %, target >= 99.5%"]);
    }

    #[test]
    fn slo_without_measurement_is_a_fail() {
        let verdict = Verdict::of(vec![], vec![], &[slo(false, None)]);
        assert_eq!(verdict.status, Status::Fail);
        assert!(verdict.reasons[0].contains("nothing was measured"));
    }

    #[test]
    fn broken_guardrail_is_a_fail() {
        let verdict = Verdict::of(vec![], vec!["guardrail …".to_owned()], &[slo(true, Some(99.9))]);
        assert_eq!(verdict.status, Status::Fail);
    }

    #[test]
    fn invalid_dominates_fail_and_accuses_nobody() {
        let (aborted, broken) = ("aborted by the operator".to_owned(), "guardrail …".to_owned());
        let verdict = Verdict::of(vec![aborted.clone()], vec![broken.clone()], &[slo(false, Some(1.0))]);
        assert_eq!((verdict.status, verdict.exit_code()), (Status::Invalid, 3));
        assert_eq!(verdict.reasons, std::slice::from_ref(&aborted));
        let mut found_later = Verdict::of(vec![], vec![broken], &[slo(false, Some(1.0))]);
        found_later.invalidate(aborted.clone());
        found_later.invalidate("the folder is full".to_owned());
        assert_eq!(found_later.reasons, ["the folder is full".to_owned(), aborted]);
    }
}
