//! Packets on disk until they can be sorted; in memory there are 24 octets for each.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use edges::files;
use wire::to_coordinator::TracePacket;

/// Bounded in octets and in packets; the file exists once there is something in it.
pub(super) struct Spool {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    octets: u64,
    index: Vec<Entry>,
}

struct Entry {
    at_us: i64,
    offset: u64,
    length: u32,
}

impl Spool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, octets: 0, index: Vec::new() }
    }

    /// Goes on after so many octets; what is behind them goes. Nothing is there when there were none.
    pub(super) fn resume(path: PathBuf, octets: u64) -> io::Result<Self> {
        let mut spool = Self::new(path);
        if octets == 0 {
            return match std::fs::remove_file(&spool.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(spool),
            };
        }
        let mut file = files::open_existing(&spool.path)?;
        file.set_len(octets)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let mut rest = content.as_slice();
        while !rest.is_empty() {
            let (packet, tail) = postcard::take_from_bytes::<TracePacket>(rest).map_err(io::Error::other)?;
            let length = u32::try_from(rest.len() - tail.len()).map_err(io::Error::other)?;
            spool.index.push(Entry { at_us: packet.at_us, offset: spool.octets, length });
            spool.octets += u64::from(length);
            rest = tail;
        }
        spool.file = Some(BufWriter::new(file));
        Ok(spool)
    }

    /// Everything is with the system when it returns: so many octets.
    pub(super) fn flush(&mut self) -> io::Result<u64> {
        self.file.as_mut().map_or(Ok(()), Write::flush)?;
        Ok(self.octets)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Keeps a packet; the label goes before its comment. False when a limit is reached.
    pub(super) fn push(&mut self, packet: &TracePacket, label: &str) -> io::Result<bool> {
        let labelled: Vec<&str> =
            [label, &packet.comment].into_iter().filter(|text| !text.is_empty()).collect();
        let packet = TracePacket { comment: labelled.join(": "), ..packet.clone() };
        let record = postcard::to_stdvec(&packet).map_err(io::Error::other)?;
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        if self.index.len() >= MOST_PACKETS || self.octets + u64::from(length) > MOST_OCTETS {
            return Ok(false);
        }
        if self.file.is_none() {
            self.file = Some(BufWriter::new(files::create(&self.path)?));
        }
        if let Some(file) = &mut self.file {
            file.write_all(&record)?;
        }
        self.index.push(Entry { at_us: packet.at_us, offset: self.octets, length });
        self.octets += u64::from(length);
        Ok(true)
    }

    /// Hands out every packet in order of time, and removes the file. How many there were.
    pub(super) fn drain_sorted(
        &mut self,
        mut each: impl FnMut(&TracePacket) -> io::Result<()>,
    ) -> io::Result<u64> {
        let Some(writer) = self.file.take() else { return Ok(0) };
        drop(writer.into_inner().map_err(io::IntoInnerError::into_error)?);
        let mut file = File::open(&self.path)?;
        let mut index = std::mem::take(&mut self.index);
        index.sort_by_key(|entry| (entry.at_us, entry.offset));
        let mut record = Vec::new();
        for entry in &index {
            record.resize(usize::try_from(entry.length).map_err(io::Error::other)?, 0);
            file.seek(SeekFrom::Start(entry.offset))?;
            file.read_exact(&mut record)?;
            each(&postcard::from_bytes(&record).map_err(io::Error::other)?)?;
        }
        std::fs::remove_file(&self.path)?;
        Ok(index.len() as u64)
    }
}

const MOST_PACKETS: usize = 2_000_000;
const MOST_OCTETS: u64 = 512 << 20;
