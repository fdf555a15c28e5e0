//! Do two runs differ? Every figure with its interval, under one rate of false alarms for all of them together (ADR 15).
//!
//! Each figure of a run is a part of a whole: the attempts above a percentile's value, those that succeeded. Its variance comes
//! from the run's own seconds, with what neighbours have in common ([`long_run`](crate::long_run)); the interval of a percentile
//! is read from the run's merged histogram at parts a little below and above. The two intervals make that of the
//! difference, and a multiplier bootstrap over stretches of both runs says how wide all of them must be for the largest of
//! so many differences between equal runs.

mod family;
mod figure;
mod measured;
mod series;

use serde::Serialize;

pub use figure::{Figure, Percentile};
pub use series::{RunSeries, Unit};

use family::critical_values;
use measured::Measured;

/// What counts as a difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Of comparisons of equal runs, the part that may raise an alarm: 0.05.
    pub false_alarms: f64,
    /// Percentiles and rates that differ by less are no alarm, relative: 0.02.
    pub least_effect: f64,
    /// Success ratios that differ by less are no alarm, absolute: 0.001 is a tenth of a percentage point.
    pub least_success_effect: f64,
    /// Of the bootstrap.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { false_alarms: 0.05, least_effect: 0.02, least_success_effect: 0.001, seed: 1 }
    }
}

/// All figures of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What the judgement is by.
    pub settings: Settings,
    /// By procedure, in the order of the figures.
    pub findings: Vec<Finding>,
}

/// One figure of one procedure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which procedure.
    pub procedure: String,
    /// Which of its figures.
    pub figure: Figure,
    /// In the base run: µs, a part of 1, or per second. `None`: there is nothing to measure.
    pub base: Option<f64>,
    /// In the other run.
    pub run: Option<f64>,
    /// The difference: relative for times and rates, absolute for success ratios.
    pub difference: Option<f64>,
    /// Where the true difference lies; all intervals of a comparison hold together. `None`: it is not judged.
    pub interval: Option<Interval>,
    /// What it comes to.
    pub judgement: Judgement,
}

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a difference comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The run is worse: beyond chance, and by more than the least effect.
    Worse,
    /// The run is better, likewise.
    Better,
    /// No difference that chance does not explain, or none that matters.
    Same,
    /// The runs cannot tell, and why.
    NotJudged(String),
}

impl Comparison {
    /// Figures in which the run is worse.
    pub fn worse(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.judgement == Judgement::Worse)
    }

    /// Figures that could be judged at all.
    pub fn judged(&self) -> usize {
        self.findings.iter().filter(|finding| finding.interval.is_some()).count()
    }
}

/// Compares two runs.
pub fn compare(base: &RunSeries, run: &RunSeries, settings: &Settings) -> Comparison {
    let mut pairs: Vec<(String, Figure, Measured, Measured)> = Vec::new();
    for name in base
        .procedures
        .keys()
        .chain(run.procedures.keys().filter(|name| !base.procedures.contains_key(*name)))
    {
        for figure in Figure::ALL {
            let (of_base, of_run) = (Measured::of(base, name, figure), Measured::of(run, name, figure));
            if of_base.value.is_some() || of_run.value.is_some() {
                pairs.push((name.clone(), figure, of_base, of_run));
            }
        }
    }
    spread_slowness(&mut pairs);
    let judged: Vec<Option<(&Measured, &Measured)>> = pairs
        .iter()
        .map(|(_, _, base, run)| (base.too_few.is_none() && run.too_few.is_none()).then_some((base, run)))
        .collect();
    let mut critical = critical_values(&judged, settings).into_iter();
    let findings = pairs
        .iter()
        .zip(&judged)
        .map(|((name, figure, base, run), judged)| {
            let interval = judged.and_then(|(base, run)| interval(*figure, base, run, critical.next()?));
            finding(name, *figure, base, run, interval, settings)
        })
        .collect();
    Comparison { settings: *settings, findings }
}

/// The percentiles of a procedure move with one level: where one of them shows that it is too slow for the run's length, the
/// others only hide it in their noise.
fn spread_slowness(pairs: &mut [(String, Figure, Measured, Measured)]) {
    for group in pairs.chunk_by_mut(|a, b| a.0 == b.0) {
        let times = || |pair: &&mut (String, Figure, Measured, Measured)| pair.1.more_is_worse();
        let slow =
            group.iter_mut().filter(times()).any(|(_, _, base, run)| base.is_too_slow() || run.is_too_slow());
        if slow {
            group.iter_mut().filter(times()).for_each(|(_, _, base, _)| base.call_too_slow());
        }
    }
}

fn finding(
    procedure: &str,
    figure: Figure,
    base: &Measured,
    run: &Measured,
    interval: Option<Interval>,
    settings: &Settings,
) -> Finding {
    let difference = base.value.zip(run.value).map(|(base, run)| figure.difference(base, run));
    let least = if figure == Figure::Success { settings.least_success_effect } else { settings.least_effect };
    let judgement = match (interval, difference) {
        (Some(interval), Some(difference)) => {
            let beyond_chance = interval.low > 0.0 || interval.high < 0.0;
            match beyond_chance && difference.abs() >= least {
                false => Judgement::Same,
                true if (difference > 0.0) == figure.more_is_worse() => Judgement::Worse,
                true => Judgement::Better,
            }
        }
        _ => Judgement::NotJudged(reason(base, run)),
    };
    Finding {
        procedure: procedure.to_owned(),
        figure,
        base: base.value,
        run: run.value,
        difference,
        interval,
        judgement,
    }
}

fn reason(base: &Measured, run: &Measured) -> String {
    let of =
        |measured: &Measured, whose: &str| measured.too_few.as_ref().map(|why| format!("{whose} run: {why}"));
    let both = base
        .too_few
        .as_ref()
        .filter(|why| run.too_few.as_ref() == Some(*why))
        .map(|why| format!("both runs: {why}"));
    both.or_else(|| of(base, "base"))
        .or_else(|| of(run, "other"))
        .unwrap_or_else(|| "too few attempts beyond the percentile for an interval".to_owned())
}

/// The interval of the difference from those of its two parts, which need not be symmetric (MOVER: Zou and Donner 2008).
fn interval(figure: Figure, base: &Measured, run: &Measured, critical: f64) -> Option<Interval> {
    let scale = |value: f64| figure.on_scale(value);
    let ((base_low, base_high), (run_low, run_high)) = (base.bounds(critical)?, run.bounds(critical)?);
    let (from, to) = (scale(base.value?), scale(run.value?));
    let difference = to - from;
    let below = (to - scale(run_low)).hypot(scale(base_high) - from);
    let above = (scale(run_high) - to).hypot(from - scale(base_low));
    let ends = (figure.difference_of(difference - below), figure.difference_of(difference + above));
    (ends.0.is_finite() && ends.1.is_finite()).then_some(Interval { low: ends.0, high: ends.1 })
}
