//! PDU session modification, UE side: requested by the UE (TS 24.501 §6.4.2) and by the network (§6.3.2).

use identity::{Procedure, SessionId};
use oxirush_nas::nas_5gs::{
    NasFGsmCapability, NasFGsmCause, NasPduSessionModificationCommand,
    NasPduSessionModificationCommandReject, NasPduSessionModificationComplete,
    NasPduSessionModificationReject, NasPduSessionModificationRequest, NasQosFlowDescriptions,
    QosFlowDescription, QosFlowOpCode, QosFlowParameter,
};

use super::nas_transport_of_5gsm::{send_5gsm, unforeseen_pti};
use super::pdu_session_establishment::{ambr_bps, charging_id, default_qfi};
use super::pdu_session_release::INVALID_PDU_SESSION_IDENTITY;
use crate::device::UeAction;
use crate::nas5g::attempt::{Running, Slot, Step};
use crate::nas5g::transaction::{Asks, Transaction};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};

/// A PDU session modification of the UE. It waits for the PDU SESSION MODIFICATION COMMAND.
pub(crate) struct PduSessionModification {
    pub(crate) transaction: Transaction,
}

impl PduSessionModification {
    pub(crate) fn new(session: SessionId) -> Self {
        Self { transaction: Transaction::new(session, Asks::Change) }
    }

    /// Sends a PDU SESSION MODIFICATION REQUEST (§6.4.2.2): it asks for [`FIVE_QI`] in the flow of the default QoS rule.
    /// A request without a QoS operation is legal too, but real session management functions refuse it.
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        let Some(session) = ue.sessions.find(self.transaction.session()) else {
            return Step::Done(Outcome::Failed(Cause::NoSession));
        };
        let mut request = NasPduSessionModificationRequest::new();
        request.set_fgsm_capability(NasFGsmCapability::new(vec![0]));
        let best_effort = vec![QosFlowParameter::FiveQi(FIVE_QI)];
        let flow = QosFlowDescription::new(session.qfi, QosFlowOpCode::Modify, true, best_effort);
        if let Ok(flows) = NasQosFlowDescriptions::from_descriptions(&[flow]) {
            request.set_requested_qos_flow_descriptions(flows);
        }
        self.transaction.begin(request, ue)
    }

    /// §6.4.2.4.
    fn rejected(&self, reject: &NasPduSessionModificationReject, ue: &mut Ue<'_>) -> Step {
        let id = self.transaction.session();
        let cause = reject.fgsm_cause.value;
        let dnn = ue.sessions.find(id).map(|session| session.dnn.clone());
        let back_off = reject.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        ue.back_off(cause, back_off, dnn);
        if cause == INVALID_PDU_SESSION_IDENTITY {
            ue.sessions.remove(id, ue.out);
        }
        Step::Done(Outcome::Failed(Cause::Gsm(cause)))
    }

    pub(crate) fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        self.transaction.expired(ue)
    }
}

/// PDU SESSION MODIFICATION COMMAND (§6.3.2.3), which also answers a request of the UE (§6.4.2.3).
pub(crate) fn commanded(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    command: &NasPduSessionModificationCommand,
    ue: &mut Ue<'_>,
) {
    // §6.3.2.6: the release that the UE asked for goes on.
    if slot.is_about(Procedure::PduSessionRelease, id) {
        return ue.unexpected("modification-while-releasing");
    }
    let answers = slot.is_answer(Procedure::PduSessionModification, id, pti);
    if pti != 0 && !answers && !ue.sm.is_repetition(id, pti) {
        return unforeseen_pti(id, pti, ue);
    }
    let Some(session) = ue.sessions.find_mut(id) else {
        // §6.3.2.6: the session is not active.
        let cause = NasFGsmCause::new(INVALID_PDU_SESSION_IDENTITY);
        return send_5gsm(NasPduSessionModificationCommandReject::new(cause), id, pti, ue);
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
    ue.out.push(UeAction::SessionUp(Box::new(session.clone())));
    send_5gsm(NasPduSessionModificationComplete::new(), id, pti, ue);
    ue.sm.complete(id, pti);
    if answers {
        slot.settle(Step::Done(Outcome::Succeeded), ue);
    } else if pti == 0 && slot.is_about(Procedure::PduSessionModification, id) {
        // §6.4.2.6: the two met, and the one of the network counts.
        slot.settle(Step::Done(Outcome::Failed(Cause::Collision)), ue);
    }
}

/// PDU SESSION MODIFICATION REJECT.
pub(crate) fn rejected(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    reject: &NasPduSessionModificationReject,
    ue: &mut Ue<'_>,
) {
    match slot.running() {
        Some(Running::Modification(modification)) if modification.transaction.is_answered_by(id, pti) => {
            let step = modification.rejected(reject, ue);
            slot.settle(step, ue);
        }
        _ => unforeseen_pti(id, pti, ue),
    }
}

/// The 5QI that is asked for: that of best effort (TS 23.501 Table 5.7.4-1).
const FIVE_QI: u8 = 9;
