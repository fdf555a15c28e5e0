//! The files of a run that grow while it lasts: what the records of a run say, written down.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wire::to_agent::TracePolicy;
use wire::to_coordinator::Trace;

use crate::CoordinatorError;
use crate::core::Record;
use crate::hlog::HistogramLog;
use crate::intervals::Intervals;
use crate::journal::Journal;
use crate::ladders::Ladders;
use crate::run_folder::{Appender, RunFolder};
use crate::timeline::Second;
use crate::traces::Traces;
use crate::usage_ledger::UsageLedger;

/// See the module.
pub(crate) struct Files {
    folder: RunFolder,
    trace: TracePolicy,
    pub(crate) journal: Journal,
    pub(crate) usage: UsageLedger,
    pub(crate) ladders: Ladders,
    timeline: Appender,
    hlog: Option<HistogramLog>,
    pub(crate) traces: Option<Traces>,
    intervals: Intervals,
}

impl Files {
    /// `planned` is how long the run may last: the files of a long one have longer intervals.
    pub(crate) fn begin(folder: &RunFolder, trace: TracePolicy, planned: Duration) -> Result<Self, CoordinatorError> {
        Ok(Self {
            folder: folder.clone(),
            trace,
            journal: Journal::new(folder.appender("journal.ndjson")?),
            usage: UsageLedger::begin(folder)?,
            ladders: Ladders::default(),
            timeline: folder.appender("timeline.ndjson")?,
            hlog: None,
            traces: None,
            intervals: Intervals::of(planned),
        })
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
            Record::Report(report) => self.usage.append(&report.usage).map_err(|error| error.to_string()),
            Record::Started { wall_us } => self.start(UNIX_EPOCH + Duration::from_micros(*wall_us)),
            _ => Ok(()),
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
        self.ladders.add(trace);
        let added = self.traces.as_mut().map_or(Ok(()), |traces| traces.add(trace));
        added.map_err(|error| self.in_traces(&error))
    }

    fn in_traces(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.folder.path.join("traces").display())
    }
}
