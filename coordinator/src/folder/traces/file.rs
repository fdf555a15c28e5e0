//! One pcapng file: raw IP packets with their comments.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};
use wire::to_coordinator::TracePacket;

use super::packet::Framing;

/// A file to which packets are written in order of time.
pub(super) struct TraceFile {
    writer: PcapNgWriter<BufWriter<File>>,
    framing: Framing,
    start: Duration,
}

impl TraceFile {
    pub(super) fn create(path: &Path, start: SystemTime) -> io::Result<Self> {
        let mut writer = PcapNgWriter::new(BufWriter::new(edges::files::create(path)?)).map_err(io_error)?;
        // Times are in nanoseconds: pcapng's default would be microseconds.
        let options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("N2")),
            InterfaceDescriptionOption::IfTsResol(9),
        ];
        let interface = InterfaceDescriptionBlock { linktype: DataLink::RAW, snaplen: 0, options };
        writer.write_pcapng_block(interface).map_err(io_error)?;
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { writer, framing: Framing::default(), start })
    }

    /// Writes one message; its comment goes to the first of its packets.
    pub(super) fn write(&mut self, message: &TracePacket) -> io::Result<()> {
        let offset = Duration::from_micros(message.at_us.unsigned_abs());
        let before = message.at_us < 0;
        // By the clock of the host where it happened, so that a capture from there can be laid beside it.
        let timestamp = match message.wall_us {
            0 if before => self.start.saturating_sub(offset),
            0 => self.start.saturating_add(offset),
            wall_us => Duration::from_micros(wall_us),
        };
        let mut comment = Some(message.comment.as_str()).filter(|comment| !comment.is_empty());
        for data in self.framing.packets(message) {
            // pcapng counts an option's length in 16 bits.
            let comment = comment.take().map(|text| text.chars().take(LONGEST_COMMENT).collect::<String>());
            let options =
                comment.map(|text| EnhancedPacketOption::Comment(Cow::Owned(text))).into_iter().collect();
            let original_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let block = EnhancedPacketBlock {
                interface_id: 0,
                timestamp,
                original_len,
                data: Cow::Owned(data),
                options,
            };
            self.writer.write_pcapng_block(block).map_err(io_error)?;
        }
        Ok(())
    }

    /// Everything is with the system when it returns.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

const LONGEST_COMMENT: usize = 1000;
