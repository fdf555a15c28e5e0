//! UE-requested PDU session establishment, UE side (TS 24.501 §6.4.1).

use std::net::Ipv4Addr;

use identity::{Dnn, PduSessionType, SessionId, Snssai};
use oxirush_nas::nas_5gs::{
    NasExtendedProtocolConfigurationOptions, NasIntegrityProtectionMaximumDataRate,
    NasPduSessionEstablishmentAccept, NasPduSessionEstablishmentReject, NasPduSessionEstablishmentRequest,
    NasPduSessionType, NasQosRules, NasSNssai, NasSessionAmbr, NasSscMode, Pco, PcoDirection, PcoEntry,
    QosRuleOpCode, SscModeValue,
};

use super::nas_transport_of_5gsm::{send_5gsm_status, unforeseen_pti};
use crate::common::timers::Timer;
use crate::nas5g::attempt::{Next, Running, Slot, Step};
use crate::nas5g::transaction::{Asks, Transaction};
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};
use crate::sessions::{Session, SessionRequest};

/// A PDU session establishment of the UE. It waits for the PDU SESSION ESTABLISHMENT ACCEPT.
pub(crate) struct PduSessionEstablishment {
    pub(crate) transaction: Transaction,
    /// The network refused the type of session that was asked for, and the one that it allows is asked for now.
    retyped: bool,
}

impl PduSessionEstablishment {
    pub(crate) fn new(request: SessionRequest) -> Self {
        let transaction = Transaction::new(request.id, Asks::Session(request));
        Self { transaction, retyped: false }
    }

    /// Sends a PDU SESSION ESTABLISHMENT REQUEST (§6.4.1.2).
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        let Some(request) = self.transaction.request() else { return Step::Stay };
        if ue.sessions.find(request.id).is_some() {
            return Step::Done(Outcome::Failed(Cause::SessionExists));
        }
        if ue.sm.backed_off.as_ref() == Some(&request.dnn) && ue.does_as_specified() {
            return Step::Done(Outcome::Failed(Cause::Barred));
        }
        let message = message(request.type_);
        self.transaction.begin(message, ue)
    }

    /// §6.4.1.3.
    fn accepted(&mut self, pti: u8, accept: &NasPduSessionEstablishmentAccept, ue: &mut Ue<'_>) -> Step {
        let id = self.transaction.session();
        let Some(session) = self.transaction.request().and_then(|request| established(request, accept))
        else {
            // §7.5: a type without IP, or an address that is not of the type: the network gives the session up.
            send_5gsm_status(id, pti, INVALID_MANDATORY_INFORMATION, ue);
            return Step::Done(Outcome::Failed(Cause::Gsm(INVALID_MANDATORY_INFORMATION)));
        };
        let has_default_rule = session.qfi != 0;
        ue.sessions.add(session, ue.out);
        if has_default_rule {
            return Step::Done(Outcome::Succeeded);
        }
        // §6.4.1.3 a): without a default QoS rule the UE releases the session at once.
        let cause = SEMANTIC_ERROR_IN_QOS_OPERATION;
        Step::Then(Outcome::Failed(Cause::Gsm(cause)), Next::ReleaseSession(id, cause))
    }

    /// §6.4.1.4.
    fn rejected(&mut self, reject: &NasPduSessionEstablishmentReject, ue: &mut Ue<'_>) -> Step {
        let dnn = self.transaction.request().map(|request| request.dnn.clone());
        let cause = reject.fgsm_cause.value;
        let back_off = reject.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        ue.back_off(cause, back_off, dnn);
        let other = ue.does_as_specified().then(|| self.allowed_type(cause)).flatten();
        match other {
            Some(request) => self.ask_again(request, ue),
            None => Step::Done(Outcome::Failed(Cause::Gsm(cause))),
        }
    }

    /// §6.4.1.4.2: after #50 and #51 the UE may ask for the type that is allowed: once, in the same attempt.
    fn allowed_type(&self, cause: u8) -> Option<SessionRequest> {
        let allowed = match cause {
            IPV4_ONLY_ALLOWED => PduSessionType::Ipv4,
            IPV6_ONLY_ALLOWED => PduSessionType::Ipv6,
            _ => return None,
        };
        let request = self.transaction.request().filter(|_| !self.retyped)?;
        (request.type_ != allowed).then(|| SessionRequest { type_: allowed, ..request.clone() })
    }

    fn ask_again(&mut self, request: SessionRequest, ue: &mut Ue<'_>) -> Step {
        ue.stop(Timer::T3580);
        let message = message(request.type_);
        self.transaction = Transaction::new(request.id, Asks::Session(request));
        self.retyped = true;
        self.transaction.begin(message, ue)
    }

    pub(crate) fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        self.transaction.expired(ue)
    }
}

/// PDU SESSION ESTABLISHMENT ACCEPT.
pub(crate) fn accepted(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    accept: &NasPduSessionEstablishmentAccept,
    ue: &mut Ue<'_>,
) {
    match slot.running_mut() {
        Some(Running::Establishment(establishment)) if establishment.transaction.is_answered_by(id, pti) => {
            let step = establishment.accepted(pti, accept, ue);
            slot.settle(step, ue);
        }
        _ => unforeseen_pti(id, pti, ue),
    }
}

/// PDU SESSION ESTABLISHMENT REJECT.
pub(crate) fn rejected(
    slot: &mut Slot,
    (id, pti): (SessionId, u8),
    reject: &NasPduSessionEstablishmentReject,
    ue: &mut Ue<'_>,
) {
    match slot.running_mut() {
        Some(Running::Establishment(establishment)) if establishment.transaction.is_answered_by(id, pti) => {
            let step = establishment.rejected(reject, ue);
            slot.settle(step, ue);
        }
        _ => unforeseen_pti(id, pti, ue),
    }
}

/// PDU SESSION ESTABLISHMENT REQUEST (§8.3.1).
fn message(type_: PduSessionType) -> NasPduSessionEstablishmentRequest {
    let mut message =
        NasPduSessionEstablishmentRequest::new(NasIntegrityProtectionMaximumDataRate::new(FULL_DATA_RATE));
    message.set_pdu_session_type(NasPduSessionType::new(type_.value()));
    message.set_ssc_mode(NasSscMode::from_mode(SscModeValue::Ssc1));
    let asked: &[u16] = match type_ {
        PduSessionType::Ipv4 => &[IP_ADDRESS_BY_NAS, DNS_SERVER_IPV4, LINK_MTU_IPV4],
        PduSessionType::Ipv6 => &[DNS_SERVER_IPV6],
        PduSessionType::Ipv4v6 => &[IP_ADDRESS_BY_NAS, DNS_SERVER_IPV4, DNS_SERVER_IPV6, LINK_MTU_IPV4],
    };
    let entries = asked.iter().map(|&identifier| PcoEntry { identifier, contents: Vec::new() }).collect();
    let options = Pco::new(0, entries);
    if let Ok(options) = NasExtendedProtocolConfigurationOptions::from_pco(&options, PcoDirection::Uplink) {
        message.set_extended_protocol_configuration_options(options);
    }
    message
}

/// The session that an accept describes; `None` where it is none that carries IP, or has no address of its type.
fn established(request: &SessionRequest, accept: &NasPduSessionEstablishmentAccept) -> Option<Session> {
    let type_ = PduSessionType::from_value(accept.selected_pdu_session_type.value & 7)?;
    let address = accept.pdu_address.as_ref();
    let ipv4 = address.and_then(|address| address.ipv4()).map(Ipv4Addr::from);
    let ipv6_interface_id = address.and_then(|address| address.ipv6_interface_id());
    let complete = match type_ {
        PduSessionType::Ipv4 => ipv4.is_some(),
        PduSessionType::Ipv6 => ipv6_interface_id.is_some(),
        PduSessionType::Ipv4v6 => ipv4.is_some() && ipv6_interface_id.is_some(),
    };
    complete.then(|| Session {
        id: request.id,
        dnn: accept
            .dnn
            .as_ref()
            .and_then(|dnn| Dnn::from_octets(&dnn.value))
            .unwrap_or_else(|| request.dnn.clone()),
        type_,
        slice: accept.s_nssai.as_ref().and_then(slice).unwrap_or(request.slice),
        ipv4,
        ipv6_interface_id,
        qfi: default_qfi(&accept.authorized_qos_rules).unwrap_or(0),
        ambr_bps: ambr_bps(&accept.session_ambr).unwrap_or((0, 0)),
        charging_id: accept.extended_protocol_configuration_options.as_ref().and_then(charging_id),
    })
}

fn slice(slice: &NasSNssai) -> Option<Snssai> {
    slice.parse().map(|parts| Snssai { sst: parts.sst, sd: parts.sd })
}

/// The QoS flow of the default QoS rule (§6.2.5.1.1.2).
pub(crate) fn default_qfi(rules: &NasQosRules) -> Option<u8> {
    let rules = rules.rules();
    rules.iter().find(|rule| rule.dqr && rule.op_code != QosRuleOpCode::Delete).and_then(|rule| rule.qfi)
}

/// The session AMBR, downlink and uplink.
pub(crate) fn ambr_bps(ambr: &NasSessionAmbr) -> Option<(u64, u64)> {
    let bps = |kbps: Option<u64>| kbps?.checked_mul(1000);
    bps(ambr.downlink_kbps()).zip(bps(ambr.uplink_kbps()))
}

/// The charging identifier in the first operator-specific container, with or without the MCC and MNC that
/// TS 24.008 §10.5.6.3 puts at its front.
pub(crate) fn charging_id(options: &NasExtendedProtocolConfigurationOptions) -> Option<u32> {
    let options = options.pco(PcoDirection::Downlink)?;
    match options.entry(OPERATOR_SPECIFIC)?.contents.as_slice() {
        [a, b, c, d] | [_, _, _, a, b, c, d] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// Integrity protection of user data at the full rate, both ways (§9.11.4.7).
const FULL_DATA_RATE: u16 = 0xffff;
/// 5GSM causes that the UE finds itself (§6.4.1.3, §7.5).
const SEMANTIC_ERROR_IN_QOS_OPERATION: u8 = 83;
const INVALID_MANDATORY_INFORMATION: u8 = 96;
/// 5GSM causes that name a type (§9.11.4.2).
const IPV4_ONLY_ALLOWED: u8 = 50;
const IPV6_ONLY_ALLOWED: u8 = 51;
/// Container identifiers (TS 24.008 Table 10.5.154).
const DNS_SERVER_IPV6: u16 = 0x0003;
const IP_ADDRESS_BY_NAS: u16 = 0x000a;
const DNS_SERVER_IPV4: u16 = 0x000d;
const LINK_MTU_IPV4: u16 = 0x0010;
const OPERATOR_SPECIFIC: u16 = 0xff00;
