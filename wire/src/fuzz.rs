//! Entrances for fuzzing: what is read before anybody is known, and what is read from a fleet's folder.

pub use crate::identity::fuzz_certificates as certificates;

/// Why the other side refuses us, when this payload is a refusal.
pub fn refusal(payload: &[u8]) -> Option<String> {
    crate::version_negotiation::decode_refusal(payload)
}
