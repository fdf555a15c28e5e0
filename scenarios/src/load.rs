//! Load: which procedure is attempted, how often, and with what pattern of arrivals.

use std::time::Duration;

use identity::Procedure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::curve::Curve;

/// One stream of attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// What is attempted.
    pub procedure: Procedure,
    /// How attempts are spread around the rate.
    pub arrivals: Arrivals,
    /// The first phase begins this long after the start of the run.
    pub starts_after: Duration,
    /// One after another; at least one.
    pub phases: Vec<Phase>,
}

impl Load {
    /// The attempts of all phases: the integral of the rate, rounded.
    pub fn planned(&self) -> u64 {
        Curve::new(self).planned()
    }

    /// From the start of the run to the end of the last phase.
    pub fn ends_after(&self) -> Duration {
        self.starts_after + self.phases.iter().map(|phase| phase.shape.duration()).sum::<Duration>()
    }

    /// The highest rate of any phase, attempts per second.
    pub fn peak_rate_per_s(&self) -> f64 {
        self.phases.iter().map(|phase| phase.shape.peak_rate_per_s()).fold(0.0, f64::max)
    }
}

/// How attempts are spread around the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// At random, as many independent users would: bursts and gaps happen. The total is exact all the same.
    #[default]
    Poisson,
    /// Evenly, like a metronome.
    Uniform,
}

/// A part of a load.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// For the report.
    pub name: Option<String>,
    /// The rate over its time.
    pub shape: Shape,
}

/// The rate of a phase over its time. Rates are attempts per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// The same rate throughout.
    Constant {
        /// Attempts per second.
        rate_per_s: f64,
        /// How long.
        for_: Duration,
    },
    /// Linear from one rate to another.
    Ramp {
        /// At the beginning.
        from_per_s: f64,
        /// At the end.
        to_per_s: f64,
        /// How long.
        for_: Duration,
    },
    /// A staircase from one rate to another, both included.
    Steps {
        /// The first step.
        from_per_s: f64,
        /// The last step.
        to_per_s: f64,
        /// The height of a step, positive also when it goes down; the last one may be smaller.
        by_per_s: f64,
        /// How long each step lasts.
        each: Duration,
    },
    /// A base rate with one rectangular peak.
    Spike {
        /// Before and after the peak.
        base_per_s: f64,
        /// In the peak.
        peak_per_s: f64,
        /// When the peak begins, since the start of the phase.
        after: Duration,
        /// How long the peak lasts.
        lasts: Duration,
        /// How long the whole phase lasts.
        for_: Duration,
    },
    /// No arrivals: what is registered stays.
    Hold {
        /// How long.
        for_: Duration,
    },
}

impl Shape {
    /// How long the phase lasts.
    pub fn duration(&self) -> Duration {
        match *self {
            Self::Constant { for_, .. }
            | Self::Ramp { for_, .. }
            | Self::Spike { for_, .. }
            | Self::Hold { for_ } => for_,
            Self::Steps { each, .. } => each.saturating_mul(self.steps()),
        }
    }

    /// The highest rate, attempts per second.
    pub fn peak_rate_per_s(&self) -> f64 {
        match *self {
            Self::Constant { rate_per_s, .. } => rate_per_s,
            Self::Ramp { from_per_s, to_per_s, .. } | Self::Steps { from_per_s, to_per_s, .. } => {
                from_per_s.max(to_per_s)
            }
            Self::Spike { base_per_s, peak_per_s, .. } => base_per_s.max(peak_per_s),
            Self::Hold { .. } => 0.0,
        }
    }

    /// How many steps a staircase has; 0 for other shapes.
    pub(crate) fn steps(&self) -> u32 {
        let Self::Steps { from_per_s, to_per_s, by_per_s, .. } = *self else { return 0 };
        // A hair is taken off, or 0.1 to 0.7 by 0.1 would have a step of no height at its end.
        let rises = ((to_per_s - from_per_s).abs() / by_per_s - 1e-9).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
        let rises = rises.clamp(0.0, f64::from(MAX_STEPS)) as u32;
        rises + 1
    }

    /// The rate of step `number`, attempts per second.
    pub(crate) fn step_rate_per_s(&self, number: u32) -> f64 {
        let Self::Steps { from_per_s, to_per_s, by_per_s, .. } = *self else { return 0.0 };
        let height = f64::from(number) * by_per_s;
        if to_per_s >= from_per_s {
            (from_per_s + height).min(to_per_s)
        } else {
            (from_per_s - height).max(to_per_s)
        }
    }
}

/// A staircase of more steps than this is refused: it should be a ramp.
pub(crate) const MAX_STEPS: u32 = 10_000;
