//! How a UE gets a NAS message together with what its gNB needs for it: the context, and the resources of sessions.

use identity::SessionId;
use oxirush_nas::nas_5gs::NasCount;

use super::Amf;
use super::connection::ConnectionId;
use super::procedures::ngap::{initial_context_setup, pdu_session_resource};
use crate::sessions::EventContext;
use crate::sessions::session::Session;
use crate::statistics::Message;

/// Sends a message under the current security context: with an INITIAL CONTEXT SETUP REQUEST, or by itself when the gNB has the
/// context already. The sessions get their resources with it, or right after it.
pub(super) fn deliver(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    message: (Message, Vec<u8>),
    count: NasCount,
    sessions: &[SessionId],
) {
    if initial_context_setup::begin(amf, context, id, message, count, sessions) {
        return;
    }
    if let Some(supi) = amf.supi_on(id) {
        let wanted = wanted(context.sessions.of(supi), sessions);
        pdu_session_resource::set_up(amf, context.now(), id, wanted, None);
    }
}

/// The sessions of a UE that have these numbers, in the order of the numbers.
fn wanted<'a>(all: &'a [Session], numbers: &'a [SessionId]) -> impl Iterator<Item = &'a Session> {
    numbers.iter().filter_map(|id| all.iter().find(|session| session.id == *id))
}
