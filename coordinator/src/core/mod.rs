//! The core of a run: a value that decides everything, and does nothing.
//!
//! ```text
//!              ┌───────────────────────── Core ─────────────────────────┐
//! Input, now ──► handle: decides ──► Record ──► State::apply: changes   │
//!              └──┬──────────────────────────────────────────────────┬──┘
//!                 ▼ Output: records ──► committed ──► then: messages ▼
//! ```
//! It knows no clock, no socket, no file and no randomness but the seed that it is given, so a run is replayed from its
//! records, tested by calling it, and simulated with invented time (docs/adr/0011-the-core-of-a-run-is-a-value.md).
//!
//! What records bring back is [`State`]. Links, clock offsets and when an agent last asked for its leases are of this
//! process only: after a restart every agent is away, and every lease counts as renewed at that moment.

mod away;
mod ending;
mod fleet;
mod leases;
mod member;
mod observed;
mod phases;
mod ports;
mod progress;
pub mod record;
mod relay;
mod reports;
mod run_clock;
mod seconds;
mod shard_moves;
mod shown;
mod snapshot;
mod standstill;
mod state;
mod store;
mod takeover;
mod visitor_audit;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use scenarios::{Plan, Schedule};
use serde_json::Value;
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;
use wire::trace_context::{TraceId, TraceParent, trace_of};

pub use crate::merge::Second;
pub use observed::Observed;
pub use ports::{Close, CoreSettings, End, Input, LinkId, Output, ProcessEnd, StopRequest};
pub use record::Record;
pub use store::{MemoryStore, Store, StoreError};

pub(crate) use member::Member;
pub(crate) use state::{Shard, Stage, State, is_supervisor};

use crate::merge::Procedures;
use crate::time::ClockOffset;
use relay::Relay;
use results::{Gap, Phase, ShardMove, Verdict};
use visitor_audit::Audits;

/// One run from the first agent to the account. See the module.
///
/// [`handle`](Self::handle) takes what happens, [`take_output`](Self::take_output) gives what is to be done about it:
/// commit the records of a batch, then send its messages. A restart makes a new one, calls [`apply`](Self::apply) with
/// every committed record, and then handles [`Input::Restarted`].
pub struct Core {
    settings: CoreSettings,
    plan: Plan,
    /// By procedure, of the whole plan.
    planned: BTreeMap<String, u64>,
    /// By shard, for each of its loads.
    planned_of: Vec<Vec<u64>>,
    scenario: String,
    state: State,
    random: StdRng,
    /// The instant of what is handled, by both clocks.
    now: Instant,
    wall: SystemTime,
    /// What instants are counted from, for the agents' clocks.
    base: Instant,
    /// The start of the run.
    start: Option<Instant>,
    /// After a restart the start is known by the wall clock: until then agents may come back that know it better.
    unsure_until: Option<Instant>,
    /// How far off the start may be, since it was taken from the clock of an agent.
    start_error: Duration,
    /// The run's clock shows no less than this, µs.
    floor_us: u64,
    /// The run's clock stands still from here on.
    paused: Option<Instant>,
    /// The operator wants it to go on, as soon as it is known how long it stood still.
    resume_wanted: bool,
    links: BTreeMap<LinkId, usize>,
    presence: Vec<Presence>,
    /// Shards that nobody holds, and since when.
    vacant: BTreeMap<u32, Instant>,
    /// Where the schedules of a shard were last looked up.
    cursors: BTreeMap<u32, Vec<Schedule>>,
    relay: Relay,
    audits: Audits,
    failed_joins: Vec<String>,
    counts: Unmerged,
    phase_since: Instant,
    /// How often shards that wait for the core have lengthened the time for preparing.
    waits: u32,
    clocks_since: Option<Instant>,
    pinged: Instant,
    balanced: Instant,
    drain_until: Option<Instant>,
    folder_failed: bool,
    end: Option<End>,
    out: Output,
}

/// What is known of an agent only while it is there.
struct Presence {
    link: Option<LinkId>,
    clock: ClockOffset,
    /// Its own clock when it last said that it lives, µs.
    asked_us: u64,
    /// When that was received: the grantor's end of its leases.
    asked_at: Instant,
    /// Shards that it has given up by itself, though it is asked to be patient: not extended.
    lapsed: BTreeSet<u32>,
    /// Shards that it could not prepare.
    unable: BTreeSet<u32>,
    /// It was told the start before the coordinator was started again: its clock knows it.
    knows_start: bool,
    /// It has to be told the start again.
    start_due: bool,
    /// It must be gone within this.
    urgent: bool,
    /// When it was told of the present pause, by our clock, µs; and when it had answered since: until then it may have gone on.
    pause_told_us: Option<u64>,
    pause_known: Option<Instant>,
    /// Of what it was told of pauses that have ended, how much it may not have heard, µs; and when that was told, by our clock, µs.
    unheard_us: u64,
    resume_told_us: Option<u64>,
    /// Its process has ended; what it had said last may still be on its way.
    dead: Option<Dead>,
}

/// A process that has ended, and holds shards as long as its last words may come.
struct Dead {
    until: Instant,
    /// The run's clock when it became known, µs.
    dead_us: u64,
    cause: String,
}

/// Reports that were not merged.
#[derive(Clone, Copy, Debug, Default)]
struct Unmerged {
    duplicates: u64,
    old_epoch: u64,
    out_of_order: u64,
}

impl Core {
    /// A run that nobody has joined. `seed` is secret: keys and tokens come from it.
    pub fn new(settings: CoreSettings, plan: Plan, seed: [u8; 32], now: Instant, wall: SystemTime) -> Self {
        let planned = plan.planned().into_iter().map(|(p, n)| (p.name().to_owned(), n)).collect();
        Self {
            planned_of: (0..plan.shards()).map(|shard| plan.shard(shard).planned()).collect(),
            scenario: plan.scenario().to_yaml(),
            state: State::new(&plan),
            planned,
            settings,
            plan,
            random: StdRng::from_seed(seed),
            now,
            wall,
            base: now,
            start: None,
            unsure_until: None,
            start_error: Duration::ZERO,
            floor_us: 0,
            paused: None,
            resume_wanted: false,
            links: BTreeMap::new(),
            presence: Vec::new(),
            vacant: BTreeMap::new(),
            cursors: BTreeMap::new(),
            relay: Relay::default(),
            audits: Audits::default(),
            failed_joins: Vec::new(),
            counts: Unmerged::default(),
            phase_since: now,
            waits: 0,
            clocks_since: None,
            pinged: now,
            balanced: now,
            drain_until: None,
            folder_failed: false,
            end: None,
            out: Output::default(),
        }
    }

    /// Deals with what happened at `now`, which never goes back; `wall` is the same instant by the wall clock.
    pub fn handle(&mut self, input: Input, now: Instant, wall: SystemTime) {
        (self.now, self.wall) = (now, wall);
        if self.state.run.is_empty() {
            let key = self.random.random();
            self.record(Record::Created { run: self.settings.run.clone(), key });
        }
        // What depends on the time, or on every shard, waits for the next tick where messages are many.
        let whole = !matches!(input, Input::Message { .. });
        match input {
            Input::Tick => self.tick(),
            Input::Joined { link, hello, peer } => self.join(link, *hello, peer),
            Input::JoinFailed(reason) => self.join_failed(reason),
            Input::Message { link, message } => self.message(link, *message),
            Input::StoodStill(stood) => self.stood_still(&stood),
            Input::ProcessEnded(end) => self.process_ended_elsewhere(&end),
            Input::Gone { link, why } => self.gone(link, &why),
            Input::Stop(request) => self.stop(request),
            Input::Pause => self.pause(),
            Input::Resume => self.resume(),
            Input::FolderFailed(what) => self.folder_failure(&what),
            Input::Restarted => self.restarted(),
        }
        self.advance(whole);
    }

    /// Changes the state as a record says, and decides nothing.
    pub fn apply(&mut self, record: &Record) {
        self.state.apply(record, &mut self.out.seconds);
    }

    /// What is to be done about everything that was handled since the last call.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.out)
    }

    /// Why there is nothing more to do, when there is not.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    /// What is measured so far, by procedure.
    pub fn figures(&self) -> &Procedures {
        &self.state.totals.procedures
    }

    /// What the plan holds, by procedure.
    pub fn planned(&self) -> &BTreeMap<String, u64> {
        &self.planned
    }

    /// What no agent has accounted for.
    pub fn gaps(&self) -> &[Gap] {
        &self.state.gaps
    }

    /// Shards that moved without a gap.
    pub fn moves(&self) -> &[ShardMove] {
        &self.state.moves
    }

    /// Attempts that were started late because their shard was on its way.
    pub fn shifted(&self) -> u64 {
        self.state.totals.counts.shifted
    }

    /// Who holds this shard, and under which epoch.
    pub fn holder(&self, shard: u32) -> Option<(&str, u64)> {
        let shard = self.state.shards.get(shard as usize)?;
        Some((self.state.agents.get(shard.holder?)?.name.as_str(), shard.epoch))
    }

    /// What the operator should know.
    pub fn warnings(&self) -> &[String] {
        &self.state.warnings
    }

    /// The verdict on what is measured so far: of a run that is over, the one that `summary.json` will hold as far as
    /// billing does not change it. Whether anything was judged at all is said there alone.
    pub fn verdict(&self) -> Verdict {
        let slos = self.slos(&self.measured(self.played()));
        let mut invalid = self.state.invalid.clone();
        invalid.extend(self.doubts());
        let (lateness, limits) = (&self.state.totals.lateness, &self.state.limits);
        invalid.extend(crate::verdict::saturation::assess(lateness, limits, &self.machines(false)).reasons);
        Verdict::of(invalid, self.broken(), &slos)
    }

    /// What fails the run beside its SLOs: a guardrail that broke, a procedure that never succeeded.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = self.state.broken_guardrails.clone();
        broken.extend(self.unexpected_outcomes());
        broken
    }

    /// What never once succeeded, and what did where none was expected to.
    pub(crate) fn unexpected_outcomes(&self) -> Vec<String> {
        crate::verdict::broken(self.plan.scenario(), &self.state.totals.procedures)
    }

    /// Where the run's clock stands still, since the start; `None` while it goes.
    pub fn paused_at(&self) -> Option<Duration> {
        self.state.paused_at_us.map(Duration::from_micros)
    }

    /// Why agents could not join: the first few.
    pub(crate) fn failed_joins(&self) -> &[String] {
        &self.failed_joins
    }

    /// Agents that are connected.
    pub(crate) fn present(&self) -> usize {
        self.connected().count()
    }

    /// Agents that take part, connected or not.
    pub(crate) fn expected(&self) -> usize {
        self.state.agents.iter().filter(|member| !is_supervisor(member) && member.fate.takes_part()).count()
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// One message of one link.
    fn message(&mut self, link: LinkId, message: ToCoordinator) {
        let Some(agent) = self.links.get(&link).copied() else { return };
        if let ToCoordinator::ChildExited { mark, status } = &message {
            return self.child_exited(agent, mark, status);
        }
        if is_supervisor(&self.state.agents[agent]) {
            return self.supervisor_says(agent, &message);
        }
        match message {
            ToCoordinator::Hello(_) => self.distrust(agent, "said hello twice"),
            ToCoordinator::Pong { sent_us, agent_us } => self.pong(agent, sent_us, agent_us),
            ToCoordinator::Ready { shard, epoch } => self.shard_ready(agent, shard, epoch),
            ToCoordinator::CannotPrepare { shard, epoch, error, own } => {
                self.cannot_prepare(agent, shard, epoch, &error, own);
            }
            ToCoordinator::DueAway { to, due } => self.due_away(agent, to, due),
            ToCoordinator::AwayEnded(end) => self.away_ended(end),
            ToCoordinator::Waits { shard, epoch, why } => self.shard_waits(agent, shard, epoch, &why),
            ToCoordinator::Report(report) => self.report(agent, *report),
            ToCoordinator::Health(health) => self.health(agent, health),
            ToCoordinator::Trace(trace) => self.trace(agent, *trace),
            ToCoordinator::Finished { shard, epoch, last_sequence } => {
                self.finished(agent, shard, epoch, last_sequence);
            }
            ToCoordinator::Leaving { reason } => self.leave(agent, reason),
            ToCoordinator::Alive { agent_us } => self.renew(agent, agent_us),
            ToCoordinator::Released { shard, epoch, reports, batches, lapsed } => {
                self.released(agent, shard, epoch, reports, batches, lapsed);
            }
            ToCoordinator::Ues(batch) => self.ues(agent, *batch),
            ToCoordinator::Draining { reason, within_us } => self.agent_drains(agent, reason, within_us),
            ToCoordinator::Visitors { shard, epoch, call, guests } => {
                self.guests(agent, shard, epoch, call, &guests);
            }
            ToCoordinator::ChildExited { .. } => unreachable!("dealt with above"),
        }
    }

    /// Changes the state, and has the change made durable.
    fn record(&mut self, record: Record) {
        self.apply(&record);
        self.out.records.push(record);
    }

    pub(crate) fn decide(&mut self, decision: &str, details: Value) {
        if self.state.decisions < MOST_DECISIONS {
            let run_us = self.start.is_some().then(|| self.run_us());
            let (decision, details) = (decision.to_owned(), details.to_string());
            let wall_us = crate::time::unix_us(self.wall);
            self.record(Record::Decision { wall_us, run_us, decision, details });
        }
    }

    pub(crate) fn warn(&mut self, text: String) {
        tracing::info!("{text}");
        if !self.state.warnings.contains(&text) {
            self.record(Record::Warned(text));
        }
    }

    pub(crate) fn invalidate(&mut self, reason: String) {
        tracing::info!(reason, "the run is invalid");
        self.record(Record::Invalidated(reason));
    }

    fn send(&mut self, agent: usize, message: ToAgent) {
        if let Some(link) = self.presence.get(agent).and_then(|presence| presence.link) {
            self.out.sends.push((link, message));
        }
    }

    /// Numbers of the agents that are connected.
    fn connected(&self) -> impl Iterator<Item = usize> + '_ {
        let agents = self.state.agents.iter().zip(&self.presence).enumerate();
        agents.filter(|(_, (m, p))| p.link.is_some() && !is_supervisor(m)).map(|(agent, _)| agent)
    }

    /// What the agents signal to.
    pub fn target(&self) -> &str {
        &self.settings.target
    }

    /// What began the run, where a pipeline did.
    pub fn trace_parent(&self) -> Option<&TraceParent> {
        self.settings.trace_parent.as_ref()
    }

    /// The trace that spans and logs of the run belong to.
    pub fn trace_id(&self) -> TraceId {
        let parent = self.settings.trace_parent.as_ref();
        parent.map_or_else(|| trace_of(&self.state.key), |parent| parent.trace_id)
    }

    fn name(&self, agent: usize) -> String {
        self.state.agents.get(agent).map(|member| member.name.clone()).unwrap_or_default()
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A peer that keeps misbehaving cannot fill the disk.
const MOST_DECISIONS: u64 = 100_000;
