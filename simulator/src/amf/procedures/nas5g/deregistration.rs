//! Deregistration, by the UE and by the network (TS 24.501 §5.5.2).

use std::time::Instant;

use oxirush_nas::nas_5gs::{
    AccessTypeValue, NasDeRegistrationType, NasDeregistrationAcceptUeOriginating,
    NasDeregistrationRequestUeOriginating, NasDeregistrationRequestUeTerminated,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::Step;
use crate::amf::received_nas::Incoming;
use crate::amf::{Amf, identities, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// DEREGISTRATION REQUEST of the UE (§5.5.2.2). It ends a registration that runs (§5.5.1.2.8 h).
pub(in crate::amf) fn by_ue(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    request: &NasDeregistrationRequestUeOriginating,
    incoming: &Incoming,
) -> Step<'static> {
    let protection = match incoming.verified {
        Some((ue, _)) => {
            amf.bind(context, id, ue);
            Protection::Current
        }
        // §5.5.2.2.6: anybody could have sent it. The UE of a known 5G-GUTI stays registered.
        None if identities::find(amf, &request.fgs_mobile_identity).is_some() => {
            amf.refuse(Refusal::NotProtected);
            return Step::Stay;
        }
        // Nobody to deregister: it does no harm to say so.
        None => Protection::Plain,
    };
    amf.end_procedure(id);
    if !request.de_registration_type.switch_off() {
        let accept = NasDeregistrationAcceptUeOriginating::new();
        sending::nas(amf, context.now(), id, Message::DeregistrationAcceptToUe, accept, protection);
    }
    match incoming.verified {
        Some(_) => over(amf, id),
        None => Step::Release(id, Cause::nas(CauseNas::deregister)),
    }
}

/// DEREGISTRATION REQUEST to a connected UE that the network wants to be gone (§5.5.2.3).
pub(in crate::amf) fn begin(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    re_registration: bool,
) -> Step<'static> {
    let kind = NasDeRegistrationType::new(0)
        .with_access_type(AccessTypeValue::ThreeGppAccess)
        .with_re_registration_required(re_registration);
    let message = (Message::DeregistrationRequestToUe, NasDeregistrationRequestUeTerminated::new(kind));
    let timer = ConnectionTimer::T3522;
    Step::wait_if(sending::nas_until_answered(amf, now, id, message, Protection::Current, timer), id)
}

/// DEREGISTRATION ACCEPT of the UE.
pub(in crate::amf) fn received(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    over(amf, id)
}

/// T3522 expired for the fifth time: the UE is deregistered without its consent (§5.5.2.3.5 a).
pub(in crate::amf) fn expired(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::DeregistrationTimeout);
    over(amf, id)
}

fn over(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    if let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) {
        amf.ues.set_registered(ue, false);
        amf.statistics.deregistrations += 1;
    }
    Step::Release(id, Cause::nas(CauseNas::deregister))
}
