//! `unreconciled.csv`: one difference a line, with both sides beside each other.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::difference::Difference;
use crate::csv::{CsvError, escaped};

/// Writes the differences.
pub struct UnreconciledWriter {
    path: PathBuf,
    output: csv::Writer<BufWriter<File>>,
}

impl UnreconciledWriter {
    /// Begins the file; what was in it is gone.
    pub fn create(path: &Path) -> Result<Self, CsvError> {
        let create = || {
            let mut output = csv::Writer::from_writer(BufWriter::new(edges::files::create(path)?));
            output.write_record(COLUMNS)?;
            Ok(output)
        };
        let output = create().map_err(|source| CsvError::unwritable(path, source))?;
        Ok(Self { path: path.to_owned(), output })
    }

    /// Adds a difference.
    pub fn write(&mut self, difference: &Difference) -> io::Result<()> {
        let mut line: Vec<String> = vec![
            difference.cause.to_string(),
            difference.supi.to_string(),
            difference.session.to_string(),
            optional(difference.charging_id),
            difference.explanation.clone(),
            difference.at_stake.to_string(),
            difference.currency.to_string(),
            difference.expected.to_string(),
            difference.charged.to_string(),
        ];
        let (used, charged) = (difference.usage.as_ref(), difference.charging.as_ref());
        for side in [used, charged] {
            line.push(side.map_or_else(String::new, |side| joined(&side.serving)));
            line.push(optional(side.map(|side| &side.dnn)));
            line.push(optional(side.map(|side| side.records)));
            line.extend([side.map(|side| side.from_us), side.map(|side| side.to_us)].map(iso));
            line.push(optional(side.map(|side| side.uplink)));
            line.push(optional(side.map(|side| side.downlink)));
            line.push(optional(side.map(|side| side.closing)));
        }
        line.push(optional(used.map(|side| side.downlink_lost)));
        line.push(iso(charged.and_then(|side| side.recorded_us)));
        line.push(charged.map_or_else(String::new, |side| joined(&side.rates)));
        for side in [used, charged] {
            line.extend([side.map(|side| side.from_us), side.map(|side| side.to_us)].map(optional));
        }
        line.push(optional(charged.and_then(|side| side.recorded_us)));
        Ok(self.output.write_record(line.iter().map(|cell| escaped(cell).into_owned()))?)
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<(), CsvError> {
        self.output.flush().map_err(|source| CsvError::unwritable(&self.path, source))
    }
}

fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn joined(values: &[impl Display]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

fn iso(us: Option<u64>) -> String {
    us.map_or_else(String::new, crate::csv::iso)
}

/// What is read first comes first; the times as the ledgers have them are at the end.
const COLUMNS: [&str; 33] = [
    "cause",
    "supi",
    "session",
    "charging_id",
    "explanation",
    "at_stake",
    "currency",
    "expected",
    "charged",
    "used_serving",
    "used_dnn",
    "used_records",
    "used_from",
    "used_to",
    "used_uplink_octets",
    "used_downlink_octets",
    "used_closing",
    "charged_serving",
    "charged_dnn",
    "charged_records",
    "charged_from",
    "charged_to",
    "charged_uplink_octets",
    "charged_downlink_octets",
    "charged_closing",
    "used_downlink_lost_packets",
    "charged_recorded",
    "charged_rates",
    "used_from_us",
    "used_to_us",
    "charged_from_us",
    "charged_to_us",
    "charged_recorded_us",
];
