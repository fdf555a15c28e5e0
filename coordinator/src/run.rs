//! Drives the core of a run: links, files and the store around a value that decides.
//!
//! ```text
//! links ──► inbox ──► Core::handle ──► records ──► store ──► files ──► messages ──► links
//! ```
//! One task owns all of it. What waits in the inbox is handled together and committed once; nothing is sent before what it
//! rests on is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use scenarios::Plan;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use wire::to_agent::ToAgent;
use wire::{AgentLink, CoordinatorEndpoint, WireError};

use crate::core::{Close, Core, CoreSettings, End, Input, LinkId, Output, Record, Store};
use crate::files::Files;
use crate::link::{FromAgent, Outbox, Received};
use crate::network::Network;
use crate::report_log::ReportLog;
use crate::run_folder::RunFolder;
use crate::{CoordinatorConfig, CoordinatorError, Progress, RunOutcome, StopRequest};

/// One run, and everything that it does to the world.
pub(crate) struct Run {
    pub(crate) config: CoordinatorConfig,
    pub(crate) core: Core,
    pub(crate) folder: RunFolder,
    pub(crate) files: Files,
    /// What the network side left, once it is closed.
    pub(crate) network: Network,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) store: Box<dyn Store>,
    /// What could not be committed so far.
    uncommitted: Vec<Record>,
    links: BTreeMap<LinkId, Outbox>,
    /// Joined, and not yet let in.
    arrived: BTreeMap<LinkId, AgentLink>,
    next_link: u64,
    latest: Instant,
    inbox: (mpsc::Sender<FromAgent>, mpsc::Receiver<FromAgent>),
    joins: mpsc::Receiver<Result<AgentLink, String>>,
    endpoint: Arc<CoordinatorEndpoint>,
    acceptor: JoinHandle<()>,
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
        let folder = match &config.folder {
            Some(folder) => folder.clone(),
            None => RunFolder::create(&config.out, config.run_id.as_deref(), &plan.scenario().name)?,
        };
        let files = Files::begin(&folder, config.trace, plan.duration() + plan.scenario().drain)?;
        let store = Box::new(ReportLog::new(folder.appender("reports.log")?));
        let endpoint = Arc::new(endpoint);
        let (joined, joins) = mpsc::channel(16);
        let acceptor = tokio::spawn(accept(Arc::clone(&endpoint), joined));
        let settings = CoreSettings {
            agents_wanted: config.agents_wanted,
            trace: config.trace,
            lease: config.lease,
            join_timeout: config.join_timeout,
            prepare_timeout: config.prepare_timeout,
            ..CoreSettings::new(&folder.run_id, &config.target)
        };
        let now = Instant::now();
        let mut run = Self {
            core: Core::new(settings, plan, rand::random(), now, SystemTime::now()),
            config,
            folder,
            files,
            network: Network::default(),
            progress,
            store,
            uncommitted: Vec::new(),
            links: BTreeMap::new(),
            arrived: BTreeMap::new(),
            next_link: 0,
            latest: now,
            inbox: mpsc::channel(INBOX),
            joins,
            endpoint,
            acceptor,
        };
        run.write_inputs()?;
        run.carry_out();
        run.show();
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
        while self.core.end().is_none() {
            self.step(&mut source).await;
        }
        self.dismiss().await;
        if self.core.end() == Some(End::TooFewAgents) {
            return Err(self.too_few_agents());
        }
        self.close_network().await;
        Ok(self.conclude())
    }

    /// Waits for something to happen, and deals with all that has.
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
        let mut show = false;
        match event {
            Event::Tick => {
                self.handle(Input::Tick, Instant::now());
                show = true;
            }
            Event::Joined(Ok(link)) => self.arrive(*link),
            Event::Joined(Err(reason)) => self.handle(Input::JoinFailed(reason), Instant::now()),
            Event::FromAgent(first) => {
                self.heard(first);
                for _ in 1..MOST_AT_ONCE {
                    let Ok(next) = self.inbox.1.try_recv() else { break };
                    self.heard(next);
                }
            }
            Event::Stop(request) => self.handle(Input::Stop(request), Instant::now()),
        }
        self.carry_out();
        if show {
            self.show();
        }
    }

    fn heard(&mut self, FromAgent { link, at, what }: FromAgent) {
        let input = match what {
            Received::Message(message) => Input::Message { link, message: Box::new(message) },
            Received::Gone(why) => {
                self.links.remove(&link);
                Input::Gone { link, why }
            }
        };
        self.handle(input, at);
    }

    fn arrive(&mut self, joined: AgentLink) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let (hello, peer) = (Box::new(joined.hello.clone()), joined.peer);
        self.arrived.insert(link, joined);
        self.handle(Input::Joined { link, hello, peer }, Instant::now());
    }

    pub(crate) fn handle(&mut self, input: Input, at: Instant) {
        self.latest = self.latest.max(at);
        self.core.handle(input, self.latest, SystemTime::now());
    }

    /// Makes durable what was decided, writes it to the files, and only then lets it be known.
    pub(crate) fn carry_out(&mut self) {
        loop {
            let out = self.core.take_output();
            let closed = std::mem::take(&mut self.arrived);
            if out.is_empty() && closed.is_empty() {
                return;
            }
            let Output { records, seconds, traces, sends, closes } = out;
            let durable = self.commit(&records);
            let written = durable.and_then(|()| self.files.write(&records, &seconds, &traces));
            self.let_in(closed, &closes);
            let failed = written.is_err();
            if let Err(what) = written {
                self.handle(Input::FolderFailed(what), Instant::now());
            }
            for (link, message) in sends {
                // What is not durable is not acknowledged, and nobody gets a right to anything by it.
                if !(failed && matches!(message, ToAgent::Ack { .. } | ToAgent::Lease(_))) {
                    self.send(link, message);
                }
            }
            for (link, _) in closes {
                if let Some(outbox) = self.links.remove(&link) {
                    drop(outbox.close());
                }
            }
        }
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), String> {
        if self.uncommitted.is_empty() {
            let kept = self.store.commit(records);
            return kept.map_err(|error| {
                self.uncommitted.extend_from_slice(records);
                error.to_string()
            });
        }
        self.uncommitted.extend_from_slice(records);
        self.store.commit(&self.uncommitted).map_err(|error| error.to_string())?;
        self.uncommitted.clear();
        Ok(())
    }

    fn let_in(&mut self, arrived: BTreeMap<LinkId, AgentLink>, closes: &[(LinkId, Close)]) {
        for (link, joined) in arrived {
            let refused = closes.iter().find_map(|(closed, how)| match how {
                Close::Refuse(reason) if *closed == link => Some(reason.clone()),
                _ => None,
            });
            if let Some(reason) = refused {
                tokio::spawn(async move { joined.refuse(&reason).await });
            } else {
                self.links.insert(link, Outbox::open(link, joined, self.inbox.0.clone()));
            }
        }
    }

    fn send(&mut self, link: LinkId, message: ToAgent) {
        if self.links.get(&link).is_some_and(|outbox| !outbox.send(message)) {
            self.links.remove(&link).map(Outbox::close);
            self.handle(
                Input::Gone { link, why: "does not read what is sent to it".to_owned() },
                Instant::now(),
            );
        }
    }

    /// Sends everybody home.
    async fn dismiss(&mut self) {
        let run = self.folder.run_id.clone();
        let mut goodbyes = Vec::new();
        for (_, outbox) in std::mem::take(&mut self.links) {
            outbox.send(ToAgent::RunOver { run: run.clone() });
            goodbyes.push(outbox.close());
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

    fn too_few_agents(&self) -> CoordinatorError {
        CoordinatorError::TooFewAgents {
            joined: self.core.present(),
            wanted: self.config.agents_wanted,
            waited_s: self.config.join_timeout.as_secs(),
            address: self.endpoint.local_addr(),
            hints: self.core.failed_joins().iter().map(|reason| format!("; refused: {reason}")).collect(),
        }
    }

    /// Notes a decision of the driver's own.
    pub(crate) fn decide(&mut self, decision: &str, details: serde_json::Value) {
        self.core.decide(decision, details);
        self.carry_out();
    }

    /// What is written before anybody has joined.
    pub(crate) fn created(&mut self) {
        let details = json!({"run_id": self.folder.run_id, "agents_wanted": self.config.agents_wanted});
        self.core.handle(Input::Tick, self.latest, SystemTime::now());
        self.decide("created the run", details);
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

const TICK: Duration = Duration::from_millis(100);
/// Messages of all agents that wait for this task; beyond it, agents are read more slowly.
const INBOX: usize = 1024;
/// Messages that are handled together, and committed once.
const MOST_AT_ONCE: usize = 512;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(3);
