//! Deregistration, by the UE and by the network (TS 24.501 §5.5.2).

use identity::Imsi;
use oxirush_nas::nas_5gs::{
    AccessTypeValue, NasDeRegistrationType, NasDeregistrationAcceptUeOriginating,
    NasDeregistrationRequestUeOriginating, NasDeregistrationRequestUeTerminated,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use super::{paging, registration, ue_context_release};
use crate::amf::connection::{ConnectionId, Protection, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::nas::Incoming;
use crate::amf::ue::Pending;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// DEREGISTRATION REQUEST of the UE (§5.5.2.2). It ends a registration that runs (§5.5.1.2.8 h).
pub(in crate::amf) fn by_ue(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    request: &NasDeregistrationRequestUeOriginating,
    incoming: &Incoming,
) {
    let switch_off = request.de_registration_type.switch_off();
    let accept = NasDeregistrationAcceptUeOriginating::new();
    match incoming.verified {
        Some((ue, _)) => {
            amf.bind(context, id, ue);
            sending::settle(amf, id);
            if !switch_off {
                let message = Message::DeregistrationAcceptToUe;
                sending::nas(amf, context.now(), id, message, accept, Protection::Current);
            }
            over(amf, context, id);
        }
        // §5.5.2.2.6: anybody could have sent it. The UE of a known 5G-GUTI stays registered.
        None if registration::find_guti(amf, &request.fgs_mobile_identity).is_some() => {
            amf.refuse(Refusal::NotProtected);
        }
        // Nobody to deregister: it does no harm to say so.
        None => {
            sending::settle(amf, id);
            if !switch_off {
                sending::nas(
                    amf,
                    context.now(),
                    id,
                    Message::DeregistrationAcceptToUe,
                    accept,
                    Protection::Plain,
                );
            }
            ue_context_release::command(amf, context, id, Cause::nas(CauseNas::deregister));
        }
    }
}

/// The network wants a UE to be gone (§5.5.2.3): at once when it is connected, else after paging it.
pub(in crate::amf) fn by_network(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    imsi: Imsi,
    re_registration: bool,
) {
    let Some(ue_id) = amf.ues.find(imsi) else { return };
    let Some(ue) = amf.ues.get_mut(ue_id).filter(|ue| ue.registered) else { return };
    match ue.connection {
        Some(id) => {
            let quiet = amf.connections.get(&id).is_some_and(|connection| connection.state == State::Quiet);
            if quiet {
                return send(amf, context, id, re_registration);
            }
            ue.pending = Pending::Deregistration { re_registration };
        }
        None => {
            ue.pending = Pending::Deregistration { re_registration };
            paging::start(amf, context.now(), ue_id);
        }
    }
}

/// DEREGISTRATION REQUEST to a connected UE.
pub(in crate::amf) fn send(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    re_registration: bool,
) {
    let kind = NasDeRegistrationType::new(0)
        .with_access_type(AccessTypeValue::ThreeGppAccess)
        .with_re_registration_required(re_registration);
    let request = NasDeregistrationRequestUeTerminated::new(kind);
    let message = (Message::DeregistrationRequestToUe, request);
    let wait = (State::ExpectDeregistrationAccept, ConnectionTimer::T3522);
    sending::nas_until_answered(amf, context.now(), id, message, Protection::Current, wait);
}

/// DEREGISTRATION ACCEPT of the UE.
pub(in crate::amf) fn accepted(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    sending::settle(amf, id);
    over(amf, context, id);
}

/// T3522 expired for the fifth time: the UE is deregistered without its consent (§5.5.2.3.5 a).
pub(in crate::amf) fn gave_up(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::DeregistrationTimeout);
    sending::settle(amf, id);
    over(amf, context, id);
}

fn over(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    if let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) {
        amf.ues.set_registered(ue, false);
        amf.statistics.deregistrations += 1;
    }
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::deregister));
}
