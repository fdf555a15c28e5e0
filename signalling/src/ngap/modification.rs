//! Changes of a UE's context (TS 38.413 §8.3.4).

use oxirush_ngap::Error;
use oxirush_ngap::ngap::NGAPPDU;

use super::{Gnb, Out};
use crate::ngap::procedures::ue_context_modification;

/// Takes over what a path switch has to repeat, and the AMF's new id. Keys, aggregate rates and the rest are for a radio
/// interface that is not played: they are taken, and nothing follows from them.
pub(super) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = ue_context_modification::request(pdu)?;
    if !gnb.associate(request.amf, request.ran, out) {
        return Ok(());
    }
    if let Some(connection) = gnb.connections.get_mut(request.ran) {
        connection.security = request.security.or(connection.security);
        // §8.3.4.2: for future signalling; this answer is still under the old one.
        connection.amf = request.new_amf.or(connection.amf);
    }
    let response = ue_context_modification::response(request.amf, request.ran, request.asks_rrc_state);
    gnb.send_ue(request.ran, response, out);
    Ok(())
}
