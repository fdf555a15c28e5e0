//! The radio access network: gNBs, their cells, tracking areas and slices.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many base stations there are and what they serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Base stations, each with one association to the target.
    pub gnbs: u32,
    /// Cells of each gNB.
    pub cells_per_gnb: u32,
    /// Who broadcasts where: at least one; their gNBs add up to `gnbs`. The first one's come first.
    pub networks: Vec<RadioNetwork>,
    /// Slices that every gNB supports and every UE asks for.
    pub slices: Vec<Snssai>,
    /// The identifier of the first gNB; the others follow (TS 38.413 §9.3.1.6).
    pub first_gnb_id: u32,
    /// Groups of gNBs by their names, for conditions that are about one of them.
    pub groups: Vec<CellGroup>,
    /// After this long without signalling a gNB asks for the release of a UE. `None`: it never does.
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

/// Some gNBs that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellGroup {
    /// What conditions call it.
    pub name: String,
    /// The first one's place among all gNBs, from 0, as in `roamstorm-gnb-0000`.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

impl CellGroup {
    /// Whether the gNB of this place among all belongs to it.
    pub fn contains(&self, index: u32) -> bool {
        (self.first..self.first.saturating_add(self.count)).contains(&index)
    }
}

/// The gNBs of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioNetwork {
    /// What the gNBs broadcast.
    pub plmn: Plmn,
    /// How many of the gNBs.
    pub gnbs: u32,
    /// Tracking areas, dealt round robin over the gNBs.
    pub tacs: Vec<Tac>,
}

impl Cells {
    /// The network of the first gNBs.
    pub fn plmn(&self) -> Plmn {
        self.networks[0].plmn
    }

    /// The network of gNB `index`, and the place of the gNB within it.
    fn network_of(&self, index: u32) -> (&RadioNetwork, u32) {
        let mut place = index;
        for network in &self.networks {
            if place < network.gnbs {
                return (network, place);
            }
            place -= network.gnbs;
        }
        panic!("the networks of checked cells have {} gNBs, not a gNB {index}", self.gnbs)
    }

    /// The numbers of the gNBs that are of the same network as gNB `index`, which must be below `gnbs`.
    pub(crate) fn gnbs_of_network_with(&self, index: u32) -> std::ops::Range<u32> {
        let (network, place) = self.network_of(index);
        let start = index - place;
        start..start + network.gnbs
    }

    /// The base station number `index`, below `gnbs`.
    ///
    /// # Panics
    /// When there is no such gNB.
    pub fn gnb(&self, index: u32) -> Gnb {
        let (network, place) = self.network_of(index);
        let place = usize::try_from(place).unwrap_or_default();
        Gnb {
            index,
            gnb_id: self.first_gnb_id.saturating_add(index),
            name: format!("roamstorm-gnb-{index:04}"),
            plmn: network.plmn,
            tac: network.tacs[place % network.tacs.len()],
            slices: self.slices.clone(),
            cells: self.cells_per_gnb,
        }
    }
}

/// One base station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gnb {
    /// Its place among all gNBs of the scenario, from 0.
    pub index: u32,
    /// Global gNB ID without the PLMN; fits in 22 bits.
    pub gnb_id: u32,
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
