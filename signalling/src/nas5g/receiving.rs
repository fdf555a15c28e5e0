//! What becomes of a NAS PDU from the network (TS 24.501 §4.4.4, §7).

use oxirush_nas::nas_5gs::{Nas5gmmMessage, Nas5gsMessage, NasNotificationResponse};

use super::ue::{Out, Ue, UeAction};
use crate::common::nas_security::{Header, Received, payload, status_cause};
use crate::nas5g::procedures::identification::IdentityType;
use crate::nas5g::procedures::reject;
use crate::settings::Context;

impl Ue {
    /// A NAS PDU from the network.
    pub(crate) fn downlink(&mut self, octets: &[u8], context: &mut Context<'_>, out: &mut Out) {
        if !self.nas.connected {
            out.push(UeAction::Unexpected("nas-while-idle"));
            return;
        }
        match Received::of(octets) {
            Received::Unreadable => out.push(UeAction::Unexpected("nas-unreadable")),
            Received::Plain(plain) => self.unprotected(plain, context, out),
            Received::Protected(Header::IntegrityWithNewContext) => self.new_context(octets, context, out),
            Received::Protected(Header::IntegrityAndCipheringWithNewContext) => {
                out.push(UeAction::Unexpected("nas-security-header"));
            }
            Received::Protected(header) => {
                match self.nas.context.as_mut().and_then(|current| current.unprotect(octets)) {
                    Some(plain) => {
                        self.nas.secured = true;
                        self.protected(&plain, context, out);
                    }
                    // §4.4.4.2: some messages are processed although their integrity cannot be checked.
                    None if header == Header::Integrity && !self.nas.secured => {
                        self.unprotected(payload(octets), context, out);
                    }
                    None => {
                        let replay =
                            self.nas.context.as_ref().is_some_and(|current| current.is_replay(octets));
                        out.push(UeAction::Unexpected(if replay { "nas-replay" } else { "nas-integrity" }));
                    }
                }
            }
        }
    }

    /// A message without integrity protection, or with one that cannot be checked (TS 24.501 §4.4.4.2).
    pub(crate) fn unprotected(&mut self, plain: &[u8], context: &mut Context<'_>, out: &mut Out) {
        if self.nas.secured {
            out.push(UeAction::Unexpected("nas-unprotected"));
            return;
        }
        let message = match Nas5gsMessage::decode(plain) {
            Ok(Nas5gsMessage::Gmm(_, message)) => message,
            Ok(_) => return out.push(UeAction::Unexpected("nas-unprotected")),
            Err(error) => return self.nas.refuse(status_cause(&error), out),
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
            self.received(message, false, context, out);
        } else {
            out.push(UeAction::Unexpected("nas-unprotected"));
        }
    }

    /// The plain octets of a message whose integrity was checked.
    pub(crate) fn protected(&mut self, plain: &[u8], context: &mut Context<'_>, out: &mut Out) {
        match Nas5gsMessage::decode(plain) {
            Ok(Nas5gsMessage::Gmm(_, message)) => self.received(message, true, context, out),
            Ok(_) => out.push(UeAction::Unexpected("nas-unreadable")),
            Err(error) => self.nas.refuse(status_cause(&error), out),
        }
    }

    /// A message under a security header of a new context: only a SECURITY MODE COMMAND comes so (Table 9.3.1).
    pub(crate) fn new_context(&mut self, octets: &[u8], context: &mut Context<'_>, out: &mut Out) {
        match Nas5gsMessage::decode(payload(octets)) {
            Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::SecurityModeCommand(command))) => {
                self.security_mode(octets, &command, context, out);
            }
            _ => out.push(UeAction::Unexpected("nas-security-header")),
        }
    }

    pub(crate) fn received(
        &mut self,
        message: Nas5gmmMessage,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        use Nas5gmmMessage as M;
        // §7.6.1: an unknown IE that is encoded as "comprehension required" is an invalid mandatory IE.
        if message.unknown_ies().iter().any(|ie| ie.is_comprehension_required()) {
            return self.nas.refuse(Some(INVALID_MANDATORY_INFORMATION), out);
        }
        match message {
            M::AuthenticationRequest(request) => self.authentication_request(&request, context, out),
            M::AuthenticationReject(_) => self.authentication_reject(integrity, context, out),
            M::IdentityRequest(request) => self.identity_request(&request, context, out),
            M::RegistrationAccept(accept) => self.registration_accept(&accept, context, out),
            M::RegistrationReject(reject) => self.registration_reject(&reject, integrity, context, out),
            M::ServiceAccept(accept) => self.service_accept(&accept, out),
            M::ServiceReject(reject) => self.service_reject(&reject, integrity, context, out),
            M::DeregistrationAcceptUeOriginating(_) => self.deregistration_accept(out),
            M::DeregistrationRequestUeTerminated(request) => {
                self.deregistration_request_of_network(&request, context, out);
            }
            M::ConfigurationUpdateCommand(command) => self.configuration_update(&command, context, out),
            M::Notification(_) => self.nas.send(NasNotificationResponse::new(), out),
            // §7.4: a 5GMM STATUS is not answered.
            M::FiveGmmStatus(_) => out.push(UeAction::Unexpected("5gmm-status")),
            M::DlNasTransport(transport) => self.downlink_transport(&transport, context, out),
            M::AuthenticationResult(_) | M::SecurityModeCommand(_) => {
                out.push(UeAction::Unexpected("nas-not-expected"));
            }
            // What only a UE sends, or what this UE never announced that it can do.
            _ => self.nas.refuse(Some(MESSAGE_TYPE_NON_EXISTENT), out),
        }
    }
}

/// 5GMM causes of a 5GMM STATUS (TS 24.501 §7).
const INVALID_MANDATORY_INFORMATION: u8 = 96;
const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
