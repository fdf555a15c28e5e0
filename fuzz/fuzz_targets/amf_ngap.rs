#![no_main]
//! What a gNB sends to the simulator's AMF.

use std::time::{Duration, Instant};

use fuzz::{messages, network};
use simulator::AmfEvent;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let (mut amf, _gnb) = network(now);
    let mut actions = Vec::new();
    for message in messages(input) {
        actions.clear();
        amf.handle(now, AmfEvent::Received { association: 1, stream: 1, octets: message }, &mut actions);
    }
    for second in 0..60 {
        actions.clear();
        amf.advance(now + Duration::from_secs(second), &mut actions);
    }
});
