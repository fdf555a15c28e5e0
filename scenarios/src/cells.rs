//! The radio access network: base stations, their cells, tracking areas and slices.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac, Technology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::technology;

/// How many base stations there are and what they serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Base stations, each with one association to the target.
    pub nodes: u32,
    /// Cells of each base station.
    pub cells_per_node: u32,
    /// Who broadcasts where: at least one; their nodes add up to `nodes`. The first one's come first.
    pub networks: Vec<RadioNetwork>,
    /// Slices that every gNB supports and every UE asks for. Only networks of NR have slices.
    pub slices: Vec<Snssai>,
    /// The identifier of the first base station; the others follow (TS 38.413 §9.3.1.6).
    pub first_node_id: u32,
    /// Groups of base stations by their names, for conditions that are about one of them.
    pub groups: Vec<CellGroup>,
    /// After this long without signalling a base station asks for the release of a UE. `None`: it never does.
    pub inactivity: Option<Duration>,
    /// What gNBs do when an AMF says that it is overloaded.
    pub overload: Overload,
}

/// What gNBs do with OVERLOAD START (TS 38.413 §8.7.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overload {
    /// The load goes on as planned: what the AMF then does is what is measured.
    #[default]
    Ignore,
    /// The gNBs refuse the connections that the AMF wants fewer of; those attempts are `barred-by-overload`, and no failures.
    Obey,
}

/// Some base stations that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellGroup {
    /// What conditions call it.
    pub name: String,
    /// The first one's place among all base stations, from 0, as in `roamstorm-gnb-0000`.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

impl CellGroup {
    /// Whether the base station of this place among all belongs to it.
    pub fn contains(&self, index: u32) -> bool {
        (self.first..self.first.saturating_add(self.count)).contains(&index)
    }
}

/// The base stations of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioNetwork {
    /// What they broadcast.
    pub plmn: Plmn,
    /// Which radio they have.
    pub technology: Technology,
    /// How many of all base stations.
    pub nodes: u32,
    /// Tracking areas, dealt round robin over them.
    pub tacs: Vec<Tac>,
}

impl Cells {
    /// The network of the first base stations.
    pub fn plmn(&self) -> Plmn {
        self.networks[0].plmn
    }

    /// Whether some network has this radio.
    pub fn has(&self, technology: Technology) -> bool {
        self.networks.iter().any(|network| network.technology == technology)
    }

    /// The network of base station `index`, and the place of the node within it.
    fn network_of(&self, index: u32) -> (&RadioNetwork, u32) {
        let mut place = index;
        for network in &self.networks {
            if place < network.nodes {
                return (network, place);
            }
            place -= network.nodes;
        }
        panic!("the networks of checked cells have {} nodes, not a node {index}", self.nodes)
    }

    /// The numbers of the base stations that are of the same network as number `index`, which must be below `nodes`.
    pub(crate) fn nodes_of_network_with(&self, index: u32) -> std::ops::Range<u32> {
        let (network, place) = self.network_of(index);
        let start = index - place;
        start..start + network.nodes
    }

    /// The base station number `index`, below `nodes`.
    ///
    /// # Panics
    /// When there is no such base station.
    pub fn node(&self, index: u32) -> Node {
        let (network, place) = self.network_of(index);
        let place = usize::try_from(place).unwrap_or_default();
        Node {
            index,
            technology: network.technology,
            node_id: self.first_node_id.saturating_add(index),
            name: format!("roamstorm-{}-{index:04}", technology::node(network.technology).to_lowercase()),
            plmn: network.plmn,
            tac: network.tacs[place % network.tacs.len()],
            slices: self.slices.clone(),
            cells: self.cells_per_node,
        }
    }
}

/// One base station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its place among all base stations of the scenario, from 0.
    pub index: u32,
    /// Which radio it has, and so what it is: a gNB of NR.
    pub technology: Technology,
    /// Its global identifier without the PLMN; fits in 22 bits.
    pub node_id: u32,
    /// RAN node name.
    pub name: String,
    /// The network that it broadcasts.
    pub plmn: Plmn,
    /// The tracking area of its cells.
    pub tac: Tac,
    /// The slices that it supports.
    pub slices: Vec<Snssai>,
    /// How many cells it has.
    pub cells: u32,
}
