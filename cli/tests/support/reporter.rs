//! Agents that play no UE and know what they reported: what a coordinator must come to, whatever happens to it.

#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billing::{ChargingId, Closing, Octets, UsageRecord};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use identity::SessionId;
use scenarios::{Plan, Scenario};
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{
    AgentHealth, Held, Hello, IntervalReport, Part, ProcedureInterval, Return, ToCoordinator,
};
use wire::{CoordinatorLink, Identity};

/// What all agents together have reported.
#[derive(Default)]
pub struct Truth {
    pub succeeded: u64,
    pub failed: u64,
    pub latencies: Option<Histogram<u64>>,
    /// SUPI and part of each usage record.
    pub usage: Vec<(String, u64)>,
    /// Times that an agent was let in.
    pub welcomed: u64,
    /// Leases received.
    pub leased: u64,
    /// How often an agent was let in again.
    pub returned: u64,
    /// Reports that were sent again.
    pub repeated: u64,
}

pub type Shared = Arc<Mutex<Truth>>;

/// When an agent does what a test waits for.
#[derive(Clone, Copy, PartialEq)]
pub enum Patience {
    /// At once.
    None,
    /// Ready only when it has returned once.
    ReadyWhenReturned,
}

struct Shard {
    lease: Lease,
    planned: u64,
    done: u64,
    reported_us: u64,
    sequence: u64,
    unacknowledged: VecDeque<IntervalReport>,
}

struct Agent {
    name: String,
    clock: Instant,
    token: [u8; 16],
    run: String,
    shards: BTreeMap<u32, Shard>,
    start: Option<(u64, u64)>,
    truth: Shared,
    random: u64,
    patience: Patience,
    finished: bool,
    /// How long the load of the scenario takes.
    length: Duration,
}

/// One agent from joining to the end of the run; it returns however often its coordinator dies.
pub async fn report(
    coordinator: String,
    identity: Identity,
    name: String,
    length: Duration,
    patience: Patience,
    truth: Shared,
) {
    let random =
        name.bytes().fold(7, |seed: u64, octet| seed.wrapping_mul(31).wrapping_add(u64::from(octet)));
    let mut agent = Agent {
        name,
        clock: Instant::now(),
        token: [0; 16],
        run: String::new(),
        shards: BTreeMap::new(),
        start: None,
        truth,
        random,
        patience,
        finished: false,
        length,
    };
    loop {
        let joined =
            tokio::time::timeout(Duration::from_secs(1), wire::join(&coordinator, &identity, agent.hello()));
        if let Ok(Ok(link)) = joined.await
            && agent.work(link).await
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Agent {
    fn now_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap() + 1_000_000_000
    }

    fn hello(&self) -> Hello {
        let part = if self.token == [0; 16] {
            Part::Agent
        } else {
            let held = self.shards.values().map(|shard| Held {
                shard: shard.lease.shard,
                epoch: shard.lease.epoch,
                unacknowledged: shard.unacknowledged.front().map_or(shard.sequence, |report| report.sequence),
                lapsed: false,
            });
            let (run, agent, token) = (self.run.clone(), self.name.clone(), self.token);
            Part::Returning(Box::new(Return {
                run,
                agent,
                token,
                held: held.collect(),
                losses: 0,
                paused_us: 0,
            }))
        };
        Hello {
            name: self.name.clone(),
            program: "test".to_owned(),
            workers: 1,
            agent_us: self.now_us(),
            part,
            mark: None,
            belongs: Default::default(),
        }
    }

    /// Until the link breaks; true when the run is over.
    async fn work(&mut self, link: CoordinatorLink) -> bool {
        let (mut sender, mut receiver) = link.split();
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        let mut says: Vec<ToCoordinator> = Vec::new();
        loop {
            tokio::select! {
                message = receiver.receive() => match message {
                    Ok(None) | Err(_) => return false,
                    Ok(Some(ToAgent::RunOver { .. })) => return true,
                    Ok(Some(message)) => self.hear(message, &mut says),
                },
                _ = ticks.tick() => self.tick(&mut says),
            }
            for said in says.drain(..) {
                if sender.send(&said).await.is_err() {
                    return false;
                }
            }
        }
    }

    fn hear(&mut self, message: ToAgent, says: &mut Vec<ToCoordinator>) {
        match message {
            ToAgent::Welcome(welcome) => {
                (self.name, self.token) = (welcome.agent, welcome.token);
                self.truth.lock().unwrap().welcomed += 1;
                if welcome.returned {
                    let mut truth = self.truth.lock().unwrap();
                    truth.returned += 1;
                    for shard in self.shards.values() {
                        truth.repeated += shard.unacknowledged.len() as u64;
                        let again = shard.unacknowledged.iter().cloned();
                        says.extend(again.map(|report| ToCoordinator::Report(Box::new(report))));
                    }
                    drop(truth);
                    self.patience = Patience::None;
                    if self.start.is_none() {
                        says.extend(self.shards.values().map(Shard::ready));
                    }
                    self.say_finished(says);
                }
            }
            ToAgent::Ping { sent_us } => says.push(ToCoordinator::Pong { sent_us, agent_us: self.now_us() }),
            ToAgent::Lease(lease) => {
                let scenario = Arc::new(Scenario::from_yaml(&lease.scenario, "lease").unwrap());
                let plan = Plan::with_shards(scenario, lease.seed, lease.shards).unwrap();
                let planned = plan.shard(lease.shard).planned().iter().sum();
                self.run = lease.run.clone();
                self.truth.lock().unwrap().leased += 1;
                let done = lease.resume_at.iter().sum();
                let shard = Shard {
                    lease: *lease,
                    planned,
                    done,
                    reported_us: 0,
                    sequence: 0,
                    unacknowledged: VecDeque::new(),
                };
                if self.patience == Patience::None {
                    says.push(shard.ready());
                }
                self.shards.insert(shard.lease.shard, shard);
            }
            ToAgent::Start { at_us, wall_us, .. } => self.start = Some((at_us, wall_us)),
            ToAgent::Ack { shard, sequence, .. } => {
                let shard = self.shards.get_mut(&shard).unwrap();
                shard.unacknowledged.retain(|report| report.sequence > sequence);
            }
            ToAgent::Revoke { shard, .. } => panic!("{} lost shard {shard}", self.name),
            ToAgent::Renew { .. } | ToAgent::Drain { .. } => {}
            other => panic!("not played by this agent: {other:?}"),
        }
    }

    fn tick(&mut self, says: &mut Vec<ToCoordinator>) {
        says.push(ToCoordinator::Alive { agent_us: self.now_us() });
        let Some((at_us, wall_us)) = self.start else { return };
        let Some(elapsed_us) = self.now_us().checked_sub(at_us) else { return };
        let share = (elapsed_us as f64 / self.length.as_micros() as f64).min(1.0);
        let numbers: Vec<u32> = self.shards.keys().copied().collect();
        for number in numbers {
            let shard = &self.shards[&number];
            let due = (shard.planned as f64 * share) as u64;
            if due > shard.done || (share >= 1.0 && shard.sequence == 0) {
                let report = self.make(number, due, elapsed_us, wall_us);
                says.push(ToCoordinator::Report(Box::new(report)));
            }
        }
        if !self.finished {
            let health = AgentHealth { at_us: elapsed_us, ues: 5, ..AgentHealth::default() };
            says.push(ToCoordinator::Health(Box::new(health)));
        }
        if share >= 1.0 && !self.finished {
            self.finished = true;
            self.say_finished(says);
        }
    }

    fn say_finished(&self, says: &mut Vec<ToCoordinator>) {
        if self.finished {
            says.extend(self.shards.values().map(|shard| ToCoordinator::Finished {
                shard: shard.lease.shard,
                epoch: shard.lease.epoch,
                last_sequence: shard.sequence - 1,
            }));
        }
    }

    /// What came due since the last report: nine of ten succeed, with latencies of all sizes.
    fn make(&mut self, number: u32, due: u64, to_us: u64, wall_us: u64) -> IntervalReport {
        let name = self.name.clone();
        let shard = self.shards.get_mut(&number).unwrap();
        let n = due - shard.done;
        let mut latencies = Vec::new();
        let mut failed = 0;
        for _ in 0..n {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = self.random >> 33;
            if drawn.is_multiple_of(10) {
                failed += 1;
            } else {
                latencies.push(1_000 + drawn % 7 * drawn % 300_000);
            }
        }
        let used = UsageRecord {
            charging_id: Some(ChargingId(number)),
            supi: format!("001010000{number:06}").parse().unwrap(),
            session: SessionId::new(1).unwrap(),
            serving: "001/01".parse().unwrap(),
            dnn: "internet".parse().unwrap(),
            sequence: u32::try_from(shard.sequence).unwrap(),
            opened_us: wall_us,
            from_us: wall_us + shard.reported_us,
            to_us: wall_us + to_us,
            uplink: Octets(n),
            downlink: Octets(n),
            downlink_lost: 0,
            closing: Closing::Released,
        };
        let succeeded = latencies.len() as u64;
        let mut truth = self.truth.lock().unwrap();
        truth.succeeded += succeeded;
        truth.failed += failed;
        truth.usage.push((format!("001010000{number:06}"), shard.sequence));
        let all = truth.latencies.get_or_insert_with(|| Histogram::new(3).unwrap());
        latencies.iter().for_each(|latency| all.record(*latency).unwrap());
        drop(truth);
        let octets = if succeeded == 0 { Vec::new() } else { v2(&histogram(&latencies)) };
        let report = IntervalReport {
            run: shard.lease.run.clone(),
            shard: number,
            epoch: shard.lease.epoch,
            sequence: shard.sequence,
            from_us: shard.reported_us,
            to_us,
            progress: vec![due],
            procedures: vec![ProcedureInterval {
                procedure: "registration".to_owned(),
                due: n,
                started: n,
                succeeded,
                failed: if failed > 0 { vec![(format!("seen-by-{name}"), failed)] } else { Vec::new() },
                latency_v2: octets.clone(),
                service_v2: octets,
                lateness_v2: if n == 0 { Vec::new() } else { v2(&histogram(&vec![20; n as usize])) },
                ..ProcedureInterval::default()
            }],
            usage: vec![used],
            ..IntervalReport::default()
        };
        (shard.done, shard.reported_us) = (due, to_us);
        shard.sequence += 1;
        shard.unacknowledged.push_back(report.clone());
        report
    }
}

impl Shard {
    fn ready(&self) -> ToCoordinator {
        ToCoordinator::Ready { shard: self.lease.shard, epoch: self.lease.epoch }
    }
}

fn histogram(latencies: &[u64]) -> Histogram<u32> {
    let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    latencies.iter().for_each(|latency| histogram.record(*latency).unwrap());
    histogram
}

fn v2(histogram: &Histogram<u32>) -> Vec<u8> {
    let mut octets = Vec::new();
    V2Serializer::new().serialize(histogram, &mut octets).unwrap();
    octets
}
