//! One shard as a value: its UEs, gNBs, radio, timers and pacer. Sans-IO: events and time in, actions out.
//!
//! ```text
//! pacer ──► UE ──► radio ──► gNB ──► ShardAction::Send            (the driver owns the associations)
//!           UE ◄── radio ◄── gNB ◄── received()
//!           └──► attempts ──► recorder ──► report()
//! ```
//! Nothing here calls back: a UE's and a gNB's actions put messages in the air, and [`ShardRunner::advance`] delivers
//! what has arrived. So one instant may need several rounds, and `advance` runs them all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use scenarios::{Plan, stream_seed};
use signalling::{
    Context, Gnb, GnbAction, GnbEvent, GnbSettings, GnbTimer, Outcome, ReleaseCause, Timer, UeAction, UeEvent,
};
use wire::to_agent::Lease;
use wire::to_coordinator::{IntervalReport, Trace};

use crate::access::{Access, Cell};
use crate::attempts::Attempts;
use crate::pacer::{DueAttempt, Pacer};
use crate::population::{Population, procedure_of};
use crate::radio::{Arrival, Delivery};
use crate::recorder::Recorder;
use crate::timers::Timers;
use crate::tracer::{Packet, Tracer};

/// One leased shard. The driver carries out each [`ShardAction`] and says what happens to the associations.
pub struct ShardRunner {
    run: String,
    number: u32,
    epoch: u64,
    seed: u64,
    imsi_of: scenarios::Shard,
    population: Population,
    gnbs: Vec<Port>,
    access: Access,
    ue_timers: Timers<(u32, Timer)>,
    gnb_timers: Timers<(u16, GnbTimer)>,
    redial: Timers<u16>,
    pacer: Pacer,
    attempts: Attempts,
    recorder: Recorder,
    tracer: Tracer,
    registered: u64,
    start: Option<Instant>,
    end: Option<Instant>,
    duration: Duration,
    grace: Duration,
    drained: Option<String>,
    ready_told: bool,
    sequence: u64,
    reported_to: Duration,
    sent: u64,
    received: u64,
    late: Vec<Duration>,
    ue_actions: Vec<UeAction>,
    gnb_actions: Vec<GnbAction>,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum ShardAction {
    /// Open the association of this gNB.
    Connect {
        /// Number of the gNB within the shard.
        gnb: u16,
    },
    /// Send one NGAP message.
    Send {
        /// Number of the gNB within the shard.
        gnb: u16,
        /// SCTP stream.
        stream: u16,
        /// The message.
        octets: Vec<u8>,
    },
    /// Every gNB has had its NG setup accepted.
    Ready,
    /// The core refused a gNB before the start.
    CannotPrepare(String),
}

/// A gNB with its association.
struct Port {
    gnb: Gnb,
    ends: Option<(SocketAddr, SocketAddr)>,
    failures: u32,
}

impl ShardRunner {
    /// The shard of a lease.
    ///
    /// # Panics
    /// When the plan does not have that shard: check it first.
    pub fn new(plan: &Plan, lease: &Lease) -> Self {
        let scenario = plan.scenario();
        let shard = plan.shard(lease.shard);
        let gnbs = shard.gnbs.iter().map(|gnb| Port {
            gnb: Gnb::new(GnbSettings {
                gnb_id: gnb.gnb_id,
                name: gnb.name.clone(),
                plmn: gnb.plmn,
                tac: gnb.tac,
                slices: gnb.slices.clone(),
                cells: gnb.cells,
                n3: None,
            }),
            ends: None,
            failures: 0,
        });
        let seed = stream_seed(lease.seed, &[SEED_OF_SHARDS, u64::from(lease.shard)]);
        Self {
            run: lease.run.clone(),
            number: lease.shard,
            epoch: lease.epoch,
            seed,
            population: Population::new(scenario, &shard),
            gnbs: gnbs.collect(),
            access: Access::new(
                scenario.radio.clone(),
                stream_seed(seed, &[SEED_OF_RADIO]),
                scenario.cells.inactivity,
            ),
            ue_timers: Timers::new(),
            gnb_timers: Timers::new(),
            redial: Timers::new(),
            pacer: Pacer::new(shard.schedules(), &lease.resume_at),
            attempts: Attempts::new(),
            recorder: Recorder::new(),
            tracer: Tracer::new(lease.trace),
            registered: 0,
            start: None,
            end: None,
            duration: plan.duration(),
            grace: scenario.drain,
            drained: None,
            ready_told: false,
            sequence: 0,
            reported_to: Duration::ZERO,
            sent: 0,
            received: 0,
            late: Vec::new(),
            ue_actions: Vec::new(),
            gnb_actions: Vec::new(),
            imsi_of: shard,
        }
    }

    /// Shard number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The lease's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Opens the associations. `Ready` or `CannotPrepare` comes later.
    pub fn prepare(&mut self, out: &mut Vec<ShardAction>) {
        out.extend(
            (0..self.gnbs.len())
                .filter_map(|gnb| Some(ShardAction::Connect { gnb: u16::try_from(gnb).ok()? })),
        );
    }

    /// The schedules begin at this instant.
    pub fn start(&mut self, at: Instant) {
        self.start = Some(at);
        self.end = Some(at + self.duration + self.grace);
        self.pacer.start(at);
    }

    /// The association of a gNB is up.
    pub fn association_up(
        &mut self,
        gnb: u16,
        streams_out: u16,
        ends: Option<(SocketAddr, SocketAddr)>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if let Some(port) = self.gnbs.get_mut(usize::from(gnb)) {
            (port.ends, port.failures) = (ends, 0);
        }
        self.gnb(gnb, GnbEvent::AssociationUp { streams_out }, now, out);
    }

    /// The association of a gNB did not come up, or is gone. During a run the gNB dials again, later each time.
    pub fn association_down(&mut self, gnb: u16, reason: &str, now: Instant, out: &mut Vec<ShardAction>) {
        self.gnb(gnb, GnbEvent::AssociationDown, now, out);
        let Some(port) = self.gnbs.get_mut(usize::from(gnb)) else { return };
        port.failures += 1;
        if self.ready_told {
            self.recorder.unexpected("association-lost");
            self.redial.set(gnb, now + REDIAL * (1 << port.failures.min(5)));
        } else {
            out.push(ShardAction::CannotPrepare(reason.to_owned()));
        }
    }

    /// A message arrived on a gNB's association.
    pub fn received(
        &mut self,
        gnb: u16,
        stream: u16,
        ppid: u32,
        octets: Vec<u8>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.received += 1;
        if ppid != sctp::NGAP_PPID {
            self.recorder.unexpected("payload-protocol-identifier");
            return;
        }
        let mut actions = std::mem::take(&mut self.gnb_actions);
        if let Some(port) = self.gnbs.get_mut(usize::from(gnb)) {
            port.gnb.handle(GnbEvent::Received { stream, octets: &octets }, now, &mut actions);
        }
        // Which UE it is about shows in what the gNB does; and the question comes before the answer in the trace.
        self.trace(actions.iter().find_map(about), gnb, false, stream, octets, now);
        self.carry_out_for_gnb(gnb, actions, now, out);
        self.deliver_arrived(now, out);
    }

    /// Starts what is due, delivers what has arrived, expires timers. At most a few dozen attempts leave at one call,
    /// so that the driver's clock, and with it the lateness, stays true: call again while `next_deadline` has passed.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        for _ in 0..BATCH {
            let Some(attempt) = self.pacer.pop_due(now) else { break };
            self.begin(attempt, now, out);
        }
        self.deliver_arrived(now, out);
        while let Some((ue, timer)) = self.ue_timers.pop_expired(now) {
            self.ue(ue, UeEvent::Expired(timer), now);
        }
        while let Some((gnb, timer)) = self.gnb_timers.pop_expired(now) {
            self.gnb(gnb, GnbEvent::Expired(timer), now, out);
        }
        while let Some(ue) = self.access.pop_idle(now) {
            self.check_inactivity(ue, now, out);
        }
        while let Some(gnb) = self.redial.pop_expired(now) {
            out.push(ShardAction::Connect { gnb });
        }
        self.deliver_arrived(now, out);
        if self.end.is_some_and(|end| end <= now) && self.attempts.len() > 0 {
            self.abandon();
        }
    }

    /// When `advance` has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let end = self.end.filter(|_| self.attempts.len() > 0);
        [
            self.pacer.next_due(),
            self.access.next_deadline(),
            self.ue_timers.next_deadline(),
            self.gnb_timers.next_deadline(),
            self.redial.next_deadline(),
            end,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Starts nothing more. What is in flight may end until `until`; then it is abandoned for this reason.
    pub fn drain(&mut self, reason: &str, now: Instant, until: Instant) {
        for (procedure, left) in self.pacer.cancel() {
            self.recorder.never_started(procedure.as_str(), reason, left);
        }
        self.duration = Duration::ZERO;
        self.end = Some(until);
        self.drained = Some(reason.to_owned());
        self.start.get_or_insert(now);
    }

    /// Everything that was to start has started, every attempt has ended, and the scenario's time is over.
    pub fn is_finished(&self, now: Instant) -> bool {
        self.is_finished_but_for_time() && self.start.is_some_and(|start| start + self.duration <= now)
    }

    /// The UE's attempts left this late since the last call.
    pub fn take_lateness(&mut self) -> std::vec::Drain<'_, Duration> {
        self.late.drain(..)
    }

    /// What happened since the last report. `None` before the start.
    pub fn report(&mut self, now: Instant) -> Option<IntervalReport> {
        let to = now.checked_duration_since(self.start?)?;
        let (procedures, unexpected) = self.recorder.take();
        let from = std::mem::replace(&mut self.reported_to, to);
        let sequence = self.sequence;
        self.sequence += 1;
        Some(IntervalReport {
            run: self.run.clone(),
            shard: self.number,
            epoch: self.epoch,
            sequence,
            from_us: micros(from),
            to_us: micros(to),
            progress: self.pacer.progress(),
            procedures,
            in_flight: self.attempts.len() as u64,
            registered: self.registered,
            unexpected,
            messages_sent: std::mem::take(&mut self.sent),
            messages_received: std::mem::take(&mut self.received),
            radio_lost: self.access.take_lost(),
            ..IntervalReport::default()
        })
    }

    /// The traces that are complete.
    pub fn take_traces(&mut self) -> Vec<Trace> {
        let Some(start) = self.start else { return Vec::new() };
        let (attempts, access, subscribers) = (&self.attempts, &self.access, &self.imsi_of);
        let at_rest = |ue| !attempts.contains(ue) && !access.is_connected(ue);
        let imsi = |ue| {
            subscribers.subscriber(u64::from(ue)).map(|found| found.imsi.to_string()).unwrap_or_default()
        };
        self.tracer.take(self.number, start, at_rest, imsi)
    }

    /// The traces of everything, also of UEs that are still connected.
    pub fn take_last_traces(&mut self) -> Vec<Trace> {
        self.access.clear();
        self.take_traces()
    }

    /// Packets that a limit kept out of the traces since the last call.
    pub fn take_trace_dropped(&mut self) -> u64 {
        self.tracer.take_dropped()
    }

    /// UEs of the shard.
    pub fn ues(&self) -> u64 {
        self.population.len() as u64
    }

    /// Octets of all that is held for the UEs: state, queues, timers, connections.
    pub fn ue_octets(&self) -> u64 {
        let maps = self.ue_timers.octets() + self.attempts.octets() + self.access.octets();
        self.population.octets() + maps as u64
    }

    fn is_finished_but_for_time(&self) -> bool {
        self.start.is_some() && self.pacer.is_exhausted() && self.attempts.len() == 0
    }

    fn begin(&mut self, attempt: DueAttempt, now: Instant, out: &mut Vec<ShardAction>) {
        let procedure = procedure_of(attempt.procedure);
        let name = procedure.as_str();
        self.recorder.due(name);
        self.late.push(now.saturating_duration_since(attempt.due));
        let attempts = &self.attempts;
        let ue = match self.population.next_for(attempt.procedure, |ue| attempts.contains(ue)) {
            Ok(ue) => ue,
            Err(reason) => return self.recorder.never_started(name, reason, 1),
        };
        if attempt.procedure == scenarios::Procedure::MobilityRegistrationUpdate {
            self.leave_cell(ue, now, out);
            self.population.move_on(ue);
        }
        self.attempts.begin(ue, procedure, attempt.due, now, &mut self.recorder);
        let due = self.start.map(|start| attempt.due.saturating_duration_since(start)).unwrap_or_default();
        let late = now.saturating_duration_since(attempt.due).as_micros();
        self.tracer.begins(ue, || {
            format!(
                "{name} {} begins {late} µs after it was due at {:.6} s",
                attempt.index,
                due.as_secs_f64()
            )
        });
        self.ue(ue, UeEvent::Start(procedure), now);
    }

    /// A UE that moves while connected loses its old cell first; there is no handover in this.
    fn leave_cell(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        if let Some(gnb) = self.access.disconnect(ue) {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
            self.ue(ue, UeEvent::ConnectionReleased, now);
        }
    }

    /// Delivers what is due over the air; with an ideal radio, an answer goes out at the instant of its question.
    fn deliver_arrived(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        while let Some((arrival, cell)) = self.access.pop_arrived(now) {
            self.deliver(arrival, cell, now, out);
        }
    }

    fn deliver(&mut self, arrival: Arrival, cell: Option<Cell>, now: Instant, out: &mut Vec<ShardAction>) {
        let Arrival { ue, connection: number, delivery } = arrival;
        let current = self.population.slot(ue).is_some_and(|slot| slot.connection == number);
        let refused_or_paged = matches!(delivery, Delivery::Refused(_) | Delivery::Paged);
        if !current || !(refused_or_paged || cell.is_some()) {
            return;
        }
        let Cell { gnb, cell } = cell.unwrap_or(Cell { gnb: 0, cell: 0 });
        match delivery {
            Delivery::Connect { nas, cause, s_tmsi } => {
                self.gnb(gnb, GnbEvent::Connect { ue, cell, nas: &nas, cause, s_tmsi }, now, out);
            }
            Delivery::Uplink(nas) => {
                self.gnb(gnb, GnbEvent::Uplink { ue, nas: &nas }, now, out);
            }
            Delivery::Downlink(nas) => self.ue(ue, UeEvent::Downlink(&nas), now),
            Delivery::Released => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionReleased, now);
            }
            Delivery::Refused(refusal) => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionRefused(refusal), now);
            }
            Delivery::Paged => self.ue(ue, UeEvent::Paged, now),
        }
    }

    /// Gives a UE an event and carries out what it wants.
    fn ue(&mut self, ue: u32, event: UeEvent<'_>, now: Instant) {
        let mut actions = std::mem::take(&mut self.ue_actions);
        let seed = self.seed;
        if let Some((slot, settings, tai)) = self.population.camped(ue) {
            let draw = slot.next_draw();
            let mut rng =
                SmallRng::seed_from_u64(stream_seed(seed, &[SEED_OF_UES, u64::from(ue), u64::from(draw)]));
            let before = slot.ue.is_registered();
            slot.ue.handle(event, &mut Context { now, rng: &mut rng, settings, tai }, &mut actions);
            match (before, slot.ue.is_registered()) {
                (false, true) => self.registered += 1,
                (true, false) => self.registered = self.registered.saturating_sub(1),
                _ => {}
            }
        }
        for action in actions.drain(..) {
            self.carry_out(ue, action, now);
        }
        self.ue_actions = actions;
    }

    fn carry_out(&mut self, ue: u32, action: UeAction, now: Instant) {
        match action {
            UeAction::Connect { nas, cause, s_tmsi } => {
                self.connect(ue, Delivery::Connect { nas, cause, s_tmsi }, now);
            }
            UeAction::Uplink(nas) => self.over_the_air(ue, Delivery::Uplink(nas), now),
            UeAction::ReleaseConnection => self.access.drop_by_ue(ue, now),
            UeAction::SetTimer(timer, after) => self.ue_timers.set((ue, timer), now + after),
            UeAction::StopTimer(timer) => self.ue_timers.stop((ue, timer)),
            UeAction::Started(procedure) => {
                self.recorder.self_started(procedure.as_str());
                self.attempts.begin(ue, procedure, now, now, &mut self.recorder);
                self.tracer.begins(ue, || format!("{} begins, started by the UE itself", procedure.as_str()));
            }
            UeAction::Finished { procedure, outcome } => self.finished(ue, procedure, outcome, now),
            UeAction::Deregistered => {
                self.recorder.unexpected("deregistered-by-network");
                if !self.attempts.contains(ue) {
                    self.population.enqueue(ue);
                }
            }
            UeAction::SessionUp(_) | UeAction::SessionDown { .. } => {}
            UeAction::Unexpected(kind) => self.recorder.unexpected(kind),
        }
    }

    fn finished(&mut self, ue: u32, procedure: signalling::Procedure, outcome: Outcome, now: Instant) {
        let why = match outcome {
            Outcome::Succeeded => None,
            Outcome::Failed(cause) => Some(format!("{} failed: {cause}", procedure.as_str())),
            Outcome::TimedOut(timer) => Some(format!("{} timed out: {}", procedure.as_str(), timer.as_str())),
        };
        if !self.attempts.end(ue, procedure, outcome, now, &mut self.recorder) {
            self.recorder.unexpected("outcome-without-attempt");
            return;
        }
        if let Some(why) = why {
            self.tracer.failed(ue, why);
        }
        self.population.enqueue(ue);
    }

    fn connect(&mut self, ue: u32, first: Delivery, now: Instant) {
        let cell = self.population.cell(ue);
        if let Some(slot) = self.population.slot(ue) {
            let cell = Cell { gnb: slot.gnb, cell };
            self.access.connect(ue, slot, cell, first, now);
        }
    }

    /// Sends a message over the UE's connection; without one it goes nowhere.
    fn over_the_air(&mut self, ue: u32, delivery: Delivery, now: Instant) {
        let Some(slot) = self.population.slot(ue) else { return };
        if !self.access.send(ue, slot, delivery, now) {
            self.recorder.unexpected("message-without-connection");
        }
    }

    /// The gNB asks the core to release a connection that nobody uses, or that the UE has dropped.
    fn check_inactivity(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(gnb) = self.access.gnb_of(ue) else { return };
        if !self.population.slot(ue).is_some_and(|slot| slot.ue.is_connected()) {
            self.access.disconnect(ue);
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        } else if self.access.is_inactive(ue, now) {
            self.request_release(ue, gnb, ReleaseCause::UserInactivity, now, out);
        }
    }

    fn request_release(
        &mut self,
        ue: u32,
        gnb: u16,
        cause: ReleaseCause,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.gnb(gnb, GnbEvent::RequestRelease { ue, cause }, now, out);
    }

    /// Gives a gNB an event and carries out what it wants.
    fn gnb(&mut self, number: u16, event: GnbEvent<'_>, now: Instant, out: &mut Vec<ShardAction>) {
        let mut actions = std::mem::take(&mut self.gnb_actions);
        if let Some(port) = self.gnbs.get_mut(usize::from(number)) {
            port.gnb.handle(event, now, &mut actions);
        }
        self.carry_out_for_gnb(number, actions, now, out);
    }

    fn carry_out_for_gnb(
        &mut self,
        number: u16,
        mut actions: Vec<GnbAction>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        for action in actions.drain(..) {
            self.carry_out_one_for_gnb(number, action, now, out);
        }
        self.gnb_actions = actions;
    }

    fn carry_out_one_for_gnb(
        &mut self,
        number: u16,
        action: GnbAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        match action {
            GnbAction::Send { stream, octets, ue } => {
                self.sent += 1;
                if self.tracer.wants(ue) {
                    self.trace(ue, number, true, stream, octets.clone(), now);
                }
                out.push(ShardAction::Send { gnb: number, stream, octets });
            }
            GnbAction::Downlink { ue, nas } => self.over_the_air(ue, Delivery::Downlink(nas), now),
            GnbAction::Released { ue, .. } => self.over_the_air_if_connected(ue, Delivery::Released, now),
            GnbAction::Refused { ue, reason: _ } => {
                let refusal = signalling::ConnectionRefusal::NgInterfaceDown;
                self.over_the_air_if_connected(ue, Delivery::Refused(refusal), now);
            }
            GnbAction::Ready => {
                if !self.ready_told && self.gnbs.iter().all(|port| port.gnb.is_ready()) {
                    self.ready_told = true;
                    out.push(ShardAction::Ready);
                }
            }
            GnbAction::SetupRefused { cause, retry_after: _ } if !self.ready_told => {
                out.push(ShardAction::CannotPrepare(format!("the core refused NG setup: {cause}")));
            }
            GnbAction::SetupRefused { .. } => self.recorder.unexpected("ng-setup-refused"),
            GnbAction::Paged { s_tmsi } => {
                if let Some(ue) = self.population.find_paged(s_tmsi)
                    && let Some(slot) = self.population.slot(ue)
                {
                    self.access.page(ue, slot, now);
                }
            }
            GnbAction::SetTimer(timer, after) => self.gnb_timers.set((number, timer), now + after),
            GnbAction::StopTimer(timer) => self.gnb_timers.stop((number, timer)),
            GnbAction::Unexpected(kind) => self.recorder.unexpected(kind),
            GnbAction::SessionResource { .. }
            | GnbAction::SessionResourceReleased { .. }
            | GnbAction::HandoverCommanded { .. }
            | GnbAction::HandoverPreparationFailed { .. }
            | GnbAction::HandoverOverdue { .. }
            | GnbAction::HandoverRequested { .. }
            | GnbAction::HandoverExpected { .. }
            | GnbAction::PathSwitched { .. }
            | GnbAction::PathSwitchFailed { .. } => {}
        }
    }

    /// A release may cross one of the UE's own: then there is nothing left to release.
    fn over_the_air_if_connected(&mut self, ue: u32, delivery: Delivery, now: Instant) {
        if self.access.is_connected(ue) {
            self.over_the_air(ue, delivery, now);
        }
    }

    fn trace(&mut self, ue: Option<u32>, gnb: u16, uplink: bool, stream: u16, octets: Vec<u8>, now: Instant) {
        let ends = self.gnbs.get(usize::from(gnb)).and_then(|port| port.ends);
        self.tracer.packet(ue, Packet { at: now, uplink, ends, stream, octets, comment: String::new() });
    }

    fn abandon(&mut self) {
        let reason = self.drained.as_deref().unwrap_or("end-of-run");
        for ue in self.attempts.abandon_all(reason, &mut self.recorder) {
            self.tracer.failed(ue, format!("abandoned: {reason}"));
        }
    }
}

/// The UE that an action of a gNB is about.
fn about(action: &GnbAction) -> Option<u32> {
    match action {
        GnbAction::Send { ue, .. } => *ue,
        GnbAction::Downlink { ue, .. } | GnbAction::Released { ue, .. } | GnbAction::Refused { ue, .. } => {
            Some(*ue)
        }
        _ => None,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Attempts that leave at one reading of the clock.
const BATCH: usize = 16;
/// First wait before a lost association is dialled again; doubles up to 32 times this.
const REDIAL: Duration = Duration::from_millis(500);
const SEED_OF_SHARDS: u64 = 1;
const SEED_OF_RADIO: u64 = 2;
const SEED_OF_UES: u64 = 3;
