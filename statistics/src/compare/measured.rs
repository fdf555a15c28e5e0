//! One figure of one run: its value, and what the run itself says about how far that may be off.

use super::{Figure, RunSeries, Unit};
use crate::{LongRun, Samples, long_run};

/// One figure of one run.
pub(super) struct Measured {
    /// `None`: there is nothing to measure.
    pub(super) value: Option<f64>,
    /// Why no interval can be given.
    pub(super) too_few: Option<String>,
    /// The figure as a part of a whole: which part, and of how many independent attempts.
    part: f64,
    effective: f64,
    /// For each unit from the run's start, how far it moves the part; together they have variance 1.
    pub(super) influence: Vec<f64>,
    /// Degrees of freedom of the variance.
    pub(super) freedom: f64,
    shape: Shape,
}

enum Shape {
    /// Where the merged histogram reaches a part.
    Percentile(Samples),
    /// The part itself, times something that is known.
    Times(f64),
}

impl Measured {
    pub(super) fn of(run: &RunSeries, procedure: &str, figure: Figure) -> Self {
        let units = run.procedures.get(procedure).map_or(&[][..], Vec::as_slice);
        let first = units.iter().position(|unit| !unit.is_idle()).unwrap_or(0);
        let end = units.iter().rposition(|unit| !unit.is_idle()).map_or(first, |last| last + 1);
        let active = units.get(first..end).unwrap_or_default();
        let measured = match figure {
            Figure::Latency(percentile) => Self::percentile(active, percentile.part(), |unit| &unit.latency),
            Figure::Service(percentile) => Self::percentile(active, percentile.part(), |unit| &unit.service),
            Figure::Success => Self::ratio(active, 1.0, |unit| (unit.succeeded, unit.ended)),
            Figure::Rate => Self::rate(run, procedure, active),
        };
        measured.placed(first, units.len())
    }

    /// The figure's interval, wider with a larger `critical` value. `None`: one end would be beyond what was seen.
    pub(super) fn bounds(&self, critical: f64) -> Option<(f64, f64)> {
        let (p, n) = (self.part, self.effective);
        match &self.shape {
            Shape::Percentile(samples) => {
                // Woodruff 1952: the part of attempts below the true percentile lies this far around `p`.
                let half = critical * (p * (1.0 - p) / n).sqrt();
                let within = p - half > 0.0 && (1.0 - p - half) * samples.count() as f64 >= 1.0;
                let read = |part| samples.quantile(part).map(|value| value as f64);
                within.then(|| Some((read(p - half)?, read(p + half)?)))?
            }
            Shape::Times(known) => {
                // Wilson 1927: sound also where nothing or everything succeeded.
                let squared = critical * critical;
                let middle = (p + squared / (2.0 * n)) / (1.0 + squared / n);
                let half =
                    critical / (1.0 + squared / n) * (p * (1.0 - p) / n + squared / (4.0 * n * n)).sqrt();
                Some(((middle - half).max(0.0) * known, (middle + half).min(1.0) * known))
            }
        }
    }

    /// It goes up and down too slowly for the run's length.
    pub(super) fn is_too_slow(&self) -> bool {
        self.too_few.as_deref() == Some(TOO_SLOW)
    }

    pub(super) fn call_too_slow(&mut self) {
        self.too_few.get_or_insert_with(|| TOO_SLOW.to_owned());
    }

    /// The variance of the part.
    pub(super) fn variance(&self) -> f64 {
        (self.part * (1.0 - self.part)).max(1e-9) / self.effective.max(1.0)
    }

    fn percentile(units: &[Unit], part: f64, of: fn(&Unit) -> &Samples) -> Self {
        let samples = Samples::merged(units.iter().map(of));
        let count = samples.count();
        let Some(value) = samples.quantile(part) else { return Self::nothing() };
        let above = samples.above(value) as f64 / count as f64;
        let moves = units.iter().map(|unit| of(unit).above(value) as f64 - above * of(unit).count() as f64);
        let beyond = count as f64 * (1.0 - part);
        let too_few = (beyond < FEWEST_BEYOND).then(|| {
            format!(
                "{count} attempts succeeded, {:.0} are needed for this percentile",
                FEWEST_BEYOND / (1.0 - part)
            )
        });
        let mut measured = Self::new(value as f64, part, count as f64, moves.collect());
        measured.too_few = too_few.or(measured.too_few);
        measured.shape = Shape::Percentile(samples);
        measured
    }

    fn ratio(units: &[Unit], times: f64, of: fn(&Unit) -> (u64, u64)) -> Self {
        let sum = |of: fn((u64, u64)) -> u64, unit: fn(&Unit) -> (u64, u64)| {
            units.iter().map(|u| of(unit(u))).fold(0, u64::saturating_add)
        };
        let (part, whole) = (sum(|pair| pair.0, of), sum(|pair| pair.1, of));
        if whole == 0 {
            return Self::nothing();
        }
        let ratio = (part as f64 / whole as f64).min(1.0);
        let moves = units.iter().map(|unit| of(unit).0 as f64 - ratio * of(unit).1 as f64);
        let mut measured = Self::new(ratio * times, ratio, whole as f64, moves.collect());
        measured.shape = Shape::Times(times);
        measured
    }

    /// What comes due is known where all of it was planned; chance is only in what succeeds of it.
    fn rate(run: &RunSeries, procedure: &str, units: &[Unit]) -> Self {
        let due: u64 = units.iter().map(|unit| unit.due).sum();
        let due_per_s = due as f64 / run.planned_s.max(f64::MIN_POSITIVE);
        let mut measured = Self::ratio(units, due_per_s, |unit| (unit.succeeded, unit.due));
        if measured.value.is_some() && run.planned.get(procedure) != Some(&due) {
            measured.too_few = Some("not all of it came due by the plan".to_owned());
        }
        measured
    }

    fn new(value: f64, part: f64, count: f64, moves: Vec<f64>) -> Self {
        let LongRun { sum_variance, independent } = long_run(&moves);
        let binomial = count * part * (1.0 - part);
        // Attempts that are more regular than chance are taken as chance: that errs on the side of caution.
        let alike = if binomial > 0.0 { (sum_variance / binomial).max(1.0) } else { 1.0 };
        let too_few = if moves.len() < FEWEST_UNITS {
            Some(format!("it lasted {} intervals, {FEWEST_UNITS} are needed", moves.len()))
        } else if independent < FEWEST_INDEPENDENT {
            Some(TOO_SLOW.to_owned())
        } else {
            None
        };
        let scale = if sum_variance > 0.0 { sum_variance.sqrt().recip() } else { 0.0 };
        Self {
            value: Some(value),
            too_few,
            part,
            effective: count / alike,
            influence: moves.into_iter().map(|moved| moved * scale).collect(),
            freedom: (independent - 1.0).max(1.0),
            shape: Shape::Times(1.0),
        }
    }

    fn nothing() -> Self {
        Self {
            value: None,
            too_few: Some("there is nothing to measure".to_owned()),
            part: 0.0,
            effective: 1.0,
            influence: Vec::new(),
            freedom: 1.0,
            shape: Shape::Times(1.0),
        }
    }

    /// Puts the active units where they were in the run.
    fn placed(mut self, first: usize, all: usize) -> Self {
        let mut influence = vec![0.0; first];
        influence.append(&mut self.influence);
        influence.resize(all, 0.0);
        self.influence = influence;
        self
    }
}

const TOO_SLOW: &str = "it goes up and down too slowly for its length: a longer run is needed";
/// Attempts beyond a percentile without which its interval would be guesswork.
const FEWEST_BEYOND: f64 = 20.0;
/// Units without which nothing can be said about how they resemble each other.
const FEWEST_UNITS: usize = 60;
/// Stretches that are as good as independent.
const FEWEST_INDEPENDENT: f64 = 8.0;
