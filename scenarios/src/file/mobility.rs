//! Where UEs move.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::units::{DurationText, Ratio};
use crate::yaml::Complaint;
use crate::{Cells, Mobility, Path};

/// Where UEs move, and how well handovers go on the radio side.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {path: ring}"
)]
pub(super) struct MobilityFile {
    /// Which gNB a UE moves to.
    pub(super) path: Path,
    /// Between leaving the source cell and arriving in the target cell, the median.
    pub(super) interruption: DurationText,
    /// UEs that never arrive in the target cell.
    pub(super) failure: Ratio,
    /// N2 handovers that the source gNB cancels after it asked for them.
    pub(super) cancel: Ratio,
    /// N2 handovers that the target gNB refuses.
    pub(super) refuse: Ratio,
}

impl Default for MobilityFile {
    fn default() -> Self {
        Self::from(&Mobility::default())
    }
}

pub(super) fn check(file: MobilityFile, cells: &Cells, at: &At<'_>) -> Result<Mobility, Complaint> {
    at.field("path").require(file.path != Path::Border || cells.networks.len() > 1, || {
        "there is no border: cells.networks has one network, 2 or more are expected".to_owned()
    })?;
    Ok(Mobility {
        path: file.path,
        interruption: file.interruption.0,
        failure: file.failure.value(),
        cancel: file.cancel.value(),
        refuse: file.refuse.value(),
    })
}

impl From<&Mobility> for MobilityFile {
    fn from(mobility: &Mobility) -> Self {
        Self {
            path: mobility.path,
            interruption: DurationText(mobility.interruption),
            failure: Ratio::new(mobility.failure),
            cancel: Ratio::new(mobility.cancel),
            refuse: Ratio::new(mobility.refuse),
        }
    }
}
