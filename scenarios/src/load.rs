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
    /// Whether all of them are played again, and again.
    pub repeat: Option<Repeat>,
}

/// The phases of a load, played again from begin to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// From one begin to the next; the phases together are no longer.
    pub every: Duration,
    /// When it ends.
    pub ends: RepeatEnds,
}

/// When a load is repeated no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatEnds {
    /// When it was played so often, 1 or more.
    After(u32),
    /// At this time since the start of the run. What would not be over by then is not begun.
    At(Duration),
}

impl Load {
    /// The attempts of all phases: the integral of the rate, rounded.
    pub fn planned(&self) -> u64 {
        Curve::new(self).planned()
    }

    /// From the start of the run to the end of the last phase, or to where a repetition ends.
    pub fn ends_after(&self) -> Duration {
        match self.repeat {
            Some(Repeat { ends: RepeatEnds::At(end), .. }) => end,
            Some(Repeat { every, ends: RepeatEnds::After(times) }) => self
                .starts_after
                .saturating_add(every.saturating_mul(times.saturating_sub(1)))
                .saturating_add(self.round()),
            None => self.starts_after.saturating_add(self.round()),
        }
    }

    /// How long its phases last together, once.
    pub fn round(&self) -> Duration {
        self.phases.iter().fold(Duration::ZERO, |sum, phase| sum.saturating_add(phase.shape.duration()))
    }

    /// How often its phases are played.
    pub fn rounds(&self) -> u32 {
        match self.repeat {
            None => 1,
            Some(Repeat { ends: RepeatEnds::After(times), .. }) => times,
            Some(Repeat { every, ends: RepeatEnds::At(end) }) => self.rounds_until(every, end),
        }
    }

    /// How many rounds are over by then.
    pub(crate) fn rounds_until(&self, every: Duration, end: Duration) -> u32 {
        let Some(room) = end.checked_sub(self.starts_after.saturating_add(self.round())) else { return 0 };
        let more = room.as_nanos().checked_div(every.as_nanos()).unwrap_or(0);
        u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Every phase as it is played, with the time since the start of the run at which it begins.
    pub fn played(&self) -> impl Iterator<Item = (Duration, &Phase)> {
        let every = self.repeat.map_or(Duration::ZERO, |repeat| repeat.every);
        let begins = (0..self.rounds())
            .map(move |round| self.starts_after.saturating_add(every.saturating_mul(round)));
        begins.flat_map(|begin| {
            let mut at = begin;
            self.phases.iter().map(move |phase| {
                let starts = at;
                at = at.saturating_add(phase.shape.duration());
                (starts, phase)
            })
        })
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
    /// Whether it is what `--duration` makes longer or shorter.
    pub stretch: bool,
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

/// What is repeated more often than this is refused.
pub(crate) const MAX_ROUNDS: u32 = 10_000;
/// A staircase of more steps than this is refused: it should be a ramp.
pub(crate) const MAX_STEPS: u32 = 10_000;
