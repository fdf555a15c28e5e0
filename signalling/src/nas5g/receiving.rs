//! What becomes of a NAS PDU from the network (TS 24.501 §4.4.4, §7).

use oxirush_nas::nas_5gs::{Nas5gmmMessage, Nas5gsMessage, NasNotificationResponse};

use super::attempt::Slot;
use super::procedures::identification::IdentityType;
use super::procedures::{
    authentication, configuration_update, deregistration_network_initiated, deregistration_ue_initiated,
    identification, nas_transport_of_5gsm, registration, reject, security_mode, service_request,
};
use super::ue::Ue;
use crate::common::nas_security::{Header, Received, payload, status_cause};

/// A NAS PDU from the network.
pub(crate) fn downlink(slot: &mut Slot, octets: &[u8], ue: &mut Ue<'_>) {
    let mm = &mut *ue.mm;
    if !mm.connected {
        return ue.unexpected("nas-while-idle");
    }
    match Received::of(octets) {
        Received::Unreadable => ue.unexpected("nas-unreadable"),
        Received::Plain(plain) => unprotected(slot, plain, ue),
        Received::Protected(Header::IntegrityWithNewContext) => new_context(slot, octets, ue),
        Received::Protected(Header::IntegrityAndCipheringWithNewContext) => {
            ue.unexpected("nas-security-header");
        }
        Received::Protected(header) => {
            match mm.context.as_mut().and_then(|current| current.unprotect(octets)) {
                Some(plain) => {
                    mm.secured = true;
                    protected(slot, &plain, ue);
                }
                // §4.4.4.2: some messages are processed although their integrity cannot be checked.
                None if header == Header::Integrity && !mm.secured => {
                    unprotected(slot, payload(octets), ue);
                }
                None => {
                    let replay = mm.context.as_ref().is_some_and(|current| current.is_replay(octets));
                    ue.unexpected(if replay { "nas-replay" } else { "nas-integrity" });
                }
            }
        }
    }
}

/// A message without integrity protection, or with one that cannot be checked (TS 24.501 §4.4.4.2).
fn unprotected(slot: &mut Slot, plain: &[u8], ue: &mut Ue<'_>) {
    if ue.mm.secured {
        return ue.unexpected("nas-unprotected");
    }
    let message = match Nas5gsMessage::decode(plain) {
        Ok(Nas5gsMessage::Gmm(_, message)) => message,
        Ok(_) => return ue.unexpected("nas-unprotected"),
        Err(error) => return ue.refuse(status_cause(&error)),
    };
    let allowed = match &message {
        Nas5gmmMessage::IdentityRequest(request) => {
            IdentityType::of(request.identity_type.value) == IdentityType::Suci
        }
        Nas5gmmMessage::RegistrationReject(message) => {
            reject::processed_unprotected(message.fgmm_cause.value)
        }
        Nas5gmmMessage::ServiceReject(message) => reject::processed_unprotected(message.fgmm_cause.value),
        Nas5gmmMessage::AuthenticationRequest(_)
        | Nas5gmmMessage::AuthenticationResult(_)
        | Nas5gmmMessage::AuthenticationReject(_)
        | Nas5gmmMessage::DeregistrationAcceptUeOriginating(_) => true,
        _ => false,
    };
    if allowed {
        received(slot, message, false, ue);
    } else {
        ue.unexpected("nas-unprotected");
    }
}

/// The plain octets of a message whose integrity was checked.
fn protected(slot: &mut Slot, plain: &[u8], ue: &mut Ue<'_>) {
    match Nas5gsMessage::decode(plain) {
        Ok(Nas5gsMessage::Gmm(_, message)) => received(slot, message, true, ue),
        Ok(_) => ue.unexpected("nas-unreadable"),
        Err(error) => ue.refuse(status_cause(&error)),
    }
}

/// A message under a security header of a new context: only a SECURITY MODE COMMAND comes so (Table 9.3.1).
fn new_context(slot: &mut Slot, octets: &[u8], ue: &mut Ue<'_>) {
    match Nas5gsMessage::decode(payload(octets)) {
        Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::SecurityModeCommand(command))) => {
            security_mode::commanded(slot, octets, &command, ue);
        }
        _ => ue.unexpected("nas-security-header"),
    }
}

/// A message of 5GMM goes to the file of its procedure.
fn received(slot: &mut Slot, message: Nas5gmmMessage, integrity: bool, ue: &mut Ue<'_>) {
    use Nas5gmmMessage as M;
    // §7.6.1: an unknown IE that is encoded as "comprehension required" is an invalid mandatory IE.
    if message.unknown_ies().iter().any(|ie| ie.is_comprehension_required()) {
        return ue.refuse(Some(INVALID_MANDATORY_INFORMATION));
    }
    match message {
        M::AuthenticationRequest(request) => authentication::requested(slot, &request, ue),
        M::AuthenticationReject(_) => authentication::rejected(slot, integrity, ue),
        M::IdentityRequest(request) => identification::requested(&request, ue),
        M::RegistrationAccept(accept) => registration::accepted(slot, &accept, ue),
        M::RegistrationReject(reject) => registration::rejected(slot, &reject, integrity, ue),
        M::ServiceAccept(accept) => service_request::accepted(slot, &accept, ue),
        M::ServiceReject(reject) => service_request::rejected(slot, &reject, integrity, ue),
        M::DeregistrationAcceptUeOriginating(_) => deregistration_ue_initiated::accepted(slot, ue),
        M::DeregistrationRequestUeTerminated(request) => {
            deregistration_network_initiated::requested(slot, &request, ue);
        }
        M::ConfigurationUpdateCommand(command) => configuration_update::commanded(&command, ue),
        M::Notification(_) => ue.send(NasNotificationResponse::new()),
        // §7.4: a 5GMM STATUS is not answered.
        M::FiveGmmStatus(_) => ue.unexpected("5gmm-status"),
        M::DlNasTransport(transport) => nas_transport_of_5gsm::received(slot, &transport, ue),
        M::AuthenticationResult(_) | M::SecurityModeCommand(_) => ue.unexpected("nas-not-expected"),
        // What only a UE sends, or what this UE never announced that it can do.
        _ => ue.refuse(Some(MESSAGE_TYPE_NON_EXISTENT)),
    }
}

/// 5GMM causes of a 5GMM STATUS (TS 24.501 §7).
const INVALID_MANDATORY_INFORMATION: u8 = 96;
const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
