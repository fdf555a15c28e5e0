//! The process itself: processor time, memory, descriptors, its build, and its certificate.

use std::fs;
use std::time::SystemTime;

use wire::{Identity, IdentitySlot};

use crate::Source;
use crate::model::{Families, metrics};

metrics! {
    BUILD = Gauge "roamstorm_build_info" ["version", "part"] "Which program it is, and as what it runs: always 1";
    CERTIFICATE = Gauge "roamstorm_certificate_expiry_timestamp_seconds" [] "When the certificate of this process ends, UNIX time";
    CPU = Counter "process_cpu_seconds" [] "Processor time of this process, user and system";
    RESIDENT = Gauge "process_resident_memory_bytes" [] "Resident memory of this process";
    DESCRIPTORS = Gauge "process_open_fds" [] "File descriptors that are open";
    MOST_DESCRIPTORS = Gauge "process_max_fds" [] "File descriptors that may be open";
    THREADS = Gauge "process_threads" [] "Threads of this process";
    START = Gauge "process_start_time_seconds" [] "When this process started, UNIX time";
}

/// This process.
pub struct Process {
    part: &'static str,
    identity: Option<IdentitySlot>,
    start: Option<f64>,
}

impl Process {
    /// As what it runs: `coordinator`, `agent`, …; and whose certificate it has.
    pub fn new(part: &'static str, identity: Option<&IdentitySlot>) -> Self {
        Self { part, identity: identity.cloned(), start: start() }
    }
}

impl Source for Process {
    fn look(&self, families: &mut Families) {
        families.flag(&BUILD, &[env!("CARGO_PKG_VERSION"), self.part], true);
        // It may have been renewed.
        let identity = self.identity.as_ref().map(IdentitySlot::current);
        if let Some(ends) = identity.as_ref().and_then(Identity::valid_until).map(|valid| valid.instant()) {
            let after = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            families.real(&CERTIFICATE, &[], after.as_secs_f64());
        }
        families.real(&CPU, &[], host::process_time().as_secs_f64());
        if let Some(octets) = host::resident_octets() {
            families.gauge(&RESIDENT, &[], octets);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is what reads the folder.
            families.gauge(&DESCRIPTORS, &[], (open.count() as u64).saturating_sub(1));
        }
        if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
            families.gauge(&MOST_DESCRIPTORS, &[], most);
        }
        if let Ok(threads) = fs::read_dir("/proc/self/task") {
            families.gauge(&THREADS, &[], threads.count() as u64);
        }
        if let Some(start) = self.start {
            families.real(&START, &[], start);
        }
    }
}

/// When this process started, UNIX time.
fn start() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of years, and 100 or 1000 of them a second")]
    Some(boot + host::start_ticks()? as f64 / rustix::param::clock_ticks_per_second() as f64)
}
