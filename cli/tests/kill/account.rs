//! What must be true of a run, whatever befell its fleet.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fleet::{Ended, LENGTH_S, REGISTRATIONS};
use crate::support::assert_balanced;

/// Checks the account; the figures of the round, for people.
pub(crate) fn check(ended: &Ended) -> String {
    let summary = &ended.summary;
    let what = || format!("seed {}: {}\n{}", ended.seed, summary["verdict"], ended.stderr);
    assert_balanced(summary);
    let lost = lost(summary);
    assert_eq!(lost, in_gaps(summary), "lost with agents, and in the gaps: {}", what());
    let planned = number(&summary["procedures"]["registration"]["planned"]);
    assert_eq!(planned, REGISTRATIONS * LENGTH_S, "{}", what());
    valid(ended, lost.values().sum::<u64>() + disturbed(summary));

    let billing = &summary["billing"];
    assert_eq!(billing["reconciled"], true, "{billing}");
    // Sessions that were open at the end: the target, which went on, had not charged them yet.
    let causes = billing["by_cause"].as_object().unwrap();
    assert!(causes.keys().all(|cause| cause == "missing"), "{billing}");
    assert_eq!(ended.account["unreconciled"], 0, "with the whole ledger: {}", ended.account);

    // Each registration that the target accepted was one attempt, or one of recovery.
    let registration = &summary["procedures"]["registration"];
    // What a successor had registered anew when it was lost itself is in no report: the gaps say how many that may be.
    let in_gaps: u64 =
        summary["gaps"].as_array().into_iter().flatten().filter_map(|gap| gap["registered"].as_u64()).sum();
    let recovered = number(&summary["recovery"]["registrations"]).max(in_gaps);
    let least = number(&registration["succeeded"]);
    // What was lost in flight may have been started: never what nobody started.
    let most = planned - number(&registration["never_started"]) + recovered;
    let accepted = ended.accepted;
    assert!((least..=most).contains(&accepted), "{accepted} accepted, not {least} to {most}: {}", what());

    let attempts: u64 = procedures(summary).map(|(_, procedure)| number(&procedure["planned"])).sum();
    let count = |key: &str| summary[key].as_array().map_or(0, Vec::len);
    let sessions = number(&ended.account["sessions"]);
    format!(
        "{}, {attempts} attempts, {} lost in {} gaps, {} moves, {recovered} registered anew, {sessions} sessions",
        summary["verdict"]["status"].as_str().unwrap_or("none"),
        lost.values().sum::<u64>(),
        count("gaps"),
        count("moves"),
    )
}

/// A run passes; but a busy machine may make it late, agents are frozen in it, and what it lost may be too much: that, and
/// nothing else.
fn valid(ended: &Ended, lost: u64) {
    let summary = &ended.summary;
    let reasons = summary["verdict"]["reasons"].as_array().unwrap();
    let too_much = format!("fleet lost: {lost} of ");
    let late = summary["generator"]["limited"] == true;
    let allowed = |reason: &Value| {
        let reason = reason.as_str().unwrap();
        reason.starts_with(&too_much)
            || (late && ["generator limited", "generator.lateness."].iter().any(|text| reason.contains(text)))
    };
    let expected = if reasons.is_empty() { (Some(0), "pass") } else { (Some(3), "invalid") };
    let status = summary["verdict"]["status"].as_str().unwrap();
    assert!(
        (ended.code, status) == expected && reasons.iter().all(allowed),
        "seed {}: {:?} {status}: {reasons:#?}\n{}",
        ended.seed,
        ended.code,
        ended.stderr
    );
}

/// What an agent lost that went on: it was frozen while that was under way, or another shard had no word for it, or was not there.
fn disturbed(summary: &Value) -> u64 {
    let reasons = ["agent-stood-still", "other-shard-silent", "other-shard-away", "lease-lapsed"];
    let of =
        |procedure: &Value| reasons.map(|reason| number(&procedure["abandoned"][reason])).iter().sum::<u64>();
    procedures(summary).map(|(_, procedure)| of(procedure)).sum()
}

/// By procedure, what is counted as lost with an agent.
fn lost(summary: &Value) -> BTreeMap<String, u64> {
    let of = |procedure: &Value| {
        number(&procedure["abandoned"]["agent-lost"])
            + number(&procedure["never_started_by_reason"]["agent-lost"])
    };
    procedures(summary)
        .map(|(name, procedure)| (name.clone(), of(procedure)))
        .filter(|(_, n)| *n > 0)
        .collect()
}

/// The same as the gaps have it.
fn in_gaps(summary: &Value) -> BTreeMap<String, u64> {
    assert_eq!(summary["gaps_left_out"], 0);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for gap in summary["gaps"].as_array().unwrap() {
        let never = (gap["reason"] == "agent-lost").then_some(&gap["never_started"]);
        for counts in [Some(&gap["abandoned"]), never].into_iter().flatten() {
            for (name, n) in counts.as_object().unwrap().iter().filter(|(_, n)| number(n) > 0) {
                *sums.entry(name.clone()).or_default() += number(n);
            }
        }
    }
    sums
}

fn procedures(summary: &Value) -> impl Iterator<Item = (&String, &Value)> {
    summary["procedures"].as_object().unwrap().iter()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
