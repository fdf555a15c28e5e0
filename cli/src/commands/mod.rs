//! One subcommand a file.

use anyhow::{Error, ensure};
use edges::memory;

pub(crate) mod agent;
pub(crate) mod catalogue;
pub(crate) mod certs;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod coordinator;
pub(crate) mod order;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod scenario;
pub(crate) mod schema;
pub(crate) mod simulator;
pub(crate) mod subscribers;
pub(crate) mod watch;

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Refuses what cannot be held here: memory that is refused later would end the process without a verdict.
pub(crate) fn have_memory(octets: u64, what: &str) -> Result<(), Error> {
    let Some(available) = memory::available() else { return Ok(()) };
    ensure!(
        octets <= available.octets,
        "{what} needs about {} of memory, and {} are {}: have fewer subscribers, or a fleet of agents on other machines (roamstorm coordinator)",
        memory::shown(octets),
        memory::shown(available.octets),
        available.of
    );
    Ok(())
}
