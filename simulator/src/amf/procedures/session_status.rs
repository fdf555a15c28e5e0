//! What a UE and the network tell each other of the sessions that they have (TS 24.501 §5.5.1.3.4, §5.6.1.4.1).

use identity::{Imsi, SessionId};
use oxirush_nas::nas_5gs::{NasPduSessionReactivationResult, NasPduSessionStatus, NasUplinkDataStatus};

use crate::sessions::EventContext;

/// The sessions that both have, after what the UE says of its own.
pub(in crate::amf) fn synchronise(
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
pub(in crate::amf) fn of(sessions: &[SessionId]) -> Option<NasPduSessionStatus> {
    let numbers: Vec<u8> = sessions.iter().map(|session| session.value()).collect();
    NasPduSessionStatus::from_sessions(&numbers).ok()
}

/// The PDU session reactivation result IE: the sessions that the UE wants to send in and that there are not.
pub(in crate::amf) fn not_reactivated(
    sessions: &[SessionId],
    wanted: &NasUplinkDataStatus,
) -> Option<NasPduSessionReactivationResult> {
    let missing = |id: &u8| !sessions.iter().any(|session| session.value() == *id);
    let failed: Vec<u8> = wanted.sessions_with_data().into_iter().filter(missing).collect();
    NasPduSessionReactivationResult::from_failed_sessions(&failed).ok()
}
