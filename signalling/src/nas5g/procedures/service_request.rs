//! Service request, UE side (TS 24.501 §5.6.1).

use std::time::Duration;

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasFGsMobileIdentity, NasKeySetIdentifier, NasMessageContainer, NasPduSessionStatus,
    NasServiceAccept, NasServiceReject, NasServiceRequest, NasServiceType, NasUplinkDataStatus, ServiceType,
};

use super::reject;
use crate::common::identity_of_ue::STmsi;
use crate::common::nas_security::Header;
use crate::common::timers::{self, Timer};
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Next, Running, Slot, Step};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};
use crate::sessions::Sessions;

/// A service request of the UE. It waits for the SERVICE ACCEPT.
pub(crate) struct ServiceRequest {
    reason: Reason,
    /// The complete message, plain.
    complete: Vec<u8>,
}

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

impl ServiceRequest {
    pub(crate) const TIMER: (Timer, Duration) = (Timer::T3517, timers::T3517);

    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, complete: Vec::new() }
    }

    /// Sends a SERVICE REQUEST (TS 24.501 §5.6.1.2).
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        // Without a context there is nothing to prove the identity with (§5.6.1.2 has the UE register anew).
        let Some((nas, complete)) = message(self.reason, ue) else {
            return Step::Done(Outcome::Failed(Cause::NotRegistered));
        };
        self.complete = complete;
        ue.send_initial(nas, self.reason.establishment_cause());
        let (timer, duration) = Self::TIMER;
        ue.set(timer, duration);
        Step::Stay
    }

    /// T3517, also where the service is asked for before a message of 5GSM.
    pub(crate) fn expired(ue: &mut Ue<'_>) -> Step {
        if ue.mm.retry.service_failed() >= MAX_ATTEMPTS && ue.does_as_specified() {
            ue.set(Timer::T3525, timers::T3525_DEFAULT);
        }
        Step::Then(Outcome::TimedOut(Timer::T3517), Next::LeaveCell)
    }

    pub(crate) fn initial_message(&self) -> &[u8] {
        &self.complete
    }
}

/// SERVICE ACCEPT (TS 24.501 §5.6.1.4).
pub(crate) fn accepted(slot: &mut Slot, accept: &NasServiceAccept, ue: &mut Ue<'_>) {
    let Some(running) = slot.running_mut().filter(|running| running.expects_service_accept()) else {
        return ue.refuse(Some(reject::NOT_COMPATIBLE_WITH_STATE));
    };
    ue.mm.retry.service_succeeded();
    ue.stop(Timer::T3517);
    let failed = accept.pdu_session_reactivation_result.as_ref();
    if failed.is_some_and(|result| !result.failed_sessions().is_empty()) {
        ue.unexpected("session-not-reactivated");
    }
    let step = match agree(running, accept.pdu_session_status.as_ref(), ue) {
        Some(outcome) => Step::Done(outcome),
        None => running.transaction_mut().map_or(Step::Done(Outcome::Succeeded), |it| it.send(ue)),
    };
    slot.settle(step, ue);
}

/// SERVICE REJECT (TS 24.501 §5.6.1.5).
pub(crate) fn rejected(slot: &mut Slot, reject: &NasServiceReject, integrity: bool, ue: &mut Ue<'_>) {
    let Some(running) = slot.running_mut().filter(|running| running.expects_service_accept()) else {
        return ue.refuse(Some(reject::NOT_COMPATIBLE_WITH_STATE));
    };
    let cause = reject.fgmm_cause.value;
    let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
    let status = reject.pdu_session_status.as_ref().filter(|_| integrity);
    let ended = agree(running, status, ue);
    ue.apply_cause(cause, back_off, integrity);
    // #9, #10: the UE registers anew.
    if matches!(cause, 9 | 10) && ue.does_as_specified() {
        ue.mm.after_release = Some(Procedure::RegistrationRetry);
    }
    let outcome = ended.unwrap_or(Outcome::Failed(Cause::Gmm(cause)));
    slot.settle(Step::Then(outcome, Next::ExpectRelease), ue);
}

/// Releases locally the sessions that the network does not know; the outcome, where one of them is what a transaction is about.
fn agree(running: &Running, status: Option<&NasPduSessionStatus>, ue: &mut Ue<'_>) -> Option<Outcome> {
    let about = running.transaction().map(|transaction| transaction.session());
    if !ue.agree_on_sessions(status, about) {
        return None;
    }
    match running {
        Running::Release(_) => Some(Outcome::Succeeded),
        Running::Modification(_) => Some(Outcome::Failed(Cause::NoSession)),
        _ => None,
    }
}

/// The protected SERVICE REQUEST, and the whole of it in plain; `None` without a security context.
pub(crate) fn message(reason: Reason, ue: &mut Ue<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (s_tmsi, secured) = (ue.mm.area.s_tmsi()?, ue.mm.secured);
    let current = ue.mm.context.as_mut()?;
    let whole = whole(reason, current.ng_ksi(), s_tmsi, ue.sessions, ue.sm.was_used());
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

/// SERVICE REQUEST (TS 24.501 §8.2.16) with every IE that it is to carry.
fn whole(
    reason: Reason,
    ng_ksi: u8,
    s_tmsi: STmsi,
    sessions: &Sessions,
    may_have_had_sessions: bool,
) -> NasServiceRequest {
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
    if may_have_had_sessions && let Ok(status) = NasPduSessionStatus::from_sessions(&sessions.numbers()) {
        message.set_pdu_session_status(status);
    }
    message
}

/// The cleartext IEs of a request alone (§4.4.6).
fn cleartext(request: &NasServiceRequest) -> NasServiceRequest {
    NasServiceRequest::new(request.ngksi, request.service_type, request.fg_s_tmsi.clone())
}

/// Failed service requests after which T3525 holds back the next (§5.6.1.7).
const MAX_ATTEMPTS: u8 = 5;
