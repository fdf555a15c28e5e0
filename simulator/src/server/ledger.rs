//! The files that the charging function's records go to.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use billing::ChargingRecord;
use billing::csv::{ChargingWriter, Completeness, CsvError, OfRun};

use crate::charging::InjectedFault;

/// How the ledger of charging records came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerState {
    /// The file.
    pub path: PathBuf,
    /// The list of what was done wrong on purpose, beside it; it is written at the end.
    pub faults: PathBuf,
    /// Records in it.
    pub records: u64,
    /// Why it is not whole: no record was written after this.
    pub error: Option<String>,
}

/// The ledger, while it grows.
pub(super) struct Ledger {
    writer: ChargingWriter,
    state: LedgerState,
    next_flush: Option<Instant>,
    /// A file beside it says whether it is complete.
    says_completeness: bool,
    /// What is said of the last runs, the newest last.
    runs: Vec<(String, OfRun)>,
}

impl Ledger {
    /// Begins the ledger in this file. Its header is there from the start: a ledger without records is no empty file.
    pub(super) fn create(path: &Path, says_completeness: bool) -> Result<Self, CsvError> {
        let state = LedgerState {
            path: path.to_owned(),
            faults: path.with_file_name(FAULTS),
            records: 0,
            error: None,
        };
        let mut writer = ChargingWriter::create(path)?;
        writer.flush()?;
        let ledger = Self { writer, state, next_flush: None, says_completeness, runs: Vec::new() };
        // What stands there may be of an earlier ledger of this name.
        ledger
            .write_completeness(false, 0)
            .map_err(|source| CsvError::Unwritable { path: path.to_owned(), source })?;
        Ok(ledger)
    }

    pub(super) fn state(&self) -> &LedgerState {
        &self.state
    }

    /// Adds records, and hands them to the system five times a second.
    pub(super) fn write(&mut self, now: Instant, records: impl Iterator<Item = ChargingRecord>) {
        for record in records {
            // After an error they are only counted by the charging function.
            if self.state.error.is_some() {
                continue;
            }
            let written = self.writer.write(&record);
            if !self.keep_error(written) {
                self.state.records += 1;
                self.next_flush.get_or_insert(now + FLUSH);
            }
        }
        if self.next_flush.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    /// A campaign has begun, or is over: then everything is handed to the system, what was done wrong on purpose is listed,
    /// and the ledger is complete.
    pub(super) fn campaign(&mut self, over: bool, wall_us: u64, injected: &[InjectedFault]) {
        self.flush();
        if let Err(error) = self.write_completeness(over && self.state.error.is_none(), wall_us) {
            tracing::warn!(%error, "nobody can be told whether the charging ledger is complete");
        }
        if !over {
            return;
        }
        if let Err(source) = list(&self.state.faults, injected) {
            let error = format!("{}: {source}", self.state.faults.display());
            self.state.error.get_or_insert(error);
        }
    }

    /// One of several runs has begun, or is over: then every session of it is in the ledger.
    pub(super) fn run(&mut self, name: &str, over: bool, wall_us: u64, injected: &[InjectedFault]) {
        self.flush();
        let octets = std::fs::metadata(&self.state.path).map_or(0, |data| data.len());
        self.runs.retain(|(known, _)| known != name);
        let complete = over && self.state.error.is_none();
        self.runs.push((name.to_owned(), OfRun { complete, octets, at_us: wall_us }));
        if self.runs.len() > RUNS {
            self.runs.remove(0);
        }
        // The ledger as a whole is complete when no run is under way: that is said apart.
        if let Err(error) = self.write_completeness(false, wall_us) {
            tracing::warn!(%error, run = name, "nobody can be told whether the run's charging is complete");
        }
        if over && let Err(source) = list(&self.state.faults, injected) {
            let error = format!("{}: {source}", self.state.faults.display());
            self.state.error.get_or_insert(error);
        }
    }

    fn write_completeness(&self, complete: bool, at_us: u64) -> io::Result<()> {
        if !self.says_completeness {
            return Ok(());
        }
        let octets = std::fs::metadata(&self.state.path)?.len();
        let (records, runs) = (self.state.records, self.runs.iter().cloned().collect());
        Completeness { complete, records, octets, at_us, runs }.write_beside(&self.state.path)
    }

    fn flush(&mut self) {
        self.next_flush = None;
        let flushed = self.writer.flush();
        self.keep_error(flushed);
    }

    fn keep_error(&mut self, result: Result<(), CsvError>) -> bool {
        let Err(error) = result else { return false };
        tracing::error!(%error, "the charging ledger cannot be written");
        self.state.error.get_or_insert_with(|| error.to_string());
        true
    }
}

fn list(path: &Path, injected: &[InjectedFault]) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "kind,charging_id,supi,session")?;
    for fault in injected {
        let InjectedFault { kind, charging_id, supi, session } = fault;
        writeln!(file, "{kind},{charging_id},{supi},{session}")?;
    }
    file.flush()
}

const FAULTS: &str = "charging-faults.csv";
/// Runs of which it is said how far they are.
const RUNS: usize = 64;
/// Somebody who reads the ledger of a simulator that goes on finds what was charged so long ago.
const FLUSH: Duration = Duration::from_millis(200);
