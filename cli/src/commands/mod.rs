//! One subcommand a file.

use anyhow::{Context as _, Error, ensure};
use edges::memory;

pub(crate) mod agent;
pub(crate) mod artifacts;
pub(crate) mod catalogue;
pub(crate) mod certs;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod coordinator;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod new_file;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod scenario;
pub(crate) mod schema;
pub(crate) mod simulator;
pub(crate) mod subscribers;
pub(crate) mod trend;
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

/// This host's name.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "agent".to_owned() } else { name.to_owned() }
}

/// A runtime of so many threads.
pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().context("starting the runtime")
}

/// A fleet whose certificates end is no fleet any more: it is said while there is time.
pub(crate) fn say_what_ends_soon(identity: &wire::Identity) {
    if let Some(warning) = identity.ends_soon(std::time::SystemTime::now()) {
        eprintln!("warning: {warning}");
    }
}

/// Refuses a machine that gives too few threads, before a runtime has some of them and waits for the others for ever.
pub(crate) fn have_threads(count: usize) -> Result<(), Error> {
    let (ends, mut threads) = (std::sync::mpsc::channel::<()>(), Vec::new());
    let end = std::sync::Arc::new(std::sync::Mutex::new(ends.1));
    for _ in 0..count {
        let end = std::sync::Arc::clone(&end);
        // Each waits until the last one has been started.
        let waits = move || drop(end.lock().map(|end| end.recv()));
        match std::thread::Builder::new().stack_size(64 << 10).spawn(waits) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                drop(ends.0);
                anyhow::bail!(
                    "only {} of {count} threads can be started: {error}: allow this user more processes (ulimit -u), or this one more memory (ulimit -v)",
                    threads.len()
                );
            }
        }
    }
    drop(ends.0);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    Ok(())
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
