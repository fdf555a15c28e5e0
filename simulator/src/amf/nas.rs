//! What a UE sends: whether it may be believed, and to which procedure it belongs (TS 24.501 §4.4.4.3).

use std::hash::Hasher;

use oxirush_nas::nas_5gs::{
    Direction, Nas5gmmMessage, Nas5gsMessage, Nas5gsSecurityHeaderType, NasCount, NasFGsMobileIdentity,
};
use rustc_hash::FxHasher;

use super::connection::{ConnectionId, Protection, State};
use super::procedures::{
    authentication, configuration_update, deregistration, identification, registration, security_mode,
    service_request, session_transport,
};
use super::security::Judged;
use super::ue::UeId;
use super::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// What is known of a message beside its content.
pub(super) struct Incoming {
    /// Whose message it is, proved by its MAC, and its uplink NAS COUNT.
    pub(super) verified: Option<(UeId, NasCount)>,
    /// It came with a MAC that could not be verified, or was wrong.
    pub(super) unverifiable: bool,
    /// Equal for equal plain messages.
    pub(super) digest: u64,
}

/// A NAS PDU; `initial` when it came in an INITIAL UE MESSAGE.
pub(super) fn received(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    pdu: &[u8],
    initial: bool,
) {
    let header = pdu.get(1).and_then(|octet| Nas5gsSecurityHeaderType::try_from(octet & 0x0f).ok());
    match header {
        Some(Nas5gsSecurityHeaderType::PlainFiveGsNasMessageNotSecurityProtected) => {
            plain(amf, context, id, pdu)
        }
        Some(
            Nas5gsSecurityHeaderType::IntegrityProtected
            | Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered,
        ) => protected(amf, context, id, pdu, initial),
        Some(Nas5gsSecurityHeaderType::IntegrityProtectedAndCipheredWithNewFiveGNasSecurityContext) => {
            with_new_context(amf, context, id, pdu)
        }
        _ => amf.refuse(Refusal::MalformedNas),
    }
}

/// A message without protection: of some kinds, and only until the secure exchange is established.
fn plain(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, pdu: &[u8]) {
    let secured = amf.connections.get(&id).is_none_or(|connection| connection.secured);
    if secured {
        return amf.refuse(Refusal::NotProtected);
    }
    let decoded = Nas5gsMessage::decode(pdu);
    if let Err(error) = &decoded {
        let answer = Nas5gsMessage::answer_to_refused(pdu, error, Direction::Uplink);
        return malformed(amf, context, id, answer, Protection::Plain);
    }
    let Ok(Nas5gsMessage::Gmm(_, message)) = decoded else { return amf.refuse(Refusal::MalformedNas) };
    unverified(amf, context, id, message, pdu, false);
}

/// A message under the current security context.
fn protected(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, pdu: &[u8], initial: bool) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let secured = connection.secured;
    // Decoded before it is verified, for who it says it is from and for what it is; nothing more is believed.
    let envelope = match (connection.ue, initial || !secured) {
        (Some(_), false) => None,
        _ => cleartext(pdu),
    };
    let owner = connection.ue.or_else(|| envelope.as_ref().and_then(|message| claimed(amf, message)));
    let security = owner.and_then(|ue| amf.ues.get_mut(ue)).and_then(|ue| ue.security.as_mut());
    match (security.map(|security| security.judge(pdu)), owner) {
        (Some(Judged::Verified { message, count }), Some(ue)) => {
            let incoming =
                Incoming { verified: Some((ue, count)), unverifiable: false, digest: digest_of(&message) };
            dispatch(amf, context, id, message, &incoming);
        }
        (Some(Judged::Malformed { answer }), _) => {
            let protection = if secured { Protection::Current } else { Protection::Plain };
            malformed(amf, context, id, answer, protection);
        }
        (judged, _) => {
            let is_none = judged.is_none();
            match judged {
                Some(Judged::Replayed) => amf.refuse(Refusal::NasReplay),
                Some(_) => amf.refuse(Refusal::NasIntegrity),
                None => {}
            }
            match envelope {
                Some(message) if !secured => unverified(amf, context, id, message, pdu, true),
                _ if is_none => amf.refuse(Refusal::NotProtected),
                _ => {}
            }
        }
    }
}

/// A message under the security context that the security mode procedure takes into use: its answer alone.
fn with_new_context(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, pdu: &[u8]) {
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let candidate = connection.attempt.as_mut().and_then(|attempt| attempt.candidate.as_mut());
    let Some(candidate) = candidate.filter(|_| connection.state == State::ExpectSecurityMode) else {
        return amf.refuse(Refusal::OutOfState);
    };
    match candidate.judge(pdu) {
        Judged::Verified { message: Nas5gmmMessage::SecurityModeComplete(complete), count } => {
            amf.statistics.counters.count_received(Message::SecurityModeComplete);
            security_mode::completed(amf, context, id, &complete, count);
        }
        Judged::Verified { .. } => amf.refuse(Refusal::OutOfState),
        Judged::NotIntact => amf.refuse(Refusal::NasIntegrity),
        Judged::Replayed => amf.refuse(Refusal::NasReplay),
        Judged::Malformed { answer } => malformed(amf, context, id, answer, Protection::New),
    }
}

/// A message that proves nothing. TS 24.501 §4.4.4.3 lists what is processed nevertheless.
fn unverified(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    message: Nas5gmmMessage,
    pdu: &[u8],
    unverifiable: bool,
) {
    let listed = matches!(
        message,
        Nas5gmmMessage::RegistrationRequest(_)
            | Nas5gmmMessage::IdentityResponse(_)
            | Nas5gmmMessage::AuthenticationResponse(_)
            | Nas5gmmMessage::AuthenticationFailure(_)
            | Nas5gmmMessage::SecurityModeReject(_)
            | Nas5gmmMessage::DeregistrationRequestUeOriginating(_)
            | Nas5gmmMessage::DeregistrationAcceptUeTerminated(_)
            | Nas5gmmMessage::ServiceRequest(_)
            | Nas5gmmMessage::FiveGmmStatus(_)
    );
    if !listed {
        return amf.refuse(Refusal::NotProtected);
    }
    let mut hasher = FxHasher::default();
    hasher.write(if unverifiable { pdu.get(SECURITY_HEADER..).unwrap_or_default() } else { pdu });
    let incoming = Incoming { verified: None, unverifiable, digest: hasher.finish() };
    dispatch(amf, context, id, message, &incoming);
}

fn dispatch(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    message: Nas5gmmMessage,
    incoming: &Incoming,
) {
    amf.statistics.counters.count_received(name_of(&message));
    let Some(state) = amf.connections.get(&id).map(|connection| connection.state) else { return };
    match (message, state) {
        (Nas5gmmMessage::RegistrationRequest(request), _) => {
            registration::requested(amf, context, id, &request, incoming);
        }
        (Nas5gmmMessage::ServiceRequest(request), _) => {
            service_request::requested(amf, context, id, &request, incoming);
        }
        (Nas5gmmMessage::DeregistrationRequestUeOriginating(request), _) => {
            deregistration::by_ue(amf, context, id, &request, incoming);
        }
        (Nas5gmmMessage::IdentityResponse(response), State::ExpectIdentity) => {
            identification::answered(amf, context, id, &response.mobile_identity);
        }
        (Nas5gmmMessage::AuthenticationResponse(response), State::ExpectAuthentication) => {
            authentication::answered(amf, context, id, &response);
        }
        (Nas5gmmMessage::AuthenticationFailure(failure), State::ExpectAuthentication) => {
            authentication::failed(amf, context, id, &failure);
        }
        (Nas5gmmMessage::SecurityModeReject(_), State::ExpectSecurityMode) => {
            security_mode::rejected(amf, context, id);
        }
        (Nas5gmmMessage::RegistrationComplete(_), State::ExpectRegistrationComplete) => {
            registration::completed(amf, context, id);
        }
        (Nas5gmmMessage::DeregistrationAcceptUeTerminated(_), State::ExpectDeregistrationAccept) => {
            deregistration::accepted(amf, context, id);
        }
        (Nas5gmmMessage::ConfigurationUpdateComplete(_), State::ExpectConfigurationUpdate) => {
            configuration_update::completed(amf, id);
        }
        (Nas5gmmMessage::UlNasTransport(transport), _) => {
            session_transport::received(amf, context, id, *transport);
        }
        // §7.4, §5.4.6: a status is noted, and what does not fit the state is ignored.
        (Nas5gmmMessage::FiveGmmStatus(_), _) => {}
        _ => amf.refuse(Refusal::OutOfState),
    }
}

/// Answers as TS 24.501 §7 says, when it says to answer.
fn malformed(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    answer: Option<Nas5gsMessage>,
    protection: Protection,
) {
    amf.refuse(Refusal::MalformedNas);
    if let Some(Nas5gsMessage::Gmm(_, status)) = answer {
        sending::nas(amf, context.now(), id, Message::Status, status, protection);
    }
}

/// The message under a security header that does not cipher it.
fn cleartext(pdu: &[u8]) -> Option<Nas5gmmMessage> {
    match Nas5gsMessage::decode(pdu).ok()? {
        Nas5gsMessage::SecurityProtected(_, inner) => match *inner {
            Nas5gsMessage::Gmm(_, message) => Some(message),
            _ => None,
        },
        _ => None,
    }
}

/// Who a message says it is from.
fn claimed(amf: &Amf, message: &Nas5gmmMessage) -> Option<UeId> {
    let by_s_tmsi = |identity: &NasFGsMobileIdentity| {
        let (settings, s_tmsi) = (&amf.settings, identity.as_s_tmsi()?);
        let ours = s_tmsi.amf_set_id() == settings.set && s_tmsi.amf_pointer() == settings.pointer;
        if ours { amf.ues.find_tmsi(s_tmsi.tmsi()) } else { None }
    };
    match message {
        Nas5gmmMessage::RegistrationRequest(request) => {
            registration::find_guti(amf, &request.fgs_mobile_identity)
        }
        Nas5gmmMessage::DeregistrationRequestUeOriginating(request) => {
            registration::find_guti(amf, &request.fgs_mobile_identity)
        }
        Nas5gmmMessage::ServiceRequest(request) => by_s_tmsi(&request.fg_s_tmsi),
        _ => None,
    }
}

/// Only registration requests are compared.
fn digest_of(message: &Nas5gmmMessage) -> u64 {
    let Nas5gmmMessage::RegistrationRequest(_) = message else { return 0 };
    let mut hasher = FxHasher::default();
    hasher.write(&Nas5gsMessage::new_5gmm(message.clone()).encode().unwrap_or_default());
    hasher.finish()
}

fn name_of(message: &Nas5gmmMessage) -> Message {
    match message {
        Nas5gmmMessage::RegistrationRequest(_) => Message::RegistrationRequest,
        Nas5gmmMessage::RegistrationComplete(_) => Message::RegistrationComplete,
        Nas5gmmMessage::AuthenticationResponse(_) => Message::AuthenticationResponse,
        Nas5gmmMessage::AuthenticationFailure(_) => Message::AuthenticationFailure,
        Nas5gmmMessage::SecurityModeComplete(_) => Message::SecurityModeComplete,
        Nas5gmmMessage::SecurityModeReject(_) => Message::SecurityModeReject,
        Nas5gmmMessage::IdentityResponse(_) => Message::IdentityResponse,
        Nas5gmmMessage::ServiceRequest(_) => Message::ServiceRequest,
        Nas5gmmMessage::DeregistrationRequestUeOriginating(_) => Message::DeregistrationRequestByUe,
        Nas5gmmMessage::DeregistrationAcceptUeTerminated(_) => Message::DeregistrationAcceptByUe,
        Nas5gmmMessage::ConfigurationUpdateComplete(_) => Message::ConfigurationUpdateComplete,
        Nas5gmmMessage::UlNasTransport(_) => Message::UplinkTransport,
        Nas5gmmMessage::FiveGmmStatus(_) => Message::Status,
        _ => Message::OtherNas,
    }
}

/// Octets before the message: discriminator, header type, MAC and sequence number (TS 24.501 §9.1.1).
const SECURITY_HEADER: usize = 7;
