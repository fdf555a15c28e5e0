//! A run is its records: applied to a new core, with or without a checkpoint among them, they make the same state.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use coordinator::core::{Core, CoreSettings, Input, LinkId, Output, Record};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use proptest::prelude::*;
use scenarios::{Plan, Scenario};
use wire::to_agent::ToAgent;
use wire::to_coordinator::{
    AgentHealth, Hello, IntervalReport, Part, ProcedureInterval, Return, ToCoordinator,
};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, ms.
    Wait(u16),
    /// An agent reports so many more attempts of each of its shards, of which some fail.
    Report {
        agent: usize,
        more: u8,
        failed: u8,
        latency_us: u32,
    },
    /// An agent reports out of order.
    Ahead {
        agent: usize,
    },
    Health {
        agent: usize,
        resident: u32,
    },
    /// An agent's connection is lost, and it comes back.
    Return {
        agent: usize,
    },
    /// An agent's connection is lost for good.
    Vanish {
        agent: usize,
    },
    /// An agent wants to leave.
    Drain {
        agent: usize,
    },
    /// An agent gives up what it was asked to release.
    Released {
        agent: usize,
    },
    Pause,
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    let agent = 0usize..AGENTS;
    prop_oneof![
        6 => (1u16..900).prop_map(Step::Wait),
        6 => (agent.clone(), 0u8..6, 0u8..3, 1u32..3_000_000).prop_map(|(agent, more, failed, latency_us)| Step::Report { agent, more, failed: failed.min(more), latency_us }),
        1 => agent.clone().prop_map(|agent| Step::Ahead { agent }),
        2 => (agent.clone(), 1u32..100_000).prop_map(|(agent, resident)| Step::Health { agent, resident }),
        1 => agent.clone().prop_map(|agent| Step::Return { agent }),
        1 => agent.clone().prop_map(|agent| Step::Vanish { agent }),
        1 => agent.clone().prop_map(|agent| Step::Drain { agent }),
        2 => agent.prop_map(|agent| Step::Released { agent }),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
    ]
}

/// One end of a link: what an agent knows.
#[derive(Default)]
struct Agent {
    link: Option<LinkId>,
    name: String,
    token: [u8; 16],
    /// Epoch, next sequence and progress of each shard.
    shards: BTreeMap<u32, (u64, u64, u64)>,
    releasing: Vec<(u32, u64)>,
}

struct World {
    core: Core,
    now: Instant,
    wall: SystemTime,
    began: Instant,
    links: u64,
    agents: Vec<Agent>,
    records: Vec<Record>,
    planned: Vec<u64>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let plan = plan();
        let planned = (0..plan.shards()).map(|shard| plan.shard(shard).planned().iter().sum()).collect();
        let agents = (0..AGENTS).map(|_| Agent::default()).collect();
        Self { core: core(now, wall), now, wall, began: now, links: 0, agents, records: Vec::new(), planned }
    }

    fn handle(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.core.handle(input, self.now, self.wall);
            let Output { records, sends, .. } = self.core.take_output();
            self.records.extend(records);
            for (link, message) in sends {
                inputs.extend(self.hear(link, message));
            }
        }
    }

    /// An agent's answer.
    fn hear(&mut self, link: LinkId, message: ToAgent) -> Option<Input> {
        let agent_us = self.agent_us();
        let agent = self.agents.iter_mut().find(|agent| agent.link == Some(link))?;
        let answer = match message {
            ToAgent::Welcome(welcome) => {
                (agent.name, agent.token) = (welcome.agent, welcome.token);
                return None;
            }
            ToAgent::Ping { sent_us } => ToCoordinator::Pong { sent_us, agent_us },
            ToAgent::Lease(lease) => {
                agent.shards.insert(lease.shard, (lease.epoch, 0, lease.resume_at.iter().sum()));
                ToCoordinator::Ready { shard: lease.shard, epoch: lease.epoch }
            }
            ToAgent::Release { shard, epoch, .. } => {
                agent.releasing.push((shard, epoch));
                return None;
            }
            ToAgent::Revoke { shard, .. } => {
                agent.shards.remove(&shard);
                return None;
            }
            _ => return None,
        };
        Some(Input::Message { link, message: Box::new(answer) })
    }

    fn agent_us(&self) -> u64 {
        u64::try_from((self.now - self.began).as_micros()).unwrap() + 5_000_000
    }

    fn join(&mut self, agent: usize) {
        let link = LinkId(self.links);
        self.links += 1;
        let agent_us = self.agent_us();
        let known = &mut self.agents[agent];
        known.link = Some(link);
        let part = if known.name.is_empty() {
            Part::Agent
        } else {
            let (name, token) = (known.name.clone(), known.token);
            Part::Returning(Box::new(Return {
                run: "run".to_owned(),
                agent: name,
                token,
                held: Vec::new(),
                losses: 0,
                paused_us: 0,
            }))
        };
        let name = format!("agent-{agent}");
        let hello = Hello {
            name,
            program: "test".to_owned(),
            workers: 1,
            agent_us,
            part,
            mark: None,
            belongs: Default::default(),
        };
        let peer = "127.0.0.1:1".parse().unwrap();
        self.handle(Input::Joined { link, hello: Box::new(hello), peer });
    }

    fn say(&mut self, agent: usize, message: ToCoordinator) {
        if let Some(link) = self.agents[agent].link {
            self.handle(Input::Message { link, message: Box::new(message) });
        }
    }

    fn wait(&mut self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let slice = left.min(100);
            left -= slice;
            self.now += Duration::from_millis(slice);
            self.wall += Duration::from_millis(slice);
            for agent in 0..AGENTS {
                let agent_us = self.agent_us();
                self.say(agent, ToCoordinator::Alive { agent_us });
            }
            self.handle(Input::Tick);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait(ms) => self.wait(u64::from(ms)),
            Step::Report { agent, more, failed, latency_us } => self.report(agent, more, failed, latency_us),
            Step::Ahead { agent } => {
                if let Some((shard, (_, sequence, _))) = self.agents[agent].shards.iter_mut().next() {
                    *sequence += 1;
                    let shard = *shard;
                    self.report(agent, 0, 0, 1);
                    if let Some((_, sequence, _)) = self.agents[agent].shards.get_mut(&shard) {
                        // What was left out comes in the next step, and what came before it again.
                        *sequence -= 2;
                    }
                }
            }
            Step::Health { agent, resident } => {
                let (at_us, resident_octets) = (self.run_us(), u64::from(resident));
                let health = AgentHealth { at_us, resident_octets, ..AgentHealth::default() };
                self.say(agent, ToCoordinator::Health(Box::new(health)));
            }
            Step::Return { agent } => {
                self.gone(agent);
                self.join(agent);
            }
            Step::Vanish { agent } => self.gone(agent),
            Step::Drain { agent } => {
                self.say(agent, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None });
            }
            Step::Released { agent } => {
                for (shard, epoch) in std::mem::take(&mut self.agents[agent].releasing) {
                    let reports =
                        self.agents[agent].shards.remove(&shard).map_or(0, |(_, sequence, _)| sequence);
                    self.say(
                        agent,
                        ToCoordinator::Released { shard, epoch, reports, batches: 0, lapsed: false },
                    );
                }
            }
            Step::Pause => self.handle(Input::Pause),
            Step::Resume => self.handle(Input::Resume),
        }
    }

    fn gone(&mut self, agent: usize) {
        if let Some(link) = self.agents[agent].link.take() {
            self.handle(Input::Gone { link, why: "cut".to_owned() });
        }
    }

    fn run_us(&self) -> u64 {
        u64::try_from(self.core.progress().elapsed.as_micros()).unwrap()
    }

    fn report(&mut self, agent: usize, more: u8, failed: u8, latency_us: u32) {
        let to_us = self.run_us();
        let shards: Vec<u32> = self.agents[agent].shards.keys().copied().collect();
        for shard in shards {
            let planned = self.planned[shard as usize];
            let (epoch, sequence, progress) = self.agents[agent].shards[&shard];
            let n = u64::from(more).min(planned.saturating_sub(progress));
            let failed = u64::from(failed).min(n);
            self.agents[agent].shards.insert(shard, (epoch, sequence + 1, progress + n));
            let octets = v2(u64::from(latency_us), n - failed);
            let procedure = ProcedureInterval {
                procedure: "registration".to_owned(),
                due: n,
                started: n,
                succeeded: n - failed,
                failed: vec![("congestion".to_owned(), failed)],
                latency_v2: octets.clone(),
                service_v2: octets,
                lateness_v2: v2(u64::from(latency_us), n),
                ..ProcedureInterval::default()
            };
            let report = IntervalReport {
                run: "run".to_owned(),
                shard,
                epoch,
                sequence,
                from_us: to_us,
                to_us,
                progress: vec![progress + n],
                procedures: vec![procedure],
                registered: 2,
                ..IntervalReport::default()
            };
            self.say(agent, ToCoordinator::Report(Box::new(report)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to a run, a restart finds it again: from all its records, and from a checkpoint and the rest.
    #[test]
    fn replayed_state_is_the_live_one(steps in prop::collection::vec(step(), 1..80), checkpoint in 0usize..80) {
        let mut world = World::new();
        (0..AGENTS).for_each(|agent| world.join(agent));
        world.wait(1_500);
        let mut stored = None;
        for (number, step) in steps.iter().enumerate() {
            if number == checkpoint {
                stored = Some((world.core.snapshot().unwrap(), world.records.len()));
            }
            world.step(step);
        }
        let live = world.core.snapshot().unwrap();
        let mut replayed = core(world.began, world.wall);
        world.records.iter().for_each(|record| replayed.apply(record));
        prop_assert!(replayed.snapshot().unwrap() == live, "replayed from {} records", world.records.len());
        if let Some((octets, records)) = stored {
            let mut resumed = core(world.began, world.wall);
            resumed.restore(&octets).unwrap();
            world.records[records..].iter().for_each(|record| resumed.apply(record));
            prop_assert!(resumed.snapshot().unwrap() == live, "resumed at record {} of {}", records, world.records.len());
        }
        // Records survive their encoding.
        let octets = postcard::to_stdvec(&world.records).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Vec<Record>>(&octets).unwrap(), world.records);
    }
}

#[test]
fn state_of_another_plan_is_refused_and_changes_nothing() {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let small = Plan::with_shards(Arc::clone(plan().scenario()), 7, 1).unwrap();
    let small = Core::new(CoreSettings::new("run", "memory://amf"), small, [0; 32], now, wall);
    let mut core = core(now, wall);
    let before = core.snapshot().unwrap();
    let refused = core.restore(&small.snapshot().unwrap()).unwrap_err().to_string();
    assert!(refused.contains("shards"), "{refused}");
    assert!(core.restore(&before[..before.len() / 2]).is_err());
    assert_eq!(core.snapshot().unwrap(), before);
}

fn core(now: Instant, wall: SystemTime) -> Core {
    let settings = CoreSettings {
        agents_wanted: AGENTS,
        lease: Duration::from_secs(2),
        ..CoreSettings::new("run", "memory://amf")
    };
    Core::new(settings, plan(), [7; 32], now, wall)
}

fn plan() -> Plan {
    Plan::with_shards(Arc::new(Scenario::from_yaml(SCENARIO, "test.yaml").unwrap()), 7, 4).unwrap()
}

fn v2(value: u64, n: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    if n > 0 {
        let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
        histogram.record_n(value, u32::try_from(n).unwrap()).unwrap();
        V2Serializer::new().serialize(&histogram, &mut octets).unwrap();
    }
    octets
}

const AGENTS: usize = 3;
const SCENARIO: &str = r#"
name: replay-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 400, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 20/s, for: 20s}]}
guardrails:
  - {abort-when: registration.success < 50%, for: 3s}
"#;
