//! Do two runs differ? Every figure with its interval, under one rate of false alarms for all of them together (ADR 15).
//!
//! Each figure of a run is a part of a whole: the attempts above a percentile's value, those that succeeded. Its variance comes
//! from the run's own seconds, with what neighbours have in common ([`long_run`](crate::long_run)); the interval of a percentile
//! is read from the run's merged histogram at parts a little below and above. The two intervals make that of the
//! difference, and a multiplier bootstrap over stretches of both runs says how wide all of them must be for the largest of
//! so many differences between equal runs.

mod apart;
mod counts;
mod family;
mod figure;
mod measured;
mod series;

use serde::Serialize;

pub use figure::{Figure, Percentile};
pub use series::{RunSeries, Unit};

use counts::Counted;
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
    /// What the judgement rests on, where it is not the interval of the whole comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
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
        self.findings.iter().filter(|finding| !matches!(finding.judgement, Judgement::NotJudged(_))).count()
    }
}

/// Compares two runs.
pub fn compare(base: &RunSeries, run: &RunSeries, settings: &Settings) -> Comparison {
    let mut pairs: Vec<Pair> = Vec::new();
    for name in base
        .procedures
        .keys()
        .chain(run.procedures.keys().filter(|name| !base.procedures.contains_key(*name)))
    {
        for figure in Figure::ALL {
            let (of_base, of_run) = (Measured::of(base, name, figure), Measured::of(run, name, figure));
            if of_base.value.is_some() || of_run.value.is_some() {
                pairs.push(Pair { procedure: name.clone(), figure, base: of_base, run: of_run });
            }
        }
    }
    spread_slowness(&mut pairs);
    let by_counts: Vec<&Pair> = pairs.iter().filter(|pair| pair.is_for_counts()).collect();
    // Both ways to judge share the false alarms that are allowed.
    let (alarms, tail) = match by_counts.len() {
        0 => (settings.false_alarms, 0.0),
        ratios => (settings.false_alarms / 2.0, counts::tail_of_each(settings.false_alarms / 2.0, ratios)),
    };
    let judged: Vec<Option<(&Measured, &Measured)>> =
        pairs.iter().map(|pair| pair.is_judged().then_some((&pair.base, &pair.run))).collect();
    let of_family = Settings { false_alarms: alarms, ..*settings };
    let mut critical = critical_values(&judged, &of_family).into_iter();
    let mut findings: Vec<Finding> = Vec::with_capacity(pairs.len());
    for (pair, judged) in pairs.iter().zip(&judged) {
        let interval = judged.and_then(|(base, run)| interval(pair.figure, base, run, critical.next()?));
        let finding = match interval {
            None if pair.is_for_counts() => by_counts_of(pair, base, run, tail, settings),
            _ => pair.finding(interval, settings),
        };
        findings.push(finding);
    }
    judge_what_is_missing(&mut findings, base, run);
    judge_what_lies_apart(&mut findings, base, run, settings);
    Comparison { settings: *settings, findings }
}

/// One figure of both runs.
struct Pair {
    procedure: String,
    figure: Figure,
    base: Measured,
    run: Measured,
}

impl Pair {
    /// Whether both runs say how far their figure may be off.
    fn is_judged(&self) -> bool {
        self.base.too_few.is_none() && self.run.too_few.is_none()
    }

    /// Whether it is left to the counts alone.
    fn is_for_counts(&self) -> bool {
        self.figure == Figure::Success
            && !self.is_judged()
            && self.base.value.is_some()
            && self.run.value.is_some()
    }

    fn finding(&self, interval: Option<Interval>, settings: &Settings) -> Finding {
        let values = self.base.value.zip(self.run.value);
        let difference = values.map(|(base, run)| self.figure.difference(base, run));
        let judgement = match (interval, difference) {
            (Some(interval), Some(difference)) => judgement(self.figure, interval, difference, settings),
            _ => Judgement::NotJudged(reason(&self.base, &self.run)),
        };
        Finding {
            procedure: self.procedure.clone(),
            figure: self.figure,
            base: self.base.value,
            run: self.run.value,
            difference,
            interval,
            judgement,
            basis: None,
        }
    }
}

fn judgement(figure: Figure, interval: Interval, difference: f64, settings: &Settings) -> Judgement {
    let least = if figure == Figure::Success { settings.least_success_effect } else { settings.least_effect };
    let beyond_chance = interval.low > 0.0 || interval.high < 0.0;
    match beyond_chance && difference.abs() >= least {
        false => Judgement::Same,
        true if (difference > 0.0) == figure.more_is_worse() => Judgement::Worse,
        true => Judgement::Better,
    }
}

/// A success ratio by its counts, where the runs are too short or too slow to say how they vary.
fn by_counts_of(pair: &Pair, base: &RunSeries, run: &RunSeries, tail: f64, settings: &Settings) -> Finding {
    let mut finding = pair.finding(None, settings);
    let interval = Counted::of(base, run, &pair.procedure).map(|counted| counted.interval(tail));
    match interval.zip(finding.difference) {
        Some((Ok(interval), difference)) => {
            finding.judgement = judgement(pair.figure, interval, difference, settings);
            finding.interval = Some(interval);
            finding.basis = Some("by its counts".to_owned());
        }
        Some((Err(why), _)) => finding.judgement = Judgement::NotJudged(why),
        None => {}
    }
    finding
}

/// What only one run has of something that both planned: times of a run in which nothing succeeded are worse, not unknown.
fn judge_what_is_missing(findings: &mut [Finding], base: &RunSeries, run: &RunSeries) {
    let ended = |of: &RunSeries, name: &str| {
        let units = of.procedures.get(name).into_iter().flatten();
        units.fold((0u64, 0u64), |(ended, succeeded), unit| {
            (ended.saturating_add(unit.ended), succeeded.saturating_add(unit.succeeded))
        })
    };
    let planned = |of: &RunSeries, name: &str| of.planned.get(name).is_some_and(|planned| *planned > 0);
    let success: Vec<(String, Judgement)> = findings
        .iter()
        .filter(|finding| finding.figure == Figure::Success)
        .map(|finding| (finding.procedure.clone(), finding.judgement.clone()))
        .collect();
    for finding in findings {
        let name = finding.procedure.clone();
        if !(planned(base, &name) && planned(run, &name)) || finding.base.is_some() == finding.run.is_some() {
            continue;
        }
        let (with, without, worse) = match finding.base {
            Some(_) => (base, run, Judgement::Worse),
            None => (run, base, Judgement::Better),
        };
        let which = if worse == Judgement::Worse { "other run" } else { "base run" };
        let (all, _) = ended(without, &name);
        let (_, succeeded) = ended(with, &name);
        let of_success = success.iter().find(|(of, _)| *of == name).map(|(_, judgement)| judgement);
        let (proven, why) = match all {
            // Of very few attempts chance may have taken all.
            0 => (succeeded >= FEWEST_TO_MISS, format!("{which}: nothing of it ended")),
            _ => (of_success == Some(&worse), format!("{which}: nothing succeeded, so there is no time")),
        };
        if proven {
            finding.judgement = worse;
            finding.basis = Some(why);
        } else {
            finding.judgement = Judgement::NotJudged(why);
        }
    }
}

/// Times without an interval that lie further apart than either run moved.
fn judge_what_lies_apart(findings: &mut [Finding], base: &RunSeries, run: &RunSeries, settings: &Settings) {
    let open = findings.iter_mut().filter(|finding| {
        matches!(finding.judgement, Judgement::NotJudged(_))
            && finding.base.is_some()
            && finding.run.is_some()
    });
    for finding in open {
        let Some(apart) = apart::apart(base, run, &finding.procedure, finding.figure) else { continue };
        if finding.difference.is_none_or(|difference| difference.abs() < settings.least_effect) {
            continue;
        }
        finding.judgement = if apart > 0.0 { Judgement::Worse } else { Judgement::Better };
        finding.basis = Some("every stretch of one run is far beyond every stretch of the other".to_owned());
    }
}

/// The percentiles of a procedure move with one level: where one of them shows that it is too slow for the run's length, the
/// others of the same run only hide it in their noise.
fn spread_slowness(pairs: &mut [Pair]) {
    for group in pairs.chunk_by_mut(|a, b| a.procedure == b.procedure) {
        let of: [fn(&mut Pair) -> &mut Measured; 2] = [|pair| &mut pair.base, |pair| &mut pair.run];
        for measured in of {
            let times = |pair: &&mut Pair| pair.figure.more_is_worse();
            if group.iter_mut().filter(times).any(|pair| measured(pair).is_too_slow()) {
                group.iter_mut().filter(times).for_each(|pair| measured(pair).call_too_slow());
            }
        }
    }
}

/// Every reason of both runs, each with whose it is.
fn reason(base: &Measured, run: &Measured) -> String {
    match (&base.too_few, &run.too_few) {
        (Some(why), Some(also)) if why == also => format!("both runs: {why}"),
        (Some(why), Some(also)) => format!("base run: {why}; other run: {also}"),
        (Some(why), None) => format!("base run: {why}"),
        (None, Some(why)) => format!("other run: {why}"),
        (None, None) => "too few attempts beyond the percentile for an interval".to_owned(),
    }
}

/// A procedure of the plan of which this many succeeded once does not vanish by chance.
const FEWEST_TO_MISS: u64 = 20;

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
