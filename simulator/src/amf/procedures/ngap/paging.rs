//! Paging (TS 24.501 §5.6.2, TS 38.413 §8.5.1).

use std::time::Instant;

use oxirush_ngap::aper::Bits;
use oxirush_ngap::helpers::{AMF_POINTER_BITS, AMF_SET_ID_BITS, tai};
use oxirush_ngap::{build_ngap, ngap::*};

use crate::amf::expiry::UeTimer;
use crate::amf::ue::{Pending, Ue, UeId};
use crate::amf::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// Pages an idle registered UE in its registration area, until it answers or T3513 has expired five times.
pub(in crate::amf) fn begin(amf: &mut Amf, now: Instant, id: UeId) {
    let idle = |ue: &&mut Ue| ue.registered && ue.connection.is_none() && ue.paged.is_none();
    let Some(ue) = amf.ues.get_mut(id).filter(idle) else { return };
    ue.paged = Some(0);
    page(amf, now, id);
}

/// T3513 expired.
pub(in crate::amf) fn expired(amf: &mut Amf, context: &mut EventContext<'_>, id: UeId) {
    let max = amf.settings.timers.max_retransmissions;
    let Some(ue) = amf.ues.get_mut(id) else { return };
    match ue.paged {
        Some(times) if times < max => {
            ue.paged = Some(times + 1);
            page(amf, context.now(), id);
        }
        _ => {
            ue.paged = None;
            let pending = std::mem::take(&mut ue.pending);
            // §5.5.2.3.1: a UE that cannot be told is deregistered all the same.
            if matches!(pending, Pending::Deregistration { .. }) {
                amf.ues.set_registered(id, false);
                amf.statistics.deregistrations += 1;
            }
            amf.refuse(Refusal::PagingTimeout);
            amf.ue_is_idle(context, id, None);
        }
    }
}

fn page(amf: &mut Amf, now: Instant, id: UeId) {
    let Some(ue) = amf.ues.get(id) else { return };
    // A UE that was told another 5G-GUTI, and has not confirmed it, may have either (TS 24.501 §5.4.4.6): they take turns.
    let times = ue.paged.unwrap_or_default();
    let tmsi = if ue.old_tmsi != 0 && times % 2 == 1 { ue.old_tmsi } else { ue.tmsi };
    let (plmn, tac) = (ue.plmn, ue.tac);
    let Some(serving) = amf.serving.get(plmn) else { return };
    let octets = serving.octets;
    let area = amf.registration_area(plmn, tac).to_vec();
    let cells: Vec<u32> = amf
        .gnbs
        .iter()
        .filter(|(_, gnb)| gnb.areas.iter().any(|one| one.plmn == plmn && area.contains(&one.tac)))
        .map(|(association, _)| *association)
        .collect();
    for association in cells {
        let identity = FiveGSTMSI::new(
            AMFSetID(Bits::low(u64::from(amf.settings.place.set), AMF_SET_ID_BITS)),
            AMFPointer(Bits::low(u64::from(amf.settings.place.pointer), AMF_POINTER_BITS)),
            FiveGTMSI(tmsi.to_be_bytes()),
            None,
        );
        let items =
            area.iter().map(|tac| TAIListForPagingItem::new(tai(PLMNIdentity(octets), tac.octets()), None));
        let pdu = build_ngap!(
            InitiatingMessage,
            Paging,
            Paging,
            UEPagingIdentity(UEPagingIdentity::fiveG_S_TMSI(identity)),
            TAIListForPaging(TAIListForPaging(items.collect())),
        );
        sending::of_gnb(amf, now, association, Message::Paging, pdu);
    }
    let at = now + amf.settings.timers.t3513;
    amf.start_ue_timer(id, at, UeTimer::T3513);
}
