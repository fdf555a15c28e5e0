//! Drives the core of a run: links, files and the store around a value that decides.
//!
//! ```text
//! links ──► inbox ──► Core::handle ──► files, records ──► store's thread ──► messages ──► links
//! ```
//! One task owns all of it. What waits in the inbox is handled together and committed once; nothing is sent before what it
//! rests on is durable ([`release`]). The disk's time is not the task's: meanwhile it handles what comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use results::{Phase, Progress, Summary};
use scenarios::Plan;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::Instrument as _;
use wire::AgentLink;
use wire::standstill::Watch;
use wire::to_agent::ToAgent;

use crate::admission::{Claim, FromAgent, Joined, Received, Roster};
use crate::control::{Ordered, Server};
use crate::core::{Core, End, Input, ProcessEnd, StopRequest};
use crate::folder::{Files, RunFolder};
use crate::reconcile::Network;
use crate::spans::Onlooker;
use crate::store::{Committed, Committer, SqliteStore};
use crate::time::SteadyClock;

mod account;
mod config;
mod coordinator;
mod fleet;
mod inputs;
mod links;
mod orders;
mod release;
mod restart;

use account::Account;
pub use config::{CoordinatorConfig, CoordinatorError, RunConfig};
pub use coordinator::Coordinator;
pub use fleet::{Fleet, Orders, RunHandle};
use links::Links;
use release::Durability;
pub use restart::Interrupted;
use restart::RunInputs;

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The run folder.
    pub folder: PathBuf,
    /// What `summary.json` holds.
    pub summary: Summary,
}

/// One run, and everything that it does to the world.
pub(crate) struct Run {
    config: RunConfig,
    core: Core,
    folder: RunFolder,
    clock: SteadyClock,
    files: Files,
    /// The target is run beside the agents, on this machine.
    embedded: bool,
    progress: watch::Sender<Progress>,
    durability: Durability,
    /// Another process made the folder.
    was_resumed: bool,
    /// After a restart: so long the agents of a run that is over have to come back.
    returning_until: Option<Instant>,
    orders: mpsc::Receiver<Ordered>,
    ordering: mpsc::Sender<Ordered>,
    control: Option<Server>,
    links: Links,
    latest: Instant,
    shown_at: Instant,
    observed_at: Option<Instant>,
    /// Who makes spans of the run.
    onlooker: Option<Onlooker>,
    /// Messages since the last tick.
    received: u32,
    /// There are so many that they are gathered, and not looked at before this.
    is_busy: bool,
    together_at: Instant,
    /// Its place in the fleet.
    claim: Claim,
    /// Of processes that supervisors of other runs watch over.
    ends: mpsc::Receiver<ProcessEnd>,
    /// Where the agents are in this process: whether it stands still, and as far as the core was told.
    watch: Option<(Arc<Watch>, u64)>,
}

enum Event {
    Tick,
    Joined(Box<Joined>),
    FromAgent(FromAgent),
    Stop(StopRequest),
    ProcessEnded(ProcessEnd),
    Committed(Committed),
    Ordered(Ordered),
}

impl Run {
    /// Makes the run folder and lets agents join.
    pub(crate) fn new(
        config: RunConfig,
        roster: &Roster,
        alone: bool,
        progress: watch::Sender<Progress>,
        plan: Plan,
    ) -> Result<Self, CoordinatorError> {
        let folder = match &config.folder {
            Some(folder) => folder.clone(),
            None => RunFolder::create(&config.out, config.run_id.as_deref(), &plan.scenario().name)?,
        };
        // A run that cannot begin leaves nothing.
        let begun = Self::begin(config, roster, alone, progress, plan, folder.clone());
        begun.inspect_err(|_| folder.abandon())
    }

    fn begin(
        config: RunConfig,
        roster: &Roster,
        alone: bool,
        progress: watch::Sender<Progress>,
        plan: Plan,
        folder: RunFolder,
    ) -> Result<Self, CoordinatorError> {
        let files = Files::begin(&folder, config.kept(), lasts(&plan))?;
        let inputs = RunInputs::of(&config, &plan, &folder.run_id);
        let store =
            SqliteStore::create(&folder.path.join(STORE), &inputs).map_err(CoordinatorError::Store)?;
        let wall = SteadyClock::open(&folder.path).now();
        let core =
            Core::new(inputs.settings(config.spans_share()), plan, rand::random(), Instant::now(), wall);
        let claim = roster.claim(&folder.run_id, config.agents_wanted, config.agents_like.clone(), alone);
        let mut run = Self::with(config, claim, progress, folder, files, store, core)?;
        inputs::write(&run.core, &run.folder, &run.config)?;
        run.created();
        run.be_looked_on(false);
        run.carry_out();
        run.show();
        Ok(run)
    }

    /// Opens the ways in and out, around a core.
    fn with(
        config: RunConfig,
        mut claim: Claim,
        progress: watch::Sender<Progress>,
        folder: RunFolder,
        files: Files,
        store: SqliteStore,
        core: Core,
    ) -> Result<Self, CoordinatorError> {
        let (store, committed) =
            Committer::start(Box::new(store)).map_err(|source| CoordinatorError::Thread { source })?;
        let (ordering, orders) = mpsc::channel(16);
        let control = Server::open(&folder.path, progress.subscribe(), ordering.clone());
        let control = control.inspect_err(|error| {
            tracing::warn!(%error, "the run has no control socket: it cannot be watched, paused or stopped from elsewhere");
        });
        let (now, embedded) = (Instant::now(), config.network.is_some());
        let watch = config.agents_inside.then(Watch::of_this_process);
        Ok(Self {
            watch: watch.map(|watch| (Arc::clone(&watch), watch.now())),
            core,
            config,
            clock: SteadyClock::open(&folder.path),
            folder,
            files,
            embedded,
            progress,
            durability: Durability::new(store, committed),
            was_resumed: false,
            returning_until: None,
            orders,
            ordering,
            control: control.ok(),
            links: Links::new(),
            latest: now,
            shown_at: now,
            observed_at: None,
            onlooker: None,
            received: 0,
            is_busy: false,
            together_at: now,
            ends: claim.process_ends(),
            claim,
        })
    }

    /// Where orders of the operator go in.
    fn ordering(&self) -> mpsc::Sender<Ordered> {
        self.ordering.clone()
    }

    /// Plays the run and writes its folder.
    pub(crate) async fn until_the_end(
        self,
        stop: watch::Receiver<StopRequest>,
    ) -> Result<RunOutcome, CoordinatorError> {
        let (run_id, trace_id) = (&self.folder.run_id, hex::encode(self.core.trace_id()));
        // At a level that no filter leaves out: it is what warnings are about.
        let within =
            tracing::error_span!("run", run_id, trace_id, scenario = self.core.plan().scenario().name);
        self.play(stop).instrument(within).await
    }

    async fn play(mut self, mut stop: watch::Receiver<StopRequest>) -> Result<RunOutcome, CoordinatorError> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut source = Source { ticks, stop: &mut stop, stop_open: true };
        while self.core.end().is_none() || self.awaits_returning() {
            self.step(&mut source).await;
        }
        self.notice_standstills();
        self.settle().await;
        self.dismiss().await;
        if self.core.end() == Some(End::TooFewAgents) {
            let error = self.too_few_agents();
            release::finish_store(self.durability.store.take(), &self.folder)
                .map_err(CoordinatorError::Store)?;
            if !self.was_resumed {
                self.folder.abandon();
            }
            return Err(error);
        }
        let mut account = self.into_account();
        account.close_network().await;
        Ok(account.draw_up())
    }

    fn into_account(self) -> Account {
        Account {
            core: self.core,
            files: self.files,
            folder: self.folder,
            clock: self.clock,
            store: self.durability.store,
            config: self.config,
            embedded: self.embedded,
            control: self.control,
            progress: self.progress,
            network: Network::default(),
            onlooker: self.onlooker,
        }
    }

    /// Who makes spans is told that the run is there.
    fn be_looked_on(&mut self, resumed: bool) {
        let sink = self.config.spans.clone();
        self.onlooker = sink.map(|sink| Onlooker::of(sink, &self.core, resumed));
    }

    /// A few times a second, and each new phase at once.
    fn show_now_and_then(&mut self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.shown_at) >= BETWEEN_LOOKS
            || self.progress.borrow().phase != self.core.phase()
        {
            self.shown_at = now;
            self.show();
        }
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.look(&self.core, self.files.wall());
        }
        let Some(observers) = &self.config.observers else { return };
        if self.observed_at.is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_OBSERVATIONS) {
            self.observed_at = Some(now);
            observers.send_replace(Arc::new(self.core.observed()));
        }
    }

    /// Publishes where the run is.
    fn show(&self) {
        self.progress.send_replace(self.core.progress());
    }

    /// A run that was over when its coordinator died: its agents come to hear it.
    fn awaits_returning(&self) -> bool {
        self.returning_until.is_some_and(|until| Instant::now() < until)
            && self.core.present() < self.core.expected()
    }

    /// Waits for something to happen, and deals with all that has.
    async fn step(&mut self, source: &mut Source<'_>) {
        let waits = self.together_at > Instant::now();
        let event = tokio::select! {
            biased;
            changed = source.stop.changed(), if source.stop_open => {
                source.stop_open = changed.is_ok();
                Event::Stop(*source.stop.borrow_and_update())
            }
            _ = source.ticks.tick() => Event::Tick,
            Some(joined) = self.claim.next() => Event::Joined(Box::new(joined)),
            Some(end) = self.ends.recv() => Event::ProcessEnded(end),
            Some(committed) = self.durability.committed.recv() => Event::Committed(committed),
            Some(ordered) = self.orders.recv() => Event::Ordered(ordered),
            () = tokio::time::sleep_until(self.together_at.into()), if waits => return,
            // A disk that is slower than the agents makes them wait.
            Some(message) = self.links.inbox.recv(), if !waits && self.durability.pending.len() < MOST_PENDING => Event::FromAgent(message),
        };
        let mut show = false;
        match event {
            Event::Tick => {
                self.notice_standstills();
                self.handle(Input::Tick, Instant::now());
                self.is_busy = std::mem::take(&mut self.received) >= MANY;
                let phase = self.core.phase();
                self.claim.present(
                    self.core.present(),
                    matches!(phase, Phase::Joining | Phase::Preparing | Phase::Running),
                );
                show = true;
            }
            Event::Joined(joined) => match *joined {
                Ok(link) => self.arrive(link),
                Err(reason) => self.handle(Input::JoinFailed(reason), Instant::now()),
            },
            Event::ProcessEnded(end) => self.handle(Input::ProcessEnded(end), Instant::now()),
            Event::FromAgent(first) => {
                if self.is_busy {
                    self.together_at = Instant::now() + TOGETHER;
                }
                self.receive(first);
                for _ in 1..MOST_AT_ONCE {
                    let Ok(next) = self.links.inbox.try_recv() else { break };
                    self.receive(next);
                }
            }
            Event::Stop(request) => self.handle(Input::Stop(request), Instant::now()),
            Event::Committed(committed) => self.durable(committed),
            Event::Ordered(ordered) => self.carry_out_order(ordered),
        }
        self.carry_out();
        if show {
            self.show_now_and_then();
            self.checkpoint_when_due();
        }
    }

    fn notice_standstills(&mut self) {
        let Some((watch, told)) = &mut self.watch else { return };
        for stood in watch.since(told) {
            // What came meanwhile waits in the inbox: the run's clock has gone on all the same.
            self.handle(Input::StoodStill(stood), Instant::now());
        }
    }

    fn receive(&mut self, FromAgent { link, at, what }: FromAgent) {
        self.received += 1;
        let input = match what {
            Received::Message(message) => {
                if let Some(end) = self.core.process_of_another_run(link, &message) {
                    self.claim.tell_others(&end);
                }
                Input::Message { link, message: Box::new(message) }
            }
            Received::Gone(why) => {
                self.links.open.remove(&link);
                Input::Gone { link, why }
            }
        };
        self.handle(input, at);
    }

    fn arrive(&mut self, joined: AgentLink) {
        let (hello, peer) = (Box::new(joined.hello.clone()), joined.peer);
        tracing::info!(name = hello.name, %peer, certificate = joined.certificate, "an agent has joined");
        let link = self.links.arrive(joined);
        self.handle(Input::Joined { link, hello, peer }, Instant::now());
    }

    fn handle(&mut self, input: Input, at: Instant) {
        self.latest = self.latest.max(at);
        self.core.handle(input, self.latest, self.clock.now());
    }

    /// Sends everybody home.
    async fn dismiss(&mut self) {
        let run = self.folder.run_id.clone();
        let mut goodbyes = Vec::new();
        for (_, outbox) in std::mem::take(&mut self.links.open) {
            outbox.send(ToAgent::RunOver { run: run.clone() });
            goodbyes.push(outbox.close());
        }
        let all = async {
            for goodbye in goodbyes {
                let _ = goodbye.await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, all).await;
        self.claim.give_up().await;
    }

    fn too_few_agents(&self) -> CoordinatorError {
        CoordinatorError::TooFewAgents {
            joined: self.core.present(),
            wanted: self.config.agents_wanted,
            waited_s: self.config.join_timeout.as_secs(),
            address: self.claim.local_addr(),
            hints: self.core.failed_joins().iter().map(|reason| format!("; refused: {reason}")).collect(),
        }
    }

    /// What is written before anybody has joined.
    fn created(&mut self) {
        let details = json!({"run_id": self.folder.run_id, "agents_wanted": self.config.agents_wanted});
        self.core.handle(Input::Tick, self.latest, self.clock.now());
        self.core.decide("created the run", details);
        self.carry_out();
    }
}

struct Source<'a> {
    ticks: tokio::time::Interval,
    stop: &'a mut watch::Receiver<StopRequest>,
    stop_open: bool,
}

/// How long a run may last.
fn lasts(plan: &Plan) -> Duration {
    plan.duration() + plan.scenario().drain
}

/// What a restart needs, in the run folder.
pub(crate) const STORE: &str = "journal.sqlite";
const TICK: Duration = Duration::from_millis(100);
/// Messages that are handled together, and committed once.
const MOST_AT_ONCE: usize = 512;
/// Messages in a tick from which on they are gathered: each time that this task is woken, and each commit, costs as much as
/// several of them.
const MANY: u32 = 100;
/// How long they are gathered.
const TOGETHER: Duration = Duration::from_millis(25);
/// Groups of records on their way to the disk; beyond them, agents are not read.
const MOST_PENDING: usize = 64;
/// An agent that has lost its coordinator tries again more often than this.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);
/// A picture of a large fleet is dear, and nobody sees more of them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);
/// Every histogram is copied for it.
const BETWEEN_OBSERVATIONS: Duration = Duration::from_secs(1);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(3);
