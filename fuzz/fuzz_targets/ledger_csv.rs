#![no_main]
//! Ledgers: good lines survive being written and read again, and whatever they say is reconciled.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

use billing::csv::{Reader, Record, Writer};
use billing::{ChargingRecord, ReconcileError, Reconciler, Rules, Settings, Tariff, UsageRecord};

// The input is two files: what is before the first octet 0 and what is after it, each after the header of its ledger.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|octet| *octet == 0).unwrap_or(input.len());
    let (usage, charging) = input.split_at(at);
    let usage: Vec<UsageRecord> = records(usage);
    let charging: Vec<ChargingRecord> = records(charging.strip_prefix(b"\0").unwrap_or(charging));
    assert_eq!(written_and_read(&usage), usage);
    assert_eq!(written_and_read(&charging), charging);
    let (tariff, rules) = (Tariff::default(), Rules::default());
    let mut reconciler = Reconciler::new(Settings::new(Some(&tariff), &rules));
    usage.iter().for_each(|record| reconciler.used(record).expect("a record that was read"));
    charging.iter().for_each(|record| reconciler.charged(record).expect("a record that was read"));
    let mut found = 0;
    let account = reconciler.finish(&mut |difference| {
        assert!(difference.at_stake.micros() >= 0);
        found += 1;
        Ok(())
    });
    let account = match account {
        // Amounts may be anything that a ledger can hold.
        Err(ReconcileError::TooMuch { .. }) => return,
        account => account.expect("an account"),
    };
    let explained = |cause: &str| account.explained.get(cause).copied().unwrap_or_default();
    // A column that is damaged as a whole is found once, and not listed for each session.
    let listed = account.unreconciled + account.explained.values().sum::<u64>() - explained("column-damaged");
    assert_eq!(listed, found);
    assert_eq!(account.matched + listed + explained("column-damaged"), account.sessions);
});

fn records<T: Record>(lines: &[u8]) -> Vec<T> {
    let names: Vec<&str> = T::LEDGER.columns().iter().map(|column| column.as_str()).collect();
    let file = [names.join(",").as_bytes(), b"\n", lines].concat();
    let reader = Reader::from_reader(Cursor::new(file), "fuzz.csv").expect("a header");
    reader.map(|record| record.expect("memory can be read")).collect()
}

fn written_and_read<T: Record>(records: &[T]) -> Vec<T> {
    let file = Shared::default();
    let mut writer = Writer::from_writer(file.clone(), "fuzz.csv").expect("memory can be written");
    records.iter().for_each(|record| writer.write(record).expect("memory can be written"));
    writer.flush().expect("memory can be written");
    let octets = file.0.lock().expect("one thread").clone();
    let mut reader = Reader::from_reader(Cursor::new(octets), "fuzz.csv").expect("our own header");
    let read = reader.by_ref().map(|record| record.expect("memory can be read")).collect();
    assert_eq!(reader.rejected(), 0, "{:?}", reader.problems());
    read
}

/// A file in memory that can be looked at while it is being written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
