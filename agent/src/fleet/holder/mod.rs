//! The agent's side of leases and reports, sans-IO: it survives the loss of its connection and of its coordinator
//! (docs/adr/0012-agents-outlive-their-coordinator.md).

mod departure;
mod leases;
mod messages;
mod reports;
mod run_clock;
mod settings;
mod tenure;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::away::NOBODY_HAS_IT;
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{Hello, Part, Return, ToCoordinator};

pub use crate::worker::{Command, Notice, Order};
use departure::Departure;
use leases::{HeldLease, Parting};
pub use messages::{Input, Left, Output, ReportId};
use reports::Room;
use run_clock::RunClock;
pub use settings::HolderSettings;

/// What an agent holds, and what it owes its coordinator. Inputs and the time go in, outputs come out.
///
/// ```text
///              ┌── Message, Connected, Disconnected ──┐       ┌── Tell(Command) ──► worker ─┐
/// coordinator ─┤                                      ├─ Holder                             ├─ a shard each
///              └────────────── Send ◄─────────────────┘       └◄── Notice ──────── worker ──┘
/// ```
/// - A report is kept until it is acknowledged or its lease is revoked; after a return all that is kept is sent again,
///   in order, before anything later of its lease.
/// - A lease that has ended by the agent's clock is not renewed any more; an epoch that is not higher than the last one
///   of its shard is not taken.
/// - How a lease ended is repeated at each return, until the coordinator has answered something that was sent later.
/// - The agent's clock is the time since the holder was made, µs; the driver gives it a clock that goes on in suspension.
#[derive(Debug)]
pub struct Holder {
    settings: HolderSettings,
    base: Instant,
    run: Option<String>,
    identity: Option<Welcome>,
    clock: Option<RunClock>,
    leases: BTreeMap<(u32, u64), HeldLease>,
    /// The highest epoch of each shard: lower ones are fenced.
    fences: BTreeMap<u32, u64>,
    /// Live shards of each worker.
    dealt: Vec<usize>,
    room: Room,
    away_since: Option<Instant>,
    next_alive: Instant,
    alive_interval: Duration,
    departure: Option<Departure>,
    left: bool,
    traces_dropped: u64,
    /// The number of the last loss that the coordinator told.
    losses: u64,
}

impl Holder {
    /// Holds nothing, and is not connected.
    pub fn new(settings: HolderSettings, now: Instant) -> Self {
        Self {
            base: now,
            run: None,
            identity: None,
            clock: None,
            leases: BTreeMap::new(),
            fences: BTreeMap::new(),
            dealt: vec![0; settings.workers.max(1)],
            room: Room::new(settings.memory, settings.disk, settings.window),
            away_since: Some(now),
            next_alive: now,
            alive_interval: LONGEST_ALIVE,
            departure: None,
            left: false,
            traces_dropped: 0,
            losses: 0,
            settings,
        }
    }

    /// What the agent says first on a new connection.
    pub fn hello(&self, now: Instant) -> Hello {
        let part = match (&self.run, &self.identity) {
            (Some(run), Some(identity)) => Part::Returning(Box::new(Return {
                run: run.clone(),
                agent: identity.agent.clone(),
                token: identity.token,
                held: self.leases.iter().map(|(&(shard, epoch), leased)| leased.held(shard, epoch)).collect(),
                losses: self.losses,
                paused_us: self.clock.as_ref().map_or(0, RunClock::paused_us),
            })),
            _ => Part::Agent,
        };
        Hello {
            name: self.settings.name.clone(),
            program: self.settings.program.clone(),
            workers: u32::try_from(self.dealt.len()).unwrap_or(u32::MAX),
            agent_us: self.clock_us(now),
            part,
            mark: self.settings.mark,
            belongs: self.settings.belongs.clone(),
        }
    }

    /// Takes in what has happened. After [`Output::Leave`] nothing happens any more.
    pub fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Output>) {
        if self.left {
            return;
        }
        self.lapse(now);
        match input {
            Input::Connected(welcome) => self.connected(welcome, now, out),
            Input::Disconnected => self.disconnected(now),
            Input::Message(message) => self.handle_message(message, now, out),
            Input::Notice(notice) => self.take_notice(notice, now, out),
            Input::Interrupted { reason, within } => self.interrupted(reason, within, now, out),
            Input::Spooled { id, returned } => self.spooled(id, returned, now, out),
            Input::Fetched { id, report } => self.fetched(id, report, now, out),
            Input::Tick => {}
        }
        self.give_back(now, out);
        self.start_shards(out);
        self.send_alive(now, out);
        self.leave_if_due(now, out);
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.left {
            return None;
        }
        let connected = self.room.connected;
        let ends = self.leases.values().filter(|leased| leased.is_renewable()).map(|leased| leased.until);
        let awaited = self.leases.values().filter_map(HeldLease::awaits_until);
        let alive = connected.then_some(self.next_alive);
        let departure = self.departure.as_ref().and_then(|departure| departure.next_deadline(connected));
        ends.chain(awaited).chain(alive).chain(departure).chain(self.patient_until()).min()
    }

    /// Whether the coordinator is answering.
    pub fn is_connected(&self) -> bool {
        self.room.connected
    }

    /// Shards that it holds, or of which it still owes reports.
    pub fn shards(&self) -> usize {
        self.leases.len()
    }

    /// Whether it hands over what it holds, to leave.
    pub fn is_leaving(&self) -> bool {
        self.departure.is_some()
    }

    /// Reports that are not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.leases.values().map(|leased| leased.reports.waiting() as u64).sum()
    }

    /// Reports that were lost for want of room.
    pub fn reports_dropped(&self) -> u64 {
        self.room.dropped
    }

    /// Packets of traces that were lost for want of a connection.
    pub fn traces_dropped(&self) -> u64 {
        self.traces_dropped
    }

    /// Octets of reports on disk.
    pub fn spooled_octets(&self) -> u64 {
        self.room.disk_octets()
    }

    fn connected(&mut self, welcome: Welcome, now: Instant, out: &mut Vec<Output>) {
        if self.run.is_some() && !welcome.returned {
            // We are new to it: what we held is not ours any more.
            self.forget_run(out);
        }
        self.identity = Some(welcome);
        self.room.set_connected(true);
        self.away_since = None;
        self.next_alive = now;
        if let Some(departure) = &mut self.departure {
            departure.progressed(now);
            out.push(Output::Send(departure.message(now)));
        }
        for (&(shard, epoch), leased) in &mut self.leases {
            leased.rewind();
            if leased.is_live() && leased.ready {
                out.push(Output::Send(ToCoordinator::Ready { shard, epoch }));
            }
        }
        self.send_all(now, out);
    }

    fn disconnected(&mut self, now: Instant) {
        self.room.set_connected(false);
        self.away_since.get_or_insert(now);
        self.leases.values_mut().for_each(HeldLease::rewind);
    }

    fn handle_message(&mut self, message: ToAgent, now: Instant, out: &mut Vec<Output>) {
        match message {
            ToAgent::Welcome(_) => tracing::warn!("welcomed twice"),
            ToAgent::Ping { sent_us } => {
                let agent_us = self.clock_us(now);
                self.send(ToCoordinator::Pong { sent_us, agent_us }, out);
            }
            ToAgent::Lease(lease) => self.lease(lease, now, out),
            ToAgent::Renew { asked_us, valid_us, leases } => {
                self.renew(asked_us, valid_us, &leases, now, out)
            }
            ToAgent::Ack { shard, epoch, sequence } => self.acknowledged(shard, epoch, sequence, now, out),
            ToAgent::Start { run, at_us, wall_us, paused_at_us } if self.is_run(&run) => {
                let at = self.instant_of_run(at_us);
                // A returning agent has started already, and goes on.
                if self.clock.is_none() {
                    tracing::info!(run_id = run, "starting");
                    self.clock =
                        Some(RunClock::new(at, wall_us, paused_at_us.map(|at| self.instant_of_run(at))));
                }
            }
            ToAgent::Pause { run, at_us } if self.is_run(&run) => {
                let at = self.instant_of_run(at_us);
                if self.clock.as_mut().is_some_and(|clock| clock.pause(at)) {
                    self.tell_started(&Order::Pause { at }, out);
                }
            }
            ToAgent::Resume { run, at_us, paused_us } if self.is_run(&run) => {
                let (at, paused) = (self.instant_of_run(at_us), Duration::from_micros(paused_us));
                if self.clock.as_mut().is_some_and(|clock| clock.resume(paused)) {
                    self.tell_started(&Order::Resume { at, paused }, out);
                }
            }
            ToAgent::Release { shard, epoch, settle_us } => {
                self.release(shard, epoch, Duration::from_micros(settle_us), now, out);
            }
            ToAgent::Revoke { shard, epoch } => self.revoke(shard, epoch, now, out),
            ToAgent::Ues(batch) => self.adopt(batch, now, out),
            ToAgent::ShardLost { shard, number, late } => {
                self.losses = self.losses.max(number);
                self.tell_live(&Order::ShardLost { lost: shard, number, late }, out);
            }
            ToAgent::AuditVisitors { call } => self.tell_live(&Order::VisitorAudit { call }, out),
            ToAgent::DueAway { to, due } => match self.live_lease_of(to) {
                Some((worker, epoch)) => tell(worker, to, epoch, Order::DueAway(due), out),
                None => self.send(ToCoordinator::AwayEnded(due.not_begun(NOBODY_HAS_IT)), out),
            },
            ToAgent::AwayEnded(end) => {
                if let Some((worker, epoch)) = self.live_lease_of(end.home) {
                    tell(worker, end.home, epoch, Order::AwayEnded(end), out);
                }
            }
            ToAgent::FoundAway { shard, call, found } => {
                let of_shard = self.leases.range((shard, 0)..=(shard, u64::MAX));
                if let Some((&(_, epoch), leased)) = of_shard.rev().find(|(_, leased)| leased.is_live()) {
                    tell(leased.worker, shard, epoch, Order::FoundAway { call, found }, out);
                }
            }
            ToAgent::Drain { reason, grace_us } => {
                self.tell_live(&Order::Drain { reason, grace: Duration::from_micros(grace_us) }, out);
            }
            ToAgent::RunOver { run } if self.run.is_none() || self.is_run(&run) => {
                tracing::info!(run_id = run, "the run is over");
                self.forget_run(out);
                self.leave(Left::RunOver, out);
            }
            ToAgent::Start { run, .. }
            | ToAgent::Pause { run, .. }
            | ToAgent::Resume { run, .. }
            | ToAgent::RunOver { run } => tracing::warn!(run_id = run, "this is about another run"),
        }
    }

    fn take_notice(&mut self, notice: Notice, now: Instant, out: &mut Vec<Output>) {
        match notice {
            Notice::Ready { shard, epoch } => {
                let live = self.leases.get_mut(&(shard, epoch)).filter(|leased| leased.is_live());
                if let Some(leased) = live {
                    leased.ready = true;
                    self.send(ToCoordinator::Ready { shard, epoch }, out);
                }
            }
            Notice::Ask { to, due } => match self.live_lease_of(to) {
                Some((worker, epoch)) => tell(worker, to, epoch, Order::DueAway(due), out),
                None => self.send(ToCoordinator::DueAway { to, due }, out),
            },
            Notice::Answer(end) => match self.live_lease_of(end.home) {
                Some((worker, epoch)) => tell(worker, end.home, epoch, Order::AwayEnded(end), out),
                None => self.send(ToCoordinator::AwayEnded(end), out),
            },
            Notice::Waits { shard, epoch, why } => self.send(ToCoordinator::Waits { shard, epoch, why }, out),
            Notice::CannotPrepare { shard, epoch, error, own } => {
                self.part(shard, epoch, Parting::CannotPrepare { error, own }, now, out);
            }
            Notice::Report(report) => self.report(report, now, out),
            Notice::Trace(trace) if self.room.connected => self.send(ToCoordinator::Trace(trace), out),
            Notice::Trace(trace) => self.traces_dropped += trace.packets.len() as u64,
            Notice::Ues(batch) => {
                if let Some(leased) = self.leases.get_mut(&(batch.shard, batch.epoch)) {
                    leased.exported.push(*batch);
                }
            }
            Notice::Visitors { shard, epoch, call, visitors } => {
                self.send(ToCoordinator::Visitors { shard, epoch, call, guests: visitors }, out);
            }
            Notice::Finished { shard, epoch } => self.part(shard, epoch, Parting::Finished, now, out),
            Notice::Released { shard, epoch, lapsed } => {
                self.part(shard, epoch, Parting::Released { lapsed }, now, out);
            }
        }
    }

    fn interrupted(&mut self, reason: String, within: Option<Duration>, now: Instant, out: &mut Vec<Output>) {
        tracing::info!(reason, ?within, "handing over");
        let message = match &mut self.departure {
            Some(departure) => {
                departure.again(reason, within, now);
                departure.message(now)
            }
            none => none.insert(Departure::new(reason, within, self.settings.export, now)).message(now),
        };
        if !self.leases.is_empty() {
            self.send(message, out);
        }
    }

    fn send_alive(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.room.connected && self.next_alive <= now {
            self.next_alive = now + self.alive_interval;
            out.push(Output::Send(ToCoordinator::Alive { agent_us: self.clock_us(now) }));
        }
    }

    fn leave_if_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.patient_until().is_some_and(|until| until <= now) {
            return self.leave(Left::NobodyAnswers, out);
        }
        let Some(departure) = &mut self.departure else { return };
        if self.clock.as_ref().is_some_and(RunClock::is_paused) {
            // Nothing moves while the run stands still, and nothing is missed.
            departure.progressed(now);
        }
        let all_announced = self.leases.values().all(HeldLease::is_announced);
        let why = if all_announced && (self.room.connected || self.leases.is_empty()) {
            Left::HandedOver
        } else if departure.is_out_of_time(now) {
            Left::OutOfTime
        } else {
            if self.room.connected && departure.is_left_alone(now) {
                departure.alone = true;
                let order = Order::Drain { reason: "agent-shut-down".to_owned(), grace: SHUT_DOWN_GRACE };
                self.tell_live(&order, out);
            }
            return;
        };
        let reason = departure.reason().to_owned();
        self.send(ToCoordinator::Leaving { reason }, out);
        self.leave(why, out);
    }

    fn leave(&mut self, why: Left, out: &mut Vec<Output>) {
        self.left = true;
        out.push(Output::Leave(why));
    }

    /// When the agent gives up that its coordinator comes back: never while a lease is valid.
    fn patient_until(&self) -> Option<Instant> {
        let patience = match self.departure {
            Some(_) => self.settings.patience.min(DEPARTING_PATIENCE),
            None => self.settings.patience,
        };
        let valid =
            self.leases.values().filter(|leased| leased.is_renewable()).map(|leased| leased.until).max();
        let until = self.away_since?.checked_add(patience)?;
        Some(valid.map_or(until, |valid| valid.max(until)))
    }

    /// Nothing of the run is ours any more.
    fn forget_run(&mut self, out: &mut Vec<Output>) {
        for ((shard, epoch), mut leased) in std::mem::take(&mut self.leases) {
            leased.reports.forget(shard, epoch, &mut self.room, out);
            tell(leased.worker, shard, epoch, Order::Revoke, out);
        }
        self.dealt.fill(0);
        self.fences.clear();
        (self.run, self.clock, self.losses) = (None, None, 0);
    }

    /// The worker of a shard that runs here, and its lease.
    fn live_lease_of(&self, shard: u32) -> Option<(usize, u64)> {
        let of_shard = self.leases.range((shard, 0)..=(shard, u64::MAX));
        let live = of_shard.rev().find(|(_, leased)| leased.is_live());
        live.map(|(&(_, epoch), leased)| (leased.worker, epoch))
    }

    fn forget_what_is_over(&mut self) {
        self.leases.retain(|_, leased| !leased.is_over());
    }

    fn send_all(&mut self, now: Instant, out: &mut Vec<Output>) {
        let now_us = self.clock_us(now);
        for (&(shard, epoch), leased) in &mut self.leases {
            leased.send(shard, epoch, &mut self.room, now_us, out);
        }
    }

    fn tell_live(&self, order: &Order, out: &mut Vec<Output>) {
        for (&(shard, epoch), leased) in self.leases.iter().filter(|(_, leased)| leased.is_live()) {
            tell(leased.worker, shard, epoch, order.clone(), out);
        }
    }

    fn tell_started(&self, order: &Order, out: &mut Vec<Output>) {
        let started = |(_, leased): &(&(u32, u64), &HeldLease)| leased.is_live() && leased.started;
        for (&(shard, epoch), leased) in self.leases.iter().filter(started) {
            tell(leased.worker, shard, epoch, order.clone(), out);
        }
    }

    fn send(&self, message: ToCoordinator, out: &mut Vec<Output>) {
        if self.room.connected {
            out.push(Output::Send(message));
        }
    }

    fn count(&mut self, worker: usize, more: bool) {
        if let Some(dealt) = self.dealt.get_mut(worker) {
            *dealt = if more { *dealt + 1 } else { dealt.saturating_sub(1) };
        }
    }

    fn is_run(&self, run: &str) -> bool {
        self.run.as_deref() == Some(run)
    }

    /// An instant of the agent's clock. What is absurdly far away is cut off.
    fn instant(&self, agent_us: u64) -> Instant {
        self.base + Duration::from_micros(agent_us.min(LATEST_US))
    }

    /// The start of a run, or a pause of it, which may lie before this agent began: in two's complement then.
    fn instant_of_run(&self, at_us: u64) -> Instant {
        let before = at_us.cast_signed().min(0).unsigned_abs();
        if before == 0 || before > LATEST_US {
            return self.instant(at_us);
        }
        self.base.checked_sub(Duration::from_micros(before)).unwrap_or(self.base)
    }

    fn clock_us(&self, now: Instant) -> u64 {
        crate::time::micros(now.saturating_duration_since(self.base))
    }
}

fn tell(worker: usize, shard: u32, epoch: u64, order: Order, out: &mut Vec<Output>) {
    out.push(Output::Tell { worker, command: Command { shard, epoch, order } });
}

const LONGEST_ALIVE: Duration = Duration::from_secs(1);
/// A hundred years, µs.
const LATEST_US: u64 = 100 * 365 * 24 * 3600 * 1_000_000;
/// How long what is in flight may take when an interrupted agent ends its shards itself.
const SHUT_DOWN_GRACE: Duration = Duration::from_secs(5);
/// How long an interrupted agent waits for a coordinator that is away, once no lease is valid any more.
const DEPARTING_PATIENCE: Duration = Duration::from_secs(60);
