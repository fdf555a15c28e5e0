//! Identification: the UE is asked for its SUCI (TS 24.501 §5.4.3).

use oxirush_nas::nas_5gs::{
    GmmCause, MobileIdentityType, NasFGsIdentityType, NasFGsMobileIdentity, NasIdentityRequest,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use super::{authentication, registration, ue_context_release};
use crate::amf::connection::{ConnectionId, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// IDENTITY REQUEST.
pub(in crate::amf) fn start(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let Ok(suci) = NasFGsIdentityType::from_identity_type(MobileIdentityType::Suci) else { return };
    let request = (Message::IdentityRequest, NasIdentityRequest::new(suci));
    let wait = (State::ExpectIdentity, ConnectionTimer::T3570);
    let protection = authentication::protection(amf, id);
    sending::nas_until_answered(amf, context.now(), id, request, protection, wait);
}

/// IDENTITY RESPONSE.
pub(in crate::amf) fn answered(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    identity: &NasFGsMobileIdentity,
) {
    sending::settle(amf, id);
    match amf.subscribers.deconceal(&identity.value) {
        Some(imsi) => registration::named(amf, context, id, imsi, false),
        None => {
            amf.refuse(Refusal::SuciNotDeconcealed);
            registration::reject(amf, context, id, GmmCause::UeIdentityCannotBeDerivedByTheNetwork);
        }
    }
}

/// T3570 expired for the fifth time (§5.4.3.6 b).
pub(in crate::amf) fn gave_up(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::IdentificationTimeout);
    sending::settle(amf, id);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::unspecified));
}
