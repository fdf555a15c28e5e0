//! The knee and its interval, from all probes of a search.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProbeOutcome, Probed};

/// The highest rate at which the objectives hold, per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Knee {
    /// The best guess.
    pub rate: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Reads the knee from probes, of which the search has found that it lies between two rates.
///
/// Whether a probe holds is a chance that falls with its rate: `1 / (1 + (rate / knee)^steepness)`, which is a coin's at the
/// knee. The likelihood of all probes is summed over a grid of knees and of steepnesses (a cliff to a slope), and
/// the interval holds 95 % of it.
pub(super) fn knee(probes: &[Probed], held: f64, broke: f64) -> Knee {
    let reach = (broke / held).ln().max(0.02);
    let (from, to) = (held.ln() - SPAN * reach, broke.ln() + SPAN * reach);
    let weight =
        |knee: f64| -> f64 { STEEPNESS.iter().map(|steepness| likelihood(probes, knee, *steepness)).sum() };
    let grid: Vec<(f64, f64)> = (0..=GRID)
        .map(|i| from + (to - from) * f64::from(i) / f64::from(GRID))
        .map(|at| (at.exp(), weight(at)))
        .collect();
    let total: f64 = grid.iter().map(|(_, weight)| weight).sum();
    let at = |part: f64| {
        let mut sum = 0.0;
        let found = grid.iter().find(|(_, weight)| {
            sum += weight;
            sum >= part * total
        });
        found.map_or(held, |(rate, _)| *rate)
    };
    Knee { rate: at(0.5), low: at(0.025), high: at(0.975) }
}

fn likelihood(probes: &[Probed], knee: f64, steepness: f64) -> f64 {
    let of = |probe: &Probed| {
        // Away from 0 and 1: an accident is possible at any rate.
        let holds =
            (1.0 + (steepness * (probe.rate.ln() - knee)).exp()).recip().clamp(ACCIDENT, 1.0 - ACCIDENT);
        match probe.outcome {
            ProbeOutcome::Held => holds,
            ProbeOutcome::Broke => 1.0 - holds,
            ProbeOutcome::Generator => 1.0,
        }
    };
    probes.iter().map(of).product()
}

/// How far beyond the two rates the knee may lie, in their distance.
const SPAN: f64 = 6.0;
const GRID: u32 = 600;
/// From a slope on which 10 % of the rate matter little, to a cliff.
const STEEPNESS: [f64; 6] = [10.0, 25.0, 60.0, 150.0, 400.0, 1000.0];
const ACCIDENT: f64 = 0.01;
