//! How latencies were spread over time: a heat map of one procedure, a column for each stretch and a row for each range.

use std::fmt::Write;

use maud::{Markup, html};
use statistics::{RunSeries, Samples};

use super::Run;
use super::axis::{Axis, clock};
use super::figures::{Unit, count, latency, title};

/// The map of one procedure; nothing where there is too little to be a map.
pub(super) fn map(run: &Run<'_>, name: &str) -> Markup {
    let heat = run.besides.latencies.and_then(|series| Heat::of(series, name));
    html! { @if let Some(heat) = heat { (heat.draw(name)) } }
}

/// Counts by stretch of time and range of latency.
struct Heat {
    from_s: f64,
    column_s: f64,
    /// The lowest latency of the first row, µs.
    low_us: f64,
    rows: usize,
    /// By column and row.
    counts: Vec<Vec<u64>>,
}

impl Heat {
    fn of(series: &RunSeries, name: &str) -> Option<Self> {
        let units = series.procedures.get(name)?;
        let has = |unit: &statistics::Unit| unit.latency.count() > 0;
        let (first, last) = (units.iter().position(has)?, units.iter().rposition(has)?);
        let measured = units.get(first..=last)?;
        let all = Samples::merged(measured.iter().map(|unit| &unit.latency));
        // What is not a map is read better from the lines.
        if measured.len() < FEWEST_COLUMNS || all.count() < FEWEST_SAMPLES {
            return None;
        }
        let (low, high) = (all.quantile(0.0)?.max(1) as f64, all.quantile(1.0)?.max(1) as f64);
        let low_row = row_of(low);
        let rows = usize::try_from(row_of(high) - low_row + 1).ok()?.min(MOST_ROWS);
        let together = measured.len().div_ceil(MOST_COLUMNS);
        let column = |units: &[statistics::Unit]| {
            let mut counts = vec![0u64; rows];
            for (value, n) in units.iter().flat_map(|unit| unit.latency.pairs()) {
                let row = usize::try_from(row_of(*value as f64) - low_row).unwrap_or(0).min(rows - 1);
                if let Some(cell) = counts.get_mut(row) {
                    *cell = cell.saturating_add(*n);
                }
            }
            counts
        };
        Some(Self {
            from_s: first as f64 * series.unit_s,
            column_s: together as f64 * series.unit_s,
            low_us: floor_of(low_row),
            rows,
            counts: measured.chunks(together).map(column).collect(),
        })
    }

    fn draw(&self, name: &str) -> Markup {
        let most = self.counts.iter().flatten().copied().max().unwrap_or(1).max(1);
        let to_s = self.from_s + self.column_s * self.counts.len() as f64;
        let high_us = self.low_us * STEP.powi(i32::try_from(self.rows).unwrap_or(i32::MAX));
        let (x, y) = (Axis::time(self.from_s, to_s), Axis::decades(self.low_us, high_us, Unit::Microseconds));
        let (width, height) = (WIDTH / self.counts.len() as f64, HEIGHT / self.rows as f64);
        let mut levels = vec![String::new(); LEVELS];
        for (column, counts) in self.counts.iter().enumerate() {
            for (row, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                // By its root, so that what is rare is seen beside what is frequent.
                let share = (*n as f64 / most as f64).sqrt();
                let level =
                    (1..LEVELS).rev().find(|level| share > *level as f64 / LEVELS as f64).unwrap_or(0);
                let (left, top) = (column as f64 * width, HEIGHT - (row + 1) as f64 * height);
                if let Some(path) = levels.get_mut(level) {
                    let _ = write!(path, "M{left:.1} {top:.1}h{width:.1}v{height:.1}h-{width:.1}z");
                }
            }
        }
        let text = format!(
            "{}: how many attempts took how long, from {} to {}. Latencies from {} to {}; at most {} attempts in a field.",
            title(name),
            clock(self.from_s),
            clock(to_s),
            latency(self.low_us),
            latency(high_us),
            count(most)
        );
        html! {
            figure.chart.heatmap {
                figcaption { "Latency heat map" span.quiet { " · log scale · the darker, the more attempts; the darkest " (count(most)) } }
                div.frame {
                    div.y aria-hidden="true" { @for (value, label) in &y.ticks { span style=(format!("bottom:{:.2}%", y.position(*value) * 100.0)) { (label) } } }
                    div.plot.still role="img" aria-label=(text) {
                        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                            @for (level, path) in levels.iter().enumerate() { path class={ "h" (level) } d=(path) {} }
                        }
                    }
                    div.x aria-hidden="true" { @for (value, label) in &x.ticks { span style=(format!("left:{:.2}%", x.position(*value) * 100.0)) { (label) } } }
                }
            }
        }
    }
}

/// In which row a latency lies, counted from 1 µs.
fn row_of(us: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm is short")]
    let row = (us.max(1.0).ln() / STEP.ln() + 1e-9).floor() as i64;
    row
}

fn floor_of(row: i64) -> f64 {
    STEP.powi(i32::try_from(row).unwrap_or(i32::MAX))
}

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 400.0;
/// From one row to the next: ten to a decade.
const STEP: f64 = 1.258_925_411_794_167_3;
const MOST_COLUMNS: usize = 120;
const MOST_ROWS: usize = 60;
const FEWEST_COLUMNS: usize = 5;
const FEWEST_SAMPLES: u64 = 50;
/// Shades.
const LEVELS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use statistics::Unit;
    use std::collections::BTreeMap;

    fn series(units: Vec<Unit>) -> RunSeries {
        let procedures = BTreeMap::from([("registration".to_owned(), units)]);
        RunSeries { unit_s: 1.0, procedures, ..RunSeries::default() }
    }

    fn unit(pairs: &[(u64, u64)]) -> Unit {
        Unit { latency: Samples::new(pairs.to_vec()), ..Unit::default() }
    }

    #[test]
    fn every_attempt_is_in_the_field_of_its_second_and_its_latency() {
        let mut units = vec![unit(&[(100_000, 20), (125_000, 10)]); 10];
        units[7] = unit(&[(1_000_000, 3)]);
        let heat = Heat::of(&series(units), "registration").unwrap();
        assert_eq!((heat.counts.len(), heat.rows, heat.from_s), (10, 11, 0.0));
        assert!((heat.low_us - 100_000.0).abs() < 1.0, "{}", heat.low_us);
        assert_eq!((heat.counts[0][0], heat.counts[0][1]), (30, 0), "125 ms is below 125.9 ms");
        assert_eq!((heat.counts[7][0], heat.counts[7][10]), (0, 3));
        let page = heat.draw("registration").into_string();
        assert!(page.contains("at most 30 attempts in a field"), "{page}");
        assert!(page.contains("<path class=\"h5\" d=\"M0.0 363.6h100.0"), "{page}");
    }

    #[test]
    fn eight_hours_have_no_more_columns_than_can_be_seen() {
        let heat = Heat::of(&series(vec![unit(&[(1_000, 1)]); 3_600]), "registration").unwrap();
        assert_eq!((heat.counts.len(), heat.column_s), (120, 30.0));
        assert_eq!(heat.counts.iter().flatten().sum::<u64>(), 3_600);
    }

    #[test]
    fn few_seconds_are_no_map() {
        assert!(Heat::of(&series(vec![unit(&[(1_000, 100)]); 4]), "registration").is_none());
        assert!(Heat::of(&series(vec![Unit::default(); 40]), "registration").is_none());
        assert!(Heat::of(&series(Vec::new()), "deregistration").is_none());
    }
}
