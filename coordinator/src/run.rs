//! One run from the first agent to the verdict. This task owns all of its state.
//!
//! ```text
//! join ──► clocks ──► prepare ──► start ──► play ──► conclude
//!   └──────────┴─────────┴── stop, CannotPrepare, agent lost ──► drain ──┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use scenarios::Plan;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::ToCoordinator;
use wire::{AgentLink, CoordinatorEndpoint, WireError};

use crate::evidence::Evidence;
use crate::fleet::{Agent, ShardLease, unique_name};
use crate::hlog::HistogramLog;
use crate::journal::Journal;
use crate::ladders::Ladders;
use crate::link::{FromAgent, Outbox, Received};
use crate::merge::Merge;
use crate::network::Network;
use crate::report_log::ReportLog;
use crate::run_folder::{Appender, RunFolder};
use crate::slo::Guard;
use crate::summary::ReportCounts;
use crate::timeline::{Second, Timeline};
use crate::traces::Traces;
use crate::usage_ledger::UsageLedger;
use crate::{CoordinatorConfig, CoordinatorError, Phase, Progress, RunOutcome, StopRequest};

mod ending;
mod leases;
mod reports;
mod seconds;

/// The state of one run.
pub(crate) struct Run {
    pub(crate) config: CoordinatorConfig,
    pub(crate) plan: Plan,
    /// By procedure, of the whole plan.
    pub(crate) planned: BTreeMap<String, u64>,
    pub(crate) folder: RunFolder,
    pub(crate) phase: Phase,
    pub(crate) agents: Vec<Agent>,
    pub(crate) shards: Vec<ShardLease>,
    pub(crate) evidence: Evidence,
    pub(crate) timeline: Timeline,
    pub(crate) guards: Vec<Guard>,
    pub(crate) reports: ReportCounts,
    /// The last five complete seconds, for the live view.
    pub(crate) window: VecDeque<Second>,
    pub(crate) warnings: Vec<String>,
    /// Reasons for which the run proves nothing.
    pub(crate) invalid: Vec<String>,
    pub(crate) broken_guardrails: Vec<String>,
    /// The start: by the monotonic clock, and by the wall clock.
    pub(crate) start: Option<(Instant, SystemTime)>,
    pub(crate) files: Files,
    /// What the network side left, once it is closed.
    pub(crate) network: Network,
    pub(crate) progress: watch::Sender<Progress>,
    merge: Merge,
    /// With it agents seal what a UE takes along to another agent.
    key: [u8; 32],
    base: Instant,
    drain: Option<Drain>,
    folder_failed: bool,
    inbox: (mpsc::Sender<FromAgent>, mpsc::Receiver<FromAgent>),
    joins: mpsc::Receiver<Result<AgentLink, String>>,
    failed_joins: Vec<String>,
    endpoint: Arc<CoordinatorEndpoint>,
    acceptor: JoinHandle<()>,
    pinged: Instant,
}

/// The files that grow during the run.
pub(crate) struct Files {
    pub(crate) journal: Journal,
    pub(crate) report_log: ReportLog,
    pub(crate) usage: UsageLedger,
    pub(crate) ladders: Ladders,
    timeline: Appender,
    hlog: Option<HistogramLog>,
    pub(crate) traces: Option<Traces>,
}

/// Nothing more is started, and what is in flight has until then.
#[derive(Clone, Copy)]
struct Drain {
    until: Instant,
    now: bool,
}

enum Event {
    Tick,
    Joined(Result<Box<AgentLink>, String>),
    FromAgent(FromAgent),
    Stop(StopRequest),
}

impl Run {
    /// Makes the run folder and lets agents join.
    pub(crate) fn new(
        config: CoordinatorConfig,
        endpoint: CoordinatorEndpoint,
        progress: watch::Sender<Progress>,
        plan: Plan,
    ) -> Result<Self, CoordinatorError> {
        let scenario = Arc::clone(plan.scenario());
        let folder = match &config.folder {
            Some(folder) => folder.clone(),
            None => RunFolder::create(&config.out, config.run_id.as_deref(), &scenario.name)?,
        };
        let files = Files {
            journal: Journal::new(folder.appender("journal.ndjson")?),
            report_log: ReportLog::new(folder.appender("reports.log")?),
            usage: UsageLedger::begin(&folder)?,
            ladders: Ladders::default(),
            timeline: folder.appender("timeline.ndjson")?,
            hlog: None,
            traces: None,
        };
        let planned: BTreeMap<String, u64> =
            plan.planned().into_iter().map(|(p, n)| (p.as_str().to_owned(), n)).collect();
        let endpoint = Arc::new(endpoint);
        let (joined, joins) = mpsc::channel(16);
        let acceptor = tokio::spawn(accept(Arc::clone(&endpoint), joined));
        let now = Instant::now();
        let mut run = Self {
            merge: Merge::new(plan.shards()),
            shards: (0..plan.shards()).map(|_| ShardLease::default()).collect(),
            guards: scenario.guardrails.iter().cloned().map(Guard::new).collect(),
            evidence: Evidence::new(),
            timeline: Timeline::default(),
            reports: ReportCounts::default(),
            config,
            plan,
            planned,
            folder,
            phase: Phase::Joining,
            agents: Vec::new(),
            window: VecDeque::new(),
            warnings: Vec::new(),
            invalid: Vec::new(),
            broken_guardrails: Vec::new(),
            start: None,
            files,
            network: Network::default(),
            progress,
            key: rand::random(),
            base: now,
            drain: None,
            folder_failed: false,
            inbox: mpsc::channel(INBOX),
            joins,
            failed_joins: Vec::new(),
            endpoint,
            acceptor,
            pinged: now,
        };
        run.write_inputs()?;
        Ok(run)
    }

    /// Plays the run and writes its folder.
    pub(crate) async fn until_the_end(
        mut self,
        mut stop: watch::Receiver<StopRequest>,
    ) -> Result<RunOutcome, CoordinatorError> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut source = Source { ticks, stop: &mut stop, stop_open: true };
        self.join(&mut source).await?;
        if self.drain.is_none() {
            self.measure_clocks(&mut source).await;
            self.prepare(&mut source).await;
        }
        if self.drain.is_none() {
            self.begin();
            self.play(&mut source).await;
        }
        self.dismiss().await;
        self.close_network().await;
        Ok(self.conclude())
    }

    async fn join(&mut self, source: &mut Source<'_>) -> Result<(), CoordinatorError> {
        let deadline = Instant::now() + self.config.join_timeout;
        while self.alive() < self.config.agents_wanted && self.drain.is_none() {
            self.step(source).await;
            if Instant::now() >= deadline && self.alive() < self.config.agents_wanted {
                let hints: String =
                    self.failed_joins.iter().map(|reason| format!("; refused: {reason}")).collect();
                let (joined, wanted) = (self.alive(), self.config.agents_wanted);
                self.decide("gave up waiting for agents", json!({"joined": joined, "wanted": wanted}));
                self.dismiss().await;
                let waited_s = self.config.join_timeout.as_secs();
                return Err(CoordinatorError::TooFewAgents {
                    joined,
                    wanted,
                    waited_s,
                    address: self.endpoint.local_addr(),
                    hints,
                });
            }
        }
        Ok(())
    }

    async fn measure_clocks(&mut self, source: &mut Source<'_>) {
        let deadline = Instant::now() + CLOCKS_TIMEOUT;
        self.ping_all();
        while self.drain.is_none() && Instant::now() < deadline {
            if self.agents.iter().all(|agent| !agent.is_alive() || agent.clock.rounds() >= CLOCK_ROUNDS) {
                return;
            }
            self.step(source).await;
        }
    }

    async fn prepare(&mut self, source: &mut Source<'_>) {
        self.phase = Phase::Preparing;
        self.lease_all();
        let deadline = Instant::now() + self.config.prepare_timeout;
        while self.drain.is_none() && !self.shards.iter().all(|shard| shard.ready) {
            self.step(source).await;
            if Instant::now() >= deadline {
                let waiting: Vec<usize> = (0..self.shards.len()).filter(|i| !self.shards[*i].ready).collect();
                let limit = self.config.prepare_timeout.as_secs();
                self.invalidate(format!("shards {waiting:?} were not ready within {limit} s: is the target reachable from the agents?"));
                self.drain("cannot-prepare", Duration::ZERO);
            }
        }
    }

    async fn play(&mut self, source: &mut Source<'_>) {
        let end = self.plan.duration() + self.plan.scenario().drain + OVERDUE_MARGIN;
        let overdue = self.start.map_or_else(Instant::now, |(start, _)| start) + end;
        while !self.shards.iter().all(|shard| shard.over) {
            self.step(source).await;
            let now = Instant::now();
            if self.drain.is_none() && now >= overdue {
                self.warn("some shards did not finish in time and were told to".to_owned());
                self.drain("overdue", Duration::ZERO);
            }
            if self.drain.is_some_and(|drain| now >= drain.until) {
                let late = self
                    .shards
                    .iter()
                    .filter(|shard| !shard.over)
                    .map(|shard| shard.agent)
                    .collect::<Vec<_>>();
                late.into_iter().for_each(|agent| self.lose(agent, "did not finish its shards in time"));
            }
        }
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self, source: &mut Source<'_>) {
        let event = tokio::select! {
            biased;
            changed = source.stop.changed(), if source.stop_open => {
                source.stop_open = changed.is_ok();
                Event::Stop(*source.stop.borrow_and_update())
            }
            _ = source.ticks.tick() => Event::Tick,
            Some(joined) = self.joins.recv() => Event::Joined(joined.map(Box::new)),
            Some(message) = self.inbox.1.recv() => Event::FromAgent(message),
        };
        match event {
            Event::Tick => self.tick(),
            Event::Joined(Ok(link)) => self.admit(*link).await,
            Event::Joined(Err(reason)) => {
                self.decide("refused a join", json!({"reason": reason}));
                self.warn(format!("an agent could not join: {reason}"));
                if self.failed_joins.len() < 3 {
                    self.failed_joins.push(reason);
                }
            }
            Event::FromAgent(FromAgent { agent, at, what }) => match what {
                Received::Message(message) => self.message(agent, at, message),
                Received::Gone(why) => self.lose(agent, &why),
            },
            Event::Stop(StopRequest::None) => {}
            Event::Stop(request) => self.stop(request),
        }
    }

    async fn admit(&mut self, link: AgentLink) {
        if self.phase != Phase::Joining || self.alive() >= self.config.agents_wanted {
            self.decide(
                "refused an agent",
                json!({"agent": link.hello.name, "reason": "the run has its agents"}),
            );
            link.refuse("the run has all the agents that it waits for; join the next one").await;
            return;
        }
        let (hello, peer) = (link.hello.clone(), link.peer);
        let name = unique_name(&hello.name, &self.agents);
        let number = self.agents.len();
        let outbox = Outbox::open(number, link, self.inbox.0.clone());
        self.decide("admitted an agent", json!({"agent": name, "address": peer.to_string(), "workers": hello.workers, "program": hello.program}));
        self.agents.push(Agent::new(name.clone(), hello, peer, outbox));
        self.send(
            number,
            ToAgent::Welcome(Welcome {
                agent: name,
                program: wire::PROGRAM.to_owned(),
                token: [0; 16],
                returned: false,
            }),
        );
    }

    fn message(&mut self, agent: usize, at: Instant, message: ToCoordinator) {
        if self.agents.get(agent).is_none_or(|agent| !agent.is_alive()) {
            return;
        }
        match message {
            ToCoordinator::Hello(_) => self.distrust(agent, "said hello twice"),
            ToCoordinator::Pong { sent_us, agent_us } => {
                let now_us = self.us(at);
                let Some(known) = self.agents.get_mut(agent) else { return };
                known.clock.add(sent_us, agent_us, now_us);
                if known.clock.rounds() < CLOCK_ROUNDS {
                    self.ping(agent);
                }
            }
            ToCoordinator::Ready { shard, epoch } => {
                if let Some(lease) = self.held(agent, shard, epoch) {
                    lease.ready = true;
                    self.decide("shard is ready", json!({"shard": shard, "agent": self.agents[agent].name}));
                }
            }
            ToCoordinator::CannotPrepare { shard, epoch, error } => {
                if self.held(agent, shard, epoch).is_some() {
                    let name = self.agents[agent].name.clone();
                    self.decide(
                        "shard cannot be prepared",
                        json!({"shard": shard, "agent": name, "error": error}),
                    );
                    self.invalidate(format!("agent {name} cannot prepare shard {shard}: {error}"));
                    self.drain("cannot-prepare", Duration::ZERO);
                }
            }
            ToCoordinator::Report(report) => self.report(agent, *report),
            ToCoordinator::Health(health) => self.health(agent, &health),
            ToCoordinator::Trace(trace) => self.trace(agent, &trace),
            ToCoordinator::Finished { shard, epoch, last_sequence } => {
                if let Some(lease) = self.held(agent, shard, epoch) {
                    lease.last_sequence = Some(last_sequence);
                    self.decide(
                        "shard says it is finished",
                        json!({"shard": shard, "last_sequence": last_sequence}),
                    );
                    self.end_shard(shard);
                }
            }
            ToCoordinator::Leaving { reason } => self.lose(agent, &format!("left: {reason}")),
            ToCoordinator::Alive { agent_us } => self.renew(agent, agent_us),
            other => self.distrust(agent, &format!("sent what is not understood: {other:?}")),
        }
    }

    pub(crate) fn alive(&self) -> usize {
        self.agents.iter().filter(|agent| agent.is_alive()).count()
    }

    /// µs since the start of the run; 0 before it.
    pub(crate) fn run_us(&self) -> u64 {
        self.start.map_or(0, |(start, _)| micros(Instant::now().saturating_duration_since(start)))
    }

    /// Our clock, µs.
    fn us(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.base))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

struct Source<'a> {
    ticks: tokio::time::Interval,
    stop: &'a mut watch::Receiver<StopRequest>,
    stop_open: bool,
}

async fn accept(endpoint: Arc<CoordinatorEndpoint>, joined: mpsc::Sender<Result<AgentLink, String>>) {
    loop {
        let join = match endpoint.accept().await {
            Ok(link) => Ok(link),
            Err(WireError::EndpointClosed) => return,
            Err(error) => Err(error.to_string()),
        };
        if joined.send(join).await.is_err() {
            return;
        }
    }
}

/// What the plan holds for one shard, by procedure.
pub(crate) fn planned_of(plan: &Plan, shard: u32) -> BTreeMap<String, u64> {
    let mut planned = BTreeMap::new();
    for schedule in plan.shard(shard).schedules() {
        *planned.entry(schedule.procedure().as_str().to_owned()).or_insert(0) += schedule.planned();
    }
    planned
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const TICK: Duration = Duration::from_millis(200);
/// Messages of all agents that wait for this task; beyond it, agents are read more slowly.
const INBOX: usize = 1024;
const CLOCK_ROUNDS: usize = 5;
const CLOCKS_TIMEOUT: Duration = Duration::from_secs(5);
/// An interval may end this much in the future by the agent's clock.
const CLOCK_TOLERANCE_US: u64 = 5_000_000;
/// After the schedule and its grace, agents have this long to say that they have finished.
const OVERDUE_MARGIN: Duration = Duration::from_secs(10);
