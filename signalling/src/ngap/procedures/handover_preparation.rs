//! Handover Preparation, source gNB (TS 38.413 §8.4.1).

use std::time::Duration;

use oxirush_ngap::helpers::global_gnb_id;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, extract_ngap_ies};

use crate::ngap::codec::{own_cell, plmn, tai, target_cell};
use crate::ngap::rrc_container;
use crate::ngap::{GnbSettings, NgapCause, Resource, TargetGnb};

/// What a HANDOVER REQUIRED says of a UE.
pub(crate) struct Leaving<'a> {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    /// The cell that it leaves, and how long it was there.
    pub(crate) cell: u32,
    pub(crate) stayed: Duration,
    pub(crate) sessions: &'a [Resource],
    /// What the target is to know.
    pub(crate) container: &'a [u8],
}

/// HANDOVER REQUIRED (TS 38.413 §9.2.3.1). There is no path for forwarding data directly: what the UE has not got it misses.
pub(crate) fn required(
    settings: &GnbSettings,
    target: &TargetGnb,
    leaving: &Leaving<'_>,
) -> Result<Vec<u8>, Error> {
    let gnb = global_gnb_id(plmn(target.plmn), target.gnb_id, target.gnb_id_bits)?;
    let node = TargetRANNodeID::new(GlobalRANNodeID::globalGNB_ID(gnb), tai(target.plmn, target.tac), None);
    let transfer = encode_open_type(&HandoverRequiredTransfer::new(None, None))?;
    let sessions = leaving.sessions.iter().map(|resource| {
        let id = PDUSessionID(resource.session.value());
        PDUSessionResourceItemHORqd::new(id, transfer.clone(), None)
    });
    build_ngap!(
        InitiatingMessage,
        HandoverPreparation,
        HandoverRequired,
        AMF_UE_NGAP_ID(leaving.amf),
        RAN_UE_NGAP_ID(leaving.ran),
        HandoverType(HandoverType::intra5gs),
        Cause(Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason)),
        TargetID(TargetID::targetRANNodeID(node)),
        PDUSessionResourceListHORqd(PDUSessionResourceListHORqd(sessions.collect())),
        SourceToTarget_TransparentContainer(SourceToTargetTransparentContainer(source_to_target(
            settings, target, leaving
        )?)),
    )?
    .encode()
}

/// Source NG-RAN Node to Target NG-RAN Node Transparent Container (TS 38.413 §9.3.1.29).
fn source_to_target(
    settings: &GnbSettings,
    target: &TargetGnb,
    leaving: &Leaving<'_>,
) -> Result<Octets<'static>, Error> {
    let rrc = rrc_container::handover_preparation_information(leaving.container)
        .ok_or_else(|| Error::argument("the container is too long for RRC"))?;
    let sessions = leaving.sessions.iter().map(|resource| {
        let flows = resource
            .flows
            .iter()
            .map(|qfi| QosFlowInformationItem::new(QosFlowIdentifier(qfi.into()), None, None))
            .collect();
        let id = PDUSessionID(resource.session.value());
        PDUSessionResourceInformationItem::new(id, QosFlowInformationList(flows), None, None)
    });
    encode_open_type(&SourceNGRANNodeToTargetNGRANNodeTransparentContainer::new(
        RRCContainer(rrc.into()),
        Some(PDUSessionResourceInformationList(sessions.collect())),
        None,
        NGRANCGI::nR_CGI(target_cell(target)?),
        None,
        history(settings, leaving)?,
        None,
    ))
}

/// UE History Information (TS 38.413 §9.3.1.95): the last cell.
fn history(settings: &GnbSettings, leaving: &Leaving<'_>) -> Result<UEHistoryInformation<'static>, Error> {
    // §9.3.1.97: 4095 seconds stand for any longer time.
    let seconds = u16::try_from(leaving.stayed.as_secs()).unwrap_or(u16::MAX).min(4095);
    let cell = LastVisitedNGRANCellInformation::new(
        NGRANCGI::nR_CGI(own_cell(settings, leaving.cell)?),
        CellType::new(CellSize::medium, None),
        TimeUEStayedInCell(seconds),
        None,
        None,
        None,
    );
    let cell = LastVisitedCellInformation::nGRANCell(cell);
    Ok(UEHistoryInformation(vec![LastVisitedCellItem::new(cell, None)]))
}

/// HANDOVER COMMAND (TS 38.413 §9.2.3.2): the ids, and what the target has for the UE, empty where it is of another make.
pub(crate) fn command(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, Vec<u8>), Error> {
    extract_ngap_ies!(pdu, HandoverCommand,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req _kind: HandoverType = HandoverType(kind) => kind,
        req container: TargetToSourceTransparentContainer =
            TargetToSource_TransparentContainer(container) => container,
    );
    let container: TargetNGRANNodeToSourceNGRANNodeTransparentContainer<'_> = decode_open_type(&container.0)?;
    let ours = rrc_container::open_handover_command(&container.rrc_container.0);
    Ok((amf, ran, ours.unwrap_or_default()))
}

/// HANDOVER PREPARATION FAILURE (TS 38.413 §9.2.3.3).
pub(crate) fn failure(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, NgapCause), Error> {
    extract_ngap_ies!(pdu, HandoverPreparationFailure,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
    );
    Ok((amf, ran, cause.into()))
}
