//! Whether the generator was the bottleneck: attempts that left late measure the agents, not the target.
//!
//! The generator was the limit when more than 1 % of the attempts left more than 10 ms after they were due, which is
//! the same as a 99th percentile above 10 ms; a scenario may allow more ([`Generator::is_limited`]). Fewer than
//! [`FEWEST_LATE`] late attempts are a hiccup and no limit.

use std::collections::BTreeMap;

use scenarios::{FEWEST_LATE, Generator};

use super::machine::Machines;
use crate::histogram::{Histogram, percentiles};
use crate::reconcile::NetworkServed;
use results::units::float;
use results::{Coverage, EmbeddedTargetSummary, GeneratorSummary, units};

/// Judges by how late attempts left in the whole run.
pub(crate) fn assess(lateness: &Histogram, limits: &Generator, machines: &Machines) -> GeneratorSummary {
    let (attempts, late_attempts) = (lateness.len(), late(lateness, limits));
    let limited = is_limited(lateness, limits);
    let advice = (late_attempts >= FEWEST_LATE).then(|| machines.advice());
    let reason = || {
        format!(
            "generator limited: {late_attempts} of {attempts} attempts left more than {} late (at most {} % may){}",
            units::latency(limits.late.as_secs_f64() * 1e6),
            percent(limits.share),
            advice.as_deref().map(|advice| format!("; {advice}")).unwrap_or_default(),
        )
    };
    GeneratorSummary {
        limited,
        reasons: limited.then(reason).into_iter().collect(),
        lateness_us: percentiles(lateness),
        attempts,
        coverage: Coverage::default(),
        late_attempts,
        thresholds: BTreeMap::from([
            ("late_us".to_owned(), float(limits.late_us())),
            ("most_late_share".to_owned(), limits.share),
            ("fewest_late_attempts".to_owned(), float(FEWEST_LATE)),
        ]),
        priority: machines.priority(),
        processors: machines.summaries(),
        advice,
    }
}

/// Judges whether the target that runs beside the agents was let run: where it was not, its answers were late by this machine.
pub(crate) fn assess_target(
    served: Option<NetworkServed>,
    limits: &Generator,
    machines: &Machines,
) -> Option<EmbeddedTargetSummary> {
    let NetworkServed { messages, late, longest_us } = served?;
    let starved = limits.is_limited(late, messages);
    let reason = || {
        format!(
            "target starved: {late} of {messages} messages waited more than {} for a processor in the embedded simulator (at \
             most {} % may); {}",
            units::latency(limits.late.as_secs_f64() * 1e6),
            percent(limits.share),
            machines.advice(),
        )
    };
    let reason = starved.then(reason);
    Some(EmbeddedTargetSummary { starved, reason, messages, late, longest_wait_us: longest_us })
}

/// Whether these attempts measure the generator.
pub(crate) fn is_limited(lateness: &Histogram, limits: &Generator) -> bool {
    limits.is_limited(late(lateness, limits), lateness.len())
}

/// What a live view says while the run goes on, of so many attempts that are planned: that it is invalid already, or will
/// be if it goes on like this.
pub(crate) fn outlook(lateness: &Histogram, limits: &Generator, planned: u64) -> Option<String> {
    if !is_limited(lateness, limits) {
        return None;
    }
    let (late, attempts) = (late(lateness, limits), lateness.len());
    let (limit, allowed) = (units::latency(limits.late.as_secs_f64() * 1e6), limits.share * float(planned));
    Some(if float(late) > allowed {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
        let allowed = units::count(allowed as u64);
        format!(
            "late: this run will be invalid: {} of {} attempts so far left more than {limit} late, where {allowed} of \
             all {} may",
            units::count(late),
            units::count(attempts),
            units::count(planned),
        )
    } else {
        format!(
            "late: this run will be invalid if it goes on like this: {} of {} attempts so far left more than {limit} \
             late, {} % may",
            units::count(late),
            units::count(attempts),
            percent(limits.share),
        )
    })
}

fn late(lateness: &Histogram, limits: &Generator) -> u64 {
    let late_us = limits.late_us();
    if lateness.max() > late_us { lateness.count_between(late_us + 1, lateness.max()) } else { 0 }
}

/// `1`, `2.5`: no more digits than there are.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram;
    use std::time::Duration;

    fn lateness(late: u64, punctual: u64) -> Histogram {
        let mut lateness = histogram::empty();
        lateness.record_n(20_000, late);
        lateness.record_n(100, punctual);
        lateness
    }

    fn limited(late: u64, punctual: u64, limits: &Generator) -> bool {
        let summary = assess(&lateness(late, punctual), limits, &Machines::default());
        assert_eq!(summary.limited, !summary.reasons.is_empty());
        summary.limited
    }

    #[test]
    fn more_than_one_percent_late_is_limited() {
        let usual = Generator::default();
        assert!(limited(11, 989, &usual));
        assert!(!limited(10, 990, &usual));
    }

    #[test]
    fn few_late_attempts_of_a_small_run_are_a_hiccup() {
        let usual = Generator::default();
        assert!(!limited(9, 10, &usual));
        assert!(!limited(0, 0, &usual));
    }

    #[test]
    fn a_scenario_may_allow_more_and_less() {
        let with = |late_ms, share| Generator { late: Duration::from_millis(late_ms), share };
        assert!(!limited(500, 500, &with(25, 0.01)), "20 ms are not late");
        assert!(!limited(20, 980, &with(10, 0.02)));
        assert!(limited(21, 979, &with(10, 0.02)));
        assert!(limited(10, 99_990, &with(10, 0.0)));
        let summary = assess(&lateness(21, 979), &with(10, 0.02), &Machines::default());
        assert!(
            summary.reasons[0].contains("more than 10.0 ms late (at most 2 % may)"),
            "{:?}",
            summary.reasons
        );
        assert!((summary.thresholds["most_late_share"] - 0.02).abs() < 1e-12);
    }

    #[test]
    fn target_that_others_kept_from_the_processors_is_starved_and_an_unknown_one_is_not() {
        let assess = |messages, late| {
            let served = NetworkServed { messages, late, longest_us: 80_000 };
            assess_target(Some(served), &Generator::default(), &Machines::default()).unwrap()
        };
        let starved = assess(4_000, 41);
        let reason = starved.reason.unwrap();
        assert!(starved.starved);
        assert!(
            reason.starts_with(
                "target starved: 41 of 4000 messages waited more than 10.0 ms for a processor in the"
            ),
            "{reason}"
        );
        assert_eq!((assess(4_000, 40).starved, assess(4_000, 40).reason), (false, None));
        assert!(!assess(9, 9).starved, "a hiccup");
        assert_eq!(assess_target(None, &Generator::default(), &Machines::default()), None);
    }

    #[test]
    fn what_will_come_of_it_is_said_as_soon_as_it_is_likely_and_as_certain_only_then() {
        let usual = Generator::default();
        assert_eq!(outlook(&lateness(9, 1), &usual, 16_000), None);
        let likely = outlook(&lateness(20, 980), &usual, 16_000).unwrap();
        assert!(likely.starts_with("late: this run will be invalid if it goes on"), "{likely}");
        let certain = outlook(&lateness(161, 1_000), &usual, 16_000).unwrap();
        assert!(certain.starts_with("late: this run will be invalid: 161 of 1,161"), "{certain}");
        assert!(certain.contains("160 of all 16,000 may"), "{certain}");
    }
}
