//! A checked scenario: what a run does, independent of the seed and of the number of agents.

use std::time::Duration;

use crate::{
    Cells, Charging, Conditions, Guardrail, Load, Mobility, Nas, Network, RadioProfile, SessionTemplate,
    SimSwap, Slo, Subscriber, SubscriberGroup,
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
    /// At least one.
    pub load: Vec<Load>,
    /// Judged at the end of the run.
    pub slos: Vec<Slo>,
    /// Judged all along; one that breaks aborts the run.
    pub guardrails: Vec<Guardrail>,
    /// What the embedded simulator does. A real target ignores it.
    pub network: Network,
    /// How the embedded simulator charges.
    pub charging: Charging,
    /// How long what is in flight at the end may still take.
    pub drain: Duration,
}

impl Scenario {
    /// The subscribers of all groups together.
    pub fn subscriber_count(&self) -> u64 {
        self.subscribers.iter().map(|group| group.count).sum()
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
            if let Some(offset) = imsi.offset_from(group.first_imsi).filter(|offset| *offset < group.count) {
                return group.subscriber(offset, before + offset, number);
            }
            before += group.count;
        }
        None
    }

    /// What is allowed but probably not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let subscribers = self.subscriber_count();
        for load in &self.load {
            let attempts = load.planned();
            if load.procedure == crate::Procedure::Registration && attempts > subscribers {
                warnings.push(format!(
                    "the registration load plans {attempts} attempts for {subscribers} subscribers: \
                     the surplus can only start for UEs that deregistered or failed before"
                ));
            }
        }
        let registers = self.load.iter().any(|load| load.procedure == crate::Procedure::Registration);
        for load in &self.load {
            if load.procedure != crate::Procedure::Registration && !registers {
                warnings.push(format!(
                    "no load registers UEs, so no attempt of {} can start",
                    load.procedure.as_str()
                ));
            }
        }
        for network in &self.cells.networks {
            let (tacs, gnbs) = (network.tacs.len(), network.gnbs);
            if tacs > usize::try_from(gnbs).unwrap_or(usize::MAX) {
                warnings.push(format!("{tacs} TACs for {gnbs} gNBs: the last ones serve no gNB"));
            }
        }
        if self.slos.is_empty() {
            warnings.push("no SLOs: the verdict can only say that the run was valid".to_owned());
        }
        warnings
    }
}
