//! Service request, UE side (TS 24.501 §5.6.1).

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasFGsMobileIdentity, NasKeySetIdentifier, NasMessageContainer, NasPduSessionStatus,
    NasServiceAccept, NasServiceReject, NasServiceRequest, NasServiceType, NasUplinkDataStatus, ServiceType,
};

use crate::common::identity_of_ue::STmsi;
use crate::common::nas_security::Header;
use crate::common::timers::{self, Timer};
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Attempt, Kind, SessionStep};
use crate::nas5g::procedures::reject::NOT_COMPATIBLE_WITH_STATE;
use crate::nas5g::session_management::SessionManagement;
use crate::nas5g::ue::{Out, Ue, UeAction, refuse_start};
use crate::outcome::{Cause, Outcome};
use crate::settings::{Context, Retry};

/// Why a service is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The UE has signalling to send.
    Signalling,
    /// The UE has data to send in its PDU sessions.
    Data,
    /// The network paged the UE (§5.6.2).
    Paging,
}

impl Reason {
    pub(crate) fn establishment_cause(self) -> EstablishmentCause {
        match self {
            Self::Signalling => EstablishmentCause::MoSignalling,
            Self::Data => EstablishmentCause::MoData,
            Self::Paging => EstablishmentCause::MtAccess,
        }
    }
}

impl Ue {
    /// Sends a SERVICE REQUEST (TS 24.501 §5.6.1.2).
    pub(crate) fn request_service(&mut self, reason: Reason, out: &mut Out) {
        let procedure = Procedure::ServiceRequest;
        // Without a context there is nothing to prove the identity with (§5.6.1.2 has the UE register anew).
        let Some((nas, complete)) = self.service_request_message(reason) else {
            return refuse_start(procedure, Cause::NotRegistered, out);
        };
        self.attempt = Some(Box::new(Attempt::new(procedure, Kind::ServiceRequest, complete, false)));
        self.nas.send_initial(nas, reason.establishment_cause(), self.area.s_tmsi(), out);
        self.nas.set(Timer::T3517, timers::T3517, out);
    }

    /// The protected SERVICE REQUEST, and the whole of it in plain; `None` without a security context.
    pub(crate) fn service_request_message(&mut self, reason: Reason) -> Option<(Vec<u8>, Vec<u8>)> {
        let (s_tmsi, secured) = (self.area.s_tmsi()?, self.nas.secured);
        let current = self.nas.context.as_mut()?;
        let whole = message(reason, current.ng_ksi(), s_tmsi, &self.sessions);
        let cleartext = cleartext(&whole);
        let has_more = cleartext != whole;
        let whole = Nas5gsMessage::new_5gmm(whole);
        let complete = whole.encode().ok()?;
        let nas = if secured {
            current.protect(&whole, Header::IntegrityAndCiphering)?
        } else {
            // §4.4.6: what is not cleartext goes into a NAS message container, ciphered.
            let mut sent = cleartext;
            if has_more {
                let mut contained = complete.clone();
                current.cipher_container(&mut contained)?;
                sent.set_nas_message_container(NasMessageContainer::new(contained));
            }
            current.protect(&Nas5gsMessage::new_5gmm(sent), Header::Integrity)?
        };
        Some((nas, complete))
    }

    /// TS 24.501 §5.6.1.4.
    pub(crate) fn service_accept(&mut self, accept: &NasServiceAccept, out: &mut Out) {
        let Some(attempt) = self.attempt.as_ref().filter(|attempt| attempt.waits_for_service()) else {
            return self.nas.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        };
        let kind = attempt.kind;
        self.perseverance.service_succeeded();
        self.nas.stop(Timer::T3517, out);
        let failed = accept.pdu_session_reactivation_result.as_ref();
        if failed.is_some_and(|result| !result.failed_sessions().is_empty()) {
            out.push(UeAction::Unexpected("session-not-reactivated"));
        }
        self.agree_on_sessions(accept.pdu_session_status.as_ref(), out);
        match kind {
            Kind::Session(_) => self.send_transaction(out),
            _ => self.end_attempt(Outcome::Succeeded, out),
        }
    }

    /// Releases locally what the network does not know (§5.6.1.4, §5.5.1.3.4), and ends a transaction about it.
    pub(crate) fn agree_on_sessions(&mut self, status: Option<&NasPduSessionStatus>, out: &mut Out) {
        let Some(status) = status else { return };
        let gone: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        for id in gone.into_iter().filter(|id| !status.is_active(id.value())) {
            self.sessions.remove(id, out);
            if self.is_running(SessionStep::Release, id) {
                self.end_attempt(Outcome::Succeeded, out);
            } else if self.is_running(SessionStep::Modification, id) {
                self.end_attempt(Outcome::Failed(Cause::NoSession), out);
            }
        }
    }

    /// TS 24.501 §5.6.1.5.
    pub(crate) fn service_reject(
        &mut self,
        reject: &NasServiceReject,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.waits_for_service()) {
            return self.nas.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        let cause = reject.fgmm_cause.value;
        let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
        if integrity {
            self.agree_on_sessions(reject.pdu_session_status.as_ref(), out);
        }
        self.suffer(cause, back_off, integrity, context, out);
        self.end_attempt(Outcome::Failed(Cause::Gmm(cause)), out);
        // #9, #10: the UE registers anew.
        if matches!(cause, 9 | 10) && context.settings.retry == Retry::AsSpecified {
            self.after_release = Some(Procedure::RegistrationRetry);
        }
        self.nas.expect_release(out);
    }

    /// The network pages the UE (TS 24.501 §5.6.2.2.1). Paging that crosses a procedure of the UE is answered by it.
    pub(crate) fn paged(&mut self, context: &mut Context<'_>, out: &mut Out) {
        if !self.registered || self.nas.connected || self.attempt.is_some() {
            out.push(UeAction::Unexpected("paging"));
            return;
        }
        // §5.3.9: paging stops T3346.
        self.nas.stop(Timer::T3346, out);
        out.push(UeAction::Started(Procedure::ServiceRequest));
        self.start_for(Procedure::ServiceRequest, Reason::Paging, context, out);
    }
}

/// SERVICE REQUEST (TS 24.501 §8.2.16) with every IE that it is to carry.
fn message(reason: Reason, ng_ksi: u8, s_tmsi: STmsi, sessions: &SessionManagement) -> NasServiceRequest {
    let service_type = match reason {
        Reason::Signalling => ServiceType::Signalling,
        Reason::Data => ServiceType::Data,
        Reason::Paging => ServiceType::MobileTerminatedServices,
    };
    let [a, b, c, d, e, f] = s_tmsi.octets();
    let mut message = NasServiceRequest::new(
        NasKeySetIdentifier::new(ng_ksi),
        NasServiceType::from_service_type(service_type),
        NasFGsMobileIdentity::new(vec![0xf4, a, b, c, d, e, f]),
    );
    if reason == Reason::Data
        && let Ok(status) = NasUplinkDataStatus::from_sessions(&sessions.numbers())
    {
        message.set_uplink_data_status(status);
    }
    if sessions.was_used()
        && let Ok(status) = NasPduSessionStatus::from_sessions(&sessions.numbers())
    {
        message.set_pdu_session_status(status);
    }
    message
}

/// The cleartext IEs of a request alone (§4.4.6).
fn cleartext(request: &NasServiceRequest) -> NasServiceRequest {
    NasServiceRequest::new(request.ngksi, request.service_type, request.fg_s_tmsi.clone())
}

/// Failed service requests after which T3525 holds back the next (§5.6.1.7).
pub(crate) const MAX_ATTEMPTS: u8 = 5;
