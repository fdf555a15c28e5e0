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
use wire::to_agent::{Lease, ToAgent, Welcome};
use wire::to_coordinator::{AgentHealth, IntervalReport, ToCoordinator, Trace};
use wire::{AgentLink, CoordinatorEndpoint, WireError};

use crate::evidence::Evidence;
use crate::fleet::{Agent, ShardLease, deal, unique_name};
use crate::histogram::{self, decode_v2};
use crate::hlog::HistogramLog;
use crate::journal::Journal;
use crate::link::{FromAgent, Outbox, Received};
use crate::merge::{Checked, Merge, Reception};
use crate::report_log::ReportLog;
use crate::run_folder::{Appender, RunFolder};
use crate::slo::{Guard, Measured};
use crate::summary::ReportCounts;
use crate::timeline::{MOST_OPEN, Second, Timeline};
use crate::traces::Traces;
use crate::{CoordinatorConfig, CoordinatorError, Phase, Progress, RunOutcome, StopRequest};

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
    renewed: Instant,
    pinged: Instant,
}

/// The files that grow during the run.
pub(crate) struct Files {
    pub(crate) journal: Journal,
    pub(crate) report_log: ReportLog,
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
        let folder = RunFolder::create(&config.out, config.run_id.as_deref(), &scenario.name)?;
        let files = Files {
            journal: Journal::new(folder.appender("journal.ndjson")?),
            report_log: ReportLog::new(folder.appender("reports.log")?),
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
            renewed: now,
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
        self.send(number, ToAgent::Welcome(Welcome { agent: name, program: wire::PROGRAM.to_owned() }));
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
        }
    }

    fn report(&mut self, agent: usize, report: IntervalReport) {
        let (shard, epoch, sequence) = (report.shard, report.epoch, report.sequence);
        let holds = self.shards.get(shard as usize).is_some_and(|lease| lease.agent == agent);
        if !holds || report.run != self.folder.run_id || self.start.is_none() {
            self.decide(
                "refused a report",
                json!({"shard": shard, "epoch": epoch, "sequence": sequence, "reason": "no such lease"}),
            );
            self.reports.old_epoch += 1;
            return;
        }
        self.merge.not_after(self.run_us().saturating_add(CLOCK_TOLERANCE_US));
        match self.merge.receive(report) {
            Ok(Reception::Next(ready)) => ready.iter().for_each(|checked| self.count(agent, checked)),
            Ok(Reception::Duplicate) => {
                self.reports.duplicates += 1;
                self.send(agent, ToAgent::Ack { shard, epoch, sequence });
            }
            Ok(Reception::Held | Reception::TooFarAhead) => {
                self.reports.out_of_order += 1;
                let next = self.merge.next(shard);
                self.decide(
                    "a report waits for one before it",
                    json!({"shard": shard, "sequence": sequence, "missing": next}),
                );
            }
            Ok(Reception::OldEpoch { current }) => {
                self.reports.old_epoch += 1;
                self.decide(
                    "refused a report of an old lease",
                    json!({"shard": shard, "epoch": epoch, "current": current, "sequence": sequence}),
                );
            }
            Err(fault) => self.distrust(agent, &format!("sent a report that cannot be true: {fault}")),
        }
    }

    /// Stored, added, acknowledged: in this order.
    fn count(&mut self, agent: usize, checked: &Checked) {
        let report = &checked.report;
        if let Err(error) = self.files.report_log.append(report) {
            return self.folder_failure(&error.to_string());
        }
        self.evidence.add(checked);
        self.timeline.add(checked);
        self.reports.merged += 1;
        let started = report.procedures.iter().fold(0u64, |sum, p| sum.saturating_add(p.started));
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.started(report.shard, started);
        }
        if let Some(lease) = self.shards.get_mut(report.shard as usize) {
            lease.reported_us = report.to_us;
            lease.progress.clone_from(&report.progress);
        }
        self.send(
            agent,
            ToAgent::Ack { shard: report.shard, epoch: report.epoch, sequence: report.sequence },
        );
        self.end_shard(report.shard);
    }

    /// A shard is over when its agent says so and every report up to the last is merged.
    fn end_shard(&mut self, shard: u32) {
        let next = self.merge.next(shard);
        let Some(lease) = self.shards.get_mut(shard as usize) else { return };
        let Some(last) = lease.last_sequence else { return };
        if !lease.over && (next > last || (last == 0 && next == 0)) {
            lease.over = true;
            self.decide("shard is over", json!({"shard": shard, "reports": next}));
        }
    }

    fn health(&mut self, agent: usize, health: &AgentHealth) {
        let lateness = match decode_v2(&health.lateness_v2) {
            Ok(lateness) if health.at_us <= self.run_us().saturating_add(CLOCK_TOLERANCE_US) => lateness,
            Ok(_) => return self.distrust(agent, "sent its health of the future"),
            Err(fault) => {
                return self.distrust(agent, &format!("sent lateness that cannot be true: {fault}"));
            }
        };
        if self.start.is_some() {
            histogram::add(&mut self.evidence.lateness, &lateness);
            self.timeline.add_lateness(health.at_us, &lateness);
        }
        let Some(known) = self.agents.get_mut(agent) else { return };
        let dropped = known.reports_dropped();
        known.add_health(health, &lateness);
        if known.reports_dropped() > dropped {
            let text = format!(
                "agent {} dropped {} reports: its buffer was full",
                known.name,
                known.reports_dropped()
            );
            self.warn(text);
        }
    }

    fn trace(&mut self, agent: usize, trace: &Trace) {
        let holds = self.shards.get(trace.shard as usize).is_some_and(|lease| lease.agent == agent);
        if let (true, Some(traces)) = (holds, &mut self.files.traces)
            && let Err(error) = traces.add(trace)
        {
            self.folder_failure(&format!("{}: {error}", self.folder.path.join("traces").display()));
        }
    }

    fn lease_all(&mut self) {
        let living: Vec<usize> =
            (0..self.agents.len()).filter(|agent| self.agents[*agent].is_alive()).collect();
        let workers: Vec<u32> = living.iter().map(|agent| self.agents[*agent].hello.workers).collect();
        let scenario = self.plan.scenario().to_yaml();
        let (seed, shards, loads) = (self.plan.seed(), self.plan.shards(), self.plan.scenario().load.len());
        for (shard, dealt) in (0..shards).zip(deal(&workers, shards)) {
            let Some(agent) = living.get(dealt).copied() else { return };
            let epoch = 1;
            let resume_at = vec![0; loads];
            self.merge.lease(shard, epoch);
            self.shards[shard as usize] =
                ShardLease { agent, epoch, progress: resume_at.clone(), ..ShardLease::default() };
            self.decide(
                "leased a shard",
                json!({"shard": shard, "epoch": epoch, "agent": self.agents[agent].name}),
            );
            let lease = Lease {
                run: self.folder.run_id.clone(),
                scenario: scenario.clone(),
                seed,
                shard,
                shards,
                epoch,
                valid_us: micros(self.config.lease),
                target: self.config.target.clone(),
                resume_at,
                trace: self.config.trace,
                key: self.key,
            };
            self.send(agent, ToAgent::Lease(Box::new(lease)));
        }
        self.renewed = Instant::now();
    }

    /// Everybody begins at one instant, each by its own clock.
    fn begin(&mut self) {
        let longest = self.agents.iter().map(|agent| agent.clock.round_trip_us()).max().unwrap_or_default();
        let lead = START_LEAD + Duration::from_micros(longest);
        let (start, wall) = (Instant::now() + lead, SystemTime::now() + lead);
        self.start = Some((start, wall));
        self.phase = Phase::Running;
        let at_us = self.us(start);
        let wall_us = crate::wall_clock::unix_us(wall);
        for agent in 0..self.agents.len() {
            let at_us = self.agents[agent].clock.to_agent(at_us);
            self.send(agent, ToAgent::Start { run: self.folder.run_id.clone(), at_us, wall_us });
        }
        self.decide(
            "agreed on the start",
            json!({"start": crate::wall_clock::rfc3339(wall), "lead_us": micros(lead)}),
        );
        let hlog = self.folder.appender("histograms.hlog").map_err(|error| error.to_string());
        match hlog.and_then(|file| HistogramLog::begin(file, wall).map_err(|error| error.to_string())) {
            Ok(hlog) => self.files.hlog = Some(hlog),
            Err(error) => self.folder_failure(&error),
        }
        match Traces::create(&self.folder.path, self.config.trace, wall) {
            Ok(traces) => self.files.traces = Some(traces),
            Err(error) => {
                self.folder_failure(&format!("{}: {error}", self.folder.path.join("traces").display()))
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.renewed) >= self.config.lease / 3 {
            self.renewed = now;
            self.renew_all();
        }
        if now.duration_since(self.pinged) >= CLOCK_REFRESH {
            self.ping_all();
        }
        if self.start.is_some() {
            let now_s = self.run_us().saturating_sub(HEALTH_WAIT_US) / 1_000_000;
            let waiting =
                self.shards.iter().filter(|shard| !shard.over).map(|shard| shard.reported_us / 1_000_000);
            let complete = waiting.min().unwrap_or(now_s);
            self.close_before(complete.min(now_s).max(now_s.saturating_sub(MOST_OPEN)));
        }
        self.show();
    }

    /// Writes the seconds that are complete, and holds them against the guardrails.
    pub(crate) fn close_before(&mut self, second: u64) {
        let alive = self.alive() as u64;
        for second in self.timeline.close_before(second, alive) {
            let line = format!("{}\n", second.line());
            let written = self.files.timeline.append(line.as_bytes());
            let written =
                written.and_then(|()| self.files.hlog.as_mut().map_or(Ok(()), |hlog| hlog.second(&second)));
            if let Err(error) = written {
                self.folder_failure(&error.to_string());
            }
            let measured = Measured {
                procedures: &second.procedures,
                lateness: &second.lateness,
                seconds: 1.0,
                unreconciled: 0,
            };
            let broken: Vec<String> =
                self.guards.iter_mut().filter_map(|guard| guard.observe(second.at_s, &measured)).collect();
            for reason in broken {
                self.decide("guardrail broke", json!({"reason": reason}));
                self.broken_guardrails.push(reason);
                self.drain("guardrail", self.plan.scenario().drain);
            }
            self.window.push_back(second);
            while self.window.len() > WINDOW {
                self.window.pop_front();
            }
        }
    }

    fn stop(&mut self, request: StopRequest) {
        let reason = "aborted by the operator";
        if !self.invalid.iter().any(|known| known == reason) {
            self.invalidate(reason.to_owned());
        }
        let grace = if request == StopRequest::Now { Duration::ZERO } else { self.plan.scenario().drain };
        self.drain("aborted-by-operator", grace);
    }

    /// Nothing more is started. A later call can only shorten the grace.
    fn drain(&mut self, reason: &str, grace: Duration) {
        let until = Instant::now() + grace + REPORT_MARGIN;
        let now = grace.is_zero();
        if self.drain.is_some_and(|drain| drain.now || !now) {
            return;
        }
        self.drain = Some(Drain { until, now });
        self.decide("drain", json!({"reason": reason, "grace_us": micros(grace)}));
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
        for agent in 0..self.agents.len() {
            self.send(agent, ToAgent::Drain { reason: reason.to_owned(), grace_us: micros(grace) });
        }
    }

    /// An agent is gone. What its shards have not reported is accounted for as lost.
    fn lose(&mut self, agent: usize, why: &str) {
        let Some(lost) = self.agents.get_mut(agent) else { return };
        let Some(outbox) = lost.outbox.take() else { return };
        outbox.close();
        let name = lost.name.clone();
        if self.phase == Phase::Joining {
            lost.lost = Some(why.to_owned());
            return self.decide("an agent left before the run", json!({"agent": name, "reason": why}));
        }
        let unfinished: Vec<u32> = (0..)
            .zip(&self.shards)
            .filter(|(_, s)| s.agent == agent && s.epoch > 0 && !s.over)
            .map(|(n, _)| n)
            .collect();
        self.decide("lost an agent", json!({"agent": name, "reason": why, "unfinished_shards": unfinished}));
        if unfinished.is_empty() {
            // It had done all it was there for.
            return self.warn(format!(
                "agent {name} was gone before the end of the run, its shards were over: {why}"
            ));
        }
        self.agents[agent].lost = Some(why.to_owned());
        self.invalidate(format!(
            "fleet lost: agent {name} ({}) with shards {unfinished:?}: {why}",
            self.agents[agent].peer
        ));
        for shard in unfinished {
            self.shards[shard as usize].over = true;
            self.timeline.forget(shard);
            if self.start.is_some() {
                self.evidence.lose_shard(shard, &planned_of(&self.plan, shard));
            }
        }
        if self.start.is_none() {
            self.drain("agent-lost", Duration::ZERO);
        }
    }

    /// An agent that sends what cannot be true is sent away: nothing more of it counts.
    fn distrust(&mut self, agent: usize, why: &str) {
        self.decide("distrusts an agent", json!({"agent": self.agents[agent].name, "reason": why}));
        self.send(agent, ToAgent::Drain { reason: "refused".to_owned(), grace_us: 0 });
        self.lose(agent, why);
    }

    /// The folder cannot be written any more: the run cannot be proven, so it ends.
    fn folder_failure(&mut self, what: &str) {
        if !self.folder_failed {
            self.folder_failed = true;
            self.invalidate(format!("the run folder cannot be written: {what}"));
            self.drain("run-folder-failed", Duration::ZERO);
        }
    }

    pub(crate) fn invalidate(&mut self, reason: String) {
        tracing::info!(reason, "the run is invalid");
        self.invalid.push(reason);
    }

    pub(crate) fn warn(&mut self, text: String) {
        tracing::info!("{text}");
        if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    pub(crate) fn decide(&mut self, decision: &str, details: serde_json::Value) {
        let run_us = self.start.is_some().then(|| self.run_us());
        if let Err(error) = self.files.journal.write(decision, run_us, details) {
            self.folder_failure(&error.to_string());
        }
    }

    fn renew_all(&mut self) {
        let valid_us = micros(self.config.lease);
        let due: Vec<(usize, u32, u64)> = (0..)
            .zip(&self.shards)
            .filter(|(_, s)| s.epoch > 0 && !s.over)
            .map(|(n, s)| (s.agent, n, s.epoch))
            .collect();
        for (agent, shard, epoch) in due {
            self.send(agent, ToAgent::Renew { shard, epoch, valid_us });
        }
    }

    fn ping_all(&mut self) {
        self.pinged = Instant::now();
        (0..self.agents.len()).for_each(|agent| self.ping(agent));
    }

    fn ping(&mut self, agent: usize) {
        let sent_us = self.us(Instant::now());
        self.send(agent, ToAgent::Ping { sent_us });
    }

    fn send(&mut self, agent: usize, message: ToAgent) {
        let outbox = self.agents.get(agent).and_then(|agent| agent.outbox.as_ref());
        if outbox.is_some_and(|outbox| !outbox.send(message)) {
            self.lose(agent, "does not read what is sent to it");
        }
    }

    /// The lease that is meant, if this agent holds it.
    fn held(&mut self, agent: usize, shard: u32, epoch: u64) -> Option<&mut ShardLease> {
        self.shards
            .get_mut(shard as usize)
            .filter(|lease| lease.agent == agent && lease.epoch == epoch && epoch > 0)
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

    /// Sends everybody home.
    async fn dismiss(&mut self) {
        let run = self.folder.run_id.clone();
        let mut goodbyes = Vec::new();
        for agent in &mut self.agents {
            if let Some(outbox) = agent.outbox.take() {
                outbox.send(ToAgent::RunOver { run: run.clone() });
                goodbyes.push(outbox.close());
            }
        }
        let all = async {
            for goodbye in goodbyes {
                let _ = goodbye.await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, all).await;
        self.acceptor.abort();
        self.endpoint.close("the run is over").await;
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
const CLOCK_REFRESH: Duration = Duration::from_secs(5);
/// An interval may end this much in the future by the agent's clock.
const CLOCK_TOLERANCE_US: u64 = 5_000_000;
/// Between `Start` and the start, beside the longest round trip.
const START_LEAD: Duration = Duration::from_millis(300);
/// After the schedule and its grace, agents have this long to say that they have finished.
const OVERDUE_MARGIN: Duration = Duration::from_secs(10);
/// After a drain's grace, agents have this long to report.
const REPORT_MARGIN: Duration = Duration::from_secs(5);
/// An agent's health of a second may come this long after its reports.
const HEALTH_WAIT_US: u64 = 300_000;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(3);
const MOST_WARNINGS: usize = 100;
const WINDOW: usize = 5;
