//! `usage.csv`: what the UE side used, appended as reports are merged: each record once, in the order of merging.

use std::path::{Path, PathBuf};

use billing::UsageRecord;
use billing::csv::{CsvError, UsageWriter};

use super::run_folder::RunFolder;
use results::FolderError;

/// The ledger of one run.
pub(crate) struct UsageLedger {
    path: PathBuf,
    writer: UsageWriter,
}

impl UsageLedger {
    /// A ledger with nothing but its header.
    pub(crate) fn begin(folder: &RunFolder) -> Result<Self, FolderError> {
        let path = folder.path.join("usage.csv");
        let begin = || {
            let mut writer = UsageWriter::create(&path)?;
            writer.flush()?;
            Ok(writer)
        };
        match begin() {
            Ok(writer) => Ok(Self { path, writer }),
            Err(error) => Err(FolderError::unwritable(&path, io_error(error))),
        }
    }

    /// Goes on after so many octets of a ledger; what is behind them goes.
    pub(crate) fn resume(folder: &RunFolder, octets: u64) -> Result<Self, FolderError> {
        let path = folder.appender_at("usage.csv", octets)?.path().to_owned();
        let resume = || {
            let mut writer = UsageWriter::append(&path)?;
            writer.flush()?;
            Ok(writer)
        };
        match resume() {
            Ok(writer) => Ok(Self { path, writer }),
            Err(error) => Err(FolderError::unwritable(&path, io_error(error))),
        }
    }

    /// Returns when the system has the records: then their report may be acknowledged.
    pub(crate) fn append(&mut self, records: &[UsageRecord]) -> Result<(), CsvError> {
        if records.is_empty() {
            return Ok(());
        }
        records.iter().try_for_each(|record| self.writer.write(record))?;
        self.writer.flush()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn io_error(error: CsvError) -> std::io::Error {
    match error {
        CsvError::Unwritable { source, .. } | CsvError::Unreadable { source, .. } => source,
        other => std::io::Error::other(other),
    }
}
