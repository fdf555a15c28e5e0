//! Axes of a chart: where a value lies between the two ends, and which values get a label.

use super::figures::{Unit, duration};

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Decades are equally wide.
    Log,
    /// For percentiles: each further nine (90, 99, 99.9, …) is equally wide, as HdrHistogram plots them.
    Nines,
}

/// One axis with its labelled values.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Value and label, in rising order.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds `values` (all of them finite) and zero, or only their decades where they span several.
    pub(super) fn for_values(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values {
            high = high.max(value);
            if value > 0.0 {
                low = low.min(value);
            }
        }
        // Latencies of a frozen core are a hundred times the usual ones: only a log axis shows both.
        if unit == Unit::Microseconds && high > low * 20.0 {
            Self::log(low, high, unit)
        } else {
            Self::linear(high, unit)
        }
    }

    fn linear(high: f64, unit: Unit) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let mut step = round_up(high / 4.0);
        if unit == Unit::Count || unit == Unit::PerSecond {
            step = step.max(1.0);
        }
        let steps = (high / step).ceil();
        let ticks = counted(steps).map(|i| (i * step, unit.round(i * step))).collect();
        Self { scale: Scale::Linear, min: 0.0, max: steps * step, ticks }
    }

    fn log(low: f64, high: f64, unit: Unit) -> Self {
        let decade = 10_f64.powf(low.log10().floor());
        let min = [5.0, 2.0].into_iter().map(|m| m * decade).find(|start| *start <= low).unwrap_or(decade);
        let mut max = min;
        while max < high {
            max = round_up(max * 1.01);
        }
        let decades = (max / min).log10();
        let between: &[f64] = if decades > 4.0 {
            &[1.0]
        } else if decades > 2.5 {
            &[1.0, 3.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let mut ticks = Vec::new();
        let mut decade = decade;
        while decade <= max {
            ticks.extend(
                between
                    .iter()
                    .map(|m| m * decade)
                    .filter(|v| *v >= min * 0.999 && *v <= max * 1.001)
                    .map(|v| (v, unit.show(v))),
            );
            decade *= 10.0;
        }
        Self { scale: Scale::Log, min, max, ticks }
    }

    /// An axis of decades from one value to another, whatever lies between.
    pub(super) fn decades(low: f64, high: f64, unit: Unit) -> Self {
        let axis = Self::log(low, high, unit);
        let ticks = axis.ticks.into_iter().filter(|(value, _)| (low * 0.99..=high * 1.01).contains(value));
        Self { min: low, max: high, ticks: ticks.collect(), ..axis }
    }

    /// Seconds since the start of the run.
    pub(super) fn time(from_s: f64, to_s: f64) -> Self {
        const STEPS: [f64; 15] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
            14_400.0,
        ];
        let min = from_s.min(to_s);
        let max = if to_s > min { to_s } else { min + 1.0 };
        let wanted = (max - min) / 8.0;
        let step = STEPS.into_iter().find(|step| *step >= wanted).unwrap_or_else(|| round_up(wanted));
        let first = (min / step).ceil();
        let ticks = counted((max / step).floor() - first).map(|i| (first + i) * step);
        Self { scale: Scale::Linear, min, max, ticks: ticks.map(|at| (at, clock(at))).collect() }
    }

    /// Percentiles from 0 to `max` (below 100).
    pub(super) fn percentiles(max: f64) -> Self {
        const LABELLED: [(f64, &str); 9] = [
            (0.0, "0"),
            (50.0, "50"),
            (90.0, "90"),
            (99.0, "99"),
            (99.9, "99.9"),
            (99.99, "99.99"),
            (99.999, "99.999"),
            (99.9999, "99.9999"),
            (99.99999, "99.99999"),
        ];
        let ticks =
            LABELLED.iter().filter(|(p, _)| *p <= max + 1e-9).map(|(p, label)| (*p, (*label).to_owned()));
        let mut axis = Self { scale: Scale::Nines, min: 0.0, max, ticks: ticks.collect() };
        if axis.ticks.last().is_none_or(|(last, _)| axis.position(*last) < 0.92) {
            axis.ticks.push((max, "max".to_owned()));
        }
        axis
    }

    /// Where `value` lies: 0 at the minimum, 1 at the maximum; values outside are moved to the nearer end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let spread = |v: f64| match self.scale {
            Scale::Linear => v,
            Scale::Log => v.max(self.min).log10(),
            Scale::Nines => nines(v),
        };
        let (min, max) = (spread(self.min), spread(self.max));
        ((spread(value) - min) / (max - min)).clamp(0.0, 1.0)
    }
}

/// 90 is 1, 99 is 2, 99.9 is 3; 100 is far out, not infinite.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(1e-12).log10()
}

/// `1:05`, or `2:03:00` from an hour on; within the first minute as plain seconds.
pub(super) fn clock(seconds: f64) -> String {
    let all = seconds.round();
    let (hours, minutes, rest) = ((all / 3600.0).floor(), (all % 3600.0 / 60.0).floor(), all % 60.0);
    match all {
        _ if all < 0.0 || all.fract() != 0.0 => duration(seconds),
        _ if hours > 0.0 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{minutes}:{rest:02}"),
    }
}

/// The next of 1, 2, 5, 10, 20, 50, … that is not below `value`.
pub(super) fn round_up(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * decade)
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(value)
}

/// 0, 1, … up to `last`, at most 20 of them.
fn counted(last: f64) -> impl Iterator<Item = f64> {
    (0..20_u32).map(f64::from).take_while(move |i| *i <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_holds_every_value_between_its_ends() {
        for high in [0.0, 0.4, 1.0, 3.0, 7.0, 12.0, 99.0, 1012.0, 5e6] {
            for unit in [Unit::Count, Unit::Microseconds] {
                let axis = Axis::for_values([high / 3.0, high].into_iter(), unit);
                assert!(axis.max >= high && axis.min <= high / 3.0, "{axis:?} for {high}");
                assert!((3..=12).contains(&axis.ticks.len()) || high < 2.0, "{axis:?} for {high}");
            }
        }
    }

    #[test]
    fn ticks_of_percent_are_whole_numbers_where_they_can_be() {
        let labels = |high| -> Vec<String> {
            let axis = Axis::for_values([0.0, high].into_iter(), Unit::Percent);
            axis.ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert!(labels(100.0).contains(&"50 %".to_owned()), "{:?}", labels(100.0));
        assert!(labels(1.0).contains(&"0.50 %".to_owned()), "{:?}", labels(1.0));
    }

    #[test]
    fn widely_spread_latencies_get_a_log_axis() {
        let axis = Axis::for_values([900.0, 1_400_000.0].into_iter(), Unit::Microseconds);
        assert_eq!((axis.scale, axis.min, axis.max), (Scale::Log, 500.0, 2_000_000.0));
        assert!((axis.position(500.0), axis.position(2e6)) == (0.0, 1.0));
        assert_eq!(Axis::for_values([900.0, 1_400.0].into_iter(), Unit::Microseconds).scale, Scale::Linear);
    }

    #[test]
    fn each_further_nine_is_equally_wide() {
        let axis = Axis::percentiles(99.99);
        assert!((axis.position(90.0) - 0.25).abs() < 1e-9 && (axis.position(99.0) - 0.5).abs() < 1e-9);
        assert_eq!(axis.position(100.0), 1.0);
    }

    #[test]
    fn time_ticks_stay_few_for_any_length() {
        for length in [0.0, 1.0, 9.0, 61.0, 3600.0, 28_800.0, 1e7, 1e15] {
            let axis = Axis::time(0.0, length);
            assert!((1..=12).contains(&axis.ticks.len()), "{length}: {axis:?}");
        }
    }
}
