//! A whole shard against the simulator's AMF on a virtual clock, over a network that loses, doubles, delays, reorders and
//! mutates messages. Nothing panics, every attempt ends once, and the account balances.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner};
use oracles::{Kind, assert_pycrate_decodes};
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use scenarios::{Plan, Scenario};
use sctp::NGAP_PPID;
use sctp::memory::{Conditions, Network, Packet};
use simulator::{AmfAction, AmfEvent, ControlPlane};
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, TracePolicy};
use wire::to_coordinator::ProcedureInterval;

const AMF: u32 = 0;
const STREAMS: u16 = 8;

/// The shard, the AMF and what lies between them, in virtual time.
struct World {
    now: Instant,
    shard: ShardRunner,
    amf: ControlPlane,
    network: Network,
    mutation: f64,
    rng: SmallRng,
    shard_actions: Vec<ShardAction>,
    amf_actions: Vec<AmfAction>,
    ready: bool,
    totals: BTreeMap<String, Totals>,
    /// Every message either end sent, when they are kept.
    said: Option<BTreeSet<Vec<u8>>>,
}

#[derive(Debug, Default, PartialEq)]
struct Totals {
    due: u64,
    self_started: u64,
    started: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    abandoned: u64,
    never_started: u64,
}

impl World {
    fn new(plan: &Plan, seed: u64) -> Self {
        let lease = Lease {
            run: "test".into(),
            scenario: String::new(),
            seed,
            shard: 0,
            shards: plan.shards(),
            epoch: 1,
            asked_us: 0,
            valid_us: 30_000_000,
            target: "memory://amf".into(),
            resume_at: Vec::new(),
            trace: TracePolicy::Failed,
            key: [7; 32],
            takeover: None,
            rows: RowsWanted::default(),
            trace_id: [0; 16],
        };
        let scenario = Arc::clone(plan.scenario());
        Self {
            now: Instant::now(),
            shard: ShardRunner::new(plan, &lease, None),
            amf: ControlPlane::new(
                simulator::scenario::settings(&scenario, seed),
                Box::new(simulator::scenario::ScenarioSubscribers(scenario)),
            ),
            network: Network::new(seed, Conditions::default()),
            mutation: 0.0,
            rng: SmallRng::seed_from_u64(seed),
            shard_actions: Vec::new(),
            amf_actions: Vec::new(),
            ready: false,
            totals: BTreeMap::new(),
            said: None,
        }
    }

    /// Sets every gNB up over a good network.
    fn prepare(&mut self) {
        self.shard.prepare(&mut self.shard_actions);
        self.carry_out();
        for _ in 0..1000 {
            if self.ready {
                return;
            }
            self.step();
        }
        panic!("the gNBs were not set up");
    }

    fn carry_out(&mut self) {
        while !self.shard_actions.is_empty() || !self.amf_actions.is_empty() {
            for action in std::mem::take(&mut self.shard_actions) {
                match action {
                    ShardAction::Connect { gnb } => {
                        let event =
                            AmfEvent::AssociationUp { association: u32::from(gnb) + 1, streams_out: STREAMS };
                        self.amf.handle(self.now, event, &mut self.amf_actions);
                        self.shard.association_up(gnb, STREAMS, None, self.now, &mut self.shard_actions);
                    }
                    ShardAction::Send { gnb, stream, octets, ticket, .. } => {
                        self.shard.departed(ticket, self.now);
                        self.send(u32::from(gnb) + 1, AMF, stream, octets)
                    }
                    ShardAction::SendGtpu { .. } => {}
                    ShardAction::Ready => self.ready = true,
                    ShardAction::CannotPrepare(error) => panic!("cannot prepare: {error}"),
                    ShardAction::Ask { .. } | ShardAction::Answer(_) => panic!("there is one shard"),
                    ShardAction::Waits(why) => panic!("the core makes it wait: {why}"),
                }
            }
            for action in std::mem::take(&mut self.amf_actions) {
                match action {
                    AmfAction::Send { association, stream, octets } => {
                        self.send(AMF, association, stream, octets)
                    }
                    AmfAction::Close { .. } => {}
                }
            }
        }
    }

    fn send(&mut self, from: u32, to: u32, stream: u16, mut payload: Vec<u8>) {
        if let Some(said) = &mut self.said {
            said.insert(payload.clone());
        }
        if self.mutation > 0.0 && self.rng.random_bool(self.mutation) && !payload.is_empty() {
            let at = self.rng.random_range(0..payload.len());
            payload[at] ^= 1 << self.rng.random_range(0..8);
        }
        self.network.send(self.now, Packet { from, to, stream, ppid: NGAP_PPID, payload });
    }

    /// Goes to the next instant at which something happens.
    fn step(&mut self) {
        let deadlines = [self.shard.next_deadline(), self.amf.next_deadline(), self.network.next_deadline()];
        let next = deadlines.into_iter().flatten().min().unwrap_or(self.now + Duration::from_millis(100));
        self.now = next.clamp(self.now, self.now + Duration::from_millis(100));
        while let Some(packet) = self.network.receive(self.now) {
            if packet.to == AMF {
                let event = AmfEvent::Received {
                    association: packet.from,
                    stream: packet.stream,
                    octets: &packet.payload,
                };
                self.amf.handle(self.now, event, &mut self.amf_actions);
            } else {
                let gnb = u16::try_from(packet.to - 1).unwrap();
                self.shard.received(
                    gnb,
                    packet.stream,
                    packet.ppid,
                    packet.payload,
                    self.now,
                    &mut self.shard_actions,
                );
            }
            self.carry_out();
        }
        self.shard.advance(self.now, &mut self.shard_actions);
        self.amf.advance(self.now, &mut self.amf_actions);
        self.carry_out();
    }

    /// Runs the whole schedule, in reports of one second, until the shard is finished.
    fn run(&mut self) {
        self.shard.start(self.now, 1_800_000_000_000_000);
        let start = self.now;
        let mut report_at = self.now + Duration::from_secs(1);
        while !self.shard.is_finished(self.now) {
            self.step();
            if self.now >= report_at {
                self.report();
                report_at += Duration::from_secs(1);
            }
            assert!(self.now < start + Duration::from_secs(600), "the shard does not finish");
        }
        self.report();
    }

    fn report(&mut self) {
        let report = self.shard.report(self.now).unwrap();
        for ProcedureInterval {
            procedure,
            due,
            self_started,
            started,
            succeeded,
            failed,
            timed_out,
            abandoned,
            never_started,
            ..
        } in report.procedures
        {
            let sum = |list: &[(String, u64)]| list.iter().map(|(_, count)| count).sum::<u64>();
            let totals = self.totals.entry(procedure).or_default();
            totals.due += due;
            totals.self_started += self_started;
            totals.started += started;
            totals.succeeded += succeeded;
            totals.failed += sum(&failed);
            totals.timed_out += sum(&timed_out);
            totals.abandoned += sum(&abandoned);
            totals.never_started += sum(&never_started);
        }
        let traces = self.shard.take_traces();
        assert!(
            traces
                .iter()
                .filter(|trace| !trace.imsi.is_empty())
                .all(|trace| trace.failed || trace.is_only_slow())
        );
    }

    fn assert_balanced(&self, plan: &Plan) {
        for (procedure, totals) in &self.totals {
            let ended = totals.succeeded + totals.failed + totals.timed_out + totals.abandoned;
            assert_eq!(totals.started, ended, "{procedure}: every attempt ends once: {totals:?}");
            assert_eq!(totals.due, ended + totals.never_started, "{procedure}: {totals:?}");
        }
        for (procedure, planned) in plan.planned() {
            let due = self.totals.get(procedure.name()).map_or(0, |totals| totals.due - totals.self_started);
            assert_eq!(due, planned, "{}: everything planned became due", procedure.name());
        }
    }
}

fn plan(retry: &str, radio: &str, seed: u64) -> Plan {
    plan_with(retry, radio, seed, "2, 1, 3, 0")
}

fn plan_with(retry: &str, radio: &str, seed: u64, ciphering: &str) -> Plan {
    let yaml = format!(
        r#"
name: hostile
description: Everything at once over a bad network.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: 40, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: 1, cells-per-node: 2, tacs: [1], slices: ["1"], inactivity: 2s}}
nas: {{nr: {{ciphering: [{ciphering}], integrity: [2, 1, 3], retry: {retry}}}}}
radio: {radio}
load:
  - {{procedure: registration, arrivals: poisson, phases: [{{rate: 10/s, for: 6s}}]}}
  - {{procedure: service-request, starts-after: 2s, phases: [{{rate: 3/s, for: 5s}}]}}
  - {{procedure: mobility-registration-update, starts-after: 2s, phases: [{{rate: 3/s, for: 5s}}]}}
  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 2/s, for: 5s}}]}}
  - {{procedure: deregistration, starts-after: 3s, phases: [{{rate: 4/s, for: 5s}}]}}
slos: [registration.success >= 1%]
network: {{processing-delay: 1ms, nr: {{release-after-registration: true}}}}
"#
    );
    Plan::with_shards(Arc::new(Scenario::from_yaml(&yaml, "hostile.yaml").unwrap()), seed, 1).unwrap()
}

#[test]
fn a_good_network_lets_every_attempt_that_starts_succeed() {
    let plan = plan("never", "ideal", 7);
    let mut world = World::new(&plan, 7);
    world.prepare();
    world.run();
    world.assert_balanced(&plan);
    for (procedure, totals) in &world.totals {
        assert_eq!(totals.started, totals.succeeded, "{procedure}: {totals:?}");
        assert!(totals.succeeded > 0, "{procedure}: {totals:?}");
    }
}

/// An implementation that is not ours reads everything that either end says, NAS included: the cipher is NEA0.
#[test]
fn pycrate_reads_every_message_of_both_ends() {
    let plan = plan_with("never", "ideal", 3, "0");
    let mut world = World::new(&plan, 3);
    world.said = Some(BTreeSet::new());
    world.prepare();
    world.run();
    let said = world.said.take().unwrap();
    assert!(said.len() > 300, "{} messages", said.len());
    assert_pycrate_decodes(said.iter().map(|octets| (Kind::Ngap, octets)));
}

#[test]
fn the_same_seed_gives_the_same_account() {
    let account = || {
        let plan = plan("as-specified", "urban", 11);
        let mut world = World::new(&plan, 11);
        world.prepare();
        world.network.set_conditions(Conditions { loss: 0.05, duplicate: 0.05, ..Conditions::default() });
        world.run();
        world.totals
    };
    assert_eq!(account(), account());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever the network does, every attempt ends exactly once and the account balances.
    #[test]
    fn a_hostile_network_never_unbalances_the_account(
        seed in any::<u64>(),
        retry in prop_oneof![Just("never"), Just("as-specified")],
        loss in 0.0..0.4f64,
        duplicate in 0.0..0.3f64,
        reorder in 0.0..0.5f64,
        mutation in prop_oneof![Just(0.0), 0.0..0.2f64],
        delay_max_ms in 1u64..8000,
    ) {
        let plan = plan(retry, "urban", seed);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let delay_max = Duration::from_millis(delay_max_ms);
        world.network.set_conditions(Conditions { loss, duplicate, reorder, delay_min: Duration::ZERO, delay_max });
        world.mutation = mutation;
        world.run();
        world.assert_balanced(&plan);
    }
}
