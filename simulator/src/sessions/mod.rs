//! The sessions of all UEs: what an SMF and a PGW-C do, as one function (TS 23.501 §4.3, TS 23.502 §4.3, TS 24.501 §6).
//!
//! A session is found by its subscriber and its number, whatever node serves the UE. It has timers, counters and random numbers
//! of its own, and asks its [`AccessNode`] where it needs the UE or the RAN.
//!
//! ```text
//! access node ── messages of UEs, answers of the RAN ──► sessions ── Ports ──► user plane, charging
//!             ◄── AccessNode: page, send, resources ────
//! ```

mod access;
mod anchor;
mod context;
mod dispatch;
mod gsm;
pub(crate) mod n2;
mod pool;
pub(crate) mod session;
mod settings;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use billing::{ChargingId, Closing};
use identity::{Imsi, Plmn, SessionId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use scenarios::Breakout;

use crate::policy::{self, Decision};
use crate::statistics::{Counters, Message};
use crate::timers::Timers;
use anchor::Anchors;
use session::{Procedure, Repeat, Session, SessionKey};

pub(crate) use access::{AccessNode, Place, Requester};
pub use context::{EventContext, Ports};
pub(crate) use dispatch::Uplink;
pub use settings::{DataNetwork, SessionSettings};

/// All sessions, and what they share.
pub struct Sessions {
    settings: SessionSettings,
    by_subscriber: FxHashMap<Imsi, Vec<Session>>,
    /// Those that their UEs have no longer, and whose resources the RAN has still to release: until then, what it sends counts.
    ending: FxHashMap<Place, Vec<(Session, Closing)>>,
    anchors: Anchors,
    timers: Timers<(SessionKey, SessionTimer)>,
    rng: ChaCha8Rng,
    counters: Counters,
}

/// The one timer of a session (TS 24.501 table 10.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionTimer {
    /// Policy control has thought.
    Policy,
    /// The RAN is overdue with the resources.
    Resources,
    T3591,
    T3592,
}

impl Sessions {
    /// Without sessions.
    pub fn new(settings: SessionSettings) -> Self {
        Self {
            by_subscriber: FxHashMap::default(),
            ending: FxHashMap::default(),
            anchors: Anchors::new(settings.sessions),
            timers: Timers::default(),
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            counters: Counters::default(),
            settings,
        }
    }

    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Timers that run.
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// When a timer is due. May be early, for one that was stopped.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// Sessions that are anchored.
    pub(crate) fn anchored(&self) -> usize {
        self.anchors.len()
    }

    /// The UPF's ends of the sessions, by their charging identifiers.
    pub(crate) fn charged(&self) -> impl Iterator<Item = (ChargingId, u32)> + '_ {
        self.anchors.charged()
    }

    /// The sessions of a subscriber.
    pub(crate) fn of(&self, supi: Imsi) -> &[Session] {
        self.by_subscriber.get(&supi).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn find(&self, key: SessionKey) -> Option<&Session> {
        self.of(key.supi).iter().find(|session| session.id == key.id)
    }

    fn find_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        find_in(&mut self.by_subscriber, key)
    }

    /// The sessions that both the UE and the network have.
    pub(crate) fn established(&self, supi: Imsi) -> Vec<SessionId> {
        self.of(supi).iter().filter(|session| session.is_established()).map(|session| session.id).collect()
    }

    /// The UE has told which sessions it has (TS 24.501 §5.5.1.3.4, §5.6.1.4.1): one that it does not have is released here without a
    /// word.
    pub(crate) fn keep(&mut self, ports: &mut Ports<'_>, supi: Imsi, has: impl Fn(SessionId) -> bool) {
        for id in self.established(supi) {
            if !has(id) {
                self.remove(ports, SessionKey { supi, id }, Closing::Released);
            }
        }
    }

    /// Forgets a session and gives back what it holds.
    pub(crate) fn remove(&mut self, ports: &mut Ports<'_>, key: SessionKey, closing: Closing) {
        if let Some(mut session) = self.take(key) {
            self.anchors.close(ports, &mut session, closing);
        }
    }

    /// Forgets a session that the UE has no more. Downlink stops now; what the RAN still sends counts until it has answered, or has
    /// no context of the UE at this place any more (TS 23.502 §4.3.4.2 steps 2 to 7).
    pub(crate) fn end(
        &mut self,
        ports: &mut Ports<'_>,
        key: SessionKey,
        place: Option<Place>,
        closing: Closing,
    ) {
        let Some(mut session) = self.take(key) else { return };
        match place.filter(|_| session.may_have_resources()) {
            Some(place) => {
                anchor::deactivate(ports, &mut session);
                self.ending.entry(place).or_default().push((session, closing));
            }
            None => self.anchors.close(ports, &mut session, closing),
        }
    }

    /// The RAN has released its ends of the sessions that ended at this place: of the one with this number, or of all.
    pub(crate) fn ended(&mut self, ports: &mut Ports<'_>, place: Place, which: Option<SessionId>) {
        let Some(ending) = self.ending.get_mut(&place) else { return };
        let is = |(session, _): &mut (Session, Closing)| which.is_none_or(|id| session.id == id);
        let ended: Vec<_> = ending.extract_if(.., is).collect();
        if ending.is_empty() {
            self.ending.remove(&place);
        }
        for (mut session, closing) in ended {
            self.anchors.close(ports, &mut session, closing);
        }
    }

    /// Forgets all sessions of a UE, as [`Sessions::end`] does.
    pub(crate) fn end_all(
        &mut self,
        ports: &mut Ports<'_>,
        supi: Imsi,
        place: Option<Place>,
        closing: Closing,
    ) {
        while let Some(key) = self.of(supi).first().map(Session::key) {
            self.end(ports, key, place, closing);
        }
    }

    /// Forgets all sessions of a UE.
    pub(crate) fn remove_all(&mut self, ports: &mut Ports<'_>, supi: Imsi, closing: Closing) {
        while let Some(key) = self.of(supi).first().map(Session::key) {
            self.remove(ports, key, closing);
        }
    }

    /// The UE has left a place, and is idle: its sessions are kept without their user plane (TS 23.502 §4.2.6), and what it was about
    /// to be told is given up (TS 24.501 §6.3.2.5, §6.3.3.5, §6.4.1.6).
    pub(crate) fn suspend(&mut self, ports: &mut Ports<'_>, supi: Imsi, place: Option<Place>) {
        let keys: Vec<_> = self.of(supi).iter().map(Session::key).collect();
        for key in keys {
            let Some(session) = self.find_mut(key) else { continue };
            match session.procedure {
                Procedure::Establishment(_) | Procedure::Release(_) => {
                    self.end(ports, key, place, Closing::Released);
                }
                Procedure::None | Procedure::Modification(_) => {
                    session.procedure = Procedure::None;
                    session.repeat = None;
                    anchor::deactivate(ports, session);
                    self.stop_timer(key);
                }
            }
        }
    }

    /// The UE registers in a network. Its home-routed sessions go on, charged there from now on (TS 32.255 §5.2.1.4); those that left
    /// for the data network in the one before end, at `place`.
    pub(crate) fn registered_in(
        &mut self,
        ports: &mut Ports<'_>,
        supi: Imsi,
        serving: Plmn,
        place: Place,
    ) -> Registered {
        let mut registered = Registered::default();
        let settings = &self.settings;
        for session in self.by_subscriber.get_mut(&supi).into_iter().flatten() {
            if session.serving != serving {
                anchor::serve_elsewhere(ports, session, serving);
            }
            if std::mem::replace(&mut session.registered_in, serving) != serving {
                registered.network_changed = true;
                if !goes_on(settings, session, serving) {
                    registered.ended.push((session.id, session.may_have_resources()));
                }
            }
        }
        for (id, _) in &registered.ended {
            self.end(ports, SessionKey { supi, id: *id }, Some(place), Closing::Released);
        }
        registered
    }

    fn insert(&mut self, session: Session) {
        self.by_subscriber.entry(session.supi).or_insert_with(|| Vec::with_capacity(1)).push(session);
    }

    fn take(&mut self, key: SessionKey) -> Option<Session> {
        let sessions = self.by_subscriber.get_mut(&key.supi)?;
        let place = sessions.iter().position(|session| session.id == key.id)?;
        let mut session = sessions.swap_remove(place);
        if sessions.is_empty() {
            self.by_subscriber.remove(&key.supi);
        }
        if let Some(timer) = session.timer.take() {
            self.timers.stop(timer);
        }
        Some(session)
    }

    /// What policy control says of a session.
    fn decide(&mut self) -> Decision {
        let SessionSettings { policy, ambr_bps, default_ambr_bps, .. } = &self.settings;
        policy::decide(policy, *ambr_bps, *default_ambr_bps, &mut self.rng)
    }

    /// Sends the UE a message, through its access node.
    fn send(
        &mut self,
        node: &mut impl AccessNode,
        now: Instant,
        key: SessionKey,
        (name, message): (Message, Option<Vec<u8>>),
    ) {
        let Some(message) = message else { return };
        self.counters.count_sent(name);
        node.send_to_ue(now, key.supi, key.id, message);
    }

    /// From now on a session waits for the answer to a message, which is sent again when `timer` expires.
    fn await_answer(
        &mut self,
        node: &impl AccessNode,
        now: Instant,
        key: SessionKey,
        octets: Vec<u8>,
        (procedure, timer): (Procedure, SessionTimer),
    ) {
        let left = self.settings.max_retransmissions;
        if let Some(session) = self.find_mut(key) {
            session.procedure = procedure;
            session.repeat = Some(Repeat { octets, left });
        }
        self.start_timer(node, now, key, timer);
    }

    /// Starts the one timer of a session, in place of the one that may run.
    fn start_timer(&mut self, node: &impl AccessNode, now: Instant, key: SessionKey, timer: SessionTimer) {
        self.stop_timer(key);
        let duration = match timer {
            SessionTimer::Policy => self.settings.policy.delay,
            SessionTimer::Resources => self.settings.resources_guard,
            SessionTimer::T3591 => self.settings.t3591,
            SessionTimer::T3592 => self.settings.t3592,
        };
        // The UE's time starts when the message leaves, not while the network thinks.
        let delay = if timer == SessionTimer::Policy { Duration::ZERO } else { node.longest_delay() };
        let started = self.timers.start(now + delay + duration, (key, timer));
        if let Some(session) = self.find_mut(key) {
            session.timer = Some(started);
        }
    }

    fn stop_timer(&mut self, key: SessionKey) {
        if let Some(timer) = self.find_mut(key).and_then(|session| session.timer.take()) {
            self.timers.stop(timer);
        }
    }
}

fn find_in(by_subscriber: &mut FxHashMap<Imsi, Vec<Session>>, key: SessionKey) -> Option<&mut Session> {
    by_subscriber.get_mut(&key.supi)?.iter_mut().find(|session| session.id == key.id)
}

/// What became of the sessions of a UE that registered.
#[derive(Default)]
pub(crate) struct Registered {
    /// It registered in another network than before.
    pub(crate) network_changed: bool,
    /// The sessions that have ended, and whether the RAN may have resources of each. The UE is told by the PDU session status.
    pub(crate) ended: Vec<(SessionId, bool)>,
}

/// Whether a session survives that its UE registers in another network.
fn goes_on(settings: &SessionSettings, session: &Session, serving: Plmn) -> bool {
    let agreement = settings.agreement(session.home, serving);
    !session.local_breakout && agreement.is_none_or(|agreement| agreement.breakout == Breakout::HomeRouted)
}
