//! The 5GSM messages that the network side sends (TS 24.501 §8.3), and what it reads of the UE's.

use std::sync::LazyLock;

use identity::PduSessionType;
use oxirush_nas::nas_5gs::{
    GsmCause, Nas5gsMessage, Nas5gsmMessage, NasDnn, NasExtendedProtocolConfigurationOptions, NasFGsmCause,
    NasPduAddress, NasPduSessionEstablishmentAccept, NasPduSessionEstablishmentReject,
    NasPduSessionEstablishmentRequest, NasPduSessionModificationCommand, NasPduSessionModificationReject,
    NasPduSessionReleaseCommand, NasPduSessionType, NasQosFlowDescriptions, NasQosRules, NasSNssai,
    NasSessionAmbr, NasSscMode, Pco, PcoDirection, PcoEntry, PduSessionTypeValue, QosFlowDescription,
    QosFlowOpCode, QosFlowParameter, QosPacketFilter, QosPacketFilterComponent, QosPacketFilterDirection,
    QosRule, QosRuleOpCode, SscModeValue,
};

use crate::sessions::session::{DEFAULT_QFI, FIVE_QI, Session};
use crate::upf::{DNS_V4, DNS_V6, LINK_MTU};

/// What a PDU SESSION ESTABLISHMENT REQUEST asks for, or why it cannot be had.
pub(crate) fn wanted(request: &NasPduSessionEstablishmentRequest) -> Result<PduSessionType, GsmCause> {
    // §6.4.1.2: who names no SSC mode gets the one of the subscription; only mode 1 is served.
    if let Some(mode) = request.ssc_mode.as_ref().and_then(|mode| mode.mode())
        && mode != SscModeValue::Ssc1
    {
        return Err(GsmCause::NotSupportedSscMode);
    }
    match request.pdu_session_type.as_ref() {
        None => Ok(PduSessionType::Ipv4),
        Some(type_) => {
            PduSessionType::from_value(type_.session_type_raw()).ok_or(GsmCause::UnknownPduSessionType)
        }
    }
}

/// What a UE wants to be told of its session's network (TS 24.008 §10.5.6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedFor {
    dns_v4: bool,
    dns_v6: bool,
    mtu: bool,
}

/// What a request asks to be told.
pub(crate) fn asked_for(request: &NasPduSessionEstablishmentRequest) -> AskedFor {
    let options = request.extended_protocol_configuration_options.as_ref();
    let options = options.and_then(|options| options.pco(PcoDirection::Uplink));
    let has = |identifier| options.as_ref().is_some_and(|options| options.entry(identifier).is_some());
    AskedFor { dns_v4: has(DNS_SERVER_IPV4), dns_v6: has(DNS_SERVER_IPV6), mtu: has(LINK_MTU_IPV4) }
}

/// What the UE asked for, as far as its session has it, and the charging identifier.
fn options(session: &Session) -> Option<NasExtendedProtocolConfigurationOptions> {
    let AskedFor { dns_v4, dns_v6, mtu } = session.asked_for;
    // What is specific to an operator begins with whose it is: a UE of anybody else skips it.
    let charging = [&session.home.octets()[..], &session.anchor?.charging.0.to_be_bytes()].concat();
    let (ipv4, ipv6) = (session.ipv4().is_some(), session.interface_id().is_some());
    let mut entries = Vec::with_capacity(4);
    let mut add = |identifier, contents: &[u8]| {
        entries.push(PcoEntry { identifier, contents: contents.to_vec() });
    };
    if dns_v6 && ipv6 {
        add(DNS_SERVER_IPV6, &DNS_V6.octets());
    }
    if dns_v4 && ipv4 {
        add(DNS_SERVER_IPV4, &DNS_V4.octets());
    }
    if mtu && ipv4 {
        add(LINK_MTU_IPV4, &LINK_MTU.to_be_bytes());
    }
    add(CHARGING_ID_CONTAINER, &charging);
    NasExtendedProtocolConfigurationOptions::from_pco(&Pco::new(0, entries), PcoDirection::Downlink).ok()
}

/// PDU SESSION ESTABLISHMENT ACCEPT. `None` before the session is anchored.
pub(crate) fn establishment_accept(session: &Session) -> Option<Vec<u8>> {
    let type_ = match session.type_ {
        PduSessionType::Ipv4 => PduSessionTypeValue::Ipv4,
        PduSessionType::Ipv6 => PduSessionTypeValue::Ipv6,
        PduSessionType::Ipv4v6 => PduSessionTypeValue::Ipv4v6,
    };
    let address = match (session.ipv4(), session.interface_id()) {
        (Some(ipv4), None) => NasPduAddress::from_ipv4(ipv4.octets()),
        (None, Some(interface_id)) => NasPduAddress::from_ipv6_iid(interface_id),
        (Some(ipv4), Some(interface_id)) => NasPduAddress::from_ipv4v6(interface_id, ipv4.octets()),
        (None, None) => return None,
    };
    let accept = NasPduSessionEstablishmentAccept::new(
        NasPduSessionType::from_session_type(type_),
        NasSscMode::from_mode(SscModeValue::Ssc1),
        DEFAULT_RULE.clone()?,
        ambr(session)?,
    )
    .with_pdu_address(address)
    .with_s_nssai(NasSNssai::from_sst_sd(session.slice.sst, session.slice.sd))
    .with_authorized_qos_flow_descriptions(DEFAULT_FLOW.clone()?)
    .with_extended_protocol_configuration_options(options(session)?)
    .with_dnn(NasDnn::new(session.dnn.octets()));
    encoded(accept, session.id.value(), session.pti)
}

/// PDU SESSION ESTABLISHMENT REJECT.
pub(crate) fn establishment_reject(id: u8, pti: u8, cause: GsmCause) -> Option<Vec<u8>> {
    encoded(NasPduSessionEstablishmentReject::new(NasFGsmCause::from_cause(cause)), id, pti)
}

/// PDU SESSION MODIFICATION COMMAND with the session AMBR.
pub(crate) fn modification_command(session: &Session) -> Option<Vec<u8>> {
    let command = NasPduSessionModificationCommand::new().with_session_ambr(ambr(session)?);
    encoded(command, session.id.value(), session.pti)
}

/// PDU SESSION MODIFICATION REJECT.
pub(crate) fn modification_reject(id: u8, pti: u8, cause: GsmCause) -> Option<Vec<u8>> {
    encoded(NasPduSessionModificationReject::new(NasFGsmCause::from_cause(cause)), id, pti)
}

/// PDU SESSION RELEASE COMMAND; `pti` is 0 when the network starts it.
pub(crate) fn release_command(id: u8, pti: u8, cause: GsmCause) -> Option<Vec<u8>> {
    encoded(NasPduSessionReleaseCommand::new(NasFGsmCause::from_cause(cause)), id, pti)
}

/// 5GSM STATUS (§6.5.2).
pub(crate) fn status(id: u8, pti: u8, cause: GsmCause) -> Option<Vec<u8>> {
    encoded(oxirush_nas::nas_5gs::NasFGsmStatus::new(NasFGsmCause::from_cause(cause)), id, pti)
}

fn encoded(message: impl Into<Nas5gsmMessage>, id: u8, pti: u8) -> Option<Vec<u8>> {
    Nas5gsMessage::new_5gsm(message, id, pti).encode().ok()
}

/// Everything goes to the default QoS flow (§6.2.5.1.1.2): the same for every session.
static DEFAULT_RULE: LazyLock<Option<NasQosRules>> = LazyLock::new(|| {
    let all = QosPacketFilter::Match {
        direction: QosPacketFilterDirection::Bidirectional,
        identifier: 1,
        components: vec![QosPacketFilterComponent::MatchAll],
    };
    let rule = QosRule::new(1, QosRuleOpCode::Create)
        .with_default_rule(true)
        .with_packet_filters(vec![all])
        .with_precedence(255)
        .with_qfi(DEFAULT_QFI);
    NasQosRules::from_rules(&[rule]).ok()
});

/// What the QoS flow of the default rule is: its QFI is not its 5QI, so the UE has to be told (§6.2.5.1.1.4).
static DEFAULT_FLOW: LazyLock<Option<NasQosFlowDescriptions>> = LazyLock::new(|| {
    let parameters = vec![QosFlowParameter::FiveQi(FIVE_QI)];
    let flow = QosFlowDescription::new(DEFAULT_QFI, QosFlowOpCode::Create, true, parameters);
    NasQosFlowDescriptions::from_descriptions(&[flow]).ok()
});

fn ambr(session: &Session) -> Option<NasSessionAmbr> {
    let (uplink, downlink) = session.ambr_bps;
    NasSessionAmbr::from_kbps(downlink / 1000, uplink / 1000).ok()
}

/// The first container for operator-specific use (TS 24.008 §10.5.6.3): it tells the UE the charging identifier.
const CHARGING_ID_CONTAINER: u16 = 0xff00;
/// Containers that a UE asks with, and that answer it (TS 24.008 table 10.5.154).
const DNS_SERVER_IPV6: u16 = 0x0003;
const DNS_SERVER_IPV4: u16 = 0x000d;
const LINK_MTU_IPV4: u16 = 0x0010;
