//! A model of everything around a holder, and everything that happens to it, in any order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use agent::holder::{Command, Holder, HolderSettings, Input, Notice, Order, Output, ReportId};
use proptest::prelude::*;
use wire::to_agent::ToAgent;
use wire::to_coordinator::{IntervalReport, Part, ToCoordinator};

use crate::{lease, renew, report, welcome};

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Grant(u32),
    Release(u32),
    Revoke(u32),
    WorkerReports(u32),
    WorkerFinishes(u32),
    /// One message arrives at the coordinator.
    Arrive,
    /// One message arrives at the agent.
    Receive,
    Cut,
    Connect,
    DiskWorks(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let shard = 0u32..3;
    prop_oneof![
        2 => (1u64..2000).prop_map(Step::Pass),
        2 => shard.clone().prop_map(Step::Grant),
        1 => shard.clone().prop_map(Step::Release),
        1 => shard.clone().prop_map(Step::Revoke),
        8 => shard.clone().prop_map(Step::WorkerReports),
        1 => shard.prop_map(Step::WorkerFinishes),
        8 => Just(Step::Arrive),
        8 => Just(Step::Receive),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
        3 => any::<bool>().prop_map(Step::DiskWorks),
    ]
}

/// A holder with a coordinator that merges, workers that do as they are asked, and a disk.
struct World {
    holder: Holder,
    now: Instant,
    base: Instant,
    up: VecDeque<ToCoordinator>,
    down: VecDeque<ToAgent>,
    connected: bool,
    /// The coordinator: the lease of each shard, if it has one, and the last epoch.
    epochs: BTreeMap<u32, u64>,
    current: BTreeMap<u32, u64>,
    /// The next report of each lease.
    merged: BTreeMap<(u32, u64), u64>,
    refused: BTreeSet<(u32, u64)>,
    /// The workers: running shards with the end of their leases, and whether they are to settle.
    running: BTreeMap<(u32, u64), (Instant, bool)>,
    made: BTreeMap<(u32, u64), u64>,
    ended: BTreeSet<(u32, u64)>,
    /// What the agent has heard.
    acknowledged: BTreeSet<ReportId>,
    fenced: BTreeMap<u32, u64>,
    disk: BTreeMap<ReportId, Box<IntervalReport>>,
    waiting: VecDeque<Output>,
    disk_works: bool,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let settings =
            HolderSettings { memory: 200, disk: 1 << 20, window: 100, workers: 2, ..Default::default() };
        Self {
            holder: Holder::new(settings, now),
            now,
            base: now,
            up: VecDeque::new(),
            down: VecDeque::new(),
            connected: false,
            epochs: BTreeMap::new(),
            current: BTreeMap::new(),
            merged: BTreeMap::new(),
            refused: BTreeSet::new(),
            running: BTreeMap::new(),
            made: BTreeMap::new(),
            ended: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            fenced: BTreeMap::new(),
            disk: BTreeMap::new(),
            waiting: VecDeque::new(),
            disk_works: true,
        }
    }

    fn us(&self) -> u64 {
        (self.now - self.base).as_micros().try_into().unwrap()
    }

    fn put(&mut self, input: Input) {
        let mut out = Vec::new();
        self.holder.handle(input, self.now, &mut out);
        for output in out {
            match output {
                Output::Send(message) => self.sent(message),
                Output::Tell { command, .. } => self.handle(command),
                Output::Forget(id) => assert!(self.disk.remove(&id).is_some(), "{id:?} is not on disk"),
                other => self.waiting.push_back(other),
            }
        }
    }

    fn sent(&mut self, message: ToCoordinator) {
        assert!(self.connected, "sent without a connection: {message:?}");
        let lease = match &message {
            ToCoordinator::Report(report) => {
                let id = ReportId { shard: report.shard, epoch: report.epoch, sequence: report.sequence };
                assert!(!self.acknowledged.contains(&id), "{id:?} was sent after its acknowledgement");
                Some((report.shard, report.epoch))
            }
            ToCoordinator::Ready { shard, epoch }
            | ToCoordinator::Finished { shard, epoch, .. }
            | ToCoordinator::Released { shard, epoch, .. } => Some((*shard, *epoch)),
            _ => None,
        };
        if let Some((shard, epoch)) = lease {
            let fence = self.fenced.get(&shard).copied().unwrap_or(0);
            assert!(epoch > fence, "sent under the old epoch {epoch} of {shard}: {message:?}");
        }
        self.up.push_back(message);
    }

    fn handle(&mut self, Command { shard, epoch, order }: Command) {
        let key = (shard, epoch);
        match order {
            Order::Take { until, .. } => {
                assert!(self.made.insert(key, 0).is_none(), "{key:?} is taken twice");
                let others = self.running.keys().filter(|(other, _)| *other == shard).count();
                assert_eq!(others, 0, "{shard} runs already");
                self.running.insert(key, (until, false));
            }
            Order::Renew { until } => {
                let Some((end, _)) = self.running.get_mut(&key) else { return };
                assert!(*end > self.now, "renewed after its end");
                *end = until;
            }
            Order::Release { .. } => {
                if let Some((_, settling)) = self.running.get_mut(&key) {
                    *settling = true;
                }
            }
            Order::Revoke => {
                self.running.remove(&key);
                self.refused.insert(key);
            }
            _ => {}
        }
    }

    /// Workers give up what has lapsed, and end what is to be released.
    fn work(&mut self) {
        let ending = self.running.iter().filter(|(_, (end, settling))| *settling || *end <= self.now);
        let ending: Vec<_> = ending.map(|(&key, &(end, _))| (key, end <= self.now)).collect();
        for ((shard, epoch), lapsed) in ending {
            self.report(shard, epoch);
            self.running.remove(&(shard, epoch));
            self.put(Input::Notice(Notice::Released { shard, epoch, lapsed }));
        }
    }

    fn report(&mut self, shard: u32, epoch: u64) {
        *self.made.get_mut(&(shard, epoch)).unwrap() += 1;
        self.put(Input::Notice(Notice::Report(report(shard, epoch))));
    }

    fn running_lease(&self, shard: u32) -> Option<(u32, u64)> {
        self.running.keys().copied().find(|(running, _)| *running == shard)
    }

    fn arrive(&mut self) {
        match self.up.pop_front() {
            Some(ToCoordinator::Report(report)) => {
                let (shard, epoch, sequence) = (report.shard, report.epoch, report.sequence);
                if self.epochs.get(&shard) != Some(&epoch) || !self.current.contains_key(&shard) {
                    return self.down.push_back(ToAgent::Revoke { shard, epoch });
                }
                let next = self.merged.entry((shard, epoch)).or_default();
                assert!(sequence <= *next, "a gap before {sequence} of {shard}, {next} was expected");
                *next = (*next).max(sequence + 1);
                self.down.push_back(ToAgent::Ack { shard, epoch, sequence });
            }
            Some(ToCoordinator::Finished { shard, epoch, last_sequence })
                if self.is_current(shard, epoch) =>
            {
                let merged = self.merged.get(&(shard, epoch)).copied().unwrap_or(0);
                assert_eq!(merged.max(1), last_sequence + 1, "merged, and said to be the last");
                self.ended.insert((shard, epoch));
            }
            Some(ToCoordinator::Released { shard, epoch, reports, .. }) if self.is_current(shard, epoch) => {
                assert_eq!(self.merged.get(&(shard, epoch)).copied().unwrap_or(0), reports);
                self.ended.insert((shard, epoch));
            }
            Some(ToCoordinator::Alive { agent_us }) => {
                let leases = self.current.iter().map(|(&shard, &epoch)| (shard, epoch)).collect();
                self.down.push_back(renew(agent_us, leases));
            }
            _ => {}
        }
    }

    fn is_current(&self, shard: u32, epoch: u64) -> bool {
        self.current.get(&shard) == Some(&epoch)
    }

    fn receive(&mut self) {
        let Some(message) = self.down.pop_front() else { return };
        match &message {
            ToAgent::Ack { shard, epoch, sequence } => {
                let id = ReportId { shard: *shard, epoch: *epoch, sequence: *sequence };
                self.acknowledged.insert(id);
            }
            ToAgent::Revoke { shard, epoch } => {
                let fence = self.fenced.entry(*shard).or_default();
                *fence = (*fence).max(*epoch);
            }
            ToAgent::Lease(lease) => {
                let fence = self.fenced.entry(lease.shard).or_default();
                *fence = (*fence).max(lease.epoch - 1);
            }
            _ => {}
        }
        self.put(Input::Message(message));
    }

    fn disk(&mut self, works: bool) {
        let input = match self.waiting.pop_front() {
            Some(Output::Spool { id, report }) if works => {
                self.disk.insert(id, report);
                Input::Spooled { id, returned: None }
            }
            Some(Output::Spool { id, report }) => Input::Spooled { id, returned: Some(report) },
            Some(Output::Fetch(id)) => Input::Fetched { id, report: self.disk.get(&id).cloned() },
            _ => return,
        };
        self.put(input);
    }

    fn cut(&mut self) {
        if std::mem::take(&mut self.connected) {
            self.up.clear();
            self.down.clear();
            self.put(Input::Disconnected);
        }
    }

    fn connect(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        let hello = self.holder.hello(self.now);
        let returned = matches!(hello.part, Part::Returning(_));
        let mut lost = Vec::new();
        if let Part::Returning(back) = hello.part {
            lost = back
                .held
                .into_iter()
                .filter(|held| self.current.get(&held.shard) != Some(&held.epoch))
                .collect();
        }
        self.put(Input::Connected(welcome(returned)));
        let revoked = lost.iter().map(|held| ToAgent::Revoke { shard: held.shard, epoch: held.epoch });
        self.down.extend(revoked);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.work();
                self.put(Input::Tick);
            }
            Step::Grant(shard) => {
                // What was granted before is void.
                let epoch = self.epochs.get(&shard).copied().unwrap_or(0) + 1;
                if self.connected {
                    self.epochs.insert(shard, epoch);
                    self.current.insert(shard, epoch);
                    self.down.push_back(ToAgent::Lease(lease(shard, epoch, self.us())));
                }
            }
            Step::Release(shard) => {
                if let Some(&epoch) = self.current.get(&shard).filter(|_| self.connected) {
                    self.down.push_back(ToAgent::Release { shard, epoch, settle_us: 0 });
                }
            }
            Step::Revoke(shard) => {
                if let Some(epoch) = self.current.remove(&shard) {
                    self.down.push_back(ToAgent::Revoke { shard, epoch });
                }
            }
            Step::WorkerReports(shard) => {
                if let Some((shard, epoch)) = self.running_lease(shard) {
                    self.report(shard, epoch);
                }
            }
            Step::WorkerFinishes(shard) => {
                if let Some((shard, epoch)) = self.running_lease(shard) {
                    self.report(shard, epoch);
                    self.running.remove(&(shard, epoch));
                    self.put(Input::Notice(Notice::Finished { shard, epoch }));
                }
            }
            Step::Arrive => self.arrive(),
            Step::Receive => self.receive(),
            Step::Cut => self.cut(),
            Step::Connect => self.connect(),
            Step::DiskWorks(works) => self.disk(works && self.disk_works),
        }
        self.work();
    }

    /// Everything works from now on, and every shard is ended.
    fn settle(&mut self) {
        self.connect();
        for shard in 0..3 {
            self.step(&Step::WorkerFinishes(shard));
        }
        for _ in 0..2000 {
            self.disk(true);
            self.arrive();
            self.receive();
            self.work();
            if self.up.is_empty() && self.down.is_empty() && self.waiting.is_empty() {
                self.now += Duration::from_millis(1500);
                self.put(Input::Tick);
                for shard in 0..3 {
                    self.step(&Step::WorkerFinishes(shard));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// No report is forgotten before it is acknowledged, none is sent after, each arrives in order; nothing is said of a
    /// lease that was revoked or is superseded; every lease that still counts is accounted for to its last report.
    #[test]
    fn every_report_of_a_lease_that_counts_arrives_once_in_order(steps in prop::collection::vec(any_step(), 0..200)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        let dropped = world.holder.reports_dropped();
        prop_assert!(dropped == 0 || steps.iter().any(|step| matches!(step, Step::DiskWorks(false))));
        prop_assert_eq!(world.holder.unacknowledged(), 0);
        prop_assert_eq!(world.holder.spooled_octets(), 0);
        prop_assert!(world.disk.is_empty());
        for (shard, epoch) in &world.current {
            let key = (*shard, *epoch);
            // A grant that was lost on its way is nothing.
            let Some(made) = world.made.get(&key) else { continue };
            let merged = world.merged.get(&key).copied().unwrap_or(0);
            prop_assert!(merged <= *made && *made <= merged + dropped, "{:?}: {} of {}", key, merged, made);
            prop_assert!(world.ended.contains(&key), "{:?} did not end", key);
        }
    }
}
