//! Whatever happened and whatever went wrong: found is what was planted, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a test and its numbers"
)]

use std::collections::BTreeMap;

use billing::{Account, Cause, Difference, Reconciler, Rules, Settings};
use identity::Imsi;
use proptest::prelude::*;

mod history;

use history::History;

fn reconcile(history: &History, memory: usize) -> (Account, Vec<Difference>) {
    let (tariff, rules) = (history::tariff(), Rules::default());
    let mut reconciler = Reconciler::new(Settings { memory, ..Settings::new(Some(&tariff), &rules) });
    history.usage.iter().for_each(|record| reconciler.used(record).unwrap());
    history.charging.iter().for_each(|record| reconciler.charged(record).unwrap());
    let mut differences = Vec::new();
    let account = reconciler.finish(&mut |difference| {
        differences.push(difference.clone());
        Ok(())
    });
    (account.unwrap(), differences)
}

fn found(differences: &[Difference]) -> BTreeMap<(Imsi, u8, u64), Cause> {
    let mut found = BTreeMap::new();
    for difference in differences {
        let side = difference.usage.as_ref().or(difference.charging.as_ref()).unwrap();
        let key = (difference.supi, difference.session.value(), side.from_us);
        assert_eq!(found.insert(key, difference.cause), None, "{difference:?}");
    }
    found
}

#[test]
fn a_history_without_faults_has_no_difference() {
    for seed in 0..50 {
        let history = History::random(seed, 20, 0.0);
        let (account, differences) = reconcile(&history, usize::MAX);
        assert_eq!(differences, [], "seed {seed}");
        assert_eq!(account.sessions, account.matched);
        assert_eq!(account.charged, account.expected);
        let amounts = history.charging.iter().map(|record| record.amount);
        assert_eq!(account.charged, amounts.sum());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Found is what was planted, whatever the order of the lines, and whether they were spilled.
    #[test]
    fn found_is_what_was_planted(seed: u64, order: u64, faulty in 0.0..1.0) {
        let mut history = History::random(seed, 12, faulty);
        let (account, differences) = reconcile(&history, usize::MAX);
        let in_words: Vec<_> = differences.iter().map(|one| (one.cause, &one.explanation)).collect();
        prop_assert_eq!(&found(&differences), &history.planted, "{:#?}", in_words);
        prop_assert_eq!(account.unreconciled, history.planted.len() as u64);
        prop_assert_eq!(account.matched + account.unreconciled, account.sessions);
        history.shuffle(order);
        prop_assert_eq!(reconcile(&history, 0), (account, differences));
    }

    /// However often agents deliver again what they delivered, it counts once.
    #[test]
    fn redelivery_changes_nothing(seed: u64, every in 1usize..5) {
        let mut history = History::random(seed, 8, 0.3);
        let before = reconcile(&history, usize::MAX);
        let again: Vec<_> = history.usage.iter().step_by(every).cloned().collect();
        let count = again.len() as u64;
        history.usage.extend(again);
        let (mut account, differences) = reconcile(&history, usize::MAX);
        prop_assert_eq!(differences, before.1);
        account.usage_records -= count;
        account.redelivered -= count;
        prop_assert_eq!(account, before.0);
    }
}
