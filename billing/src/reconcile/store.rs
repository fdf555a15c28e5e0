//! The records of one ledger, dealt out by subscriber: in memory while they are few, else in one file without a name.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::compact::{Compact, ENCODED, SHORT};
use super::names::FinalNames;

/// Subscribers are dealt out into so many parts, each of which is reconciled by itself.
pub(super) const PARTS: usize = 512;

/// Records waiting to be reconciled.
pub(super) struct Store {
    parts: Vec<Part>,
    /// Octets of each record: [`SHORT`] until one needs more.
    width: usize,
    /// Octets that may wait in memory before a file is begun.
    budget: usize,
    waiting: usize,
    folder: Option<PathBuf>,
    file: Option<File>,
    /// Where the file ends.
    end: u64,
}

#[derive(Default)]
struct Part {
    /// Records that wait, at most [`RECORDS`] of them.
    waiting: Vec<u8>,
    /// What has waited until it was as much; moved, never copied.
    full: Vec<Vec<u8>>,
    /// Where in the file the others are, how many octets, and of how many each record is.
    written: Vec<(u64, usize, usize)>,
}

impl Store {
    /// `folder` is where the file is made; the system's folder for temporary files where it is `None`.
    pub(super) fn new(budget: usize, folder: Option<PathBuf>) -> Self {
        let parts = std::iter::repeat_with(Part::default).take(PARTS).collect();
        Self { parts, width: SHORT, budget, waiting: 0, folder, file: None, end: 0 }
    }

    pub(super) fn push(&mut self, record: &Compact) -> io::Result<()> {
        if self.width == SHORT && !record.is_short() {
            self.widen();
        }
        let n = part_of(record.supi);
        let part = &mut self.parts[n];
        part.waiting.extend_from_slice(&record.encode()[..self.width]);
        let chunk = RECORDS * self.width;
        if part.waiting.len() >= chunk {
            if self.file.is_some() {
                return self.write(n);
            }
            part.full.push(std::mem::replace(&mut part.waiting, Vec::with_capacity(chunk)));
        }
        self.waiting += self.width;
        if self.waiting > self.budget && self.file.is_none() {
            self.file = Some(match &self.folder {
                Some(folder) => tempfile::tempfile_in(folder)?,
                None => tempfile::tempfile()?,
            });
            (0..PARTS).try_for_each(|n| self.write(n))?;
        }
        Ok(())
    }

    /// From now on records have room for any charging identifier.
    fn widen(&mut self) {
        let widened = |octets: &[u8]| -> Vec<u8> {
            let rest = [0; ENCODED - SHORT];
            octets.chunks_exact(SHORT).flat_map(|record| [record, &rest]).flatten().copied().collect()
        };
        for part in &mut self.parts {
            part.waiting = widened(&part.waiting);
            part.full.iter_mut().for_each(|chunk| *chunk = widened(chunk));
        }
        self.width = ENCODED;
        self.waiting = self.waiting / SHORT * ENCODED;
    }

    fn write(&mut self, n: usize) -> io::Result<()> {
        let (Some(file), part) = (&mut self.file, &mut self.parts[n]) else { return Ok(()) };
        for chunk in std::mem::take(&mut part.full).iter().chain([&part.waiting]) {
            file.write_all(chunk)?;
            part.written.push((self.end, chunk.len(), self.width));
            self.end += u64::try_from(chunk.len()).unwrap_or_default();
        }
        part.waiting.clear();
        Ok(())
    }

    /// The records of one part, into `records`, in the order of arrival. `octets` is a buffer.
    pub(super) fn read(
        &self,
        n: usize,
        names: &FinalNames,
        octets: &mut Vec<u8>,
        records: &mut Vec<Compact>,
    ) -> io::Result<()> {
        records.clear();
        let part = &self.parts[n];
        let mut take = |octets: &[u8], width| {
            let encoded = octets.chunks_exact(width);
            records.extend(encoded.filter_map(|octets| Compact::decode(octets, names)));
        };
        if let Some(file) = &self.file {
            for &(offset, length, width) in &part.written {
                octets.resize(length, 0);
                file.read_exact_at(octets, offset)?;
                take(octets, width);
            }
        }
        part.full.iter().for_each(|chunk| take(chunk, self.width));
        take(&part.waiting, self.width);
        Ok(())
    }
}

fn part_of(supi: u64) -> usize {
    // The multiplier spreads neighbours (Knuth, 2⁶⁴ over the golden ratio); the upper bits are the well mixed ones.
    // By the number alone: who has lost leading zeros is dealt to where the others are.
    let mixed = (supi >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PARTS.ilog2());
    usize::try_from(mixed).unwrap_or_default() % PARTS
}

/// Records of a part that are written at once.
const RECORDS: usize = 315;

#[cfg(test)]
mod tests {
    use super::super::names::Names;
    use super::*;
    use crate::{ChargingId, ChargingName, Closing, Money};

    fn record(n: u64, charging_id: Option<ChargingName>) -> Compact {
        Compact {
            supi: ((1_010_000_000_000 + n % 7) << 4) | 15,
            opened_us: None,
            from_us: n,
            to_us: n + 1,
            uplink: 2,
            downlink: 3,
            recorded_us: 4,
            lost: 5,
            amount: Money::from_micros(-6),
            charging_id,
            sequence: Some(7),
            serving: "001/01".parse().unwrap(),
            dnn: 0,
            rate: 0,
            currency: None,
            closing: Closing::Released,
            session: 8,
        }
    }

    /// In memory and in a file; numbers first, and then names that need more room.
    #[test]
    fn records_come_back_as_they_were_also_those_before_the_first_long_name() {
        let name = |text: &str| Some(ChargingName::read(text, false).unwrap());
        let mut pushed = Vec::new();
        for n in 0..4_000 {
            pushed.push(record(n, Some(ChargingId(u32::MAX - u32::try_from(n).unwrap()).into())));
        }
        pushed.extend((0..9).map(|n| record(4_000 + n, None)));
        for n in 0..4_000 {
            pushed.push(record(5_000 + n, name(&format!("550e8400-e29b-41d4-a716-{n:012x}"))));
            pushed.push(record(5_000 + n, name("a-name-of-text")));
        }
        for budget in [usize::MAX, 100_000] {
            let mut store = Store::new(budget, None);
            pushed.iter().for_each(|record| store.push(record).unwrap());
            assert_eq!(store.file.is_some(), budget < usize::MAX);
            let names = Names::default().finish();
            let (mut octets, mut part, mut read) = (Vec::new(), Vec::new(), Vec::new());
            for n in 0..PARTS {
                store.read(n, &names, &mut octets, &mut part).unwrap();
                read.append(&mut part);
            }
            let key = |record: &Compact| (record.from_us, record.charging_id);
            read.sort_by_key(key);
            let mut expected = pushed.clone();
            expected.sort_by_key(key);
            assert!(read == expected, "{budget}");
        }
    }
}
