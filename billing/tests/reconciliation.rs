//! Whatever happened and whatever went wrong: found is what was planted, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a test and its numbers"
)]

use std::collections::BTreeMap;

use billing::{
    Account, Cause, ChargingId, Difference, Losses, LostUsage, Reconciler, Rules, Settings, UsageRecord,
};
use identity::Imsi;
use proptest::prelude::*;

mod history;

use history::History;

fn reconcile(history: &History, memory: usize) -> (Account, Vec<Difference>) {
    reconcile_with(history, memory, Losses::default())
}

fn reconcile_with(history: &History, memory: usize, losses: Losses<'_>) -> (Account, Vec<Difference>) {
    let (tariff, rules) = (history::tariff(), Rules::default());
    let settings = Settings { memory, losses, ..Settings::new(Some(&tariff), &rules) };
    let mut reconciler = Reconciler::new(settings);
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

/// By its agent's clock the session began in the gap, by the network's clock 0.1 s after it.
#[test]
fn usage_that_was_lost_at_the_very_end_of_a_gap_is_explained_though_clocks_differ() {
    let mut history = History::random(6_333_657_624_030_706_811, 24, 0.0);
    let id = Some(ChargingId(36));
    let used = history.usage.iter().find(|record| record.charging_id == id).unwrap().from_us;
    let charged = history.charging.iter().find(|record| record.charging_id == id).unwrap().from_us;
    let to_us = charged - 100_000;
    assert!(used < to_us, "{used} {charged}");
    history.usage.retain(|record| record.charging_id != id || record.from_us > to_us);
    let gap = LostUsage { shard: 1, from_us: used - 60_000_000, to_us };
    let (account, differences) = reconcile_with(
        &history,
        usize::MAX,
        Losses { gaps: &[gap], shard_of: Some(&|_| Some(1)), has: None, traffic: None },
    );
    assert_eq!(account.unreconciled, 0, "{differences:#?}");
    assert_eq!(account.explained.get("agent-lost"), Some(&1), "{differences:#?}");
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

    /// What an agent takes with it when it is lost is explained by the gap; a fault anywhere else is found all the same, and
    /// one of the amounts even there.
    #[test]
    fn usage_that_was_lost_with_its_agent_is_explained_and_hides_no_fault_elsewhere(
        seed: u64,
        faulty in 0.0..1.0,
        from in 0.0..1.0f64,
        length in 0.0..0.3f64,
    ) {
        let shard_of = |supi: Imsi| Some((supi.value() % 3) as u32);
        let clean = History::random(seed, 24, 0.0);
        let mut history = History::random(seed, 24, faulty);
        let begin = clean.charging.iter().map(|record| record.from_us).min().unwrap();
        let end = clean.charging.iter().map(|record| record.to_us).max().unwrap();
        let at = |share: f64| begin + ((end - begin) as f64 * share.min(1.0)) as u64;
        let gap = LostUsage { shard: 1, from_us: at(from), to_us: at(from + length) };
        // The clocks of the two sides may be 5 s apart.
        let before = gap.from_us - UsageRecord::TOLD_WITHIN_US - 5_000_000;
        let after = gap.to_us + 5_000_000;
        let in_gap = |supi: Imsi, from_us: u64, to_us: u64| {
            shard_of(supi) == Some(1) && from_us <= after && to_us >= before
        };
        // Lost is every part that was open in the gap, or had ended so shortly before that it was not told.
        let lost = |record: &UsageRecord| {
            shard_of(record.supi) == Some(1) && record.from_us <= gap.to_us && record.to_us >= gap.from_us
        };
        history.usage.retain(|record| !lost(record));
        let losses = Losses { gaps: &[gap], shard_of: Some(&shard_of), has: None, traffic: None };
        let (account, differences) = reconcile_with(&history, usize::MAX, losses);
        let touched = |difference: &Difference| {
            let sides = [&difference.usage, &difference.charging];
            let from = sides.iter().filter_map(|side| Some(side.as_ref()?.from_us)).min().unwrap();
            let to = sides.iter().filter_map(|side| Some(side.as_ref()?.to_us)).max().unwrap();
            in_gap(difference.supi, from, to)
        };
        let key = |one: &Difference| (one.supi, one.session, one.charging_id, one.cause);
        // Of other agents: exactly what was planted, as if nothing had been lost.
        let of = |all: &[Difference], ours: bool| -> Vec<_> {
            all.iter().filter(|one| (shard_of(one.supi) == Some(1)) == ours).map(key).collect()
        };
        let whole = reconcile(&History::random(seed, 24, faulty), usize::MAX).1;
        prop_assert_eq!(of(&differences, false), of(&whole, false));
        // Of the one that was lost: all that was planted outside of the gap.
        let found = of(&differences, true);
        for planted in whole.iter().filter(|one| shard_of(one.supi) == Some(1) && !touched(one)) {
            prop_assert!(found.contains(&key(planted)), "{planted:?}");
        }
        let is_lost = |one: &&Difference| one.cause == Cause::AgentLost;
        prop_assert!(differences.iter().filter(is_lost).all(touched));
        let explained = differences.iter().filter(is_lost).count() as u64;
        prop_assert_eq!(account.explained.values().sum::<u64>(), explained);
        prop_assert_eq!(account.matched + account.unreconciled + explained, account.sessions);
        // In a history without faults nothing is left over.
        let mut clean = clean;
        clean.usage.retain(|record| !lost(record));
        let (account, differences) = reconcile_with(&clean, usize::MAX, losses);
        prop_assert_eq!(account.unreconciled, 0, "{:?}", differences.iter().map(key).collect::<Vec<_>>());
        let lost_something = !differences.is_empty();
        prop_assert_eq!(lost_something, account.explained.contains_key("agent-lost"));
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
