//! The state of a run. It changes in [`State::apply`] and nowhere else, so that the records of a run make it again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use scenarios::{Plan, Scenario};
use serde::{Deserialize, Serialize};
use wire::to_coordinator::Part;

use super::record::{Fate, Joined, Leased};
use super::{Member, Record};
use crate::merge::Totals;
use crate::merge::{Checked, Merge, Reception};
use crate::merge::{Second, Timeline};
use crate::verdict::{Guard, Measured};
use results::Phase;
use results::{Gap, ShardMove};

/// Everything that a restart must find again.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) run: String,
    /// With it agents seal what a UE takes along to another agent.
    pub(crate) key: [u8; 32],
    pub(crate) phase: Phase,
    pub(crate) agents: Vec<Member>,
    pub(crate) shards: Vec<Shard>,
    pub(crate) merge: Merge,
    pub(crate) totals: Totals,
    pub(crate) timeline: Timeline,
    /// What conditions are read with.
    #[serde(skip)]
    pub(crate) scenario: Option<Arc<Scenario>>,
    /// What the scenario says of them is not stored, but how they stand ([`super::snapshot`]).
    #[serde(skip)]
    pub(crate) guards: Vec<Guard>,
    /// How late the generator may be; of the scenario, and not stored either.
    #[serde(skip)]
    pub(crate) limits: scenarios::Generator,
    pub(crate) broken_guardrails: Vec<String>,
    /// Reports merged.
    pub(crate) merged: u64,
    /// The last complete seconds, for the live view.
    #[serde(skip)]
    pub(crate) window: VecDeque<Arc<Second>>,
    pub(crate) warnings: Vec<String>,
    /// Reasons for which the run proves nothing.
    pub(crate) invalid: Vec<String>,
    /// UNIX time in µs.
    pub(crate) start_wall_us: Option<u64>,
    /// How long the run's clock stood still, without the present pause, µs.
    pub(crate) paused_us: u64,
    /// The run's clock stands still here, µs since the run's start.
    pub(crate) paused_at_us: Option<u64>,
    pub(crate) drain: Option<Draining>,
    pub(crate) gaps: Vec<Gap>,
    /// Gaps beyond [`MOST_KEPT`]: they count, but nobody can read so many.
    pub(crate) gaps_left_out: u64,
    pub(crate) moves: Vec<ShardMove>,
    pub(crate) moves_left_out: u64,
    /// Shards that were lost, in order: what `ShardLost` tells each agent once.
    pub(crate) lost: Vec<u32>,
    /// Lines of the journal.
    pub(crate) decisions: u64,
}

/// Nothing more is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Draining {
    pub(crate) reason: String,
    pub(crate) grace_us: u64,
}

/// One shard, and who has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) stage: Stage,
    /// Who holds it; none while it is vacant.
    pub(crate) holder: Option<usize>,
    /// Grows with each lease of this shard; 0 before the first.
    pub(crate) epoch: u64,
    /// The number of its last report, once the agent has said that there are no more.
    pub(crate) last_sequence: Option<u64>,
    /// How many reports there are under a lease that was given up.
    pub(crate) reports: Option<u64>,
    /// How far its reports have come, µs since the start.
    pub(crate) reported_us: u64,
    /// Where each of its loads stands: attempts below are accounted for, or in flight.
    pub(crate) progress: Vec<u64>,
    /// UEs registered, and PDU sessions open, at the end of the last report.
    pub(crate) registered: u64,
    pub(crate) sessions: u64,
    /// Why nobody has it, while it is vacant; kept until the next holder is ready.
    pub(crate) vacancy: Option<Vacancy>,
}

/// Where a shard is on its way.
///
/// ```text
/// Vacant ──► Preparing ──► Ready ──► Releasing ──► Vacant
///   └──────────┴─────────────┴─ lost ────┴───────► Vacant, or Over
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Nobody holds it.
    #[default]
    Vacant,
    /// Its holder opens associations and makes subscribers.
    Preparing,
    /// It runs, or will when the run begins.
    Ready,
    /// Its holder lets it go.
    Releasing,
    /// Every report is merged, and what is missing accounted for.
    Over,
}

/// How a shard became vacant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Vacancy {
    /// Who had it.
    pub(crate) from: usize,
    /// Why, for people.
    pub(crate) cause: String,
    /// When, µs since the run's start.
    pub(crate) since_us: u64,
    /// The end of the last report before, µs since the run's start.
    pub(crate) reported_us: u64,
    /// Some attempts are unaccounted for: nothing was started later than this, µs since the run's start. `None`: it was
    /// given up with an exact account.
    pub(crate) dead_us: Option<u64>,
}

impl Shard {
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl State {
    pub(crate) fn new(plan: &Plan) -> Self {
        let guards = plan.scenario().guardrails.iter().cloned().map(Guard::new).collect();
        Self {
            run: String::new(),
            key: [0; 32],
            phase: Phase::Joining,
            agents: Vec::new(),
            shards: (0..plan.shards()).map(|_| Shard::default()).collect(),
            merge: Merge::new(plan.shards()),
            totals: Totals::new(),
            timeline: Timeline::default(),
            scenario: Some(Arc::clone(plan.scenario())),
            guards,
            limits: plan.scenario().generator,
            broken_guardrails: Vec::new(),
            merged: 0,
            window: VecDeque::new(),
            warnings: Vec::new(),
            invalid: Vec::new(),
            start_wall_us: None,
            paused_us: 0,
            paused_at_us: None,
            drain: None,
            gaps: Vec::new(),
            gaps_left_out: 0,
            moves: Vec::new(),
            moves_left_out: 0,
            lost: Vec::new(),
            decisions: 0,
        }
    }

    /// Carries out one record. Seconds that it completes are added to `seconds`.
    pub(crate) fn apply(&mut self, record: &Record, seconds: &mut Vec<Arc<Second>>) {
        match record {
            Record::Created { run, key } => (self.run, self.key) = (run.clone(), *key),
            Record::Decision { .. } => self.decisions += 1,
            Record::Joined(joined) => self.joined(joined),
            Record::Fate { agent, fate } => self.fate(*agent, fate),
            Record::Phase(phase) => self.phase = *phase,
            Record::Leased(leased) => self.leased(leased),
            Record::Ready { shard, run_us } => self.ready(*shard, *run_us),
            Record::Started { wall_us } => {
                self.start_wall_us = Some(*wall_us);
                self.merge.begins(*wall_us);
                self.phase = Phase::Running;
            }
            Record::StartTold { agent, at_us, stood_us } => {
                if let Some(member) = self.agents.get_mut(*agent) {
                    member.start_at_us = Some(*at_us);
                    (member.stood_us, member.paused_us) = (*stood_us, *stood_us);
                }
            }
            Record::Report(report) => {
                if let Ok(Reception::Next(ready)) = self.merge.receive(report.as_ref().clone()) {
                    ready.iter().for_each(|checked| self.count(checked));
                }
            }
            Record::Health { agent, health } => {
                if let Some(member) = self.agents.get_mut(*agent) {
                    member.add_health(health);
                    if self.start_wall_us.is_some() {
                        self.timeline.resident(*agent, health.resident_octets);
                    }
                }
            }
            Record::Finished { shard, last_sequence } => {
                if let Some(state) = self.shard(*shard) {
                    state.last_sequence = Some(*last_sequence);
                    self.end_when_merged(*shard);
                }
            }
            Record::Releasing { shard, why } => self.releasing(*shard, why),
            Record::Released { shard, reports, lapsed } => {
                if let Some(state) = self.shard(*shard) {
                    state.reports = Some(*reports);
                    if *lapsed {
                        // Nor are the UEs left that were on their way to it.
                        (state.stage, state.vacancy) = (Stage::Releasing, None);
                    }
                }
            }
            Record::Vacated { shard, run_us } => self.vacated(*shard, *run_us),
            Record::Lost { shard, dead_us, cause } => self.lose(*shard, *dead_us, cause),
            Record::Ended(gap) => self.ended(gap),
            Record::SecondsClosed { before, agents } => self.close_seconds(*before, *agents, seconds),
            Record::Warned(text) => {
                if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(text) {
                    self.warnings.push(text.clone());
                }
            }
            Record::Invalidated(reason) => self.invalid.push(reason.clone()),
            Record::Drain { reason, grace_us } => {
                self.drain = Some(Draining { reason: reason.clone(), grace_us: *grace_us });
                if self.phase == Phase::Running {
                    self.phase = Phase::Draining;
                }
            }
            Record::Paused { run_us } => self.paused_at_us = Some(*run_us),
            Record::Resumed { paused_us } => {
                self.paused_at_us = None;
                self.paused_us += paused_us;
                self.merge.stood_still(self.paused_us);
            }
            Record::UesLost { shard } => self.lose_ues(*shard),
            Record::LossesTold { agent, count } => {
                if let Some(member) = self.agents.get_mut(*agent) {
                    member.losses_told = *count;
                }
            }
            Record::PausesHeard { agent, paused_us } => {
                if let Some(member) = self.agents.get_mut(*agent) {
                    member.paused_us = *paused_us;
                }
            }
            Record::PausesTold { agents, paused_us } => {
                for agent in agents {
                    if let Some(member) = self.agents.get_mut(*agent) {
                        member.paused_us += paused_us;
                    }
                }
            }
        }
    }

    /// A merged report is added to everything that it is about.
    pub(crate) fn count(&mut self, checked: &Checked) {
        let report = &checked.report;
        self.totals.add(checked);
        self.timeline.add(checked);
        self.merged += 1;
        let started = report.procedures.iter().fold(0u64, |sum, p| sum.saturating_add(p.started));
        let Some(state) = self.shards.get_mut(report.shard as usize) else { return };
        state.reported_us = state.reported_us.max(report.to_us);
        state.progress.clone_from(&report.progress);
        if !matches!(state.stage, Stage::Preparing | Stage::Releasing) {
            // A holder that hands its UEs over has none at the end: the next one has them. One that cannot prepare a shard
            // never had them.
            (state.registered, state.sessions) = (report.registered, report.sessions);
        }
        if let Some(member) = state.holder.and_then(|agent| self.agents.get_mut(agent)) {
            member.started(report.shard, started);
            checked.procedures().for_each(|(_, measured)| member.late(&measured.lateness));
            report.standstills.iter().for_each(|stood| member.stood_still(stood));
            member.dropped(report.dropped);
        }
        self.end_when_merged(report.shard);
    }

    fn joined(&mut self, joined: &Joined) {
        let mut member = Member::new(joined.clone());
        // Whoever comes has no guests from shards that were lost before.
        member.losses_told = self.lost.len();
        self.agents.push(member);
    }

    fn fate(&mut self, agent: usize, fate: &Fate) {
        if let Some(member) = self.agents.get_mut(agent) {
            member.fate = fate.clone();
        }
    }

    fn leased(&mut self, leased: &Leased) {
        let Leased { shard, epoch, agent, resume_at, from_us, gap } = leased;
        self.merge.lease(*shard, *epoch);
        let Some(state) = self.shards.get_mut(*shard as usize) else { return };
        state.stage = Stage::Preparing;
        state.holder = Some(*agent);
        state.epoch = *epoch;
        (state.last_sequence, state.reports) = (None, None);
        state.progress.clone_from(resume_at);
        state.reported_us = state.reported_us.max(from_us.unwrap_or_default());
        if let Some(member) = self.agents.get_mut(*agent) {
            member.held.insert(*shard);
            member.ran.insert(*shard);
        }
        if let Some(gap) = gap {
            self.account(gap);
        }
    }

    fn ready(&mut self, shard: u32, run_us: u64) {
        let Some(state) = self.shards.get_mut(shard as usize) else { return };
        state.stage = Stage::Ready;
        let Some(vacancy) = state.vacancy.take() else { return };
        let name = |agent: Option<usize>| {
            agent
                .and_then(|agent| self.agents.get(agent))
                .map(|member| member.name.clone())
                .unwrap_or_default()
        };
        let moved = ShardMove {
            shard,
            from_agent: name(Some(vacancy.from)),
            to_agent: name(state.holder),
            cause: vacancy.cause,
            from_us: vacancy.since_us,
            to_us: run_us,
        };
        if vacancy.dead_us.is_some() {
            let gap = self.gaps.iter_mut().rev().find(|gap| gap.shard == shard);
            if let Some(gap) = gap {
                gap.to_us = gap.to_us.max(run_us);
            }
        } else if self.moves.len() < MOST_KEPT {
            self.moves.push(moved);
        } else {
            self.moves_left_out += 1;
        }
    }

    fn releasing(&mut self, shard: u32, why: &str) {
        let Some(state) = self.shard(shard) else { return };
        state.stage = Stage::Releasing;
        let Some(from) = state.holder else { return };
        let reported_us = state.reported_us;
        state.vacancy =
            Some(Vacancy { from, cause: why.to_owned(), since_us: 0, reported_us, dead_us: None });
    }

    fn vacated(&mut self, shard: u32, run_us: u64) {
        let Some(state) = self.shard(shard) else { return };
        let Some(from) = state.holder.take() else { return };
        state.stage = Stage::Vacant;
        let reported_us = state.reported_us;
        let lapse = || Vacancy {
            from,
            cause: "the lease lapsed".to_owned(),
            since_us: 0,
            reported_us,
            // Its account is exact, so nothing is in flight; what came due since then nobody has started.
            dead_us: Some(0),
        };
        let vacancy = state.vacancy.get_or_insert_with(lapse);
        (vacancy.since_us, vacancy.reported_us) = (run_us, reported_us);
        let lapsed = vacancy.dead_us.is_some();
        self.free(from, shard);
        if lapsed && self.start_wall_us.is_some() {
            self.lost.push(shard);
        }
    }

    fn lose_ues(&mut self, shard: u32) {
        let Some(vacancy) = self.shard(shard).and_then(|state| state.vacancy.as_mut()) else { return };
        vacancy.dead_us = Some(0);
        vacancy.cause.push_str(", and its UEs were lost on the way");
        self.lost.push(shard);
    }

    fn lose(&mut self, shard: u32, dead_us: u64, cause: &str) {
        let Some(state) = self.shard(shard) else { return };
        let Some(from) = state.holder.take() else { return };
        state.stage = Stage::Vacant;
        let (cause, reported_us) = (cause.to_owned(), state.reported_us);
        state.vacancy = Some(Vacancy { from, cause, since_us: dead_us, reported_us, dead_us: Some(dead_us) });
        self.timeline.forget(shard);
        self.free(from, shard);
        if self.start_wall_us.is_some() {
            self.lost.push(shard);
        }
    }

    fn ended(&mut self, gap: &Gap) {
        self.account(gap);
        self.timeline.forget(gap.shard);
        let Some(state) = self.shard(gap.shard) else { return };
        state.stage = Stage::Over;
        if let Some(agent) = state.holder.take() {
            self.free(agent, gap.shard);
        }
    }

    fn account(&mut self, gap: &Gap) {
        self.totals.lose(gap);
        if self.gaps.len() < MOST_KEPT {
            self.gaps.push(gap.clone());
        } else {
            self.gaps_left_out += 1;
        }
    }

    /// A shard is over when its agent says so and every report up to the last is merged.
    fn end_when_merged(&mut self, shard: u32) {
        let next = self.merge.next(shard);
        let Some(state) = self.shard(shard) else { return };
        let Some(last) = state.last_sequence else { return };
        if !state.is_over() && (next > last || (last == 0 && next == 0)) {
            state.stage = Stage::Over;
            if let Some(agent) = state.holder {
                self.free(agent, shard);
            }
        }
    }

    fn close_seconds(&mut self, before: u64, agents: u64, seconds: &mut Vec<Arc<Second>>) {
        let Some(scenario) = self.scenario.clone() else { return };
        for second in self.timeline.close_before(before, agents) {
            let at = Duration::from_secs(second.at_s);
            let measured = Measured {
                scenario: &scenario,
                procedures: &second.procedures,
                parts: &second.parts,
                recovery: second.recovery,
                lateness: &second.lateness,
                span: (at, at + Duration::from_secs(second.for_s)),
                unreconciled: None,
            };
            let late = |lateness| crate::verdict::saturation::is_limited(lateness, &self.limits);
            let limited = late(&second.lateness) || late(&self.totals.lateness);
            let observe = |guard: &mut Guard| guard.observe(second.at_s, &measured, limited);
            let broken = self.guards.iter_mut().filter_map(observe);
            self.broken_guardrails.extend(broken);
            let second = Arc::new(second);
            seconds.push(Arc::clone(&second));
            self.window.push_back(second);
            while self.window.len() > WINDOW {
                self.window.pop_front();
            }
        }
    }

    fn free(&mut self, agent: usize, shard: u32) {
        if let Some(member) = self.agents.get_mut(agent) {
            member.held.remove(&shard);
            member.recent.retain(|(other, _)| *other != shard);
        }
    }

    fn shard(&mut self, shard: u32) -> Option<&mut Shard> {
        self.shards.get_mut(shard as usize)
    }
}

/// A supervisor is a member that holds nothing.
pub(crate) fn is_supervisor(member: &Member) -> bool {
    member.hello.part == Part::Supervisor
}

const WINDOW: usize = 5;
const MOST_WARNINGS: usize = 100;
/// Gaps, and moves, that are kept one by one.
const MOST_KEPT: usize = 2_000;
