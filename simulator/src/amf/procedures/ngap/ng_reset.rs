//! NG Reset, by either side (TS 38.413 §8.7.4).

use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::connection::ConnectionId;
use crate::amf::procedures::Step;
use crate::amf::{Amf, leaving, sending};
use crate::sessions::EventContext;
use crate::statistics::Message;

/// The gNB lost some of its UEs, or all: they are idle, and it is told so.
pub(in crate::amf) fn by_gnb<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, NGReset, req reset: ResetType = ResetType(reset) => reset,);
    let pdu = match reset {
        ResetType::partOfNG_Interface(list) => {
            for item in &list.0 {
                if let Some(id) = find(amf, association, item) {
                    leaving::forget(amf, context, id);
                }
            }
            build_ngap!(
                SuccessfulOutcome,
                NGReset,
                NGResetAcknowledge,
                UE_associatedLogicalNG_connectionList(list),
            )
        }
        _ => {
            forget_all(amf, context, association);
            build_ngap!(SuccessfulOutcome, NGReset, NGResetAcknowledge,)
        }
    };
    sending::of_gnb(amf, context.now(), association, Message::NgResetAcknowledge, pdu);
    Ok(Step::Stay)
}

/// The AMF forgets all UEs of a gNB, and the gNB is to do the same.
pub(in crate::amf) fn by_amf(amf: &mut Amf, context: &mut EventContext<'_>, association: u32) {
    forget_all(amf, context, association);
    let pdu = build_ngap!(
        InitiatingMessage,
        NGReset,
        NGReset,
        Cause(Cause::misc(CauseMisc::om_intervention)),
        ResetType(ResetType::nG_Interface(ResetAll::reset_all)),
    );
    sending::of_gnb(amf, context.now(), association, Message::NgReset, pdu);
}

fn forget_all(amf: &mut Amf, context: &mut EventContext<'_>, association: u32) {
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    for id in gnb.take_connections() {
        leaving::forget(amf, context, id);
    }
}

/// Either identifier suffices (§9.3.3.25).
fn find(amf: &Amf, association: u32, item: &UEAssociatedLogicalNGConnectionItem) -> Option<ConnectionId> {
    let by_ran = || {
        let ran_ue_id = item.ran_ue_ngap_id.as_ref()?.0;
        amf.gnbs.get(&association)?.connections.get(&ran_ue_id).copied()
    };
    let id = item.amf_ue_ngap_id.as_ref().map(|id| ConnectionId(id.0)).or_else(by_ran)?;
    amf.connections.get(&id).filter(|connection| connection.association == association).map(|_| id)
}
