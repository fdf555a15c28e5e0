//! NAS transport of 5GSM messages, UE side (TS 24.501 §5.4.5), and what §7 has a UE do with one that does not fit.

use identity::SessionId;
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, Nas5gsmMessage, NasDlNasTransport, NasDnn, NasError, NasFGsmCause, NasFGsmStatus,
    NasPayloadContainer, NasPayloadContainerType, NasPduSessionIdentity2, NasRequestType, NasSNssai,
    NasUlNasTransport, PayloadContainerKind, RequestTypeValue,
};

use crate::common::timers::Timer;
use crate::nas5g::attempt::{Attempt, Kind, SessionStep, Transaction};
use crate::nas5g::procedures::pdu_session_release;
use crate::nas5g::procedures::service_request::Reason;
use crate::nas5g::ue::{Out, Ue, UeAction, refuse_start};
use crate::outcome::{Cause, Outcome};
use crate::session::SessionRequest;
use crate::settings::{Context, Retry};

impl Ue {
    /// Begins a UE-requested 5GSM procedure (§6.4): its message goes out, after a service request where the UE is idle.
    pub(crate) fn begin_transaction(
        &mut self,
        step: SessionStep,
        session: SessionId,
        request: Option<SessionRequest>,
        message: impl Into<Nas5gsmMessage>,
        out: &mut Out,
    ) {
        let pti = self.sessions.allocate_pti();
        let message = Nas5gsMessage::new_5gsm(message, session.value(), pti).encode();
        let Ok(message) = message else { return refuse_start(step.procedure(), Cause::NotEncodable, out) };
        let mut attempt = Attempt::new(step.procedure(), Kind::Session(step), Vec::new(), false);
        attempt.transaction = Some(Transaction {
            pti,
            session,
            request,
            message,
            expiries: 0,
            resent: false,
            retyped: false,
            waits_for_service: false,
        });
        self.attempt = Some(Box::new(attempt));
        self.send_transaction(out);
    }

    /// Sends the message of the transaction, or the service request that goes before it (§5.4.5.2.1, §5.6.1.1 c).
    pub(crate) fn send_transaction(&mut self, out: &mut Out) {
        let reachable = self.nas.connected && self.nas.secured;
        let service = (!reachable).then(|| self.service_request_message(Reason::Signalling));
        let Some(attempt) = &mut self.attempt else { return };
        let (timer, duration);
        let Some(transaction) = &mut attempt.transaction else { return };
        transaction.waits_for_service = !reachable;
        match service {
            None => {
                let transport = uplink(transaction);
                (timer, duration) = attempt.timer();
                self.nas.stop(Timer::T3540, out);
                self.nas.send(transport, out);
            }
            Some(Some((nas, complete))) => {
                attempt.complete = complete;
                (timer, duration) = attempt.timer();
                let cause = Reason::Signalling.establishment_cause();
                self.nas.send_initial(nas, cause, self.area.s_tmsi(), out);
            }
            Some(None) => return self.end_attempt(Outcome::Failed(Cause::NotRegistered), out),
        }
        self.nas.set(timer, duration, out);
    }

    /// The timer of a transaction ran out: the message is repeated four times (§6.4.1.6 a, §6.4.2.6 a, §6.4.3.6 a).
    pub(crate) fn transaction_unanswered(&mut self, timer: Timer, out: &mut Out) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.timer().0 == timer) else {
            return;
        };
        let (kind, Some(transaction)) = (attempt.kind, &mut attempt.transaction) else { return };
        transaction.expiries += 1;
        if transaction.expiries < MAX_EXPIRIES {
            return self.send_transaction(out);
        }
        // §6.4.3.6 a): the session is released locally; the next PDU session status IE tells the network.
        if kind == Kind::Session(SessionStep::Release) {
            self.sessions.remove(transaction.session, out);
        }
        self.end_attempt(Outcome::TimedOut(timer), out);
    }

    /// A message that crossed a release of the connection was not delivered (§5.4.5.2.6): it goes out again, once, after a
    /// service request. `false` where it does not.
    pub(crate) fn resend_after_release(&mut self, out: &mut Out) -> bool {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.refused.is_none()) else {
            return false;
        };
        let timer = attempt.timer().0;
        let Some(transaction) = &mut attempt.transaction else { return false };
        if transaction.waits_for_service || std::mem::replace(&mut transaction.resent, true) {
            return false;
        }
        self.nas.stop(timer, out);
        self.nas.lose(out);
        self.authenticating = None;
        self.send_transaction(out);
        true
    }

    /// Whether a transaction goes on without the connection that its message went over: its timer repeats the message.
    pub(crate) fn transaction_outlives(&self, context: &Context<'_>) -> bool {
        let attempt = self.attempt.as_ref();
        context.settings.retry == Retry::AsSpecified
            && attempt.is_some_and(|attempt| !attempt.waits_for_service() && attempt.refused.is_none())
    }

    /// Whether a message of the network answers the transaction that runs.
    pub(crate) fn is_answer(&self, step: SessionStep, session: SessionId, pti: u8) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.is_answered_by(step, session, pti))
    }

    /// The transaction of this kind about this session, whatever its PTI.
    pub(crate) fn is_running(&self, step: SessionStep, session: SessionId) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| {
            attempt.kind == Kind::Session(step)
                && attempt.transaction.as_ref().is_some_and(|transaction| transaction.session == session)
        })
    }

    /// Sends a 5GSM message that no timer supervises.
    pub(crate) fn send_5gsm(
        &mut self,
        message: impl Into<Nas5gsmMessage>,
        session: SessionId,
        pti: u8,
        out: &mut Out,
    ) {
        let message = Nas5gsMessage::new_5gsm(message, session.value(), pti).encode();
        let Ok(message) = message else { return };
        self.nas.send(container(message, session), out);
    }

    /// Sends a 5GSM STATUS (§6.5.2).
    pub(crate) fn send_5gsm_status(&mut self, session: SessionId, pti: u8, cause: u8, out: &mut Out) {
        out.push(UeAction::Unexpected("5gsm-protocol-error"));
        self.send_5gsm(NasFGsmStatus::new(NasFGsmCause::new(cause)), session, pti, out);
    }

    /// A message that answers no transaction (§7.3.1): without an assigned PTI it is ignored.
    pub(crate) fn unforeseen_pti(&mut self, session: SessionId, pti: u8, out: &mut Out) {
        if pti == 0 {
            return out.push(UeAction::Unexpected("5gsm-pti"));
        }
        self.send_5gsm_status(session, pti, PTI_MISMATCH, out);
    }

    /// DL NAS TRANSPORT (§5.4.5.3.3).
    pub(crate) fn downlink_transport(
        &mut self,
        transport: &NasDlNasTransport,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !transport.payload_container_type.is_n1_sm() {
            return out.push(UeAction::Unexpected("nas-payload"));
        }
        self.nas.stop(Timer::T3540, out);
        let payload = transport.payload_container.value.as_slice();
        let Some(cause) = &transport.fgmm_cause else { return self.received_5gsm(payload, context, out) };
        let back_off = transport.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        self.not_forwarded(payload, cause.value, back_off, context, out);
    }

    /// Our own message came back: the AMF has nobody to give it to (§5.4.5.3.3 a, b).
    fn not_forwarded(
        &mut self,
        payload: &[u8],
        cause: u8,
        back_off_s: Option<u64>,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let running =
            self.attempt.as_ref().and_then(|attempt| Some((attempt.kind, attempt.transaction.as_ref()?)));
        let (Some((Kind::Session(step), transaction)), [_, session, pti, ..]) = (running, payload) else {
            return out.push(UeAction::Unexpected("payload-not-forwarded"));
        };
        if (transaction.session.value(), transaction.pti) != (*session, *pti) || transaction.waits_for_service
        {
            return out.push(UeAction::Unexpected("payload-not-forwarded"));
        }
        let (id, dnn) =
            (transaction.session, transaction.request.as_ref().map(|request| request.dnn.clone()));
        self.back_off(cause, back_off_s, dnn, context, out);
        // §6.4.3.6: whoever had the session is gone, and the session with it.
        if step == SessionStep::Release {
            self.sessions.remove(id, out);
        }
        self.end_attempt(Outcome::Failed(Cause::NotForwarded(cause)), out);
    }

    fn received_5gsm(&mut self, payload: &[u8], context: &mut Context<'_>, out: &mut Out) {
        use Nas5gsmMessage as M;
        let (header, message) = match Nas5gsMessage::decode(payload) {
            Ok(Nas5gsMessage::Gsm(header, message)) => (header, message),
            Ok(_) => return out.push(UeAction::Unexpected("5gsm-unreadable")),
            Err(error) => return self.undecodable_5gsm(payload, &error, out),
        };
        let pti = header.procedure_transaction_identity;
        // §7.3.1, §7.3.2: reserved identities are ignored.
        let Some(id) = SessionId::new(header.pdu_session_identity).filter(|_| pti != RESERVED_PTI) else {
            return out.push(UeAction::Unexpected("5gsm-identity"));
        };
        if message.unknown_ies().iter().any(|ie| ie.is_comprehension_required()) {
            return self.broken_5gsm(id, pti, INVALID_MANDATORY_INFORMATION, out);
        }
        match message {
            M::PduSessionEstablishmentAccept(accept) => self.session_accepted(id, pti, &accept, context, out),
            M::PduSessionEstablishmentReject(reject) => self.session_rejected(id, pti, &reject, context, out),
            M::PduSessionModificationCommand(command) => self.modification_command(id, pti, &command, out),
            M::PduSessionModificationReject(reject) => {
                self.modification_rejected(id, pti, &reject, context, out);
            }
            M::PduSessionReleaseCommand(command) => self.release_command(id, pti, &command, context, out),
            M::PduSessionReleaseReject(reject) => self.release_rejected(id, pti, &reject, out),
            M::FiveGsmStatus(status) => self.received_5gsm_status(id, pti, status.fgsm_cause.value, out),
            // What only a UE sends, and the authentication by a data network, which this UE never asks for.
            _ => self.send_5gsm_status(id, pti, MESSAGE_TYPE_NON_EXISTENT, out),
        }
    }

    /// §7.4, §7.5: a message that does not decode.
    fn undecodable_5gsm(&mut self, payload: &[u8], error: &NasError, out: &mut Out) {
        let cause = match error {
            NasError::UnknownSessionMessageType { .. } => MESSAGE_TYPE_NON_EXISTENT,
            NasError::InvalidMandatoryIe { .. } | NasError::UnknownIeCutShort { .. } => {
                INVALID_MANDATORY_INFORMATION
            }
            _ => return out.push(UeAction::Unexpected("5gsm-unreadable")),
        };
        let identity = match payload {
            [_, session, pti, ..] if *pti != RESERVED_PTI => SessionId::new(*session).zip(Some(*pti)),
            _ => None,
        };
        match identity {
            Some((id, pti)) => self.broken_5gsm(id, pti, cause, out),
            None => out.push(UeAction::Unexpected("5gsm-identity")),
        }
    }

    /// A 5GSM STATUS tells the network; the procedure that the message was to answer is aborted at both ends (§6.5.3).
    fn broken_5gsm(&mut self, id: SessionId, pti: u8, cause: u8, out: &mut Out) {
        self.send_5gsm_status(id, pti, cause, out);
        if cause == INVALID_MANDATORY_INFORMATION {
            self.abort_transaction(id, pti, cause, out);
        }
    }

    /// 5GSM STATUS (§6.5.3).
    fn received_5gsm_status(&mut self, id: SessionId, pti: u8, cause: u8, out: &mut Out) {
        out.push(UeAction::Unexpected("5gsm-status"));
        if cause == pdu_session_release::INVALID_PDU_SESSION_IDENTITY {
            self.sessions.remove(id, out);
        }
        self.abort_transaction(id, pti, cause, out);
    }

    fn abort_transaction(&mut self, id: SessionId, pti: u8, cause: u8, out: &mut Out) {
        let steps = [SessionStep::Establishment, SessionStep::Modification, SessionStep::Release];
        if steps.into_iter().any(|step| self.is_answer(step, id, pti)) {
            self.end_attempt(Outcome::Failed(Cause::Gsm(cause)), out);
        }
    }
}

/// UL NAS TRANSPORT of the message of a transaction (§5.4.5.2.2).
fn uplink(transaction: &Transaction) -> NasUlNasTransport {
    let transport = container(transaction.message.clone(), transaction.session);
    match &transaction.request {
        Some(request) => transport
            .with_request_type(NasRequestType::from_request_type(RequestTypeValue::InitialRequest))
            .with_s_nssai(NasSNssai::from_sst_sd(request.slice.sst, request.slice.sd))
            .with_dnn(NasDnn::new(request.dnn.octets())),
        None if transaction.message.get(3) == Some(&MODIFICATION_REQUEST) => transport
            .with_request_type(NasRequestType::from_request_type(RequestTypeValue::ModificationRequest)),
        None => transport,
    }
}

fn container(message: Vec<u8>, session: SessionId) -> NasUlNasTransport {
    NasUlNasTransport::new(
        NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation),
        NasPayloadContainer::new(message),
    )
    .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(session.value()))
}

/// The expiry at which a UE gives up: it sends a 5GSM request five times in all.
const MAX_EXPIRIES: u8 = 5;
/// TS 24.007 §11.2.3.1a.
const RESERVED_PTI: u8 = 255;
/// The message type of a PDU SESSION MODIFICATION REQUEST (TS 24.501 Table 9.7.2).
const MODIFICATION_REQUEST: u8 = 0xc9;
/// 5GSM causes of a 5GSM STATUS (TS 24.501 §7).
const PTI_MISMATCH: u8 = 47;
const INVALID_MANDATORY_INFORMATION: u8 = 96;
const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
