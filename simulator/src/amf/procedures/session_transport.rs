//! UL NAS TRANSPORT: its payload goes to whom it is for, or back (TS 24.501 §5.4.5.2).

use identity::SessionId;
use oxirush_nas::nas_5gs::{
    Direction, GmmCause, GsmCause, Nas5gsMessage, Nas5gsmMessage, NasDlNasTransport, NasFGmmCause,
    NasUlNasTransport,
};

use super::{pdu_session, pdu_session_establishment, pdu_session_modification, pdu_session_release};
use crate::amf::connection::{ConnectionId, Protection, State};
use crate::amf::ue::UeId;
use crate::amf::{Amf, Message, Refusal, Turn, sending};
use crate::sessions::gsm;

/// UL NAS TRANSPORT of a UE that has proved who it is.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    id: ConnectionId,
    transport: NasUlNasTransport,
) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let Some(ue_id) = connection.ue else { return amf.refuse(Refusal::OutOfState) };
    // §5.5.2.3.5 c: the deregistration goes on.
    if connection.state == State::ExpectDeregistrationAccept {
        return amf.refuse(Refusal::OutOfState);
    }
    let registered = amf.ues.get(ue_id).is_some_and(|ue| ue.registered);
    let forwarded = if registered && transport.payload_container_type.is_n1_sm() {
        session_message(amf, turn, (id, ue_id), &transport)
    } else {
        // Nothing but 5GSM is served.
        Err(GmmCause::PayloadWasNotForwarded)
    };
    if let Err(cause) = forwarded {
        return_payload(amf, turn, id, transport, cause);
    }
}

/// The payload goes back with the reason (§5.4.5.3.1 e to h).
fn return_payload(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    id: ConnectionId,
    transport: NasUlNasTransport,
    cause: GmmCause,
) {
    amf.refuse(Refusal::PayloadNotForwarded);
    let mut back = NasDlNasTransport::new(transport.payload_container_type, transport.payload_container)
        .with_fgmm_cause(NasFGmmCause::from_cause(cause));
    back.pdu_session_id = transport.pdu_session_id;
    sending::nas(amf, turn, id, Message::DownlinkTransport, back, Protection::Current);
}

fn session_message(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (connection, ue): (ConnectionId, UeId),
    transport: &NasUlNasTransport,
) -> Result<(), GmmCause> {
    let named = transport.pdu_session_id.as_ref().map(|id| id.pdu_session_id());
    let Some(id) = named.and_then(SessionId::new) else { return Err(GmmCause::PayloadWasNotForwarded) };
    let octets = &transport.payload_container.value;
    let (header, message) = match Nas5gsMessage::decode(octets) {
        Ok(Nas5gsMessage::Gsm(header, message)) => (header, message),
        Ok(_) => return Err(GmmCause::PayloadWasNotForwarded),
        Err(error) => {
            // §7.2 to §7.7: the SMF says what is wrong, where it says anything.
            amf.refuse(Refusal::MalformedSession);
            let answer = Nas5gsMessage::answer_to_refused(octets, &error, Direction::Uplink);
            if let Some(answer @ Nas5gsMessage::Gsm(..)) = answer {
                let answer = (Message::SessionStatus, answer.encode().ok());
                pdu_session::tell(amf, turn, connection, id.value(), answer);
            }
            return Ok(());
        }
    };
    amf.statistics.counters.count_received(name_of(&message));
    let pti = header.procedure_transaction_identity;
    if header.pdu_session_identity != id.value() {
        // §7.3.2: the identity of the message is not that of the transport.
        return tell_status(amf, turn, connection, (id, pti), GsmCause::InvalidPduSessionIdentity);
    }
    let by_ue = matches!(
        message,
        Nas5gsmMessage::PduSessionEstablishmentRequest(_)
            | Nas5gsmMessage::PduSessionModificationRequest(_)
            | Nas5gsmMessage::PduSessionReleaseRequest(_)
    );
    if by_ue && (pti == UNASSIGNED_PTI || pti == RESERVED_PTI) {
        // §7.3.1: the UE begins with a PTI of its own.
        return tell_status(amf, turn, connection, (id, pti), GsmCause::InvalidPtiValue);
    }
    if let Nas5gsmMessage::PduSessionEstablishmentRequest(request) = &message {
        let who = (connection, ue);
        return pdu_session_establishment::requested(amf, turn, who, (id, pti), request, transport);
    }
    if pdu_session::find(amf, ue, id).is_none() {
        // §5.4.5.2.5 a 3: the AMF has no routing context of it. What answers the network is only ignored.
        return if by_ue { Err(GmmCause::PayloadWasNotForwarded) } else { Ok(()) };
    }
    match message {
        Nas5gsmMessage::PduSessionModificationRequest(_) => {
            pdu_session_modification::requested(amf, turn, ue, (id, pti));
        }
        Nas5gsmMessage::PduSessionModificationComplete(_) => {
            pdu_session_modification::answered(amf, ue, id, true);
        }
        Nas5gsmMessage::PduSessionModificationCommandReject(_) => {
            pdu_session_modification::answered(amf, ue, id, false);
        }
        Nas5gsmMessage::PduSessionReleaseRequest(_) => {
            pdu_session_release::requested(amf, turn, ue, (id, pti));
        }
        Nas5gsmMessage::PduSessionReleaseComplete(_) => pdu_session_release::completed(amf, turn, ue, id),
        // §6.5.3: a status is noted.
        Nas5gsmMessage::FiveGsmStatus(_) => {}
        _ => {
            amf.refuse(Refusal::OutOfState);
            let cause = GsmCause::MessageTypeNonExistentOrNotImplemented;
            return tell_status(amf, turn, connection, (id, pti), cause);
        }
    }
    Ok(())
}

/// 5GSM STATUS.
fn tell_status(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    connection: ConnectionId,
    (id, pti): (SessionId, u8),
    cause: GsmCause,
) -> Result<(), GmmCause> {
    amf.refuse(Refusal::MalformedSession);
    let status = gsm::status(id.value(), pti, cause);
    pdu_session::tell(amf, turn, connection, id.value(), (Message::SessionStatus, status));
    Ok(())
}

fn name_of(message: &Nas5gsmMessage) -> Message {
    match message {
        Nas5gsmMessage::PduSessionEstablishmentRequest(_) => Message::SessionEstablishmentRequest,
        Nas5gsmMessage::PduSessionModificationRequest(_) => Message::SessionModificationRequest,
        Nas5gsmMessage::PduSessionModificationComplete(_) => Message::SessionModificationComplete,
        Nas5gsmMessage::PduSessionReleaseRequest(_) => Message::SessionReleaseRequest,
        Nas5gsmMessage::PduSessionReleaseComplete(_) => Message::SessionReleaseComplete,
        Nas5gsmMessage::FiveGsmStatus(_) => Message::SessionStatus,
        _ => Message::OtherSession,
    }
}

/// TS 24.007 §11.2.3.1a.
const UNASSIGNED_PTI: u8 = 0;
const RESERVED_PTI: u8 = 255;
