//! How far the largest of many differences between equal runs goes: the critical value of each of them.

use super::{Measured, Settings};
use crate::Draws;
use crate::distributions::{normal_tail, student_quantile_above};

/// One for each pair that is judged, in their order.
///
/// The figures of a procedure move together, so a bound for as many independent ones would be too wide. Stretches of both runs are
/// given random weights of mean 0 and variance 1: the figures' influences, summed with them, are distributed as the
/// differences between two equal runs are, with all that they have in common (Chernozhukov, Chetverikov and Kato 2013). The largest of
/// them in each of many draws gives one level for all, and Student's t turns that into the value for each figure's
/// own degrees of freedom.
pub(super) fn critical_values(pairs: &[Option<(&Measured, &Measured)>], settings: &Settings) -> Vec<f64> {
    let judged: Vec<(&Measured, &Measured)> = pairs.iter().flatten().copied().collect();
    let stretches: Vec<(Vec<f64>, Vec<f64>)> = judged
        .iter()
        .map(|(base, run)| (in_stretches(&base.influence), in_stretches(&run.influence)))
        .collect();
    let shares: Vec<(f64, f64)> =
        judged.iter().map(|(base, run)| shares(base.variance(), run.variance())).collect();
    let most_base = stretches.iter().map(|(base, _)| base.len()).max().unwrap_or(0);
    let most_run = stretches.iter().map(|(_, run)| run.len()).max().unwrap_or(0);
    let mut draws = Draws::new(settings.seed);
    let mut largest: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let base: Vec<f64> = (0..most_base).map(|_| draws.normal()).collect();
            let run: Vec<f64> = (0..most_run).map(|_| draws.normal()).collect();
            let differences =
                stretches.iter().zip(&shares).map(|((of_base, of_run), (base_share, run_share))| {
                    (base_share * weighted(of_base, &base) - run_share * weighted(of_run, &run)).abs()
                });
            differences.fold(0.0, f64::max)
        })
        .collect();
    largest.sort_by(f64::total_cmp);
    let place = (f64::from(DRAWS) * (1.0 - settings.false_alarms)).ceil() - 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below DRAWS, and negative is 0"
    )]
    let level = normal_tail(largest.get(place as usize).copied().unwrap_or(0.0).max(LEAST_CRITICAL));
    judged.iter().map(|(base, run)| student_quantile_above(level, freedom(base, run))).collect()
}

/// Welch and Satterthwaite's degrees of freedom of a difference.
fn freedom(base: &Measured, run: &Measured) -> f64 {
    let (of_base, of_run) = (base.variance(), run.variance());
    (of_base + of_run).powi(2) / (of_base.powi(2) / base.freedom + of_run.powi(2) / run.freedom)
}

/// Square roots of the shares that two variances have in their sum.
fn shares(base: f64, run: f64) -> (f64, f64) {
    ((base / (base + run)).sqrt(), (run / (base + run)).sqrt())
}

/// Sums over stretches of equal length, scaled so that their squares sum to 1 unless all are 0.
fn in_stretches(influence: &[f64]) -> Vec<f64> {
    let length = influence.len().div_ceil(STRETCHES).max(1);
    let sums: Vec<f64> = influence.chunks(length).map(|stretch| stretch.iter().sum()).collect();
    let norm = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    if norm > 0.0 { sums.into_iter().map(|sum| sum / norm).collect() } else { sums }
}

fn weighted(sums: &[f64], weights: &[f64]) -> f64 {
    sums.iter().zip(weights).map(|(sum, weight)| sum * weight).sum()
}

const DRAWS: u32 = 4000;
/// Of a run, for the weights.
const STRETCHES: usize = 40;
/// A single comparison at 5 %: the least that any family needs.
const LEAST_CRITICAL: f64 = 1.959_964;
