//! Writes a ledger: a header, then a line for each record.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::{CsvError, Record, escaped};

/// Writes the records of one ledger.
pub struct Writer<T> {
    path: PathBuf,
    output: csv::Writer<Box<dyn Write + Send>>,
    line: csv::ByteRecord,
    field: Vec<u8>,
    record: PhantomData<fn(T)>,
}

impl<T: Record> Writer<T> {
    /// Begins a ledger in this file; what was in it is gone.
    pub fn create(path: &Path) -> Result<Self, CsvError> {
        let file = File::create(path).map_err(|source| CsvError::unwritable(path, source))?;
        Self::begin(Box::new(BufWriter::new(file)), path, true)
    }

    /// Goes on with the ledger in this file, or begins it. A last line that was cut is ended first, so that it spoils
    /// no other.
    pub fn append(path: &Path) -> Result<Self, CsvError> {
        let open = || {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let length = file.seek(SeekFrom::End(0))?;
            if length > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok((file, length == 0))
        };
        let (file, empty) = open().map_err(|source| CsvError::unwritable(path, source))?;
        Self::begin(Box::new(BufWriter::new(file)), path, empty)
    }

    /// Into anything that can be written to; `name` stands for the file in errors.
    pub fn from_writer(output: impl Write + Send + 'static, name: &str) -> Result<Self, CsvError> {
        Self::begin(Box::new(output), Path::new(name), true)
    }

    fn begin(output: Box<dyn Write + Send>, path: &Path, header: bool) -> Result<Self, CsvError> {
        let mut writer = Self {
            path: path.to_owned(),
            output: csv::WriterBuilder::new().from_writer(output),
            line: csv::ByteRecord::new(),
            field: Vec::new(),
            record: PhantomData,
        };
        if header {
            let names = T::LEDGER.columns().iter().map(|column| column.as_str());
            let written = writer.output.write_record(names);
            written.map_err(|error| CsvError::unwritable(&writer.path, error.into()))?;
        }
        Ok(writer)
    }

    /// Adds a record.
    pub fn write(&mut self, record: &T) -> Result<(), CsvError> {
        self.line.clear();
        record.write(&mut |field| {
            self.field.clear();
            // Into memory: this cannot fail.
            let _ = self.field.write_fmt(field);
            self.line.push_field(escaped(&String::from_utf8_lossy(&self.field)).as_bytes());
        });
        let written = self.output.write_byte_record(&self.line);
        written.map_err(|error| CsvError::unwritable(&self.path, error.into()))
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<(), CsvError> {
        self.output.flush().map_err(|source| CsvError::unwritable(&self.path, source))
    }
}
