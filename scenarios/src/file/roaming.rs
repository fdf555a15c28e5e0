//! What networks have agreed for each other's subscribers.

use std::collections::BTreeMap;

use identity::{Dnn, Plmn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each};
use crate::yaml::Complaint;
use crate::{Breakout, Cells, Roaming, SubscriberGroup};

/// The agreement with one visited network.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping such as {visited: 262/01}")]
pub(super) struct RoamingFile {
    /// The visited network, one of the cells.
    pub(super) visited: Plmn,
    /// Where sessions leave for the data network.
    #[serde(default)]
    pub(super) breakout: Breakout,
    /// DNNs that have another name there: asked for, and given.
    #[serde(default)]
    pub(super) dnns: BTreeMap<Dnn, Dnn>,
    /// DNNs that are refused there.
    #[serde(default)]
    pub(super) refused_dnns: Vec<Dnn>,
    /// Whether handovers into this network are accepted.
    #[serde(default = "yes")]
    pub(super) accepts_handovers: bool,
}

pub(super) fn check(
    files: Vec<RoamingFile>,
    cells: &Cells,
    subscribers: &[SubscriberGroup],
    at: &At<'_>,
) -> Result<Vec<Roaming>, Complaint> {
    let agreements = each(files, at, |file, at| agreement(file, cells, subscribers, at))?;
    for (index, agreement) in agreements.iter().enumerate() {
        let visited = agreement.visited;
        let twice = agreements[..index].iter().any(|earlier| earlier.visited == visited);
        at.item(index).field("visited").require(!twice, || format!("{visited} is in the list twice"))?;
    }
    Ok(agreements)
}

fn agreement(
    file: RoamingFile,
    cells: &Cells,
    subscribers: &[SubscriberGroup],
    at: &At<'_>,
) -> Result<Roaming, Complaint> {
    let RoamingFile { visited, breakout, dnns, refused_dnns, accepts_handovers } = file;
    at.field("visited").require(cells.networks.iter().any(|network| network.plmn == visited), || {
        let known: Vec<String> = cells.networks.iter().map(|network| network.plmn.to_string()).collect();
        format!("no cell is of {visited} (networks of the cells: {})", known.join(", "))
    })?;
    at.field("visited").require(subscribers.iter().any(|group| group.plmn != visited), || {
        format!("{visited} is home to every subscriber: nobody roams there")
    })?;
    for (index, dnn) in refused_dnns.iter().enumerate() {
        let at = at.field("refused-dnns").item(index);
        at.require(!dnns.contains_key(dnn), || {
            format!("{dnn} is given another name in dnns, so it is not refused")
        })?;
        at.require(!refused_dnns[..index].contains(dnn), || format!("{dnn} is in the list twice"))?;
    }
    Ok(Roaming { visited, breakout, dnns: dnns.into_iter().collect(), refused_dnns, accepts_handovers })
}

impl From<&Roaming> for RoamingFile {
    fn from(roaming: &Roaming) -> Self {
        Self {
            visited: roaming.visited,
            breakout: roaming.breakout,
            dnns: roaming.dnns.iter().cloned().collect(),
            refused_dnns: roaming.refused_dnns.clone(),
            accepts_handovers: roaming.accepts_handovers,
        }
    }
}

fn yes() -> bool {
    true
}
