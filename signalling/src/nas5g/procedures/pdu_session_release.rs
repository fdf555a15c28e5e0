//! PDU session release, UE side: requested by the UE (TS 24.501 §6.4.3) and by the network (§6.3.3).

use identity::{Procedure, SessionId};
use oxirush_nas::nas_5gs::{
    NasFGsmCause, NasPduSessionReleaseCommand, NasPduSessionReleaseComplete, NasPduSessionReleaseReject,
    NasPduSessionReleaseRequest,
};

use super::nas_transport_of_5gsm::{send_5gsm, send_5gsm_status, unforeseen_pti};
use crate::device::UeAction;
use crate::nas5g::attempt::{Running, Slot, Step};
use crate::nas5g::transaction::{Asks, Transaction};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};
use crate::sessions::{Session, SessionRequest};

/// A PDU session release of the UE. It waits for the PDU SESSION RELEASE COMMAND.
pub(crate) struct PduSessionRelease {
    pub(crate) transaction: Transaction,
    /// The 5GSM cause of the request.
    cause: u8,
}

impl PduSessionRelease {
    pub(crate) fn new(session: SessionId, cause: u8) -> Self {
        Self { transaction: Transaction::new(session, Asks::Release), cause }
    }

    /// Sends a PDU SESSION RELEASE REQUEST (§6.4.3.2).
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        if ue.sessions.find(self.transaction.session()).is_none() {
            return Step::Done(Outcome::Failed(Cause::NoSession));
        }
        let request = NasPduSessionReleaseRequest::new().with_fgsm_cause(NasFGsmCause::new(self.cause));
        self.transaction.begin(request, ue)
    }

    /// §6.4.3.4.
    fn rejected(&self, reject: &NasPduSessionReleaseReject, ue: &mut Ue<'_>) -> Step {
        let cause = reject.fgsm_cause.value;
        if cause == INVALID_PDU_SESSION_IDENTITY {
            ue.sessions.remove(self.transaction.session(), ue.out);
        }
        Step::Done(Outcome::Failed(Cause::Gsm(cause)))
    }

    /// T3582. §6.4.3.6 a): in the end the session is released locally; the next PDU session status IE tells the network.
    pub(crate) fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        let step = self.transaction.expired(ue);
        if matches!(step, Step::Done(Outcome::TimedOut(_))) {
            ue.sessions.remove(self.transaction.session(), ue.out);
        }
        step
    }
}

/// PDU SESSION RELEASE COMMAND (§6.3.3.3), which also answers a request of the UE (§6.4.3.3).
pub(crate) fn commanded(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    command: &NasPduSessionReleaseCommand,
    ue: &mut Ue<'_>,
) {
    let answers = slot.is_answer(Procedure::PduSessionRelease, id, pti);
    if ue.sm.is_repetition(id, pti) {
        return send_5gsm(NasPduSessionReleaseComplete::new(), id, pti, ue);
    }
    if pti != 0 && !answers {
        return unforeseen_pti(id, pti, ue);
    }
    let cause = command.fgsm_cause.value;
    let Some(session) = ue.sessions.remove(id, ue.out) else {
        // §6.3.3.6: the session is not active.
        return send_5gsm_status(id, pti, INVALID_PDU_SESSION_IDENTITY, ue);
    };
    let back_off = command.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
    ue.back_off(cause, back_off, Some(session.dnn.clone()));
    send_5gsm(NasPduSessionReleaseComplete::new(), id, pti, ue);
    ue.sm.complete(id, pti);
    if slot.is_about(Procedure::PduSessionRelease, id) {
        // §6.4.3.6: though the two releases met, the session is released.
        slot.settle(Step::Done(Outcome::Succeeded), ue);
    } else if slot.is_about(Procedure::PduSessionModification, id) {
        // §6.4.2.6: the release of the network ends the modification.
        slot.settle(Step::Done(Outcome::Failed(Cause::Gsm(cause))), ue);
    }
    if cause == REACTIVATION_REQUESTED && ue.does_as_specified() {
        establish_again(slot, session, ue);
    }
}

/// §6.3.3.3: the network wants the session to be established anew.
fn establish_again(slot: &mut Slot, session: Session, ue: &mut Ue<'_>) {
    let Session { id, dnn, type_, slice, .. } = session;
    if slot.is_free() && ue.mm.registered {
        ue.out.push(UeAction::Started(Procedure::PduSession));
        slot.establish_session(SessionRequest { id, dnn, type_, slice }, ue);
    }
}

/// PDU SESSION RELEASE REJECT.
pub(crate) fn rejected(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    reject: &NasPduSessionReleaseReject,
    ue: &mut Ue<'_>,
) {
    match slot.running() {
        Some(Running::Release(release)) if release.transaction.is_answered_by(id, pti) => {
            let step = release.rejected(reject, ue);
            slot.settle(step, ue);
        }
        _ => unforeseen_pti(id, pti, ue),
    }
}

/// 5GSM causes (TS 24.501 §9.11.4.2).
pub(crate) const REGULAR_DEACTIVATION: u8 = 36;
const REACTIVATION_REQUESTED: u8 = 39;
pub(crate) const INVALID_PDU_SESSION_IDENTITY: u8 = 43;
