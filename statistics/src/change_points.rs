//! Where a sequence of figures, one a run, changes its level: Pettitt's test (1979), on each part again.
//!
//! The test knows ranks alone: an outlier is one rank among others, and no distribution is assumed. Parts of fewer than
//! [`SHORTEST`] figures are not told apart.

use crate::drift::median_of_sorted;

/// A level begins here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The place of the first figure of the new level.
    pub at: usize,
    /// How probable so large a change is where there is none; of the part in which it was found.
    pub p_value: f64,
    /// The median before, back to the change point before.
    pub before: f64,
    /// The median after, up to the next change point.
    pub after: f64,
}

/// The change points of a sequence, in its order, at this probability of a false one in a part without any.
pub fn change_points(figures: &[f64], false_alarm: f64) -> Vec<ChangePoint> {
    let mut found = Vec::new();
    split(figures, 0, false_alarm, &mut found);
    found.sort_by_key(|(at, _)| *at);
    let edges: Vec<usize> =
        std::iter::once(0).chain(found.iter().map(|(at, _)| *at)).chain([figures.len()]).collect();
    let level = |part: usize| median(figures.get(edges[part]..edges[part + 1]).unwrap_or_default());
    let points = found.iter().enumerate();
    points
        .map(|(place, (at, p_value))| ChangePoint {
            at: *at,
            p_value: *p_value,
            before: level(place),
            after: level(place + 1),
        })
        .collect()
}

fn split(figures: &[f64], offset: usize, false_alarm: f64, found: &mut Vec<(usize, f64)>) {
    if figures.len() < 2 * SHORTEST {
        return;
    }
    let Some((at, p_value)) = pettitt(figures) else { return };
    if p_value > false_alarm {
        return;
    }
    found.push((offset + at, p_value));
    let (before, after) = figures.split_at(at);
    split(before, offset, false_alarm, found);
    split(after, offset + at, false_alarm, found);
}

/// Where the level changes, and the probability of so large a change where there is none: K = max |U|,
/// p ≈ 2 exp(−6 K² / (n³ + n²)).
fn pettitt(figures: &[f64]) -> Option<(usize, f64)> {
    let n = figures.len() as f64;
    let (mut u, mut k) = (0.0_f64, 0.0_f64);
    for figure in figures {
        // U of the split after this figure.
        u += figures.iter().map(|other| sign(*figure, *other)).sum::<f64>();
        k = k.max(u.abs());
    }
    let p = 2.0 * (-6.0 * k * k / (n.powi(3) + n.powi(2))).exp();
    Some((place(figures)?, p.min(1.0)))
}

/// The split that leaves the figures nearest to the medians of their sides: the place of K alone is drawn to whatever trend there
/// is within a side.
fn place(figures: &[f64]) -> Option<usize> {
    let spread = |side: &[f64]| {
        let level = median(side);
        side.iter().map(|figure| (figure - level).abs()).sum::<f64>()
    };
    let cost = |at: &usize| {
        let (before, after) = figures.split_at(*at);
        spread(before) + spread(after)
    };
    let last = figures.len().checked_sub(SHORTEST)?;
    (SHORTEST..=last).min_by(|a, b| cost(a).total_cmp(&cost(b)))
}

fn sign(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        Some(std::cmp::Ordering::Less) => -1.0,
        Some(std::cmp::Ordering::Greater) => 1.0,
        _ => 0.0,
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted).unwrap_or(f64::NAN)
}

/// Figures that a level has at least.
const SHORTEST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures around a level, the same at each call.
    fn around(level: f64, count: usize, seed: u64) -> Vec<f64> {
        let draw = |n: usize| {
            let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 40) as f64 / (1 << 24) as f64 - 0.5
        };
        (0..count).map(|n| level * (1.0 + 0.04 * draw(n))).collect()
    }

    #[test]
    fn a_step_is_found_at_its_place_with_both_levels() {
        let figures = [around(10.0, 12, 1), around(12.0, 8, 2)].concat();
        let found = change_points(&figures, 0.01);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].at, 12);
        assert!((found[0].before - 10.0).abs() < 0.3 && (found[0].after - 12.0).abs() < 0.3, "{found:?}");
        assert!(found[0].p_value < 0.01);
    }

    #[test]
    fn two_steps_are_two_and_an_outlier_is_none() {
        let figures = [around(10.0, 14, 1), around(14.0, 14, 2), around(9.0, 14, 3)].concat();
        let places: Vec<usize> = change_points(&figures, 0.05).iter().map(|point| point.at).collect();
        assert_eq!(places, [14, 28]);
        let mut outlier = around(10.0, 20, 4);
        outlier[9] = 500.0;
        assert_eq!(change_points(&outlier, 0.01), []);
    }

    #[test]
    fn figures_of_one_level_rarely_have_a_change_point() {
        let alarms = (0..400).filter(|seed| !change_points(&around(10.0, 30, seed * 7919), 0.01).is_empty());
        let alarms = alarms.count();
        assert!(alarms <= 12, "{alarms} of 400");
    }

    #[test]
    fn short_and_empty_sequences_have_none() {
        assert_eq!(change_points(&[], 0.05), []);
        assert_eq!(change_points(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.05), []);
        assert_eq!(change_points(&[7.0; 40], 0.05), []);
    }
}
