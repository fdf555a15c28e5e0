//! What a UE sends: whether it may be believed (TS 24.501 §4.4.4.3).

use std::hash::Hasher;
use std::time::Instant;

use oxirush_nas::nas_5gs::{
    Direction, Nas5gmmMessage, Nas5gsMessage, Nas5gsSecurityHeaderType, NasCount, NasFGsMobileIdentity,
};
use rustc_hash::FxHasher;

use super::connection::{ConnectionId, Protection};
use super::procedures::Awaited;
use super::security::Judged;
use super::ue::UeId;
use super::{Amf, identities, sending};
use crate::statistics::{Message, Refusal};

/// What is known of a message beside its content.
pub(super) struct Incoming {
    /// Whose message it is, proved by its MAC, and its uplink NAS COUNT.
    pub(super) verified: Option<(UeId, NasCount)>,
    /// It is under the security context that the security mode procedure takes into use, with this uplink NAS COUNT.
    pub(super) under_new: Option<NasCount>,
    /// It came with a MAC that could not be verified, or was wrong.
    pub(super) unverifiable: bool,
    /// Equal for equal plain messages.
    pub(super) digest: u64,
}

/// A message that is to be handled.
type Believed = (Nas5gmmMessage, Incoming);

/// Judges a NAS PDU; `initial` when it came in an INITIAL UE MESSAGE. `None`: there is nothing to handle.
pub(super) fn judge(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    pdu: &[u8],
    initial: bool,
) -> Option<Believed> {
    let header = pdu.get(1).and_then(|octet| Nas5gsSecurityHeaderType::try_from(octet & 0x0f).ok());
    match header {
        Some(Nas5gsSecurityHeaderType::PlainFiveGsNasMessageNotSecurityProtected) => plain(amf, now, id, pdu),
        Some(
            Nas5gsSecurityHeaderType::IntegrityProtected
            | Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered,
        ) => protected(amf, now, id, pdu, initial),
        Some(Nas5gsSecurityHeaderType::IntegrityProtectedAndCipheredWithNewFiveGNasSecurityContext) => {
            with_new_context(amf, now, id, pdu)
        }
        _ => refused(amf, Refusal::MalformedNas),
    }
}

fn refused(amf: &mut Amf, reason: Refusal) -> Option<Believed> {
    amf.refuse(reason);
    None
}

/// A message without protection: of some kinds, and only until the secure exchange is established.
fn plain(amf: &mut Amf, now: Instant, id: ConnectionId, pdu: &[u8]) -> Option<Believed> {
    let secured = amf.connections.get(&id).is_none_or(|connection| connection.secured);
    if secured {
        return refused(amf, Refusal::NotProtected);
    }
    match Nas5gsMessage::decode(pdu) {
        Ok(Nas5gsMessage::Gmm(_, message)) => unverified(amf, message, pdu, false),
        Ok(_) => refused(amf, Refusal::MalformedNas),
        Err(error) => {
            let answer = Nas5gsMessage::answer_to_refused(pdu, &error, Direction::Uplink);
            malformed(amf, now, id, answer, Protection::Plain)
        }
    }
}

/// A message under the current security context.
fn protected(amf: &mut Amf, now: Instant, id: ConnectionId, pdu: &[u8], initial: bool) -> Option<Believed> {
    let connection = amf.connections.get(&id)?;
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
            let digest = digest_of(&message);
            let verified = Some((ue, count));
            Some((message, Incoming { verified, under_new: None, unverifiable: false, digest }))
        }
        (Some(Judged::Malformed { answer }), _) => {
            let protection = if secured { Protection::Current } else { Protection::Plain };
            malformed(amf, now, id, answer, protection)
        }
        (judged, _) => {
            let is_none = judged.is_none();
            match judged {
                Some(Judged::Replayed) => amf.refuse(Refusal::NasReplay),
                Some(_) => amf.refuse(Refusal::NasIntegrity),
                None => {}
            }
            match envelope {
                Some(message) if !secured => unverified(amf, message, pdu, true),
                _ if is_none => refused(amf, Refusal::NotProtected),
                _ => None,
            }
        }
    }
}

/// A message under the security context that the security mode procedure takes into use: its answer alone.
fn with_new_context(amf: &mut Amf, now: Instant, id: ConnectionId, pdu: &[u8]) -> Option<Believed> {
    let connection = amf.connections.get_mut(&id)?;
    let awaited = connection.procedure.awaits() == Awaited::SecurityMode;
    let Some(candidate) = connection.candidate.as_mut().filter(|_| awaited) else {
        return refused(amf, Refusal::OutOfState);
    };
    match candidate.judge(pdu) {
        Judged::Verified { message: message @ Nas5gmmMessage::SecurityModeComplete(_), count } => {
            let (verified, under_new) = (None, Some(count));
            Some((message, Incoming { verified, under_new, unverifiable: false, digest: 0 }))
        }
        Judged::Verified { .. } => refused(amf, Refusal::OutOfState),
        Judged::NotIntact => refused(amf, Refusal::NasIntegrity),
        Judged::Replayed => refused(amf, Refusal::NasReplay),
        Judged::Malformed { answer } => malformed(amf, now, id, answer, Protection::New),
    }
}

/// A message that proves nothing. TS 24.501 §4.4.4.3 lists what is processed nevertheless.
fn unverified(amf: &mut Amf, message: Nas5gmmMessage, pdu: &[u8], unverifiable: bool) -> Option<Believed> {
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
        return refused(amf, Refusal::NotProtected);
    }
    let mut hasher = FxHasher::default();
    hasher.write(if unverifiable { pdu.get(SECURITY_HEADER..).unwrap_or_default() } else { pdu });
    let (verified, under_new, digest) = (None, None, hasher.finish());
    Some((message, Incoming { verified, under_new, unverifiable, digest }))
}

/// Answers as TS 24.501 §7 says, when it says to answer.
fn malformed(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    answer: Option<Nas5gsMessage>,
    protection: Protection,
) -> Option<Believed> {
    amf.refuse(Refusal::MalformedNas);
    if let Some(Nas5gsMessage::Gmm(_, status)) = answer {
        sending::nas(amf, now, id, Message::Status, status, protection);
    }
    None
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
        let ours =
            s_tmsi.amf_set_id() == settings.place.set && s_tmsi.amf_pointer() == settings.place.pointer;
        if ours { amf.ues.find_tmsi(s_tmsi.tmsi()) } else { None }
    };
    match message {
        Nas5gmmMessage::RegistrationRequest(request) => identities::find(amf, &request.fgs_mobile_identity),
        Nas5gmmMessage::DeregistrationRequestUeOriginating(request) => {
            identities::find(amf, &request.fgs_mobile_identity)
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

pub(super) fn name_of(message: &Nas5gmmMessage) -> Message {
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
