//! The radio access network.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac, Technology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each};
use super::technology::TechnologyName;
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{CellGroup, Cells, Overload, RadioNetwork, SubscriberGroup};

/// The base stations: of one network, or of several with `networks`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a mapping such as {nodes: 10}")]
pub(super) struct CellsFile {
    /// The radio of the base stations: nr. Default: nr, or what each of the networks says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) technology: Option<TechnologyName>,
    /// How many base stations (gNBs); each has one association. Default: 1, or as many as the networks have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) nodes: Option<u32>,
    /// How many cells each base station has.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) cells_per_node: u32,
    /// The network that the base stations broadcast. Default: that of the first subscribers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plmn: Option<Plmn>,
    /// Tracking areas, dealt round robin over the base stations. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) tacs: Option<Vec<Tac>>,
    /// Several networks, instead of plmn and tacs; the nodes of the first one come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) networks: Option<Vec<RadioNetworkFile>>,
    /// Slices that the gNBs support and the UEs ask for: SST, or SST-SD. Only nr has slices. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    pub(super) slices: Option<Vec<Snssai>>,
    /// The identifier of the first base station; the others follow.
    #[schemars(range(max = 4_194_303))]
    pub(super) first_node_id: u32,
    /// Groups of base stations with names, for SLOs and guardrails that are about one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<CellGroupFile>,
    /// After this long without signalling a base station asks for the release of a UE. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) inactivity: Option<DurationText>,
    /// What gNBs do when an AMF says that it is overloaded: ignore, or obey.
    pub(super) overload: Overload,
}

/// Base stations that follow each other, as numbered in their names, roamstorm-gnb-0000 being the first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as {name: border, first: 0, count: 4}")]
pub(super) struct CellGroupFile {
    /// What conditions call it.
    #[schemars(length(min = 1))]
    pub(super) name: String,
    /// The number of the first one, from 0.
    #[serde(default)]
    pub(super) first: u32,
    /// How many base stations.
    #[schemars(range(min = 1))]
    pub(super) count: u32,
}

/// The base stations of one network.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with plmn and nodes")]
pub(super) struct RadioNetworkFile {
    /// The network that they broadcast.
    pub(super) plmn: Plmn,
    /// Their radio.
    #[serde(default, skip_serializing_if = "TechnologyName::is_default")]
    pub(super) technology: TechnologyName,
    /// How many there are.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) nodes: u32,
    /// Tracking areas, dealt round robin over them.
    #[serde(default = "default_tacs")]
    #[schemars(length(min = 1))]
    pub(super) tacs: Vec<Tac>,
}

impl Default for CellsFile {
    fn default() -> Self {
        Self {
            technology: None,
            nodes: None,
            cells_per_node: 1,
            plmn: None,
            tacs: None,
            networks: None,
            slices: None,
            first_node_id: 1,
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
        technology,
        nodes,
        cells_per_node,
        plmn,
        tacs,
        networks,
        slices,
        first_node_id,
        groups,
        inactivity,
        overload,
    } = file;
    let networks = match networks {
        Some(networks) => {
            for (field, given) in
                [("plmn", plmn.is_some()), ("tacs", tacs.is_some()), ("technology", technology.is_some())]
            {
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
            let technology = technology.unwrap_or_default();
            vec![network(RadioNetworkFile { plmn, technology, nodes: nodes.unwrap_or(1), tacs }, at)?]
        }
    };
    let sum = networks.iter().fold(0, |sum: u32, network| sum.saturating_add(network.nodes));
    at.field("nodes").require(nodes.is_none_or(|nodes| nodes == sum), || {
        format!("the networks have {sum} nodes together: {sum} is accepted, or leave it out")
    })?;
    let nodes = sum;
    at.field("networks").require(nodes <= MOST_NODES, || too_many(nodes))?;
    at.field("cells-per-node").require((1..=1024).contains(&cells_per_node), || {
        format!("{cells_per_node} cells: 1 to 1024 are accepted")
    })?;
    let slices = slices_of(slices, &networks, &at.field("slices"))?;
    at.field("first-node-id").require(first_node_id.saturating_add(nodes - 1) <= HIGHEST_NODE_ID, || {
        format!("the identifiers of {nodes} nodes from {first_node_id} on exceed 22 bits: at most {HIGHEST_NODE_ID} is accepted")
    })?;
    if let Some(DurationText(Duration::ZERO)) = inactivity {
        return at
            .field("inactivity")
            .wrong("0s would release every UE at once: leave it out, or take 1s or more");
    }
    let inactivity = inactivity.map(|text| text.0);
    let groups = cell_groups(groups, nodes, &at.field("groups"))?;
    Ok(Cells { nodes, cells_per_node, networks, slices, first_node_id, groups, inactivity, overload })
}

/// The slices of the networks that can have some: those of NR.
fn slices_of(
    slices: Option<Vec<Snssai>>,
    networks: &[RadioNetwork],
    at: &At<'_>,
) -> Result<Vec<Snssai>, Complaint> {
    let nr = networks.iter().any(|network| network.technology == Technology::Nr);
    at.require(nr || slices.is_none(), || "only networks of nr have slices: leave them out".to_owned())?;
    let slices = slices.unwrap_or_else(|| if nr { vec![Snssai { sst: 1, sd: None }] } else { Vec::new() });
    at.require(!nr || (1..=8).contains(&slices.len()), || {
        format!("{} slices: 1 to 8 are accepted (TS 24.501 §4.6.2.1)", slices.len())
    })?;
    Ok(slices)
}

fn cell_groups(groups: Vec<CellGroupFile>, nodes: u32, at: &At<'_>) -> Result<Vec<CellGroup>, Complaint> {
    let groups = each(groups, at, |CellGroupFile { name, first, count }, at| {
        at.field("name")
            .require(!name.trim().is_empty(), || "a group needs a name, such as border".to_owned())?;
        at.field("count").require(count > 0, || "0 nodes are no group: 1 or more are accepted".to_owned())?;
        at.field("first").require(first.checked_add(count).is_some_and(|end| end <= nodes), || {
            format!("there are {nodes} nodes, numbered from 0: {count} from number {first} on go beyond them")
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
        "the list is empty, expected at least one network such as {plmn: 001/01, nodes: 4}".to_owned()
    })?;
    let networks = each(networks, at, network)?;
    for (index, network) in networks.iter().enumerate() {
        let twice = networks[..index].iter().any(|earlier| earlier.plmn == network.plmn);
        at.item(index).field("plmn").require(!twice, || format!("{} is in the list twice", network.plmn))?;
    }
    Ok(networks)
}

fn network(file: RadioNetworkFile, at: &At<'_>) -> Result<RadioNetwork, Complaint> {
    let RadioNetworkFile { plmn, technology, nodes, tacs } = file;
    let technology = technology.check(&at.field("technology"))?;
    at.field("nodes").require((1..=MOST_NODES).contains(&nodes), || too_many(nodes))?;
    at.field("tacs")
        .require(!tacs.is_empty(), || "the list is empty, expected at least one TAC".to_owned())?;
    Ok(RadioNetwork { plmn, technology, nodes, tacs })
}

impl From<&Cells> for CellsFile {
    fn from(cells: &Cells) -> Self {
        let one = match cells.networks.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        let networks = || cells.networks.iter().map(RadioNetworkFile::from).collect();
        Self {
            technology: one
                .map(|network| TechnologyName(network.technology))
                .filter(|name| !name.is_default()),
            nodes: Some(cells.nodes),
            cells_per_node: cells.cells_per_node,
            plmn: one.map(|network| network.plmn),
            tacs: one.map(|network| network.tacs.clone()),
            networks: one.is_none().then(networks),
            slices: (!cells.slices.is_empty()).then(|| cells.slices.clone()),
            first_node_id: cells.first_node_id,
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
        Self {
            plmn: network.plmn,
            technology: TechnologyName(network.technology),
            nodes: network.nodes,
            tacs: network.tacs.clone(),
        }
    }
}

fn default_tacs() -> Vec<Tac> {
    Tac::new(1).into_iter().collect()
}

fn too_many(nodes: u32) -> String {
    format!("{nodes} nodes: 1 to {MOST_NODES} are accepted")
}

/// More would not fit any plan that a fleet can hold.
const MOST_NODES: u32 = 100_000;
/// gNB IDs have 22 to 32 bits (TS 38.413 §9.3.1.6); with at most 22 every length will do.
const HIGHEST_NODE_ID: u32 = (1 << 22) - 1;
