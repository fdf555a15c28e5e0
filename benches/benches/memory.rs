//! What a registered idle UE costs an agent: a million of them in one process, registered by the real procedure, then measured
//! by what the process has resident. Not a bench of time: `cargo bench -p benches --bench memory`.
//!
//! `UES=100000` for another number. Every shard registers against a core of its own, which is dropped again: what is
//! left is the agent's.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{ShardAction, ShardRunner, UserPlaneEnd};
use scenarios::{Plan, Scenario};
use simulator::{AmfAction, AmfEvent, Core, Moment, Output};
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, TracePolicy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CORE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 2, 0, 1));
const SHARDS: u32 = 64;

fn main() {
    let ues: u64 = std::env::var("UES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let yaml = format!(
        r#"
name: idle
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: {ues}, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", suci: null-scheme}}
cells: {{nodes: {SHARDS}, cells-per-node: 3, slices: ["1"]}}
load:
  - {{procedure: registration, phases: [{{rate: {rate}/s, for: 10s}}]}}
  - {{procedure: service-request, starts-after: 12s, phases: [{{rate: 100/s, for: 10s}}]}}
slos: [registration.success >= 1%]
network: {{processing-delay: 0ms, nr: {{release-after-registration: true}}}}
"#,
        rate = ues.div_ceil(10),
    );
    let scenario = Arc::new(Scenario::from_yaml(&yaml, "idle.yaml").unwrap());
    let plan = Plan::with_shards(Arc::clone(&scenario), 1, SHARDS).unwrap();
    let before = resident();
    let began = Instant::now();
    let shards: Vec<ShardRunner> = (0..SHARDS).map(|number| registered(&plan, number)).collect();
    let count: u64 = shards.iter().map(ShardRunner::ues).sum();
    let held: u64 = shards.iter().map(ShardRunner::ue_octets).sum();
    let resident = resident().saturating_sub(before);
    println!(
        "{count} registered idle UEs in {:.0} s: {} octets resident for each ({} MiB together), {} by the agent's own count",
        began.elapsed().as_secs_f64(),
        resident / count,
        resident >> 20,
        held / count,
    );
    assert!(held / count <= 1024, "a registered idle UE takes more than 1 KiB");
    // With few UEs what the allocator keeps of the dropped cores is most of it.
    assert!(count < 1_000_000 || resident <= 2 << 30, "a million registered idle UEs take more than 2 GiB");
}

/// A shard whose subscribers have all registered, and are idle.
fn registered(plan: &Plan, number: u32) -> ShardRunner {
    let lease = Lease {
        run: "memory".into(),
        scenario: String::new(),
        seed: 1,
        shard: number,
        shards: SHARDS,
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
    let end =
        UserPlaneEnd { address: Ipv4Addr::LOCALHOST.into(), slot: 1, key: identity::TeidKey::of_seed(1) };
    let mut shard = ShardRunner::new(plan, &lease, Some(end));
    let mut core = Core::of(plan.scenario(), 1, CORE);
    let (start, mut actions) = (Instant::now(), Vec::new());
    shard.prepare(&mut actions);
    let mut network = Network { core: &mut core, start };
    network.carry_out(&mut shard, &mut actions, start);
    shard.start(start, 1_800_000_000_000_000);
    let mut now = start;
    let over = start + Duration::from_secs(11);
    while now < over {
        now += Duration::from_millis(5);
        while shard.next_deadline().is_some_and(|at| at <= now) {
            shard.advance(now, &mut actions);
            network.carry_out(&mut shard, &mut actions, now);
        }
        network.advance(&mut shard, &mut actions, now);
        // As an agent does every second: what is not worth keeping is forgotten.
        drop(shard.take_traces());
    }
    let report = shard.report(now).unwrap();
    assert_eq!(report.registered, shard.ues(), "all are registered: {:?}", report.unexpected);
    shard
}

struct Network<'a> {
    core: &'a mut Core,
    start: Instant,
}

impl Network<'_> {
    fn moment(&self, now: Instant) -> Moment {
        let us = now.saturating_duration_since(self.start).as_micros();
        Moment { now, wall_us: 1_800_000_000_000_000 + u64::try_from(us).unwrap() }
    }

    /// Carries messages to and fro until nobody has anything to say.
    fn carry_out(&mut self, shard: &mut ShardRunner, actions: &mut Vec<ShardAction>, now: Instant) {
        while !actions.is_empty() {
            let mut out = Output::default();
            for action in std::mem::take(actions) {
                let moment = self.moment(now);
                match action {
                    ShardAction::Connect { gnb } => {
                        let association = u32::from(gnb) + 1;
                        let event = AmfEvent::AssociationUp { association, streams_out: 8 };
                        self.core.handle(moment, event, &mut out);
                        shard.association_up(gnb, 8, None, now, actions);
                    }
                    ShardAction::Send { gnb, stream, octets, ticket, .. } => {
                        shard.departed(ticket, now);
                        let association = u32::from(gnb) + 1;
                        let event = AmfEvent::Received { association, stream, octets: &octets };
                        self.core.handle(moment, event, &mut out);
                    }
                    _ => {}
                }
            }
            deliver(out, shard, actions, now);
        }
    }

    fn advance(&mut self, shard: &mut ShardRunner, actions: &mut Vec<ShardAction>, now: Instant) {
        let mut out = Output::default();
        self.core.advance(self.moment(now), &mut out);
        deliver(out, shard, actions, now);
        self.carry_out(shard, actions, now);
    }
}

fn deliver(out: Output, shard: &mut ShardRunner, actions: &mut Vec<ShardAction>, now: Instant) {
    for action in out.signalling {
        if let AmfAction::Send { association, stream, octets } = action {
            let gnb = u16::try_from(association - 1).unwrap();
            shard.received(gnb, stream, sctp::NGAP_PPID, octets, now, actions);
        }
    }
}

/// Octets of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * u64::try_from(rustix::param::page_size()).unwrap()
}
