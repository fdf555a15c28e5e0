//! The clock by which leases are held: it also goes on while the machine is suspended, as its coordinator's does.
//!
//! Everything else goes by [`Instant::now`], which stands still then. As long as the machine was never suspended both
//! say the same.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wire::lease::since_boot;

/// Now.
pub(crate) fn now() -> Instant {
    let &(base, booted) = BASE.get_or_init(|| (Instant::now(), since_boot()));
    base + since_boot().saturating_sub(booted)
}

/// An instant of this clock by the time since the machine's boot.
pub(crate) fn at(booted: Duration) -> Instant {
    let (now, ago) = (now(), since_boot().saturating_sub(booted));
    now.checked_sub(ago).unwrap_or(now)
}

/// An instant of this clock by the one that stands still in suspension.
pub(crate) fn monotonic(at: Instant) -> Instant {
    let suspended = now().saturating_duration_since(Instant::now());
    at.checked_sub(suspended).unwrap_or(at)
}

static BASE: OnceLock<(Instant, Duration)> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_agree_while_nobody_sleeps() {
        let start = now();
        let (ours, theirs) = (now(), Instant::now());
        assert!(ours >= start);
        assert!(monotonic(ours) <= ours);
        assert!(theirs.saturating_duration_since(monotonic(ours)) < Duration::from_secs(5));
    }
}
