//! Times of two runs that lie further apart than anything that either did itself.
//!
//! A run that is short, or moves slowly, does not say how far its figures may be off by chance, and no interval can be given.
//! But where every stretch of one run is beyond every stretch of the other, and the gap is a multiple of all that either of them
//! moved, nobody would call it chance: it is ten times slower.

use super::{Figure, RunSeries, Unit};
use crate::Samples;

/// How far the figure lies apart, on its scale: positive where the run has more. `None`: not so far, or it cannot be told.
pub(super) fn apart(base: &RunSeries, run: &RunSeries, procedure: &str, figure: Figure) -> Option<f64> {
    let (of_base, of_run) = (stretches(base, procedure, figure)?, stretches(run, procedure, figure)?);
    let lowest = |values: &[f64]| values.iter().copied().fold(f64::MAX, f64::min);
    let highest = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
    let moved = (highest(&of_base) - lowest(&of_base)).max(highest(&of_run) - lowest(&of_run));
    let up = lowest(&of_run) - highest(&of_base);
    let down = lowest(&of_base) - highest(&of_run);
    let gap = up.max(down);
    (gap > GAP * moved && gap > LEAST_GAP).then_some(if up > down { gap } else { -gap })
}

/// The figure in stretches with equally many samples, or nearly so. `None`: there are too few for that.
fn stretches(run: &RunSeries, procedure: &str, figure: Figure) -> Option<Vec<f64>> {
    let (part, of): (f64, fn(&Unit) -> &Samples) = match figure {
        Figure::Latency(percentile) => (percentile.part(), |unit| &unit.latency),
        Figure::Service(percentile) => (percentile.part(), |unit| &unit.service),
        Figure::Success | Figure::Rate => return None,
    };
    let units: Vec<&Samples> =
        run.procedures.get(procedure)?.iter().map(of).filter(|samples| samples.count() > 0).collect();
    let count: u64 = units.iter().map(|samples| samples.count()).sum();
    // In each stretch something must lie beyond the percentile.
    let wanted = (2.0 / (1.0 - part)).max(10.0);
    if count as f64 / (STRETCHES as f64) < wanted {
        return None;
    }
    let mut stretches = Vec::new();
    let mut pending: Vec<&Samples> = Vec::new();
    let mut held = 0;
    for samples in units {
        held += samples.count();
        pending.push(samples);
        if held as f64 >= (count as f64 / STRETCHES as f64).max(wanted) {
            stretches.push(Samples::merged(pending.drain(..)));
            held = 0;
        }
    }
    if stretches.len() < STRETCHES - 1 {
        return None;
    }
    stretches.iter().map(|samples| Some(figure.on_scale(samples.quantile(part)? as f64))).collect()
}

/// Of each run.
const STRETCHES: usize = 6;
/// The gap is so many times what either run moved within itself.
const GAP: f64 = 2.0;
/// A gap is at least a quarter of the smaller value, on the scale of logarithms.
const LEAST_GAP: f64 = 0.223;
