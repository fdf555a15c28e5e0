//! The proof that every planned attempt has exactly one outcome.

use std::collections::BTreeMap;

use super::figures::{Counts, Procedures, sum};

/// What the account of a procedure must come to: the plan's number, and what UEs started by themselves (a retry, a
/// periodic update, the answer to a page), which no plan has.
pub(crate) fn planned(plan: &BTreeMap<String, u64>, procedure: &str, counts: &Counts) -> u64 {
    plan.get(procedure).copied().unwrap_or_default().saturating_add(counts.self_started)
}

/// `planned = succeeded + failed + timed-out + abandoned + never-started` for each procedure of the plan and each that
/// was seen. A sentence with the numbers for each that does not come out.
pub(crate) fn unproven(plan: &BTreeMap<String, u64>, procedures: &Procedures) -> Vec<String> {
    let nothing = Counts::default();
    let mut names: Vec<&String> = plan.keys().chain(procedures.keys()).collect();
    names.sort();
    names.dedup();
    let problem = |name: &String| {
        let counts = procedures.get(name).map_or(&nothing, |figures| &figures.counts);
        let planned = planned(plan, name, counts);
        (planned != counts.accounted()).then(|| {
            format!(
                "accounting not proven: {name}: {planned} planned, but {} succeeded + {} failed + {} timed out + {} \
                 abandoned + {} never started = {}",
                counts.succeeded,
                sum(&counts.failed),
                sum(&counts.timed_out),
                sum(&counts.abandoned),
                sum(&counts.never_started),
                counts.accounted(),
            )
        })
    };
    names.into_iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::ProcedureFigures;

    fn procedures(counts: Counts) -> Procedures {
        Procedures::from([("registration".to_owned(), ProcedureFigures { counts, ..Default::default() })])
    }

    fn plan(n: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("registration".to_owned(), n)])
    }

    #[test]
    fn account_that_comes_out_is_proven() {
        let mut counts = Counts { due: 9, started: 8, succeeded: 7, ..Counts::default() };
        counts.timed_out.insert("T3510".to_owned(), 1);
        counts.never_started.insert("drained".to_owned(), 2);
        assert_eq!(unproven(&plan(10), &procedures(counts)), Vec::<String>::new());
    }

    #[test]
    fn account_that_does_not_come_out_is_named_with_its_numbers() {
        let counts = Counts { due: 10, started: 10, succeeded: 9, ..Counts::default() };
        let problems = unproven(&plan(10), &procedures(counts));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("registration: 10 planned, but 9 succeeded"), "{problems:?}");
    }

    #[test]
    fn planned_procedure_that_was_never_seen_is_not_proven() {
        assert_eq!(unproven(&plan(3), &Procedures::new()).len(), 1);
    }

    #[test]
    fn what_ues_start_by_themselves_adds_to_the_plan() {
        let counts = Counts { due: 2, self_started: 2, started: 2, succeeded: 1, ..Counts::default() };
        assert_eq!(planned(&BTreeMap::new(), "registration-retry", &counts), 2);
        assert_eq!(planned(&plan(5), "registration", &counts), 7);
        assert_eq!(unproven(&BTreeMap::new(), &procedures(counts)).len(), 1);
    }
}
