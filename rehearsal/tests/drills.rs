//! Two hundred drills. `make simulate` plays ten thousand.

use rehearsal::rehearse;

#[test]
fn account_holds_whatever_goes_wrong() {
    let failed: Vec<_> = (1..=200)
        .map(|seed| rehearse(seed, false))
        .filter(|outcome| !outcome.violations.is_empty())
        .collect();
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
