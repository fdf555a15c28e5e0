//! Does a figure rise or fall over a run? Theil and Sen's slope, with an interval that takes neighbours into account (ADR 15).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::distributions::student_quantile_above;
use crate::long_run;

/// A straight line through a figure over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// Change in an hour.
    pub per_h: f64,
    /// Lower end of the slope's interval.
    pub low_per_h: f64,
    /// Upper end.
    pub high_per_h: f64,
    /// The line's value at the first point.
    pub from: f64,
    /// The line's value at the last point.
    pub to: f64,
    /// The median of the figure.
    pub level: f64,
}

impl Trend {
    /// Whether the interval leaves out that nothing changes.
    pub fn is_certain(&self) -> bool {
        self.low_per_h > 0.0 || self.high_per_h < 0.0
    }

    /// What the line changes from its first point to its last.
    pub fn change(&self) -> f64 {
        self.to - self.from
    }
}

/// The trend of points (seconds, value), evenly spaced but for gaps. `doubt` is the part of series without any trend for which the
/// interval may leave out zero. `None`: fewer than [`FEWEST_POINTS`], or they swing too slowly for their number.
pub fn trend(points: &[(f64, f64)], doubt: f64) -> Option<Trend> {
    let n = points.len();
    if n < FEWEST_POINTS {
        return None;
    }
    let mut slopes: Vec<f64> = Vec::with_capacity(n * (n - 1) / 2);
    for (i, (from_s, from)) in points.iter().enumerate() {
        slopes.extend(points.iter().skip(i + 1).map(|(to_s, to)| (to - from) / (to_s - from_s)));
    }
    slopes.sort_by(f64::total_cmp);
    let slope = median_of_sorted(&slopes)?;
    let mut offsets: Vec<f64> = points.iter().map(|(at, value)| value - slope * at).collect();
    let residuals = offsets.clone();
    offsets.sort_by(f64::total_cmp);
    let offset = median_of_sorted(&offsets)?;
    // A line without any noise has nothing but rounding beside it.
    let grain = 1e-6 * offset.abs().max((slope * points[n - 1].0).abs());
    let residuals: Vec<f64> =
        residuals.into_iter().map(|residual| ((residual - offset) / grain.max(1e-300)).round()).collect();
    // By ranks: one wild point counts as one, as it does in the slope.
    let varied = long_run(&ranks(&residuals));
    if varied.independent < FEWEST_INDEPENDENT {
        return None;
    }
    let (count, pairs) = (n as f64, slopes.len() as f64);
    // Kendall's variance of the number of rising less falling pairs, and Sen 1968 for the slope.
    let variance = count * (count - 1.0) * (2.0 * count + 5.0) / 18.0
        // A line was taken out of the residuals, and with it a part of what they had in common.
        * (count / (varied.independent - 3.0));
    let half = student_quantile_above(doubt / 2.0, varied.independent - 2.0) * variance.sqrt();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the places of the list"
    )]
    let place = |at: f64| at.clamp(0.0, pairs - 1.0) as usize;
    if half >= pairs {
        return None;
    }
    let (low, high) =
        (slopes[place(((pairs - half) / 2.0).floor())], slopes[place(f64::midpoint(pairs, half).ceil())]);
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let (first, last) = (points[0].0, points[n - 1].0);
    Some(Trend {
        per_h: slope * 3600.0,
        low_per_h: low * 3600.0,
        high_per_h: high * 3600.0,
        from: offset + slope * first,
        to: offset + slope * last,
        level: median_of_sorted(&values)?,
    })
}

pub(crate) fn median_of_sorted(values: &[f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// Each value's place among all; those that are equal share the middle of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + equal / 2.0
    };
    values.iter().map(rank).collect()
}

/// Points without which a slope is not spoken of.
const FEWEST_POINTS: usize = 20;
/// Of them, as many as are as good as independent.
const FEWEST_INDEPENDENT: f64 = 6.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    /// 60 points a minute apart of a level of 100 that swings by 5, and rises by `per_h`.
    fn series(draws: &mut Draws, memory: f64, per_h: f64) -> Vec<(f64, f64)> {
        let mut state = draws.normal();
        let point = |i: i32| {
            state = memory * state + (1.0 - memory * memory).sqrt() * draws.normal();
            let at = f64::from(i) * 60.0;
            (at, 100.0 + 5.0 * state + per_h * at / 3600.0)
        };
        (0..60).map(point).collect()
    }

    #[test]
    fn series_without_a_trend_are_called_drifting_in_at_most_5_of_100() {
        let mut draws = Draws::new(31);
        for (memory, most) in [(0.0, 20), (0.3, 20), (0.5, 24), (0.7, 28)] {
            let trends: Vec<_> = (0..400).map(|_| trend(&series(&mut draws, memory, 0.0), 0.05)).collect();
            let alarms = trends.iter().flatten().filter(|trend| trend.is_certain()).count();
            println!(
                "seed 31, memory {memory}: {alarms} of 400 alarms, {} judged",
                trends.iter().flatten().count()
            );
            assert!(alarms <= most, "memory {memory}: {alarms} of 400");
        }
    }

    #[test]
    fn a_planted_drift_is_found_and_its_interval_holds_it() {
        let mut draws = Draws::new(32);
        let (mut found, mut held) = (0, 0);
        for _ in 0..200 {
            let Some(trend) = trend(&series(&mut draws, 0.3, 20.0), 0.05) else { continue };
            found += u32::from(trend.low_per_h > 0.0);
            held += u32::from(trend.low_per_h <= 20.0 && 20.0 <= trend.high_per_h);
        }
        assert!(found >= 190 && held >= 185, "found {found}, held {held} of 200, seed 32");
    }

    #[test]
    fn one_wild_stretch_bends_nothing() {
        let mut points = series(&mut Draws::new(33), 0.0, 0.0);
        let straight = trend(&points, 0.05).unwrap();
        for point in &mut points[50..54] {
            point.1 += 10_000.0;
        }
        let frozen = trend(&points, 0.05).unwrap();
        assert!(
            !frozen.is_certain() && (frozen.per_h - straight.per_h).abs() < 4.0,
            "{straight:?} {frozen:?}"
        );
        assert_eq!(trend(&points[..19], 0.05), None);
    }

    #[test]
    fn a_flat_line_is_flat() {
        let flat: Vec<(f64, f64)> = (0..30).map(|i| (f64::from(i), 7.0)).collect();
        let trend = trend(&flat, 0.05).unwrap();
        assert!(!trend.is_certain() && trend.change() == 0.0 && trend.level == 7.0, "{trend:?}");
    }
}
