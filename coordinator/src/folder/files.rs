//! The files of a run that grow while it lasts: what the records of a run say, written down.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wire::attempts::RowPolicy;
use wire::to_agent::TracePolicy;
use wire::to_coordinator::{IntervalReport, Trace};

use super::attempt_log::{self, AttemptLog, AttemptLogSoFar};
use super::call_flows::CallFlows;
use super::hlog::HistogramLog;
use super::intervals::Intervals;
use super::journal::Journal;
use super::run_folder::{Appender, RunFolder};
use super::traces::{Traces, TracesSoFar};
use super::usage_ledger::UsageLedger;
use crate::core::Record;
use crate::merge::Second;
use crate::spans::{AttemptsTold, SpanSink, Told};
use crate::time::RunWall;
use results::FolderError;

/// See the module.
pub(crate) struct Files {
    folder: RunFolder,
    trace: TracePolicy,
    pub(crate) journal: Journal,
    pub(crate) usage: UsageLedger,
    pub(crate) call_flows: CallFlows,
    timeline: Appender,
    hlog: Option<HistogramLog>,
    pub(crate) traces: Option<Traces>,
    intervals: Intervals,
    /// The attempts one by one, where they are asked for.
    pub(crate) attempts: Option<AttemptLog>,
    wall: RunWall,
    /// Who makes spans of attempts, where anybody does.
    spans: Option<Arc<dyn SpanSink>>,
}

/// What is kept of a run beside what every run leaves.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) trace: TracePolicy,
    pub(crate) rows: RowPolicy,
    /// Who makes spans of attempts.
    pub(crate) spans: Option<Arc<dyn SpanSink>>,
}

/// How far the files have come: what is needed to go on with them.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct FilesSoFar {
    journal: u64,
    /// Lines of the journal, and lines that it has no room for.
    lines: (u64, u64),
    usage: u64,
    timeline: u64,
    /// None before the start.
    hlog: Option<u64>,
    traces: Option<TracesSoFar>,
    call_flows: CallFlows,
    /// None: as at the beginning.
    intervals: Option<Intervals>,
    attempts: Option<AttemptLogSoFar>,
    wall: RunWall,
}

impl Files {
    /// `planned` is how long the run may last: the files of a long one have longer intervals.
    pub(crate) fn begin(
        folder: &RunFolder,
        Kept { trace, rows, spans }: Kept,
        planned: Duration,
    ) -> Result<Self, FolderError> {
        Ok(Self {
            folder: folder.clone(),
            trace,
            journal: Journal::new(folder.appender("journal.ndjson")?),
            usage: UsageLedger::begin(folder)?,
            call_flows: CallFlows::default(),
            timeline: folder.appender("timeline.ndjson")?,
            hlog: None,
            traces: None,
            intervals: Intervals::of(planned),
            attempts: AttemptLog::open(folder, rows, AttemptLogSoFar::default())?,
            wall: RunWall::default(),
            spans,
        })
    }

    /// Goes on with the files of a run whose coordinator has died: what it wrote after `so_far` goes, since the records say
    /// it again. Without, all of it goes.
    pub(crate) fn resume(
        folder: &RunFolder,
        Kept { trace, rows, .. }: Kept,
        planned: Duration,
        start: Option<SystemTime>,
        so_far: FilesSoFar,
    ) -> Result<Self, FolderError> {
        let mut journal = Journal::new(folder.appender_at("journal.ndjson", so_far.journal)?);
        journal.go_on(so_far.lines);
        let mut files = Self {
            folder: folder.clone(),
            trace,
            journal,
            usage: UsageLedger::resume(folder, so_far.usage)?,
            call_flows: so_far.call_flows,
            timeline: folder.appender_at("timeline.ndjson", so_far.timeline)?,
            hlog: None,
            traces: None,
            intervals: so_far.intervals.unwrap_or_else(|| Intervals::of(planned)),
            attempts: AttemptLog::open(folder, rows, so_far.attempts.unwrap_or_default())?,
            wall: so_far.wall,
            spans: None,
        };
        match so_far.hlog {
            Some(length) => {
                files.hlog = Some(HistogramLog::resume(folder.appender_at("histograms.hlog", length)?))
            }
            None => folder.remove("histograms.hlog")?,
        }
        match (so_far.traces, start) {
            (Some(so_far), Some(start)) => {
                let resumed = Traces::resume(&folder.path, trace, start, so_far);
                files.traces = Some(
                    resumed.map_err(|error| FolderError::unwritable(&folder.path.join("traces"), error))?,
                );
            }
            _ => folder.remove("traces")?,
        }
        Ok(files)
    }

    /// How far they have come. Everything up to there is with the system; [`Self::paths`] says what is to be on the disk.
    pub(crate) fn so_far(&mut self) -> std::io::Result<FilesSoFar> {
        let length = |name: &str| std::fs::metadata(self.folder.path.join(name)).map(|file| file.len());
        Ok(FilesSoFar {
            journal: length("journal.ndjson")?,
            lines: self.journal.lines(),
            usage: length("usage.csv")?,
            timeline: length("timeline.ndjson")?,
            hlog: self.hlog.as_ref().map(|_| length("histograms.hlog")).transpose()?,
            traces: self.traces.as_mut().map(Traces::so_far).transpose()?,
            call_flows: self.call_flows.clone(),
            intervals: Some(self.intervals.clone()),
            attempts: self.attempts.as_mut().map(AttemptLog::so_far).transpose()?,
            wall: self.wall.clone(),
        })
    }

    /// The files that a restart goes on with.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let names = [
            "journal.ndjson",
            "usage.csv",
            "timeline.ndjson",
            "histograms.hlog",
            "traces/packets.spool",
            attempt_log::FILE,
        ];
        names.iter().map(|name| self.folder.path.join(name)).filter(|path| path.exists()).collect()
    }

    /// Writes everything, whatever fails; the first failure is returned.
    pub(crate) fn write(
        &mut self,
        records: &[Record],
        seconds: &[Arc<Second>],
        traces: &[Trace],
    ) -> Result<(), String> {
        let mut written = Ok(());
        let mut note = |result: Result<(), String>| {
            if written.is_ok() {
                written = result;
            }
        };
        for record in records {
            note(self.record(record));
        }
        for second in seconds {
            if let Some(interval) = self.intervals.add(second) {
                note(self.interval(&interval).map_err(|error| error.to_string()));
            }
        }
        for trace in traces {
            note(self.trace(trace));
        }
        written
    }

    fn record(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Decision { wall_us, run_us, decision, details } => {
                let at = UNIX_EPOCH + Duration::from_micros(*wall_us);
                let details = serde_json::from_str(details).unwrap_or_default();
                self.journal.write(at, decision, *run_us, details).map_err(|error| error.to_string())
            }
            Record::Report(report) => {
                self.usage.append(&report.usage).map_err(|error| error.to_string())?;
                if let Some(log) = &mut self.attempts {
                    log.add(report, &self.wall).map_err(|error| error.to_string())?;
                }
                self.tell_attempts(report);
                Ok(())
            }
            Record::Created { key, .. } => {
                self.name_as_run(key);
                Ok(())
            }
            Record::Started { wall_us } => {
                self.wall.starts(*wall_us);
                self.start(UNIX_EPOCH + Duration::from_micros(*wall_us))
            }
            Record::Paused { run_us } => {
                self.wall.pauses(*run_us);
                Ok(())
            }
            Record::Resumed { paused_us } => {
                self.wall.goes_on(*paused_us);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The run's key is known: with it subscribers are named where an IMSI has no business.
    pub(crate) fn name_as_run(&mut self, key: &[u8; 32]) {
        wire::pseudonyms::name_as_run(key);
        self.attempts.iter_mut().for_each(|log| log.name_as_run(key));
    }

    /// From now on rows that ask for spans go there; those of these records too, which a coordinator that has died may not have sent.
    pub(crate) fn make_spans(&mut self, spans: Option<Arc<dyn SpanSink>>, of: &[Record]) {
        self.spans = spans;
        for record in of {
            if let Record::Report(report) = record {
                self.tell_attempts(report);
            }
        }
    }

    /// How times of the run are times of the wall clock.
    pub(crate) fn wall(&self) -> &RunWall {
        &self.wall
    }

    /// Rows that ask for spans go to who makes them.
    fn tell_attempts(&self, report: &IntervalReport) {
        let Some(spans) = &self.spans else { return };
        let asking = (0..).zip(&report.rows).filter(|(_, row)| row.for_what.span);
        let rows: Vec<_> =
            asking.map(|(place, row)| (place, self.wall.of(row.due_us), row.clone())).collect();
        let left_out = report.rows_left_out.spans;
        if !rows.is_empty() || left_out > 0 {
            let report = (report.shard, report.epoch, report.sequence);
            spans.tell(Told::Attempts(AttemptsTold { report, rows, left_out }));
        }
    }

    fn start(&mut self, wall: SystemTime) -> Result<(), String> {
        let file = self.folder.appender("histograms.hlog").map_err(|error| error.to_string())?;
        self.hlog = Some(HistogramLog::begin(file, wall).map_err(|error| error.to_string())?);
        self.traces = Some(
            Traces::create(&self.folder.path, self.trace, wall).map_err(|error| self.in_traces(&error))?,
        );
        Ok(())
    }

    /// Writes the interval that the end of the run cut short.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        let last = self.intervals.finish();
        last.map_or(Ok(()), |last| self.interval(&last)).map_err(|error| error.to_string())
    }

    fn interval(&mut self, second: &Second) -> std::io::Result<()> {
        self.timeline.append(format!("{}\n", second.line()).as_bytes())?;
        self.hlog.as_mut().map_or(Ok(()), |hlog| hlog.second(second))
    }

    fn trace(&mut self, trace: &Trace) -> Result<(), String> {
        self.call_flows.add(trace);
        let added = self.traces.as_mut().map_or(Ok(()), |traces| traces.add(trace));
        added.map_err(|error| self.in_traces(&error))
    }

    fn in_traces(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.folder.path.join("traces").display())
    }
}
