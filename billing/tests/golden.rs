//! The golden ledgers, whose differences were worked out by hand: found are these, with their money, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use billing::csv::Mappings;
use billing::{Account, Difference, Money, Rules, Settings, Tariff, reconcile_files, reconcile_files_to};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(name)
}

fn tariff() -> Tariff {
    Tariff::from_yaml(&std::fs::read_to_string(golden("tariff.yaml")).unwrap(), "tariff.yaml").unwrap()
}

fn reconcile(set: &str) -> (Account, String) {
    let (tariff, out) = (tariff(), tempfile::tempdir().unwrap());
    let (usage, charging) = (golden(set).join("usage.csv"), golden(set).join("charging.csv"));
    let account = reconcile_files(&usage, &charging, Some(&tariff), &Rules::default(), out.path()).unwrap();
    (account, std::fs::read_to_string(out.path().join("unreconciled.csv")).unwrap())
}

fn micros(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn the_clean_ledgers_agree() {
    let (account, unreconciled) = reconcile("clean");
    assert_eq!(unreconciled.lines().count(), 1, "{unreconciled}");
    assert_eq!((account.sessions, account.matched, account.redelivered), (6, 6, 1));
    assert_eq!((account.charged, account.expected), (micros("0.051"), micros("0.051")));
    assert_eq!((account.used_uplink, account.used_downlink), (5_700, 27_500));
    assert_eq!((account.charged_uplink, account.charged_downlink), (5_700, 30_300));
}

#[test]
fn each_planted_fault_is_found_with_its_cause_and_its_money() {
    let (account, unreconciled) = reconcile("faults");
    let expected = std::fs::read_to_string(golden("faults/expected.csv")).unwrap();
    let columns: Vec<&str> = expected.lines().next().unwrap().split(',').collect();
    let mut reader = csv::Reader::from_reader(unreconciled.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &&str| header.iter().position(|column| column == *name).unwrap();
    let places: Vec<usize> = columns.iter().map(place).collect();
    let found: Vec<String> = reader
        .records()
        .map(|line| {
            places.iter().map(|n| line.as_ref().unwrap()[*n].to_owned()).collect::<Vec<_>>().join(",")
        })
        .collect();
    assert_eq!(found, expected.lines().skip(1).collect::<Vec<_>>());
    assert_eq!((account.matched, account.unreconciled), (7, 15));
    assert_eq!(account.at_stake, micros("0.058"));
    assert_eq!(account.at_stake_by_cause["rating"], micros("0.005"));
}

#[test]
fn a_foreign_ledger_is_read_through_its_mapping() {
    let (tariff, rules, out) = (tariff(), Rules::default(), tempfile::tempdir().unwrap());
    let mapping = std::fs::read_to_string(golden("foreign/mapping.yaml")).unwrap();
    let mappings = Mappings::from_yaml(&mapping, "mapping.yaml").unwrap();
    let mut differences: Vec<Difference> = Vec::new();
    let account = reconcile_files_to(
        &golden("clean/usage.csv"),
        &golden("foreign/charging.csv"),
        &mappings,
        Settings::new(Some(&tariff), &rules),
        out.path(),
        &mut |difference| differences.push(difference.clone()),
    );
    let account = account.unwrap();
    let [difference] = differences.as_slice() else { panic!("{differences:#?}") };
    assert_eq!(difference.explanation, "0.020000 was charged, where the tariff gives 0.010000");
    assert_eq!((account.matched, account.rejected_charging), (5, 1));
    let aside = std::fs::read_to_string(out.path().join("charging.rejected.csv")).unwrap();
    assert!(aside.starts_with("line,reason,text\n9,\"uplink: \"\"-1\"\" is not a volume"), "{aside}");
}
