#![no_main]
//! The first frame of a connection, and refusals: before anybody is known.

use wire::VersionOffer;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some(offer) = VersionOffer::decode(input) {
        assert_eq!(VersionOffer::decode(&offer.encode()).as_ref(), Some(&offer));
        assert!(offer.oldest <= offer.newest && !offer.to_string().contains(char::is_control));
    }
    if let Some(reason) = wire::fuzz::refusal(input) {
        assert!(!reason.contains(char::is_control));
    }
});
