//! Handovers into cells of shards that were lost, or on their way from one agent to another: the core could not prepare them, and
//! that is no failure of its own.
//!
//! Whoever reports such a failure cannot know it: a lost agent is known by its lease, up to 30 s later. So failures into other
//! shards are kept by when they happened, and weighed when every gap and every move of the run is known.

use serde::{Deserialize, Serialize};
use wire::to_coordinator::{FailedInto, IntervalReport};

use super::figures::{Parts, Procedures};
use results::OTHER_SHARD_AWAY;

/// When a shard had no holder whose gNBs were there, µs since the run's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Away {
    pub(crate) shard: u32,
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
}

/// The failures of all reports.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct FailedHandovers {
    seen: Vec<Seen>,
}

#[derive(Serialize, Deserialize)]
struct Seen {
    from_us: u64,
    to_us: u64,
    failed: FailedInto,
}

impl FailedHandovers {
    /// What has no room stays a failure.
    pub(crate) fn add(&mut self, report: &IntervalReport) {
        let (from_us, to_us) = (report.from_us, report.to_us);
        let room = MOST_SEEN.saturating_sub(self.seen.len());
        let seen = report.failed_into.iter().take(room).cloned();
        self.seen.extend(seen.map(|failed| Seen { from_us, to_us, failed }));
    }

    /// Takes out of the failures of each procedure, and of its parts, those that are excused. They are weighed once.
    pub(crate) fn excuse(&mut self, away: &[Away], procedures: &mut Procedures, parts: &mut Parts) -> u64 {
        let mut excused = 0u64;
        for Seen { from_us, to_us, failed } in std::mem::take(&mut self.seen) {
            let was_away = away
                .iter()
                .any(|away| away.shard == failed.shard && away.from_us <= to_us && from_us <= away.to_us);
            if !was_away {
                continue;
            }
            let FailedInto { procedure, cause, timed_out, count, .. } = &failed;
            let Some(figures) = procedures.get_mut(procedure) else { continue };
            let moved = figures.counts.excuse(cause, *timed_out, OTHER_SHARD_AWAY, *count);
            excused = excused.saturating_add(moved);
            for (_, of_part) in
                parts.iter_mut().filter(|(part, _)| **part < u64::BITS && failed.parts >> **part & 1 == 1)
            {
                if let Some(figures) = of_part.get_mut(procedure) {
                    figures.counts.excuse(cause, *timed_out, OTHER_SHARD_AWAY, moved);
                }
            }
        }
        excused
    }
}

/// Kinds of failures by interval that are kept: what a fleet loses in hours of trouble.
const MOST_SEEN: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::ProcedureFigures;

    const CAUSE: &str = "unknown-targetid";

    fn failed(shard: u32, timed_out: bool, parts: u64, count: u64) -> FailedInto {
        let (procedure, cause) = ("handover-n2".to_owned(), CAUSE.to_owned());
        FailedInto { shard, procedure, cause, timed_out, parts, count }
    }

    fn report(from_us: u64, failed_into: Vec<FailedInto>) -> IntervalReport {
        IntervalReport { from_us, to_us: from_us + 1_000_000, failed_into, ..IntervalReport::default() }
    }

    fn figures() -> Procedures {
        let mut figures = ProcedureFigures::default();
        figures.counts.failed.insert(CAUSE.to_owned(), 9);
        figures.counts.timed_out.insert(CAUSE.to_owned(), 2);
        Procedures::from([("handover-n2".to_owned(), figures)])
    }

    fn failures(procedures: &Procedures) -> (u64, u64, u64) {
        let counts = &procedures["handover-n2"].counts;
        let of =
            |causes: &std::collections::BTreeMap<String, u64>, cause| causes.get(cause).copied().unwrap_or(0);
        (of(&counts.failed, CAUSE), of(&counts.timed_out, CAUSE), of(&counts.abandoned, OTHER_SHARD_AWAY))
    }

    const AWAY: [Away; 1] = [Away { shard: 3, from_us: 5_500_000, to_us: 6_200_000 }];

    #[test]
    fn handovers_into_a_shard_that_was_away_are_no_failures_and_all_others_are() {
        let mut seen = FailedHandovers::default();
        seen.add(&report(
            5_000_000,
            vec![failed(3, false, 0, 2), failed(4, false, 0, 1), failed(3, true, 0, 1)],
        ));
        seen.add(&report(6_000_000, vec![failed(3, false, 0, 1)]));
        seen.add(&report(3_000_000, vec![failed(3, false, 0, 1)]));
        seen.add(&report(7_000_000, vec![failed(3, false, 0, 1)]));
        let (mut procedures, mut parts) = (figures(), Parts::new());
        assert_eq!(seen.excuse(&AWAY, &mut procedures, &mut parts), 4);
        assert_eq!(failures(&procedures), (6, 1, 4));
        assert_eq!(seen.excuse(&AWAY, &mut procedures, &mut parts), 0, "once");
    }

    #[test]
    fn parts_that_count_a_handover_excuse_it_too() {
        let mut seen = FailedHandovers::default();
        seen.add(&report(5_000_000, vec![failed(3, false, 0b10, 2)]));
        let mut parts = Parts::from([(0, figures()), (1, figures())]);
        seen.excuse(&AWAY, &mut figures(), &mut parts);
        assert_eq!((failures(&parts[&0]), failures(&parts[&1])), ((9, 2, 0), (7, 2, 2)));
    }

    #[test]
    fn no_more_is_excused_than_failed() {
        let mut seen = FailedHandovers::default();
        seen.add(&report(5_000_000, vec![failed(3, false, 0, u64::MAX), failed(3, false, 0, u64::MAX)]));
        let mut procedures = figures();
        assert_eq!(seen.excuse(&AWAY, &mut procedures, &mut Parts::new()), 9);
        assert_eq!(failures(&procedures), (0, 2, 9));
    }
}
