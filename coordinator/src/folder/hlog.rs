//! `histograms.hlog`: a standard interval log, one tagged histogram for each procedure and interval.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use super::run_folder::Appender;
use crate::histogram::Histogram;
use crate::merge::Second;

/// Appends to the log. Values are µs; the greatest one of each interval is shown in ms, as HdrHistogram's tools expect.
pub(crate) struct HistogramLog {
    file: Appender,
    serializer: V2DeflateSerializer,
}

impl HistogramLog {
    /// Writes the head. `start` is the start of the run.
    pub(crate) fn begin(file: Appender, start: SystemTime) -> io::Result<Self> {
        let mut log = Self { file, serializer: V2DeflateSerializer::new() };
        let mut head = FIRST_LINE.to_vec();
        IntervalLogWriterBuilder::new()
            .add_comment(
                "[Latency in µs from the due time by procedure; <procedure>.service from the first octet]",
            )
            .with_start_time(start)
            .with_base_time(start)
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut head, &mut log.serializer)?;
        head.extend_from_slice(LEGEND);
        log.file.append(&head)?;
        Ok(log)
    }

    /// Goes on with a log that has its head.
    pub(crate) fn resume(file: Appender) -> Self {
        Self { file, serializer: V2DeflateSerializer::new() }
    }

    /// Writes the histograms of one interval which hold anything.
    pub(crate) fn second(&mut self, second: &Second) -> io::Result<()> {
        let mut lines = Vec::new();
        for (name, figures) in &second.procedures {
            self.line(&mut lines, name, (second.at_s, second.for_s), &figures.latency)?;
            self.line(&mut lines, &format!("{name}.service"), (second.at_s, second.for_s), &figures.service)?;
        }
        self.line(&mut lines, "generator.lateness", (second.at_s, second.for_s), &second.lateness)?;
        self.file.append(&lines)
    }

    fn line(
        &mut self,
        lines: &mut Vec<u8>,
        tag: &str,
        (at_s, for_s): (u64, u64),
        histogram: &Histogram,
    ) -> io::Result<()> {
        if histogram.is_empty() {
            return Ok(());
        }
        let mut entry = Vec::new();
        let mut writer = IntervalLogWriterBuilder::new()
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut entry, &mut self.serializer)?;
        writer
            .write_histogram(
                &whole(histogram),
                Duration::from_secs(at_s),
                Duration::from_secs(for_s),
                Tag::new(tag),
            )
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })?;
        // The library repeats the divisor as a comment before each entry; readers such as the C library's end there.
        lines.extend(
            entry.split_inclusive(|octet| *octet == b'\n').filter(|line| !line.starts_with(b"#")).flatten(),
        );
        Ok(())
    }
}

/// The C library refuses a log whose version is not said, and reads 127 octets of each line of the head.
const FIRST_LINE: &[u8] = b"#[Histogram log format version 1.3]\n";
/// Ends the head, as the Java library writes it.
const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// As the library writes it.
fn whole(histogram: &Histogram) -> hdrhistogram::Histogram<u64> {
    let Ok(mut whole) = hdrhistogram::Histogram::new(3) else {
        unreachable!("3 significant digits are within 0 to 5")
    };
    for (value, count) in histogram.buckets() {
        // It grows by itself, and values are limited where they come in.
        if whole.record_n(value, count).is_err() {
            tracing::error!(value, "a histogram did not grow");
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::RunFolder;
    use crate::merge::ProcedureFigures;
    use crate::merge::Timeline;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    /// The log of two seconds in which two procedures have latencies.
    fn log() -> String {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), Some("hlog"), "test").unwrap();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000);
        let mut log = HistogramLog::begin(folder.appender("histograms.hlog").unwrap(), start).unwrap();
        for mut second in Timeline::default().close_before(2, 1) {
            for (procedure, latency_us) in [("handover-n2", 21_000), ("registration", 900)] {
                let mut figures = ProcedureFigures::default();
                figures.latency.record_n(latency_us, 7);
                figures.service.record_n(latency_us / 2, 7);
                second.procedures.insert(procedure.to_owned(), figures);
            }
            log.second(&second).unwrap();
        }
        std::fs::read_to_string(folder.path().join("histograms.hlog")).unwrap()
    }

    /// The C library is the strictest reader: it wants the version, reads at most 127 octets of a line of the head, and
    /// takes nothing but entries after it.
    #[test]
    fn log_has_its_version_first_and_no_comment_between_entries() {
        let text = log();
        assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
        let (head, entries) = text.split_once("\"StartTimestamp\"").expect("the head ends with the legend");
        assert!(head.lines().all(|line| line.starts_with('#') && line.len() < 127), "{head}");
        let entries: Vec<_> = entries.lines().skip(1).collect();
        assert_eq!(entries.len(), 8, "{text}");
        assert!(entries.iter().all(|entry| entry.starts_with("Tag=")), "{text}");
    }

    #[test]
    fn log_is_read_back_with_tags_and_maxima_in_ms() {
        let text = log();
        let entries: Vec<_> = IntervalLogIterator::new(text.as_bytes()).map(|entry| entry.unwrap()).collect();
        let intervals: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .collect();
        let tags: Vec<_> = intervals.iter().map(|interval| interval.tag().unwrap().as_str()).collect();
        assert_eq!(tags[..4], ["handover-n2", "handover-n2.service", "registration", "registration.service"]);
        assert!((intervals[0].max() - 21.0).abs() < 0.1, "{}", intervals[0].max());
        assert_eq!(intervals[7].start_timestamp(), Duration::from_secs(1));
    }
}
