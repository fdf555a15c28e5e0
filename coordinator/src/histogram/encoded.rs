//! HdrHistogram V2 as agents send it, read with limits, because an agent may be wrong or lie.
//!
//! The body is a row of numbers (zig-zag, LEB128): a positive one is the count of the next bucket, a negative one skips so many
//! buckets. They are read once, into the buckets that hold anything, and these are added to as many histograms as there are to be.

use serde::{Deserialize, Serialize};

use super::bottom_of;

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

/// Samples of one histogram of one report, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Buckets that hold anything, in rising order, and their counts.
    filled: Vec<(u32, u32)>,
    total: u64,
}

/// Checks HdrHistogram V2. No octets are no samples.
///
/// Nothing is allocated by what the header claims: the work and the memory follow from the octets that are there, and from the
/// buckets that there can be.
///
/// # Errors
/// Each [`HistogramFault`].
pub fn decode_v2(octets: &[u8]) -> Result<Samples, HistogramFault> {
    if octets.is_empty() {
        return Ok(Samples::default());
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
    // Each number goes on by a bucket at least.
    if rest.len() as u64 > BUCKETS * LONGEST_NUMBER {
        return Err(HistogramFault::Range);
    }
    Samples::read(rest)
}

impl Samples {
    fn read(body: &[u8]) -> Result<Self, HistogramFault> {
        let mut filled = vec![(0, 0); body.len()];
        let (mut rest, mut bucket, mut total, mut found) = (body, 0u64, 0u64, 0usize);
        while let Some((octet, tail)) = rest.split_first() {
            // Without a branch on whether it counts or skips: that is as good as random.
            if let Some(step) = STEPS.get(usize::from(*octet)) {
                if let Some(place) = filled.get_mut(found) {
                    *place = (saturated(bucket), u32::from(step.count));
                }
                found += usize::from(step.fills);
                total = total.saturating_add(u64::from(step.count));
                bucket += u64::from(step.forward);
                rest = tail;
                continue;
            }
            let number = varint(&mut rest)?;
            let half = number >> 1;
            if number & 1 == 1 {
                // Beyond the last bucket it does not matter how far it skips.
                bucket += 1 + half.min(BUCKETS);
                continue;
            }
            if let Some(place) = filled.get_mut(found).filter(|_| half > 0) {
                *place = (saturated(bucket), saturated(half));
                found += 1;
            }
            total = total.saturating_add(half);
            bucket += 1;
        }
        filled.truncate(found);
        if filled.last().is_some_and(|(bucket, _)| u64::from(*bucket) >= BUCKETS) {
            return Err(HistogramFault::Range);
        }
        if total > MOST_SAMPLES {
            return Err(HistogramFault::Counts);
        }
        Ok(Self { filled, total })
    }

    /// How many samples there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Value (µs, the lowest of its bucket) and count, in rising order.
    pub fn pairs(&self) -> Vec<(u64, u64)> {
        self.filled.iter().map(|(bucket, count)| (bottom_of(*bucket as usize), u64::from(*count))).collect()
    }

    /// As far as there are counts.
    pub(super) fn buckets(&self) -> usize {
        self.filled.last().map_or(0, |(bucket, _)| *bucket as usize + 1)
    }

    /// Adds each count to that of its bucket. There is room for [`Self::buckets`].
    pub(super) fn add_to(&self, counts: &mut [u64]) {
        for (bucket, more) in &self.filled {
            if let Some(count) = counts.get_mut(*bucket as usize) {
                *count = count.saturating_add(u64::from(*more));
            }
        }
    }
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Counts as the numbers of a V2 body: what is stored of a histogram.
pub(super) fn encode(counts: &[u64]) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut empty = 0i64;
    for count in counts {
        if *count == 0 {
            empty -= 1;
            continue;
        }
        if empty < 0 {
            numbers.push(empty);
            empty = 0;
        }
        numbers.push(i64::try_from(*count).unwrap_or(i64::MAX));
    }
    numbers
}

/// The counts again; none when they reach beyond the last bucket.
pub(super) fn decode(numbers: &[i64]) -> Option<Vec<u64>> {
    let mut counts = Vec::new();
    for number in numbers {
        let length = match u64::try_from(*number) {
            Ok(count) => {
                counts.push(count);
                counts.len()
            }
            Err(_) => counts.len().saturating_add(usize::try_from(number.unsigned_abs()).ok()?),
        };
        if length as u64 > BUCKETS {
            return None;
        }
        counts.resize(length, 0);
    }
    Some(counts)
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

/// What one number does.
#[derive(Clone, Copy)]
struct Step {
    count: u8,
    /// Whether that is a count at all, and not of nothing.
    fills: u8,
    /// Buckets that it goes on.
    forward: u8,
}

/// By the octet, of the numbers of one octet.
static STEPS: [Step; 128] = {
    let mut steps = [Step { count: 0, fills: 0, forward: 1 }; 128];
    let mut number = 1u8;
    while number < 128 {
        steps[number as usize] = match (number % 2, number / 2) {
            (0, count) => Step { count, fills: 1, forward: 1 },
            (_, skipped) => Step { count: 0, fills: 0, forward: 1 + skipped },
        };
        number += 1;
    }
    steps
};

const V2_COOKIE: u32 = 0x1c84_9313;
/// Octets of a LEB128 number here.
const LONGEST_NUMBER: u64 = 9;

/// One hour: no attempt takes longer.
pub(super) const LARGEST_US: u64 = 3_600_000_000;
/// As many as reach [`LARGEST_US`].
pub(super) const BUCKETS: u64 =
    (LARGEST_US.ilog2() as u64 - 10) * 1024 + (LARGEST_US >> (LARGEST_US.ilog2() - 10)) + 1;
/// More than any agent can do in an interval.
const MOST_SAMPLES: u64 = u32::MAX as u64;
