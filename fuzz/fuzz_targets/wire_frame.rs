#![no_main]
//! Frames between coordinator and agents.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = wire::frame::decode_to_agent(input);
    let _ = wire::frame::decode_to_coordinator(input);
});
