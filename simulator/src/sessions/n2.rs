//! N2 SM information: the transfers that the SMF and the gNB exchange through the AMF (TS 38.413 §9.3.4).

use std::net::IpAddr;
use std::sync::LazyLock;

use identity::PduSessionType;
use oxirush_ngap::aper::{BitString, Bits};
use oxirush_ngap::ngap::{
    AllocationAndRetentionPriority, BitRate, Cause, FiveQI, GTPTEID, GTPTunnel, HandoverCommandTransfer,
    HandoverPreparationUnsuccessfulTransfer, HandoverRequestAcknowledgeTransfer, NonDynamic5QIDescriptor,
    PDUSessionAggregateMaximumBitRate, PDUSessionResourceModifyRequestTransfer,
    PDUSessionResourceReleaseCommandTransfer, PDUSessionResourceSetupRequestTransfer,
    PDUSessionResourceSetupResponseTransfer, PathSwitchRequestAcknowledgeTransfer, PathSwitchRequestTransfer,
    PathSwitchRequestUnsuccessfulTransfer, PreEmptionCapability, PreEmptionVulnerability, PriorityLevelARP,
    ProtocolIEContainer, ProtocolIEField, QosCharacteristics, QosFlowIdentifier, QosFlowLevelQosParameters,
    QosFlowSetupRequestItem, QosFlowSetupRequestList, TransportLayerAddress, UPTransportLayerInformation,
    decode_open_type, encode_open_type,
};
use oxirush_ngap::{Error, Octets, build_ngap_ie, ngap};

use super::session::{DEFAULT_QFI, FIVE_QI, Session};
use crate::upf::N3End;

/// PDU Session Resource Setup Request Transfer, also that of a handover (§9.3.4.1).
pub(crate) fn setup_request(session: &Session) -> Option<Vec<u8>> {
    build_setup_request(session, session.anchor?.n3).ok()
}

fn build_setup_request(session: &Session, upf: N3End) -> Result<Vec<u8>, Error> {
    let type_ = match session.type_ {
        PduSessionType::Ipv4 => ngap::PDUSessionType::ipv4,
        PduSessionType::Ipv6 => ngap::PDUSessionType::ipv6,
        PduSessionType::Ipv4v6 => ngap::PDUSessionType::ipv4v6,
    };
    let transfer = PDUSessionResourceSetupRequestTransfer::new(ProtocolIEContainer(vec![
        build_ngap_ie!(
            PDUSessionResourceSetupRequestTransfer,
            PDUSessionAggregateMaximumBitRate(ambr(session))
        )?,
        build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, UL_NGU_UP_TNLInformation(tunnel(upf)))?,
        build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, PDUSessionType(type_))?,
        DEFAULT_FLOWS.clone().ok_or_else(|| Error::argument("the default QoS flow"))?,
    ]));
    encode_open_type(&transfer).map(Octets::into_vec)
}

/// The QoS flow of the default QoS rule alone: the same for every session.
static DEFAULT_FLOWS: LazyLock<Option<ProtocolIEField<'static>>> = LazyLock::new(|| {
    let number = QosFlowIdentifier(DEFAULT_QFI.into());
    let flow = QosFlowSetupRequestItem::new(number, best_effort(), None, None);
    let flows = QosFlowSetupRequestList(vec![flow]);
    build_ngap_ie!(PDUSessionResourceSetupRequestTransfer, QosFlowSetupRequestList(flows)).ok()
});

/// PDU Session Resource Modify Request Transfer (§9.3.4.3), with the session AMBR.
pub(crate) fn modify_request(session: &Session) -> Option<Vec<u8>> {
    let ambr = build_ngap_ie!(
        PDUSessionResourceModifyRequestTransfer,
        PDUSessionAggregateMaximumBitRate(ambr(session))
    );
    let transfer = PDUSessionResourceModifyRequestTransfer::new(ProtocolIEContainer(vec![ambr.ok()?]));
    encode_open_type(&transfer).ok().map(Octets::into_vec)
}

/// PDU Session Resource Release Command Transfer (§9.3.4.12).
pub(crate) fn release_command(cause: Cause) -> Option<Vec<u8>> {
    encode_open_type(&PDUSessionResourceReleaseCommandTransfer::new(cause, None)).ok().map(Octets::into_vec)
}

/// Handover Command Transfer (§9.3.4.10): nothing is forwarded.
pub(crate) fn handover_command() -> Option<Vec<u8>> {
    encode_open_type(&HandoverCommandTransfer::new(None, None, None, None)).ok().map(Octets::into_vec)
}

/// Handover Preparation Unsuccessful Transfer (§9.3.4.18).
pub(crate) fn handover_unsuccessful(cause: Cause) -> Option<Vec<u8>> {
    encode_open_type(&HandoverPreparationUnsuccessfulTransfer::new(cause, None)).ok().map(Octets::into_vec)
}

/// Path Switch Request Acknowledge Transfer (§9.3.4.9): the UPF's end stays.
pub(crate) fn path_switch_acknowledge() -> Option<Vec<u8>> {
    encode_open_type(&PathSwitchRequestAcknowledgeTransfer::new(None, None, None)).ok().map(Octets::into_vec)
}

/// Path Switch Request Unsuccessful Transfer (§9.3.4.20).
pub(crate) fn path_switch_unsuccessful(cause: Cause) -> Option<Vec<u8>> {
    encode_open_type(&PathSwitchRequestUnsuccessfulTransfer::new(cause, None)).ok().map(Octets::into_vec)
}

/// The gNB's end in a PDU Session Resource Setup Response Transfer (§9.3.4.2).
pub(crate) fn set_up(octets: &[u8]) -> Option<N3End> {
    let transfer: PDUSessionResourceSetupResponseTransfer = decode_open_type(octets).ok()?;
    end(&transfer.dl_qos_flow_per_tnl_information.up_transport_layer_information)
}

/// The gNB's end in a Handover Request Acknowledge Transfer (§9.3.4.11).
pub(crate) fn admitted(octets: &[u8]) -> Option<N3End> {
    let transfer: HandoverRequestAcknowledgeTransfer = decode_open_type(octets).ok()?;
    end(&transfer.dl_ngu_up_tnl_information)
}

/// The gNB's end in a Path Switch Request Transfer (§9.3.4.8).
pub(crate) fn switched(octets: &[u8]) -> Option<N3End> {
    let transfer: PathSwitchRequestTransfer = decode_open_type(octets).ok()?;
    end(&transfer.dl_ngu_up_tnl_information)
}

/// TS 38.414 §5.1: the first address, of IPv4 or IPv6; both, and IPv4 comes first.
fn end(information: &UPTransportLayerInformation<'_>) -> Option<N3End> {
    let UPTransportLayerInformation::gTPTunnel(tunnel) = information else { return None };
    let octets = tunnel.transport_layer_address.0.as_octets();
    let address: IpAddr = match octets.len() {
        4 | 20 => <[u8; 4]>::try_from(octets.get(..4)?).ok()?.into(),
        16 => <[u8; 16]>::try_from(octets).ok()?.into(),
        _ => return None,
    };
    Some(N3End { address, teid: u32::from_be_bytes(tunnel.gtp_teid.0) })
}

fn tunnel(end: N3End) -> UPTransportLayerInformation<'static> {
    let address = match end.address {
        IpAddr::V4(address) => BitString::from(Bits::from(address.to_bits())),
        IpAddr::V6(address) => BitString::from_octets(address.octets().to_vec()),
    };
    let teid = GTPTEID(end.teid.to_be_bytes());
    UPTransportLayerInformation::gTPTunnel(GTPTunnel::new(TransportLayerAddress(address), teid, None))
}

fn ambr(session: &Session) -> PDUSessionAggregateMaximumBitRate {
    let (uplink, downlink) = session.ambr_bps;
    PDUSessionAggregateMaximumBitRate::new(BitRate(downlink), BitRate(uplink), None)
}

/// The 5QI that the UE is told, too, with the lowest priority of allocation.
fn best_effort() -> QosFlowLevelQosParameters {
    let descriptor = NonDynamic5QIDescriptor::new(FiveQI(FIVE_QI.into()), None, None, None, None);
    let priority = AllocationAndRetentionPriority::new(
        PriorityLevelARP(15),
        PreEmptionCapability::shall_not_trigger_pre_emption,
        PreEmptionVulnerability::not_pre_emptable,
        None,
    );
    let characteristics = QosCharacteristics::nonDynamic5QI(descriptor);
    QosFlowLevelQosParameters::new(characteristics, priority, None, None, None, None)
}
