//! The AMF's side of a gNB, for tests: what it would send, made with the codec alone.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use identity::{SessionId, TeidKey};
use oxirush_ngap::aper::BitString;
use oxirush_ngap::helpers::*;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, NgapPduKind as Kind, Octets, build_ngap, build_ngap_ie, extract_ngap_ies};
use signalling::{
    EstablishmentCause, Gnb, GnbSettings, N3Settings, NodeAction, NodeEvent, NodeTimer, TargetGnb, Tunnel,
};

/// The AMF UE NGAP ID of every UE here.
pub(crate) const AMF: u64 = 42;
/// The UE of most tests.
pub(crate) const UE: u32 = 9;

pub(crate) fn settings(gnb_id: u32) -> GnbSettings {
    GnbSettings {
        gnb_id,
        name: format!("gnb-{gnb_id}"),
        plmn: "001/01".parse().unwrap(),
        tac: identity::Tac::new(1).unwrap(),
        slices: vec!["1".parse().unwrap()],
        cells: 3,
        n3: Some(N3Settings {
            address: [127, 1, 2, 3].into(),
            first: 100,
            step: 10,
            last: u32::MAX,
            key: teid_key(),
        }),
    }
}

pub(crate) fn target(gnb_id: u32, cell: u32) -> TargetGnb {
    let plmn = "001/01".parse().unwrap();
    TargetGnb { gnb_id, gnb_id_bits: 24, plmn, tac: identity::Tac::new(1).unwrap(), cell }
}

/// A gNB with its driver: it keeps the timers, and every PDU that was sent, checked for deviations from the ASN.1.
pub(crate) struct Node {
    pub(crate) gnb: Gnb,
    pub(crate) now: Instant,
    pub(crate) timers: BTreeSet<NodeTimer>,
    pub(crate) sent: Vec<NGAP_PDU>,
    pub(crate) octets: Vec<Vec<u8>>,
}

impl Node {
    /// A gNB that has asked for its NG interface.
    pub(crate) fn asking(settings: GnbSettings) -> Self {
        let (gnb, now) = (Gnb::new(settings), Instant::now());
        let mut node = Self { gnb, now, timers: BTreeSet::new(), sent: Vec::new(), octets: Vec::new() };
        node.handle(NodeEvent::AssociationUp { streams_out: 4 });
        node
    }

    /// A gNB that is set up.
    pub(crate) fn ready(settings: GnbSettings) -> Self {
        let mut node = Self::asking(settings);
        node.receive(setup_response());
        assert!(node.gnb.is_ready());
        node
    }

    /// A gNB with the UE, which the AMF gave a context with these sessions.
    pub(crate) fn with_sessions(settings: GnbSettings, sessions: &[u8]) -> (Self, u32) {
        let mut node = Self::ready(settings);
        let ran = node.connect(UE);
        node.receive(context_setup(ran, sessions));
        (node, ran)
    }

    pub(crate) fn connect(&mut self, ue: u32) -> u32 {
        let cause = EstablishmentCause::MoSignalling;
        self.handle(NodeEvent::Connect { ue, cell: 0, nas: NAS, cause, s_tmsi: None });
        let pdu = self.sent.last().unwrap();
        ids(pdu).1.unwrap()
    }

    pub(crate) fn handle(&mut self, event: NodeEvent<'_>) -> Vec<NodeAction> {
        let mut out = Vec::new();
        self.gnb.handle(event, self.now, &mut out);
        for action in &out {
            match action {
                NodeAction::SetTimer(timer, _) => {
                    self.timers.insert(*timer);
                }
                NodeAction::StopTimer(timer) => {
                    self.timers.remove(timer);
                }
                NodeAction::Send { octets, .. } => {
                    let pdu = NGAP_PDU::decode(octets).unwrap();
                    assert!(pdu.check().unwrap().is_empty(), "{pdu}: {:?}", pdu.check());
                    self.sent.push(pdu);
                    self.octets.push(octets.clone());
                }
                _ => {}
            }
        }
        out
    }

    pub(crate) fn receive(&mut self, pdu: Result<NGAP_PDU, Error>) -> Vec<NodeAction> {
        self.handle(NodeEvent::Received { stream: 0, octets: &pdu.unwrap().encode().unwrap() })
    }

    pub(crate) fn expire(&mut self, timer: NodeTimer) -> Vec<NodeAction> {
        assert!(self.timers.remove(&timer), "{timer:?} does not run: {:?}", self.timers);
        self.handle(NodeEvent::Expired(timer))
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// The last PDU that was sent.
    pub(crate) fn last(&self) -> &NGAP_PDU {
        self.sent.last().unwrap()
    }
}

pub(crate) const NAS: &[u8] = &[0x7e, 0, 0x41, 0x79, 0, 0x0d, 1, 0, 0xf1, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];

pub(crate) fn session(id: u8) -> SessionId {
    SessionId::new(id).unwrap()
}

/// The tunnel of a session that was set up n-th, from 0, as `transfer` asks for it.
pub(crate) fn tunnel(id: u8, n: u32) -> Tunnel {
    let remote = [127, 9, 9, id].into();
    Tunnel {
        session: session(id),
        local_teid: teid(100 + 10 * n),
        remote,
        remote_teid: 0x1000 + u32::from(id),
        qfi: 5,
    }
}

pub(crate) fn kinds(actions: &[NodeAction]) -> Vec<Kind> {
    actions
        .iter()
        .filter_map(|action| match action {
            NodeAction::Send { octets, .. } => Some(NGAP_PDU::decode(octets).unwrap().kind()),
            _ => None,
        })
        .collect()
}

/// The actions that are not about sending and timers.
pub(crate) fn told(actions: &[NodeAction]) -> Vec<NodeAction> {
    let quiet = |action: &&NodeAction| {
        !matches!(action, NodeAction::Send { .. } | NodeAction::SetTimer(..) | NodeAction::StopTimer(_))
    };
    actions.iter().filter(quiet).cloned().collect()
}

pub(crate) fn ids(pdu: &NGAP_PDU) -> (Option<u64>, Option<u32>) {
    let amf = pdu.ie::<oxirush_ngap::ie::AMF_UE_NGAP_ID>().map(|id| id.unwrap().0);
    let ran = pdu.ie::<oxirush_ngap::ie::RAN_UE_NGAP_ID>().map(|id| id.unwrap().0);
    (amf, ran)
}

pub(crate) fn cause_of(pdu: &NGAP_PDU) -> Cause {
    pdu.ie::<oxirush_ngap::ie::Cause>().unwrap().unwrap()
}

pub(crate) fn teid_key() -> TeidKey {
    TeidKey::of_seed(1)
}

/// The TEID that a gNB of these tests gives for a number.
pub(crate) fn teid(number: u32) -> u32 {
    teid_key().teid(number)
}

/// NG SETUP RESPONSE.
pub(crate) fn setup_response() -> Result<NGAP_PDU, Error> {
    let network = plmn("001", "01")?;
    let slices = SliceSupportList(vec![SliceSupportItem::new(s_nssai(1, None), None)]);
    build_ngap!(
        SuccessfulOutcome,
        NGSetup,
        NGSetupResponse,
        AMFName("amf-1"),
        ServedGUAMIList(ServedGUAMIList(vec![ServedGUAMIItem::new(amf_guami(), None, None)])),
        RelativeAMFCapacity(RelativeAMFCapacity(255)),
        PLMNSupportList(PLMNSupportList(vec![PLMNSupportItem::new(network, slices, None)])),
    )
}

pub(crate) fn up_tunnel(address: &[u8], teid: u32) -> UPTransportLayerInformation<'static> {
    let address = TransportLayerAddress(BitString::from_octets(address.to_vec()));
    UPTransportLayerInformation::gTPTunnel(GTPTunnel::new(address, GTPTEID(teid.to_be_bytes()), None))
}

fn parameters() -> QosFlowLevelQosParameters {
    let priority = AllocationAndRetentionPriority::new(
        PriorityLevelARP(8),
        PreEmptionCapability::shall_not_trigger_pre_emption,
        PreEmptionVulnerability::not_pre_emptable,
        None,
    );
    let characteristics = NonDynamic5QIDescriptor::new(FiveQI(9), None, None, None, None);
    let characteristics = QosCharacteristics::nonDynamic5QI(characteristics);
    QosFlowLevelQosParameters::new(characteristics, priority, None, None, None, None)
}

/// PDU Session Resource Setup Request Transfer with these flows.
pub(crate) fn transfer_with(
    address: &[u8],
    teid: u32,
    flows: &[u64],
    kind: PDUSessionType,
    preferred: bool,
) -> Octets<'static> {
    let ambr = PDUSessionAggregateMaximumBitRate::new(BitRate(1_000_000), BitRate(500_000), None);
    let flows = flows
        .iter()
        .map(|qfi| QosFlowSetupRequestItem::new(QosFlowIdentifier(*qfi), parameters(), None, None))
        .collect();
    let mut ies = vec![
        build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, PDUSessionAggregateMaximumBitRate(ambr))
            .unwrap(),
        build_ngap_ie!(
            PDUSessionResourceSetupRequestTransfer,
            UL_NGU_UP_TNLInformation(up_tunnel(address, teid))
        )
        .unwrap(),
        build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, PDUSessionType(kind)).unwrap(),
    ];
    if preferred {
        let indication = SecurityIndication::new(
            IntegrityProtectionIndication::preferred,
            ConfidentialityProtectionIndication::required,
            None,
            None,
        );
        ies.push(
            build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, SecurityIndication(indication)).unwrap(),
        );
    }
    ies.push(
        build_ngap_ie!(
            PDUSessionResourceSetupRequestTransfer,
            QosFlowSetupRequestList(QosFlowSetupRequestList(flows))
        )
        .unwrap(),
    );
    encode_open_type(&PDUSessionResourceSetupRequestTransfer::new(ProtocolIEContainer(ies))).unwrap()
}

/// The transfer of a session of IPv4 whose tunnel is [`tunnel`].
pub(crate) fn transfer(id: u8) -> Octets<'static> {
    transfer_with(&[127, 9, 9, id], 0x1000 + u32::from(id), &[5, 7], PDUSessionType::ipv4, false)
}

pub(crate) fn capabilities() -> UESecurityCapabilities<'static> {
    ue_security_capabilities(0xe0, 0xe0)
}

pub(crate) fn allowed() -> AllowedNSSAI {
    AllowedNSSAI(vec![AllowedNSSAIItem::new(s_nssai(1, None), None)])
}

pub(crate) fn amf_guami() -> GUAMI {
    guami(plmn("001", "01").unwrap(), 1, 1, 0).unwrap()
}

pub(crate) fn context_setup(ran: u32, sessions: &[u8]) -> Result<NGAP_PDU, Error> {
    let items = sessions
        .iter()
        .map(|id| {
            let nas = Some(NASPDU::from(vec![0x7e, 0, 0x68, *id]));
            PDUSessionResourceSetupItemCxtReq::new(
                PDUSessionID(*id),
                nas,
                s_nssai(1, None),
                transfer(*id),
                None,
            )
        })
        .collect();
    let mut ies = vec![
        build_ngap_ie!(InitialContextSetupRequest, AMF_UE_NGAP_ID(AMF))?,
        build_ngap_ie!(InitialContextSetupRequest, RAN_UE_NGAP_ID(ran))?,
        build_ngap_ie!(InitialContextSetupRequest, GUAMI(amf_guami()))?,
    ];
    if !sessions.is_empty() {
        let list = PDUSessionResourceSetupListCxtReq(items);
        ies.push(build_ngap_ie!(InitialContextSetupRequest, PDUSessionResourceSetupListCxtReq(list))?);
    }
    ies.push(build_ngap_ie!(InitialContextSetupRequest, AllowedNSSAI(allowed()))?);
    ies.push(build_ngap_ie!(InitialContextSetupRequest, UESecurityCapabilities(capabilities()))?);
    ies.push(build_ngap_ie!(InitialContextSetupRequest, SecurityKey([1; 32]))?);
    NGAP_PDU::of_message(&InitialContextSetupRequest::new(ProtocolIEContainer(ies)), Criticality::reject)
}

/// PDU SESSION RESOURCE SETUP REQUEST of these sessions, each with its transfer and NAS of its number.
pub(crate) fn setup(ran: u32, items: Vec<(u8, Octets<'static>)>) -> Result<NGAP_PDU, Error> {
    let items = items
        .into_iter()
        .map(|(id, transfer)| {
            let nas = Some(NASPDU::from(vec![0x7e, 0, 0x68, id]));
            PDUSessionResourceSetupItemSUReq::new(PDUSessionID(id), nas, s_nssai(1, None), transfer, None)
        })
        .collect();
    build_ngap!(
        InitiatingMessage,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupRequest,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceSetupListSUReq(PDUSessionResourceSetupListSUReq(items)),
    )
}

pub(crate) fn modify(
    ran: u32,
    id: u8,
    uplink: Option<(&[u8], u32)>,
    flows: &[u64],
    gone: &[u64],
) -> Result<NGAP_PDU, Error> {
    let mut ies = Vec::new();
    if let Some((address, remote)) = uplink {
        let item = ULNGUUPTNLModifyItem::new(
            up_tunnel(address, remote),
            up_tunnel(&[127, 1, 2, 3], teid(100)),
            None,
        );
        let list = ULNGUUPTNLModifyList(vec![item]);
        ies.push(build_ngap_ie!(PDUSessionResourceModifyRequestTransfer, UL_NGU_UP_TNLModifyList(list))?);
    }
    if !flows.is_empty() {
        let items = flows.iter().map(|qfi| {
            QosFlowAddOrModifyRequestItem::new(QosFlowIdentifier(*qfi), Some(parameters()), None, None)
        });
        let list = QosFlowAddOrModifyRequestList(items.collect());
        ies.push(build_ngap_ie!(
            PDUSessionResourceModifyRequestTransfer,
            QosFlowAddOrModifyRequestList(list)
        )?);
    }
    if !gone.is_empty() {
        let cause = || Cause::nas(CauseNas::normal_release);
        let items = gone.iter().map(|qfi| QosFlowWithCauseItem::new(QosFlowIdentifier(*qfi), cause(), None));
        let list = QosFlowListWithCause(items.collect());
        ies.push(build_ngap_ie!(PDUSessionResourceModifyRequestTransfer, QosFlowToReleaseList(list))?);
    }
    let transfer = PDUSessionResourceModifyRequestTransfer::new(ProtocolIEContainer(ies));
    let transfer = encode_open_type(&transfer)?;
    let nas = Some(NASPDU::from(vec![0x7e, 0, 0x68, 0xcb]));
    let item = PDUSessionResourceModifyItemModReq::new(PDUSessionID(id), nas, transfer, None);
    build_ngap!(
        InitiatingMessage,
        PDUSessionResourceModify,
        PDUSessionResourceModifyRequest,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceModifyListModReq(PDUSessionResourceModifyListModReq(vec![item])),
    )
}

pub(crate) fn release_sessions(ran: u32, sessions: &[u8]) -> Result<NGAP_PDU, Error> {
    let transfer = PDUSessionResourceReleaseCommandTransfer::new(Cause::nas(CauseNas::normal_release), None);
    let transfer = encode_open_type(&transfer)?;
    let items = sessions
        .iter()
        .map(|id| PDUSessionResourceToReleaseItemRelCmd::new(PDUSessionID(*id), transfer.clone(), None))
        .collect();
    build_ngap!(
        InitiatingMessage,
        PDUSessionResourceRelease,
        PDUSessionResourceReleaseCommand,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        NAS_PDU(vec![0x7eu8, 0, 0x68, 0xd3]),
        PDUSessionResourceToReleaseListRelCmd(PDUSessionResourceToReleaseListRelCmd(items)),
    )
}

/// UE CONTEXT MODIFICATION REQUEST, which gives the UE the next id of the AMF.
pub(crate) fn context_modification(
    ran: u32,
    amf: u64,
    report: RRCInactiveTransitionReportRequest,
) -> Result<NGAP_PDU, Error> {
    build_ngap!(
        InitiatingMessage,
        UEContextModification,
        UEContextModificationRequest,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        UESecurityCapabilities(capabilities()),
        NewAMF_UE_NGAP_ID(AMFUENGAPID(amf + 1)),
        RRCInactiveTransitionReportRequest(report),
    )
}

pub(crate) fn downlink(ran: u32) -> Result<NGAP_PDU, Error> {
    build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        NAS_PDU(vec![0x7eu8, 0, 0x64, 1]),
    )
}

pub(crate) fn release(ran: u32, cause: CauseRadioNetwork) -> Result<NGAP_PDU, Error> {
    build_ngap!(
        InitiatingMessage,
        UEContextRelease,
        UEContextReleaseCommand,
        UE_NGAP_IDs(UENGAPIDs::uE_NGAP_ID_pair(UENGAPIDPair::new(AMFUENGAPID(AMF), RANUENGAPID(ran), None))),
        Cause(Cause::radioNetwork(cause)),
    )
}

/// The container of a HANDOVER REQUIRED, as an AMF passes it on.
pub(crate) fn container_of(required: &NGAP_PDU) -> Vec<u8> {
    let read = || -> Result<Vec<u8>, Error> {
        extract_ngap_ies!(required, HandoverRequired,
            req container: SourceToTargetTransparentContainer = SourceToTarget_TransparentContainer(it) => it,
        );
        Ok(container.0.to_vec())
    };
    read().unwrap()
}

pub(crate) fn handover_request(container: Vec<u8>, sessions: &[u8]) -> Result<NGAP_PDU, Error> {
    let items = sessions
        .iter()
        .map(|id| {
            PDUSessionResourceSetupItemHOReq::new(PDUSessionID(*id), s_nssai(1, None), transfer(*id), None)
        })
        .collect();
    build_ngap!(
        InitiatingMessage,
        HandoverResourceAllocation,
        HandoverRequest,
        AMF_UE_NGAP_ID(AMF),
        HandoverType(HandoverType::intra5gs),
        Cause(Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason)),
        UEAggregateMaximumBitRate(UEAggregateMaximumBitRate::new(
            BitRate(1_000_000),
            BitRate(1_000_000),
            None
        )),
        UESecurityCapabilities(capabilities()),
        SecurityContext(keys()),
        PDUSessionResourceSetupListHOReq(PDUSessionResourceSetupListHOReq(items)),
        AllowedNSSAI(allowed()),
        SourceToTarget_TransparentContainer(container),
        GUAMI(amf_guami()),
    )
}

fn keys() -> SecurityContext<'static> {
    SecurityContext::new(NextHopChainingCount(2), SecurityKey::from([3; 32]), None)
}

/// HANDOVER COMMAND with the container of a HANDOVER REQUEST ACKNOWLEDGE.
pub(crate) fn handover_command(ran: u32, acknowledge: &NGAP_PDU) -> Result<NGAP_PDU, Error> {
    extract_ngap_ies!(acknowledge, HandoverRequestAcknowledge,
        req container: TargetToSourceTransparentContainer = TargetToSource_TransparentContainer(it) => it,
    );
    command_with(ran, container.0.to_vec())
}

pub(crate) fn command_with(ran: u32, container: Vec<u8>) -> Result<NGAP_PDU, Error> {
    let transfer = encode_open_type(&HandoverCommandTransfer::new(None, None, None, None))?;
    let item = PDUSessionResourceHandoverItem::new(PDUSessionID(1), transfer, None);
    build_ngap!(
        SuccessfulOutcome,
        HandoverPreparation,
        HandoverCommand,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        HandoverType(HandoverType::intra5gs),
        PDUSessionResourceHandoverList(PDUSessionResourceHandoverList(vec![item])),
        TargetToSource_TransparentContainer(container),
    )
}

pub(crate) fn preparation_failure(ran: u32) -> Result<NGAP_PDU, Error> {
    build_ngap!(
        UnsuccessfulOutcome,
        HandoverPreparation,
        HandoverPreparationFailure,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        Cause(Cause::radioNetwork(CauseRadioNetwork::ho_target_not_allowed)),
    )
}

pub(crate) fn cancel_acknowledge(ran: u32) -> Result<NGAP_PDU, Error> {
    build_ngap!(
        SuccessfulOutcome,
        HandoverCancel,
        HandoverCancelAcknowledge,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
    )
}

/// DOWNLINK RAN STATUS TRANSFER with the container of an UPLINK RAN STATUS TRANSFER.
pub(crate) fn status(ran: u32, uplink: &NGAP_PDU) -> Result<NGAP_PDU, Error> {
    extract_ngap_ies!(uplink, UplinkRANStatusTransfer,
        req container: RANStatusTransferTransparentContainer = RANStatusTransfer_TransparentContainer(it) => it,
    );
    build_ngap!(
        InitiatingMessage,
        DownlinkRANStatusTransfer,
        DownlinkRANStatusTransfer,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        RANStatusTransfer_TransparentContainer(container),
    )
}

/// PATH SWITCH REQUEST ACKNOWLEDGE that moves session 1 to another UPF, and releases these.
pub(crate) fn path_switch_acknowledge(amf: u64, ran: u32, released: &[u8]) -> Result<NGAP_PDU, Error> {
    let uplink = Some(up_tunnel(&[127, 8, 8, 8], 0x8888));
    let transfer = encode_open_type(&PathSwitchRequestAcknowledgeTransfer::new(uplink, None, None))?;
    let item = PDUSessionResourceSwitchedItem::new(PDUSessionID(1), transfer, None);
    let mut ies = vec![
        build_ngap_ie!(PathSwitchRequestAcknowledge, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(PathSwitchRequestAcknowledge, RAN_UE_NGAP_ID(ran))?,
        build_ngap_ie!(PathSwitchRequestAcknowledge, SecurityContext(keys()))?,
        build_ngap_ie!(
            PathSwitchRequestAcknowledge,
            PDUSessionResourceSwitchedList(PDUSessionResourceSwitchedList(vec![item]))
        )?,
    ];
    if !released.is_empty() {
        let items = released
            .iter()
            .map(|id| PDUSessionResourceReleasedItemPSAck::new(PDUSessionID(*id), not_switched(), None));
        let list = PDUSessionResourceReleasedListPSAck(items.collect());
        ies.push(build_ngap_ie!(PathSwitchRequestAcknowledge, PDUSessionResourceReleasedListPSAck(list))?);
    }
    ies.push(build_ngap_ie!(PathSwitchRequestAcknowledge, AllowedNSSAI(allowed()))?);
    NGAP_PDU::of_message(&PathSwitchRequestAcknowledge::new(ProtocolIEContainer(ies)), Criticality::reject)
}

fn not_switched() -> Octets<'static> {
    let cause = Cause::radioNetwork(CauseRadioNetwork::resources_not_available_for_the_slice);
    encode_open_type(&PathSwitchRequestUnsuccessfulTransfer::new(cause, None)).unwrap()
}

pub(crate) fn path_switch_failure(ran: u32) -> Result<NGAP_PDU, Error> {
    let item = PDUSessionResourceReleasedItemPSFail::new(PDUSessionID(1), not_switched(), None);
    build_ngap!(
        UnsuccessfulOutcome,
        PathSwitchRequest,
        PathSwitchRequestFailure,
        AMF_UE_NGAP_ID(AMF),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceReleasedListPSFail(PDUSessionResourceReleasedListPSFail(vec![item])),
    )
}
