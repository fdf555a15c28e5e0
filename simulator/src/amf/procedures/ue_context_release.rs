//! UE Context Release, by the AMF and on request of the gNB (TS 38.413 §8.3.2, §8.3.3).

use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use super::handover;
use crate::amf::connection::{ConnectionId, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::{Amf, ngap, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// UE CONTEXT RELEASE COMMAND. The UE is idle from now on; the identifiers are kept until the gNB confirms.
pub(in crate::amf) fn command(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, cause: Cause) {
    let Some(connection) = amf.connections.get(&id) else { return };
    if connection.state == State::ExpectReleaseComplete {
        return;
    }
    let ran_ue_id = RANUENGAPID(connection.ran_ue_id);
    let known = connection.ran_ue_id_known;
    detach(amf, context, id);
    let ids = if known {
        UENGAPIDs::uE_NGAP_ID_pair(UENGAPIDPair::new(AMFUENGAPID(id.0), ran_ue_id, None))
    } else {
        UENGAPIDs::aMF_UE_NGAP_ID(AMFUENGAPID(id.0))
    };
    let pdu = build_ngap!(
        InitiatingMessage,
        UEContextRelease,
        UEContextReleaseCommand,
        UE_NGAP_IDs(ids),
        Cause(cause),
    );
    sending::of_ue(amf, context.now(), id, Message::UeContextReleaseCommand, pdu);
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.state = State::ExpectReleaseComplete;
    }
    sending::start_timer(amf, context.now(), id, ConnectionTimer::ReleaseGuard);
}

/// The same UE is back on another connection (TS 24.501 §5.5.1.2.8 f, TS 38.413 §8.3.3.2).
pub(in crate::amf) fn superseded(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    // The UE has moved on: it is not idle.
    connection.ue = None;
    if connection.attempt.is_some() {
        amf.refuse(Refusal::SupersededRequest);
    }
    command(amf, context, id, Cause::radioNetwork(CauseRadioNetwork::release_due_to_cn_detected_mobility));
}

/// UE CONTEXT RELEASE REQUEST, for user inactivity or a lost radio connection.
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, UEContextReleaseRequest,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
    );
    let Some(id) = ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(());
    };
    let cause = cause.unwrap_or(Cause::radioNetwork(CauseRadioNetwork::unspecified));
    command(amf, context, id, cause);
    Ok(())
}

/// UE CONTEXT RELEASE COMPLETE: the identifiers are gone.
pub(in crate::amf) fn completed(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, UEContextReleaseComplete,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(id) = ngap::answered(amf, context, association, amf_ue_id, ran_ue_id) else { return Ok(()) };
    let state = amf.connections.get(&id).map(|connection| connection.state);
    if state != Some(State::ExpectReleaseComplete) {
        amf.refuse(Refusal::UnexpectedNgap);
    }
    locally(amf, context, id);
    Ok(())
}

/// The gNB never confirmed.
pub(in crate::amf) fn gave_up(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::ReleaseTimeout);
    locally(amf, context, id);
}

/// Forgets a connection without a word to the gNB. The UE is idle, and what ran is aborted.
pub(in crate::amf) fn locally(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    detach(amf, context, id);
    context.sessions.ended(&mut context.ports, id.into(), None);
    let Some(connection) = amf.connections.remove(&id) else { return };
    if let Some(gnb) = amf.gnbs.get_mut(&connection.association)
        && gnb.connections.get(&connection.ran_ue_id) == Some(&id)
    {
        gnb.connections.remove(&connection.ran_ue_id);
    }
}

/// Ends what runs on a connection, and takes its UE off it.
fn detach(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let superseded = amf.connections.get(&id).is_some_and(|connection| connection.ue.is_none());
    handover::end_goes(amf, context, id, superseded);
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let (state, ue) = (connection.state, connection.ue.take());
    connection.attempt = None;
    sending::settle(amf, id);
    // TS 24.501 §5.5.1.2.8 a, §5.4.x.6 a: lower layer failure. After a REGISTRATION ACCEPT the UE is registered,
    // under both of its 5G-GUTIs.
    if !matches!(state, State::Quiet | State::ExpectReleaseComplete) {
        amf.refuse(Refusal::LowerLayerFailure);
    }
    if let Some(ue) = ue {
        amf.ue_is_idle(context, ue, Some(id));
    }
}
