//! What a gNB says of sessions and handovers, written from the codecs alone.

use oxirush_ngap::aper::BitString;
use oxirush_ngap::helpers::*;
use oxirush_ngap::{NgapPduKind, build_ngap, extract_ngap_ies, ngap::*};

use crate::bench::location;

fn encoded(pdu: Result<NGAP_PDU, oxirush_ngap::Error>) -> Vec<u8> {
    pdu.unwrap().encode().unwrap()
}

/// The gNB's end of a session: its TEID says which gNB and which session.
fn tunnel(gnb: u32, session: u8) -> UPTransportLayerInformation<'static> {
    let teid = GTPTEID((gnb << 8 | u32::from(session)).to_be_bytes());
    let address = TransportLayerAddress(BitString::from_octets(vec![127, 0, 1, u8::try_from(gnb).unwrap()]));
    UPTransportLayerInformation::gTPTunnel(GTPTunnel::new(address, teid, None))
}

pub(crate) fn set_up_transfer(gnb: u32, session: u8) -> Vec<u8> {
    let flows = AssociatedQosFlowList(vec![AssociatedQosFlowItem::new(QosFlowIdentifier(1), None, None)]);
    let information = QosFlowPerTNLInformation::new(tunnel(gnb, session), flows, None);
    let transfer = PDUSessionResourceSetupResponseTransfer::new(information, None, None, None, None);
    encode_open_type(&transfer).unwrap().into_vec()
}

/// With nothing in it of what may be left out.
fn unsuccessful() -> Vec<u8> {
    let cause = Cause::radioNetwork(CauseRadioNetwork::radio_resources_not_available);
    let transfer = PDUSessionResourceSetupUnsuccessfulTransfer::new(cause, None, None);
    encode_open_type(&transfer).unwrap().into_vec()
}

pub(crate) fn set_up(amf_id: u64, ran_id: u32, gnb: u32, sessions: &[u8]) -> Vec<u8> {
    let item = |id: &u8| {
        let transfer = set_up_transfer(gnb, *id).into();
        PDUSessionResourceSetupItemSURes::new(PDUSessionID(*id), transfer, None)
    };
    encoded(build_ngap!(
        SuccessfulOutcome,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupResponse,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        PDUSessionResourceSetupListSURes(PDUSessionResourceSetupListSURes(
            sessions.iter().map(item).collect()
        )),
    ))
}

pub(crate) fn not_set_up(amf_id: u64, ran_id: u32, session: u8) -> Vec<u8> {
    let item =
        PDUSessionResourceFailedToSetupItemSURes::new(PDUSessionID(session), unsuccessful().into(), None);
    encoded(build_ngap!(
        SuccessfulOutcome,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupResponse,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        PDUSessionResourceFailedToSetupListSURes(PDUSessionResourceFailedToSetupListSURes(vec![item])),
    ))
}

/// PDU SESSION RESOURCE NOTIFY of a session whose resources the gNB has released.
pub(crate) fn notify_released(amf_id: u64, ran_id: u32, session: u8) -> Vec<u8> {
    let cause = Cause::radioNetwork(CauseRadioNetwork::radio_resources_not_available);
    let transfer = PDUSessionResourceNotifyReleasedTransfer::new(cause, None);
    let transfer = encode_open_type(&transfer).unwrap().into_vec();
    let item = PDUSessionResourceReleasedItemNot::new(PDUSessionID(session), transfer.into(), None);
    encoded(build_ngap!(
        InitiatingMessage,
        PDUSessionResourceNotify,
        PDUSessionResourceNotify,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        PDUSessionResourceReleasedListNot(PDUSessionResourceReleasedListNot(vec![item])),
    ))
}

pub(crate) fn initial_context_setup_response(amf_id: u64, ran_id: u32, sessions: &[u8]) -> Vec<u8> {
    if sessions.is_empty() {
        return crate::bench::initial_context_setup_response(amf_id, ran_id);
    }
    let item = |id: &u8| {
        let transfer = set_up_transfer(1, *id).into();
        PDUSessionResourceSetupItemCxtRes::new(PDUSessionID(*id), transfer, None)
    };
    let items = sessions.iter().map(item).collect();
    encoded(build_ngap!(
        SuccessfulOutcome,
        InitialContextSetup,
        InitialContextSetupResponse,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        PDUSessionResourceSetupListCxtRes(PDUSessionResourceSetupListCxtRes(items)),
    ))
}

/// NGAP PDUs, and NAS PDUs for the UE.
type Answers = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// What a gNB in order answers about sessions, and the NAS PDUs for the UE.
pub(crate) fn answer(gnb: u32, octets: &[u8]) -> Answers {
    let pdu = NGAP_PDU::decode(octets).unwrap();
    read(gnb, &pdu).unwrap()
}

fn read(gnb: u32, pdu: &NGAPPDU<'_>) -> Result<Answers, oxirush_ngap::Error> {
    Ok(match pdu.kind() {
        NgapPduKind::Initiating_PDUSessionResourceSetup => {
            extract_ngap_ies!(pdu, PDUSessionResourceSetupRequest,
                req amf_id: u64 = AMF_UE_NGAP_ID(id),
                req ran_id: u32 = RAN_UE_NGAP_ID(id),
                req list: PDUSessionResourceSetupListSUReq = PDUSessionResourceSetupListSUReq(list) => list,
            );
            for item in &list.0 {
                let transfer = item.pdu_session_resource_setup_request_transfer.as_slice();
                assert_eq!(PDUSessionResourceSetupRequestTransfer::check(transfer)?, []);
            }
            let ids: Vec<u8> = list.0.iter().map(|item| item.pdu_session_id.0).collect();
            let nas = list.0.iter().filter_map(|item| item.pdu_session_nas_pdu.as_ref());
            let nas = nas.map(|nas| nas.0.as_slice().to_vec()).collect();
            (vec![set_up(amf_id, ran_id, gnb, &ids)], nas)
        }
        NgapPduKind::Initiating_PDUSessionResourceRelease => {
            extract_ngap_ies!(pdu, PDUSessionResourceReleaseCommand,
                req amf_id: u64 = AMF_UE_NGAP_ID(id),
                req ran_id: u32 = RAN_UE_NGAP_ID(id),
                lax nas: NASPDU = NAS_PDU(nas) => nas,
                req list: PDUSessionResourceToReleaseListRelCmd = PDUSessionResourceToReleaseListRelCmd(list) => list,
            );
            let item = |item: &PDUSessionResourceToReleaseItemRelCmd<'_>| {
                let transfer = PDUSessionResourceReleaseResponseTransfer::new(None);
                let transfer = encode_open_type(&transfer).unwrap().into_vec();
                PDUSessionResourceReleasedItemRelRes::new(item.pdu_session_id, transfer.into(), None)
            };
            let items = list.0.iter().map(item).collect();
            let response = encoded(build_ngap!(
                SuccessfulOutcome,
                PDUSessionResourceRelease,
                PDUSessionResourceReleaseResponse,
                AMF_UE_NGAP_ID(amf_id),
                RAN_UE_NGAP_ID(ran_id),
                PDUSessionResourceReleasedListRelRes(PDUSessionResourceReleasedListRelRes(items)),
            ));
            (vec![response], nas.into_iter().map(|nas| nas.0.as_slice().to_vec()).collect())
        }
        NgapPduKind::Initiating_PDUSessionResourceModify => {
            extract_ngap_ies!(pdu, PDUSessionResourceModifyRequest,
                req amf_id: u64 = AMF_UE_NGAP_ID(id),
                req ran_id: u32 = RAN_UE_NGAP_ID(id),
                req list: PDUSessionResourceModifyListModReq = PDUSessionResourceModifyListModReq(list) => list,
            );
            let response = encoded(build_ngap!(
                SuccessfulOutcome,
                PDUSessionResourceModify,
                PDUSessionResourceModifyResponse,
                AMF_UE_NGAP_ID(amf_id),
                RAN_UE_NGAP_ID(ran_id),
            ));
            let nas = list.0.iter().filter_map(|item| item.nas_pdu.as_ref());
            (vec![response], nas.map(|nas| nas.0.as_slice().to_vec()).collect())
        }
        _ => (Vec::new(), Vec::new()),
    })
}

/// Of a message that pycrate made.
fn source_to_target() -> SourceToTargetTransparentContainer<'static> {
    let pdu = vector(include_str!("../../../signalling/testdata/ngap/handover_request.hex"));
    let read = || {
        extract_ngap_ies!(pdu, HandoverRequest,
            req container: SourceToTargetTransparentContainer =
                SourceToTarget_TransparentContainer(octets) => octets.into_owned(),
        );
        Ok::<_, oxirush_ngap::Error>(container)
    };
    read().unwrap()
}

fn target_to_source() -> TargetToSourceTransparentContainer<'static> {
    let pdu = vector(include_str!("../../../signalling/testdata/ngap/handover_command.hex"));
    let read = || {
        extract_ngap_ies!(pdu, HandoverCommand,
            req container: TargetToSourceTransparentContainer =
                TargetToSource_TransparentContainer(octets) => octets.into_owned(),
        );
        Ok::<_, oxirush_ngap::Error>(container)
    };
    read().unwrap()
}

fn vector(text: &str) -> NGAP_PDU {
    NGAP_PDU::decode(&oracles::vector(text)).unwrap()
}

pub(crate) fn handover_required(
    amf_id: u64,
    ran_id: u32,
    gnb: u32,
    network: &str,
    tac: u8,
    ids: &[u8],
) -> Vec<u8> {
    let (mcc, mnc) = network.split_once('/').unwrap();
    let network = plmn(mcc, mnc).unwrap();
    let node = GlobalRANNodeID::globalGNB_ID(global_gnb_id(network, gnb, 24).unwrap());
    let target = TargetRANNodeID::new(node, tai(network, [0, 0, tac]), None);
    let transfer = encode_open_type(&HandoverRequiredTransfer::new(None, None)).unwrap().into_vec();
    let item = |id: &u8| PDUSessionResourceItemHORqd::new(PDUSessionID(*id), transfer.clone().into(), None);
    encoded(build_ngap!(
        InitiatingMessage,
        HandoverPreparation,
        HandoverRequired,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        HandoverType(HandoverType::intra5gs),
        Cause(Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason)),
        TargetID(TargetID::targetRANNodeID(target)),
        PDUSessionResourceListHORqd(PDUSessionResourceListHORqd(ids.iter().map(item).collect())),
        SourceToTarget_TransparentContainer(source_to_target()),
    ))
}

pub(crate) fn handover_acknowledge(amf_id: u64, ran_id: u32, gnb: u32, ids: &[u8]) -> Vec<u8> {
    let item = |id: &u8| {
        let flows = QosFlowListWithDataForwarding(vec![QosFlowItemWithDataForwarding::new(
            QosFlowIdentifier(1),
            None,
            None,
        )]);
        let transfer =
            HandoverRequestAcknowledgeTransfer::new(tunnel(gnb, *id), None, None, flows, None, None, None);
        let transfer = encode_open_type(&transfer).unwrap().into_vec();
        PDUSessionResourceAdmittedItem::new(PDUSessionID(*id), transfer.into(), None)
    };
    encoded(build_ngap!(
        SuccessfulOutcome,
        HandoverResourceAllocation,
        HandoverRequestAcknowledge,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        PDUSessionResourceAdmittedList(PDUSessionResourceAdmittedList(ids.iter().map(item).collect())),
        TargetToSource_TransparentContainer(target_to_source()),
    ))
}

pub(crate) fn handover_failure(amf_id: u64) -> Vec<u8> {
    let cause = Cause::radioNetwork(CauseRadioNetwork::no_radio_resources_available_in_target_cell);
    encoded(build_ngap!(
        UnsuccessfulOutcome,
        HandoverResourceAllocation,
        HandoverFailure,
        AMF_UE_NGAP_ID(amf_id),
        Cause(cause),
    ))
}

pub(crate) fn handover_notify(amf_id: u64, ran_id: u32, network: &str, tac: u8) -> Vec<u8> {
    encoded(build_ngap!(
        InitiatingMessage,
        HandoverNotification,
        HandoverNotify,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        UserLocationInformation(location(network, [0, 0, tac])),
    ))
}

pub(crate) fn handover_cancel(amf_id: u64, ran_id: u32) -> Vec<u8> {
    encoded(build_ngap!(
        InitiatingMessage,
        HandoverCancel,
        HandoverCancel,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        Cause(Cause::radioNetwork(CauseRadioNetwork::handover_cancelled)),
    ))
}

pub(crate) fn path_switch_request(
    amf_id: u64,
    ran_id: u32,
    gnb: u32,
    network: &str,
    tac: u8,
    ids: &[u8],
) -> Vec<u8> {
    let item = |id: &u8| {
        let flows = QosFlowAcceptedList(vec![QosFlowAcceptedItem::new(QosFlowIdentifier(1), None)]);
        let transfer = PathSwitchRequestTransfer::new(tunnel(gnb, *id), None, None, flows, None);
        let transfer = encode_open_type(&transfer).unwrap().into_vec();
        PDUSessionResourceToBeSwitchedDLItem::new(PDUSessionID(*id), transfer.into(), None)
    };
    let items = ids.iter().map(item).collect();
    encoded(build_ngap!(
        InitiatingMessage,
        PathSwitchRequest,
        PathSwitchRequest,
        RAN_UE_NGAP_ID(ran_id),
        SourceAMF_UE_NGAP_ID(AMFUENGAPID(amf_id)),
        UserLocationInformation(location(network, [0, 0, tac])),
        UESecurityCapabilities(ue_security_capabilities(0xe0, 0xe0)),
        PDUSessionResourceToBeSwitchedDLList(PDUSessionResourceToBeSwitchedDLList(items)),
    ))
}

/// The AMF UE NGAP ID of a HANDOVER REQUEST.
pub(crate) fn amf_id_of(octets: &[u8]) -> u64 {
    let pdu = NGAP_PDU::decode(octets).unwrap();
    let read = || {
        extract_ngap_ies!(pdu, HandoverRequest, req id: u64 = AMF_UE_NGAP_ID(id),);
        Ok::<_, oxirush_ngap::Error>(id)
    };
    read().unwrap()
}

/// The UPF's TEID in a PDU SESSION RESOURCE SETUP REQUEST of one session.
pub(crate) fn uplink_teid_of(octets: &[u8]) -> u32 {
    let pdu = NGAP_PDU::decode(octets).unwrap();
    let read = || {
        extract_ngap_ies!(pdu, PDUSessionResourceSetupRequest,
            req list: PDUSessionResourceSetupListSUReq = PDUSessionResourceSetupListSUReq(list) => list,
        );
        let transfer = list.0[0].pdu_session_resource_setup_request_transfer.as_slice();
        let transfer: PDUSessionResourceSetupRequestTransfer<'_> = decode_open_type(transfer)?;
        extract_ngap_ies!(transfer, PDUSessionResourceSetupRequestTransfer,
            req end: UPTransportLayerInformation = UL_NGU_UP_TNLInformation(end) => end,
        );
        let UPTransportLayerInformation::gTPTunnel(tunnel) = end else { panic!("no tunnel") };
        Ok::<_, oxirush_ngap::Error>(u32::from_be_bytes(tunnel.gtp_teid.0))
    };
    read().unwrap()
}

pub(crate) fn status_transfer(amf_id: u64, ran_id: u32) -> Vec<u8> {
    let count = || COUNTValueForPDCPSN18::new(5, 7, None);
    let drb = DRBsSubjectToStatusTransferItem::new(
        DRBID(1),
        DRBStatusUL::dRBStatusUL18(DRBStatusUL18::new(count(), None, None)),
        DRBStatusDL::dRBStatusDL18(DRBStatusDL18::new(count(), None)),
        None,
    );
    let container =
        RANStatusTransferTransparentContainer::new(DRBsSubjectToStatusTransferList(vec![drb]), None);
    encoded(build_ngap!(
        InitiatingMessage,
        UplinkRANStatusTransfer,
        UplinkRANStatusTransfer,
        AMF_UE_NGAP_ID(amf_id),
        RAN_UE_NGAP_ID(ran_id),
        RANStatusTransfer_TransparentContainer(container),
    ))
}
