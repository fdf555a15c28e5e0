#![no_main]
//! The URL of a target.

use sctp::Address;

libfuzzer_sys::fuzz_target!(|input: &str| {
    match input.parse::<Address>() {
        Ok(address) => assert_eq!(address.to_string().parse().as_ref(), Ok(&address)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
