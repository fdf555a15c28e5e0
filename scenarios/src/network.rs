//! What the embedded simulator does. A real target ignores it.

use std::time::Duration;

use identity::Snssai;

/// The behaviour of the simulated core network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// From the receipt of a message to the answer, at least.
    pub processing_delay: Duration,
    /// Added to it: uniformly from zero to this.
    pub processing_jitter: Duration,
    /// Refusal of registrations above a rate.
    pub congestion: Option<Congestion>,
    /// Whether the N1 connection is released after a registration without follow-on request.
    pub release_after_registration: bool,
    /// When the simulator stops to answer, since the first InitialUEMessage.
    pub freezes: Vec<Freeze>,
    /// The slices that are allowed.
    pub accept_slices: Vec<Snssai>,
    /// The periodic registration timer that is assigned (TS 24.501 §10.2).
    pub t3512: Duration,
}

/// Registrations above a rate are rejected with cause 22, congestion, and a back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// Registrations accepted in each second.
    pub max_registrations_per_s: u32,
    /// T3346 of the rejection (TS 24.501 §5.5.1.2.5).
    pub backoff: Duration,
}

/// A time in which the simulator answers nothing; afterwards it answers what has come meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Since the first InitialUEMessage.
    pub at: Duration,
    /// How long.
    pub for_: Duration,
}
