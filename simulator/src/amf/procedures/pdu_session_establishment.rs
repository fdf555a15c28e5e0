//! UE-requested PDU session establishment, network side (TS 24.501 §6.4.1, TS 23.502 §4.3.2.2).

use billing::Closing;
use identity::{Dnn, SessionId, Snssai};
use oxirush_nas::nas_5gs::{GmmCause, GsmCause, NasPduSessionEstablishmentRequest, NasUlNasTransport};

use super::{pdu_session, pdu_session_resource};
use crate::amf::connection::ConnectionId;
use crate::amf::expiry::SessionTimer;
use crate::amf::ue::UeId;
use crate::amf::{Amf, Event, Message, Refusal, Turn, home_network};
use crate::policy::Decision;
use crate::sessions::gsm;
use crate::sessions::session::{Session, State};

/// PDU SESSION ESTABLISHMENT REQUEST. The error is why the AMF does not forward it (§5.4.5.2.5).
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (connection, ue_id): (ConnectionId, UeId),
    (id, pti): (SessionId, u8),
    request: &NasPduSessionEstablishmentRequest,
    transport: &NasUlNasTransport,
) -> Result<(), GmmCause> {
    if repeats(amf, turn, connection, ue_id, (id, pti)) {
        return Ok(());
    }
    // §5.4.5.2.5, §6.4.1.6: the UE has forgotten the one before.
    pdu_session::remove(amf, turn, ue_id, id, Closing::Released);
    let (slice, asked) = (slice(amf, ue_id, transport)?, dnn(amf, transport)?);
    let Some(ue) = amf.ues.get(ue_id) else { return Ok(()) };
    if ue.sessions.len() >= amf.settings.smf.sessions_per_ue {
        amf.refuse(Refusal::TooManySessions);
        return Err(GmmCause::MaximumNumberOfPduSessionsReached);
    }
    let Some(serving) = amf.serving.get(ue.plmn).map(|serving| serving.plmn) else { return Ok(()) };
    let home = ue.home.unwrap_or(serving);
    let answer = amf.subscribers.find(ue.imsi).and_then(|record| record.refused);
    if let Some(cause) = answer.and_then(home_network::session_cause) {
        refuse(amf, turn, connection, (id, pti), cause);
        return Ok(());
    }
    let judged = gsm::wanted(request).and_then(|type_| Ok((type_, amf.smf.name(&asked, home, serving)?)));
    let (type_, (dnn, local_breakout)) = match judged {
        Ok(judged) => judged,
        Err(cause) => {
            refuse(amf, turn, connection, (id, pti), cause);
            return Ok(());
        }
    };
    let session = Session {
        id,
        pti,
        asked,
        dnn,
        type_,
        asked_for: gsm::asked_for(request),
        slice,
        home,
        serving,
        registered_in: serving,
        local_breakout,
        ambr_bps: amf.settings.smf.default_ambr_bps,
        anchor: None,
        ran: None,
        state: State::ExpectPolicy,
        repeat: None,
        timer: None,
    };
    if let Some(ue) = amf.ues.get_mut(ue_id) {
        ue.sessions.push(session);
    }
    if amf.settings.smf.policy.delay.is_zero() {
        decided(amf, turn, ue_id, id);
    } else {
        pdu_session::start_timer(amf, turn, ue_id, id, SessionTimer::Policy);
    }
    Ok(())
}

/// The same request again, when T3580 of the UE has expired (§6.4.1.6): the answer is sent again when there is one.
fn repeats(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    connection: ConnectionId,
    ue: UeId,
    (id, pti): (SessionId, u8),
) -> bool {
    let Some(session) = pdu_session::find(amf, ue, id).filter(|session| session.pti == pti) else {
        return false;
    };
    let accept = match session.state {
        State::ExpectPolicy | State::ExpectResources => None,
        State::Active => gsm::establishment_accept(session),
        _ => return false,
    };
    amf.refuse(Refusal::RepeatedRequest);
    pdu_session::tell(amf, turn, connection, id.value(), (Message::SessionEstablishmentAccept, accept));
    true
}

/// The slice that the UE names, or the first one that it is allowed.
fn slice(amf: &Amf, ue: UeId, transport: &NasUlNasTransport) -> Result<Snssai, GmmCause> {
    let refused = GmmCause::PayloadWasNotForwarded;
    let allowed = amf.ues.get(ue).map(|ue| ue.allowed).unwrap_or_default();
    let mut allowed = allowed.of(&amf.settings.slices);
    let named = transport.s_nssai.as_ref().and_then(|slice| slice.parse());
    match named.map(|slice| Snssai { sst: slice.sst, sd: slice.sd }) {
        Some(named) => allowed.find(|slice| *slice == named).ok_or(refused),
        None => allowed.next().ok_or(refused),
    }
}

/// The data network that the UE names, or the first one that there is.
fn dnn(amf: &Amf, transport: &NasUlNasTransport) -> Result<Dnn, GmmCause> {
    let unknown = GmmCause::DnnNotSupportedOrNotSubscribedInTheSlice;
    let settings = &amf.settings.smf;
    let network = match transport.dnn.as_ref() {
        Some(dnn) => Dnn::from_octets(&dnn.value).filter(|dnn| settings.data_network(dnn).is_some()),
        None => settings.data_networks.first().map(|network| network.dnn.clone()),
    };
    network.ok_or(unknown)
}

/// Policy control has answered: the session is anchored, and its resources are set up.
pub(in crate::amf) fn decided(amf: &mut Amf, turn: &mut Turn<'_>, ue_id: UeId, id: SessionId) {
    let Some(connection) = pdu_session::connection_of(amf, ue_id) else {
        return pdu_session::remove(amf, turn, ue_id, id, Closing::Released);
    };
    let policy = amf.smf.policy(&mut amf.rng);
    let Some(ue) = amf.ues.get_mut(ue_id) else { return };
    let supi = ue.imsi;
    let Some(session) = ue.sessions.iter_mut().find(|session| session.id == id) else { return };
    let pti = session.pti;
    let opened = match policy {
        Decision::Refused => Err(GsmCause::UserAuthenticationOrAuthorizationFailed),
        Decision::Allowed(ambr_bps) => {
            session.ambr_bps = ambr_bps;
            amf.smf.open(turn, supi, session)
        }
    };
    let accept = opened.and_then(|()| {
        session.state = State::ExpectResources;
        gsm::establishment_accept(session).ok_or(GsmCause::NetworkFailure)
    });
    match accept {
        Ok(accept) => {
            amf.statistics.counters.count_sent(Message::SessionEstablishmentAccept);
            pdu_session::start_timer(amf, turn, ue_id, id, SessionTimer::Resources);
            pdu_session_resource::set_up(amf, turn, (connection, ue_id), &[id], Some(accept));
        }
        Err(cause) => {
            pdu_session::remove(amf, turn, ue_id, id, Closing::Released);
            refuse(amf, turn, connection, (id, pti), cause);
        }
    }
}

/// The gNB has the session's resources: the UE has its PDU SESSION ESTABLISHMENT ACCEPT.
pub(in crate::amf) fn completed(amf: &mut Amf, ue: UeId, id: SessionId) {
    pdu_session::stop_timer(amf, ue, id);
    if let Some(session) = pdu_session::find(amf, ue, id) {
        session.state = State::Active;
        amf.statistics.counters.count_event(Event::SessionEstablished);
    }
}

/// The gNB did not set up the resources: the UE, which did not get the ACCEPT, gets a REJECT (TS 23.502 §4.3.2.2.1
/// step 15).
pub(in crate::amf) fn without_resources(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    let Some(session) = pdu_session::find(amf, ue, id) else { return };
    let pti = session.pti;
    amf.refuse(Refusal::ResourcesNotSetUp);
    pdu_session::remove(amf, turn, ue, id, Closing::Released);
    if let Some(connection) = pdu_session::connection_of(amf, ue) {
        refuse(amf, turn, connection, (id, pti), GsmCause::InsufficientResources);
    }
}

/// PDU SESSION ESTABLISHMENT REJECT.
fn refuse(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    connection: ConnectionId,
    (id, pti): (SessionId, u8),
    cause: GsmCause,
) {
    amf.refuse(Refusal::SessionRefused);
    let reject = gsm::establishment_reject(id.value(), pti, cause);
    pdu_session::tell(amf, turn, connection, id.value(), (Message::SessionEstablishmentReject, reject));
}
