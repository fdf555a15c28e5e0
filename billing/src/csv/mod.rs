//! The two ledgers as CSV (RFC 4180): one record a line, after a header with the names of the fields.
//!
//! Volumes are whole octets, times whole microseconds since 1970 (UTC), amounts decimal numbers of currency units. The
//! only field that may be empty is `charging_id`. A [`Mapping`] reads the columns of a foreign system instead.

use std::io;
use std::path::{Path, PathBuf};

mod column;
mod completeness;
mod encoding;
mod escape;
mod form;
mod layout;
mod lines;
mod mapping;
mod number;
mod reader;
mod row;
mod source;
mod split;
mod subscriber;
mod time;
mod value;
mod writer;

pub use column::{Column, Ledger};
pub use completeness::{Completeness, OfRun};
pub use encoding::Encoding;
pub(crate) use escape::escaped;
pub(crate) use form::Form;
pub use mapping::{Mapping, Mappings};
pub(crate) use number::NumberForm;
pub use reader::Reader;
pub(crate) use reader::Rows;
pub(crate) use row::Row;
pub use row::{FieldError, Record, RowRef};
pub use source::{Detailed, Source};
pub(crate) use subscriber::network_identifier;
pub use time::TimeForm;
pub(crate) use time::zone;
pub use writer::Writer;

/// Reads usage.csv.
pub type UsageReader = Reader<crate::UsageRecord>;
/// Reads charging.csv.
pub type ChargingReader = Reader<crate::ChargingRecord>;
/// Writes usage.csv.
pub type UsageWriter = Writer<crate::UsageRecord>;
/// Writes charging.csv.
pub type ChargingWriter = Writer<crate::ChargingRecord>;

/// Why a ledger as a whole cannot be read or written. A bad line is none of these: it is counted and written aside.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first line is not the header of such a ledger.
    #[error("{}:1: no {ledger} ledger: {message}", path.display())]
    Header {
        /// Which file.
        path: PathBuf,
        /// What was expected.
        ledger: Ledger,
        /// What is wrong, and what would be accepted.
        message: String,
    },
}

impl CsvError {
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source }
    }

    pub(crate) fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }
}

/// ISO 8601 in UTC, to the microsecond.
pub(crate) fn iso(us: u64) -> String {
    let time = i64::try_from(us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    time.map_or_else(String::new, |time| format!("{time:.6}"))
}
