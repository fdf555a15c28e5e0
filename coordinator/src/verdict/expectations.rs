//! What fails a run without any SLO: a procedure that was attempted and never once succeeded, unless that is expected.

use std::collections::BTreeMap;

use scenarios::{Procedure, Scenario, Subject};

use crate::merge::{Counts, Procedures};

/// What came otherwise than it had to, one sentence each.
pub(crate) fn broken(scenario: &Scenario, procedures: &Procedures) -> Vec<String> {
    let mut broken = Vec::new();
    for procedure in Procedure::of_scenarios() {
        let expected = scenario.expect.never_succeeds.contains(&Subject::Procedure(procedure));
        // Who does not succeed at first, but by trying again, has succeeded.
        let counts = counted(Subject::All(procedure), procedures);
        let is_planned = scenario.load.iter().any(|load| load.procedure == procedure);
        let fewest = if is_planned { 1 } else { FEWEST_BY_THEMSELVES };
        broken.extend(judge(procedure.name(), &counts, expected, fewest));
    }
    if scenario.expect.never_succeeds.contains(&Subject::RegistrationRetry) {
        let retries = Subject::RegistrationRetry;
        broken.extend(judge(&retries.to_string(), &counted(retries, procedures), true, 1));
    }
    broken
}

fn counted(subject: Subject, procedures: &Procedures) -> Counts {
    let mut sum = Counts::default();
    subject
        .counted_as()
        .iter()
        .filter_map(|name| procedures.get(*name))
        .for_each(|figures| sum.merge(&figures.counts));
    sum
}

/// `fewest` attempts must have failed for a sentence.
fn judge(name: &str, counts: &Counts, expected: bool, fewest: u64) -> Option<String> {
    // What was lost with an agent, or what a UE kept back, may well have succeeded.
    let own = counts.ended().saturating_sub(counts.judged());
    let attempts = counts.due.saturating_sub(own);
    match (counts.succeeded, expected) {
        (0, true) => None,
        (0, false) if attempts < fewest => None,
        (0, false) => Some(format!(
            "{name}: of {attempts} attempts not one succeeded ({}); a scenario that means this says expect: {{never-succeeds: \
             [{name}]}}",
            causes(counts)
        )),
        (_, false) => None,
        (succeeded, true) => {
            Some(format!("{name}: {succeeded} attempts succeeded, where the scenario expects none to"))
        }
    }
}

/// Why they ended as they did, the most frequent reasons first.
fn causes(counts: &Counts) -> String {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for by_cause in [&counts.failed, &counts.timed_out, &counts.abandoned, &counts.never_started] {
        for (cause, n) in by_cause {
            let sum = all.entry(cause).or_default();
            *sum = sum.saturating_add(*n);
        }
    }
    let mut all: Vec<(&str, u64)> = all.into_iter().collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let told = all.iter().take(MOST_CAUSES).map(|(cause, n)| format!("{n} × {cause}"));
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { "none of them ended".to_owned() } else { told }
}

/// What UEs begin by themselves may be one attempt that the end of the run, or the radio, has cut off.
const FEWEST_BY_THEMSELVES: u64 = 5;
/// More causes are for the report.
const MOST_CAUSES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::ProcedureFigures;

    fn scenario(rest: &str) -> Scenario {
        let text = format!(
            "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 9, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}]\nload: [{{procedure: registration, phases: [{{rate: 5/s, for: 1s}}]}}]\n{rest}"
        );
        Scenario::from_yaml(&text, "t.yaml").unwrap()
    }

    /// A procedure, how many of its attempts succeeded, and how many were abandoned by cause.
    type Counted<'a> = (&'a str, u64, &'a [(&'a str, u64)]);

    fn procedures(of: &[Counted<'_>]) -> Procedures {
        let figures = |succeeded: u64, abandoned: &[(&str, u64)]| {
            let mut figures = ProcedureFigures::default();
            figures.counts.succeeded = succeeded;
            figures.counts.abandoned = abandoned.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect();
            figures.counts.due = figures.counts.ended();
            figures
        };
        of.iter()
            .map(|(name, succeeded, abandoned)| ((*name).to_owned(), figures(*succeeded, abandoned)))
            .collect()
    }

    #[test]
    fn what_never_succeeds_fails_the_run_unless_it_is_expected() {
        let refused = procedures(&[("registration", 0, &[("illegal-ue", 5)])]);
        let [reason] = broken(&scenario(""), &refused).try_into().unwrap();
        assert!(
            reason.starts_with("registration: of 5 attempts not one succeeded (5 × illegal-ue)"),
            "{reason}"
        );
        let expects = scenario("expect: {never-succeeds: [registration]}\n");
        assert_eq!(broken(&expects, &refused), Vec::<String>::new());
        let [reason] = broken(&expects, &procedures(&[("registration", 1, &[])])).try_into().unwrap();
        assert!(reason.contains("1 attempts succeeded, where the scenario expects none to"), "{reason}");
    }

    #[test]
    fn a_retry_that_succeeds_is_a_success_and_what_the_fleet_lost_says_nothing() {
        let scenario = scenario("");
        let nothing = Vec::<String>::new();
        let again = procedures(&[("registration", 0, &[("end-of-run", 5)]), ("registration-retry", 1, &[])]);
        assert_eq!(broken(&scenario, &again), nothing);
        let failing_retries =
            procedures(&[("registration", 9, &[]), ("registration-retry", 0, &[("end-of-run", 1)])]);
        assert_eq!(broken(&scenario, &failing_retries), nothing);
        for (attempts, reasons) in [(4, 0), (5, 1)] {
            let idle =
                procedures(&[("registration", 9, &[]), ("service-request", 0, &[("end-of-run", attempts)])]);
            assert_eq!(broken(&scenario, &idle).len(), reasons, "{attempts} that no load plans");
        }
        for own in ["agent-lost", "barred", "switched-off"] {
            assert_eq!(broken(&scenario, &procedures(&[("registration", 0, &[(own, 5)])])), nothing);
        }
    }
}
