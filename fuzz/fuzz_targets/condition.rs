#![no_main]
//! Conditions of SLOs and guardrails.

use scenarios::Slo;

libfuzzer_sys::fuzz_target!(|input: &str| {
    match input.parse::<Slo>() {
        Ok(slo) => {
            assert_eq!(slo.text.parse().as_ref(), Ok(&slo));
            let _ = (slo.holds(0.0), slo.holds(f64::INFINITY), slo.target());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
