#![no_main]
//! The first frame of a connection, and refusals: before anybody is known.

use wire::Opening;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some(opening) = Opening::decode(input) {
        assert_eq!(Opening::decode(&opening.encode()).as_ref(), Some(&opening));
        assert!(opening.oldest <= opening.newest && !opening.to_string().contains(char::is_control));
    }
    if let Some(reason) = wire::fuzz::refusal(input) {
        assert!(!reason.contains(char::is_control));
    }
});
