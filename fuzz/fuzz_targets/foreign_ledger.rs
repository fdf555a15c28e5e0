#![no_main]
//! Mappings and the ledgers that they are for: whatever both say, nothing panics, and every session is accounted for.

use billing::csv::Mappings;
use billing::{ReconcileError, Rules, Settings, Tariff, reconcile_files_to};

// The input is a mapping, a charging ledger and a usage ledger of our own columns, parted by octets 0.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |octet| *octet == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (mapping, charging, usage) = (next(), next(), next());
    let Ok(Ok(mappings)) = std::str::from_utf8(mapping).map(|text| Mappings::from_yaml(text, "map.yaml"))
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let write = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, octets).expect("a folder that can be written to");
        path
    };
    let (usage, charging) = (write("used.csv", usage), write("charged.csv", charging));
    let (tariff, rules) = (Tariff::default(), Rules::default());
    let settings = Settings::new(Some(&tariff), &rules);
    match reconcile_files_to(&usage, &charging, &mappings, settings, folder.path(), &mut |_| {}) {
        Ok(account) => {
            let explained: u64 = account.explained.values().sum();
            assert_eq!(account.matched + account.unreconciled + explained, account.sessions);
        }
        Err(ReconcileError::Csv(_) | ReconcileError::NothingRead { .. } | ReconcileError::TooMuch { .. }) => {
        }
        Err(error) => panic!("{error}"),
    }
});
