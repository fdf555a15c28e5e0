//! The radio access network.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{Cells, RadioNetwork, SubscriberGroup};

/// The base stations.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a mapping such as {gnbs: 10}")]
pub(super) struct CellsFile {
    /// How many gNBs; each has one association.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) gnbs: u32,
    /// How many cells each gNB has.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) cells_per_gnb: u32,
    /// The network that the gNBs broadcast. Default: that of the first subscribers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plmn: Option<Plmn>,
    /// Tracking areas, dealt round robin over the gNBs.
    #[schemars(length(min = 1))]
    pub(super) tacs: Vec<Tac>,
    /// Slices that the gNBs support and the UEs ask for: SST, or SST-SD.
    #[schemars(length(min = 1, max = 8))]
    pub(super) slices: Vec<Snssai>,
    /// The identifier of the first gNB; the others follow.
    #[schemars(range(max = 4_194_303))]
    pub(super) first_gnb_id: u32,
    /// After this long without signalling a gNB asks for the release of a UE. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inactivity: Option<DurationText>,
}

impl Default for CellsFile {
    fn default() -> Self {
        Self {
            gnbs: 1,
            cells_per_gnb: 1,
            plmn: None,
            tacs: Tac::new(1).into_iter().collect(),
            slices: vec![Snssai { sst: 1, sd: None }],
            first_gnb_id: 1,
            inactivity: None,
        }
    }
}

pub(super) fn check(
    file: CellsFile,
    subscribers: &[SubscriberGroup],
    at: &At<'_>,
) -> Result<Cells, Complaint> {
    let CellsFile { gnbs, cells_per_gnb, plmn, tacs, slices, first_gnb_id, inactivity } = file;
    at.field("gnbs")
        .require((1..=100_000).contains(&gnbs), || format!("{gnbs} gNBs: 1 to 100000 are accepted"))?;
    at.field("cells-per-gnb").require((1..=1024).contains(&cells_per_gnb), || {
        format!("{cells_per_gnb} cells: 1 to 1024 are accepted")
    })?;
    at.field("tacs")
        .require(!tacs.is_empty(), || "the list is empty, expected at least one TAC".to_owned())?;
    at.field("slices").require((1..=8).contains(&slices.len()), || {
        format!("{} slices: 1 to 8 are accepted (TS 24.501 §4.6.2.1)", slices.len())
    })?;
    at.field("first-gnb-id").require(first_gnb_id.saturating_add(gnbs - 1) <= HIGHEST_GNB_ID, || {
        format!("the identifiers of {gnbs} gNBs from {first_gnb_id} on exceed 22 bits: at most {HIGHEST_GNB_ID} is accepted")
    })?;
    if let Some(DurationText(Duration::ZERO)) = inactivity {
        return at
            .field("inactivity")
            .wrong("0s would release every UE at once: leave it out, or take 1s or more");
    }
    let Some(plmn) = plmn.or_else(|| subscribers.first().map(|group| group.plmn)) else {
        return at.wrong("there is no PLMN");
    };
    let inactivity = inactivity.map(|text| text.0);
    let networks = vec![RadioNetwork { plmn, gnbs, tacs }];
    Ok(Cells { gnbs, cells_per_gnb, networks, slices, first_gnb_id, inactivity })
}

/// gNB IDs have 22 to 32 bits (TS 38.413 §9.3.1.6); with at most 22 every length will do.
const HIGHEST_GNB_ID: u32 = (1 << 22) - 1;

impl From<&Cells> for CellsFile {
    fn from(cells: &Cells) -> Self {
        Self {
            gnbs: cells.gnbs,
            cells_per_gnb: cells.cells_per_gnb,
            plmn: Some(cells.plmn()),
            tacs: cells.networks[0].tacs.clone(),
            slices: cells.slices.clone(),
            first_gnb_id: cells.first_gnb_id,
            inactivity: cells.inactivity.map(DurationText),
        }
    }
}
