//! A wall clock that nobody sets: the time of day when the run was made, and since then the time that the machine counts.
//!
//! Somebody may set the machine's clock while the coordinator is down. The run's time must not move by it, so what is added
//! to the time since boot is kept in the run folder; another boot begins anew.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wire::lease::since_boot;

/// The wall clock of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock {
    /// The time of day at boot, as the run knows it: since 1970.
    booted: Duration,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    boot: String,
    booted_us: u64,
}

impl SteadyClock {
    /// The clock of the run in this folder: the one that was kept, or a new one. Where it cannot be kept, a restart falls back
    /// on the time of day.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let is_ours = edges::files::is_ours(&path).is_ok();
        let kept = is_ours
            .then(|| edges::files::read(&path).ok())
            .flatten()
            .and_then(|octets| serde_json::from_slice::<Kept>(&octets).ok());
        if let Some(kept) = kept.filter(|kept| !boot.is_empty() && kept.boot == boot) {
            return Self { booted: Duration::from_micros(kept.booted_us) };
        }
        let day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let booted = day.saturating_sub(since_boot());
        let booted_us = u64::try_from(booted.as_micros()).unwrap_or(u64::MAX);
        let kept = serde_json::to_vec(&Kept { boot, booted_us }).unwrap_or_default();
        if let Err(error) = edges::files::write(&path, &kept) {
            tracing::warn!(%error, path = %path.display(), "the run's clock is not kept");
        }
        Self { booted: Duration::from_micros(booted_us) }
    }

    /// The time of day.
    pub(crate) fn now(self) -> SystemTime {
        UNIX_EPOCH + self.booted + since_boot()
    }

    /// Nobody will need it any more.
    pub(crate) fn forget(folder: &Path) {
        // It may not be there.
        let _ = std::fs::remove_file(folder.join(FILE));
    }
}

const FILE: &str = "clock.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_kept_goes_on_whatever_the_time_of_day_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let first = SteadyClock::open(folder.path());
        // As if the machine's clock had been set back by an hour since.
        let kept: Kept = serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap();
        let ahead = Kept { booted_us: kept.booted_us + 3_600_000_000, ..kept };
        std::fs::write(folder.path().join(FILE), serde_json::to_vec(&ahead).unwrap()).unwrap();
        let again = SteadyClock::open(folder.path());
        assert_eq!(again.booted, first.booted + Duration::from_secs(3600));
    }

    #[test]
    fn a_clock_of_another_boot_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = Kept { boot: "another".to_owned(), booted_us: 1 };
        std::fs::write(folder.path().join(FILE), serde_json::to_vec(&foreign).unwrap()).unwrap();
        assert!(SteadyClock::open(folder.path()).booted > Duration::from_micros(1));
    }
}
