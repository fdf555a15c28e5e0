//! A worker: one thread with its own SCTP endpoint and its own shards. Nothing of it is shared or locked.
//!
//! It reads the clock again after every few messages, so that an attempt that is due meanwhile leaves on time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use scenarios::Plan;
use sctp::{Address, AssociationId, Endpoint, Event, Waker};
use tokio::sync::mpsc::UnboundedSender;
use wire::to_agent::Lease;
use wire::to_coordinator::{IntervalReport, Trace};

use crate::gtpu_port::{Datagram, GtpuPort};
use crate::health::{WorkerHealth, thread_cpu_time};
use crate::recorder::{micros, new_histogram};
use crate::shard::{ShardAction, ShardRunner};
use crate::user_plane::UserPlaneEnd;

/// What a worker is told.
pub(crate) enum Command {
    /// Prepare a shard.
    Lease {
        lease: Box<Lease>,
        plan: Arc<Plan>,
        target: Box<Address>,
        until: Instant,
        /// Where its sessions have their tunnels, and its number among the agent's shards.
        user_plane: Option<(GtpuPort, u32)>,
    },
    /// The lease of a shard is valid until then.
    Renew { shard: u32, epoch: u64, until: Instant },
    /// Start every shard of this run.
    Start {
        at: Instant,
        /// What the wall clock says then, UNIX time in µs.
        wall_us: u64,
    },
    /// Start nothing more; abandon what is in flight after the grace.
    Drain { reason: String, grace: Duration },
}

/// What a worker has to say.
pub(crate) enum Notice {
    Ready {
        shard: u32,
        epoch: u64,
    },
    CannotPrepare {
        shard: u32,
        epoch: u64,
        error: String,
    },
    Report(Box<IntervalReport>),
    Health(Box<WorkerHealth>),
    Trace(Box<Trace>),
    Finished {
        shard: u32,
        epoch: u64,
        last_sequence: u64,
    },
    /// The worker cannot go on.
    Died(String),
}

/// The handle of a worker's thread.
pub(crate) struct Worker {
    commands: Option<Sender<Command>>,
    waker: Arc<Mutex<Option<Waker>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn spawn(
        number: usize,
        notices: UnboundedSender<Notice>,
        backlog: Arc<AtomicU64>,
    ) -> std::io::Result<Self> {
        let (commands, receiver) = std::sync::mpsc::channel();
        let waker = Arc::new(Mutex::new(None));
        let shared_waker = Arc::clone(&waker);
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            Loop::new(number, receiver, notices, backlog, shared_waker).run();
        })?;
        Ok(Self { commands: Some(commands), waker, thread: Some(thread) })
    }

    pub(crate) fn tell(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // A worker that has died has said so.
            let _ = commands.send(command);
        }
        self.wake();
    }

    fn wake(&self) {
        if let Ok(waker) = self.waker.lock()
            && let Some(waker) = waker.as_ref()
        {
            waker.wake();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.commands = None;
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Loop {
    number: usize,
    commands: Receiver<Command>,
    notices: UnboundedSender<Notice>,
    backlog: Arc<AtomicU64>,
    waker: Arc<Mutex<Option<Waker>>>,
    endpoint: Option<Endpoint>,
    shards: Vec<Held>,
    associations: HashMap<AssociationId, (usize, u16)>,
    actions: Vec<ShardAction>,
    lateness: Histogram<u32>,
    next_report: Option<Instant>,
    start: Option<Instant>,
    cpu_reported: Duration,
    reports_dropped: u64,
    trace_dropped: u64,
    gtpu: Option<GtpuPort>,
    /// What other workers drained for shards of this one.
    datagrams: (Sender<Datagram>, Receiver<Datagram>),
    slots: HashMap<u32, usize>,
}

/// A shard with what its driver needs to know.
struct Held {
    runner: ShardRunner,
    target: Address,
    /// The end of the lease: what is not renewed by then is not ours to run.
    until: Instant,
    lapsed: bool,
    associations: HashMap<u16, AssociationId>,
    told_unprepared: bool,
    finished: bool,
}

impl Loop {
    fn new(
        number: usize,
        commands: Receiver<Command>,
        notices: UnboundedSender<Notice>,
        backlog: Arc<AtomicU64>,
        waker: Arc<Mutex<Option<Waker>>>,
    ) -> Self {
        Self {
            number,
            commands,
            notices,
            backlog,
            waker,
            endpoint: None,
            shards: Vec::new(),
            associations: HashMap::new(),
            actions: Vec::new(),
            lateness: new_histogram(),
            next_report: None,
            start: None,
            cpu_reported: thread_cpu_time(),
            reports_dropped: 0,
            trace_dropped: 0,
            gtpu: None,
            datagrams: std::sync::mpsc::channel(),
            slots: HashMap::new(),
        }
    }

    fn run(mut self) {
        let mut events = Vec::new();
        while self.take_commands() {
            self.drain_user_plane();
            let now = Instant::now();
            self.advance(now);
            self.report_if_due(now);
            let deadline = self.next_deadline(now);
            let Some(endpoint) = &mut self.endpoint else { continue };
            if let Err(error) = endpoint.wait(deadline, &mut events) {
                self.tell(Notice::Died(format!("worker {}: SCTP failed: {error}", self.number)));
                return;
            }
            self.dispatch(&mut events);
        }
        self.close();
    }

    /// Takes what was told. Waits for it where there is nothing else to do. False when nobody will tell any more.
    fn take_commands(&mut self) -> bool {
        if self.endpoint.is_none() {
            let Ok(command) = self.commands.recv() else { return false };
            self.obey(command);
        }
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(error) => return error == TryRecvError::Empty,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Lease { lease, plan, target, until, user_plane } => {
                self.lease(&lease, &plan, *target, until, user_plane);
            }
            Command::Renew { shard, epoch, until } => {
                let renewed =
                    |held: &&mut Held| held.runner.number() == shard && held.runner.epoch() == epoch;
                self.shards.iter_mut().filter(renewed).for_each(|held| held.until = held.until.max(until));
            }
            Command::Start { at, wall_us } => {
                self.start = Some(at);
                self.next_report = Some(at + INTERVAL);
                self.shards.iter_mut().for_each(|held| held.runner.start(at, wall_us));
            }
            Command::Drain { reason, grace } => {
                let until = now + grace;
                self.shards.iter_mut().for_each(|held| held.runner.drain(&reason, now, until));
                self.start.get_or_insert(now);
                self.next_report.get_or_insert(now + INTERVAL);
            }
        }
    }

    fn lease(
        &mut self,
        lease: &Lease,
        plan: &Plan,
        target: Address,
        until: Instant,
        user_plane: Option<(GtpuPort, u32)>,
    ) {
        let end =
            user_plane.as_ref().map(|(port, slot)| UserPlaneEnd { address: port.address(), slot: *slot });
        let runner = ShardRunner::new(plan, lease, end);
        if self.endpoint.is_none() {
            match Endpoint::client(target.transport(), &sctp::Options::default()) {
                Ok(endpoint) => {
                    if let Ok(mut waker) = self.waker.lock() {
                        *waker = Some(endpoint.waker());
                    }
                    self.endpoint = Some(endpoint);
                }
                Err(error) => {
                    let (shard, epoch) = (lease.shard, lease.epoch);
                    return self.tell(Notice::CannotPrepare { shard, epoch, error: error.to_string() });
                }
            }
        }
        let index = self.shards.len();
        let associations = HashMap::new();
        if let Some((port, slot)) = user_plane {
            port.route(slot, self.number, self.datagrams.0.clone());
            self.slots.insert(slot, index);
            self.gtpu = Some(port);
        }
        self.shards.push(Held {
            runner,
            target,
            until,
            lapsed: false,
            associations,
            told_unprepared: false,
            finished: false,
        });
        let mut actions = Vec::new();
        if let Some(held) = self.shards.get_mut(index) {
            held.runner.prepare(&mut actions);
        }
        self.perform(index, &mut actions);
    }

    /// Runs every shard until it has nothing more to do at this instant, reading the clock as it goes.
    fn advance(&mut self, mut now: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        for index in 0..self.shards.len() {
            // What is left when a shard has had its rounds waits until the others and the associations have had theirs.
            for _ in 0..ROUNDS {
                let Some(held) = self.shards.get_mut(index) else { break };
                if held.until <= now && !std::mem::replace(&mut held.lapsed, true) {
                    tracing::warn!(
                        shard = held.runner.number(),
                        "the lease has lapsed: the shard is given up"
                    );
                    held.runner.drain("lease-lapsed", now, now);
                }
                held.runner.advance(now, &mut actions);
                for late in held.runner.take_lateness() {
                    self.lateness.saturating_record(micros(late));
                }
                let more = held.runner.next_deadline().is_some_and(|deadline| deadline <= now);
                self.perform(index, &mut actions);
                if !more {
                    break;
                }
                now = Instant::now();
            }
        }
        self.actions = actions;
    }

    /// Takes in what has come on N3, for shards of this worker; what is for others goes on to theirs.
    fn drain_user_plane(&mut self) {
        let Some(port) = self.gtpu.clone() else { return };
        let mut actions = std::mem::take(&mut self.actions);
        let now = Instant::now();
        let mut came = Vec::new();
        while let Ok(datagram) = self.datagrams.1.try_recv() {
            came.push(datagram);
        }
        for Datagram { slot, from, octets } in came {
            self.received_gtpu(slot, from, &octets, now, &mut actions);
        }
        port.drain(self.number, |slot, from, octets| {
            self.received_gtpu(slot, from, octets, now, &mut actions);
        });
        self.actions = actions;
    }

    fn received_gtpu(
        &mut self,
        slot: u32,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        actions: &mut Vec<ShardAction>,
    ) {
        // A message of the path, such as an echo request, is for any shard.
        let index = self.slots.get(&slot).copied().unwrap_or(0);
        if let Some(held) = self.shards.get_mut(index) {
            held.runner.received_gtpu(from, octets, now, actions);
            self.perform(index, actions);
        }
    }

    fn dispatch(&mut self, events: &mut Vec<Event>) {
        let mut actions = std::mem::take(&mut self.actions);
        let mut now = Instant::now();
        for (number, event) in events.drain(..).enumerate() {
            if number % EVENTS_PER_CLOCK == EVENTS_PER_CLOCK - 1 {
                self.drain_user_plane();
                now = Instant::now();
                self.advance(now);
            }
            let (Event::Up { id, .. } | Event::Received { id, .. } | Event::Down { id, .. }) = event;
            let Some(&(index, gnb)) = self.associations.get(&id) else { continue };
            let Some(held) = self.shards.get_mut(index) else { continue };
            match event {
                Event::Up { streams_out, .. } => {
                    let ends = self.endpoint.as_ref().and_then(|endpoint| endpoint.ends(id));
                    held.runner.association_up(gnb, streams_out, ends, now, &mut actions);
                }
                Event::Received { stream, ppid, payload, .. } => {
                    held.runner.received(gnb, stream, ppid, payload, now, &mut actions);
                }
                Event::Down { reason, .. } => {
                    self.associations.remove(&id);
                    held.associations.remove(&gnb);
                    held.runner.association_down(gnb, &reason.to_string(), now, &mut actions);
                }
            }
            self.perform(index, &mut actions);
        }
        self.actions = actions;
    }

    /// Carries out what a shard wants.
    fn perform(&mut self, index: usize, actions: &mut Vec<ShardAction>) {
        let Some(endpoint) = &mut self.endpoint else { return actions.clear() };
        let Some(held) = self.shards.get_mut(index) else { return actions.clear() };
        let (shard, epoch) = (held.runner.number(), held.runner.epoch());
        for action in actions.drain(..) {
            let notice = match action {
                ShardAction::Send { gnb, stream, octets } => {
                    if let Some(&id) = held.associations.get(&gnb) {
                        // A message that the association does not take is lost with it; its attempt will time out.
                        if let Err(error) = endpoint.send(id, stream, sctp::NGAP_PPID, octets) {
                            tracing::debug!(%error, shard, gnb, "message not sent");
                        }
                    }
                    continue;
                }
                ShardAction::SendGtpu { to, octets } => {
                    let sent = self.gtpu.as_ref().is_some_and(|port| port.send(to, &octets));
                    if !sent {
                        held.runner.gtpu_not_sent();
                    }
                    continue;
                }
                ShardAction::Connect { gnb } => match endpoint.connect(&held.target, Instant::now()) {
                    Ok(id) => {
                        held.associations.insert(gnb, id);
                        self.associations.insert(id, (index, gnb));
                        continue;
                    }
                    Err(error) => Notice::CannotPrepare { shard, epoch, error: error.to_string() },
                },
                ShardAction::Ready => Notice::Ready { shard, epoch },
                ShardAction::CannotPrepare(error) => Notice::CannotPrepare { shard, epoch, error },
            };
            if matches!(notice, Notice::CannotPrepare { .. })
                && std::mem::replace(&mut held.told_unprepared, true)
            {
                continue;
            }
            let _ = self.notices.send(notice);
        }
    }

    fn report_if_due(&mut self, now: Instant) {
        let due = self.next_report.is_some_and(|at| at <= now);
        let finishing = |held: &Held| !held.finished && held.runner.is_finished(now);
        let wanting = |held: &Held| !held.finished && held.runner.wants_report();
        if !due && !self.shards.iter().any(|held| finishing(held) || wanting(held)) {
            return;
        }
        // First how the worker is doing, so that it has arrived when a shard says that it is finished.
        self.report_health(now);
        for index in 0..self.shards.len() {
            let Some(held) = self.shards.get_mut(index) else { continue };
            let finishes = finishing(held);
            if held.finished || !(due || finishes || wanting(held)) {
                continue;
            }
            held.finished = finishes;
            let (shard, epoch) = (held.runner.number(), held.runner.epoch());
            let traces = if finishes { held.runner.take_last_traces() } else { held.runner.take_traces() };
            let mut trace_dropped = held.runner.take_trace_dropped();
            let report = held.runner.report(now);
            trace_dropped += self.hand_over_traces(traces);
            self.trace_dropped += trace_dropped;
            if let Some(report) = report {
                let last_sequence = report.sequence;
                self.hand_over(report);
                if finishes {
                    self.tell(Notice::Finished { shard, epoch, last_sequence });
                }
            }
        }
        if let (true, Some(at)) = (due, self.next_report) {
            let behind = now.saturating_duration_since(at).as_secs();
            self.next_report = Some(at + INTERVAL * u32::try_from(behind + 1).unwrap_or(u32::MAX));
        }
    }

    fn report_health(&mut self, now: Instant) {
        let cpu = thread_cpu_time();
        let mut lateness = new_histogram();
        std::mem::swap(&mut lateness, &mut self.lateness);
        let health = WorkerHealth {
            worker: self.number,
            at_us: self.start.map(|start| micros(now.saturating_duration_since(start))).unwrap_or_default(),
            lateness,
            ues: self.shards.iter().map(|held| held.runner.ues()).sum(),
            ue_octets: self.shards.iter().map(|held| held.runner.ue_octets()).sum(),
            cpu: cpu.saturating_sub(std::mem::replace(&mut self.cpu_reported, cpu)),
            reports_dropped: std::mem::take(&mut self.reports_dropped),
            trace_dropped: std::mem::take(&mut self.trace_dropped),
        };
        self.tell(Notice::Health(Box::new(health)));
    }

    /// Queues a report for the session. A coordinator that is too slow costs reports, counted, never attempts.
    fn hand_over(&mut self, report: IntervalReport) {
        if self.backlog.load(Ordering::Relaxed) >= BACKLOG_LIMIT {
            self.reports_dropped += 1;
            return;
        }
        self.backlog.fetch_add(1, Ordering::Relaxed);
        self.tell(Notice::Report(Box::new(report)));
    }

    /// Queues traces for the session. Returns how many packets the limit cost.
    fn hand_over_traces(&mut self, traces: Vec<Trace>) -> u64 {
        let mut dropped = 0;
        for trace in traces {
            if self.backlog.load(Ordering::Relaxed) >= BACKLOG_LIMIT {
                dropped += trace.packets.len() as u64;
                continue;
            }
            self.backlog.fetch_add(1, Ordering::Relaxed);
            self.tell(Notice::Trace(Box::new(trace)));
        }
        dropped
    }

    fn next_deadline(&self, now: Instant) -> Instant {
        let shards = self.shards.iter().filter_map(|held| held.runner.next_deadline());
        let busy = self.shards.iter().any(|held| held.runner.has_user_plane());
        let longest = now + if busy { DRAIN } else { IDLE };
        shards.chain(self.next_report).min().unwrap_or(longest).min(longest)
    }

    /// Shuts the associations down, and gives the shutdown a moment to reach the core.
    fn close(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let now = Instant::now();
        for &id in self.associations.keys() {
            endpoint.shutdown(id, now);
        }
        let mut open = self.associations.len();
        let (deadline, mut events) = (now + CLOSE, Vec::new());
        while open > 0 && Instant::now() < deadline {
            if endpoint.wait(deadline, &mut events).is_err() {
                return;
            }
            open -= events.drain(..).filter(|event| matches!(event, Event::Down { .. })).count().min(open);
        }
    }

    fn tell(&self, notice: Notice) {
        // The session is gone only when the agent ends.
        let _ = self.notices.send(notice);
    }
}

/// How often a shard reports.
const INTERVAL: Duration = Duration::from_secs(1);
/// The longest sleep: how late the end of a shard is seen.
const IDLE: Duration = Duration::from_millis(20);
/// The longest sleep while there are sessions: their packets are taken in this often.
const DRAIN: Duration = Duration::from_millis(4);
/// How often one shard may go on at once.
const ROUNDS: usize = 16;
/// Messages handled before the clock is read again.
const EVENTS_PER_CLOCK: usize = 16;
/// Reports and traces that may wait for the session.
const BACKLOG_LIMIT: u64 = 16_384;
/// How long closing associations may take.
const CLOSE: Duration = Duration::from_millis(500);
