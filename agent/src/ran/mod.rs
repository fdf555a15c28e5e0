//! The radio network of a shard, sans-IO: its UEs, its nodes, what is in the air between them, who is handed over, the user plane.
//!
//! Nothing here calls back: a UE's and a node's actions put messages in the air, and [`crate::seam::RadioNetwork::advance`] delivers
//! what has arrived. So one instant may need several passes, and `advance` runs them all.

mod access;
mod action;
mod departures;
mod end;
mod handover;
mod handovers;
mod impairments;
mod messages;
mod network;
mod node;
mod nodes;
mod planning;
mod radio;
mod ran_events;
mod settings;
mod transferred;
mod ue;
mod ues;
mod unexpected;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use billing::Closing;
use identity::Procedure;
use scenarios::{Plan, SimSwap, stream_seed};
use signalling::{Device, NodeAction, NodeEvent, ReleaseCause, Timer, UeAction, UeEvent, UeState};
use wire::to_agent::Lease;

use crate::measure::Comment;
use crate::seam::{End, RadioEvent, ScheduleClock, ShardUe, Stage, Start, StartCause, Visitors};

use crate::time::{Timers, micros};
use crate::transfer::{Encryption, SessionContext, UeContext, place_of, timer_of};
use crate::user_plane::{Outgoing, UserPlane, UserPlaneEnd};
use access::Access;
pub use action::ShardAction;
use handovers::{Handovers, Step};
use impairments::{Impairments, unit};
use messages::Messages;
use network::AGENT_LOST;
use nodes::Nodes;
use transferred::{Newcomer, Transferred};
use ues::{Presence, Ues, usim};
use unexpected::Unexpected;

/// The UEs and nodes of one shard, on the real protocols.
pub struct Ran {
    seed: u64,
    plan: Plan,
    shard: scenarios::Shard,
    clock: ScheduleClock,
    stage: Stage,
    ues: Ues,
    visitors: Visitors,
    nodes: Nodes,
    access: Access,
    ue_timers: Timers<(u32, Timer)>,
    impairments: Impairments,
    /// UEs in a procedure that is a part of this other one: an idle UE is connected before a handover, and one that has a new USIM
    /// registers with it.
    intents: HashMap<u32, Procedure>,
    handovers: Handovers,
    encryption: Encryption,
    user_plane: UserPlane,
    messages: Messages,
    unexpected: Unexpected,
    /// UEs that are registered.
    registered: u64,
    transferred: Transferred,
    /// When the message that is being delivered was to arrive.
    arrived_at: Option<Instant>,
    events: VecDeque<RadioEvent>,
    ue_actions: Vec<UeAction>,
    node_actions: Vec<NodeAction>,
    outgoing: Vec<Outgoing>,
}

impl Ran {
    /// The UEs and nodes of a lease. Without an end for its tunnels its nodes refuse every session's resources.
    ///
    /// # Panics
    /// When the plan does not have that shard: check it first.
    pub(crate) fn new(plan: &Plan, lease: &Lease, user_plane: Option<UserPlaneEnd>) -> Self {
        let (scenario, shard) = (plan.scenario(), plan.shard(lease.shard));
        let seed = stream_seed(lease.seed, &[SEED_OF_SHARDS, u64::from(lease.shard)]);
        let ues = Ues::new(scenario, &shard);
        Self {
            seed,
            plan: plan.clone(),
            clock: ScheduleClock::default(),
            stage: Stage::default(),
            visitors: Visitors::new(lease.shard, ues.home(), lease.takeover.as_ref()),
            ues,
            nodes: Nodes::new(&shard, lease, user_plane, seed),
            access: Access::new(
                scenario.radio.clone(),
                stream_seed(seed, &[SEED_OF_RADIO]),
                scenario.cells.inactivity,
            ),
            ue_timers: Timers::new(),
            impairments: Impairments::new(plan, &shard),
            intents: HashMap::new(),
            handovers: Handovers::new(),
            encryption: Encryption::new(&lease.key, &lease.run, lease.shard, lease.epoch),
            // Of the run, not of the shard: a session's traffic goes on elsewhere.
            user_plane: UserPlane::new(
                scenario.clone(),
                stream_seed(lease.seed, &[SEED_OF_TRAFFIC]),
                user_plane.map(|end| end.address),
            ),
            messages: Messages::new(lease.trace),
            unexpected: Unexpected::default(),
            registered: 0,
            transferred: Transferred::default(),
            arrived_at: None,
            events: VecDeque::new(),
            ue_actions: Vec::new(),
            node_actions: Vec::new(),
            outgoing: Vec::new(),
            shard,
        }
    }

    /// Whether anything from outside still counts.
    fn receives(&self) -> bool {
        self.stage < Stage::Closing
    }

    // What the campaign is told.

    fn emit(&mut self, event: RadioEvent) {
        self.events.push_back(event);
    }

    /// The campaign is told how the UE stands, where that is another state than before.
    fn note(&mut self, ue: u32) {
        let leaving = self.handovers.departure(ue).is_some();
        let Some(slot) = self.ues.slot(ue) else { return };
        let standing = slot.standing(leaving);
        if standing != slot.reported {
            slot.reported = standing;
            self.emit(RadioEvent::Changed { ue, standing });
        }
    }

    /// What was started with the UE, or what it began itself, has ended.
    fn finish(&mut self, ue: u32, procedure: Procedure, end: End, now: Instant) {
        if matches!(procedure, Procedure::PduSessionRelease | Procedure::Deregistration)
            && end != End::Succeeded
            && let Some(slot) = self.ues.peek(ue)
            && let Some(network) = self.ues.plmn_of(slot.gnb)
        {
            self.user_plane.moved(ue, slot.gnb, network, now);
        }
        self.trace_end(ue, procedure, &end);
        self.emit(RadioEvent::Finished { ue, procedure, end });
    }

    /// What there is of a UE that has failed is worth keeping.
    fn trace_end(&mut self, ue: u32, procedure: Procedure, end: &End) {
        let Some(slot) = self.ues.peek(ue).filter(|slot| !slot.recovers) else { return };
        let (name, interface) = (procedure.name(), self.nodes.interface(slot.gnb, slot.amf));
        let tracer = &mut self.messages.tracer;
        match end {
            End::Succeeded => {}
            End::Failed(cause) => {
                tracer.failed(ue, format!("{name} failed: {cause}"));
                self.nodes.count_cost(interface, cause);
            }
            End::Abandoned(reason) => tracer.failed(ue, format!("{name} abandoned: {reason}")),
            End::TimedOut(timer) => tracer.failed(ue, format!("{name} timed out: {timer}")),
        }
    }

    // How procedures begin.

    fn start_here(&mut self, start: Start, now: Instant, out: &mut Vec<ShardAction>) {
        let Start { ue, procedure, cause } = start;
        let (name, tracer) = (procedure.name(), &mut self.messages.tracer);
        match cause {
            StartCause::Due { index, due, .. } => {
                let late = now.saturating_duration_since(due);
                let clock = self.clock;
                tracer.begins(ue, || Comment::Scheduled {
                    attempt: format!("{name} {index}"),
                    due: clock.since_start(due),
                    late,
                });
            }
            StartCause::DueAtHome { home } => {
                tracer
                    .begins(ue, || Comment::Begins(format!("{name} begins, due at its home, shard {home}")));
            }
            StartCause::Recovery => {}
        }
        if self.ues.peek(ue).is_some_and(|slot| slot.presence == Presence::Here) {
            self.begin(ue, procedure, now, out);
        } else {
            self.finish(ue, procedure, End::Failed("no-such-ue".into()), now);
        }
    }

    fn begin(&mut self, ue: u32, procedure: Procedure, now: Instant, out: &mut Vec<ShardAction>) {
        match procedure {
            Procedure::MobilityRegistrationUpdate => {
                self.leave_cell(ue, now, out);
                self.ues.move_on(ue);
                self.ue(ue, UeEvent::Start(procedure), now, out);
            }
            Procedure::PduSession => {
                let supi = self.ues.imsi(ue);
                match supi.and_then(|supi| self.user_plane.request(ue, supi)) {
                    Some(request) => self.ue(ue, UeEvent::EstablishSession(&request), now, out),
                    None => self.finish(ue, procedure, End::Failed("no-session-template".into()), now),
                }
            }
            Procedure::HandoverN2 | Procedure::HandoverXn => {
                if self.access.is_connected(ue) {
                    self.start_handover(ue, procedure, now, out);
                } else {
                    // An idle UE is connected first, as data in either direction would have done.
                    self.intents.insert(ue, procedure);
                    self.ue(ue, UeEvent::Start(Procedure::ServiceRequest), now, out);
                }
            }
            Procedure::UeContextRelease => self.release_context(ue, now, out),
            Procedure::SimSwap => self.swap_usim(ue, now, out),
            _ => self.ue(ue, UeEvent::Start(procedure), now, out),
        }
    }

    /// The UE begins this by itself, as far as the load knows: an impairment made it.
    fn begin_by_itself(
        &mut self,
        ue: u32,
        procedure: Procedure,
        why: &str,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.emit(RadioEvent::Began { ue, procedure });
        let begins = || Comment::Begins(format!("{} begins: {why}", procedure.name()));
        self.messages.tracer.begins(ue, begins);
        self.begin(ue, procedure, now, out);
    }

    /// A UE that moves while connected loses its old cell first; there is no handover in this.
    fn leave_cell(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        if let Some(gnb) = self.access.disconnect(ue) {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
            self.ue(ue, UeEvent::ConnectionReleased, now, out);
        }
    }

    /// The gNB asks for the release of a UE that is connected (TS 38.413 §8.3.2).
    fn release_context(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(gnb) = self.access.gnb_of(ue) else {
            let end = End::Failed("no-connection".into());
            return self.finish(ue, Procedure::UeContextRelease, end, now);
        };
        self.handovers.steps.set(Step::Unreleased { ue }, now + RELEASE_WAIT);
        let event = NodeEvent::RequestRelease { ue, cause: ReleaseCause::UserInactivity };
        self.node(self.interface_of(gnb, ue), event, now, out);
    }

    /// Another USIM in the device. The network learns of it by the registration alone.
    fn swap_usim(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(before) = self.ues.peek(ue).map(|slot| slot.ue.subscriber()) else { return };
        let (handovers, intents) = (&self.handovers, &self.intents);
        let is_busy = |ue| handovers.concern(ue) || intents.contains_key(&ue);
        let after = match self.plan.scenario().sim_swap {
            SimSwap::NewKeys => self.plan.scenario().find_subscriber(before.imsi).map(|found| {
                // The card before may be a replacement itself.
                usim(&scenarios::Subscriber { k: before.k, ..found }.after_swap())
            }),
            SimSwap::OtherIdentity => {
                let other = self.ues.find_deregistered(ue, is_busy);
                let theirs = other.and_then(|other| self.ues.peek(other));
                let theirs = theirs.map(|slot| slot.ue.subscriber());
                if let Some(other) = other.filter(|_| theirs.is_some()) {
                    self.ues.swap_groups(ue, other);
                    self.ue(other, UeEvent::SwapUsim(before), now, out);
                }
                theirs
            }
        };
        let Some(after) = after else {
            let end = End::Failed("no-other-subscriber".into());
            return self.finish(ue, Procedure::SimSwap, end, now);
        };
        self.intents.insert(ue, Procedure::SimSwap);
        let gnb = self.access.disconnect(ue);
        self.ue(ue, UeEvent::SwapUsim(after), now, out);
        if let Some(gnb) = gnb {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        }
        self.ue(ue, UeEvent::Start(Procedure::Registration), now, out);
    }

    // What happens by time alone.

    fn advance_here(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        self.deliver_arrived(now, out);
        while let Some((ue, timer)) = self.ue_timers.pop_expired(now) {
            // What a UE began now, or tried again, would be in no account.
            if self.receives() {
                self.ue(ue, UeEvent::Expired(timer), now, out);
            }
        }
        while let Some((interface, timer)) = self.nodes.timers.pop_expired(now) {
            self.node(interface, NodeEvent::Expired(timer), now, out);
        }
        while let Some(step) = self.handovers.steps.pop_expired(now) {
            self.take_step(step, now, out);
        }
        while let Some((ue, action)) = self.impairments.actions.pop_expired(self.clock.of_run(now)) {
            self.run_scheduled_action(ue, action, now, out);
        }
        while let Some(ue) = self.access.pop_idle(now) {
            self.check_inactivity(ue, now, out);
        }
        while let Some(interface) = self.nodes.redial.pop_expired(now) {
            self.nodes.dials(interface);
            out.push(ShardAction::Connect { gnb: interface });
        }
        self.admit_waiting(now);
        self.deliver_arrived(now, out);
        self.user_plane.advance(now, &mut self.outgoing);
        self.send_user_plane(out);
    }

    pub(crate) fn send_user_plane(&mut self, out: &mut Vec<ShardAction>) {
        out.extend(self.outgoing.drain(..).map(|(to, octets)| ShardAction::SendGtpu { to, octets }));
    }

    // UEs that come and go with all that is theirs.

    /// A UE as it travels, in this state.
    pub(super) fn ue_context(
        &self,
        ue: u32,
        state: UeState,
        session_contexts: Vec<SessionContext>,
        now: Instant,
    ) -> UeContext {
        let left = |timer: Timer| {
            let at = self.ue_timers.expires((ue, timer))?;
            Some((place_of(timer)?, micros(at.saturating_duration_since(now))))
        };
        let timers = state.timers().filter_map(left).collect();
        let (home, group) = (self.visitors.origin(ue), self.ues.group(ue));
        UeContext { home, group, state, timers, session_contexts }
    }

    /// Arms the timers that a UE has brought along.
    pub(super) fn arm(&mut self, ue: u32, timers: &[(u8, u64)], now: Instant) {
        for &(timer, left_us) in timers {
            if let Some(timer) = timer_of(timer) {
                self.ue_timers.set((ue, timer), now + Duration::from_micros(left_us));
            }
        }
    }

    // From the last holder of the shard.

    /// The UE is in its slot. Until the start nothing happens to it.
    pub(super) fn take_in(&mut self, shard_ue: ShardUe<UeContext>) -> bool {
        let ShardUe { ue, place, out_of_signal, draws, recovers, ue_context, .. } = shard_ue;
        let UeContext { home, group, state, timers, session_contexts } = ue_context;
        if !self.ues.make_room(ue) {
            return false;
        }
        let adopted = Device::import(state);
        self.registered += u64::from(adopted.is_registered());
        self.ues.arrive(ue, adopted, group, place);
        self.visitors.arrive(ue, home);
        if let Some(slot) = self.ues.slot(ue) {
            (slot.out_of_signal, slot.draws, slot.recovers) = (out_of_signal, draws, recovers.is_some());
        }
        self.note(ue);
        self.transferred.newcomers.push(Newcomer { ue, timers, session_contexts });
        true
    }

    /// The sessions of a UE go on, with a part that begins here and without a user plane.
    pub(super) fn bring_sessions(&mut self, ue: u32, session_contexts: &[SessionContext], now: Instant) {
        let Some(slot) = self.ues.peek(ue) else { return };
        let (gnb, supi) = (slot.gnb, slot.ue.imsi());
        let sessions: Vec<_> = slot.ue.sessions().map(|session| (supi, session.clone())).collect();
        if let (false, Some(network)) = (sessions.is_empty(), self.ues.plmn_of(gnb)) {
            self.user_plane.arrive(ue, &sessions, session_contexts, gnb, network, now);
            self.throttle_as_cell(ue, now);
        }
    }

    // Other shards are lost, and UEs on their way.

    /// A subscriber who was away, or a visiting UE that had left, is here again, switched off: it was lost on its way.
    pub(super) fn revive_here(&mut self, ue: u32) {
        if let Some(slot) = self.ues.slot(ue) {
            slot.presence = Presence::Here;
        }
        self.visitors.is_back(ue);
        self.note(ue);
    }

    /// The visiting UE is gone for good, or the expected one will not come.
    pub(super) fn forget(&mut self, ue: u32) {
        if self.ues.forget(ue) {
            self.visitors.forget(ue);
            self.note(ue);
        }
    }

    /// The home of a visiting UE was lost: it is registered anew there.
    pub(super) fn give_visitor_up(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(slot) = self.ues.peek(ue).filter(|slot| slot.presence == Presence::Here) else { return };
        if slot.ue.is_registered() {
            self.registered = self.registered.saturating_sub(1);
        }
        let sessions: Vec<_> = slot.ue.sessions().map(|session| session.id).collect();
        self.handovers.end_departure(ue);
        self.handovers.given_up(ue);
        self.emit(RadioEvent::Dropped { ue, performer: None, reason: AGENT_LOST });
        self.intents.remove(&ue);
        for id in sessions {
            self.user_plane.session_down(ue, id, Closing::Deregistered, now);
        }
        if let Some(gnb) = self.access.disconnect(ue) {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        }
        self.stop_timers(ue);
        self.ues.leave(ue);
        self.note(ue);
        self.forget(ue);
    }
}

/// How long the release of a UE may take: TS 38.413 leaves it to the gNB.
const RELEASE_WAIT: Duration = Duration::from_secs(10);
const SEED_OF_SHARDS: u64 = 1;
const SEED_OF_RADIO: u64 = 2;
const SEED_OF_UES: u64 = 3;
const SEED_OF_TRAFFIC: u64 = 4;
const SEED_OF_HANDOVERS: u64 = 5;
const SEED_OF_REDIALS: u64 = 6;
const SEED_OF_OVERLOADS: u64 = 7;
const SEED_OF_AMFS: u64 = 8;
