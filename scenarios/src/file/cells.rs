//! The radio access network.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each};
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{CellGroup, Cells, Overload, RadioNetwork, SubscriberGroup};

/// The base stations: of one network, or of several with `networks`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a mapping such as {gnbs: 10}")]
pub(super) struct CellsFile {
    /// How many gNBs; each has one association. Default: 1, or as many as the networks have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) gnbs: Option<u32>,
    /// How many cells each gNB has.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) cells_per_gnb: u32,
    /// The network that the gNBs broadcast. Default: that of the first subscribers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plmn: Option<Plmn>,
    /// Tracking areas, dealt round robin over the gNBs. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) tacs: Option<Vec<Tac>>,
    /// Several networks, instead of plmn and tacs; the gNBs of the first one come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) networks: Option<Vec<RadioNetworkFile>>,
    /// Slices that the gNBs support and the UEs ask for: SST, or SST-SD.
    #[schemars(length(min = 1, max = 8))]
    pub(super) slices: Vec<Snssai>,
    /// The identifier of the first gNB; the others follow.
    #[schemars(range(max = 4_194_303))]
    pub(super) first_gnb_id: u32,
    /// Groups of gNBs with names, for SLOs and guardrails that are about one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<CellGroupFile>,
    /// After this long without signalling a gNB asks for the release of a UE. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inactivity: Option<DurationText>,
    /// What gNBs do when an AMF says that it is overloaded: ignore, or obey.
    pub(super) overload: Overload,
}

/// gNBs that follow each other, as numbered in their names, roamstorm-gnb-0000 being the first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {name: border, first: 0, count: 4}")]
pub(super) struct CellGroupFile {
    /// What conditions call it.
    #[schemars(length(min = 1))]
    pub(super) name: String,
    /// The number of the first gNB, from 0.
    #[serde(default)]
    pub(super) first: u32,
    /// How many gNBs.
    #[schemars(range(min = 1))]
    pub(super) count: u32,
}

/// The gNBs of one network.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with plmn and gnbs")]
pub(super) struct RadioNetworkFile {
    /// The network that they broadcast.
    pub(super) plmn: Plmn,
    /// How many there are.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) gnbs: u32,
    /// Tracking areas, dealt round robin over them.
    #[serde(default = "default_tacs")]
    #[schemars(length(min = 1))]
    pub(super) tacs: Vec<Tac>,
}

impl Default for CellsFile {
    fn default() -> Self {
        Self {
            gnbs: None,
            cells_per_gnb: 1,
            plmn: None,
            tacs: None,
            networks: None,
            slices: vec![Snssai { sst: 1, sd: None }],
            first_gnb_id: 1,
            groups: Vec::new(),
            inactivity: None,
            overload: Overload::Ignore,
        }
    }
}

pub(super) fn check(
    file: CellsFile,
    subscribers: &[SubscriberGroup],
    at: &At<'_>,
) -> Result<Cells, Complaint> {
    let CellsFile {
        gnbs,
        cells_per_gnb,
        plmn,
        tacs,
        networks,
        slices,
        first_gnb_id,
        groups,
        inactivity,
        overload,
    } = file;
    let networks = match networks {
        Some(networks) => {
            for (field, given) in [("plmn", plmn.is_some()), ("tacs", tacs.is_some())] {
                at.field(field).require(!given, || {
                    format!("{field:?} does not go with networks, each of which says its own")
                })?;
            }
            several(networks, &at.field("networks"))?
        }
        None => {
            let Some(plmn) = plmn.or_else(|| subscribers.first().map(|group| group.plmn)) else {
                return at.wrong("there is no PLMN");
            };
            let tacs = tacs.unwrap_or_else(default_tacs);
            vec![network(RadioNetworkFile { plmn, gnbs: gnbs.unwrap_or(1), tacs }, at)?]
        }
    };
    let sum = networks.iter().fold(0, |sum: u32, network| sum.saturating_add(network.gnbs));
    at.field("gnbs").require(gnbs.is_none_or(|gnbs| gnbs == sum), || {
        format!("the networks have {sum} gNBs together: {sum} is accepted, or leave it out")
    })?;
    let gnbs = sum;
    at.field("networks").require(gnbs <= MOST_GNBS, || too_many(gnbs))?;
    at.field("cells-per-gnb").require((1..=1024).contains(&cells_per_gnb), || {
        format!("{cells_per_gnb} cells: 1 to 1024 are accepted")
    })?;
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
    let inactivity = inactivity.map(|text| text.0);
    let groups = cell_groups(groups, gnbs, &at.field("groups"))?;
    Ok(Cells { gnbs, cells_per_gnb, networks, slices, first_gnb_id, groups, inactivity, overload })
}

fn cell_groups(groups: Vec<CellGroupFile>, gnbs: u32, at: &At<'_>) -> Result<Vec<CellGroup>, Complaint> {
    let groups = each(groups, at, |CellGroupFile { name, first, count }, at| {
        at.field("name")
            .require(!name.trim().is_empty(), || "a group needs a name, such as border".to_owned())?;
        at.field("count").require(count > 0, || "0 gNBs are no group: 1 or more are accepted".to_owned())?;
        at.field("first").require(first.checked_add(count).is_some_and(|end| end <= gnbs), || {
            format!("there are {gnbs} gNBs, numbered from 0: {count} from number {first} on go beyond them")
        })?;
        Ok(CellGroup { name, first, count })
    })?;
    for (index, group) in groups.iter().enumerate() {
        let twice = groups.iter().take(index).any(|earlier| earlier.name == group.name);
        at.item(index).field("name").require(!twice, || format!("{:?} is in the list twice", group.name))?;
    }
    Ok(groups)
}

fn several(networks: Vec<RadioNetworkFile>, at: &At<'_>) -> Result<Vec<RadioNetwork>, Complaint> {
    at.require(!networks.is_empty(), || {
        "the list is empty, expected at least one network such as {plmn: 001/01, gnbs: 4}".to_owned()
    })?;
    let networks = each(networks, at, network)?;
    for (index, network) in networks.iter().enumerate() {
        let twice = networks[..index].iter().any(|earlier| earlier.plmn == network.plmn);
        at.item(index).field("plmn").require(!twice, || format!("{} is in the list twice", network.plmn))?;
    }
    Ok(networks)
}

fn network(file: RadioNetworkFile, at: &At<'_>) -> Result<RadioNetwork, Complaint> {
    let RadioNetworkFile { plmn, gnbs, tacs } = file;
    at.field("gnbs").require((1..=MOST_GNBS).contains(&gnbs), || too_many(gnbs))?;
    at.field("tacs")
        .require(!tacs.is_empty(), || "the list is empty, expected at least one TAC".to_owned())?;
    Ok(RadioNetwork { plmn, gnbs, tacs })
}

impl From<&Cells> for CellsFile {
    fn from(cells: &Cells) -> Self {
        let one = match cells.networks.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        let networks = || cells.networks.iter().map(RadioNetworkFile::from).collect();
        Self {
            gnbs: Some(cells.gnbs),
            cells_per_gnb: cells.cells_per_gnb,
            plmn: one.map(|network| network.plmn),
            tacs: one.map(|network| network.tacs.clone()),
            networks: one.is_none().then(networks),
            slices: cells.slices.clone(),
            first_gnb_id: cells.first_gnb_id,
            groups: cells.groups.iter().map(CellGroupFile::from).collect(),
            inactivity: cells.inactivity.map(DurationText),
            overload: cells.overload,
        }
    }
}

impl From<&CellGroup> for CellGroupFile {
    fn from(group: &CellGroup) -> Self {
        Self { name: group.name.clone(), first: group.first, count: group.count }
    }
}

impl From<&RadioNetwork> for RadioNetworkFile {
    fn from(network: &RadioNetwork) -> Self {
        Self { plmn: network.plmn, gnbs: network.gnbs, tacs: network.tacs.clone() }
    }
}

fn default_tacs() -> Vec<Tac> {
    Tac::new(1).into_iter().collect()
}

fn too_many(gnbs: u32) -> String {
    format!("{gnbs} gNBs: 1 to {MOST_GNBS} are accepted")
}

/// More would not fit any plan that a fleet can hold.
const MOST_GNBS: u32 = 100_000;
/// gNB IDs have 22 to 32 bits (TS 38.413 §9.3.1.6); with at most 22 every length will do.
const HIGHEST_GNB_ID: u32 = (1 << 22) - 1;
