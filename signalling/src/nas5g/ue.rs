//! The UE: which procedure an event belongs to, and what every procedure shares (TS 24.501).

use std::time::Duration;

use identity::{Imsi, Procedure, SessionId};

use crate::common::identity_of_ue::STmsi;
use crate::common::timers::Timer;
use crate::common::usim::Usim;
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Attempt, Authenticating, Perseverance};
use crate::nas5g::nas_connection::NasConnection;
use crate::nas5g::procedures::service_request::Reason;
use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::session_management::SessionManagement;
use crate::nas5g::ue_state::UeState;
use crate::outcome::{Cause, ConnectionRefusal, Outcome};
use crate::session::{Session, SessionRequest};
use crate::settings::{Context, Retry, Subscriber};

/// What happens to a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UeEvent<'a> {
    /// The driver starts a procedure. It ends with exactly one [`UeAction::Finished`].
    Start(Procedure),
    /// A NAS PDU from the network.
    Downlink(&'a [u8]),
    /// A timer that was set ran out.
    Expired(Timer),
    /// The N1 signalling connection was released by the network or by the gNB.
    ConnectionReleased,
    /// There is no connection for the initial NAS message of [`UeAction::Connect`].
    ConnectionRefused(ConnectionRefusal),
    /// The cell broadcast the paging identity of this UE.
    Paged,
    /// The driver asks for a PDU session: [`Procedure::PduSession`].
    EstablishSession(&'a SessionRequest),
    /// The driver asks to modify this session: [`Procedure::PduSessionModification`]. [`UeEvent::Start`] takes the session
    /// of the lowest number.
    ModifySession(SessionId),
    /// The driver asks to release this session: [`Procedure::PduSessionRelease`]. [`UeEvent::Start`] takes the session of
    /// the lowest number.
    ReleaseSession(SessionId),
    /// The UE is in another cell, by reselection or after a handover: [`Context::tai`] may have changed. Outside its
    /// registration area a registered UE begins a [`Procedure::MobilityRegistrationUpdate`] by itself.
    CellChanged,
    /// The battery is taken out, and another USIM put in: the UE sends nothing, and all its state is gone.
    SwapUsim(Subscriber),
    /// The UE is switched off: it de-registers without waiting for an answer (TS 24.501 §5.5.2.2.2).
    SwitchOff,
}

/// What the driver has to do for a UE, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UeAction {
    /// Set up an RRC connection for this initial NAS message.
    Connect {
        /// The NAS PDU.
        nas: Vec<u8>,
        /// Why.
        cause: EstablishmentCause,
        /// The identity that the UE gives the gNB, when it has one.
        s_tmsi: Option<STmsi>,
    },
    /// Send this NAS PDU on the connection.
    Uplink(Vec<u8>),
    /// Release the connection locally.
    ReleaseConnection,
    /// Start a timer, or start it again.
    SetTimer(Timer, Duration),
    /// Stop a timer, if it runs.
    StopTimer(Timer),
    /// The UE began this by itself.
    Started(Procedure),
    /// A procedure ended.
    Finished {
        /// Which: the one started, by the driver or by the UE.
        procedure: Procedure,
        /// How.
        outcome: Outcome,
    },
    /// The network de-registered the UE.
    Deregistered,
    /// A PDU session was established or modified.
    SessionUp(Box<Session>),
    /// A PDU session is no more: released, lost with the registration, or not known to the network.
    SessionDown {
        /// Which.
        id: SessionId,
    },
    /// Something came that the state does not expect, and was treated as the specification says.
    Unexpected(&'static str),
}

/// One 5G UE with its USIM, on 3GPP access.
///
/// Every [`UeEvent::Start`] and every [`UeAction::Started`] is followed by exactly one [`UeAction::Finished`] of the same
/// procedure, at the latest when the timers that were set have run out.
///
/// ```text
///                 registration accepted
///  DEREGISTERED ─────────────────────────► REGISTERED ──► updates, service requests
///       ▲   de-registration, reject, 5GMM cause  │
///       └────────────────────────────────────────┘
/// ```
///
/// The file of each procedure has the part of it that runs the procedure.
pub struct Ue {
    pub(crate) subscriber: Subscriber,
    pub(crate) usim: Usim,
    pub(crate) nas: NasConnection,
    /// What an authentication leaves until a SECURITY MODE COMMAND takes it into use.
    pub(crate) authenticating: Option<Box<Authenticating>>,
    pub(crate) area: RegisteredArea,
    pub(crate) attempt: Option<Box<Attempt>>,
    /// The SUCI that T3519 keeps.
    pub(crate) suci: Option<Box<[u8]>>,
    pub(crate) perseverance: Perseverance,
    pub(crate) sessions: SessionManagement,
    pub(crate) registered: bool,
    /// The cell changed, and no update has begun for it yet.
    pub(crate) moved: bool,
    /// The procedure that the network asked for once the connection is released.
    pub(crate) after_release: Option<Procedure>,
}

pub(crate) type Out = Vec<UeAction>;

impl Ue {
    /// A UE that was just switched on, with nothing stored.
    pub fn new(subscriber: &Subscriber) -> Self {
        Self {
            subscriber: *subscriber,
            usim: Usim::default(),
            nas: NasConnection::default(),
            authenticating: None,
            area: RegisteredArea::default(),
            attempt: None,
            suci: None,
            perseverance: Perseverance::default(),
            sessions: SessionManagement::default(),
            registered: false,
            moved: false,
            after_release: None,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the network sends makes it panic.
    pub fn handle(&mut self, event: UeEvent<'_>, context: &mut Context<'_>, out: &mut Vec<UeAction>) {
        match event {
            UeEvent::Start(procedure) => self.start(procedure, context, out),
            UeEvent::Downlink(octets) => self.downlink(octets, context, out),
            UeEvent::Expired(timer) => {
                if self.nas.running.remove(timer) {
                    self.expired(timer, context, out);
                }
            }
            UeEvent::ConnectionReleased => self.connection_lost(None, context, out),
            UeEvent::ConnectionRefused(refusal) => self.connection_lost(Some(refusal), context, out),
            UeEvent::Paged => self.paged(context, out),
            UeEvent::SwitchOff => self.switch_off(context, out),
            UeEvent::EstablishSession(request) => self.establish_session(request, context, out),
            UeEvent::ModifySession(id) => self.modify_session(id, context, out),
            UeEvent::ReleaseSession(id) => self.release_session(id, context, out),
            UeEvent::CellChanged => self.moved = true,
            UeEvent::SwapUsim(subscriber) => self.swap_usim(&subscriber, out),
        }
        self.update_after_move(context, out);
    }

    /// Whether the UE is in 5GMM-REGISTERED.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether it has an N1 signalling connection, or waits for one.
    pub fn is_connected(&self) -> bool {
        self.nas.connected
    }

    /// Whether no procedure runs, so that the next may start.
    pub fn is_idle_for_attempts(&self) -> bool {
        self.attempt.is_none()
    }

    /// The permanent identity.
    pub fn imsi(&self) -> Imsi {
        self.subscriber.imsi
    }

    /// The established PDU sessions, by number.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Whether there is a PDU session.
    pub fn has_session(&self) -> bool {
        self.sessions.lowest().is_some()
    }

    /// Everything that another agent needs to go on with this UE. It is complete while
    /// [`Ue::is_idle_for_attempts`]: an attempt that runs, and an authentication, stay behind. The timers of
    /// [`UeState::timers`] are the driver's: it carries what is left of them along.
    pub fn export(&self) -> UeState {
        UeState::of(self)
    }

    /// The UE that was exported.
    pub fn import(state: UeState) -> Self {
        state.into_ue()
    }

    /// Octets that the UE has on the heap.
    pub fn heap_octets(&self) -> usize {
        let attempt = self.attempt.as_ref().map_or(0, |attempt| attempt.octets());
        let authenticating = self.authenticating.as_ref().map_or(0, |state| state.octets());
        let suci = self.suci.as_ref().map_or(0, |suci| suci.len());
        self.usim.heap_octets()
            + self.area.heap_octets()
            + self.sessions.heap_octets()
            + attempt
            + authenticating
            + suci
    }

    /// The identity that the network pages, when the UE has one.
    pub fn s_tmsi(&self) -> Option<STmsi> {
        self.area.s_tmsi()
    }

    // Starting a procedure.

    pub(crate) fn start(&mut self, procedure: Procedure, context: &mut Context<'_>, out: &mut Out) {
        match (procedure, self.sessions.lowest()) {
            (Procedure::PduSessionModification, Some(id)) => self.modify_session(id, context, out),
            (Procedure::PduSessionRelease, Some(id)) => self.release_session(id, context, out),
            (Procedure::PduSession | Procedure::PduSessionModification | Procedure::PduSessionRelease, _) => {
                refuse_start(procedure, Cause::NoSession, out)
            }
            (
                Procedure::HandoverN2
                | Procedure::HandoverXn
                | Procedure::UeContextRelease
                | Procedure::SimSwap,
                _,
            ) => refuse_start(procedure, Cause::NotOfUe, out),
            (Procedure::ServiceRequest, session) => {
                let reason = if session.is_some() { Reason::Data } else { Reason::Signalling };
                self.start_for(procedure, reason, context, out);
            }
            _ => self.start_for(procedure, Reason::Signalling, context, out),
        }
    }

    /// Starts a procedure of 5GMM.
    pub(crate) fn start_for(
        &mut self,
        procedure: Procedure,
        reason: Reason,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if let Some(cause) = self.refusal(procedure, reason, context) {
            return refuse_start(procedure, cause, out);
        }
        match procedure {
            Procedure::Deregistration => self.deregister(context, out),
            Procedure::ServiceRequest => self.request_service(reason, out),
            _ => self.register(procedure, context, out),
        }
    }

    /// Why a procedure cannot start now.
    pub(crate) fn refusal(
        &self,
        procedure: Procedure,
        reason: Reason,
        context: &Context<'_>,
    ) -> Option<Cause> {
        let initial = matches!(procedure, Procedure::Registration | Procedure::RegistrationRetry);
        if self.attempt.is_some() {
            Some(Cause::ProcedureRunning)
        } else if !initial && !self.registered {
            Some(Cause::NotRegistered)
        // §5.5.2.2.1: a de-registration goes by the SUCI where there is no 5G-GUTI; everything else needs the latter.
        } else if !initial && self.area.guti.is_none() && procedure != Procedure::Deregistration {
            Some(Cause::NoGuti)
        } else if self.is_barred(procedure, reason, context) {
            Some(Cause::Barred)
        } else {
            None
        }
    }

    /// TS 24.501 §5.3.9 (T3346), §5.6.1.7 (T3525), §5.5.1.2.5 (forbidden lists).
    fn is_barred(&self, procedure: Procedure, reason: Reason, context: &Context<'_>) -> bool {
        if context.settings.retry == Retry::Never || procedure == Procedure::Deregistration {
            return false;
        }
        let answers_paging = reason == Reason::Paging;
        (self.nas.running.contains(Timer::T3346) && !answers_paging)
            || (procedure == Procedure::ServiceRequest
                && self.nas.running.contains(Timer::T3525)
                && !answers_paging)
            || self.perseverance.forbids_here(context.tai)
    }

    pub(crate) fn begin_by_itself(&mut self, procedure: Procedure, context: &mut Context<'_>, out: &mut Out) {
        let initial = procedure == Procedure::RegistrationRetry;
        if self.attempt.is_some() || self.registered == initial {
            return;
        }
        out.push(UeAction::Started(procedure));
        self.start(procedure, context, out);
    }

    fn swap_usim(&mut self, subscriber: &Subscriber, out: &mut Out) {
        self.end_attempt(Outcome::Failed(Cause::SwitchedOff), out);
        self.leave_registered(out);
        self.nas.release(out);
        for timer in self.nas.running.all() {
            self.nas.stop(timer, out);
        }
        *self = Self::new(subscriber);
    }
}

/// A start that comes to nothing ends at once.
pub(crate) fn refuse_start(procedure: Procedure, cause: Cause, out: &mut Out) {
    out.push(UeAction::Finished { procedure, outcome: Outcome::Failed(cause) });
}
