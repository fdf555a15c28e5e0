//! Reconciliation of two ledger files, as a run leaves them: seconds and peak memory, one process for each size.
//!
//! `cargo bench -p benches --bench reconciliation -- 1000000 10000000`; these sizes where none is given.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use billing::{Rules, Tariff, reconcile_files};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let sizes: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if let (Some(folder), [pairs]) = (std::env::var_os(FOLDER), sizes.as_slice()) {
        return measure(Path::new(&folder), *pairs);
    }
    let sizes = if sizes.is_empty() { vec![1_000_000, 10_000_000] } else { sizes };
    println!(
        "{:>12}{:>12}{:>12}{:>12}{:>12}{:>14}",
        "pairs", "MB of CSV", "s", "CPU s", "peak MiB", "pairs/s"
    );
    for pairs in sizes {
        let folder = tempfile::tempdir().unwrap();
        write_ledgers(folder.path(), pairs);
        let mut command = Command::new(std::env::current_exe().unwrap());
        // A process of its own: its peak memory is that of reconciling, not of writing the ledgers.
        assert!(command.arg(pairs.to_string()).env(FOLDER, folder.path()).status().unwrap().success());
    }
}

fn measure(folder: &Path, pairs: u64) {
    let (usage, charging) = (folder.join("usage.csv"), folder.join("charging.csv"));
    let octets = [&usage, &charging].map(|path| path.metadata().unwrap().len()).iter().sum::<u64>();
    let started = Instant::now();
    let tariff = Tariff::default();
    let account = reconcile_files(&usage, &charging, Some(&tariff), &Rules::default(), folder).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!((account.sessions, account.unreconciled), (pairs, pairs.div_ceil(FAULTY)));
    println!(
        "{pairs:>12}{:>12}{seconds:>12.2}{:>12.2}{:>12}{:>14.0}",
        octets / 1_000_000,
        cpu_s(),
        peak_kib() / 1024,
        pairs as f64 / seconds
    );
}

/// One session for each subscriber, in the order in which sessions end: shuffled against the order of subscribers. Of one
/// in a thousand the octets are wrong.
fn write_ledgers(folder: &Path, pairs: u64) {
    let create = |name: &str| BufWriter::new(std::fs::File::create(folder.join(name)).unwrap());
    let (mut usage, mut charging) = (create("usage.csv"), create("charging.csv"));
    let columns = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us";
    writeln!(usage, "{columns},uplink,downlink,downlink_lost,closing").unwrap();
    writeln!(charging, "{columns},recorded_us,uplink,downlink,rate,amount,currency,closing").unwrap();
    for n in 0..pairs {
        // 7,368,787 is prime: every subscriber comes once.
        let subscriber = n * 7_368_787 % pairs;
        let from_us = 1_795_555_800_000_000 + n * 100;
        let to_us = from_us + 60_000_000 + subscriber % 1_000_000;
        let (uplink, downlink) = (subscriber % 100_000, subscriber * 13 % 5_000_000);
        let wrong = u64::from(n % FAULTY == 0);
        let amount = (uplink + downlink + wrong).div_ceil(100_000) * 1_000;
        let session =
            format_args!("{},001010{:09},1,001/01,internet,0,{from_us},{from_us},{to_us}", n + 1, subscriber)
                .to_string();
        writeln!(usage, "{session},{uplink},{downlink},0,released").unwrap();
        writeln!(
            charging,
            "{session},{},{uplink},{},everything,{}.{:06},EUR,released",
            to_us + 1_000,
            downlink + wrong,
            amount / 1_000_000,
            amount % 1_000_000
        )
        .unwrap();
    }
}

/// Of all threads, user and system.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const FOLDER: &str = "RECONCILIATION_FOLDER";
/// One session in so many is wrong.
const FAULTY: u64 = 1_000;
