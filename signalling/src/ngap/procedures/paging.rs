//! Paging, gNB side (TS 38.413 §8.5.1).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, extract_ngap_ies};

use crate::common::identity_of_ue::STmsi;
use crate::ngap::Out;
use crate::node::action::NodeAction;

/// PAGING (§8.5.1.2).
pub(crate) fn paged(pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    match identity(pdu)? {
        Some(s_tmsi) => out.push(NodeAction::Paged { s_tmsi }),
        None => out.push(NodeAction::Unexpected("paging-identity")),
    }
    Ok(())
}

/// The 5G-S-TMSI of a PAGING (TS 38.413 §9.2.4.1); `None` for an identity of another kind.
fn identity(pdu: &NGAPPDU<'_>) -> Result<Option<STmsi>, Error> {
    extract_ngap_ies!(pdu, Paging,
        req identity: UEPagingIdentity = UEPagingIdentity(identity) => identity,
    );
    let UEPagingIdentity::fiveG_S_TMSI(identity) = identity else { return Ok(None) };
    let set = u16::try_from(identity.amf_set_id.0.value()).ok();
    let pointer = u8::try_from(identity.amf_pointer.0.value()).ok();
    let tmsi = u32::from_be_bytes(identity.five_g_tmsi.0);
    Ok(set.zip(pointer).and_then(|(set, pointer)| STmsi::new(set, pointer, tmsi)))
}
