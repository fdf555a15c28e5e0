//! The life of one subscriber: what a scenario's target is tried with before a run.

use std::time::Duration;

use identity::{Procedure, Technology};

use crate::{
    Arrivals, ChargingFaults, Conditions, Expectation, Flow, Load, Mobility, Phase, RadioNetwork,
    RadioProfile, Scenario, Shape,
};

impl Scenario {
    /// One of its subscribers registers in one of its cells, has a session where the scenario has any, and de-registers. Nothing
    /// is judged, lost or impaired. `None`: the home network refuses all of them.
    pub fn of_one_subscriber(&self) -> Option<Self> {
        let group = self.subscribers.iter().find(|group| group.refused.is_none())?;
        let mut one = group.clone();
        one.count = 1;
        let mut cells = self.cells.clone();
        let mut first = cells.first_node_id;
        let mut network = None;
        for there in &cells.networks {
            if there.nodes > 0
                && there.technology == Technology::Nr
                && (network.is_none() || there.plmn == one.plmn)
            {
                network = Some((there.clone(), first));
            }
            if there.plmn == one.plmn {
                break;
            }
            first = first.saturating_add(there.nodes);
        }
        let (network, first) = network?;
        // Agreements are with networks of the cells.
        let mut core = self.network.clone();
        core.roaming.retain(|agreement| agreement.visited == network.plmn);
        let tacs = network.tacs.first().copied().into_iter().collect();
        cells.networks = vec![RadioNetwork { nodes: 1, tacs, ..network }];
        (cells.nodes, cells.first_node_id) = (1, first);
        (cells.groups, cells.inactivity) = (Vec::new(), None);
        let mut sessions: Vec<_> = self.sessions.iter().take(1).cloned().collect();
        for session in &mut sessions {
            let trickle =
                Flow { rate_bps: TRICKLE_BPS, packet_octets: (200, 200), burst: None, volume: None };
            (session.uplink, session.downlink) = (trickle, trickle);
        }
        let mut load = vec![once(Procedure::Registration, Duration::ZERO)];
        if !sessions.is_empty() {
            load.push(once(Procedure::PduSession, SESSION_AT));
        }
        load.push(once(Procedure::Deregistration, LEAVES_AT));
        let mut charging = self.charging.clone();
        charging.faults = ChargingFaults::default();
        Some(Self {
            name: format!("{}-probe", self.name),
            subscribers: vec![one],
            cells,
            radio: RadioProfile {
                name: "probe".to_owned(),
                latency: Duration::ZERO,
                jitter: Duration::ZERO,
                loss: 0.0,
                capacity: None,
                ..self.radio
            },
            sessions,
            mobility: Mobility::default(),
            conditions: Conditions::default(),
            load,
            search: None,
            slos: Vec::new(),
            guardrails: Vec::new(),
            expect: Expectation::default(),
            network: core,
            charging,
            drain: DRAIN,
            ..self.clone()
        })
    }
}

/// One attempt, within a tenth of a second.
fn once(procedure: Procedure, starts_after: Duration) -> Load {
    let shape = Shape::Constant { rate_per_s: 10.0, for_: Duration::from_millis(100) };
    Load {
        procedure,
        arrivals: Arrivals::Uniform,
        starts_after,
        phases: vec![Phase { name: None, shape, stretch: false }],
        repeat: None,
    }
}

/// Bits a second, each way: some packets while the session is there.
const TRICKLE_BPS: u64 = 16_000;
/// A registration takes no longer where a core is well.
const SESSION_AT: Duration = Duration::from_millis(1_000);
/// Uplink and downlink have had some two seconds.
const LEAVES_AT: Duration = Duration::from_millis(3_500);
const DRAIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Plan, catalogue};

    #[test]
    fn every_scenario_of_the_catalogue_has_a_life_of_one_subscriber_that_can_be_played() {
        for entry in catalogue() {
            let scenario = Scenario::load(entry.name, &[]).unwrap();
            let probe = scenario.of_one_subscriber().unwrap();
            let subscriber = probe.subscriber(0).unwrap();
            let same = (0..scenario.subscriber_count())
                .find_map(|index| scenario.subscriber(index).filter(|one| one.imsi == subscriber.imsi));
            let same = same.unwrap();
            assert_eq!(
                (same.k, same.opc),
                (subscriber.k, subscriber.opc),
                "{}: its keys are its own",
                entry.name
            );
            let again = Scenario::from_yaml(&probe.to_yaml(), "probe").unwrap();
            assert_eq!(
                again.load.iter().map(Load::planned).sum::<u64>(),
                probe.load.len() as u64,
                "{}",
                entry.name
            );
            let plan = Plan::new(Arc::new(again), 1, 1).unwrap();
            assert_eq!(plan.shards(), 1, "{}", entry.name);
            let gnb = &plan.shard(0).nodes[0];
            let real = Plan::new(Arc::new(scenario.clone()), 1, 1).unwrap();
            let gnbs: Vec<_> = (0..real.shards()).flat_map(|shard| real.shard(shard).nodes).collect();
            let alike = gnbs
                .iter()
                .any(|one| one.node_id == gnb.node_id && one.plmn == gnb.plmn && one.tac == gnb.tac);
            assert!(alike, "{}: {gnb:?} is none of {gnbs:?}", entry.name);
        }
    }
}
