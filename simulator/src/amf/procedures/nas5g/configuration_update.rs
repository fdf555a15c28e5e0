//! Generic UE configuration update: another 5G-GUTI (TS 24.501 §5.4.4).

use std::time::Instant;

use oxirush_nas::nas_5gs::{
    NasConfigurationUpdateCommand, NasConfigurationUpdateIndication, NasFGsMobileIdentity,
};

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::Step;
use crate::amf::{Amf, identities, sending};
use crate::statistics::{Message, Refusal};

/// CONFIGURATION UPDATE COMMAND with a new 5G-GUTI, to be acknowledged. Whether it was sent.
pub(in crate::amf) fn begin(amf: &mut Amf, now: Instant, id: ConnectionId) -> bool {
    let Some(connection) = amf.connections.get(&id) else { return false };
    let (Some(ue_id), plmn) = (connection.ue, connection.plmn) else { return false };
    identities::offer_tmsi(amf, ue_id);
    let tmsi = amf.ues.get(ue_id).map(|ue| ue.tmsi);
    let Some(guti) = tmsi.and_then(|tmsi| identities::guti(amf, plmn, tmsi)) else { return false };
    let command = NasConfigurationUpdateCommand::new()
        .with_configuration_update_indication(NasConfigurationUpdateIndication::from_flags(true, false))
        .with_fg_guti(NasFGsMobileIdentity::from_guti(guti));
    let (message, timer) = ((Message::ConfigurationUpdateCommand, command), ConnectionTimer::T3555);
    sending::nas_until_answered(amf, now, id, message, Protection::Current, timer)
}

/// CONFIGURATION UPDATE COMPLETE: the 5G-GUTI before is no longer valid.
pub(in crate::amf) fn received(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    if let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) {
        amf.ues.drop_old_tmsi(ue);
    }
    Step::Stay
}

/// T3555 expired for the fifth time: both 5G-GUTIs stay valid (§5.4.4.6 b).
pub(in crate::amf) fn expired(amf: &mut Amf) -> Step<'static> {
    amf.refuse(Refusal::ConfigurationUpdateTimeout);
    Step::Stay
}
