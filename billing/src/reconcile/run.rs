//! The differences of all parts in one order, however many there are: sorted runs, in memory or spilled, merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::difference::Difference;

/// The sorted differences of one part.
pub(super) enum Run {
    Memory(std::vec::IntoIter<Difference>),
    Spilled(BufReader<File>),
}

impl Run {
    /// Sorts, and writes to a file where there are many.
    pub(super) fn new(mut differences: Vec<Difference>, folder: Option<&Path>) -> io::Result<Self> {
        differences.sort_by(|one, other| {
            one.order().cmp(&other.order()).then_with(|| one.explanation.cmp(&other.explanation))
        });
        if differences.len() <= KEPT_IN_MEMORY {
            return Ok(Self::Memory(differences.into_iter()));
        }
        let file = match folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        let mut output = BufWriter::new(file);
        for difference in &differences {
            let octets = postcard::to_stdvec(difference).map_err(io::Error::other)?;
            let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
            output.write_all(&length.to_le_bytes())?;
            output.write_all(&octets)?;
        }
        let mut file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self::Spilled(BufReader::with_capacity(4 * 1024, file)))
    }

    fn next(&mut self) -> io::Result<Option<Difference>> {
        let input = match self {
            Self::Memory(differences) => return Ok(differences.next()),
            Self::Spilled(input) => input,
        };
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut octets = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
        input.read_exact(&mut octets)?;
        postcard::from_bytes(&octets).map(Some).map_err(io::Error::other)
    }
}

/// Hands out all differences in order.
pub(super) fn merge(
    mut runs: Vec<Run>,
    sink: &mut dyn FnMut(&Difference) -> io::Result<()>,
) -> io::Result<()> {
    let mut heads = Vec::with_capacity(runs.len());
    let mut heap = BinaryHeap::new();
    for (n, run) in runs.iter_mut().enumerate() {
        let head = run.next()?;
        heap.extend(head.as_ref().map(|head| Reverse((head.order(), n))));
        heads.push(head);
    }
    while let Some(Reverse((_, n))) = heap.pop() {
        let next = runs[n].next()?;
        heap.extend(next.as_ref().map(|head| Reverse((head.order(), n))));
        if let Some(difference) = std::mem::replace(&mut heads[n], next) {
            sink(&difference)?;
        }
    }
    Ok(())
}

/// Differences of one part of the subscribers that stay in memory.
const KEPT_IN_MEMORY: usize = 500;
