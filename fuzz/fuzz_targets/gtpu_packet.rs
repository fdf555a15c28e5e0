#![no_main]
//! What arrives on UDP port 2152 of the simulator.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fuzz::{messages, upf};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let (mut upf, teid) = upf(now);
    let from = SocketAddr::from(([127, 0, 1, 1], gtpu::PORT));
    let mut actions = Vec::new();
    for message in messages(input) {
        if let Ok(decoded) = gtpu::Message::decode(message) {
            // What is read can be written, and is then the same.
            let mut again = Vec::new();
            if decoded.encode(&mut again).is_ok() && !matches!(decoded, gtpu::Message::Other { .. }) {
                assert_eq!(gtpu::Message::decode(&again).as_ref(), Ok(&decoded));
            }
        }
        upf.received(now, from, message);
        // The same in a tunnel that there is.
        let mut known = message.to_vec();
        if known.len() >= 8 {
            known[4..8].copy_from_slice(&teid.to_be_bytes());
        }
        upf.received(now, from, &known);
        actions.clear();
        upf.advance(now, &mut actions);
    }
    upf.advance(now + Duration::from_secs(1), &mut actions);
    upf.release(now, teid);
});
