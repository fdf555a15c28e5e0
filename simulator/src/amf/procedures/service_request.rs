//! Service request (TS 24.501 §5.6.1).

use oxirush_nas::nas_5gs::{
    GmmCause, NasFGmmCause, NasServiceAccept, NasServiceReject, NasServiceRequest, ServiceType,
};
use oxirush_ngap::ngap::{Cause, CauseNas};

use super::{
    configuration_update, deregistration, initial_context_setup, session_status, ue_context_release,
};
use crate::amf::connection::{ConnectionId, Protection, State};
use crate::amf::nas::Incoming;
use crate::amf::ue::Pending;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// SERVICE REQUEST: accepted from a registered UE that proves who it is.
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    request: &NasServiceRequest,
    incoming: &Incoming,
) {
    // TS 24.501 §4.4.4.3, §5.6.1.5: a UE that is unknown, or does not prove who it is, is to register again.
    let Some((ue_id, count)) = incoming.verified else {
        let named = request.fg_s_tmsi.as_s_tmsi().and_then(|s_tmsi| amf.ues.find_tmsi(s_tmsi.tmsi()));
        if named.is_none() {
            amf.refuse(Refusal::UnknownServiceRequest);
        }
        let cause = GmmCause::UeIdentityCannotBeDerivedByTheNetwork;
        return reject(amf, context, id, cause, Protection::Plain);
    };
    let busy = amf.connections.get(&id).is_none_or(|connection| connection.state != State::Quiet);
    if busy {
        return amf.refuse(Refusal::OutOfState);
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
    let Some(ue) = amf.ues.get_mut(ue_id) else { return };
    if !ue.registered {
        amf.refuse(Refusal::UnknownServiceRequest);
        return reject(amf, context, id, GmmCause::ImplicitlyDeregistered, Protection::Current);
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
    let Some(plain) = sending::encoded(amf, accept) else { return };
    amf.statistics.services_accepted += 1;
    initial_context_setup::with_nas(amf, context, id, (Message::ServiceAccept, plain), count, &wanted);
    match pending {
        Pending::Deregistration { re_registration } => {
            deregistration::send(amf, context, id, re_registration)
        }
        Pending::ConfigurationUpdate => configuration_update::start(amf, context, id),
        Pending::Nothing if paged => configuration_update::start(amf, context, id),
        Pending::Nothing => {}
    }
}

/// SERVICE REJECT, and the connection is released.
fn reject(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    cause: GmmCause,
    protection: Protection,
) {
    let body = NasServiceReject::new(NasFGmmCause::from_cause(cause));
    sending::nas(amf, context.now(), id, Message::ServiceReject, body, protection);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::normal_release));
}
