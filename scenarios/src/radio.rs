//! What lies between UE and gNB: delay, loss and the capacity of a cell.

use std::time::Duration;

/// Applied to every NAS message between a UE and its gNB.
#[derive(Clone, Debug, PartialEq)]
pub struct RadioProfile {
    /// A name of `scenarios/profiles/`, or what the scenario calls its own.
    pub name: String,
    /// One way, the median.
    pub latency: Duration,
    /// Standard deviation of the latency; it never falls below zero.
    pub jitter: Duration,
    /// How many NAS messages are lost, 0 to 1.
    pub loss: f64,
    /// RRC connections at once in each cell. `None`: no limit.
    pub capacity: Option<u32>,
    /// Round trips before the first NAS message (TS 38.331 §5.3.3: setup request and setup).
    pub setup_round_trips: u32,
}

/// The profiles that come with the program: name and text, which is that of an inline profile.
pub fn radio_profiles() -> &'static [(&'static str, &'static str)] {
    &[
        ("ideal", include_str!("../profiles/ideal.yaml")),
        ("urban", include_str!("../profiles/urban.yaml")),
        ("rural", include_str!("../profiles/rural.yaml")),
    ]
}
