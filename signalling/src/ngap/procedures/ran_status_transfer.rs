//! Uplink and Downlink RAN Status Transfer (TS 38.413 §8.4.6, §8.4.7).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;

/// DOWNLINK RAN STATUS TRANSFER (§8.4.7): the source has let the UE go.
pub(crate) fn expected(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = downlink(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let departed = match &mut connection.phase {
        Phase::Arriving(allocation) => allocation.departed(),
        _ => false,
    };
    match connection.ue.filter(|_| departed) {
        Some(ue) => out.push(NodeAction::HandoverExpected { ue }),
        None => out.push(NodeAction::Unexpected("downlink-ran-status-transfer")),
    }
    Ok(())
}

/// UPLINK RAN STATUS TRANSFER (TS 38.413 §9.2.3.13), with one DRB for each session. There is no PDCP here whose COUNTs could be
/// preserved: they begin anew, at 0.
pub(crate) fn uplink(amf: u64, ran: u32, sessions: usize) -> Result<Vec<u8>, Error> {
    let count = || COUNTValueForPDCPSN18::new(0, 0, None);
    let drb = |id| {
        DRBsSubjectToStatusTransferItem::new(
            DRBID(id),
            DRBStatusUL::dRBStatusUL18(DRBStatusUL18::new(count(), None, None)),
            DRBStatusDL::dRBStatusDL18(DRBStatusDL18::new(count(), None)),
            None,
        )
    };
    // §9.3.1.53: 1 to 32 DRBs.
    let drbs = (1..=32).take(sessions.max(1)).map(drb).collect();
    build_ngap!(
        InitiatingMessage,
        UplinkRANStatusTransfer,
        UplinkRANStatusTransfer,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        RANStatusTransfer_TransparentContainer(RANStatusTransferTransparentContainer::new(
            DRBsSubjectToStatusTransferList(drbs),
            None
        )),
    )?
    .encode()
}

/// DOWNLINK RAN STATUS TRANSFER (TS 38.413 §9.2.3.14). There is no radio interface whose counters the container could set: it is
/// not read.
fn downlink(pdu: &NGAPPDU<'_>) -> Result<(u64, u32), Error> {
    extract_ngap_ies!(pdu, DownlinkRANStatusTransfer,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}
