//! `unreconciled.csv`: one difference a line, with both sides beside each other.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::difference::Difference;
use crate::csv::CsvError;

/// Writes the differences.
pub struct UnreconciledWriter {
    path: PathBuf,
    output: csv::Writer<BufWriter<File>>,
    line: Vec<String>,
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
        Ok(Self { path: path.to_owned(), output, line: Vec::new() })
    }

    /// Adds a difference.
    pub fn write(&mut self, difference: &Difference) -> io::Result<()> {
        self.line.clear();
        let line = &mut self.line;
        line.push(difference.cause.to_string());
        line.push(difference.supi.to_string());
        line.push(difference.session.to_string());
        line.push(optional(difference.charging_id));
        line.push(difference.currency.to_string());
        line.extend(
            [difference.expected, difference.charged, difference.at_stake].map(|one| one.to_string()),
        );
        line.push(difference.explanation.clone());
        for side in [&difference.usage, &difference.charging] {
            let side = side.as_ref();
            line.push(side.map_or_else(String::new, |side| joined(&side.serving)));
            line.push(optional(side.map(|side| &side.dnn)));
            line.push(optional(side.map(|side| side.records)));
            line.push(optional(side.map(|side| side.from_us)));
            line.push(optional(side.map(|side| side.to_us)));
            line.push(optional(side.map(|side| side.uplink)));
            line.push(optional(side.map(|side| side.downlink)));
            line.push(optional(side.map(|side| side.closing)));
        }
        line.push(optional(difference.usage.as_ref().map(|side| side.downlink_lost)));
        let charging = difference.charging.as_ref();
        line.push(optional(charging.and_then(|side| side.recorded_us)));
        line.push(charging.map_or_else(String::new, |side| joined(&side.rates)));
        Ok(self.output.write_record(&self.line)?)
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

const COLUMNS: [&str; 28] = [
    "cause",
    "supi",
    "session",
    "charging_id",
    "currency",
    "expected",
    "charged",
    "at_stake",
    "explanation",
    "used_serving",
    "used_dnn",
    "used_records",
    "used_from_us",
    "used_to_us",
    "used_uplink",
    "used_downlink",
    "used_closing",
    "charged_serving",
    "charged_dnn",
    "charged_records",
    "charged_from_us",
    "charged_to_us",
    "charged_uplink",
    "charged_downlink",
    "charged_closing",
    "used_downlink_lost",
    "charged_recorded_us",
    "charged_rates",
];
