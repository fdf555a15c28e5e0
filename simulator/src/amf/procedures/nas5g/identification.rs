//! Identification: the UE is asked for its SUCI (TS 24.501 §5.4.3).

use std::time::Instant;

use oxirush_nas::nas_5gs::{
    GmmCause, MobileIdentityType, NasFGsIdentityType, NasFGsMobileIdentity, NasIdentityRequest,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use crate::amf::connection::ConnectionId;
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::{Next, Step};
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// IDENTITY REQUEST.
pub(in crate::amf) fn begin(amf: &mut Amf, now: Instant, id: ConnectionId) -> Step<'static> {
    let Ok(suci) = NasFGsIdentityType::from_identity_type(MobileIdentityType::Suci) else {
        return Step::wait_if(false, id);
    };
    let request = (Message::IdentityRequest, NasIdentityRequest::new(suci));
    let protection = amf.protection_of(id);
    Step::wait_if(sending::nas_until_answered(amf, now, id, request, protection, ConnectionTimer::T3570), id)
}

/// IDENTITY RESPONSE.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    context: &EventContext<'_>,
    id: ConnectionId,
    identity: &NasFGsMobileIdentity,
) -> Step<'static> {
    match context.ports.subscribers.deconceal(&identity.value) {
        Some(imsi) => Step::Then(id, Next::Named(imsi)),
        None => {
            amf.refuse(Refusal::SuciNotDeconcealed);
            Step::Then(id, Next::Rejection(GmmCause::UeIdentityCannotBeDerivedByTheNetwork))
        }
    }
}

/// T3570 expired for the fifth time (§5.4.3.6 b).
pub(in crate::amf) fn expired(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::IdentificationTimeout);
    Step::Release(id, Cause::nas(CauseNas::unspecified))
}
