//! PDU session release, UE side: requested by the UE (TS 24.501 §6.4.3) and by the network (§6.3.3).

use identity::{Procedure, SessionId};
use oxirush_nas::nas_5gs::{
    NasFGsmCause, NasPduSessionReleaseCommand, NasPduSessionReleaseComplete, NasPduSessionReleaseReject,
    NasPduSessionReleaseRequest,
};

use crate::nas5g::attempt::SessionStep;
use crate::nas5g::procedures::service_request::Reason;
use crate::nas5g::ue::{Out, Ue, UeAction, refuse_start};
use crate::outcome::{Cause, Outcome};
use crate::session::{Session, SessionRequest};
use crate::settings::{Context, Retry};

impl Ue {
    /// Sends a PDU SESSION RELEASE REQUEST because the UE wants no more of the session (§6.4.3.2).
    pub(crate) fn release_session(&mut self, id: SessionId, context: &Context<'_>, out: &mut Out) {
        self.release_session_for(id, REGULAR_DEACTIVATION, context, out);
    }

    /// Sends a PDU SESSION RELEASE REQUEST with this 5GSM cause.
    pub(crate) fn release_session_for(
        &mut self,
        id: SessionId,
        cause: u8,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let procedure = Procedure::PduSessionRelease;
        let refusal = self.refusal(procedure, Reason::Signalling, context);
        let refusal = refusal.or_else(|| self.sessions.find(id).is_none().then_some(Cause::NoSession));
        if let Some(cause) = refusal {
            return refuse_start(procedure, cause, out);
        }
        let request = NasPduSessionReleaseRequest::new().with_fgsm_cause(NasFGsmCause::new(cause));
        self.begin_transaction(SessionStep::Release, id, None, request, out);
    }

    /// PDU SESSION RELEASE COMMAND (§6.3.3.3), which also answers a request of the UE (§6.4.3.3).
    pub(crate) fn release_command(
        &mut self,
        id: SessionId,
        pti: u8,
        command: &NasPduSessionReleaseCommand,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        let answers = self.is_answer(SessionStep::Release, id, pti);
        if self.sessions.is_repetition(id, pti) {
            return self.send_5gsm(NasPduSessionReleaseComplete::new(), id, pti, out);
        }
        if pti != 0 && !answers {
            return self.unforeseen_pti(id, pti, out);
        }
        let cause = command.fgsm_cause.value;
        let Some(session) = self.sessions.remove(id, out) else {
            // §6.3.3.6: the session is not active.
            return self.send_5gsm_status(id, pti, INVALID_PDU_SESSION_IDENTITY, out);
        };
        let back_off = command.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        self.back_off(cause, back_off, Some(session.dnn.clone()), context, out);
        self.send_5gsm(NasPduSessionReleaseComplete::new(), id, pti, out);
        self.sessions.complete(id, pti);
        if self.is_running(SessionStep::Release, id) {
            // §6.4.3.6: though the two releases met, the session is released.
            self.end_attempt(Outcome::Succeeded, out);
        } else if self.is_running(SessionStep::Modification, id) {
            // §6.4.2.6: the release of the network ends the modification.
            self.end_attempt(Outcome::Failed(Cause::Gsm(cause)), out);
        }
        if cause == REACTIVATION_REQUESTED && context.settings.retry == Retry::AsSpecified {
            self.establish_again(session, context, out);
        }
    }

    /// §6.3.3.3: the network wants the session to be established anew.
    fn establish_again(&mut self, session: Session, context: &Context<'_>, out: &mut Out) {
        let Session { id, dnn, type_, slice, .. } = session;
        if self.attempt.is_none() && self.registered {
            out.push(UeAction::Started(Procedure::PduSession));
            self.establish_session(&SessionRequest { id, dnn, type_, slice }, context, out);
        }
    }

    /// §6.4.3.4.
    pub(crate) fn release_rejected(
        &mut self,
        id: SessionId,
        pti: u8,
        reject: &NasPduSessionReleaseReject,
        out: &mut Out,
    ) {
        if !self.is_answer(SessionStep::Release, id, pti) {
            return self.unforeseen_pti(id, pti, out);
        }
        let cause = reject.fgsm_cause.value;
        if cause == INVALID_PDU_SESSION_IDENTITY {
            self.sessions.remove(id, out);
        }
        self.end_attempt(Outcome::Failed(Cause::Gsm(cause)), out);
    }
}

/// 5GSM causes (TS 24.501 §9.11.4.2).
const REGULAR_DEACTIVATION: u8 = 36;
const REACTIVATION_REQUESTED: u8 = 39;
pub(crate) const INVALID_PDU_SESSION_IDENTITY: u8 = 43;
