//! Which figures are compared, and on which scale.

use std::fmt;

use serde::{Serialize, Serializer};

/// A figure of one procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// From the due time, of what succeeded, µs.
    Latency(Percentile),
    /// From the first octet, of what succeeded, µs.
    Service(Percentile),
    /// Succeeded of all that ended.
    Success,
    /// Successes for each second of the plan.
    Rate,
}

/// Those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Median.
    P50,
    /// 90 %.
    P90,
    /// 95 %.
    P95,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
}

impl Percentile {
    const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    /// As a part of all, 0 to 1.
    pub fn part(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
        })
    }
}

impl Figure {
    /// All that are compared, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::Latency(Percentile::ALL[0]),
        Self::Latency(Percentile::ALL[1]),
        Self::Latency(Percentile::ALL[2]),
        Self::Latency(Percentile::ALL[3]),
        Self::Latency(Percentile::ALL[4]),
        Self::Service(Percentile::ALL[0]),
        Self::Service(Percentile::ALL[1]),
        Self::Service(Percentile::ALL[2]),
        Self::Service(Percentile::ALL[3]),
        Self::Service(Percentile::ALL[4]),
        Self::Success,
        Self::Rate,
    ];

    /// True of times, false of success and rate.
    pub fn more_is_worse(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Service(_))
    }

    /// How two values differ: relative to the first, but success ratios by their difference.
    pub(super) fn difference(self, base: f64, run: f64) -> f64 {
        self.difference_of(self.on_scale(run) - self.on_scale(base))
    }

    /// Times and rates are compared by their ratio, so on the scale of logarithms. Nothing is below 1 µs.
    pub(super) fn on_scale(self, value: f64) -> f64 {
        match self {
            Self::Success => value,
            Self::Latency(_) | Self::Service(_) => value.max(1.0).ln(),
            Self::Rate => value.max(1e-9).ln(),
        }
    }

    pub(super) fn difference_of(self, difference: f64) -> f64 {
        if self == Self::Success { difference } else { difference.exp_m1() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(percentile) => write!(f, "latency.{percentile}"),
            Self::Service(percentile) => write!(f, "service.{percentile}"),
            Self::Success => f.write_str("success"),
            Self::Rate => f.write_str("rate"),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
