//! What a UE and the network tell each other of the sessions that they have (TS 24.501 §5.5.1.3.4, §5.6.1.4.1).

use identity::{Imsi, SessionId};
use oxirush_nas::nas_5gs::{NasPduSessionReactivationResult, NasPduSessionStatus, NasUplinkDataStatus};

use super::Amf;
use super::connection::ConnectionId;
use super::procedures::ngap::pdu_session_resource;
use crate::sessions::EventContext;
use crate::statistics::Event;

/// The sessions that both have, after what the UE says of its own.
pub(super) fn synchronise(
    context: &mut EventContext<'_>,
    supi: Imsi,
    status: Option<&NasPduSessionStatus>,
) -> Vec<SessionId> {
    if let Some(status) = status {
        context.sessions.keep(&mut context.ports, supi, |id| status.is_active(id.value()));
    }
    context.sessions.established(supi)
}

/// The PDU session status IE of the network side.
pub(super) fn of(sessions: &[SessionId]) -> Option<NasPduSessionStatus> {
    let numbers: Vec<u8> = sessions.iter().map(|session| session.value()).collect();
    NasPduSessionStatus::from_sessions(&numbers).ok()
}

/// The PDU session reactivation result IE: the sessions that the UE wants to send in and that there are not.
pub(super) fn not_reactivated(
    sessions: &[SessionId],
    wanted: &NasUplinkDataStatus,
) -> Option<NasPduSessionReactivationResult> {
    let missing = |id: &u8| !sessions.iter().any(|session| session.value() == *id);
    let failed: Vec<u8> = wanted.sessions_with_data().into_iter().filter(missing).collect();
    NasPduSessionReactivationResult::from_failed_sessions(&failed).ok()
}

/// A gNB has answered about sessions of a UE: these have their resources, with what the gNB says of each, and those have not.
pub(super) fn resources_answered<'t>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    set_up: impl Iterator<Item = (u8, &'t [u8])>,
    not_set_up: impl Iterator<Item = u8>,
) {
    let Some(supi) = amf.supi_on(id) else { return };
    for (session, transfer) in set_up {
        context.sessions.resources_set_up(amf, &mut context.ports, (supi, session), transfer);
    }
    for session in not_set_up {
        context.sessions.resources_not_set_up(amf, &mut context.ports, (supi, session));
    }
}

/// A UE registers where its connection is (TS 24.501 §5.5.1.3, TS 23.502 §4.2.2.2.2): sessions that do not go on there end.
pub(super) fn arrived(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, supi: Imsi) {
    let plmn = amf.connections.get(&id).and_then(|connection| amf.serving.get(connection.plmn));
    let Some(serving) = plmn.map(|serving| serving.plmn) else { return };
    let sessions = context.sessions.registered_in(&mut context.ports, supi, serving, id.into());
    if sessions.network_changed {
        amf.statistics.counters.count_event(Event::NetworkChanged);
    }
    for (session, has_resources) in sessions.ended {
        if has_resources {
            pdu_session_resource::release(amf, context.now(), id, session, None);
        }
    }
}
