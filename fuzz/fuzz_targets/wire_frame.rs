#![no_main]
//! Frames between coordinator and agents: any octets, as one payload and as a stream. What decodes is a message, and
//! stays the same one when it is sent on.

use wire::frame::{Assembler, decode_to_agent, decode_to_coordinator, encode};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    payload(input);
    let mut assembler = Assembler::new(1 << 16);
    assembler.push(input);
    while let Ok(Some(frame)) = assembler.next_frame() {
        payload(frame);
    }
});

fn payload(octets: &[u8]) {
    if let Ok(message) = decode_to_agent(octets) {
        let again = encode(&message).expect("no longer than what came");
        assert_eq!(decode_to_agent(&again).as_ref(), Ok(&message));
    }
    if let Ok(message) = decode_to_coordinator(octets) {
        let again = encode(&message).expect("no longer than what came");
        assert_eq!(decode_to_coordinator(&again).as_ref(), Ok(&message));
    }
}
