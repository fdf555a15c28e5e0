//! SLOs and guardrails.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{Guardrail, Load, Procedure, Slo};

/// What aborts the run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with abort-when and for")]
pub(super) struct GuardrailFile {
    /// A condition such as `registration.success < 50%`.
    pub(super) abort_when: String,
    /// How long it must have been true without a break.
    #[serde(rename = "for", default = "default_patience")]
    pub(super) for_: DurationText,
}

fn default_patience() -> DurationText {
    DurationText(Duration::from_secs(5))
}

pub(super) fn check(text: &str, load: &[Load], at: &At<'_>) -> Result<Slo, Complaint> {
    let slo: Slo = match text.parse() {
        Ok(slo) => slo,
        Err(message) => return at.wrong::<Slo>(message),
    };
    if let Some(subject) = slo.metric.subject() {
        let started: Vec<Procedure> = load.iter().map(|load| load.procedure).collect();
        at.require(started.contains(&subject), || {
            let mut names: Vec<&str> = started.iter().map(|procedure| procedure.as_str()).collect();
            names.dedup();
            let subject = subject.as_str();
            format!(
                "no load starts {subject}, so {} never has a value (started: {})",
                slo.metric,
                names.join(", ")
            )
        })?;
    }
    Ok(slo)
}

impl From<&Guardrail> for GuardrailFile {
    fn from(guardrail: &Guardrail) -> Self {
        Self { abort_when: guardrail.condition.text.clone(), for_: DurationText(guardrail.for_) }
    }
}

pub(super) fn guardrail(file: GuardrailFile, load: &[Load], at: &At<'_>) -> Result<Guardrail, Complaint> {
    let condition = check(&file.abort_when, load, &at.field("abort-when"))?;
    Ok(Guardrail { condition, for_: file.for_.0 })
}
