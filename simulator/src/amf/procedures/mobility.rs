//! Mobility of a registered UE between tracking areas and networks (TS 24.501 §5.5.1.3, TS 23.502 §4.2.2.2.2).

use billing::Closing;
use identity::Plmn;
use scenarios::Breakout;

use super::{pdu_session, pdu_session_resource};
use crate::amf::connection::ConnectionId;
use crate::amf::ue::UeId;
use crate::amf::{Amf, Event, Turn};
use crate::sessions::session::Session;
use crate::sessions::{self, SmfSettings};

/// A UE registers where its connection is. In another network its home-routed sessions go on, charged there from now on
/// (TS 32.255 §5.2.1.4); those that left for the data network in the one before end.
pub(in crate::amf) fn arrived(amf: &mut Amf, turn: &mut Turn<'_>, id: ConnectionId, ue_id: UeId) {
    let plmn = amf.connections.get(&id).and_then(|connection| amf.serving.get(connection.plmn));
    let Some(serving) = plmn.map(|serving| serving.plmn) else { return };
    let Some(ue) = amf.ues.get_mut(ue_id) else { return };
    let mut changed = false;
    let mut ended = Vec::new();
    for session in &mut ue.sessions {
        if session.serving != serving {
            sessions::moved(turn, session, serving);
        }
        if std::mem::replace(&mut session.registered_in, serving) != serving {
            changed = true;
            if !goes_on(&amf.settings.smf, session, serving) {
                ended.push(session.id);
            }
        }
    }
    if changed {
        amf.statistics.counters.count_event(Event::NetworkChanged);
    }
    for session in ended {
        let resources =
            pdu_session::find(amf, ue_id, session).is_some_and(|session| session.may_have_resources());
        pdu_session::end(amf, turn, (ue_id, session), Some(id), Closing::Released);
        // The UE is told by the PDU session status.
        if resources {
            pdu_session_resource::release(amf, turn, id, session, None);
        }
    }
}

/// Whether a session survives that its UE registers in another network.
fn goes_on(settings: &SmfSettings, session: &Session, serving: Plmn) -> bool {
    let agreement = settings.agreement(session.home, serving);
    !session.local_breakout && agreement.is_none_or(|agreement| agreement.breakout == Breakout::HomeRouted)
}
