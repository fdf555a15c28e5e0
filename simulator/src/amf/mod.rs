//! A sans-IO AMF (TS 23.501 §6.2.1, TS 24.501, TS 38.413).
//!
//! It shares codecs with the UE side and nothing else: what a UE or gNB sends is judged by the specification alone.

mod access_node;
mod admission;
mod areas;
mod connection;
mod connections;
mod dispatch;
mod errors;
mod events;
mod expiry;
mod gnb;
mod gprs_timer;
mod home_network;
mod identities;
mod leaving;
mod outbox;
mod procedures;
mod received_nas;
mod received_ngap;
mod runs;
mod security;
mod sending;
mod session_status;
mod settings;
mod slices;
mod ue;
mod ue_context;

use std::time::Instant;

use billing::Closing;
use criticality::ngap::{Judge, Reports};
use identity::{Imsi, Plmn, Tac};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use crate::sessions::{EventContext, Place};
use crate::timers::Timers;
use admission::TokenBucket;
use connection::{Connection, ConnectionId, Protection};
use expiry::{Expiry, UeTimer};
use gnb::Gnb;
use outbox::Outbox;
use procedures::nas5g::registration::State;
use procedures::{Awaited, Procedure, Registration};
pub(crate) use runs::RunId;
use runs::Runs;
use ue::{UeId, Ues};

pub use crate::statistics::{
    Event, MOST_NOTICED, MOST_TURNED_AWAY, Message, Noticed, Refusal, Statistics, TurnedAway,
};
pub use events::{AmfAction, AmfEvent, Command};
pub use gnb::NgSetup;
pub use settings::{AmfPlace, AmfSettings, AmfTimers, Congestion, Limits, ServedNetwork};

/// An AMF, which a [`Core`](crate::Core) feeds with events. The same events at the same times with the same seed give the same
/// actions. Nothing that a peer sends can make it panic or grow beyond its [`Limits`].
pub struct Amf {
    settings: AmfSettings,
    serving: Vec<Serving>,
    gnbs: FxHashMap<u32, Gnb>,
    connections: FxHashMap<ConnectionId, Connection>,
    last_connection: u64,
    ues: Ues,
    timers: Timers<Expiry>,
    outbox: Outbox,
    admission: Option<TokenBucket>,
    rng: ChaCha8Rng,
    statistics: Statistics,
    /// The device that each subscriber had last, by its IMEISV.
    devices: FxHashMap<Imsi, [u8; 9]>,
    judge: Judge,
    runs: Runs,
    /// How often a gNB came or went.
    gnb_changes: u64,
    /// What responses have still to say of their requests.
    reports: Reports,
}

/// A PLMN that is served, in the forms that the protocols need.
struct Serving {
    plmn: Plmn,
    octets: [u8; 3],
    nas: oxirush_nas::Plmn,
    /// TS 33.501 §6.1.1.4: the serving network name.
    sn_name: String,
}

impl Amf {
    /// An AMF without gNBs and UEs.
    pub fn new(settings: AmfSettings) -> Self {
        Self {
            serving: settings.networks.iter().filter_map(|network| Serving::new(network.plmn)).collect(),
            gnbs: FxHashMap::default(),
            connections: FxHashMap::default(),
            last_connection: 0,
            ues: Ues::new(settings.limits.ues),
            timers: Timers::default(),
            outbox: Outbox::new(
                settings.processing_delay,
                settings.processing_jitter,
                settings.limits.delayed_sends,
            ),
            admission: settings
                .congestion
                .map(|congestion| TokenBucket::new(congestion.max_registrations_per_s)),
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            statistics: Statistics::default(),
            devices: FxHashMap::default(),
            judge: Judge::default(),
            runs: Runs::default(),
            gnb_changes: 0,
            reports: Reports::default(),
            settings,
        }
    }

    /// Takes in one event. What is to be done now is appended to `out`; what is to be done later comes from
    /// [`Amf::send_due`].
    pub(crate) fn handle(
        &mut self,
        context: &mut EventContext<'_>,
        event: AmfEvent<'_>,
        out: &mut Vec<AmfAction>,
    ) {
        match event {
            AmfEvent::AssociationUp { association, streams_out } => {
                self.associate(context, association, streams_out, out);
            }
            AmfEvent::Received { association, octets, .. } => {
                dispatch::received(self, context, association, octets);
            }
            AmfEvent::AssociationDown { association } => self.lose(context, association),
            AmfEvent::Command(command) => dispatch::command(self, context, command),
        }
        self.outbox.take(context.now(), out);
    }

    /// Runs the timers that have expired.
    pub(crate) fn run_timers(&mut self, context: &mut EventContext<'_>) {
        while let Some(expiry) = self.timers.expired(context.now()) {
            dispatch::expired(self, context, expiry);
        }
    }

    /// Appends what is due to `out`.
    pub(crate) fn send_due(&mut self, now: Instant, out: &mut Vec<AmfAction>) {
        self.outbox.take(now, out);
    }

    /// When [`Amf::run_timers`] is next needed.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let (timer, send) = (self.timers.next_deadline(), self.outbox.next_deadline());
        timer.into_iter().chain(send).min()
    }

    /// When the next message that is held back leaves.
    pub(crate) fn next_send(&self) -> Option<Instant> {
        self.outbox.next_deadline()
    }

    /// How far the NG set-up of an association has come; `None` when there is no such association.
    pub fn ng_setup_of(&self, association: u32) -> Option<NgSetup> {
        let gnb = self.gnbs.get(&association)?;
        Some(match (&gnb.identity, gnb.has_asked) {
            (Some(_), _) => NgSetup::Done,
            (None, true) => NgSetup::Refused,
            (None, false) => NgSetup::NotAsked,
        })
    }

    /// Whether an INITIAL UE MESSAGE has come: a campaign has begun.
    pub fn has_received_a_ue(&self) -> bool {
        self.statistics.received(Message::InitialUeMessage) > 0
    }

    /// Whether a gNB is there that has set its NG interface up.
    pub(crate) fn has_gnbs(&self) -> bool {
        self.gnbs.values().any(|gnb| gnb.identity.is_some())
    }

    /// Whether one is there that plays in this run.
    pub(crate) fn has_gnbs_of(&self, run: RunId) -> bool {
        self.gnbs.values().any(|gnb| gnb.identity.is_some() && gnb.run == Some(run))
    }

    /// Grows whenever a gNB comes or goes.
    pub(crate) fn gnb_changes(&self) -> u64 {
        self.gnb_changes
    }

    /// The runs that are made against it, with the names that their gNBs give them.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (RunId, &str)> {
        self.runs.all()
    }

    /// The run in which a subscriber was served last.
    pub(crate) fn run_of(&self, imsi: Imsi) -> Option<RunId> {
        self.runs.of_subscriber(imsi)
    }

    /// Nothing of the run is open any more.
    pub(crate) fn forget_run(&mut self, run: RunId) {
        self.runs.forget(run);
    }

    /// Every UE that has a session, of this run or of all, is deregistered implicitly; none may be connected any more.
    pub(crate) fn forget_sessions(
        &mut self,
        of: Option<RunId>,
        context: &mut EventContext<'_>,
        out: &mut Vec<AmfAction>,
    ) {
        let sessions = &context.sessions;
        let idle =
            self.ues.iter().filter(|(_, ue)| ue.connection.is_none() && !sessions.of(ue.imsi).is_empty());
        let theirs =
            idle.filter(|(_, ue)| of.is_none_or(|run| self.runs.of_subscriber(ue.imsi) == Some(run)));
        for (id, supi) in theirs.map(|(id, ue)| (id, ue.imsi)).collect::<Vec<_>>() {
            self.stop_ue_timer(id);
            self.refuse(Refusal::ImplicitDeregistration);
            context.sessions.remove_all(&mut context.ports, supi, Closing::StillOpen);
            self.ues.remove(id);
        }
        self.outbox.take(context.now(), out);
    }

    /// What it counted so far, and what it holds now; [`Core::statistics`](crate::Core::statistics) has the sessions, too.
    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            associations: self.gnbs.len(),
            gnbs: self.gnbs.values().filter(|gnb| gnb.identity.is_some()).count(),
            connections: self.connections.len(),
            registered: self.ues.registered(),
            ues: self.ues.len(),
            timers: self.timers.len(),
            sends_waiting: self.outbox.waiting(),
            sends_dropped: self.outbox.dropped(),
            ..self.statistics.clone()
        }
    }

    fn associate(
        &mut self,
        context: &mut EventContext<'_>,
        association: u32,
        streams_out: u16,
        out: &mut Vec<AmfAction>,
    ) {
        if self.gnbs.contains_key(&association) {
            self.lose(context, association);
        }
        if self.gnbs.len() >= self.settings.limits.associations {
            self.refuse(Refusal::TooManyAssociations);
            out.push(AmfAction::Close { association });
            return;
        }
        self.gnbs.insert(association, Gnb::new(streams_out));
    }

    /// Forgets a gNB; its UEs are idle.
    fn lose(&mut self, context: &mut EventContext<'_>, association: u32) {
        let Some(mut gnb) = self.gnbs.remove(&association) else { return };
        self.gnb_changes += 1;
        self.reports.forget(association);
        for id in gnb.take_connections() {
            leaving::forget(self, context, id);
        }
    }

    /// TS 24.501 §5.3.7: a UE is not reachable; it may still come back for a while.
    fn is_not_reachable(&mut self, now: Instant, id: UeId) {
        let at = now + self.settings.timers.implicit_deregistration;
        self.start_ue_timer(id, at, UeTimer::ImplicitDeregistration);
    }

    /// A UE is deregistered implicitly, or has been deregistered for long.
    fn forget_ue(&mut self, context: &mut EventContext<'_>, id: UeId) {
        let Some(ue) = self.ues.get(id) else { return };
        let (supi, registered) = (ue.imsi, ue.registered);
        if registered {
            self.refuse(Refusal::ImplicitDeregistration);
        }
        context.sessions.remove_all(&mut context.ports, supi, Closing::Deregistered);
        self.ues.remove(id);
    }

    /// What a connection waits for.
    fn awaits(&self, id: ConnectionId) -> Option<Awaited> {
        Some(self.connections.get(&id)?.procedure.awaits())
    }

    /// What a connection has waited for has come, or will not come: nothing is repeated.
    fn has_answer(&mut self, id: ConnectionId) {
        sending::settle(self, id);
        if let Some(Procedure::Registration(registration)) = self.procedure_on(id) {
            registration.state = State::Between;
        }
    }

    /// Nothing runs on a connection from now on.
    fn end_procedure(&mut self, id: ConnectionId) {
        sending::settle(self, id);
        if let Some(connection) = self.connections.get_mut(&id) {
            (connection.procedure, connection.candidate) = (Procedure::None, None);
        }
    }

    /// This runs on a connection from now on.
    fn run(&mut self, id: ConnectionId, procedure: Procedure) {
        if let Some(running) = self.procedure_on(id) {
            *running = procedure;
        }
    }

    fn procedure_on(&mut self, id: ConnectionId) -> Option<&mut Procedure> {
        Some(&mut self.connections.get_mut(&id)?.procedure)
    }

    /// Lends the registration of a connection, for [`Amf::keep_registration`] to put back.
    fn take_registration(&mut self, id: ConnectionId) -> Option<Box<Registration>> {
        let running = self.procedure_on(id)?;
        match std::mem::take(running) {
            Procedure::Registration(registration) => Some(registration),
            other => {
                *running = other;
                None
            }
        }
    }

    /// A registration goes on, unless it is over, or the end of another connection has ended this one meanwhile.
    fn keep_registration(&mut self, id: ConnectionId, registration: Box<Registration>) {
        let over = registration.state == State::Over;
        match self.procedure_on(id) {
            Some(running) if !over && matches!(running, Procedure::None) => {
                *running = Procedure::Registration(registration);
            }
            _ => {}
        }
    }

    /// A UE that a connection already serves securely is not spoken to in clear.
    fn protection_of(&self, id: ConnectionId) -> Protection {
        let secured = self.connections.get(&id).is_some_and(|connection| connection.secured);
        if secured { Protection::Current } else { Protection::Plain }
    }

    /// Starts the one timer of a UE without a connection, in place of the one that may run.
    fn start_ue_timer(&mut self, id: UeId, at: Instant, timer: UeTimer) {
        let Some(ue) = self.ues.get_mut(id) else { return };
        if let Some(running) = ue.timer.take() {
            self.timers.stop(running);
        }
        ue.timer = Some(self.timers.start(at, Expiry::Ue(id, timer)));
    }

    fn stop_ue_timer(&mut self, id: UeId) {
        if let Some(running) = self.ues.get_mut(id).and_then(|ue| ue.timer.take()) {
            self.timers.stop(running);
        }
    }

    /// A UE that has left `connection`, or had none: reachable for T3512 and four minutes (TS 24.501 §5.3.7), or kept for a while
    /// when it is deregistered.
    fn ue_is_idle(&mut self, context: &mut EventContext<'_>, id: UeId, connection: Option<ConnectionId>) {
        let Some(ue) = self.ues.get_mut(id) else { return };
        ue.connection = None;
        let (registered, supi, place) = (ue.registered, ue.imsi, connection.map(Place::from));
        let EventContext { sessions, ports } = context;
        if registered {
            sessions.suspend(ports, supi, place);
        } else {
            sessions.end_all(ports, supi, place, Closing::Deregistered);
        }
        if !registered {
            let at = context.now() + self.settings.timers.deregistered_kept;
            self.start_ue_timer(id, at, UeTimer::ImplicitDeregistration);
        } else if let Some(t3512) = self.settings.timers.t3512 {
            self.start_ue_timer(
                id,
                context.now() + t3512 + MOBILE_REACHABLE_MARGIN,
                UeTimer::MobileReachable,
            );
        }
    }

    /// The connection belongs to this UE from now on; another one that it had is released.
    fn bind(&mut self, context: &mut EventContext<'_>, id: ConnectionId, ue_id: UeId) {
        self.stop_ue_timer(ue_id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(ue) = self.ues.get_mut(ue_id) else { return };
        let (before, supi) = (ue.connection.replace(id), ue.imsi);
        ue.paged = None;
        ue.tac = connection.tac;
        ue.plmn = connection.plmn;
        connection.ue = Some(ue_id);
        let run = self.gnbs.get(&connection.association).and_then(|gnb| gnb.run);
        self.runs.serves(run, ue.imsi);
        if let Some(old) = before.filter(|old| *old != id) {
            context.sessions.suspend(&mut context.ports, supi, Some(old.into()));
            leaving::supersede(self, context, old);
        }
    }

    /// The UE has moved to another gNB: this connection is its own from now on, and says where it is.
    fn move_to(&mut self, id: ConnectionId, ue_id: UeId) {
        self.stop_ue_timer(ue_id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(ue) = self.ues.get_mut(ue_id) else { return };
        ue.connection = Some(id);
        ue.paged = None;
        (ue.plmn, ue.tac) = (connection.plmn, connection.tac);
        connection.ue = Some(ue_id);
        let run = self.gnbs.get(&connection.association).and_then(|gnb| gnb.run);
        self.runs.serves(run, ue.imsi);
    }

    /// Who the UE of a connection is.
    fn supi_on(&self, id: ConnectionId) -> Option<Imsi> {
        let ue = self.connections.get(&id)?.ue?;
        Some(self.ues.get(ue)?.imsi)
    }

    fn refuse(&mut self, reason: Refusal) {
        self.statistics.counters.count_refusal(reason);
    }

    /// The tracking areas that a UE in `tac` of a network is registered in: 16 at most (TS 24.501 §9.11.3.9).
    fn registration_area(&self, plmn: usize, tac: Tac) -> &[Tac] {
        let tacs =
            self.settings.networks.get(plmn).map(|network| network.tacs.as_slice()).unwrap_or_default();
        let chunks = || tacs.chunks(MAX_TACS);
        chunks().find(|chunk| chunk.contains(&tac)).or_else(|| chunks().next()).unwrap_or_default()
    }
}

impl Serving {
    fn new(plmn: Plmn) -> Option<Self> {
        let (mcc, mnc) = (plmn.mcc(), plmn.mnc());
        Some(Self {
            plmn,
            octets: plmn.ngap_octets(),
            nas: oxirush_nas::Plmn::new(&mcc, &mnc).ok()?,
            sn_name: format!("5G:mnc{mnc:0>3}.mcc{mcc}.3gppnetwork.org"),
        })
    }
}

/// TS 24.501 §5.3.7: the mobile reachable timer is four minutes longer than T3512.
const MOBILE_REACHABLE_MARGIN: std::time::Duration = std::time::Duration::from_secs(4 * 60);
const MAX_TACS: usize = 16;
