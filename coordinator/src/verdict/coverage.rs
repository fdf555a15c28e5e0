//! How many attempts a figure is of. What it does not cover cannot pass.

use std::collections::BTreeMap;

use scenarios::{Metric, Scenario, Slo, Subject};

use crate::merge::Counts;
use crate::merge::Totals;
use crate::merge::planned;
use results::{Coverage, SloResult};

/// Of how many of a procedure's attempts it is known how they ended, once the run is over.
pub(crate) fn of_procedure(plan: &BTreeMap<String, u64>, procedure: &str, counts: &Counts) -> Coverage {
    let (judged, lost) = (counts.judged(), counts.lost_to_fleet());
    // What nobody was to start any more is accounted for, and nothing to judge.
    let never = counts.accounted().saturating_sub(judged.saturating_add(lost));
    let of = planned(plan, procedure, counts).saturating_sub(never);
    Coverage { covers: judged, of, lost }
}

/// The SLO of a run that is over, with what its figure is of. Without all of its evidence it does not pass.
pub(crate) fn judge(
    slo: SloResult,
    condition: &Slo,
    totals: &Totals,
    scenario: &Scenario,
    plan: &BTreeMap<String, u64>,
) -> SloResult {
    let coverage = match condition.metric {
        Metric::GeneratorLateness(_) => totals.lateness_coverage(),
        Metric::BillingUnreconciled | Metric::Procedure { subject: Subject::Recovery, .. } => return slo,
        Metric::Procedure { subject, .. } => {
            let whole = of_subject(subject, totals, plan);
            match scenario.parts().iter().position(|part| part.limits == condition.limits) {
                Some(part) => of_part(part, subject, whole, totals),
                None => whole,
            }
        }
    };
    SloResult { pass: slo.pass && coverage.is_complete(), coverage: Some(coverage), ..slo }
}

fn of_subject(subject: Subject, totals: &Totals, plan: &BTreeMap<String, u64>) -> Coverage {
    let mut sum = Coverage::default();
    for name in subject.counted_as() {
        let counts = totals.procedures.get(*name).map(|figures| figures.counts.clone()).unwrap_or_default();
        let Coverage { covers, of, lost } = of_procedure(plan, name, &counts);
        sum.covers = sum.covers.saturating_add(covers);
        sum.of = sum.of.saturating_add(of);
        sum.lost = sum.lost.saturating_add(lost);
    }
    sum
}

/// What a lost agent had begun of a part is known to have begun, and counts among what the fleet lost of the whole.
fn of_part(part: usize, subject: Subject, whole: Coverage, totals: &Totals) -> Coverage {
    let of_part = u32::try_from(part).ok().and_then(|part| totals.parts.get(&part));
    let mut counts = Counts::default();
    let names = subject.counted_as().iter();
    names.filter_map(|name| of_part?.get(*name)).for_each(|figures| counts.merge(&figures.counts));
    let covers = counts.judged();
    let never = counts.accounted().saturating_sub(covers.saturating_add(counts.lost_to_fleet()));
    let of = counts.due.saturating_sub(never);
    Coverage { covers, of, lost: of.saturating_sub(covers).min(whole.lost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(n: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("registration".to_owned(), n)])
    }

    fn counts() -> Counts {
        let mut counts = Counts { due: 620, started: 620, succeeded: 600, ..Counts::default() };
        counts.abandoned.insert("agent-lost".to_owned(), 20);
        counts.never_started.insert("aborted-by-operator".to_owned(), 5);
        counts
    }

    #[test]
    fn what_the_fleet_lost_is_shown_and_complete() {
        let coverage = of_procedure(&plan(625), "registration", &counts());
        assert_eq!(coverage, Coverage { covers: 600, of: 620, lost: 20 });
        assert!(coverage.is_complete());
        assert_eq!(coverage.shown().as_deref(), Some("covers 600 of 620 attempts; the fleet lost 20"));
    }

    #[test]
    fn what_nobody_accounts_for_is_missing() {
        let coverage = of_procedure(&plan(1_625), "registration", &counts());
        assert_eq!(coverage, Coverage { covers: 600, of: 1_620, lost: 20 });
        assert!(!coverage.is_complete());
    }

    #[test]
    fn slo_without_all_of_its_attempts_does_not_pass() {
        let mut totals = Totals::new();
        let counts = Counts { due: 625, started: 625, succeeded: 625, ..Counts::default() };
        let figures = crate::merge::ProcedureFigures { counts, ..Default::default() };
        totals.procedures.insert("registration".to_owned(), figures);
        totals.lateness.record_n(100, 453);
        let slo = |name: &str, target: &str| SloResult {
            name: name.to_owned(),
            target: target.to_owned(),
            actual: Some(0.1),
            unit: "ms".to_owned(),
            pass: true,
            coverage: None,
            limits: BTreeMap::new(),
            judged: true,
        };
        let scenario = Scenario::load("smoke", &[]).unwrap();
        let judged = |name: &str, target: &str| {
            let condition: Slo = format!("{name} {target}").parse().unwrap();
            judge(slo(name, target), &condition, &totals, &scenario, &plan(625))
        };
        let lateness = judged("generator.lateness.p99", "< 1ms");
        assert!(!lateness.pass);
        assert_eq!(
            lateness.missed(),
            "generator.lateness.p99 is 100 µs, target < 1ms, but it covers 453 of 625 attempts"
        );
        assert!(totals.lateness_doubt().unwrap().contains("covers 453 of 625 attempts"));
        let latency = judged("registration.latency.p99", "< 1ms");
        assert!(latency.pass && latency.coverage.unwrap().is_complete());
        totals.lateness.record_n(100, 172);
        assert_eq!(totals.lateness_doubt(), None);
    }
}
