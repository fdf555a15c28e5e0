#![no_main]
//! What the core sends to a gNB with a UE on it, which takes every handover that it is offered and begins some itself.

use std::time::Instant;

use fuzz::{gnb, messages, tracking_area};
use signalling::{EstablishmentCause, NodeAction, NodeEvent, TargetGnb};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let (mut gnb, mut actions) = gnb(now);
    let (plmn, tac) = tracking_area();
    let target = TargetGnb { gnb_id: 2, gnb_id_bits: 24, plmn, tac, cell: 0 };
    let nas = &[0x7e, 0, 0x41];
    let cause = EstablishmentCause::MoSignalling;
    gnb.handle(NodeEvent::Received { stream: 0, octets: NG_SETUP_RESPONSE }, now, &mut actions);
    gnb.handle(NodeEvent::Connect { ue: 1, cell: 0, nas, cause, s_tmsi: None }, now, &mut actions);
    for (number, message) in messages(input).enumerate() {
        let _ = signalling::message_name(message);
        actions.clear();
        gnb.handle(NodeEvent::Received { stream: 0, octets: message }, now, &mut actions);
        for action in std::mem::take(&mut actions) {
            match action {
                NodeAction::HandoverRequested { handle, .. } => {
                    gnb.handle(NodeEvent::AdmitHandover { handle, ue: 2 }, now, &mut actions);
                }
                NodeAction::HandoverExpected { ue } => {
                    gnb.handle(NodeEvent::HandoverArrived { ue }, now, &mut actions);
                }
                NodeAction::Released { ue: 1, .. } => {
                    let again = NodeEvent::Connect { ue: 1, cell: 0, nas, cause, s_tmsi: None };
                    gnb.handle(again, now, &mut actions);
                }
                _ => {}
            }
        }
        match number % 4 {
            1 => gnb.handle(NodeEvent::Handover { ue: 1, target, container: message }, now, &mut actions),
            3 => {
                if let Some(context) = gnb.give_up_for_xn(2) {
                    let arrival = NodeEvent::ArriveByXn { ue: 3, cell: 0, context: &context };
                    gnb.handle(arrival, now, &mut actions);
                }
            }
            _ => {}
        }
    }
});

/// Without IEs: what it says is not used.
/// As in signalling/testdata/ngap/ng_setup_response.hex.
const NG_SETUP_RESPONSE: &[u8] = &[
    0x20, 0x15, 0x00, 0x2b, 0x00, 0x00, 0x04, 0x00, 0x01, 0x00, 0x07, 0x02, 0x00, 0x61, 0x6d, 0x66, 0x2d,
    0x31, 0x00, 0x60, 0x00, 0x08, 0x00, 0x00, 0x00, 0xf1, 0x10, 0x01, 0x00, 0x40, 0x00, 0x56, 0x40, 0x01,
    0xff, 0x00, 0x50, 0x00, 0x08, 0x00, 0x00, 0xf1, 0x10, 0x00, 0x00, 0x00, 0x08,
];
