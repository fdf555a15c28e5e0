//! Histograms as agents send them: HdrHistogram V2, read with limits, because an agent may be wrong or lie.

use hdrhistogram::Histogram;

/// Why octets are not a histogram that is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramFault {
    /// Shorter than its own header or length says.
    #[error("a histogram is cut short")]
    Short,
    /// Not HdrHistogram V2 (plain), or with features that agents don't use.
    #[error("a histogram is not HdrHistogram V2 with 3 digits from 1 µs")]
    Format,
    /// A value above [`LARGEST_US`].
    #[error("a histogram holds values above {LARGEST_US} µs")]
    Range,
    /// Counts below zero or above [`MOST_SAMPLES`].
    #[error("a histogram holds impossible counts")]
    Counts,
}

/// Reads HdrHistogram V2 into pairs of value (µs) and count, in rising order. No octets are no samples.
///
/// Nothing is allocated by what the header claims: the work and the memory follow from the octets that are there.
///
/// # Errors
/// Each [`HistogramFault`].
pub fn decode_v2(octets: &[u8]) -> Result<Vec<(u64, u64)>, HistogramFault> {
    if octets.is_empty() {
        return Ok(Vec::new());
    }
    let mut rest = octets;
    let header = (u32_of(&mut rest)?, u32_of(&mut rest)?, u32_of(&mut rest)?, u32_of(&mut rest)?);
    let (cookie, length, offset, digits) = header;
    let (low, _high, ratio) = (u64_of(&mut rest)?, u64_of(&mut rest)?, u64_of(&mut rest)?);
    if cookie != V2_COOKIE || offset != 0 || digits != 3 || low != 1 || ratio != 1.0f64.to_bits() {
        return Err(HistogramFault::Format);
    }
    if usize::try_from(length) != Ok(rest.len()) {
        return Err(HistogramFault::Short);
    }
    let (mut index, mut total, mut samples) = (0u64, 0u64, Vec::new());
    while !rest.is_empty() {
        let number = zig_zag(varint(&mut rest)?);
        if let Ok(count) = u64::try_from(number) {
            if count > 0 {
                let value =
                    value_at(index).filter(|value| *value <= LARGEST_US).ok_or(HistogramFault::Range)?;
                total =
                    total.checked_add(count).filter(|t| *t <= MOST_SAMPLES).ok_or(HistogramFault::Counts)?;
                samples.push((value, count));
            }
            index += 1;
        } else {
            // A negative number is a run of empty buckets.
            index = index.checked_add(number.unsigned_abs()).ok_or(HistogramFault::Range)?;
        }
    }
    Ok(samples)
}

/// A histogram which grows with its values: 3 significant digits, µs.
pub(crate) fn empty() -> Histogram<u64> {
    let Ok(histogram) = Histogram::new(3) else { unreachable!("3 significant digits are within 0 to 5") };
    histogram
}

/// Adds decoded samples.
pub(crate) fn add(histogram: &mut Histogram<u64>, samples: &[(u64, u64)]) {
    for (value, count) in samples {
        // The histogram grows by itself, and values are limited by `decode_v2`.
        if histogram.record_n(*value, *count).is_err() {
            tracing::error!(value, "a histogram did not grow");
        }
    }
}

/// How many samples there are.
pub(crate) fn total(samples: &[(u64, u64)]) -> u64 {
    samples.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// The lowest value of a bucket: 2,048 sub-buckets first, then 1,024 for each doubling.
fn value_at(index: u64) -> Option<u64> {
    if index < SUB_BUCKETS {
        return Some(index);
    }
    let doubling = (index / HALF) - 1;
    (index % HALF + HALF).checked_shl(u32::try_from(doubling).ok()?).filter(|_| doubling < 40)
}

fn u32_of(rest: &mut &[u8]) -> Result<u32, HistogramFault> {
    let (head, tail) = rest.split_first_chunk().ok_or(HistogramFault::Short)?;
    *rest = tail;
    Ok(u32::from_be_bytes(*head))
}

fn u64_of(rest: &mut &[u8]) -> Result<u64, HistogramFault> {
    let (head, tail) = rest.split_first_chunk().ok_or(HistogramFault::Short)?;
    *rest = tail;
    Ok(u64::from_be_bytes(*head))
}

/// LEB128, of which the ninth octet counts whole.
fn varint(rest: &mut &[u8]) -> Result<u64, HistogramFault> {
    let mut value = 0u64;
    for position in 0..9 {
        let (octet, tail) = rest.split_first().ok_or(HistogramFault::Short)?;
        *rest = tail;
        if position == 8 {
            return Ok(value | u64::from(*octet) << 56);
        }
        value |= u64::from(octet & 0x7f) << (7 * position);
        if octet & 0x80 == 0 {
            break;
        }
    }
    Ok(value)
}

fn zig_zag(encoded: u64) -> i64 {
    (encoded >> 1).cast_signed() ^ -(encoded & 1).cast_signed()
}

const V2_COOKIE: u32 = 0x1c84_9313;
const SUB_BUCKETS: u64 = 2048;
const HALF: u64 = 1024;

/// One hour: no attempt takes longer.
const LARGEST_US: u64 = 3_600_000_000;
/// More than any agent can do in an interval.
const MOST_SAMPLES: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::{Serializer, V2Serializer};
    use proptest::prelude::*;

    fn v2(histogram: &Histogram<u32>) -> Vec<u8> {
        let mut octets = Vec::new();
        V2Serializer::new().serialize(histogram, &mut octets).unwrap();
        octets
    }

    proptest! {
        /// What hdrhistogram writes is what we read: the same histogram as by recording directly.
        #[test]
        fn decoded_equals_recorded(values in prop::collection::vec(1u64..600_000_000, 0..300)) {
            let mut sent = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
            let mut direct = empty();
            for value in &values {
                sent.record(*value).unwrap();
                direct.record(*value).unwrap();
            }
            let mut merged = empty();
            add(&mut merged, &decode_v2(&v2(&sent)).unwrap());
            prop_assert_eq!(merged.len(), direct.len());
            for quantile in [0.0, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(merged.value_at_quantile(quantile), direct.value_at_quantile(quantile));
            }
        }

        /// Whatever comes, nothing panics.
        #[test]
        fn any_octets_are_read_or_refused(mut octets in prop::collection::vec(any::<u8>(), 0..200), real in any::<bool>()) {
            if real && octets.len() >= 40 {
                let mut head = v2(&Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap());
                head.truncate(40);
                head[4..8].copy_from_slice(&u32::try_from(octets.len() - 40).unwrap().to_be_bytes());
                octets[..40].copy_from_slice(&head);
            }
            let _ = decode_v2(&octets);
        }
    }

    #[test]
    fn impossible_histograms_are_refused() {
        let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
        histogram.record(5).unwrap();
        let good = v2(&histogram);
        assert_eq!(decode_v2(&good), Ok(vec![(5, 1)]));
        assert_eq!(decode_v2(&good[..20]), Err(HistogramFault::Short));
        let mut digits = good.clone();
        digits[15] = 5;
        assert_eq!(decode_v2(&digits), Err(HistogramFault::Format));
        let body = |numbers: &[u8]| {
            let mut octets = good[..40].to_vec();
            octets[4..8].copy_from_slice(&u32::try_from(numbers.len()).unwrap().to_be_bytes());
            octets.extend(numbers);
            decode_v2(&octets)
        };
        let most_negative = [0xff; 9];
        assert_eq!(body(&[most_negative.as_slice(), &[2]].concat()), Err(HistogramFault::Range));
        let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(body(&many), Err(HistogramFault::Counts));
    }
}
