//! What the system says of this process, and of the calling thread.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Resident memory of this process, octets; nothing where the system does not say.
pub fn resident_octets() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Processor time of this process so far, user and system.
pub fn process_time() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread so far.
pub fn thread_time() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// When this process started, in ticks of the clock since the host did.
pub fn start_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have blanks and parentheses; this is the 22nd field.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
