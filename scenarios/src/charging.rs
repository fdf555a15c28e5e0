//! How the simulator charges, and what it does wrong on purpose.

use billing::{Octets, Tariff};

/// The charging function of the simulator, and how its ledger is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Charging {
    /// The prices.
    pub tariff: Tariff,
    /// Online: this much is granted at a time, and each quota used up closes a record. `None`: offline, one record for
    /// each part of a session.
    pub quota: Option<Octets>,
    /// What goes wrong.
    pub faults: ChargingFaults,
}

/// Offline, without faults, one price for everything.
impl Default for Charging {
    fn default() -> Self {
        Self { tariff: Tariff::default(), quota: None, faults: ChargingFaults::default() }
    }
}

/// Faults of the charging function, each by its rate, 0 to 1. Which sessions are hit is drawn from the run's seed and
/// the charging identifier. A session suffers at most one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChargingFaults {
    /// Sessions none of whose records is written.
    pub lost: f64,
    /// Sessions whose last record is written twice.
    pub duplicated: f64,
    /// Sessions whose last record is written much later than the rules allow.
    pub late: f64,
    /// Sessions whose records are written in another order.
    pub reordered: f64,
    /// Sessions whose volume is wrong.
    pub wrong_volume: f64,
    /// Sessions that another rate of the tariff was applied to.
    pub wrong_tariff: f64,
    /// Sessions whose serving network is wrong.
    pub wrong_plmn: f64,
    /// Sessions that nobody had, for each one that there was.
    pub orphan: f64,
    /// Sessions whose last record is written in part, and the rest by a retry. Nothing is wrong with their sum.
    pub partial: f64,
}

/// The tariffs that come with the program: name and text, which is that of a tariff file.
pub fn tariffs() -> &'static [(&'static str, &'static str)] {
    &[
        ("default", include_str!("../tariffs/default.yaml")),
        ("roaming", include_str!("../tariffs/roaming.yaml")),
    ]
}
