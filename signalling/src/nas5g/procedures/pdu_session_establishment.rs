//! UE-requested PDU session establishment, UE side (TS 24.501 §6.4.1).

use std::net::Ipv4Addr;
use std::time::Duration;

use identity::{Dnn, PduSessionType, Procedure, SessionId, Snssai};
use oxirush_nas::nas_5gs::{
    NasExtendedProtocolConfigurationOptions, NasIntegrityProtectionMaximumDataRate,
    NasPduSessionEstablishmentAccept, NasPduSessionEstablishmentReject, NasPduSessionEstablishmentRequest,
    NasPduSessionType, NasQosRules, NasSNssai, NasSessionAmbr, NasSscMode, Pco, PcoDirection, PcoEntry,
    QosRuleOpCode, SscModeValue,
};

use crate::common::timers::Timer;
use crate::nas5g::attempt::SessionStep;
use crate::nas5g::procedures::service_request::Reason;
use crate::nas5g::ue::{Out, Ue, UeAction, refuse_start};
use crate::outcome::{Cause, Outcome};
use crate::session::{Session, SessionRequest};
use crate::settings::{Context, Retry};

impl Ue {
    /// Sends a PDU SESSION ESTABLISHMENT REQUEST (§6.4.1.2).
    pub(crate) fn establish_session(
        &mut self,
        request: &SessionRequest,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let procedure = Procedure::PduSession;
        let refusal = self.refusal(procedure, Reason::Signalling, context).or_else(|| {
            let held_back = self.sessions.backed_off.as_ref() == Some(&request.dnn);
            match self.sessions.find(request.id) {
                Some(_) => Some(Cause::SessionExists),
                None => (held_back && context.settings.retry == Retry::AsSpecified).then_some(Cause::Barred),
            }
        });
        match refusal {
            Some(cause) => refuse_start(procedure, cause, out),
            None => {
                let message = message(request.type_);
                let step = SessionStep::Establishment;
                self.begin_transaction(step, request.id, Some(request.clone()), message, out);
            }
        }
    }

    /// §6.4.1.3.
    pub(crate) fn session_accepted(
        &mut self,
        id: SessionId,
        pti: u8,
        accept: &NasPduSessionEstablishmentAccept,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.is_answer(SessionStep::Establishment, id, pti) {
            return self.unforeseen_pti(id, pti, out);
        }
        let transaction = self.attempt.as_mut().and_then(|attempt| attempt.transaction.as_mut());
        let Some(request) = transaction.and_then(|transaction| transaction.request.take()) else { return };
        let Some(session) = established(request, accept) else {
            // §7.5: a type without IP, or an address that is not of the type: the network gives the session up.
            self.send_5gsm_status(id, pti, INVALID_MANDATORY_INFORMATION, out);
            return self.end_attempt(Outcome::Failed(Cause::Gsm(INVALID_MANDATORY_INFORMATION)), out);
        };
        let has_default_rule = session.qfi != 0;
        self.sessions.add(session, out);
        if has_default_rule {
            return self.end_attempt(Outcome::Succeeded, out);
        }
        // §6.4.1.3 a): without a default QoS rule the UE releases the session at once.
        self.end_attempt(Outcome::Failed(Cause::Gsm(SEMANTIC_ERROR_IN_QOS_OPERATION)), out);
        out.push(UeAction::Started(Procedure::PduSessionRelease));
        self.release_session_for(id, SEMANTIC_ERROR_IN_QOS_OPERATION, context, out);
    }

    /// §6.4.1.4.
    pub(crate) fn session_rejected(
        &mut self,
        id: SessionId,
        pti: u8,
        reject: &NasPduSessionEstablishmentReject,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        if !self.is_answer(SessionStep::Establishment, id, pti) {
            return self.unforeseen_pti(id, pti, out);
        }
        let transaction = self.attempt.as_ref().and_then(|attempt| attempt.transaction.as_ref());
        let dnn = transaction.and_then(|transaction| transaction.request.as_ref()).map(|it| it.dnn.clone());
        let cause = reject.fgsm_cause.value;
        let back_off = reject.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
        self.back_off(cause, back_off, dnn, context, out);
        if context.settings.retry == Retry::AsSpecified && self.ask_for_allowed_type(cause, out) {
            return;
        }
        self.end_attempt(Outcome::Failed(Cause::Gsm(cause)), out);
    }

    /// §6.4.1.4.2: after #50 and #51 the UE may ask for the type that is allowed: once, in the same attempt. `false` where
    /// it does not.
    fn ask_for_allowed_type(&mut self, cause: u8, out: &mut Out) -> bool {
        let allowed = match cause {
            IPV4_ONLY_ALLOWED => PduSessionType::Ipv4,
            IPV6_ONLY_ALLOWED => PduSessionType::Ipv6,
            _ => return false,
        };
        let Some(attempt) = &mut self.attempt else { return false };
        let timer = attempt.timer().0;
        let Some(transaction) = attempt.transaction.as_mut().filter(|transaction| !transaction.retyped)
        else {
            return false;
        };
        let other = transaction.request.take_if(|request| request.type_ != allowed);
        let Some(request) = other.map(|request| SessionRequest { type_: allowed, ..request }) else {
            return false;
        };
        self.nas.stop(timer, out);
        self.attempt = None;
        let step = SessionStep::Establishment;
        self.begin_transaction(step, request.id, Some(request), message(allowed), out);
        if let Some(transaction) = self.attempt.as_mut().and_then(|attempt| attempt.transaction.as_mut()) {
            transaction.retyped = true;
        }
        true
    }

    /// Holds back requests for a congested data network (§6.2.7, §6.2.8).
    ///
    /// Deviation: T3584 and T3585, which are T3396 for one slice, are kept as T3396 of the data network; and one data
    /// network is held back at a time.
    pub(crate) fn back_off(
        &mut self,
        cause: u8,
        seconds: Option<u64>,
        dnn: Option<Dnn>,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let (Some(seconds), Some(dnn)) = (seconds.filter(|&seconds| seconds > 0), dnn) else { return };
        if context.settings.retry == Retry::AsSpecified && matches!(cause, 22 | 26 | 67 | 69) {
            self.sessions.backed_off = Some(dnn);
            self.nas.set(Timer::T3396, Duration::from_secs(seconds), out);
        }
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
fn established(request: SessionRequest, accept: &NasPduSessionEstablishmentAccept) -> Option<Session> {
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
        dnn: accept.dnn.as_ref().and_then(|dnn| Dnn::from_octets(&dnn.value)).unwrap_or(request.dnn),
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
