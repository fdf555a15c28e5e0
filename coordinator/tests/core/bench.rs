//! A core with agents that do what a test tells them, on a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use coordinator::core::{Close, Core, CoreSettings, Input, LinkId, MemoryStore, Store};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use scenarios::{Plan, Scenario};
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{Held, Hello, IntervalReport, Part, ProcedureInterval, Return, ToCoordinator};

/// 4 shards of 500 registrations each, 25 a second, for 20 s.
pub(crate) const SCENARIO: &str = r#"
name: core-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 2000, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 100/s, for: 20s}]}
"#;
pub(crate) const PLANNED: u64 = 2000;
pub(crate) const MOST_JOINS: usize = 50;
pub(crate) const LEASE: Duration = Duration::from_secs(4);

pub(crate) struct Bench {
    pub(crate) core: Core,
    scenario: &'static str,
    pub(crate) store: MemoryStore,
    pub(crate) now: Instant,
    /// What was sent on each link and not yet looked at.
    sent: BTreeMap<LinkId, Vec<ToAgent>>,
    pub(crate) closed: Vec<(LinkId, Close)>,
    agents: Vec<Agent>,
    began: Instant,
    links: u64,
}

/// One agent: it plays its shards exactly, and says that it lives, while it is `awake`.
#[derive(Default)]
pub(crate) struct Agent {
    pub(crate) link: Option<LinkId>,
    pub(crate) name: String,
    pub(crate) token: [u8; 16],
    pub(crate) shards: BTreeMap<u32, Playing>,
    /// The start of the run, on the bench's own clock, µs.
    pub(crate) start_us: Option<u64>,
    pub(crate) revoked: Vec<(u32, u64)>,
    pub(crate) lost: Vec<u32>,
    /// The numbers of those losses.
    pub(crate) losses: Vec<u64>,
    /// Roll-calls that it was asked in, and what each found.
    pub(crate) calls: Vec<u64>,
    pub(crate) found: Vec<(u32, u64, Vec<u32>)>,
    pub(crate) heard: Vec<ToAgent>,
    pub(crate) released: Vec<u32>,
    pub(crate) paused: bool,
    /// In all pauses that have ended.
    pub(crate) paused_us: u64,
    /// It cannot prepare any shard, for this reason, which is its own or not.
    pub(crate) cannot: Option<(&'static str, bool)>,
    /// How old its signs of life are when they arrive.
    pub(crate) behind: Duration,
}

/// A shard as its agent sees it.
pub(crate) struct Playing {
    pub(crate) lease: Lease,
    pub(crate) progress: u64,
    pub(crate) sequence: u64,
    pub(crate) to_us: u64,
    pub(crate) unacknowledged: Vec<IntervalReport>,
}

impl Bench {
    /// Agents have joined, and the run has started.
    pub(crate) fn running(agents: usize) -> Self {
        Self::playing(SCENARIO, agents)
    }

    /// The same with another scenario, of 4 shards; of its loads only the first is played.
    pub(crate) fn playing(scenario: &'static str, agents: usize) -> Self {
        let mut bench = Self::new(scenario, agents);
        for agent in 0..agents {
            bench.join(agent, Part::Agent, Some([u8::try_from(agent).unwrap() + 1; 16]));
        }
        bench.run_for(Duration::from_millis(500));
        assert!(bench.agents.iter().all(|agent| agent.start_us.is_some()), "the run has not started");
        bench
    }

    /// Agents have joined of which these first ones cannot prepare a shard.
    pub(crate) fn with_unable(agents: usize, unable: usize, own: bool) -> Self {
        let mut bench = Self::new(SCENARIO, agents);
        for agent in 0..agents {
            bench.agents[agent].cannot = (agent < unable).then_some(("it lacks what it takes", own));
            bench.join(agent, Part::Agent, Some([u8::try_from(agent).unwrap() + 1; 16]));
        }
        bench.run_for(Duration::from_millis(500));
        bench
    }

    fn new(scenario: &'static str, agents: usize) -> Self {
        let now = Instant::now();
        let (store, sent, closed) = (MemoryStore::default(), BTreeMap::new(), Vec::new());
        let mut bench = Self {
            core: core(scenario, agents, now),
            scenario,
            store,
            now,
            sent,
            closed,
            agents: Vec::new(),
            began: now,
            links: 0,
        };
        (0..agents).for_each(|_| bench.agents.push(Agent::default()));
        bench
    }

    pub(crate) fn us(&self) -> u64 {
        u64::try_from((self.now - self.began).as_micros()).unwrap()
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + (self.now - self.began)
    }

    pub(crate) fn agent(&mut self, agent: usize) -> &mut Agent {
        &mut self.agents[agent]
    }

    pub(crate) fn new_agent(&mut self) -> usize {
        self.agents.push(Agent::default());
        self.agents.len() - 1
    }

    /// A supervisor joins: its number here.
    pub(crate) fn supervise(&mut self) -> usize {
        let supervisor = self.new_agent();
        self.call_again(supervisor);
        supervisor
    }

    /// A supervisor joins, for the first time or with the mark that it had.
    pub(crate) fn call_again(&mut self, supervisor: usize) {
        self.join(supervisor, Part::Supervisor, Some([99; 16]));
    }

    pub(crate) fn link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    pub(crate) fn join(&mut self, agent: usize, part: Part, mark: Option<[u8; 16]>) {
        let link = self.link();
        self.agents[agent].link = Some(link);
        let workers = u32::from(part != Part::Supervisor);
        let hello = Box::new(Hello {
            name: format!("agent-{agent}"),
            program: "test".to_owned(),
            workers,
            agent_us: self.us(),
            part,
            mark,
            belongs: Default::default(),
        });
        self.handle(Input::Joined { link, hello, peer: "127.0.0.1:1".parse().unwrap() });
    }

    /// Commits, then delivers, as a driver does.
    pub(crate) fn handle(&mut self, input: Input) {
        self.core.handle(input, self.now, self.wall());
        let out = self.core.take_output();
        self.store.commit(&out.records).unwrap();
        for (link, message) in out.sends {
            self.sent.entry(link).or_default().push(message);
        }
        self.closed.extend(out.closes);
    }

    pub(crate) fn say(&mut self, agent: usize, message: ToCoordinator) {
        let Some(link) = self.agents[agent].link else { return };
        self.handle(Input::Message { link, message: Box::new(message) });
    }

    /// Time passes in steps of 100 ms; connected agents answer and play, and report every 500 ms.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(100);
            let report = (self.us() / 100_000).is_multiple_of(5);
            for agent in 0..self.agents.len() {
                let behind = u64::try_from(self.agents[agent].behind.as_micros()).unwrap();
                self.say(agent, ToCoordinator::Alive { agent_us: self.us() - behind });
                self.listen(agent);
                if report {
                    self.play(agent);
                    self.listen(agent);
                }
            }
            self.handle(Input::Tick);
        }
    }

    /// The agent hears what it was sent.
    pub(crate) fn listen(&mut self, agent: usize) {
        let Some(link) = self.agents[agent].link else { return };
        while let Some(messages) = self.sent.remove(&link) {
            messages.into_iter().for_each(|message| self.hear(agent, message));
        }
    }

    fn hear(&mut self, agent: usize, message: ToAgent) {
        let us = self.us();
        let known = &mut self.agents[agent];
        known.heard.push(message.clone());
        match message {
            ToAgent::Welcome(welcome) => (known.name, known.token) = (welcome.agent, welcome.token),
            ToAgent::Ping { sent_us } => self.say(agent, ToCoordinator::Pong { sent_us, agent_us: us }),
            ToAgent::Lease(lease) => {
                let (shard, epoch, progress) = (lease.shard, lease.epoch, lease.resume_at[0]);
                let to_us = lease.takeover.as_ref().map_or(0, |takeover| takeover.from_us);
                let playing = Playing { lease: *lease, progress, sequence: 0, to_us, unacknowledged: vec![] };
                if let Some((error, own)) = known.cannot {
                    let error = error.to_owned();
                    return self.say(agent, ToCoordinator::CannotPrepare { shard, epoch, error, own });
                }
                known.shards.insert(shard, playing);
                self.say(agent, ToCoordinator::Ready { shard, epoch });
            }
            ToAgent::Start { at_us, paused_at_us, .. } => {
                known.start_us = Some(at_us);
                known.paused |= paused_at_us.is_some();
            }
            ToAgent::Ack { shard, sequence, .. } => {
                if let Some(playing) = known.shards.get_mut(&shard) {
                    playing.unacknowledged.retain(|report| report.sequence > sequence);
                }
            }
            ToAgent::Revoke { shard, epoch } => {
                known.revoked.push((shard, epoch));
                if known.shards.get(&shard).is_some_and(|playing| playing.lease.epoch <= epoch) {
                    known.shards.remove(&shard);
                }
            }
            ToAgent::Release { shard, .. } => known.released.push(shard),
            ToAgent::ShardLost { shard, number, .. } => {
                known.lost.push(shard);
                known.losses.push(number);
            }
            ToAgent::AuditVisitors { call } => known.calls.push(call),
            ToAgent::FoundAway { shard, call, found } => known.found.push((shard, call, found)),
            ToAgent::Pause { .. } => known.paused = true,
            ToAgent::Resume { paused_us, .. } => {
                known.paused = false;
                known.start_us = known.start_us.map(|start| start + paused_us);
                known.paused_us += paused_us;
            }
            _ => {}
        }
    }

    /// Every attempt that is due succeeds at once, and is reported.
    pub(crate) fn play(&mut self, agent: usize) {
        let us = self.us();
        let known = &self.agents[agent];
        let Some(start_us) = known.start_us.filter(|start| *start < us && !known.paused) else { return };
        let shards: Vec<u32> = known.shards.keys().copied().collect();
        for shard in shards {
            let report = self.agents[agent].shards.get_mut(&shard).unwrap().next(us - start_us);
            let (epoch, sequence) = (report.epoch, report.sequence);
            let all = report.progress[0] == PLANNED / 4;
            self.say(agent, ToCoordinator::Report(Box::new(report)));
            if all && self.agents[agent].link.is_some() {
                self.agents[agent].shards.remove(&shard);
                self.say(agent, ToCoordinator::Finished { shard, epoch, last_sequence: sequence });
            }
        }
    }

    /// The agent joins again with what it holds, and has heard nothing yet.
    pub(crate) fn rejoin(&mut self, agent: usize) {
        let known = self.agent(agent);
        let held = known.shards.values().map(|playing| Held {
            shard: playing.lease.shard,
            epoch: playing.lease.epoch,
            unacknowledged: playing.unacknowledged.first().map_or(playing.sequence, |report| report.sequence),
            lapsed: false,
        });
        let (held, token, name) = (held.collect(), known.token, known.name.clone());
        let losses = known.losses.last().copied().unwrap_or(0);
        let known_us = known.paused_us;
        let returning =
            Return { run: "test-run".to_owned(), agent: name, token, held, losses, paused_us: known_us };
        self.join(agent, Part::Returning(Box::new(returning)), None);
    }

    /// The agent joins again with what it holds, and hands in what is not acknowledged.
    pub(crate) fn come_back(&mut self, agent: usize) {
        self.rejoin(agent);
        self.hand_in(agent);
    }

    /// The agent hears what there is, and hands in what is not acknowledged.
    pub(crate) fn hand_in(&mut self, agent: usize) {
        self.listen(agent);
        let late: Vec<_> =
            self.agent(agent).shards.values().flat_map(|playing| playing.unacknowledged.clone()).collect();
        late.into_iter().for_each(|report| self.say(agent, ToCoordinator::Report(Box::new(report))));
    }

    /// The connection breaks; the agent goes on.
    pub(crate) fn cut(&mut self, agent: usize) {
        if let Some(link) = self.agents[agent].link.take() {
            self.sent.remove(&link);
            self.handle(Input::Gone { link, why: "cut".to_owned() });
        }
    }

    /// The run goes on to its end, and the account comes out: succeeded, lost in flight, never started.
    pub(crate) fn end(&mut self) -> [u64; 3] {
        for _ in 0..100 {
            if self.core.end().is_some() {
                break;
            }
            self.run_for(Duration::from_millis(500));
        }
        assert!(self.core.end().is_some(), "the run does not end: {:?}", self.core.progress());
        let counts = &self.core.figures()["registration"].counts;
        assert_eq!(counts.accounted(), PLANNED, "{counts:?}");
        let lost = |by: &BTreeMap<String, u64>| by.get("agent-lost").copied().unwrap_or_default();
        [counts.succeeded, lost(&counts.abandoned), lost(&counts.never_started)]
    }

    /// The coordinator dies and is started again, by its records alone.
    pub(crate) fn restart(&mut self, agents: usize, later: Duration) {
        self.now += later;
        self.agents.iter_mut().for_each(|agent| agent.link = None);
        self.sent.clear();
        self.core = core(self.scenario, agents, self.now);
        let records = self.store.records.clone();
        records.iter().for_each(|record| self.core.apply(record));
        self.core.take_output();
        self.handle(Input::Restarted);
    }
}

impl Playing {
    /// The report of everything that came due until now.
    pub(crate) fn next(&mut self, run_us: u64) -> IntervalReport {
        let scenario = Scenario::from_yaml(&self.lease.scenario, "lease").unwrap();
        let mut progress = vec![0; scenario.load.len()];
        let plan = Plan::with_shards(Arc::new(scenario), self.lease.seed, self.lease.shards).unwrap();
        let due = plan
            .shard(self.lease.shard)
            .schedules()
            .remove(0)
            .first_at_or_after(Duration::from_micros(run_us));
        let n = due.saturating_sub(self.progress);
        self.progress = self.progress.max(due);
        let from_us = self.to_us;
        self.to_us = run_us.max(from_us);
        // Of what comes after the first load nothing is ever due here.
        progress[0] = self.progress;
        let report = IntervalReport {
            run: self.lease.run.clone(),
            shard: self.lease.shard,
            epoch: self.lease.epoch,
            sequence: self.sequence,
            from_us,
            to_us: self.to_us,
            progress,
            procedures: vec![success(n)],
            registered: self.progress,
            ..IntervalReport::default()
        };
        self.sequence += 1;
        self.unacknowledged.push(report.clone());
        report
    }
}

fn success(n: u64) -> ProcedureInterval {
    let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    histogram.record_n(1000, u32::try_from(n).unwrap()).unwrap();
    let mut octets = Vec::new();
    if n > 0 {
        V2Serializer::new().serialize(&histogram, &mut octets).unwrap();
    }
    ProcedureInterval {
        procedure: "registration".to_owned(),
        due: n,
        started: n,
        succeeded: n,
        latency_v2: octets.clone(),
        service_v2: octets.clone(),
        lateness_v2: octets,
        ..ProcedureInterval::default()
    }
}

fn core(scenario: &str, agents: usize, now: Instant) -> Core {
    let scenario = Arc::new(Scenario::from_yaml(scenario, "test.yaml").unwrap());
    let plan = Plan::with_shards(scenario, 7, 4).unwrap();
    let settings = CoreSettings {
        agents_wanted: agents,
        lease: LEASE,
        settle: Duration::from_millis(200),
        most_joins: MOST_JOINS,
        ..CoreSettings::new("test-run", "memory://amf")
    };
    Core::new(settings, plan, [7; 32], now, UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}
