//! Whether the generator was the bottleneck: attempts that left late measure the agents, not the target.
//!
//! The generator was the limit when more than 1 % of the attempts left more than 10 ms after they were due, which is
//! the same as a 99th percentile above 10 ms. Fewer than [`FEWEST`] late attempts are a hiccup and no limit: in a run of
//! 100 attempts, one is 1 %.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::slo::float;
use crate::{Coverage, GeneratorSummary, Percentiles};

/// Later than this is late, µs.
pub(crate) const LATE_US: u64 = 10_000;
/// Share of late attempts above which the generator was the limit.
pub(crate) const SHARE: f64 = 0.01;
/// Late attempts below which it never was.
pub(crate) const FEWEST: u64 = 10;

/// Judges by how late attempts left in the whole run.
pub(crate) fn assess(lateness: &Histogram) -> GeneratorSummary {
    let attempts = lateness.len();
    let late_attempts =
        if lateness.max() > LATE_US { lateness.count_between(LATE_US + 1, lateness.max()) } else { 0 };
    let limited = late_attempts >= FEWEST && float(late_attempts) > SHARE * float(attempts);
    let reason = || {
        format!(
            "generator limited: {late_attempts} of {attempts} attempts left more than {} ms late (at most {} % may); \
             use more agents or a lower rate",
            LATE_US / 1000,
            SHARE * 100.0,
        )
    };
    GeneratorSummary {
        limited,
        reasons: limited.then(reason).into_iter().collect(),
        lateness_us: Percentiles::of(lateness),
        attempts,
        coverage: Coverage::default(),
        late_attempts,
        thresholds: BTreeMap::from([
            ("late_us".to_owned(), float(LATE_US)),
            ("most_late_share".to_owned(), SHARE),
            ("fewest_late_attempts".to_owned(), float(FEWEST)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram;

    fn lateness(late: u64, punctual: u64) -> Histogram {
        let mut lateness = histogram::empty();
        lateness.record_n(50_000, late);
        lateness.record_n(100, punctual);
        lateness
    }

    #[test]
    fn more_than_one_percent_late_is_limited() {
        assert!(assess(&lateness(11, 989)).limited);
        assert!(!assess(&lateness(10, 990)).limited);
    }

    #[test]
    fn few_late_attempts_of_a_small_run_are_a_hiccup() {
        assert!(!assess(&lateness(9, 10)).limited);
        assert!(!assess(&histogram::empty()).limited);
    }
}
