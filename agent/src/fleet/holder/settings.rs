//! How a holder is set up.

use std::time::Duration;

use identity::Membership;

/// How a holder is set up.
#[derive(Clone, Debug)]
pub struct HolderSettings {
    /// The name that the agent wishes for.
    pub name: String,
    /// The program's version.
    pub program: String,
    /// Worker threads.
    pub workers: usize,
    /// The mark that a supervisor gave to the process.
    pub mark: Option<[u8; 16]>,
    /// Where the agent belongs.
    pub belongs: Membership,
    /// How long nobody may answer before the agent gives up, once no lease is valid any more. 10 min.
    pub patience: Duration,
    /// How long an interrupted agent waits for somebody to take its shards over, before it ends them itself. 10 s.
    pub export: Duration,
    /// How long a shard waits for the UEs of its last holder while none of any shard come. 10 s.
    pub adoption: Duration,
    /// Octets of reports that wait in memory. 64 MiB.
    pub memory: u64,
    /// Octets of reports that wait on disk. 1 GiB; with 0 none do.
    pub disk: u64,
    /// Octets of reports that are sent ahead of their acknowledgement. 8 MiB.
    pub window: u64,
}

impl Default for HolderSettings {
    fn default() -> Self {
        Self {
            name: "agent".to_owned(),
            program: wire::PROGRAM.to_owned(),
            workers: 1,
            mark: None,
            belongs: Membership::default(),
            patience: Duration::from_secs(600),
            export: Duration::from_secs(10),
            adoption: Duration::from_secs(10),
            memory: 64 << 20,
            disk: 1 << 30,
            window: 8 << 20,
        }
    }
}
