//! HdrHistogram V2 as agents send it, read with limits, because an agent may be wrong or lie.
//!
//! The body is a row of numbers (zig-zag, LEB128): a positive one is the count of the next bucket, a negative one skips so many
//! buckets. Nearly all of them take one octet, so that eight are checked at a time, in one register.

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

/// Samples of one histogram of one report, encoded and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// The V2 body.
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    total: u64,
    /// As far as there are counts.
    buckets: usize,
}

/// Checks HdrHistogram V2. No octets are no samples.
///
/// Nothing is allocated by what the header claims: the work and the memory follow from the octets that are there.
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
    let mut walk = Walk::default();
    walk.through(rest)?;
    Ok(Samples { body: rest.to_vec(), total: walk.total, buckets: walk.buckets })
}

impl Samples {
    /// How many samples there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Value (µs, the lowest of its bucket) and count, in rising order.
    pub fn pairs(&self) -> Vec<(u64, u64)> {
        let mut counts = vec![0; self.buckets];
        self.add_to(&mut counts);
        let filled = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        filled.map(|(bucket, count)| (bottom_of(bucket), count)).collect()
    }

    pub(super) fn buckets(&self) -> usize {
        self.buckets
    }

    /// Adds each count to that of its bucket. There is room for [`Self::buckets`].
    pub(super) fn add_to(&self, counts: &mut [u64]) {
        let (mut rest, mut bucket) = (self.body.as_slice(), 0usize);
        while let Some((octet, tail)) = rest.split_first() {
            let number = if octet & 0x80 == 0 {
                rest = tail;
                u64::from(*octet)
            } else {
                // It was read before, when it was checked.
                varint(&mut rest).unwrap_or_default()
            };
            // Without a branch on whether it counts or skips: that is as good as random.
            let skips = number & 1;
            let half = number >> 1;
            if let Some(count) = counts.get_mut(bucket) {
                *count = count.saturating_add(half * (1 - skips));
            }
            bucket =
                bucket.saturating_add(usize::try_from(half * skips).unwrap_or(usize::MAX)).saturating_add(1);
        }
    }
}

/// Where a check stands.
#[derive(Default)]
struct Walk {
    bucket: u64,
    total: u64,
    buckets: usize,
}

impl Walk {
    fn through(&mut self, body: &[u8]) -> Result<(), HistogramFault> {
        let mut rest = body;
        // The last eight that counted anything, and the bucket before them: which of them was the last is looked up at the end.
        let mut last: Option<([u8; 8], u64)> = None;
        while !rest.is_empty() {
            match rest.split_first_chunk::<8>() {
                Some((eight, tail)) if u64::from_le_bytes(*eight) & HIGH_BITS == 0 && self.eight(*eight) => {
                    if counted(*eight) > 0 {
                        last = Some((*eight, self.bucket - advance(*eight)));
                    }
                    rest = tail;
                }
                _ => {
                    // Eight one by one, so that the next ones have the chance to be short again.
                    for _ in 0..8 {
                        if rest.is_empty() {
                            break;
                        }
                        self.one(&mut rest)?;
                    }
                }
            }
        }
        if let Some((eight, bucket)) = last {
            let mut again = Self { bucket, ..Self::default() };
            let mut rest = eight.as_slice();
            while !rest.is_empty() {
                again.one(&mut rest)?;
            }
            self.buckets = self.buckets.max(again.buckets);
        }
        Ok(())
    }

    /// Eight numbers of one octet each. False, and nothing has happened, when a limit is near.
    fn eight(&mut self, eight: [u8; 8]) -> bool {
        let bucket = self.bucket + advance(eight);
        let total = self.total + counted(eight);
        let fits = bucket <= BUCKETS && total <= MOST_SAMPLES;
        if fits {
            (self.bucket, self.total) = (bucket, total);
        }
        fits
    }

    fn one(&mut self, rest: &mut &[u8]) -> Result<(), HistogramFault> {
        let number = zig_zag(varint(rest)?);
        let Ok(count) = u64::try_from(number) else {
            // Beyond the last bucket it does not matter how far.
            self.bucket = self.bucket.saturating_add(number.unsigned_abs()).min(BUCKETS + 1);
            return Ok(());
        };
        if count > 0 {
            if self.bucket >= BUCKETS {
                return Err(HistogramFault::Range);
            }
            let total = self.total.checked_add(count).filter(|total| *total <= MOST_SAMPLES);
            self.total = total.ok_or(HistogramFault::Counts)?;
            self.buckets = usize::try_from(self.bucket + 1).map_err(|_| HistogramFault::Range)?;
        }
        self.bucket = (self.bucket + 1).min(BUCKETS + 1);
        Ok(())
    }
}

/// How many buckets eight numbers of one octet go on: one each, and what the odd ones skip besides.
fn advance(eight: [u8; 8]) -> u64 {
    let numbers = u64::from_le_bytes(eight);
    let odd = (numbers & LOW_BITS) * 0xff;
    8 + across((numbers >> 1) & !HIGH_BITS & odd)
}

/// What they count: half of each even one.
fn counted(eight: [u8; 8]) -> u64 {
    let numbers = u64::from_le_bytes(eight);
    let even = ((numbers & LOW_BITS) ^ LOW_BITS) * 0xff;
    across((numbers >> 1) & !HIGH_BITS & even)
}

/// The sum of eight octets, each below 128.
fn across(eight: u64) -> u64 {
    let pairs = (eight & 0x00ff_00ff_00ff_00ff) + ((eight >> 8) & 0x00ff_00ff_00ff_00ff);
    pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48
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

fn zig_zag(encoded: u64) -> i64 {
    (encoded >> 1).cast_signed() ^ -(encoded & 1).cast_signed()
}

const V2_COOKIE: u32 = 0x1c84_9313;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// One hour: no attempt takes longer.
pub(super) const LARGEST_US: u64 = 3_600_000_000;
/// As many as reach [`LARGEST_US`].
pub(super) const BUCKETS: u64 =
    (LARGEST_US.ilog2() as u64 - 10) * 1024 + (LARGEST_US >> (LARGEST_US.ilog2() - 10)) + 1;
/// More than any agent can do in an interval.
const MOST_SAMPLES: u64 = 1 << 40;
