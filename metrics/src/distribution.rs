//! Histograms as Prometheus has them, of those that were measured: fixed buckets, and native ones.
//!
//! What was measured has three significant digits; both forms say no more than that.

use coordinator::Histogram;

/// A histogram in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distribution {
    /// How many samples there are.
    pub(crate) count: u64,
    /// Their sum, s, to three significant digits.
    pub(crate) sum: f64,
    /// For each of [`BOUNDS`], and for all: how many are at most that, and more than the bound before.
    pub(crate) classic: Vec<(f64, u64)>,
    pub(crate) native: Native,
}

/// Its native buckets: bucket i has what is above 2^((i-1)/8) s and at most 2^(i/8) s.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Native {
    /// Samples of 0.
    pub(crate) zeros: u64,
    /// Runs of buckets: how many indices are left out before it, and how long it is.
    pub(crate) spans: Vec<(i32, u32)>,
    /// The count of each bucket, less that of the one before.
    pub(crate) deltas: Vec<i64>,
}

impl Distribution {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let mut classic: Vec<(f64, u64)> = BOUNDS.iter().map(|bound| (*bound, 0)).collect();
        classic.push((f64::INFINITY, 0));
        let (mut sum, mut zeros, mut native) = (0.0, 0, Vec::<(i32, u64)>::new());
        for (us, count) in histogram.buckets() {
            let seconds = float(us) / 1e6;
            sum += seconds * float(count);
            let place = BOUNDS.partition_point(|bound| *bound < seconds);
            classic[place].1 += count;
            if us == 0 {
                zeros += count;
                continue;
            }
            let index = index_of(seconds);
            match native.last_mut() {
                Some((last, counted)) if *last == index => *counted += count,
                _ => native.push((index, count)),
            }
        }
        Self { count: histogram.len(), sum, classic, native: Native::of(zeros, &native) }
    }
}

impl Native {
    fn of(zeros: u64, buckets: &[(i32, u64)]) -> Self {
        let mut native = Self { zeros, ..Self::default() };
        let (mut next, mut before) = (None, 0);
        for (index, count) in buckets {
            match (next, native.spans.last_mut()) {
                (Some(next), Some((_, length))) if next == *index => *length += 1,
                (next, _) => native.spans.push((index - next.unwrap_or(0), 1)),
            }
            next = Some(index + 1);
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            native.deltas.push(count - before);
            before = count;
        }
        native
    }
}

/// The bucket that has it.
#[expect(clippy::cast_possible_truncation, reason = "what a histogram of µs holds is within 2^±40 s")]
fn index_of(seconds: f64) -> i32 {
    (seconds.log2() * BUCKETS_PER_DOUBLING).ceil() as i32
}

#[expect(clippy::cast_precision_loss, reason = "µs and counts below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

/// The upper ends of the fixed buckets, s: from what a message takes to what a timer of NAS waits.
pub(crate) const BOUNDS: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
/// Prometheus' resolution of native histograms, "schema": a bucket is 9 % wide.
pub(crate) const SCHEMA: i32 = 3;
const BUCKETS_PER_DOUBLING: f64 = 8.0;

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_protobuf::encode;
    use prometheus_client::metrics::histogram::{Histogram as Oracle, NativeHistogramConfig};
    use prometheus_client::registry::Registry;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Prometheus' own client, told every sample, comes to the same.
        #[test]
        fn both_forms_are_those_of_prometheus_own_client(samples in prop::collection::vec(0u64..90_000_000, 0..200)) {
            let mut histogram = Histogram::default();
            let oracle = Oracle::new_classic_and_native(
                BOUNDS.iter().copied(),
                NativeHistogramConfig::with_schema(3),
            );
            for us in samples {
                histogram.record_n(us, 1);
            }
            // Of each sample its bucket's lowest value is known.
            for (us, count) in histogram.buckets() {
                (0..count).for_each(|_| oracle.observe(float(us) / 1e6));
            }
            let ours = Distribution::of(&histogram);
            let mut registry = Registry::default();
            registry.register("of", "Of", oracle);
            let families = encode(&registry).unwrap();
            let theirs = families[0].metric[0].histogram.clone().unwrap();
            prop_assert_eq!(ours.count, theirs.sample_count);
            prop_assert!((ours.sum - theirs.sample_sum).abs() <= 1e-6 * ours.sum.abs());
            let mut below = 0;
            for ((bound, count), bucket) in ours.classic.iter().zip(&theirs.bucket) {
                below += count;
                prop_assert_eq!((*bound, below), (bucket.upper_bound, bucket.cumulative_count));
            }
            let spans: Vec<(i32, u32)> = theirs.positive_span.iter().map(|span| (span.offset, span.length)).collect();
            prop_assert_eq!(ours.native.zeros, theirs.zero_count);
            // Theirs bridges small holes with buckets of nothing.
            let theirs = counted(&spans, &theirs.positive_delta);
            prop_assert_eq!(counted(&ours.native.spans, &ours.native.deltas), theirs);
        }
    }

    /// Each bucket that has anything, by its index.
    fn counted(spans: &[(i32, u32)], deltas: &[i64]) -> Vec<(i32, i64)> {
        let (mut index, mut count, mut deltas, mut all) = (0, 0, deltas.iter(), Vec::new());
        for (gap, length) in spans {
            index += gap;
            for _ in 0..*length {
                count += deltas.next().unwrap();
                all.push((index, count));
                index += 1;
            }
        }
        all.retain(|(_, count)| *count > 0);
        all
    }
}
