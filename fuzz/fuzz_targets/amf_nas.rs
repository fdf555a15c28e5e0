#![no_main]
//! What a UE sends to the simulator's AMF, in good NGAP.

use std::time::Instant;

use fuzz::{messages, network};
use signalling::{EstablishmentCause, NodeAction, NodeEvent};
use simulator::{AmfAction, AmfEvent};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let (mut amf, mut gnb) = network(now);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for (number, nas) in messages(input).enumerate() {
        let cause = EstablishmentCause::MoSignalling;
        let event = match number {
            0 => NodeEvent::Connect { ue: 1, cell: 0, nas, cause, s_tmsi: None },
            _ => NodeEvent::Uplink { ue: 1, nas },
        };
        gnb.handle(event, now, &mut up);
        for action in up.drain(..) {
            if let NodeAction::Send { stream, octets, .. } = action {
                amf.handle(now, AmfEvent::Received { association: 1, stream, octets: &octets }, &mut down);
            }
        }
        // The gNB learns the AMF's identity of the UE from the answers.
        for action in down.drain(..) {
            if let AmfAction::Send { stream, octets, .. } = action {
                gnb.handle(NodeEvent::Received { stream, octets: &octets }, now, &mut up);
            }
        }
        up.clear();
    }
});
