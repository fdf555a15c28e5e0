#![no_main]
//! SCTP packets in UDP: to a port that listens, and in an association that is up.

use fuzz::messages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sctp::fuzz::listener(input);
    sctp::fuzz::association(messages(input));
});
