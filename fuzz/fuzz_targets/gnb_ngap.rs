#![no_main]
//! What the core sends to a gNB with a UE on it.

use std::time::Instant;

use fuzz::{gnb, messages};
use signalling::{EstablishmentCause, GnbEvent};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let (mut gnb, mut actions) = gnb(now);
    for message in messages(input) {
        actions.clear();
        gnb.handle(GnbEvent::Received { stream: 0, octets: message }, now, &mut actions);
        let nas = &[0x7e, 0, 0x41];
        let cause = EstablishmentCause::MoSignalling;
        gnb.handle(GnbEvent::Connect { ue: 1, cell: 0, nas, cause, s_tmsi: None }, now, &mut actions);
    }
});
