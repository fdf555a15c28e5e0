//! Histograms of µs with 3 significant digits: the buckets of HdrHistogram, added up straight from the octets that agents send.
//!
//! Percentiles are those of the `hdrhistogram` crate, bit for bit; what is here more is that a V2 encoding is added without being
//! decoded into a histogram first (docs/performance.md), and that a histogram can be stored.

mod encoded;
mod percentiles;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use encoded::{HistogramFault, Samples, decode_v2};
pub(crate) use percentiles::{curve, percentiles};

/// Counts by bucket. Merging is adding up, in any order.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// As far as the highest value that came; trailing zeros mean nothing.
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Adds samples as an agent sent them.
    pub fn add_samples(&mut self, samples: &Samples) {
        if self.counts.len() < samples.buckets() {
            self.counts.resize(samples.buckets(), 0);
        }
        samples.add_to(&mut self.counts);
        self.total = self.total.saturating_add(samples.total());
    }

    /// Adds what another histogram holds.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// How many samples there are.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The largest value, µs: the top of its bucket; 0 when there is none.
    pub fn max(&self) -> u64 {
        self.counts.iter().rposition(|count| *count > 0).map_or(0, top_of)
    }

    /// The value below or at which this share of the samples is, µs: the top of its bucket (of 0: the bottom of the first one).
    pub fn value_at_quantile(&self, quantile: f64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "as hdrhistogram does it: the same percentiles to the last bit"
        )]
        let wanted = ((quantile.min(1.0) * self.total as f64).ceil() as u64).max(1);
        let mut below = 0u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            below = below.saturating_add(*count);
            if below >= wanted {
                return if quantile == 0.0 { bottom_of(bucket) } else { top_of(bucket) };
            }
        }
        0
    }

    /// How many samples are in the buckets of these two values and between them, µs.
    pub fn count_between(&self, low: u64, high: u64) -> u64 {
        let within = self.counts.iter().take(bucket_of(high).saturating_add(1)).skip(bucket_of(low));
        within.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The lowest value of each bucket that holds anything, in rising order, and its count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (bottom_of(bucket), *count))
    }

    /// Counts this many samples of one value, µs.
    pub fn record_n(&mut self, value: u64, count: u64) {
        let bucket = bucket_of(value.min(encoded::LARGEST_US));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
        self.total = self.total.saturating_add(count);
    }

    fn filled(&self) -> &[u64] {
        let length = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        &self.counts[..length]
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.total == other.total && self.filled() == other.filled()
    }
}

impl Eq for Histogram {}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.total, encoded::encode(self.filled())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (total, numbers) = <(u64, Vec<i64>)>::deserialize(deserializer)?;
        let counts = encoded::decode(&numbers).ok_or_else(|| {
            serde::de::Error::custom("a stored histogram reaches beyond what a histogram can hold")
        })?;
        if total != counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)) {
            return Err(serde::de::Error::custom("a stored histogram whose counts are not its total"));
        }
        Ok(Self { counts, total })
    }
}

/// A histogram of nothing.
pub(crate) fn empty() -> Histogram {
    Histogram::default()
}

/// Adds samples as an agent sent them.
pub(crate) fn add(histogram: &mut Histogram, samples: &Samples) {
    histogram.add_samples(samples);
}

/// How many samples there are.
pub(crate) fn total(samples: &Samples) -> u64 {
    samples.total()
}

/// The lowest value of a bucket: 2,048 sub-buckets first, then 1,024 for each doubling.
fn bottom_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return bucket;
    }
    (bucket % HALF + HALF) << (bucket / HALF - 1)
}

fn top_of(bucket: usize) -> u64 {
    bottom_of(bucket + 1) - 1
}

fn bucket_of(value: u64) -> usize {
    if value < SUB_BUCKETS {
        return usize::try_from(value).unwrap_or(usize::MAX);
    }
    let doubling = u64::from(value.ilog2()) - 10;
    usize::try_from(doubling * HALF + (value >> doubling)).unwrap_or(usize::MAX)
}

const SUB_BUCKETS: u64 = 2048;
const HALF: u64 = 1024;

#[cfg(test)]
mod tests;
