//! The message traces of a run, as pcapng files that Wireshark opens.
//!
//! Each failed UE gets a file of its own, up to a limit. What was sampled goes to `sampled.pcapng`, and with
//! `--trace all` everything goes to `all.pcapng`; since its packets come UE by UE, they wait in a spool file and are
//! sorted at the end.

mod file;
mod packet;
mod spool;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use wire::to_agent::TracePolicy;
use wire::to_coordinator::Trace;

use crate::TraceCounts;
use file::TraceFile;
use spool::Spool;

/// Writes the traces of one run.
pub(crate) struct Traces {
    folder: PathBuf,
    policy: TracePolicy,
    start: SystemTime,
    spool: Spool,
    counts: TraceCounts,
    files: Vec<Value>,
    names: BTreeMap<String, u32>,
}

impl Traces {
    /// Makes the folder `traces`. `start` is the wall-clock time of the run's start.
    pub(crate) fn create(run_folder: &Path, policy: TracePolicy, start: SystemTime) -> io::Result<Self> {
        let folder = run_folder.join("traces");
        std::fs::create_dir_all(&folder)?;
        let spool = Spool::new(folder.join("packets.spool"));
        let (counts, files, names) = (TraceCounts::default(), Vec::new(), BTreeMap::new());
        Ok(Self { folder, policy, start, spool, counts, files, names })
    }

    /// Takes the messages of one UE, or of a gNB's own.
    pub(crate) fn add(&mut self, trace: &Trace) -> io::Result<()> {
        if trace.failed && !trace.imsi.is_empty() {
            self.add_failed(trace)?;
            if self.policy != TracePolicy::All {
                return Ok(());
            }
        }
        for packet in &trace.packets {
            if !self.spool.push(packet, &self.label(trace))? {
                self.counts.packets_left_out += 1;
            }
        }
        Ok(())
    }

    /// Sorts and writes what was spooled. What was written, for the summary.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<Value>, TraceCounts)> {
        if !self.spool.is_empty() {
            let name = if self.policy == TracePolicy::All { "all.pcapng" } else { "sampled.pcapng" };
            let mut file = TraceFile::create(&self.folder.join(name), self.start)?;
            let packets = self.spool.drain_sorted(|packet| file.write(packet))?;
            file.finish()?;
            self.counts.files += 1;
            self.counts.packets += packets;
            self.files.insert(0, json!({"file": format!("traces/{name}"), "packets": packets}));
        }
        Ok((self.files, self.counts))
    }

    fn add_failed(&mut self, trace: &Trace) -> io::Result<()> {
        if self.counts.files >= MOST_FAILED {
            self.counts.failed_ues_left_out += 1;
            return Ok(());
        }
        let stem = format!("imsi-{}-{}", file_safe(&trace.imsi), file_safe(&trace.why));
        let times = self.names.entry(stem.clone()).or_default();
        *times += 1;
        let name = if *times == 1 { format!("{stem}.pcapng") } else { format!("{stem}-{times}.pcapng") };
        let mut packets: Vec<_> = trace.packets.iter().collect();
        packets.sort_by_key(|packet| packet.at_us);
        let mut file = TraceFile::create(&self.folder.join(&name), self.start)?;
        packets.iter().try_for_each(|packet| file.write(packet))?;
        file.finish()?;
        self.counts.files += 1;
        self.counts.packets += packets.len() as u64;
        let file = format!("traces/{name}");
        self.files
            .push(json!({"file": file, "imsi": trace.imsi, "why": trace.why, "packets": packets.len()}));
        Ok(())
    }

    /// What the first packet's comment gains: whose it is, and why it is here.
    fn label(&self, trace: &Trace) -> String {
        if trace.imsi.is_empty() { String::new() } else { format!("imsi {} ({})", trace.imsi, trace.why) }
    }
}

/// Letters, digits and hyphens, not too many: it becomes a part of a file's name, and comes from a peer.
fn file_safe(text: &str) -> String {
    let mut safe: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(60)
        .collect();
    while safe.contains("--") {
        safe = safe.replace("--", "-");
    }
    safe.trim_matches('-').to_owned()
}

/// Failed UEs with a file of their own.
const MOST_FAILED: u64 = 200;
