#![no_main]
//! Certificates, keys and lists of revoked ones, as PEM that somebody has changed.

libfuzzer_sys::fuzz_target!(|input: &str| {
    // Authority, certificate, key and list, with a line `--` between them.
    let mut texts = input.splitn(4, "\n--\n");
    let mut text = || texts.next().unwrap_or_default();
    wire::fuzz::certificates(text(), text(), text(), text());
});
