//! How much memory this process can still have: what the machine has available, what its control group allows, and its own
//! limits. Memory that is refused ends the process at once, so whoever is about to need much asks before.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// How much there is, and what limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Octets.
    pub octets: u64,
    /// For people: `of this machine's memory`, …
    pub of: &'static str,
}

/// What this process can still allocate; `None` where the system does not say.
pub fn available() -> Option<Available> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| kib(&text, "MemAvailable:"));
    let limited = |resource, used: &str| {
        let limit = getrlimit(resource).current?;
        Some(limit.saturating_sub(kib(&status, used).unwrap_or_default()))
    };
    [
        (machine, "available on this machine"),
        (of_control_group(), "left by the control group of this process"),
        (limited(Resource::As, "VmSize:"), "left by the limit of this process (ulimit -v)"),
        (limited(Resource::Data, "VmData:"), "left by the limit of this process (ulimit -d)"),
    ]
    .into_iter()
    .filter_map(|(octets, of)| octets.map(|octets| Available { octets, of }))
    .min_by_key(|available| available.octets)
}

/// Octets for people, in decimal units: `6.7 GB`.
pub fn shown(octets: u64) -> String {
    let units = ["octets", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (octets, 0);
    let mut rest = 0;
    while value >= 1000 && unit + 1 < units.len() {
        rest = value % 1000 / 100;
        value /= 1000;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || value >= 100 { format!("{value} {name}") } else { format!("{value}.{rest} {name}") }
}

/// The tightest limit of the control groups around this process (cgroup version 2, or 1), less what is used and not merely cached.
fn of_control_group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let of = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, limit, used) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        } else {
            return None;
        };
        let own = Path::new(root).join(path.trim_start_matches('/'));
        // In a container the path may be the host's: then the group is at the root.
        let around = own.ancestors().take_while(|folder| folder.starts_with(root));
        around.filter_map(|folder| left_in(folder, limit, used)).min()
    };
    groups.lines().filter_map(of).min()
}

fn left_in(folder: &Path, limit: &str, used: &str) -> Option<u64> {
    let number = |file: &str| std::fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    let limit = number(limit)?;
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let cached: u64 = ["inactive_file ", "active_file "].iter().filter_map(|name| plain(&stat, name)).sum();
    Some(limit.saturating_sub(number(used)?.saturating_sub(cached)))
}

fn plain(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_in_decimal_units() {
        for (octets, text) in [
            (999, "999 octets"),
            (1_500, "1.5 kB"),
            (6_700_000_000, "6.7 GB"),
            (67_000_000_000, "67.0 GB"),
            (2_877_628_088_320, "2.8 TB"),
            (670_000_000_000, "670 GB"),
            (u64::MAX, "18446 PB"),
        ] {
            assert_eq!(shown(octets), text);
        }
    }

    #[test]
    fn this_process_has_some_memory() {
        let available = available().unwrap();
        assert!(available.octets > 1 << 20, "{available:?}");
        assert_eq!(kib("VmSize:\t  12 kB\nVmData: 1 kB", "VmData:"), Some(1024));
    }
}
