//! What a scenario expects that would otherwise fail its run.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each};
use crate::yaml::Complaint;
use crate::{Expectation, Scenario, Subject};

/// What would otherwise fail the run.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {never-succeeds: [registration]}"
)]
pub(super) struct ExpectFile {
    /// Procedures that are attempted and never succeed, as in a test of refusals. A success fails the run then.
    #[schemars(with = "BTreeSet<String>")]
    never_succeeds: Vec<String>,
}

pub(super) fn check(file: ExpectFile, scenario: &Scenario, at: &At<'_>) -> Result<Expectation, Complaint> {
    let at = at.field("never-succeeds");
    let never_succeeds = each(file.never_succeeds, &at, |name, at| {
        let subject: Subject = name.parse().or_else(|message: String| at.wrong(message))?;
        at.require(matches!(subject, Subject::Procedure(_) | Subject::RegistrationRetry), || {
            format!("{subject} is no procedure of its own: registration, registration-retry and the like are accepted")
        })?;
        at.require(scenario.may_attempt(subject), || {
            format!("nothing attempts {subject}: no load starts it")
        })?;
        Ok(subject)
    })?;
    Ok(Expectation { never_succeeds })
}

impl From<&Expectation> for ExpectFile {
    fn from(expect: &Expectation) -> Self {
        Self { never_succeeds: expect.never_succeeds.iter().map(ToString::to_string).collect() }
    }
}
