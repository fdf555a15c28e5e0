#![no_main]
//! Lines of a run's control socket, in both directions.

libfuzzer_sys::fuzz_target!(|input: &str| {
    coordinator::control::fuzz_line(input);
});
