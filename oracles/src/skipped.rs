//! Tests that cannot look at what they are for.

use std::fmt::Display;
use std::io::Write;

/// Says on standard error, past the harness, which shows nothing of a test that passes, that this test did not see what it is
/// for, and why. Where `ROAMSTORM_REQUIRE`, a list with commas, names `need`, it fails instead: so an environment that is made
/// for a test cannot lose it unseen.
#[track_caller]
pub fn skipped(need: &str, why: impl Display) {
    let required = std::env::var("ROAMSTORM_REQUIRE").unwrap_or_default();
    assert!(!is_named(&required, need), "ROAMSTORM_REQUIRE asks for {need}, but {why}");
    let thread = std::thread::current();
    let line = format!("{} skipped, for want of {need}: {why}\n", thread.name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn is_named(required: &str, need: &str) -> bool {
    required.split(',').any(|name| name.trim() == need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_named_in_a_list() {
        assert!(is_named("kernel-sctp", "kernel-sctp") && is_named("raw-ip, kernel-sctp", "kernel-sctp"));
        assert!(!is_named("", "kernel-sctp") && !is_named("no-kernel-sctp", "kernel-sctp"));
    }
}
