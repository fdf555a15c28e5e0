//! `reports.log`: every merged report, before it is acknowledged; it exists while the run does.
//!
//! An agent forgets a report when it is acknowledged, so it must be safe here first: written to the system, which
//! survives the end of this process, though not of the machine. A restart replays it. When the summary is written it has
//! served its purpose and goes.

use std::io;

use wire::to_coordinator::IntervalReport;

use crate::core::{Record, Store, StoreError};
use crate::run_folder::Appender;

/// Frames of a u32 length, big-endian, and a report in postcard.
pub(crate) struct ReportLog {
    file: Appender,
}

impl ReportLog {
    pub(crate) fn new(file: Appender) -> Self {
        Self { file }
    }

    /// Returns when the system has the report.
    fn append(&mut self, report: &IntervalReport) -> io::Result<()> {
        let mut frame = vec![0; 4];
        frame = postcard::to_extend(report, frame).map_err(io::Error::other)?;
        let length = u32::try_from(frame.len() - 4).map_err(io::Error::other)?;
        frame.splice(..4, length.to_be_bytes());
        self.file.append(&frame)
    }

    /// Removes the file.
    fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(self.file.path())
    }
}

impl Store for ReportLog {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let reports = records.iter().filter_map(|record| match record {
            Record::Report(report) => Some(report),
            _ => None,
        });
        for report in reports {
            self.append(report).map_err(|error| StoreError(error.to_string()))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.remove().map_err(|error| StoreError(error.to_string()))
    }
}
