//! Writes a ledger: a header, then a line for each record.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::{CsvError, Record, escaped, iso};

/// Writes the records of one ledger.
pub struct Writer<T> {
    path: PathBuf,
    output: csv::Writer<Box<dyn Write + Send>>,
    line: csv::ByteRecord,
    field: Vec<u8>,
    /// Times are written for people as well: so says the header.
    readable_times: bool,
    record: PhantomData<fn(T)>,
}

impl<T: Record> Writer<T> {
    /// Begins a ledger in this file; what was in it is gone.
    pub fn create(path: &Path) -> Result<Self, CsvError> {
        let file = File::create(path).map_err(|source| CsvError::unwritable(path, source))?;
        Self::begin(Box::new(BufWriter::new(file)), path, None)
    }

    /// Goes on with the ledger in this file, in its form, or begins it. A last line that was cut is ended first, so that it spoils
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
            let header = if length > 0 { Some(first_line(&mut file)?) } else { None };
            file.seek(SeekFrom::End(0))?;
            Ok((file, header))
        };
        let (file, header) = open().map_err(|source| CsvError::unwritable(path, source))?;
        Self::begin(Box::new(BufWriter::new(file)), path, header.as_deref())
    }

    /// Into anything that can be written to; `name` stands for the file in errors.
    pub fn from_writer(output: impl Write + Send + 'static, name: &str) -> Result<Self, CsvError> {
        Self::begin(Box::new(output), Path::new(name), None)
    }

    /// `header`: the one that is there already.
    fn begin(output: Box<dyn Write + Send>, path: &Path, header: Option<&str>) -> Result<Self, CsvError> {
        let last = T::LEDGER.readable_times().last().copied().unwrap_or_default();
        let readable_times = header.is_none_or(|header| header.trim_end().ends_with(&format!(",{last}")));
        let mut writer = Self {
            path: path.to_owned(),
            output: csv::WriterBuilder::new().from_writer(output),
            line: csv::ByteRecord::new(),
            field: Vec::new(),
            readable_times,
            record: PhantomData,
        };
        if header.is_none() {
            let columns = T::LEDGER.columns().iter().map(|column| column.header());
            let names = columns.chain(T::LEDGER.readable_times().iter().copied());
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
        if self.readable_times {
            record.times().for_each(|us| self.line.push_field(iso(us).as_bytes()));
        }
        let written = self.output.write_byte_record(&self.line);
        written.map_err(|error| CsvError::unwritable(&self.path, error.into()))
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<(), CsvError> {
        self.output.flush().map_err(|source| CsvError::unwritable(&self.path, source))
    }
}

fn first_line(file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(&mut *file).take(LONGEST_HEADER).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

const LONGEST_HEADER: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UsageRecord;
    use crate::csv::{Reader, UsageWriter};

    const OLD: &str = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,uplink,downlink,downlink_lost,closing\n\
        5,001010000000002,1,001/01,internet,0,1796044910419429,1796044910419429,1796044921752822,2923,8458,0,handover\n";

    fn read(path: &Path) -> Vec<UsageRecord> {
        Reader::<UsageRecord>::open(path).unwrap().map(|record| record.unwrap()).collect()
    }

    #[test]
    fn ledger_has_its_units_in_the_header_and_its_times_for_people() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.csv"), folder.path().join("new.csv"));
        std::fs::write(&old, OLD).unwrap();
        let records = read(&old);
        let mut writer = UsageWriter::create(&new).unwrap();
        records.iter().for_each(|record| writer.write(record).unwrap());
        writer.flush().unwrap();
        let text = std::fs::read_to_string(&new).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].ends_with("uplink_octets,downlink_octets,downlink_lost_packets,closing,opened,from,to"),
            "{text}"
        );
        assert!(
            lines[1].ends_with(
                "handover,2026-11-30T13:21:50.419429Z,2026-11-30T13:21:50.419429Z,2026-11-30T13:22:01.752822Z"
            ),
            "{text}"
        );
        assert_eq!(read(&new), records, "both forms hold the same");
    }

    #[test]
    fn ledger_of_an_earlier_form_goes_on_in_that_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.csv");
        std::fs::write(&path, OLD).unwrap();
        let records = read(&path);
        let mut writer = UsageWriter::append(&path).unwrap();
        writer.write(&records[0]).unwrap();
        writer.flush().unwrap();
        assert_eq!(read(&path).len(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        let widths: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(widths, [13, 13, 13], "{text}");
    }
}
