//! The runs that are made against the network at once, told apart by the names of their gNBs ([`identity::tag_of`]).

use std::collections::BTreeMap;

use identity::Imsi;
use rustc_hash::FxHashMap;

/// A run, for as long as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(u32);

/// Which runs there are, and in which of them each subscriber was served last.
#[derive(Default)]
pub(super) struct Runs {
    names: BTreeMap<RunId, String>,
    last: u32,
    subscribers: FxHashMap<Imsi, RunId>,
}

impl Runs {
    /// The run of a gNB with this name. `None` where it says none, or there are too many: then it is of no run by itself.
    pub(super) fn of_gnb(&mut self, node_name: &str) -> Option<RunId> {
        let tag = identity::tag_of(node_name)?;
        if let Some((id, _)) = self.names.iter().find(|(_, name)| *name == tag) {
            return Some(*id);
        }
        if self.names.len() >= MOST {
            return None;
        }
        self.last += 1;
        self.names.insert(RunId(self.last), tag.chars().filter(|c| !c.is_control()).collect());
        Some(RunId(self.last))
    }

    /// A gNB of this run serves the subscriber.
    pub(super) fn serves(&mut self, run: Option<RunId>, imsi: Imsi) {
        match run {
            Some(run) => drop(self.subscribers.insert(imsi, run)),
            None => drop(self.subscribers.remove(&imsi)),
        }
    }

    pub(super) fn of_subscriber(&self, imsi: Imsi) -> Option<RunId> {
        self.subscribers.get(&imsi).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (RunId, &str)> {
        self.names.iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// The run is over, and nothing of it is open.
    pub(super) fn forget(&mut self, run: RunId) {
        self.names.remove(&run);
        self.subscribers.retain(|_, of| *of != run);
    }
}

/// Runs at once.
const MOST: usize = 256;
