//! The 5GSM messages that the network side sends (TS 24.501 §8.3), and what it reads of the UE's.

use identity::PduSessionType;
use oxirush_nas::nas_5gs::{
    GsmCause, Nas5gsMessage, Nas5gsmMessage, NasDnn, NasExtendedProtocolConfigurationOptions, NasFGsmCause,
    NasPduAddress, NasPduSessionEstablishmentAccept, NasPduSessionEstablishmentReject,
    NasPduSessionEstablishmentRequest, NasPduSessionModificationCommand, NasPduSessionModificationReject,
    NasPduSessionReleaseCommand, NasPduSessionType, NasQosRules, NasSNssai, NasSessionAmbr, NasSscMode, Pco,
    PcoDirection, PcoEntry, PduSessionTypeValue, QosPacketFilter, QosPacketFilterComponent,
    QosPacketFilterDirection, QosRule, QosRuleOpCode, SscModeValue,
};

use super::session::{DEFAULT_QFI, Session};

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
    let charging = session.anchor?.charging.0.to_be_bytes().to_vec();
    let options = Pco::new(0, vec![PcoEntry { identifier: CHARGING_ID_CONTAINER, contents: charging }]);
    let accept = NasPduSessionEstablishmentAccept::new(
        NasPduSessionType::from_session_type(type_),
        NasSscMode::from_mode(SscModeValue::Ssc1),
        default_rule()?,
        ambr(session)?,
    )
    .with_pdu_address(address)
    .with_s_nssai(NasSNssai::from_sst_sd(session.slice.sst, session.slice.sd))
    .with_extended_protocol_configuration_options(
        NasExtendedProtocolConfigurationOptions::from_pco(&options, PcoDirection::Downlink).ok()?,
    )
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

/// Everything goes to the default QoS flow (§6.2.5.1.1.2).
fn default_rule() -> Option<NasQosRules> {
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
}

fn ambr(session: &Session) -> Option<NasSessionAmbr> {
    let (uplink, downlink) = session.ambr_bps;
    NasSessionAmbr::from_kbps(downlink / 1000, uplink / 1000).ok()
}

/// The first container for operator-specific use (TS 24.008 §10.5.6.3): it tells the UE the charging identifier.
const CHARGING_ID_CONTAINER: u16 = 0xff00;
