//! The UE: which procedure an event belongs to, and what every procedure shares (TS 24.501).

use std::time::Duration;

use identity::{Imsi, PduSessionId};
use oxirush_nas::nas_5gs::{
    Nas5gmmMessage, Nas5gsMessage, NasAuthenticationRequest, NasConfigurationUpdateCommand,
    NasDeregistrationAcceptUeTerminated, NasDeregistrationRequestUeTerminated, NasFGmmCause, NasFGmmStatus,
    NasFGsMobileIdentity, NasIdentityRequest, NasNotificationResponse, NasRegistrationAccept,
    NasRegistrationReject, NasSecurityModeCommand, NasServiceReject,
};
use rand::Rng;

use crate::attempt::{Attempt, Authenticating, Kind, Perseverance, RunningTimers};
use crate::identity_of_ue::STmsi;
use crate::nas_security::{Header, NasContext, Received, payload, status_cause};
use crate::outcome::{Cause, ConnectionRefusal, Outcome};
use crate::procedure::{EstablishmentCause, Procedure};
use crate::procedures::authentication::{self, Answer};
use crate::procedures::identification::{self, IdentityType};
use crate::procedures::initial_registration::{self, RegisteredArea};
use crate::procedures::mobility_and_periodic_registration_update::registration_type;
use crate::procedures::reject::{self, Counter, Forbids};
use crate::procedures::security_mode::{self, Refusal};
use crate::procedures::service_request::{self, Reason};
use crate::procedures::{
    configuration_update, deregistration_network_initiated, deregistration_ue_initiated,
};
use crate::session::{Session, SessionRequest};
use crate::settings::{Context, Retry, Subscriber};
use crate::suci;
use crate::timers::{self, Timer};
use crate::ue_state::UeState;
use crate::usim::Usim;

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
    ModifySession(PduSessionId),
    /// The driver asks to release this session: [`Procedure::PduSessionRelease`]. [`UeEvent::Start`] takes the session of
    /// the lowest number.
    ReleaseSession(PduSessionId),
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
        id: PduSessionId,
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
pub struct Ue {
    subscriber: Subscriber,
    usim: Usim,
    /// The current native security context.
    current: Option<NasContext>,
    /// What an authentication leaves until a SECURITY MODE COMMAND takes it into use.
    authenticating: Option<Box<Authenticating>>,
    area: RegisteredArea,
    attempt: Option<Box<Attempt>>,
    /// The SUCI that T3519 keeps.
    suci: Option<Box<[u8]>>,
    perseverance: Perseverance,
    running: RunningTimers,
    registered: bool,
    /// There is an N1 signalling connection, or one is being set up.
    connected: bool,
    /// The secure exchange of NAS messages is established on this connection (TS 24.501 §4.4.2.5).
    secured: bool,
    /// The procedure that the network asked for once the connection is released.
    after_release: Option<Procedure>,
}

type Out = Vec<UeAction>;

impl Ue {
    /// A UE that was just switched on, with nothing stored.
    pub fn new(subscriber: &Subscriber) -> Self {
        Self {
            subscriber: *subscriber,
            usim: Usim::default(),
            current: None,
            authenticating: None,
            area: RegisteredArea::default(),
            attempt: None,
            suci: None,
            perseverance: Perseverance::default(),
            running: RunningTimers::default(),
            registered: false,
            connected: false,
            secured: false,
            after_release: None,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the network sends makes it panic.
    pub fn handle(&mut self, event: UeEvent<'_>, context: &mut Context<'_>, out: &mut Vec<UeAction>) {
        match event {
            UeEvent::Start(procedure) => self.start(procedure, Reason::Signalling, context, out),
            UeEvent::Downlink(octets) => self.downlink(octets, context, out),
            UeEvent::Expired(timer) => {
                if self.running.remove(timer) {
                    self.expired(timer, context, out);
                }
            }
            UeEvent::ConnectionReleased => self.connection_lost(None, context, out),
            UeEvent::ConnectionRefused(refusal) => self.connection_lost(Some(refusal), context, out),
            UeEvent::Paged => self.paged(context, out),
            UeEvent::SwitchOff => self.switch_off(out),
            UeEvent::EstablishSession(_) => self.not_yet(Procedure::PduSession, out),
            UeEvent::ModifySession(_) => self.not_yet(Procedure::PduSessionModification, out),
            UeEvent::ReleaseSession(_) => self.not_yet(Procedure::PduSessionRelease, out),
            UeEvent::CellChanged => out.push(UeAction::Unexpected("cell-changed")),
            UeEvent::SwapUsim(subscriber) => *self = Self::new(&subscriber),
        }
    }

    /// Whether the UE is in 5GMM-REGISTERED.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether it has an N1 signalling connection, or waits for one.
    pub fn is_connected(&self) -> bool {
        self.connected
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
        std::iter::empty()
    }

    /// Whether there is a PDU session.
    pub fn has_session(&self) -> bool {
        self.sessions().next().is_some()
    }

    /// Everything that another agent needs to go on with this UE. The timers of [`UeState::timers`] are the driver's: it
    /// carries what is left of them along.
    pub fn export(&self) -> UeState {
        UeState::of(&self.subscriber)
    }

    /// The UE that was exported.
    pub fn import(state: UeState) -> Self {
        Self::new(&state.subscriber())
    }

    /// Octets that the UE has on the heap.
    pub fn heap_octets(&self) -> usize {
        let attempt =
            self.attempt.as_ref().map_or(0, |attempt| size_of::<Attempt>() + attempt.complete.capacity());
        let authenticating = self.authenticating.as_ref().map_or(0, |state| state.octets());
        let suci = self.suci.as_ref().map_or(0, |suci| suci.len());
        self.usim.heap_octets() + self.area.heap_octets() + attempt + authenticating + suci
    }

    /// The identity that the network pages, when the UE has one.
    pub fn s_tmsi(&self) -> Option<STmsi> {
        self.area.guti.map(|guti| guti.s_tmsi())
    }

    // Starting a procedure.

    fn not_yet(&self, procedure: Procedure, out: &mut Out) {
        out.push(UeAction::Finished { procedure, outcome: Outcome::Failed(Cause::NoSession) });
    }

    fn start(&mut self, procedure: Procedure, reason: Reason, context: &mut Context<'_>, out: &mut Out) {
        let initial = matches!(procedure, Procedure::Registration | Procedure::RegistrationRetry);
        let refusal = if self.attempt.is_some() {
            Some(Cause::ProcedureRunning)
        } else if !initial && (!self.registered || self.area.guti.is_none()) {
            Some(Cause::NotRegistered)
        } else if self.is_barred(procedure, reason, context) {
            Some(Cause::Barred)
        } else {
            None
        };
        if let Some(cause) = refusal {
            out.push(UeAction::Finished { procedure, outcome: Outcome::Failed(cause) });
            return;
        }
        match procedure {
            Procedure::Deregistration => self.deregister(out),
            Procedure::ServiceRequest => self.request_service(reason, out),
            Procedure::Registration
            | Procedure::RegistrationRetry
            | Procedure::MobilityRegistrationUpdate
            | Procedure::PeriodicRegistrationUpdate => self.register(procedure, context, out),
            _ => self.not_yet(procedure, out),
        }
    }

    /// TS 24.501 §5.3.9 (T3346), §5.6.1.7 (T3525), §5.5.1.2.5 (forbidden lists).
    fn is_barred(&self, procedure: Procedure, reason: Reason, context: &Context<'_>) -> bool {
        if context.settings.retry == Retry::Never || procedure == Procedure::Deregistration {
            return false;
        }
        let answers_paging = reason == Reason::Paging;
        (self.running.contains(Timer::T3346) && !answers_paging)
            || (procedure == Procedure::ServiceRequest
                && self.running.contains(Timer::T3525)
                && !answers_paging)
            || self.perseverance.forbids_here(context.tai)
    }

    /// Sends a REGISTRATION REQUEST (TS 24.501 §5.5.1.2.2, §5.5.1.3.2).
    fn register(&mut self, procedure: Procedure, context: &mut Context<'_>, out: &mut Out) {
        let initial = matches!(procedure, Procedure::Registration | Procedure::RegistrationRetry);
        if initial {
            // A registered UE begins anew, as after a loss of power: the network learns it from the registration type.
            self.leave_registered(out);
            if self.connected {
                self.release_connection(out);
            }
        }
        for timer in [Timer::T3511, Timer::T3502] {
            self.stop(timer, out);
        }
        self.perseverance.begin();
        let identity = match self.area.guti {
            Some(guti) => NasFGsMobileIdentity::new(guti.mobile_identity()),
            None => match self.suci(context, out) {
                Some(suci) => NasFGsMobileIdentity::new(suci),
                None => {
                    let outcome = Outcome::Failed(Cause::NotEncodable);
                    out.push(UeAction::Finished { procedure, outcome });
                    return;
                }
            },
        };
        let ng_ksi = self.current.as_ref().map_or(NO_KEY, NasContext::ng_ksi);
        let kind = registration_type(procedure);
        let mut request = initial_registration::request(kind, identity, ng_ksi, &self.area, context.settings);
        let mut complete = Nas5gsMessage::new_5gmm(request.clone());
        let mut octets = complete.encode().unwrap_or_default();
        let protected = match &mut self.current {
            // In 5GMM-CONNECTED the whole message is ciphered (§4.4.6).
            Some(current) if self.secured => current.protect(&complete, Header::IntegrityAndCiphering),
            Some(current) => {
                let mut contained = octets.clone();
                let container = (initial_registration::cleartext(&request, None) != request)
                    .then(|| current.cipher_container(&mut contained).map(|()| contained))
                    .flatten();
                let sent = initial_registration::cleartext(&request, container);
                current.protect(&Nas5gsMessage::new_5gmm(sent), Header::Integrity)
            }
            None => None,
        };
        let unprotected = protected.is_none();
        let nas = protected.unwrap_or_else(|| {
            // No context, or one whose COUNTs are used up: a new authentication follows (§4.4.3.5).
            self.current = None;
            request.ngksi.value = NO_KEY;
            complete = Nas5gsMessage::new_5gmm(request.clone());
            octets = complete.encode().unwrap_or_default();
            let sent = initial_registration::cleartext(&request, None);
            Nas5gsMessage::new_5gmm(sent).encode().unwrap_or_default()
        });
        self.attempt = Some(Box::new(Attempt::new(procedure, Kind::Registration, octets, unprotected)));
        self.send_initial(nas, EstablishmentCause::MoSignalling, out);
        self.set(Timer::T3510, timers::T3510, out);
    }

    /// Sends a SERVICE REQUEST (TS 24.501 §5.6.1.2).
    fn request_service(&mut self, reason: Reason, out: &mut Out) {
        let procedure = Procedure::ServiceRequest;
        let header = self.initial_header();
        let message = match (&mut self.current, self.area.guti) {
            (Some(current), Some(guti)) => {
                let request = service_request::request(reason, current.ng_ksi(), guti.s_tmsi());
                let message = Nas5gsMessage::new_5gmm(request);
                current.protect(&message, header).map(|nas| (nas, message.encode().unwrap_or_default()))
            }
            _ => None,
        };
        // Without a context there is nothing to prove the identity with (§5.6.1.2 has the UE register anew).
        let Some((nas, complete)) = message else {
            out.push(UeAction::Finished { procedure, outcome: Outcome::Failed(Cause::NotRegistered) });
            return;
        };
        self.attempt = Some(Box::new(Attempt::new(procedure, Kind::ServiceRequest, complete, false)));
        self.send_initial(nas, reason.establishment_cause(), out);
        self.set(Timer::T3517, timers::T3517, out);
    }

    /// Sends a DEREGISTRATION REQUEST (TS 24.501 §5.5.2.2.2).
    fn deregister(&mut self, out: &mut Out) {
        let kind = Kind::Deregistration { expiries: 0 };
        self.attempt = Some(Box::new(Attempt::new(Procedure::Deregistration, kind, Vec::new(), false)));
        let nas = self.deregistration_request(false);
        self.send_initial(nas, EstablishmentCause::MoSignalling, out);
        self.set(Timer::T3521, timers::T3521, out);
    }

    fn deregistration_request(&mut self, switch_off: bool) -> Vec<u8> {
        let header = self.initial_header();
        let ng_ksi = self.current.as_ref().map_or(NO_KEY, NasContext::ng_ksi);
        let identity = self.area.guti.map_or_else(NasFGsMobileIdentity::from_no_identity, |guti| {
            NasFGsMobileIdentity::new(guti.mobile_identity())
        });
        let request = deregistration_ue_initiated::request(switch_off, ng_ksi, identity);
        let message = Nas5gsMessage::new_5gmm(request);
        let protected = self.current.as_mut().and_then(|current| current.protect(&message, header));
        protected.unwrap_or_else(|| message.encode().unwrap_or_default())
    }

    fn switch_off(&mut self, out: &mut Out) {
        self.end_attempt(Outcome::Failed(Cause::SwitchedOff), out);
        if self.registered && self.area.guti.is_some() {
            out.push(UeAction::Started(Procedure::Deregistration));
            let nas = self.deregistration_request(true);
            self.send_initial(nas, EstablishmentCause::MoSignalling, out);
            out.push(UeAction::Finished {
                procedure: Procedure::Deregistration,
                outcome: Outcome::Succeeded,
            });
        }
        self.leave_registered(out);
        for timer in self.running.all() {
            self.stop(timer, out);
        }
        self.suci = None;
        self.after_release = None;
        self.perseverance = Perseverance::default();
    }

    fn paged(&mut self, context: &mut Context<'_>, out: &mut Out) {
        if !self.registered || self.connected || self.attempt.is_some() {
            out.push(UeAction::Unexpected("paging"));
            return;
        }
        // §5.3.9: paging stops T3346.
        self.stop(Timer::T3346, out);
        out.push(UeAction::Started(Procedure::ServiceRequest));
        self.start(Procedure::ServiceRequest, Reason::Paging, context, out);
    }

    /// The SUCI: a new one, unless T3519 keeps the last (TS 24.501 §5.5.1.2.2, §5.4.3.3).
    fn suci(&mut self, context: &mut Context<'_>, out: &mut Out) -> Option<Vec<u8>> {
        if self.running.contains(Timer::T3519)
            && let Some(suci) = &self.suci
        {
            return Some(suci.to_vec());
        }
        let suci = suci::conceal(&self.subscriber, &context.settings.suci, context.rng)?;
        self.suci = Some(suci.as_slice().into());
        self.set(Timer::T3519, timers::T3519, out);
        Some(suci)
    }

    // Receiving a message.

    fn downlink(&mut self, octets: &[u8], context: &mut Context<'_>, out: &mut Out) {
        if !self.connected {
            out.push(UeAction::Unexpected("nas-while-idle"));
            return;
        }
        match Received::of(octets) {
            Received::Unreadable => out.push(UeAction::Unexpected("nas-unreadable")),
            Received::Plain(plain) => self.unprotected(plain, context, out),
            Received::Protected(Header::IntegrityWithNewContext) => self.new_context(octets, context, out),
            Received::Protected(Header::IntegrityAndCipheringWithNewContext) => {
                out.push(UeAction::Unexpected("nas-security-header"));
            }
            Received::Protected(header) => {
                match self.current.as_mut().and_then(|current| current.unprotect(octets)) {
                    Some(plain) => {
                        self.secured = true;
                        self.protected(&plain, context, out);
                    }
                    // §4.4.4.2: some messages are processed although their integrity cannot be checked.
                    None if header == Header::Integrity && !self.secured => {
                        self.unprotected(payload(octets), context, out);
                    }
                    None => out.push(UeAction::Unexpected("nas-integrity")),
                }
            }
        }
    }

    /// A message without integrity protection, or with one that cannot be checked (TS 24.501 §4.4.4.2).
    fn unprotected(&mut self, plain: &[u8], context: &mut Context<'_>, out: &mut Out) {
        if self.secured {
            out.push(UeAction::Unexpected("nas-unprotected"));
            return;
        }
        let message = match Nas5gsMessage::decode(plain) {
            Ok(Nas5gsMessage::Gmm(_, message)) => message,
            Ok(_) => return out.push(UeAction::Unexpected("nas-unprotected")),
            Err(error) => return self.refuse(status_cause(&error), out),
        };
        let allowed = match &message {
            Nas5gmmMessage::IdentityRequest(request) => {
                IdentityType::of(request.identity_type.value) == IdentityType::Suci
            }
            Nas5gmmMessage::RegistrationReject(message) => {
                reject::processed_unprotected(message.fgmm_cause.value)
            }
            Nas5gmmMessage::ServiceReject(message) => reject::processed_unprotected(message.fgmm_cause.value),
            Nas5gmmMessage::AuthenticationRequest(_)
            | Nas5gmmMessage::AuthenticationResult(_)
            | Nas5gmmMessage::AuthenticationReject(_)
            | Nas5gmmMessage::DeregistrationAcceptUeOriginating(_) => true,
            _ => false,
        };
        if allowed {
            self.received(message, false, context, out);
        } else {
            out.push(UeAction::Unexpected("nas-unprotected"));
        }
    }

    /// The plain octets of a message whose integrity was checked.
    fn protected(&mut self, plain: &[u8], context: &mut Context<'_>, out: &mut Out) {
        match Nas5gsMessage::decode(plain) {
            Ok(Nas5gsMessage::Gmm(_, message)) => self.received(message, true, context, out),
            Ok(_) => out.push(UeAction::Unexpected("nas-unreadable")),
            Err(error) => self.refuse(status_cause(&error), out),
        }
    }

    /// A message under a security header of a new context: only a SECURITY MODE COMMAND comes so (Table 9.3.1).
    fn new_context(&mut self, octets: &[u8], context: &mut Context<'_>, out: &mut Out) {
        match Nas5gsMessage::decode(payload(octets)) {
            Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::SecurityModeCommand(command))) => {
                self.security_mode(octets, &command, context, out);
            }
            _ => out.push(UeAction::Unexpected("nas-security-header")),
        }
    }

    fn received(
        &mut self,
        message: Nas5gmmMessage,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        use Nas5gmmMessage as M;
        // §7.6.1: an unknown IE that is encoded as "comprehension required" is an invalid mandatory IE.
        if message.unknown_ies().iter().any(|ie| ie.is_comprehension_required()) {
            return self.refuse(Some(INVALID_MANDATORY_INFORMATION), out);
        }
        match message {
            M::AuthenticationRequest(request) => self.authentication_request(&request, context, out),
            M::AuthenticationReject(_) => self.authentication_reject(integrity, context, out),
            M::IdentityRequest(request) => self.identity_request(&request, context, out),
            M::RegistrationAccept(accept) => self.registration_accept(&accept, context, out),
            M::RegistrationReject(reject) => self.registration_reject(&reject, integrity, context, out),
            M::ServiceAccept(_) => self.service_accept(out),
            M::ServiceReject(reject) => self.service_reject(&reject, integrity, context, out),
            M::DeregistrationAcceptUeOriginating(_) => self.deregistration_accept(out),
            M::DeregistrationRequestUeTerminated(request) => {
                self.deregistration_request_of_network(&request, context, out);
            }
            M::ConfigurationUpdateCommand(command) => self.configuration_update(&command, context, out),
            M::Notification(_) => self.send(NasNotificationResponse::new(), out),
            // §7.4: a 5GMM STATUS is not answered.
            M::FiveGmmStatus(_) => out.push(UeAction::Unexpected("5gmm-status")),
            M::AuthenticationResult(_) | M::SecurityModeCommand(_) | M::DlNasTransport(_) => {
                out.push(UeAction::Unexpected("nas-not-expected"));
            }
            // What only a UE sends, or what this UE never announced that it can do.
            _ => self.refuse(Some(MESSAGE_TYPE_NON_EXISTENT), out),
        }
    }

    // The common procedures.

    /// TS 24.501 §5.4.1.3.
    fn authentication_request(
        &mut self,
        request: &NasAuthenticationRequest,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let rand = request.authentication_parameter_rand.as_ref().and_then(|parameter| parameter.rand());
        // §5.4.1.3.3: the answer to a repeated request is repeated while T3516 runs.
        let repeated = self.authenticating.as_ref().and_then(|state| state.answered(rand));
        if let Some(res_star) = repeated.filter(|_| self.running.contains(Timer::T3516)) {
            return self.send(authentication::response(res_star), out);
        }
        let in_use = self.current.as_ref().map(NasContext::ng_ksi);
        let serving = context.tai.0;
        match authentication::answer(&mut self.usim, &self.subscriber, serving, in_use, request) {
            Answer::Response(challenge) => {
                let response = authentication::response(challenge.res_star);
                self.authenticating = Some(Box::new(Authenticating::answering(challenge)));
                self.stop(Timer::T3520, out);
                self.send(response, out);
                self.set(Timer::T3516, timers::T3516, out);
                self.resume_attempt(out);
            }
            Answer::Failure(failure, auts) => {
                let state = self.authenticating.get_or_insert_default();
                state.refuse();
                // §5.4.1.3.7: three failures in a row, and the network is not genuine. Deviation: #71 counts too, so
                // that no network holds an attempt for ever.
                if state.failures >= MAX_AUTHENTICATION_FAILURES {
                    return self.network_is_not_genuine(
                        Outcome::Failed(Cause::AuthenticationRefused(failure)),
                        context,
                        out,
                    );
                }
                self.suspend_attempt(Cause::AuthenticationRefused(failure), out);
                self.send(authentication::failure(failure, auts), out);
                self.set(Timer::T3520, timers::T3520, out);
            }
            Answer::Incomplete => self.refuse(Some(CONDITIONAL_IE_ERROR), out),
        }
    }

    /// TS 24.501 §5.4.1.3.5.
    fn authentication_reject(&mut self, integrity: bool, context: &mut Context<'_>, out: &mut Out) {
        let was_registered = self.registered;
        let had_attempt = self.attempt.is_some();
        self.leave_registered(out);
        self.area.forget();
        self.current = None;
        self.secured = false;
        if integrity {
            self.perseverance.forbid(Forbids::Usim, context.tai);
        }
        self.end_attempt(Outcome::Failed(Cause::AuthenticationRejected), out);
        if was_registered && !had_attempt {
            out.push(UeAction::Deregistered);
        }
        self.expect_release(out);
    }

    /// TS 24.501 §5.4.1.3.7: the UE leaves the cell.
    fn network_is_not_genuine(&mut self, outcome: Outcome, context: &mut Context<'_>, out: &mut Out) {
        self.fail_attempt(outcome, Counter::OneMore, context, out);
        self.release_connection(out);
        self.go_idle(context, out);
    }

    /// TS 24.501 §5.4.2.
    fn security_mode(
        &mut self,
        octets: &[u8],
        command: &NasSecurityModeCommand,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let pending = self.authenticating.as_ref().and_then(|state| state.keys());
        match security_mode::judge(octets, command, context.settings, self.current.as_ref(), pending) {
            Ok(taken) => {
                self.current = Some(taken);
                self.secured = true;
                self.authenticating = None;
                for timer in [Timer::T3516, Timer::T3520] {
                    self.stop(timer, out);
                }
                self.resume_attempt(out);
                let wanted = command.imeisv_request.as_ref().is_some_and(|request| request.value & 7 == 1);
                let imeisv = wanted.then(|| identification::imeisv(self.subscriber.imsi)).flatten();
                let again =
                    command.additional_5g_security_information.as_ref().is_some_and(|info| info.rinmr());
                let initial = self
                    .attempt
                    .as_ref()
                    .filter(|attempt| (attempt.unprotected || again) && !attempt.complete.is_empty())
                    .map(|attempt| attempt.complete.clone());
                let complete = Nas5gsMessage::new_5gmm(security_mode::complete(imeisv, initial));
                let header = Header::IntegrityAndCipheringWithNewContext;
                if let Some(nas) =
                    self.current.as_mut().and_then(|current| current.protect(&complete, header))
                {
                    out.push(UeAction::Uplink(nas));
                }
            }
            Err(Refusal::Rejected(cause)) => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.refused = Some(Cause::SecurityModeRefused(cause));
                }
                self.send(security_mode::reject(cause), out);
            }
            // §4.4.3.2: a COUNT is accepted once.
            Err(Refusal::Replayed) => out.push(UeAction::Unexpected("nas-integrity")),
        }
    }

    /// TS 24.501 §5.4.3.
    fn identity_request(&mut self, request: &NasIdentityRequest, context: &mut Context<'_>, out: &mut Out) {
        let identity = match IdentityType::of(request.identity_type.value) {
            IdentityType::Suci => self.suci(context, out).map(NasFGsMobileIdentity::new),
            IdentityType::Guti => {
                self.area.guti.map(|guti| NasFGsMobileIdentity::new(guti.mobile_identity()))
            }
            IdentityType::STmsi => self.s_tmsi().map(|s_tmsi| {
                let [a, b, c, d, e, f] = s_tmsi.octets();
                NasFGsMobileIdentity::new(vec![0xf4, a, b, c, d, e, f])
            }),
            IdentityType::Imei => identification::imei(self.subscriber.imsi),
            IdentityType::Imeisv => identification::imeisv(self.subscriber.imsi),
            IdentityType::Other => None,
        };
        self.send(identification::response(identity), out);
    }

    /// TS 24.501 §5.4.4.
    fn configuration_update(
        &mut self,
        command: &NasConfigurationUpdateCommand,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let complete = configuration_update::apply(command, &mut self.area);
        if let Some(complete) = complete {
            self.send(complete, out);
        }
        if configuration_update::registration_requested(command)
            && context.settings.retry == Retry::AsSpecified
        {
            self.after_release = Some(Procedure::MobilityRegistrationUpdate);
        }
    }

    // The answers to our own procedures.

    /// TS 24.501 §5.5.1.2.4, §5.5.1.3.4.
    fn registration_accept(
        &mut self,
        accept: &NasRegistrationAccept,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::Registration) {
            // The network repeats an accept whose REGISTRATION COMPLETE it did not get (T3550, §5.5.1.2.8 c).
            if self.registered
                && let Some(complete) = initial_registration::complete(accept)
            {
                out.push(UeAction::Unexpected("registration-accept-again"));
                self.area.update(accept, context);
                return self.send(complete, out);
            }
            return self.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        self.area.update(accept, context);
        self.registered = true;
        self.perseverance.succeeded();
        self.suci = None;
        for timer in [Timer::T3519, Timer::T3346] {
            self.stop(timer, out);
        }
        if let Some(complete) = initial_registration::complete(accept) {
            self.send(complete, out);
        }
        self.end_attempt(Outcome::Succeeded, out);
        self.expect_release(out);
    }

    /// TS 24.501 §5.5.1.2.5, §5.5.1.3.5.
    fn registration_reject(
        &mut self,
        reject: &NasRegistrationReject,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::Registration) {
            return self.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        if let Some(t3502) = reject.t3502_value.as_ref().and_then(|value| value.to_seconds()) {
            self.area.t3502 = Duration::from_secs(t3502);
        }
        let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
        self.suci = None;
        self.stop(Timer::T3519, out);
        let counter = self.suffer(reject.fgmm_cause.value, back_off, integrity, context, out);
        let outcome = Outcome::Failed(Cause::Gmm(reject.fgmm_cause.value));
        self.fail_attempt(outcome, counter, context, out);
        self.expect_release(out);
    }

    /// TS 24.501 §5.6.1.4.
    fn service_accept(&mut self, out: &mut Out) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::ServiceRequest) {
            return self.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        self.perseverance.service_succeeded();
        self.end_attempt(Outcome::Succeeded, out);
    }

    /// TS 24.501 §5.6.1.5.
    fn service_reject(
        &mut self,
        reject: &NasServiceReject,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::ServiceRequest) {
            return self.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        let cause = reject.fgmm_cause.value;
        let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
        self.suffer(cause, back_off, integrity, context, out);
        self.end_attempt(Outcome::Failed(Cause::Gmm(cause)), out);
        // #9, #10: the UE registers anew.
        if matches!(cause, 9 | 10) && context.settings.retry == Retry::AsSpecified {
            self.after_release = Some(Procedure::RegistrationRetry);
        }
        self.expect_release(out);
    }

    /// TS 24.501 §5.5.2.2.4.
    fn deregistration_accept(&mut self, out: &mut Out) {
        if !self.attempt.as_ref().is_some_and(|attempt| matches!(attempt.kind, Kind::Deregistration { .. })) {
            return self.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        self.leave_registered(out);
        self.end_attempt(Outcome::Succeeded, out);
        self.expect_release(out);
    }

    /// TS 24.501 §5.5.2.3.
    fn deregistration_request_of_network(
        &mut self,
        request: &NasDeregistrationRequestUeTerminated,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let demand = deregistration_network_initiated::Demand::of(request);
        self.send(NasDeregistrationAcceptUeTerminated::new(), out);
        if !demand.concerns_us {
            return;
        }
        let was_registered = self.registered;
        if let Some(cause) = demand.cause {
            self.suffer(cause, demand.back_off_s, true, context, out);
        }
        self.leave_registered(out);
        // §5.5.2.2.6 d): the two de-registrations met, and both are done.
        let deregistering =
            self.attempt.as_ref().is_some_and(|attempt| matches!(attempt.kind, Kind::Deregistration { .. }));
        let outcome =
            if deregistering { Outcome::Succeeded } else { Outcome::Failed(Cause::DeregisteredByNetwork) };
        self.end_attempt(outcome, out);
        if was_registered {
            out.push(UeAction::Deregistered);
        }
        if demand.register_again && context.settings.retry == Retry::AsSpecified {
            self.after_release = Some(Procedure::RegistrationRetry);
        }
        self.expect_release(out);
    }

    /// What a 5GMM cause does to the UE, and what it does to the attempt counter.
    fn suffer(
        &mut self,
        cause: u8,
        back_off_s: Option<u64>,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) -> Counter {
        let effect = reject::effect(cause, integrity);
        if effect.delete_identity {
            self.area.forget();
            self.current = None;
            self.secured = false;
        }
        if effect.deregisters {
            self.leave_registered(out);
        }
        self.perseverance.forbid(effect.forbids, context.tai);
        if cause != reject::CONGESTION {
            return effect.counter;
        }
        // #22 without a value, or with one that is zero, is an abnormal case (§5.5.1.2.5).
        let Some(seconds) = back_off_s.filter(|&seconds| seconds > 0) else { return Counter::OneMore };
        if context.settings.retry == Retry::AsSpecified {
            // An unprotected value could be anyone's: the UE draws its own (TS 24.008 §4.1.1.7).
            let seconds = if integrity { seconds } else { context.rng.random_range(timers::T3346_RANGE_S) };
            self.set(Timer::T3346, Duration::from_secs(seconds), out);
        }
        effect.counter
    }

    // Timers and the connection.

    fn expired(&mut self, timer: Timer, context: &mut Context<'_>, out: &mut Out) {
        match timer {
            // §5.5.1.2.7 c), §5.5.1.3.7 c).
            Timer::T3510 => {
                self.fail_attempt(Outcome::TimedOut(timer), Counter::OneMore, context, out);
                self.release_connection(out);
                self.go_idle(context, out);
            }
            Timer::T3517 => {
                self.end_attempt(Outcome::TimedOut(timer), out);
                if self.perseverance.service_failed() >= service_request::MAX_ATTEMPTS
                    && context.settings.retry == Retry::AsSpecified
                {
                    self.set(Timer::T3525, timers::T3525_DEFAULT, out);
                }
                self.release_connection(out);
                self.go_idle(context, out);
            }
            Timer::T3521 => self.deregistration_unanswered(context, out),
            Timer::T3520 => self.network_is_not_genuine(Outcome::TimedOut(timer), context, out),
            Timer::T3519 => self.suci = None,
            Timer::T3516 | Timer::T3396 | Timer::T3580 | Timer::T3581 | Timer::T3582 => {}
            Timer::T3525 => self.perseverance.service_succeeded(),
            // §5.3.1.3: the UE releases the connection locally.
            Timer::T3540 => {
                self.release_connection(out);
                self.go_idle(context, out);
            }
            Timer::T3512 => self.begin_by_itself(Procedure::PeriodicRegistrationUpdate, context, out),
            Timer::T3511 | Timer::T3502 | Timer::T3346 => {
                if let Some(procedure) = self.perseverance.again.take() {
                    self.begin_by_itself(procedure, context, out);
                }
            }
        }
    }

    /// TS 24.501 §5.5.2.2.6 c): four repetitions, then the UE de-registers locally.
    fn deregistration_unanswered(&mut self, context: &mut Context<'_>, out: &mut Out) {
        let Some(Kind::Deregistration { expiries }) = self.attempt.as_mut().map(|attempt| &mut attempt.kind)
        else {
            return;
        };
        *expiries += 1;
        if *expiries < deregistration_ue_initiated::MAX_EXPIRIES {
            let nas = self.deregistration_request(false);
            out.push(UeAction::Uplink(nas));
            return self.set(Timer::T3521, timers::T3521, out);
        }
        self.leave_registered(out);
        self.end_attempt(Outcome::TimedOut(Timer::T3521), out);
        self.release_connection(out);
        self.go_idle(context, out);
    }

    fn begin_by_itself(&mut self, procedure: Procedure, context: &mut Context<'_>, out: &mut Out) {
        let initial = procedure == Procedure::RegistrationRetry;
        if self.attempt.is_some() || self.registered == initial {
            return;
        }
        out.push(UeAction::Started(procedure));
        self.start(procedure, Reason::Signalling, context, out);
    }

    /// The connection was released, or never came to be.
    fn connection_lost(
        &mut self,
        refusal: Option<ConnectionRefusal>,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.connected {
            return;
        }
        let cause = refusal.map_or(Cause::ConnectionReleased, Cause::Connection);
        match self.attempt.as_ref().map(|attempt| (attempt.kind, attempt.refused.unwrap_or(cause))) {
            // §5.5.1.2.7 a), b).
            Some((Kind::Registration, cause)) => {
                self.fail_attempt(Outcome::Failed(cause), Counter::OneMore, context, out);
            }
            // §5.5.2.2.6 b): the UE is de-registered all the same.
            Some((Kind::Deregistration { .. }, cause)) => {
                self.leave_registered(out);
                self.end_attempt(Outcome::Failed(cause), out);
            }
            Some((Kind::ServiceRequest, cause)) => self.end_attempt(Outcome::Failed(cause), out),
            None => {}
        }
        self.go_idle(context, out);
    }

    /// 5GMM-IDLE: T3512 runs (§5.3.7), and what the network asked for begins.
    fn go_idle(&mut self, context: &mut Context<'_>, out: &mut Out) {
        self.connected = false;
        self.secured = false;
        self.authenticating = None;
        for timer in [Timer::T3540, Timer::T3520, Timer::T3516] {
            self.stop(timer, out);
        }
        if self.registered
            && let Some(t3512) = context.settings.t3512.or(self.area.t3512)
        {
            self.set(Timer::T3512, t3512, out);
        }
        if let Some(procedure) = self.after_release.take() {
            self.begin_by_itself(procedure, context, out);
        }
    }

    fn release_connection(&mut self, out: &mut Out) {
        if self.connected {
            out.push(UeAction::ReleaseConnection);
        }
        self.connected = false;
        self.secured = false;
        self.authenticating = None;
        for timer in [Timer::T3540, Timer::T3520, Timer::T3516] {
            self.stop(timer, out);
        }
    }

    /// TS 24.501 §5.3.1.3: the network is to release the connection now.
    fn expect_release(&mut self, out: &mut Out) {
        if self.connected {
            self.set(Timer::T3540, timers::T3540, out);
        }
    }

    fn leave_registered(&mut self, out: &mut Out) {
        self.registered = false;
        self.stop(Timer::T3512, out);
    }

    // The attempt.

    /// Ends the attempt, if there is one.
    fn end_attempt(&mut self, outcome: Outcome, out: &mut Out) {
        let Some(attempt) = self.attempt.take() else { return };
        for timer in [attempt.timer().0, Timer::T3520] {
            self.stop(timer, out);
        }
        out.push(UeAction::Finished { procedure: attempt.procedure, outcome });
    }

    /// Ends a registration that failed, and arranges the next as TS 24.501 §5.5.1.2.7 and §5.5.1.3.7 have it.
    fn fail_attempt(&mut self, outcome: Outcome, counter: Counter, context: &Context<'_>, out: &mut Out) {
        let Some(attempt) = &self.attempt else { return };
        let (procedure, kind) = (attempt.procedure, attempt.kind);
        self.end_attempt(outcome, out);
        if kind != Kind::Registration {
            if matches!(kind, Kind::Deregistration { .. }) {
                self.leave_registered(out);
            }
            return;
        }
        let exhausted = self.perseverance.failed(counter);
        if exhausted {
            self.area.forget();
            self.current = None;
            self.leave_registered(out);
        }
        if context.settings.retry == Retry::Never {
            return;
        }
        let again = if self.registered { procedure } else { Procedure::RegistrationRetry };
        if self.running.contains(Timer::T3346) {
            self.perseverance.again = Some(again);
        } else if counter != Counter::Reset {
            self.perseverance.again = Some(again);
            let (timer, duration) =
                if exhausted { (Timer::T3502, self.area.t3502) } else { (Timer::T3511, timers::T3511) };
            self.set(timer, duration, out);
        }
    }

    /// An AUTHENTICATION FAILURE stops the timer of the attempt (TS 24.501 §5.4.1.3.7).
    fn suspend_attempt(&mut self, cause: Cause, out: &mut Out) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.suspended = true;
        attempt.refused = Some(cause);
        let timer = attempt.timer().0;
        self.stop(timer, out);
    }

    fn resume_attempt(&mut self, out: &mut Out) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.refused = None;
        if !std::mem::take(&mut attempt.suspended) {
            return;
        }
        let (timer, duration) = attempt.timer();
        self.set(timer, duration, out);
    }

    // Sending.

    fn send_initial(&mut self, nas: Vec<u8>, cause: EstablishmentCause, out: &mut Out) {
        self.stop(Timer::T3512, out);
        self.stop(Timer::T3540, out);
        if self.connected {
            return out.push(UeAction::Uplink(nas));
        }
        self.connected = true;
        self.secured = false;
        out.push(UeAction::Connect { nas, cause, s_tmsi: self.s_tmsi() });
    }

    /// The header of an initial NAS message without non-cleartext IEs (§4.4.6).
    fn initial_header(&self) -> Header {
        if self.secured { Header::IntegrityAndCiphering } else { Header::Integrity }
    }

    /// Sends a message on the connection, ciphered once the secure exchange is established (§4.4.5).
    fn send(&mut self, message: impl Into<Nas5gmmMessage>, out: &mut Out) {
        let message = Nas5gsMessage::new_5gmm(message);
        let nas = match &mut self.current {
            Some(current) if self.secured => current.protect(&message, Header::IntegrityAndCiphering),
            _ => message.encode().ok(),
        };
        match nas {
            Some(nas) => out.push(UeAction::Uplink(nas)),
            // §4.4.3.5: no COUNT is left. The attempt's own timer ends it.
            None => out.push(UeAction::Unexpected("nas-count-exhausted")),
        }
    }

    /// Answers a message that cannot be used with a 5GMM STATUS, where TS 24.501 §7 asks for one.
    fn refuse(&mut self, cause: Option<u8>, out: &mut Out) {
        out.push(UeAction::Unexpected("nas-protocol-error"));
        if let Some(cause) = cause {
            self.send(NasFGmmStatus::new(NasFGmmCause::new(cause)), out);
        }
    }

    fn set(&mut self, timer: Timer, duration: Duration, out: &mut Out) {
        self.running.insert(timer);
        out.push(UeAction::SetTimer(timer, duration));
    }

    fn stop(&mut self, timer: Timer, out: &mut Out) {
        if self.running.remove(timer) {
            out.push(UeAction::StopTimer(timer));
        }
    }
}

/// The ngKSI of "no key is available" (TS 24.501 §9.11.3.32).
const NO_KEY: u8 = 7;
/// TS 24.501 §5.4.1.3.7: failures in a row after which the network is not genuine.
const MAX_AUTHENTICATION_FAILURES: u8 = 3;
/// 5GMM causes of a 5GMM STATUS (TS 24.501 §7).
const INVALID_MANDATORY_INFORMATION: u8 = 96;
const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
const NOT_COMPATIBLE_WITH_STATE: u8 = 98;
const CONDITIONAL_IE_ERROR: u8 = 100;
