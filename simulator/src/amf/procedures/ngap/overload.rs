//! Overload Start and Overload Stop (TS 38.413 §8.7.6, §8.7.7).

use std::time::Instant;

use identity::Snssai;
use oxirush_ngap::helpers::s_nssai;
use oxirush_ngap::{build_ngap, ngap::*};

use crate::amf::{Amf, sending};
use crate::statistics::Message;

/// A gNB is to let fewer connections through: all UEs', or of UEs that want nothing but this slice.
pub(in crate::amf) fn start(
    amf: &mut Amf,
    now: Instant,
    association: u32,
    slice: Option<Snssai>,
    reduction: u8,
) {
    let response = OverloadResponse::overloadAction(OverloadAction::reject_rrc_cr_signalling);
    let percent = (1..=99).contains(&reduction).then_some(reduction);
    let pdu = match (slice, percent) {
        (None, None) => {
            build_ngap!(InitiatingMessage, OverloadStart, OverloadStart, AMFOverloadResponse(response))
        }
        (None, Some(percent)) => build_ngap!(
            InitiatingMessage,
            OverloadStart,
            OverloadStart,
            AMFOverloadResponse(response),
            AMFTrafficLoadReductionIndication(percent),
        ),
        (Some(slice), percent) => {
            let of = SliceOverloadItem::new(s_nssai(slice.sst, slice.sd), None);
            let item = OverloadStartNSSAIItem::new(
                SliceOverloadList(vec![of]),
                Some(response),
                percent.map(TrafficLoadReductionIndication),
                None,
            );
            let list = OverloadStartNSSAIList(vec![item]);
            build_ngap!(InitiatingMessage, OverloadStart, OverloadStart, OverloadStartNSSAIList(list))
        }
    };
    sending::of_gnb(amf, now, association, Message::OverloadStart, pdu);
}

/// It may let all of them through again.
pub(in crate::amf) fn stop(amf: &mut Amf, now: Instant, association: u32) {
    let pdu = build_ngap!(InitiatingMessage, OverloadStop, OverloadStop,);
    sending::of_gnb(amf, now, association, Message::OverloadStop, pdu);
}
