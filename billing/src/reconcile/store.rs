//! The records of one ledger, dealt out by subscriber: in memory while they are few, else in one file without a name.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::compact::{Compact, ENCODED};
use super::names::FinalNames;

/// Subscribers are dealt out into so many parts, each of which is reconciled by itself.
pub(super) const PARTS: usize = 512;

/// Records waiting to be reconciled.
pub(super) struct Store {
    parts: Vec<Part>,
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
    /// Records that wait, at most [`CHUNK`] octets.
    waiting: Vec<u8>,
    /// What has waited until it was as much; moved, never copied.
    full: Vec<Vec<u8>>,
    /// Where in the file the others are, and how many octets.
    written: Vec<(u64, usize)>,
}

impl Store {
    /// `folder` is where the file is made; the system's folder for temporary files where it is `None`.
    pub(super) fn new(budget: usize, folder: Option<PathBuf>) -> Self {
        let parts = std::iter::repeat_with(Part::default).take(PARTS).collect();
        Self { parts, budget, waiting: 0, folder, file: None, end: 0 }
    }

    pub(super) fn push(&mut self, record: &Compact) -> io::Result<()> {
        let n = part_of(record.supi);
        let part = &mut self.parts[n];
        part.waiting.extend_from_slice(&record.encode());
        if part.waiting.len() >= CHUNK {
            if self.file.is_some() {
                return self.write(n);
            }
            part.full.push(std::mem::replace(&mut part.waiting, Vec::with_capacity(CHUNK)));
        }
        self.waiting += ENCODED;
        if self.waiting > self.budget && self.file.is_none() {
            self.file = Some(match &self.folder {
                Some(folder) => tempfile::tempfile_in(folder)?,
                None => tempfile::tempfile()?,
            });
            (0..PARTS).try_for_each(|n| self.write(n))?;
        }
        Ok(())
    }

    fn write(&mut self, n: usize) -> io::Result<()> {
        let (Some(file), part) = (&mut self.file, &mut self.parts[n]) else { return Ok(()) };
        for chunk in std::mem::take(&mut part.full).iter().chain([&part.waiting]) {
            file.write_all(chunk)?;
            part.written.push((self.end, chunk.len()));
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
        let mut take = |octets: &[u8]| {
            let (encoded, _) = octets.as_chunks::<ENCODED>();
            records.extend(encoded.iter().filter_map(|octets| Compact::decode(octets, names)));
        };
        if let Some(file) = &self.file {
            for &(offset, length) in &part.written {
                octets.resize(length, 0);
                file.read_exact_at(octets, offset)?;
                take(octets);
            }
        }
        part.full.iter().for_each(|chunk| take(chunk));
        take(&part.waiting);
        Ok(())
    }
}

fn part_of(supi: u64) -> usize {
    // The multiplier spreads neighbours (Knuth, 2⁶⁴ over the golden ratio); the upper bits are the well mixed ones.
    // By the number alone: who has lost leading zeros is dealt to where the others are.
    let mixed = (supi >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PARTS.ilog2());
    usize::try_from(mixed).unwrap_or_default() % PARTS
}

/// Octets of a part that are written at once.
const CHUNK: usize = 315 * ENCODED;
