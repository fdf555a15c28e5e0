//! Policy control: the part of a PCF, and of a PCRF, that sessions need (TS 23.503 §6.2.1). It answers as the scenario says.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use scenarios::PolicyControl;

/// What policy control says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// With this session AMBR in bit/s, up and down.
    Allowed((u64, u64)),
    Refused,
}

/// Draws an answer. Some requests are never answered; their sessions get `default_ambr_bps`.
pub(crate) fn decide(
    control: &PolicyControl,
    ambr_bps: (u64, u64),
    default_ambr_bps: (u64, u64),
    rng: &mut ChaCha8Rng,
) -> Decision {
    let draw = rng.random::<f64>();
    if draw < control.refuse {
        Decision::Refused
    } else if draw < control.refuse + control.timeout {
        Decision::Allowed(default_ambr_bps)
    } else {
        Decision::Allowed(ambr_bps)
    }
}
