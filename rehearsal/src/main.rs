//! Plays drills: `rehearsal --seeds 10000`, or one of them again: `rehearsal --seed 4711 --tell`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use rehearsal::{Outcome, rehearse};

#[derive(Parser)]
#[command(
    about = "Rehearses the whole fleet in virtual time, and checks its account against what really happened"
)]
struct Arguments {
    /// How many drills.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The seed of the first.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Only this one.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Tells every event.
    #[arg(long, requires = "seed")]
    tell: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (first, seeds) = arguments.seed.map_or((arguments.first, arguments.seeds), |seed| (seed, 1));
    let next = AtomicU64::new(first);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(seeds) {
                        return;
                    }
                    let outcome = rehearse(seed, arguments.tell);
                    if !outcome.violations.is_empty() {
                        complain(&outcome);
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = results.iter().filter(|outcome| !outcome.violations.is_empty()).count();
    let sum = |of: fn(&Outcome) -> u64| results.iter().map(of).sum::<u64>();
    println!(
        "{} drills, {} failed: {} faults, {} starts, {} lost with their agents, {} late in {} runs too late, {} runs within the limits that stood still, {} moves, {} handovers between shards, {} attempts asked of other shards, {} visitor audits, {} events",
        results.len(),
        failed,
        sum(|outcome| outcome.faults as u64),
        sum(|outcome| outcome.starts as u64),
        sum(|outcome| outcome.lost),
        sum(|outcome| outcome.late),
        sum(|outcome| u64::from(outcome.limited)),
        sum(|outcome| u64::from(outcome.stood_still)),
        sum(|outcome| outcome.moves as u64),
        sum(|outcome| outcome.handovers),
        sum(|outcome| outcome.asked),
        sum(|outcome| outcome.audits),
        sum(|outcome| outcome.events),
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(outcome: &Outcome) {
    eprintln!("seed {} failed:", outcome.seed);
    outcome.violations.iter().take(MOST_SHOWN).for_each(|violation| eprintln!("  {violation}"));
    eprintln!("  again: cargo run --release -p rehearsal -- --seed {} --tell", outcome.seed);
}

const MOST_SHOWN: usize = 10;
