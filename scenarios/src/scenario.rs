//! A checked scenario: what a run does, independent of the seed and of the number of agents.

use std::time::Duration;

use crate::{
    AgentsWanted, CapacitySearch, Cells, Charging, Conditions, Expectation, Generator, Guardrail, Load,
    Mobility, Nas, Network, OldWords, RadioProfile, SessionTemplate, SimSwap, Slo, Subscriber,
    SubscriberGroup,
};

/// Everything that a run does. Made by [`Scenario::from_yaml`] or [`Scenario::load`], and checked there.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Names the run folder and the report.
    pub name: String,
    /// For the reader of the report; may be empty.
    pub description: String,
    /// The seed of a run which is not given one.
    pub seed: Option<u64>,
    /// At least one group; their IMSI ranges don't overlap.
    pub subscribers: Vec<SubscriberGroup>,
    /// The radio access network.
    pub cells: Cells,
    /// What the UEs can do.
    pub nas: Nas,
    /// What lies between UE and gNB.
    pub radio: RadioProfile,
    /// What UEs ask for in a PDU session; at least one where a load needs it.
    pub sessions: Vec<SessionTemplate>,
    /// Where UEs move.
    pub mobility: Mobility,
    /// What a SIM swap replaces.
    pub sim_swap: SimSwap,
    /// What is made worse on purpose.
    pub conditions: Conditions,
    /// At least one. Of a capacity search: the load of its lowest probe.
    pub load: Vec<Load>,
    /// Looks for the highest rate instead of playing one load.
    pub search: Option<CapacitySearch>,
    /// Judged at the end of the run.
    pub slos: Vec<Slo>,
    /// Judged all along; one that breaks aborts the run.
    pub guardrails: Vec<Guardrail>,
    /// What would otherwise fail the run.
    pub expect: Expectation,
    /// Which agents a coordinator takes.
    pub agents: AgentsWanted,
    /// How late the generator itself may be.
    pub generator: Generator,
    /// What the embedded simulator does. A real target ignores it.
    pub network: Network,
    /// How the embedded simulator charges.
    pub charging: Charging,
    /// How long what is in flight at the end may still take.
    pub drain: Duration,
    /// What its file called by an old word.
    pub old_words: OldWords,
}

impl Scenario {
    /// The subscribers of all groups together.
    pub fn subscriber_count(&self) -> u64 {
        self.subscribers.iter().map(|group| group.count).sum()
    }

    /// The procedures that its loads attempt, in the order in which they begin.
    pub fn order(&self) -> Vec<String> {
        let mut loads: Vec<&Load> = self.load.iter().collect();
        loads.sort_by_key(|load| load.starts_after);
        let mut names: Vec<String> = Vec::new();
        for load in loads {
            if !names.iter().any(|known| known == load.procedure.name()) {
                names.push(load.procedure.name().to_owned());
            }
        }
        names
    }

    /// Subscriber `index` of all groups in their order, counted from 0.
    pub fn subscriber(&self, index: u64) -> Option<Subscriber> {
        let mut before = 0;
        for (number, group) in self.subscribers.iter().enumerate() {
            if index - before < group.count {
                return group.subscriber(index - before, index, number);
            }
            before += group.count;
        }
        None
    }

    /// The subscriber who has this IMSI.
    pub fn find_subscriber(&self, imsi: identity::Imsi) -> Option<Subscriber> {
        let mut before = 0;
        for (number, group) in self.subscribers.iter().enumerate() {
            if let Some(offset) = group.offset_of(imsi) {
                return group.subscriber(offset, before + offset, number);
            }
            before += group.count;
        }
        None
    }

    /// The group of the subscriber who has this IMSI; no key is derived.
    pub fn group_of(&self, imsi: identity::Imsi) -> Option<&SubscriberGroup> {
        self.subscribers.iter().find(|group| group.offset_of(imsi).is_some())
    }
}
