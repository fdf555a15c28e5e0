//! The message traces of a run, as pcapng files that Wireshark opens.
//!
//! Each failed UE gets a file of its own; beyond a limit the oldest goes. What was sampled goes to `sampled.pcapng`, and with
//! `--trace all` everything goes to `all.pcapng`; since its packets come UE by UE, they wait in a spool file and are
//! sorted at the end.

mod file;
mod packet;
mod spool;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use wire::to_agent::TracePolicy;
use wire::to_coordinator::Trace;

use file::TraceFile;
use results::{TraceCounts, TraceFileSummary};
use spool::Spool;

/// Writes the traces of one run.
pub(crate) struct Traces {
    folder: PathBuf,
    policy: TracePolicy,
    start: SystemTime,
    spool: Spool,
    counts: TraceCounts,
    files: VecDeque<TraceFileSummary>,
    failures: u64,
}

/// How far they have come. Traces are in no record: what came after a checkpoint is not there again after a restart.
#[derive(Serialize, Deserialize)]
pub(crate) struct TracesSoFar {
    spooled: u64,
    counts: TraceCounts,
    /// As JSON: what is stored does not describe itself.
    files: Vec<String>,
    failures: u64,
}

impl Traces {
    /// Makes the folder `traces`. `start` is the wall-clock time of the run's start.
    pub(crate) fn create(run_folder: &Path, policy: TracePolicy, start: SystemTime) -> io::Result<Self> {
        let folder = run_folder.join("traces");
        edges::files::have_folder(&folder)?;
        let spool = Spool::new(folder.join("packets.spool"));
        let (counts, files, failures) = (TraceCounts::default(), VecDeque::new(), 0);
        Ok(Self { folder, policy, start, spool, counts, files, failures })
    }

    /// Goes on with those of a run whose coordinator has died.
    pub(crate) fn resume(
        run_folder: &Path,
        policy: TracePolicy,
        start: SystemTime,
        so_far: TracesSoFar,
    ) -> io::Result<Self> {
        let folder = run_folder.join("traces");
        edges::files::have_folder(&folder)?;
        let spool = Spool::resume(folder.join("packets.spool"), so_far.spooled)?;
        let files = so_far.files.iter().map(|file| serde_json::from_str(file)).collect::<Result<_, _>>()?;
        let (counts, failures) = (so_far.counts, so_far.failures);
        Ok(Self { folder, policy, start, spool, counts, files, failures })
    }

    /// How far they have come.
    pub(crate) fn so_far(&mut self) -> io::Result<TracesSoFar> {
        Ok(TracesSoFar {
            spooled: self.spool.flush()?,
            counts: self.counts,
            files: self.files.iter().map(serde_json::to_string).collect::<Result<_, _>>()?,
            failures: self.failures,
        })
    }

    /// Takes the messages of one UE, or of a gNB's own.
    pub(crate) fn add(&mut self, trace: &Trace) -> io::Result<()> {
        if trace.failed && !trace.imsi.is_empty() {
            self.add_failed(trace)?;
            if self.policy != TracePolicy::All {
                return Ok(());
            }
        }
        // The report shows slow attempts; captures are of what was asked for.
        if trace.is_only_slow() {
            return Ok(());
        }
        for packet in trace.packets.iter().filter(|packet| !packet.lost) {
            if !self.spool.push(packet, &self.label(trace))? {
                self.counts.packets_left_out += 1;
            }
        }
        Ok(())
    }

    /// Sorts and writes what was spooled. What was written, for the summary.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<TraceFileSummary>, TraceCounts)> {
        if !self.spool.is_empty() {
            let name = if self.policy == TracePolicy::All { "all.pcapng" } else { "sampled.pcapng" };
            let mut file = TraceFile::create(&self.folder.join(name), self.start)?;
            let packets = self.spool.drain_sorted(|packet| file.write(packet))?;
            file.finish()?;
            self.counts.files += 1;
            self.counts.packets += packets;
            self.files.push_front(TraceFileSummary {
                file: format!("traces/{name}"),
                packets,
                ..TraceFileSummary::default()
            });
        }
        Ok((self.files.into(), self.counts))
    }

    fn add_failed(&mut self, trace: &Trace) -> io::Result<()> {
        if self.files.len() >= MOST_FAILED {
            self.drop_oldest()?;
        }
        let stem = format!("imsi-{}-{}", file_safe(&trace.imsi), file_safe(&trace.why));
        self.failures += 1;
        let plain = format!("{stem}.pcapng");
        let taken = |name: &str| self.files.iter().any(|file| file.file == format!("traces/{name}"));
        // A UE may fail again in the same way.
        let name = if taken(&plain) { format!("{stem}-{}.pcapng", self.failures) } else { plain };
        // What the radio lost was on no wire.
        let mut packets: Vec<_> = trace.packets.iter().filter(|packet| !packet.lost).collect();
        packets.sort_by_key(|packet| packet.at_us);
        let mut file = TraceFile::create(&self.folder.join(&name), self.start)?;
        packets.iter().try_for_each(|packet| file.write(packet))?;
        file.finish()?;
        self.counts.files += 1;
        self.counts.packets += packets.len() as u64;
        let file = format!("traces/{name}");
        self.files.push_back(TraceFileSummary {
            file,
            imsi: Some(trace.imsi.clone()),
            why: Some(trace.why.clone()),
            packets: packets.len() as u64,
        });
        Ok(())
    }

    /// On a long run the newest failures are worth more than the first.
    fn drop_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.files.pop_front() else { return Ok(()) };
        let name = oldest.file.strip_prefix("traces/").unwrap_or_default();
        std::fs::remove_file(self.folder.join(name))?;
        self.counts.files -= 1;
        self.counts.packets -= oldest.packets;
        self.counts.failed_ues_left_out += 1;
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
const MOST_FAILED: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use wire::to_coordinator::TracePacket;

    #[test]
    fn the_newest_failures_keep_their_files() {
        let run = tempfile::tempdir().unwrap();
        let mut traces = Traces::create(run.path(), TracePolicy::Failed, SystemTime::UNIX_EPOCH).unwrap();
        let packet = TracePacket {
            at_us: 1,
            uplink: true,
            ran: "10.0.0.1:1".to_owned(),
            core: "10.0.0.2:38412".to_owned(),
            stream: 1,
            ppid: 60,
            octets: vec![0],
            name: String::new(),
            comment: String::new(),
            wall_us: 0,
            lost: false,
        };
        for imsi in 0..300 {
            let imsi = format!("{}", imsi / 2);
            let packets = vec![packet.clone()];
            traces
                .add(&Trace { shard: 0, imsi, why: "T3510".to_owned(), failed: true, packets, slow: None })
                .unwrap();
        }
        let (files, counts) = traces.finish().unwrap();
        assert_eq!(
            (files.len(), counts.files, counts.packets, counts.failed_ues_left_out),
            (200, 200, 200, 100)
        );
        assert_eq!(std::fs::read_dir(run.path().join("traces")).unwrap().count(), 200);
        assert_eq!((files[0].imsi.as_deref(), files[199].imsi.as_deref()), (Some("50"), Some("149")));
    }
}
