//! Two hundred drills. `make simulate` plays ten thousand.

use rehearsal::{Outcome, rehearse};

#[test]
fn account_holds_whatever_goes_wrong() {
    let outcomes: Vec<_> = (1..=200).map(|seed| rehearse(seed, false)).collect();
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let seen =
        [sum(|outcome| outcome.handovers), sum(|outcome| outcome.asked), sum(|outcome| outcome.audits)];
    assert!(
        seen.iter().all(|count| *count > 10),
        "handovers, attempts elsewhere and visitor audits: {seen:?}"
    );
    let failed: Vec<_> = outcomes.into_iter().filter(|outcome| !outcome.violations.is_empty()).collect();
    let commands: Vec<String> = failed
        .iter()
        .map(|outcome| format!("cargo run --release -p rehearsal -- --seed {} --tell", outcome.seed))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}\nagain:\n{}", commands.join("\n"));
}

#[test]
fn drills_are_the_same_each_time() {
    for seed in [3, 17, 88] {
        assert_eq!(rehearse(seed, false), rehearse(seed, false), "seed {seed}");
    }
}
