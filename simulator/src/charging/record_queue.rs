//! Where records wait until they are written, and where they get the time at which they are.

use std::collections::{BTreeMap, VecDeque};

use billing::{ChargingRecord, Money};
use identity::Imsi;

/// Records in the order in which they are to be written.
#[derive(Default)]
pub(super) struct RecordQueue {
    /// By the time from which they may be written, then by the order in which they came.
    waiting: BTreeMap<(u64, u64), ChargingRecord>,
    /// Let out before their time.
    out: VecDeque<ChargingRecord>,
    came: u64,
    let_out: bool,
    /// The latest [`ChargingRecord::recorded_us`]: no two records are written at once.
    last_us: u64,
    written: u64,
    amount: i128,
}

impl RecordQueue {
    /// To be written at once.
    pub(super) fn push(&mut self, record: ChargingRecord) {
        self.push_from(0, record);
    }

    /// To be written no earlier than `from_us`.
    pub(super) fn push_from(&mut self, from_us: u64, record: ChargingRecord) {
        self.waiting.insert((from_us, self.came), record);
        self.came += 1;
    }

    /// What is held back by now is written, as if its time had come.
    pub(super) fn let_out(&mut self) {
        self.let_out = true;
    }

    /// The same of some subscribers alone: what is held back of others is written in its own time.
    pub(super) fn let_out_of(&mut self, wall_us: u64, are: impl Fn(Imsi) -> bool) {
        let mut last_us = self.last_us;
        let theirs: Vec<_> =
            self.waiting.iter().filter(|(_, record)| are(record.supi)).map(|(at, _)| *at).collect();
        for at in theirs {
            let Some(mut record) = self.waiting.remove(&at) else { continue };
            last_us = wall_us.max(at.0).max(last_us + 1);
            record.recorded_us = last_us;
            self.out.push_back(record);
        }
    }

    /// Whether a record of such a subscriber is held back.
    pub(super) fn holds(&self, are: impl Fn(Imsi) -> bool) -> bool {
        self.waiting.values().chain(&self.out).any(|record| are(record.supi))
    }

    pub(super) fn take(&mut self, wall_us: u64) -> impl Iterator<Item = ChargingRecord> + '_ {
        std::iter::from_fn(move || {
            if let Some(record) = self.out.pop_front() {
                self.written += 1;
                self.amount += i128::from(record.amount.micros());
                return Some(record);
            }
            let Some(entry) = self.waiting.first_entry() else {
                // What comes later is written in its own time again.
                if std::mem::take(&mut self.let_out) {
                    self.last_us = self.last_us.min(wall_us);
                }
                return None;
            };
            let (from_us, _) = *entry.key();
            if from_us > wall_us && !self.let_out {
                return None;
            }
            let mut record = entry.remove();
            self.last_us = wall_us.max(from_us).max(self.last_us + 1);
            record.recorded_us = self.last_us;
            self.written += 1;
            self.amount += i128::from(record.amount.micros());
            Some(record)
        })
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn held(&self) -> usize {
        self.waiting.len() + self.out.len()
    }

    pub(super) fn amount(&self) -> Money {
        let bounded = self.amount.clamp(i64::MIN.into(), i64::MAX.into());
        Money::from_micros(i64::try_from(bounded).unwrap_or_default())
    }
}
