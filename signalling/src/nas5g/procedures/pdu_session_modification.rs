//! PDU session modification, UE side: requested by the UE (TS 24.501 §6.4.2) and by the network (§6.3.2).

use identity::{Procedure, SessionId};
use oxirush_nas::nas_5gs::{
    NasFGsmCapability, NasFGsmCause, NasPduSessionModificationCommand,
    NasPduSessionModificationCommandReject, NasPduSessionModificationComplete,
    NasPduSessionModificationReject, NasPduSessionModificationRequest, NasQosFlowDescriptions,
    QosFlowDescription, QosFlowOpCode, QosFlowParameter,
};

use super::pdu_session_establishment::{ambr_bps, charging_id, default_qfi};
use super::pdu_session_release::INVALID_PDU_SESSION_IDENTITY;
use crate::nas5g::attempt::SessionStep;
use crate::nas5g::procedures::service_request::Reason;
use crate::nas5g::ue::{Out, Ue, UeAction, refuse_start};
use crate::outcome::{Cause, Outcome};
use crate::settings::Context;

impl Ue {
    /// Sends a PDU SESSION MODIFICATION REQUEST (§6.4.2.2): it asks for [`FIVE_QI`] in the flow of the default QoS rule.
    /// A request without a QoS operation is legal too, but real session management functions refuse it.
    pub(crate) fn modify_session(&mut self, id: SessionId, context: &Context<'_>, out: &mut Out) {
        let procedure = Procedure::PduSessionModification;
        let refusal = self.refusal(procedure, Reason::Signalling, context);
        let qfi = self.sessions.find(id).map(|session| session.qfi);
        let refusal = refusal.or_else(|| qfi.is_none().then_some(Cause::NoSession));
        if let Some(cause) = refusal {
            return refuse_start(procedure, cause, out);
        }
        let mut request = NasPduSessionModificationRequest::new();
        request.set_fgsm_capability(NasFGsmCapability::new(vec![0]));
        let best_effort = vec![QosFlowParameter::FiveQi(FIVE_QI)];
        let flow = QosFlowDescription::new(qfi.unwrap_or_default(), QosFlowOpCode::Modify, true, best_effort);
        if let Ok(flows) = NasQosFlowDescriptions::from_descriptions(&[flow]) {
            request.set_requested_qos_flow_descriptions(flows);
        }
        self.begin_transaction(SessionStep::Modification, id, None, request, out);
    }

    /// PDU SESSION MODIFICATION COMMAND (§6.3.2.3), which also answers a request of the UE (§6.4.2.3).
    pub(crate) fn modification_command(
        &mut self,
        id: SessionId,
        pti: u8,
        command: &NasPduSessionModificationCommand,
        out: &mut Out,
    ) {
        // §6.3.2.6: the release that the UE asked for goes on.
        if self.is_running(SessionStep::Release, id) {
            return out.push(UeAction::Unexpected("modification-while-releasing"));
        }
        let answers = self.is_answer(SessionStep::Modification, id, pti);
        if pti != 0 && !answers && !self.sessions.is_repetition(id, pti) {
            return self.unforeseen_pti(id, pti, out);
        }
        let Some(session) = self.sessions.find_mut(id) else {
            // §6.3.2.6: the session is not active.
            let cause = NasFGsmCause::new(INVALID_PDU_SESSION_IDENTITY);
            self.send_5gsm(NasPduSessionModificationCommandReject::new(cause), id, pti, out);
            return;
        };
        if let Some(ambr) = command.session_ambr.as_ref().and_then(ambr_bps) {
            session.ambr_bps = ambr;
        }
        if let Some(qfi) = command.authorized_qos_rules.as_ref().and_then(default_qfi) {
            session.qfi = qfi;
        }
        if let Some(id) = command.extended_protocol_configuration_options.as_ref().and_then(charging_id) {
            session.charging_id = Some(id);
        }
        out.push(UeAction::SessionUp(Box::new(session.clone())));
        self.send_5gsm(NasPduSessionModificationComplete::new(), id, pti, out);
        self.sessions.complete(id, pti);
        if answers {
            self.end_attempt(Outcome::Succeeded, out);
        } else if pti == 0 && self.is_running(SessionStep::Modification, id) {
            // §6.4.2.6: the two met, and the one of the network counts.
            self.end_attempt(Outcome::Failed(Cause::Collision), out);
        }
    }

    /// §6.4.2.4.
    pub(crate) fn modification_rejected(
        &mut self,
        id: SessionId,
        pti: u8,
        reject: &NasPduSessionModificationReject,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        if !self.is_answer(SessionStep::Modification, id, pti) {
            return self.unforeseen_pti(id, pti, out);
        }
        let cause = reject.fgsm_cause.value;
        let dnn = self.sessions.find(id).map(|session| session.dnn.clone());
        let back_off = reject.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        self.back_off(cause, back_off, dnn, context, out);
        if cause == INVALID_PDU_SESSION_IDENTITY {
            self.sessions.remove(id, out);
        }
        self.end_attempt(Outcome::Failed(Cause::Gsm(cause)), out);
    }
}

/// The 5QI that is asked for: that of best effort (TS 23.501 Table 5.7.4-1).
const FIVE_QI: u8 = 9;
