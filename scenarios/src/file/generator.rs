//! How late the load generator itself may be.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::Generator;
use crate::units::{DurationText, Ratio};
use crate::yaml::Complaint;

/// How late attempts may leave before the run says nothing about its target.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {late: 25ms, share: 2%}"
)]
pub(super) struct GeneratorFile {
    /// An attempt is late when it leaves later than this after it was due.
    pub(super) late: DurationText,
    /// The part of all attempts that may be late.
    pub(super) share: Ratio,
}

impl Default for GeneratorFile {
    fn default() -> Self {
        Self::from(&Generator::default())
    }
}

pub(super) fn check(file: &GeneratorFile, at: &At<'_>) -> Result<Generator, Complaint> {
    let late = file.late.0;
    at.field("late").require((LEAST..=MOST).contains(&late), || {
        "from 100us to 1s is expected: what is later than a second hides any target".to_owned()
    })?;
    at.field("share").require(file.share.value() <= MOST_SHARE, || {
        "at most 50% is expected: with more, not even the median would be the target's".to_owned()
    })?;
    Ok(Generator { late, share: file.share.value() })
}

impl From<&Generator> for GeneratorFile {
    fn from(generator: &Generator) -> Self {
        Self { late: DurationText(generator.late), share: Ratio::new(generator.share) }
    }
}

const LEAST: Duration = Duration::from_micros(100);
const MOST: Duration = Duration::from_secs(1);
const MOST_SHARE: f64 = 0.5;
