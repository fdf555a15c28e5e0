//! How messages leave: NAS protected and carried by NGAP, in order for each UE, repeated until they are answered.

use std::time::Instant;

use identity::SessionId;
use oxirush_nas::nas_5gs::{
    Direction, Nas5gmmMessage, Nas5gsMessage, NasDlNasTransport, NasPayloadContainer,
    NasPayloadContainerType, NasPduSessionIdentity2, PayloadContainerKind,
};
use oxirush_ngap::Error;
use oxirush_ngap::{build_ngap, ngap::*};

use super::connection::{ConnectionId, Protection, Repeat};
use super::expiry::{ConnectionTimer, Expiry};
use super::{Amf, AmfAction};
use crate::statistics::{Message, Refusal};

/// Sends an NGAP message of a UE, after those that were sent to it before.
pub(super) fn of_ue(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    message: Message,
    pdu: Result<NGAP_PDU, Error>,
) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let Some(octets) = octets(amf, connection.association, pdu) else { return };
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let action = AmfAction::Send { association: connection.association, stream: connection.stream, octets };
    amf.statistics.counters.count_sent(message);
    connection.last_due = Some(amf.outbox.send(now, connection.last_due, &mut amf.rng, action));
}

/// Sends an NGAP message that is of no UE, on stream 0 (TS 38.412 §7), after those that were sent before.
pub(super) fn of_gnb(
    amf: &mut Amf,
    now: Instant,
    association: u32,
    message: Message,
    pdu: Result<NGAP_PDU, Error>,
) {
    let Some(octets) = octets(amf, association, pdu) else { return };
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    amf.statistics.counters.count_sent(message);
    let action = AmfAction::Send { association, stream: 0, octets };
    gnb.last_due = Some(amf.outbox.send(now, gnb.last_due, &mut amf.rng, action));
}

/// What leaves: a response has what it is to report of its request.
fn octets(amf: &mut Amf, association: u32, pdu: Result<NGAP_PDU, Error>) -> Option<Vec<u8>> {
    let octets = pdu.map(|pdu| amf.reports.complete(association, pdu)).and_then(|pdu| pdu.encode());
    if octets.is_err() {
        amf.refuse(Refusal::CannotEncode);
    }
    octets.ok()
}

/// Sends a NAS message in a DOWNLINK NAS TRANSPORT (TS 38.413 §8.6.2).
pub(super) fn nas(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    message: Message,
    body: impl Into<Nas5gmmMessage>,
    protection: Protection,
) {
    let Some(plain) = encoded(amf, body) else { return };
    transport(amf, now, id, message, plain, protection);
}

/// Sends a NAS message and repeats it, when `timer` expires, until it is answered. Whether it could be sent.
pub(super) fn nas_until_answered(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    (message, body): (Message, impl Into<Nas5gmmMessage>),
    protection: Protection,
    timer: ConnectionTimer,
) -> bool {
    let Some(plain) = encoded(amf, body) else { return false };
    transport(amf, now, id, message, plain.clone(), protection);
    repeat(amf, now, id, (message, plain), protection, timer);
    true
}

/// From now on `plain` is repeated when `timer` expires.
pub(super) fn repeat(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    (message, plain): (Message, Vec<u8>),
    protection: Protection,
    timer: ConnectionTimer,
) {
    let left = amf.settings.timers.max_retransmissions;
    start_timer(amf, now, id, timer);
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    connection.repeat = Some(Repeat { message, plain, protection, timer, left });
}

/// Sends what waits for its answer once more, without counting it (TS 24.501 §5.5.1.2.8 d 2).
pub(super) fn again(amf: &mut Amf, now: Instant, id: ConnectionId) {
    let Some(repeat) = amf.connections.get(&id).and_then(|connection| connection.repeat.as_ref()) else {
        return;
    };
    let (message, plain, protection, timer) =
        (repeat.message, repeat.plain.clone(), repeat.protection, repeat.timer);
    transport(amf, now, id, message, plain, protection);
    start_timer(amf, now, id, timer);
}

/// The procedure has its answer, or is over: nothing is repeated.
pub(super) fn settle(amf: &mut Amf, id: ConnectionId) {
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    connection.repeat = None;
    if let Some(timer) = connection.timer.take() {
        amf.timers.stop(timer);
    }
}

/// The timer of a message that waits for its answer has expired: it is sent again. `false` when that was often enough.
pub(super) fn repeated(amf: &mut Amf, now: Instant, id: ConnectionId) -> bool {
    let Some(connection) = amf.connections.get_mut(&id) else { return true };
    connection.timer = None;
    let Some(repeat) = connection.repeat.as_mut().filter(|repeat| repeat.left > 0) else { return false };
    repeat.left -= 1;
    again(amf, now, id);
    true
}

/// Starts the one timer of a connection, in place of the one that may run.
pub(super) fn start_timer(amf: &mut Amf, now: Instant, id: ConnectionId, timer: ConnectionTimer) {
    let settings = &amf.settings;
    let duration = match timer {
        ConnectionTimer::T3522 => settings.timers.t3522,
        ConnectionTimer::T3550 => settings.timers.t3550,
        ConnectionTimer::T3555 => settings.timers.t3555,
        ConnectionTimer::T3560 => settings.timers.t3560,
        ConnectionTimer::T3570 => settings.timers.t3570,
        ConnectionTimer::ReleaseGuard => settings.timers.release_guard,
    };
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    if let Some(running) = connection.timer.take() {
        amf.timers.stop(running);
    }
    // The peer's time starts when the message leaves, not while the AMF thinks.
    let from = connection.last_due.map_or(now, |due| due.max(now));
    connection.timer = Some(amf.timers.start(from + duration, Expiry::Connection(id, timer)));
}

pub(super) fn encoded(amf: &mut Amf, body: impl Into<Nas5gmmMessage>) -> Option<Vec<u8>> {
    let octets = Nas5gsMessage::new_5gmm(body).encode().ok();
    if octets.is_none() {
        amf.refuse(Refusal::CannotEncode);
    }
    octets
}

/// A 5GSM message in a DL NAS TRANSPORT, plain (TS 24.501 §5.4.5.3).
pub(super) fn carried(amf: &mut Amf, id: SessionId, octets: Vec<u8>) -> Option<Vec<u8>> {
    let kind = NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation);
    let transport = NasDlNasTransport::new(kind, NasPayloadContainer::new(octets))
        .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(id.value()));
    encoded(amf, transport)
}

/// Protects plain octets with the context that `protection` names. `None` when there is none.
pub(super) fn protected(
    amf: &mut Amf,
    id: ConnectionId,
    plain: Vec<u8>,
    protection: Protection,
) -> Option<Vec<u8>> {
    let connection = amf.connections.get_mut(&id)?;
    let security = match protection {
        Protection::Plain => return Some(plain),
        Protection::New => connection.candidate.as_mut()?,
        Protection::Current => amf.ues.get_mut(connection.ue?)?.security.as_mut()?,
    };
    let sealed = security.context.protect_opaque_payload(plain, protection.header(), Direction::Downlink);
    if sealed.is_err() {
        amf.refuse(Refusal::CannotEncode);
    }
    sealed.ok()
}

pub(super) fn transport(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    message: Message,
    plain: Vec<u8>,
    protection: Protection,
) {
    let Some(pdu) = protected(amf, id, plain, protection) else { return };
    amf.statistics.counters.count_sent(message);
    downlink_nas(amf, now, id, pdu);
}

/// DOWNLINK NAS TRANSPORT of a protected message.
pub(super) fn downlink_nas(amf: &mut Amf, now: Instant, id: ConnectionId, nas: Vec<u8>) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let pdu = build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(id.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        NAS_PDU(nas),
    );
    of_ue(amf, now, id, Message::DownlinkNasTransport, pdu);
}
