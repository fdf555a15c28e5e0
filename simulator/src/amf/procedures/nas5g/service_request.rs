//! Service request (TS 24.501 §5.6.1).

use std::time::Instant;

use oxirush_nas::nas_5gs::{
    GmmCause, NasFGmmCause, NasServiceAccept, NasServiceReject, NasServiceRequest, ServiceType,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::procedures::{Awaited, Next, Step};
use crate::amf::received_nas::Incoming;
use crate::amf::{Amf, sending, session_status, ue_context};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// SERVICE REQUEST: accepted from a registered UE that proves who it is.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    request: &NasServiceRequest,
    incoming: &Incoming,
) -> Step<'static> {
    let now = context.now();
    // TS 24.501 §4.4.4.3, §5.6.1.5: a UE that is unknown, or does not prove who it is, is to register again.
    let Some((ue_id, count)) = incoming.verified else {
        let named = request.fg_s_tmsi.as_s_tmsi().and_then(|s_tmsi| amf.ues.find_tmsi(s_tmsi.tmsi()));
        if named.is_none() {
            amf.refuse(Refusal::UnknownServiceRequest);
        }
        let cause = GmmCause::UeIdentityCannotBeDerivedByTheNetwork;
        return reject(amf, now, id, cause, Protection::Plain);
    };
    if amf.awaits(id) != Some(Awaited::Nothing) {
        amf.refuse(Refusal::OutOfState);
        return Step::Stay;
    }
    // Whatever the UE says that it comes for (§5.6.1.1): to a UE that was paged, this answers the paging.
    let was_paged = amf.ues.get(ue_id).is_some_and(|ue| ue.paged.is_some());
    if let Some(s_tmsi) = request.fg_s_tmsi.as_s_tmsi() {
        amf.ues.has_named(ue_id, s_tmsi.tmsi());
    }
    amf.bind(context, id, ue_id);
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.secured = true;
    }
    let Some(ue) = amf.ues.get_mut(ue_id) else { return Step::Stay };
    if !ue.registered {
        amf.refuse(Refusal::UnknownServiceRequest);
        return reject(amf, now, id, GmmCause::ImplicitlyDeregistered, Protection::Current);
    }
    let (pending, supi) = (std::mem::take(&mut ue.pending), ue.imsi);
    // TS 33.501 §6.12.3: a 5G-GUTI that was paged is not used again.
    let mobile_terminated =
        request.service_type.service_type() == Some(ServiceType::MobileTerminatedServices);
    let paged = was_paged || mobile_terminated;
    let uplink = request.uplink_data_status.as_ref();
    let sessions = session_status::synchronise(context, supi, request.pdu_session_status.as_ref());
    let wanted: Vec<_> = sessions
        .iter()
        .copied()
        .filter(|id| paged || uplink.is_some_and(|uplink| uplink.has_data(id.value())))
        .collect();
    let mut accept = NasServiceAccept::new();
    accept.pdu_session_status =
        request.pdu_session_status.as_ref().and_then(|_| session_status::of(&sessions));
    accept.pdu_session_reactivation_result =
        uplink.and_then(|uplink| session_status::not_reactivated(&sessions, uplink));
    let Some(plain) = sending::encoded(amf, accept) else { return Step::Stay };
    amf.statistics.services_accepted += 1;
    ue_context::deliver(amf, context, id, (Message::ServiceAccept, plain), count, &wanted);
    match pending.next() {
        Some(next) => Step::Then(id, next),
        None if paged => Step::Then(id, Next::ConfigurationUpdate),
        None => Step::Stay,
    }
}

/// SERVICE REJECT, and the connection is released.
fn reject(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    cause: GmmCause,
    protection: Protection,
) -> Step<'static> {
    let body = NasServiceReject::new(NasFGmmCause::from_cause(cause));
    sending::nas(amf, now, id, Message::ServiceReject, body, protection);
    Step::Release(id, Cause::nas(CauseNas::normal_release))
}
