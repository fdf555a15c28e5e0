//! Whatever a peer sends, the judgement does not panic, and what goes back is a message as the specification has it.
#![allow(clippy::unwrap_used, reason = "a test")]

use criticality::ngap::{Judge, Reports, unreadable};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind, build_ngap, ie};
use proptest::collection::vec;
use proptest::prelude::*;

/// A message of any direction, procedure and criticality with any IEs: identifiers of the protocol more often than not.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![3 => 0u16..130, 1 => any::<u16>()];
    let value = prop_oneof![vec(any::<u8>(), 0..12), Just(vec![0x00, 0x05]), Just(vec![0x00])];
    let criticality = || prop::sample::select(vec![0x00u8, 0x40, 0x80]);
    let ies = vec((id, criticality(), value), 0..8);
    let code = prop_oneof![0u8..90, any::<u8>()];
    (0u8..3, code, criticality(), ies).prop_map(|(direction, code, criticality, ies)| {
        let mut message = vec![0x00, 0x00, u8::try_from(ies.len()).unwrap()];
        for (id, criticality, value) in ies {
            message.extend(id.to_be_bytes());
            message.push(criticality);
            message.push(u8::try_from(value.len()).unwrap());
            message.extend(value);
        }
        let length = u8::try_from(message.len()).unwrap();
        // X.691 §10.9.3.7: a length of 128 or more has two octets.
        let length = if length < 0x80 { vec![length] } else { vec![0x80, length] };
        [vec![direction * 0x20, code, criticality], length, message].concat()
    })
}

/// An answer is in order, and fits what it answers.
fn in_order(answer: &NGAP_PDU, octets: &[u8]) -> Result<(), TestCaseError> {
    let answer = NGAP_PDU::decode(&answer.encode().unwrap()).unwrap();
    prop_assert_eq!(answer.check().unwrap(), []);
    let indication = answer.kind() == NgapPduKind::Initiating_ErrorIndication;
    prop_assert!(indication || !answer.is_initiating());
    prop_assert!(octets[0] != 0x00 || octets[1] != 9, "an ERROR INDICATION is answered");
    prop_assert!(indication || octets[0] == 0x00, "an outcome is answered with an outcome");
    Ok(())
}

proptest! {
    #[test]
    fn any_message_is_judged_and_what_goes_back_is_in_order(octets in message(), comprehended in any::<bool>()) {
        match NGAP_PDU::decode_borrowed(&octets) {
            Ok(pdu) => {
                let judgement = Judge::default().judge(&pdu, comprehended).unwrap();
                if let Some(answer) = &judgement.answer {
                    in_order(answer, &octets)?;
                }
                prop_assert!(judgement.report.is_none() || judgement.proceed);
                prop_assert!(judgement.proceed || judgement.faulty);
            }
            Err(_) => {
                if let Some(answer) = unreadable(&octets) {
                    in_order(&answer, &octets)?;
                }
            }
        }
    }

    #[test]
    fn any_octets_that_are_no_message_are_answered_in_order(octets in vec(any::<u8>(), 0..40)) {
        if NGAP_PDU::decode_borrowed(&octets).is_err()
            && let Some(answer) = unreadable(&octets)
        {
            prop_assert_eq!(NGAP_PDU::decode(&answer.encode().unwrap()).unwrap().check().unwrap(), []);
        }
    }
}

fn cancel(amf: u64, ran: u32) -> NGAP_PDU {
    let cause = Cause::radioNetwork(CauseRadioNetwork::handover_cancelled);
    build_ngap!(
        InitiatingMessage,
        HandoverCancel,
        HandoverCancel,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        Cause(cause),
    )
    .unwrap()
}

fn acknowledge(amf: u64, ran: u32) -> NGAP_PDU {
    build_ngap!(
        SuccessfulOutcome,
        HandoverCancel,
        HandoverCancelAcknowledge,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
    )
    .unwrap()
}

#[test]
fn a_report_waits_for_the_response_of_its_procedure_and_ue_and_is_bounded() {
    let reports_it = |pdu: &NGAP_PDU| pdu.ie::<ie::CriticalityDiagnostics>().is_some();
    let mut reports = Reports::default();
    let keep = |reports: &mut Reports, request: NGAP_PDU| {
        reports.keep(1, &request, request.criticality_diagnostics_for_response(&[]));
    };
    keep(&mut reports, cancel(7, 1));
    // Another UE, another gNB, another procedure.
    assert!(!reports_it(&reports.complete(1, acknowledge(8, 2))));
    assert!(!reports_it(&reports.complete(2, acknowledge(7, 1))));
    let reset = build_ngap!(SuccessfulOutcome, NGReset, NGResetAcknowledge,).unwrap();
    assert!(!reports_it(&reports.complete(1, reset)));
    assert!(reports_it(&reports.complete(1, acknowledge(7, 1))));
    assert!(!reports_it(&reports.complete(1, acknowledge(7, 1))), "once");
    for amf in 0..5_000 {
        keep(&mut reports, cancel(amf, 1));
    }
    assert!(!reports_it(&reports.complete(1, acknowledge(0, 1))), "the oldest has gone");
    assert!(reports_it(&reports.complete(1, acknowledge(4_999, 1))));
    reports.forget(1);
    assert!(reports.is_empty());
}
