//! What a UE is told: who it is, and what all UEs of a run share.

use std::time::{Duration, Instant};

use identity::{Imsi, Key128, Plmn, Snssai, Tac};

/// The subscription in one USIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The permanent identity.
    pub imsi: Imsi,
    /// The home network: the first digits of the IMSI.
    pub plmn: Plmn,
    /// The long-term key.
    pub k: Key128,
    /// The operator's variant of MILENAGE for this subscriber.
    pub opc: Key128,
}

/// What all UEs of a run share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UeSettings {
    /// How the SUPI is concealed.
    pub suci: SuciScheme,
    /// The ciphering algorithms NEA that the UE supports, 0 to 3.
    pub ciphering: Vec<u8>,
    /// The integrity algorithms NIA that the UE supports, 0 to 3. NIA0 is accepted where it is listed: a deviation for labs,
    /// since TS 24.501 §5.4.2.3 has it for emergency services alone.
    pub integrity: Vec<u8>,
    /// The requested NSSAI; none is requested when this is empty.
    pub requested_slices: Vec<Snssai>,
    /// Whether the UE repeats what failed.
    pub retry: Retry,
    /// Takes the place of the T3512 of the network.
    pub t3512: Option<Duration>,
}

/// How the SUPI is concealed (TS 33.501 Annex C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuciScheme {
    /// The MSIN in clear.
    Null,
    /// ECIES on Curve25519.
    ProfileA {
        /// The home network public key identifier.
        key_id: u8,
        /// The home network public key.
        public_key: [u8; 32],
    },
    /// ECIES on secp256r1.
    ProfileB {
        /// The home network public key identifier.
        key_id: u8,
        /// The home network public key, compressed.
        public_key: [u8; 33],
    },
}

/// Whether a UE repeats what failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// An attempt ends at its first failure, nothing is retried, and neither T3346 nor the lists of forbidden areas hold
    /// back the next attempt: the load must not slow down with the core.
    Never,
    /// As TS 24.501 has it: T3511, T3502, T3346, the attempt counters and the forbidden lists.
    AsSpecified,
}

/// What a UE needs from outside while it handles an event.
pub struct Context<'a> {
    /// The time of the event.
    pub now: Instant,
    /// The only source of randomness.
    pub rng: &'a mut dyn rand::RngCore,
    /// What all UEs share.
    pub settings: &'a UeSettings,
    /// Where the UE camps. The network of it is the serving network.
    pub tai: (Plmn, Tac),
}
