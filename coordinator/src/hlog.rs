//! `histograms.hlog`: a standard interval log, one tagged histogram for each procedure and interval.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use crate::histogram::Histogram;
use crate::run_folder::Appender;
use crate::timeline::Second;

/// Appends to the log. Values are µs; the greatest one of each interval is shown in ms, as HdrHistogram's tools expect.
pub(crate) struct HistogramLog {
    file: Appender,
    serializer: V2DeflateSerializer,
}

impl HistogramLog {
    /// Writes the head. `start` is the start of the run.
    pub(crate) fn begin(file: Appender, start: SystemTime) -> io::Result<Self> {
        let mut log = Self { file, serializer: V2DeflateSerializer::new() };
        let mut head = Vec::new();
        IntervalLogWriterBuilder::new()
            .add_comment("[Latency by procedure in µs from the due time; <procedure>.service from the first octet sent]")
            .with_start_time(start)
            .with_base_time(start)
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut head, &mut log.serializer)?;
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
        let mut writer = IntervalLogWriterBuilder::new()
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut *lines, &mut self.serializer)?;
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
            })
    }
}

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
