//! The durations of one interval of one shard: a histogram that takes as much memory as it has different values.
//!
//! A shard has some twenty of them, and an agent some dozens of shards. An array of all the counts of HdrHistogram takes
//! 84 KiB, nearly all of them zero in one second. So here only the counts that are not are held, in order; what goes over the
//! wire is HdrHistogram V2 all the same, to the octet.

/// Durations from 1 µs to 10 minutes with 3 significant digits, as HdrHistogram has them.
#[derive(Default)]
pub(crate) struct IntervalHistogram {
    /// Which count, and how much; in order.
    counts: Vec<(u16, u32)>,
}

impl IntervalHistogram {
    /// One more duration, µs. What is too long counts as the longest.
    pub(crate) fn record(&mut self, value: u64) {
        let index = index_of(value).unwrap_or(LONGEST);
        match self.counts.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => {
                if let Some((_, count)) = self.counts.get_mut(place) {
                    *count = count.saturating_add(1);
                }
            }
            Err(place) => self.counts.insert(place, (index, 1)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Octets on the heap.
    #[cfg(test)]
    pub(crate) fn octets(&self) -> usize {
        self.counts.capacity() * size_of::<(u16, u32)>()
    }

    /// As HdrHistogram V2, and empties it. No octets when nothing was recorded.
    pub(crate) fn take_v2(&mut self) -> Vec<u8> {
        if self.counts.is_empty() {
            return Vec::new();
        }
        let mut counts = Vec::with_capacity(3 * self.counts.len());
        let mut next = 0;
        for &(index, count) in &self.counts {
            match i64::from(index) - next {
                0 => {}
                // A single zero is written as a count, several as how many they are.
                1 => put_varint(&mut counts, zig_zag(0)),
                zeros => put_varint(&mut counts, zig_zag(-zeros)),
            }
            put_varint(&mut counts, zig_zag(i64::from(count)));
            next = i64::from(index) + 1;
        }
        self.counts.clear();
        self.counts.shrink_to(KEPT);
        let mut octets = Vec::with_capacity(40 + counts.len());
        octets.extend(V2_COOKIE.to_be_bytes());
        octets.extend(u32::try_from(counts.len()).unwrap_or(u32::MAX).to_be_bytes());
        // No normalizing offset.
        octets.extend(0u32.to_be_bytes());
        octets.extend(SIGNIFICANT_DIGITS.to_be_bytes());
        octets.extend(LOWEST_US.to_be_bytes());
        octets.extend(HIGHEST_US.to_be_bytes());
        octets.extend(1f64.to_be_bytes());
        octets.extend(counts);
        octets
    }
}

/// The place of a value among the counts: 11 bits of it are kept, so that three digits are. `None` beyond the last.
fn index_of(value: u64) -> Option<u16> {
    let bucket = 53 - (value | (SUB_BUCKETS - 1)).leading_zeros();
    let sub_bucket = value >> bucket;
    let index = (u64::from(bucket) + 1) * (SUB_BUCKETS / 2) + sub_bucket - SUB_BUCKETS / 2;
    u16::try_from(index).ok().filter(|index| *index < COUNTS)
}

fn zig_zag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// LEB128. Of the nine octets that HdrHistogram allows at most five are needed here.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_octet(value) | 0x80);
        value >>= 7;
    }
    out.push(low_octet(value));
}

fn low_octet(value: u64) -> u8 {
    let [octet, ..] = value.to_le_bytes();
    octet
}

const LOWEST_US: u64 = 1;
const HIGHEST_US: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u32 = 3;
/// The power of two above 2·10³.
const SUB_BUCKETS: u64 = 2048;
/// Twenty buckets reach [`HIGHEST_US`]; the first has twice as many counts as the others.
const COUNTS: u16 = 21 * 1024;
/// The place of [`HIGHEST_US`].
const LONGEST: u16 = 20 * 1024 + 120;
const V2_COOKIE: u32 = 0x1c84_9303 | 0x10;
/// Counts that stay allocated from one interval to the next.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2Serializer};
    use proptest::prelude::*;

    fn encode(histogram: &Histogram<u32>) -> Vec<u8> {
        let mut octets = Vec::new();
        if !histogram.is_empty() {
            V2Serializer::new().serialize(histogram, &mut octets).unwrap();
        }
        octets
    }

    proptest! {
        /// What goes over the wire is what HdrHistogram itself would have written.
        #[test]
        fn encoding_is_that_of_hdrhistogram_to_the_octet(
            values in proptest::collection::vec(
                prop_oneof![1..3_000u64, 1..2_000_000u64, 1..700_000_000u64, 500_000_000..2_000_000_000u64, any::<u64>()],
                0..300,
            ),
            again in 1usize..4,
        ) {
            let mut sparse = IntervalHistogram::default();
            for _ in 0..again {
                let mut dense = Histogram::<u32>::new_with_bounds(LOWEST_US, HIGHEST_US, 3).unwrap();
                for &value in values.iter().filter(|value| **value > 0) {
                    sparse.record(value);
                    dense.saturating_record(value);
                }
                prop_assert_eq!(sparse.take_v2(), encode(&dense));
                prop_assert!(sparse.is_empty());
            }
        }
    }

    #[test]
    fn a_busy_second_takes_a_hundredth_of_the_array_and_a_quiet_one_nothing() {
        let mut histogram = IntervalHistogram::default();
        for value in 0..200 {
            histogram.record(1_000 + 37 * value);
        }
        assert!(histogram.octets() <= 2_048, "{}", histogram.octets());
        histogram.take_v2();
        assert!(histogram.octets() <= KEPT * 8, "{}", histogram.octets());
        assert_eq!(IntervalHistogram::default().octets(), 0);
    }
}
