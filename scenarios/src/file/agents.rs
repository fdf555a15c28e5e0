//! Which agents a run of the scenario asks for.

use std::collections::BTreeMap;

use identity::{Membership, membership};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::AgentsWanted;
use crate::yaml::Complaint;

/// Which agents a coordinator takes, and how many it waits for; `run` plays with its own.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {pool: spot, min: 10}"
)]
pub(super) struct AgentsFile {
    /// Of this pool alone (`roamstorm agent --pool`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$"))]
    pub(super) pool: Option<String>,
    /// With all of these labels alone (`roamstorm agent --label`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    /// So many are waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u16", range(min = 1))]
    pub(super) min: Option<u16>,
}

pub(super) fn check(file: AgentsFile, at: &At<'_>) -> Result<AgentsWanted, Complaint> {
    let expected =
        || "letters, digits, . _ - and / are expected, 63 at most, a letter or digit first".to_owned();
    if let Some(pool) = &file.pool {
        at.field("pool").require(membership::is_name(pool), expected)?;
    }
    for (name, value) in &file.labels {
        at.field("labels")
            .field(name)
            .require(membership::is_name(name) && membership::is_name(value), expected)?;
    }
    at.field("labels").require(file.labels.len() <= membership::MOST_LABELS, || {
        format!("at most {} labels are expected", membership::MOST_LABELS)
    })?;
    at.field("min").require(file.min != Some(0), || "at least 1 is expected".to_owned())?;
    let like = Membership { pool: file.pool.unwrap_or_default(), labels: file.labels };
    Ok(AgentsWanted { like, min: file.min })
}

impl From<&AgentsWanted> for AgentsFile {
    fn from(wanted: &AgentsWanted) -> Self {
        let Membership { pool, labels } = wanted.like.clone();
        Self { pool: Some(pool).filter(|pool| !pool.is_empty()), labels, min: wanted.min }
    }
}
