//! Which host and which process this is, as numbers that tell no more than whether two are the same.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

/// A host until it starts again, and a process on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The same for everything on one host; 0 where the system does not say.
    pub host: u64,
    /// The same for everything in one process.
    pub process: u64,
}

/// This host and this process.
pub fn identity() -> Identity {
    *OWN.get_or_init(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim();
        let host = if boot.is_empty() { 0 } else { number(boot).max(1) };
        // Processes of two namespaces may have one number, but not one start.
        Identity { host, process: number((host, std::process::id(), crate::start_ticks())) }
    })
}

fn number(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

static OWN: OnceLock<Identity> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_the_same_everywhere_in_a_process() {
        let elsewhere = std::thread::spawn(identity).join().unwrap();
        assert_eq!(elsewhere, identity());
        assert_ne!(identity().process, 0);
    }
}
