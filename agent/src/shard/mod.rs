//! One shard as a value: its UEs, gNBs, radio, timers and pacer. Sans-IO: events and time in, actions out.
//!
//! ```text
//! pacer ──► UE ──► radio ──► gNB ──► ShardAction::Send            (the driver owns the associations)
//!           UE ◄── radio ◄── gNB ◄── received()
//!           │                 └──► user plane ──► ShardAction::SendGtpu     (and the driver owns the socket)
//!           └──► attempts ──► recorder ──► report()
//! ```
//! Nothing here calls back: a UE's and a gNB's actions put messages in the air, and [`ShardRunner::advance`] delivers
//! what has arrived. So one instant may need several passes, and `advance` runs them all.
//!
//! Every idea of a shard moves messages between the same UEs and gNBs, so they share one value, with a file for each idea: in
//! `campaign/` what becomes of attempts and of the shard, in `ran/` what happens to UEs, gNBs and AMFs.

mod action;
mod campaign;
mod ran;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scenarios::{Plan, stream_seed};
use signalling::{
    Gnb, GnbSettings, N3Settings, NodeAction, NodeEvent, NodeTimer, Procedure, RanNode, Timer, UeAction,
    UeEvent,
};
use wire::to_agent::{Lease, Takeover};
use wire::to_coordinator::AmfInterval;

use crate::campaign::{Attempts, Departures, Pacer, Recovery};
use crate::measure::{Parts, Recorder, Tracer};
use crate::ran::{Access, Handovers, Impairments, Population, RanEvents};
use crate::time::Timers;
use crate::transfer::Encryption;
use crate::user_plane::{Outgoing, UserPlane, UserPlaneEnd};
pub use action::ShardAction;
use campaign::{Abroad, Arrived, AtRest, Ending, StoodStill};
use ran::{Losses, Outage, ScheduledAction, about};

/// One leased shard. The driver carries out each [`ShardAction`] and says what happens to the associations.
pub struct ShardRunner {
    run: String,
    number: u32,
    epoch: u64,
    seed: u64,
    plan: Plan,
    shard: scenarios::Shard,
    population: Population,
    /// The gNBs' NG interfaces: of each gNB one for each AMF, in this order.
    gnbs: Vec<Port>,
    /// What each AMF was to the shard since the last report, by its place among the targets.
    amfs: Vec<AmfInterval>,
    access: Access,
    ue_timers: Timers<(u32, Timer)>,
    gnb_timers: Timers<(u16, NodeTimer)>,
    redial: Timers<u16>,
    scheduled_actions: Timers<(u32, ScheduledAction)>,
    impairments: Impairments,
    pacer: Pacer,
    attempts: Attempts,
    /// What other shards were asked for.
    abroad: Abroad,
    parts: Parts,
    /// UEs that are connected first, for a handover.
    preludes: HashMap<u32, Procedure>,
    handovers: Handovers,
    encryption: Encryption,
    user_plane: UserPlane,
    recorder: Recorder,
    ran_events: RanEvents,
    tracer: Tracer,
    registered: u64,
    start: Option<Instant>,
    /// The run's clock stands still since then.
    paused: Option<Instant>,
    end: Option<Instant>,
    duration: Duration,
    grace: Duration,
    drained: Option<String>,
    /// The run was over for this shard before it began.
    unbegun: bool,
    ready_sent: bool,
    ending: Ending,
    /// Since when no attempt and no handover is under way.
    quiet_since: Option<Instant>,
    /// When a gNB last sent anything.
    last_sent: Option<Instant>,
    /// When one last received anything.
    last_received: Option<Instant>,
    sequence: u64,
    reported_to: Duration,
    /// How the shard is taken over, until it is.
    takeover: Option<Takeover>,
    losses: Losses,
    /// When UEs of its last holder were taken over.
    taken_over: Option<Instant>,
    /// The last visitor audit that was answered, and when.
    audit_answered: Option<(u64, Instant)>,
    arrived: Arrived,
    at_rest: Option<AtRest>,
    recovery: Recovery,
    shifted: u64,
    standstills: Vec<StoodStill>,
    reports_dropped: u64,
    sent: u64,
    received: u64,
    /// What is to be sent at the next [`Self::advance`].
    unsent: Vec<ShardAction>,
    /// Messages that the kernel has not taken yet.
    departures: Departures,
    /// When the message that is being delivered was to arrive.
    arrived_at: Option<Instant>,
    ue_actions: Vec<UeAction>,
    gnb_actions: Vec<NodeAction>,
    outgoing: Vec<Outgoing>,
}

/// A gNB with its association.
struct Port {
    gnb: RanNode,
    ends: Option<(SocketAddr, SocketAddr)>,
    /// The association is there.
    is_up: bool,
    /// How often it was lost or did not come up.
    dials: u32,
    /// It was lost, and the NG interface is not set up again yet.
    outage: Option<Outage>,
    /// How long the AMF has made the gNB wait before the start, µs.
    waits_us: u64,
    /// What the AMF wants fewer of.
    overload: Option<signalling::Overload>,
}

impl ShardRunner {
    /// The shard of a lease. Without an end for its tunnels its gNBs refuse every session's resources.
    ///
    /// # Panics
    /// When the plan does not have that shard: check it first.
    pub fn new(plan: &Plan, lease: &Lease, user_plane: Option<UserPlaneEnd>) -> Self {
        let scenario = plan.scenario();
        let shard = plan.shard(lease.shard);
        let amfs: Vec<AmfInterval> =
            lease.target.split_ascii_whitespace().take(sctp::MOST_TARGETS).map(ran::nothing_of).collect();
        let interfaces = shard.nodes.iter().flat_map(|gnb| amfs.iter().map(move |_| gnb));
        let count = u32::try_from(shard.nodes.len() * amfs.len()).unwrap_or(u32::MAX);
        let gnbs = (0u32..).zip(interfaces).map(|(place, gnb)| Port {
            gnb: RanNode::Gnb(Gnb::new(GnbSettings {
                gnb_id: gnb.node_id,
                name: identity::node_name(&gnb.name, &lease.run),
                plmn: gnb.plmn,
                tac: gnb.tac,
                slices: gnb.slices.clone(),
                cells: gnb.cells,
                n3: user_plane.map(|end| {
                    let (first, last) = end.numbers();
                    let step = count.max(1);
                    N3Settings { address: end.address, first: first + place, step, last, key: end.key }
                }),
            })),
            ends: None,
            is_up: false,
            dials: 0,
            outage: None,
            waits_us: 0,
            overload: None,
        });
        let gnbs = gnbs.collect();
        let from_us = lease.takeover.as_ref().map_or(0, |takeover| takeover.from_us);
        let seed = stream_seed(lease.seed, &[SEED_OF_SHARDS, u64::from(lease.shard)]);
        Self {
            run: lease.run.clone(),
            number: lease.shard,
            epoch: lease.epoch,
            seed,
            plan: plan.clone(),
            population: Population::new(scenario, &shard),
            gnbs,
            amfs,
            access: Access::new(
                scenario.radio.clone(),
                stream_seed(seed, &[SEED_OF_RADIO]),
                scenario.cells.inactivity,
            ),
            ue_timers: Timers::new(),
            gnb_timers: Timers::new(),
            redial: Timers::new(),
            scheduled_actions: Timers::new(),
            impairments: Impairments::new(plan, &shard),
            pacer: Pacer::new(shard.schedules(), &lease.resume_at),
            attempts: Attempts::new(),
            abroad: Abroad::default(),
            parts: Parts::of(scenario),
            preludes: HashMap::new(),
            handovers: Handovers::new(),
            encryption: Encryption::new(&lease.key, &lease.run, lease.shard, lease.epoch),
            // Of the run, not of the shard: a session's traffic goes on elsewhere.
            user_plane: UserPlane::new(
                scenario.clone(),
                stream_seed(lease.seed, &[SEED_OF_TRAFFIC]),
                user_plane.map(|end| end.address),
            ),
            recorder: Recorder::new(scenario.generator.late),
            ran_events: RanEvents::default(),
            tracer: Tracer::new(lease.trace),
            registered: 0,
            start: None,
            paused: None,
            end: None,
            duration: plan.duration(),
            grace: scenario.drain,
            drained: None,
            unbegun: false,
            ready_sent: false,
            ending: Ending::Running,
            quiet_since: None,
            last_sent: None,
            last_received: None,
            sequence: 0,
            reported_to: Duration::from_micros(from_us),
            takeover: lease.takeover.clone(),
            losses: Losses::at(lease.takeover.as_ref()),
            taken_over: None,
            audit_answered: None,
            arrived: Arrived::expecting(lease.takeover.as_ref().map_or(0, |takeover| takeover.batches)),
            at_rest: None,
            recovery: Recovery::default(),
            shifted: 0,
            standstills: Vec::new(),
            reports_dropped: 0,
            sent: 0,
            received: 0,
            unsent: Vec::new(),
            departures: Departures::default(),
            arrived_at: None,
            ue_actions: Vec::new(),
            gnb_actions: Vec::new(),
            outgoing: Vec::new(),
            shard,
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

    /// The schedules begin at this instant, which the wall clock of the run calls `wall_us`, UNIX time in µs.
    pub fn start(&mut self, at: Instant, wall_us: u64) {
        if self.unbegun {
            return;
        }
        self.start = Some(at);
        self.end = Some(at + self.duration + self.grace);
        self.pacer.start(at);
        self.user_plane.set_clock(at, wall_us);
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
            (port.ends, port.is_up) = (ends, true);
        }
        self.gnb(gnb, NodeEvent::AssociationUp { streams_out }, now, out);
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
        let amf = self.amf_of(gnb);
        self.count_amf(amf, |counts| counts.received += 1);
        if self.is_at_rest() {
            return;
        }
        self.last_received = Some(now);
        if self.gnbs.get(usize::from(gnb)).is_some_and(|port| ppid != port.gnb.ppid()) {
            self.recorder.unexpected("payload-protocol-identifier");
            return;
        }
        let mut actions = std::mem::take(&mut self.gnb_actions);
        if let Some(port) = self.gnbs.get_mut(usize::from(gnb)) {
            port.gnb.handle(NodeEvent::Received { stream, octets: &octets }, now, &mut actions);
        }
        // Which UE it is about shows in what the gNB does; and the question comes before the answer in the trace.
        self.trace(actions.iter().find_map(about), gnb, None, stream, octets, now);
        self.carry_out_for_gnb(gnb, actions, now, out);
        self.deliver_arrived(now, out);
    }

    /// A GTP-U message arrived for a tunnel of this shard, or for none.
    pub fn received_gtpu(
        &mut self,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.ending != Ending::GivenUp {
            self.user_plane.received(from, octets, now, &mut self.outgoing);
            self.send_user_plane(out);
        }
    }

    /// A GTP-U message could not be sent.
    pub fn gtpu_not_sent(&mut self) {
        self.user_plane.not_sent();
    }

    /// Starts what is due, delivers what has arrived, expires timers. At most a few dozen attempts and packets leave at
    /// one call, so that the driver's clock, and with it the lateness, stays true: call again while `next_deadline` has
    /// passed.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        out.append(&mut self.unsent);
        if self.is_at_rest() {
            // Only usage is counted to its end.
            self.user_plane.advance(now, &mut self.outgoing);
            self.outgoing.clear();
            return self.wind_down(now, out);
        }
        self.take_over(now, out);
        self.change_impairments(now, out);
        self.recover(now, out);
        for _ in 0..BATCH {
            let Some(attempt) = self.pacer.pop_due(now) else { break };
            self.begin(attempt, now, out);
        }
        self.deliver_arrived(now, out);
        while let Some((ue, timer)) = self.ue_timers.pop_expired(now) {
            // What a UE began now, or tried again, would be in no account.
            if self.receives() {
                self.ue(ue, UeEvent::Expired(timer), now, out);
            }
        }
        while let Some((gnb, timer)) = self.gnb_timers.pop_expired(now) {
            self.gnb(gnb, NodeEvent::Expired(timer), now, out);
        }
        while let Some(step) = self.handovers.steps.pop_expired(now) {
            self.take_step(step, now, out);
        }
        while let Some((ue, action)) = self.scheduled_actions.pop_expired(self.of_run(now)) {
            self.run_scheduled_action(ue, action, now, out);
        }
        while let Some(ue) = self.access.pop_idle(now) {
            self.check_inactivity(ue, now, out);
        }
        while let Some(gnb) = self.redial.pop_expired(now) {
            self.dial(gnb, out);
        }
        self.admit_waiting(now);
        self.deliver_arrived(now, out);
        self.user_plane.advance(now, &mut self.outgoing);
        self.send_user_plane(out);
        self.tell_homes(now);
        out.append(&mut self.unsent);
        if self.is_over(now) && self.attempts.len() > 0 {
            self.abandon_here();
            self.tell_homes(now);
            out.append(&mut self.unsent);
        }
        self.give_up_the_silent(now);
        self.wind_down(now, out);
    }

    /// When `advance` has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.is_at_rest() {
            let deadlines = [self.user_plane.next_deadline(), self.next_ending()];
            return deadlines.into_iter().flatten().min().filter(|_| self.ending != Ending::Closed);
        }
        let of_run = |at: &Instant| self.paused.is_none_or(|paused| *at <= paused);
        let unsent = (!self.unsent.is_empty()).then_some(self.start).flatten();
        [
            unsent,
            self.takeover.as_ref().and(self.start),
            self.recovery.next_deadline(),
            self.pacer.next_due(),
            self.access.next_deadline(),
            self.ue_timers.next_deadline(),
            self.gnb_timers.next_deadline(),
            self.redial.next_deadline(),
            self.scheduled_actions.next_deadline().filter(of_run),
            self.next_silence(),
            self.handovers.steps.next_deadline(),
            self.user_plane.next_deadline(),
            self.next_impairment(),
            self.next_ending(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When the next attempt is due: its lateness is measured.
    pub fn next_due(&self) -> Option<Instant> {
        self.pacer.next_due()
    }

    /// Whether there are sessions, so that user data may come at any time.
    pub fn has_user_plane(&self) -> bool {
        !self.user_plane.is_settled()
    }

    /// How many attempts left later than the scenario allows, since the last call.
    pub fn take_late(&mut self) -> u64 {
        self.recorder.take_late()
    }

    /// The instant that the traces' times count from, once the run has started.
    pub fn run_start(&self) -> Option<Instant> {
        self.start
    }

    /// UEs of the shard.
    pub fn ues(&self) -> u64 {
        self.population.len() as u64
    }

    /// Octets of all that is held for the UEs: state, queues, timers, connections, sessions.
    pub fn ue_octets(&self) -> u64 {
        let maps = self.ue_timers.octets()
            + self.attempts.octets()
            + self.access.octets()
            + self.scheduled_actions.octets()
            + self.handovers.octets()
            + self.user_plane.octets();
        self.population.octets() + maps as u64
    }

    fn send_user_plane(&mut self, out: &mut Vec<ShardAction>) {
        out.extend(self.outgoing.drain(..).map(|(to, octets)| ShardAction::SendGtpu { to, octets }));
    }
}

/// Attempts that leave at one reading of the clock.
const BATCH: usize = 16;
const SEED_OF_SHARDS: u64 = 1;
const SEED_OF_RADIO: u64 = 2;
const SEED_OF_UES: u64 = 3;
const SEED_OF_TRAFFIC: u64 = 4;
const SEED_OF_HANDOVERS: u64 = 5;
const SEED_OF_REDIALS: u64 = 6;
const SEED_OF_OVERLOADS: u64 = 7;
const SEED_OF_AMFS: u64 = 8;
