//! A histogram as its buckets that hold something: all that percentiles are read from.

/// Values in rising order, each with its count. A value is the highest of its bucket, as HdrHistogram reads percentiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples(Vec<(u64, u64)>);

impl Samples {
    /// From pairs of value and count in any order; a value may come again.
    pub fn new(mut pairs: Vec<(u64, u64)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        pairs.retain(|(_, count)| *count > 0);
        Self(pairs)
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
        } else if !other.0.is_empty() {
            let mut all = std::mem::take(&mut self.0);
            all.extend_from_slice(&other.0);
            *self = Self::new(all);
        }
    }

    /// All of many, merged once.
    pub fn merged<'a>(many: impl Iterator<Item = &'a Self>) -> Self {
        Self::new(many.flat_map(|samples| samples.0.iter().copied()).collect())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// How many are above a value.
    pub fn above(&self, value: u64) -> u64 {
        let first = self.0.partition_point(|(of, _)| *of <= value);
        self.0.iter().skip(first).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The smallest value at which at least this part of all samples lies, 0 to 1. `None`: there are no samples.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = (part.clamp(0.0, 1.0) * self.count() as f64 - 1e-6).ceil().max(1.0);
        let mut so_far = 0.0;
        for (value, count) in &self.0 {
            so_far += *count as f64;
            if so_far >= wanted {
                return Some(*value);
            }
        }
        self.0.last().map(|(value, _)| *value)
    }

    /// The pairs.
    pub fn pairs(&self) -> &[(u64, u64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_samples_count_and_read_like_all_of_them() {
        let mut left = Samples::new(vec![(30, 1), (10, 2), (10, 1)]);
        left.merge(&Samples::new(vec![(20, 4), (10, 2)]));
        assert_eq!(left.pairs(), [(10, 5), (20, 4), (30, 1)]);
        assert_eq!((left.count(), left.above(10), left.above(9), left.above(30)), (10, 5, 10, 0));
        let read = [0.0, 0.5, 0.51, 0.9, 0.91, 1.0].map(|part| left.quantile(part).unwrap());
        assert_eq!(read, [10, 10, 20, 20, 30, 30]);
        assert_eq!(Samples::default().quantile(0.5), None);
    }
}
