//! Generic UE configuration update: another 5G-GUTI (TS 24.501 §5.4.4).

use identity::Imsi;
use oxirush_nas::nas_5gs::{
    NasConfigurationUpdateCommand, NasConfigurationUpdateIndication, NasFGsMobileIdentity,
};

use super::{paging, registration};
use crate::amf::connection::{ConnectionId, Protection, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::ue::Pending;
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// At once when the UE is connected, else after paging it.
pub(in crate::amf) fn by_command(amf: &mut Amf, context: &mut EventContext<'_>, imsi: Imsi) {
    let Some(ue_id) = amf.ues.find(imsi) else { return };
    let Some(ue) = amf.ues.get_mut(ue_id).filter(|ue| ue.registered) else { return };
    match ue.connection {
        Some(id) => {
            let quiet = amf.connections.get(&id).is_some_and(|connection| connection.state == State::Quiet);
            if quiet {
                return start(amf, context, id);
            }
            ue.pending = Pending::ConfigurationUpdate;
        }
        None => {
            ue.pending = Pending::ConfigurationUpdate;
            paging::start(amf, context.now(), ue_id);
        }
    }
}

/// CONFIGURATION UPDATE COMMAND with a new 5G-GUTI, to be acknowledged.
pub(in crate::amf) fn start(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let (Some(ue_id), plmn) = (connection.ue, connection.plmn) else { return };
    // Of a command before that was not answered, nobody knows whether the UE has the 5G-GUTI: both stay valid (§5.4.4.6), and it is
    // told the same again. A third would take away the one that it may have.
    if amf.ues.get(ue_id).is_some_and(|ue| ue.old_tmsi == 0) {
        registration::give_tmsi(amf, ue_id);
    }
    let tmsi = amf.ues.get(ue_id).map(|ue| ue.tmsi);
    let Some(guti) = tmsi.and_then(|tmsi| registration::guti(amf, plmn, tmsi)) else { return };
    let command = NasConfigurationUpdateCommand::new()
        .with_configuration_update_indication(NasConfigurationUpdateIndication::from_flags(true, false))
        .with_fg_guti(NasFGsMobileIdentity::from_guti(guti));
    let message = (Message::ConfigurationUpdateCommand, command);
    let wait = (State::ExpectConfigurationUpdate, ConnectionTimer::T3555);
    sending::nas_until_answered(amf, context.now(), id, message, Protection::Current, wait);
}

/// CONFIGURATION UPDATE COMPLETE: the 5G-GUTI before is no longer valid.
pub(in crate::amf) fn completed(amf: &mut Amf, id: ConnectionId) {
    if let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) {
        amf.ues.drop_old_tmsi(ue);
    }
    sending::settle(amf, id);
}

/// T3555 expired for the fifth time: both 5G-GUTIs stay valid (§5.4.4.6 b).
pub(in crate::amf) fn gave_up(amf: &mut Amf, _context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::ConfigurationUpdateTimeout);
    sending::settle(amf, id);
}
