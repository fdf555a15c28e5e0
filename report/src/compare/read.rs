//! A run folder as series over time: counts from `timeline.ndjson`, latencies from `histograms.hlog`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use results::{FolderError, Interval, Summary, folder, is_own_reason};
use statistics::{RunSeries, Samples, Unit};

use super::ComparedRun;

/// What a folder holds of a run.
pub struct RunRead {
    /// `summary.json`.
    pub summary: Summary,
    /// `scenario.yaml`.
    pub scenario: String,
    /// Counts and latencies over time.
    pub series: RunSeries,
}

/// Reads the folder of a run that has ended.
///
/// # Errors
/// A file of it cannot be read, or holds something else than a run writes.
pub fn read_run(folder: &Path) -> Result<RunRead, FolderError> {
    let summary = folder::summary(folder)?;
    let scenario = folder::read(&folder.join("scenario.yaml"))?;
    let mut series = read_series(folder, &folder::timeline(folder)?)?;
    series.procedures.remove(LATENESS);
    series.planned_s = summary.planned_s;
    series.planned = folder::planned(folder)?;
    Ok(RunRead { summary, scenario, series })
}

/// What a folder holds over time; how late attempts left stands there as the procedure [`LATENESS`].
pub(crate) fn read_series(folder: &Path, timeline: &[Interval]) -> Result<RunSeries, FolderError> {
    let mut series = counts(timeline);
    let length = series.procedures.values().map(Vec::len).max().unwrap_or(0);
    series.procedures.insert(LATENESS.to_owned(), vec![Unit::default(); length]);
    add_latencies(&folder.join("histograms.hlog"), &mut series)?;
    series.coarsen();
    Ok(series)
}

impl RunRead {
    pub(super) fn described(self, folder: &Path) -> ComparedRun {
        let Self { summary, .. } = self;
        ComparedRun {
            folder: folder.to_owned(),
            run_id: summary.run_id.clone(),
            scenario: summary.scenario.clone(),
            verdict: summary.verdict.status.as_str().to_owned(),
            target: summary.target.clone(),
            started_at: summary.started_at.clone(),
            summary,
        }
    }
}

/// The units are the time line's entries, which are of equal length.
fn counts(timeline: &[Interval]) -> RunSeries {
    // What the fleet gave up for reasons of its own says nothing of the target.
    let of_target = |by_cause: &BTreeMap<String, u64>| {
        let causes = by_cause.iter().filter(|(cause, _)| !is_own_reason(cause));
        causes.fold(0, |sum: u64, (_, n)| sum.saturating_add(*n))
    };
    let unit_s = timeline.first().map_or(1, |entry| entry.for_s).max(1);
    let place = |entry: &Interval| usize::try_from(entry.at_s / unit_s).unwrap_or(usize::MAX);
    let length =
        timeline.iter().map(place).max().map_or(0, |last| last.saturating_add(1)).min(MOST_INTERVALS);
    let mut series = RunSeries { unit_s: unit_s as f64, ..RunSeries::default() };
    for entry in timeline {
        for (name, figures) in &entry.procedures {
            let units =
                series.procedures.entry(name.clone()).or_insert_with(|| vec![Unit::default(); length]);
            let Some(unit) = units.get_mut(place(entry)) else { continue };
            unit.due = figures.due;
            unit.succeeded = figures.succeeded;
            let others = [of_target(&figures.failed), figures.timed_out, of_target(&figures.abandoned)];
            unit.ended = others.into_iter().fold(unit.succeeded, u64::saturating_add);
        }
    }
    series
}

fn add_latencies(path: &Path, series: &mut RunSeries) -> Result<(), FolderError> {
    let octets = folder::read_octets(path)?;
    let broken = |what: String| FolderError::Unreadable {
        path: PathBuf::from(path),
        source: io::Error::new(io::ErrorKind::InvalidData, what),
    };
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(&octets) {
        let LogEntry::Interval(interval) = entry.map_err(|error| broken(format!("{error:?}")))? else {
            continue;
        };
        let Some(tag) = interval.tag() else { continue };
        let (name, service) = match tag.as_str().strip_suffix(".service") {
            Some(name) => (name, true),
            None => (tag.as_str(), false),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let place = (interval.start_timestamp().as_secs_f64() / series.unit_s) as usize;
        let Some(unit) = series.procedures.get_mut(name).and_then(|units| units.get_mut(place)) else {
            continue;
        };
        let octets =
            STANDARD.decode(interval.encoded_histogram()).map_err(|error| broken(error.to_string()))?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut octets.as_slice()).map_err(|error| broken(error.to_string()))?;
        let recorded =
            histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        let samples = Samples::new(recorded.collect());
        if service { unit.service.merge(&samples) } else { unit.latency.merge(&samples) }
    }
    Ok(())
}

/// The tag of the histograms of how late attempts left.
pub(crate) const LATENESS: &str = "generator.lateness";
/// By procedure, how many intervals a time line is believed to have.
const MOST_INTERVALS: usize = 1_000_000;
