//! Against the `hdrhistogram` crate: the same octets, the same percentiles.

use hdrhistogram::serialization::{Serializer, V2Serializer};
use proptest::prelude::*;

use super::*;

type Reference = hdrhistogram::Histogram<u64>;

fn v2(values: &[u64]) -> Vec<u8> {
    let mut histogram = hdrhistogram::Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    values.iter().for_each(|value| histogram.record(*value).unwrap());
    octets_of(&histogram)
}

fn octets_of<C: hdrhistogram::Counter>(histogram: &hdrhistogram::Histogram<C>) -> Vec<u8> {
    let mut octets = Vec::new();
    V2Serializer::new().serialize(histogram, &mut octets).unwrap();
    octets
}

fn reference(values: &[u64]) -> Reference {
    let mut histogram = Reference::new(3).unwrap();
    values.iter().for_each(|value| histogram.record(*value).unwrap());
    histogram
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a Vec<u64>>) -> Histogram {
    let mut histogram = empty();
    parts.into_iter().for_each(|part| histogram.add_samples(&decode_v2(&v2(part)).unwrap()));
    histogram
}

/// Values as latencies are: many close together, and some far away.
fn values() -> impl Strategy<Value = Vec<u64>> {
    let value = prop_oneof![4 => 1u64..3_000, 3 => 90_000u64..110_000, 1 => 1u64..600_000_000];
    prop::collection::vec(value, 0..300)
}

proptest! {
    /// Every figure that is read of a histogram is the one that hdrhistogram gives of all samples.
    #[test]
    fn figures_equal_those_of_hdrhistogram(parts in prop::collection::vec(values(), 0..4), any in 0.0f64..1.0, between in (1u64..200_000, 1u64..200_000)) {
        let all = reference(&parts.concat());
        let merged = merged(&parts);
        prop_assert_eq!(merged.len(), all.len());
        prop_assert_eq!(merged.max(), all.max());
        for quantile in [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0, any] {
            prop_assert_eq!(merged.value_at_quantile(quantile), all.value_at_quantile(quantile), "{}", quantile);
        }
        let (low, high) = (between.0.min(between.1), between.0.max(between.1));
        // hdrhistogram clamps to what it has grown to.
        if high <= all.max() {
            prop_assert_eq!(merged.count_between(low, high), all.count_between(low, high));
        }
        let mut recorded = empty();
        parts.concat().iter().for_each(|value| recorded.record_n(*value, 1));
        prop_assert_eq!(&recorded, &merged);
    }

    /// The order of merging leaves no trace, to the last bit; nor does storing in between.
    #[test]
    fn merging_is_free_of_order_and_survives_storing(mut parts in prop::collection::vec(values(), 1..6), cut in 0usize..6) {
        let forth = merged(&parts);
        let cut = cut.min(parts.len());
        let stored: Histogram = postcard::from_bytes(&postcard::to_stdvec(&merged(&parts[..cut])).unwrap()).unwrap();
        let mut back = merged(parts[cut..].iter().rev());
        back.add(&stored);
        prop_assert_eq!(&forth, &back);
        parts.reverse();
        prop_assert_eq!(postcard::to_stdvec(&forth).unwrap(), postcard::to_stdvec(&merged(&parts)).unwrap());
    }

    /// Whatever comes, nothing panics; and what is taken is what a plain reading of the numbers gives.
    #[test]
    fn any_octets_are_read_or_refused(mut octets in prop::collection::vec(any::<u8>(), 0..200), real in any::<bool>(), short in any::<bool>()) {
        if real && octets.len() >= 40 {
            let head = v2(&[1]);
            octets[..40].copy_from_slice(&head[..40]);
            let length = u32::try_from(octets.len() - 40).unwrap();
            octets[4..8].copy_from_slice(&length.to_be_bytes());
            if short {
                octets[40..].iter_mut().for_each(|octet| *octet &= 0x7f);
                let (mut bucket, mut pairs) = (0usize, Vec::new());
                for octet in &octets[40..] {
                    let half = u64::from(octet >> 1);
                    if octet & 1 == 1 {
                        bucket += usize::try_from(half).unwrap();
                    } else if half > 0 {
                        pairs.push((bottom_of(bucket), half));
                    }
                    bucket += 1;
                }
                let samples = decode_v2(&octets);
                let total = samples.as_ref().map(Samples::total);
                prop_assert_eq!(samples.as_ref().map(Samples::pairs), Ok(pairs.clone()));
                prop_assert_eq!(total, Ok(pairs.iter().map(|(_, count)| count).sum()));
            }
        }
        if let Ok(samples) = decode_v2(&octets) {
            let mut histogram = empty();
            histogram.add_samples(&samples);
            prop_assert_eq!(histogram.len(), samples.total());
            prop_assert_eq!(histogram.len(), histogram.buckets().map(|(_, count)| count).sum::<u64>());
        }
    }

    /// A stored histogram is a peer's word too when a disk fails: undamaged it is read; damaged it is refused, or it is a
    /// histogram all the same, whose figures agree with each other.
    #[test]
    fn any_stored_octets_are_read_or_refused(
        values in values(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..100)),
    ) {
        let stored = merged(&[values]);
        let mut octets = postcard::to_stdvec(&stored).unwrap();
        for (at, octet) in &changes {
            *at.get_mut(&mut octets) = *octet;
        }
        let octets = noise.clone().unwrap_or(octets);
        let read = postcard::from_bytes::<Histogram>(&octets);
        if changes.is_empty() && noise.is_none() {
            prop_assert_eq!(read.as_ref(), Ok(&stored));
        }
        if let Ok(read) = read {
            prop_assert_eq!(read.len(), read.buckets().fold(0, |sum: u64, (_, count)| sum.saturating_add(count)));
            prop_assert_eq!(read.value_at_quantile(1.0), read.max());
            prop_assert_eq!(postcard::from_bytes(&postcard::to_stdvec(&read).unwrap()), Ok(read));
        }
    }
}

#[test]
fn the_longest_attempt_is_taken_and_a_longer_one_refused() {
    for (value, good) in [(3_600_000_000u64, true), (3_604_000_000, false)] {
        let mut histogram = Reference::new(3).unwrap();
        histogram.record(value).unwrap();
        let read = decode_v2(&octets_of(&histogram));
        assert_eq!(read.is_ok(), good, "{value}: {read:?}");
    }
}

#[test]
fn impossible_histograms_are_refused() {
    let good = v2(&[5]);
    assert_eq!(decode_v2(&good).unwrap().pairs(), vec![(5, 1)]);
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
    // Run after run of 64 empty buckets, and one count far out: in steps of eight the same.
    assert_eq!(body(&[[0x7f; 400].as_slice(), &[2]].concat()), Err(HistogramFault::Range));
}

/// Counts of 2^62 each: their sum is beyond any number, and one more does not begin again at 0.
#[test]
fn counts_beyond_any_number_are_refused() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let body = [&huge[..], &huge, &huge, &[2]].concat();
    let mut octets = v2(&[1]);
    octets.truncate(40);
    octets[4..8].copy_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    octets.extend(body);
    assert_eq!(decode_v2(&octets), Err(HistogramFault::Counts));
}
