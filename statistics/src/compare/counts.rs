//! Success by its counts alone, for runs that are too short, or too slow in their movements, to say how they vary.
//!
//! The counts are judged as independent attempts, but fewer of them: the attempts of an interval share its fate. By how much is
//! read from the intervals of both runs (Pearson's dispersion, over intervals joined to 1, 2 and 4; the largest counts), and how
//! well that is known goes in by Student's t. Where nothing varies within either run there is nothing to read, and Fisher's exact
//! test of the plain counts has to agree.

use super::{Interval, RunSeries, Unit};
use crate::distributions::{normal_tail, student_quantile_above};
use crate::{LongRun, long_run};

/// Two success ratios by their counts.
pub(super) struct Counted {
    base: Ratio,
    run: Ratio,
    /// By how much the attempts vary more than independent ones.
    dispersion: f64,
    freedom: f64,
}

#[derive(Clone, Copy)]
struct Ratio {
    succeeded: u64,
    ended: u64,
}

impl Counted {
    /// `None`: one of the runs has no attempt that ended.
    pub(super) fn of(base: &RunSeries, run: &RunSeries, procedure: &str) -> Option<Self> {
        let units = |of: &'_ RunSeries| -> Vec<Unit> {
            let units = of.procedures.get(procedure).into_iter().flatten();
            units.filter(|unit| unit.ended > 0).cloned().collect()
        };
        let (of_base, of_run) = (units(base), units(run));
        let ratio = |units: &[Unit]| {
            let sum = |of: fn(&Unit) -> u64| units.iter().map(of).fold(0, u64::saturating_add);
            let ended = sum(|unit| unit.ended);
            (ended > 0).then(|| Ratio { succeeded: sum(|unit| unit.succeeded).min(ended), ended })
        };
        let (base, run) = (ratio(&of_base)?, ratio(&of_run)?);
        let (dispersion, freedom) = dispersion(&[(&of_base, base), (&of_run, run)]);
        Some(Self { base, run, dispersion, freedom })
    }

    /// Where the true difference lies, with this probability of being beyond either end. An error says why it is not told.
    pub(super) fn interval(&self, tail: f64) -> Result<Interval, String> {
        let critical = student_quantile_above(tail, self.freedom);
        let bounds = |ratio: Ratio| {
            // Wilson 1927.
            let (n, p) = (ratio.ended as f64 / self.dispersion, ratio.part());
            let squared = critical * critical;
            let middle = (p + squared / (2.0 * n)) / (1.0 + squared / n);
            let half = critical / (1.0 + squared / n) * (p * (1.0 - p) / n + squared / (4.0 * n * n)).sqrt();
            ((middle - half).max(0.0), (middle + half).min(1.0))
        };
        let (from, to) = (self.base.part(), self.run.part());
        let ((base_low, base_high), (run_low, run_high)) = (bounds(self.base), bounds(self.run));
        // Newcombe 1998.
        let low = to - from - (to - run_low).hypot(base_high - from);
        let high = to - from + (run_high - to).hypot(from - base_low);
        let differs = low > 0.0 || high < 0.0;
        if !differs && high - low > WIDEST {
            return Err(format!("{} and {} attempts are too few to tell", self.base.ended, self.run.ended));
        }
        if differs && self.exact() > 2.0 * tail {
            return Err(format!(
                "{} and {} attempts are too few to tell the two ratios apart",
                self.base.ended, self.run.ended
            ));
        }
        Ok(Interval { low, high })
    }

    /// Fisher's exact test, two-sided: how probable tables are that are no likelier than this one.
    fn exact(&self) -> f64 {
        let (n, m) = (self.base.ended, self.run.ended);
        let all = self.base.succeeded + self.run.succeeded;
        let log = |k: u64| ln_choose(n, k) + ln_choose(m, all - k) - ln_choose(n + m, all);
        let seen = log(self.base.succeeded);
        let (least, most) = (all.saturating_sub(m), all.min(n));
        if most - least > MOST_TABLES {
            // With so many attempts the normal distribution is as good.
            return 0.0;
        }
        (least..=most).map(log).filter(|log| *log <= seen + 1e-7).map(f64::exp).sum::<f64>().min(1.0)
    }
}

impl Ratio {
    fn part(self) -> f64 {
        self.succeeded as f64 / self.ended as f64
    }
}

/// How much more the attempts vary than independent ones, at least 1, and by how many degrees of freedom that is known. A few
/// intervals say little, so that a usual dispersion is counted among them.
fn dispersion(runs: &[(&Vec<Unit>, Ratio)]) -> (f64, f64) {
    let mut largest: Option<(f64, f64)> = None;
    for width in [1, 2, 4] {
        let (mut chi_squared, mut freedom) = (0.0, 0.0);
        for (units, ratio) in runs {
            let variance = ratio.part() * (1.0 - ratio.part());
            if variance <= 0.0 {
                // It says nothing: whatever varies is hidden behind the end of the scale.
                continue;
            }
            let batches = units.chunks(width).map(|batch| {
                let sum = |of: fn(&Unit) -> u64| batch.iter().map(of).fold(0, u64::saturating_add) as f64;
                let (succeeded, ended) = (sum(|unit| unit.succeeded), sum(|unit| unit.ended));
                (succeeded - ended * ratio.part()).powi(2) / (ended * variance)
            });
            let batches: Vec<f64> = batches.collect();
            chi_squared += batches.iter().sum::<f64>();
            freedom += batches.len().saturating_sub(1) as f64;
        }
        if freedom >= 1.0 {
            let known = freedom + USUAL_FREEDOM;
            let dispersion = ((chi_squared + USUAL_FREEDOM * USUAL_DISPERSION) / known).max(1.0);
            if largest.is_none_or(|(larger, _)| dispersion > larger) {
                largest = Some((dispersion, known.min(MUCH_FREEDOM)));
            }
        }
    }
    slow_movements(runs, largest).unwrap_or((1.0, MUCH_FREEDOM))
}

/// The same with what neighbouring intervals have in common, where there are enough of them to tell.
fn slow_movements(runs: &[(&Vec<Unit>, Ratio)], so_far: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let mut largest = so_far?;
    let mut freedom = USUAL_FREEDOM;
    for (units, ratio) in runs.iter().filter(|(units, _)| units.len() >= FEWEST_FOR_MOVEMENTS) {
        let binomial = ratio.ended as f64 * ratio.part() * (1.0 - ratio.part());
        if binomial <= 0.0 {
            continue;
        }
        let moves = units.iter().map(|unit| unit.succeeded as f64 - ratio.part() * unit.ended as f64);
        let LongRun { sum_variance, independent } = long_run(&moves.collect::<Vec<f64>>());
        freedom += (independent - 1.0).max(0.0);
        largest.0 = largest.0.max(sum_variance / binomial);
    }
    largest.1 = if freedom > USUAL_FREEDOM { largest.1.min(freedom) } else { largest.1 };
    Some(largest)
}

/// ln of n over k.
fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Exact for small numbers, Stirling's series beyond.
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let x = n as f64 + 1.0;
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_8 + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
}

/// The two-sided tail at which one of so many ratios may raise an alarm.
pub(super) fn tail_of_each(false_alarms: f64, ratios: usize) -> f64 {
    (false_alarms / 2.0 / ratios.max(1) as f64).min(normal_tail(0.0))
}

/// As good as the normal distribution.
const MUCH_FREEDOM: f64 = 1000.0;
/// Where attempts share the fate of their second a little, as if seen in so many intervals.
const USUAL_DISPERSION: f64 = 2.0;
const USUAL_FREEDOM: f64 = 4.0;
/// Fewer intervals say nothing about their neighbours.
const FEWEST_FOR_MOVEMENTS: usize = 8;
/// A wider interval says nothing.
const WIDEST: f64 = 0.5;
const MOST_TABLES: u64 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fishers_test_is_that_of_the_books() {
        let counted = |a: (u64, u64), b: (u64, u64)| Counted {
            base: Ratio { succeeded: a.0, ended: a.1 },
            run: Ratio { succeeded: b.0, ended: b.1 },
            dispersion: 1.0,
            freedom: 1000.0,
        };
        // Fisher's tea: 3 of 4 against 1 of 4.
        assert!((counted((3, 4), (1, 4)).exact() - 0.485_714).abs() < 1e-5);
        assert!((counted((5, 5), (0, 5)).exact() - 0.007_936_5).abs() < 1e-6);
        assert!((counted((1, 12), (9, 12)).exact() - 0.002_759_46).abs() < 1e-6);
        let few = counted((3, 3), (0, 3)).interval(0.01).unwrap_err();
        assert!(few.contains("too few"), "{few}");
    }
}
