//! A real fleet under load, as processes on loopback: killed, frozen, cut off, restarted; its account is exact all the same.
//!
//! `make kill-test` runs ten rounds. Each prints its seed and its figures; one that fails, what it
//! did and when. `SEED=n` draws the same order and victims again; when a fault comes, and when it is over, are events of the run.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::print_stdout, reason = "one line a round")]

mod account;
mod draw;
mod fleet;
mod journal;
mod link;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use draw::Draw;
use fleet::{Fleet, LEASE};
use journal::TimeOfDay;

/// What befalls the fleet, each once a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// `kill -9` of an agent's process: its supervisor starts it again.
    KillChild,
    /// `kill -9` of everything on a host.
    KillHost,
    /// SIGSTOP, and SIGCONT before the lease has ended.
    FreezeShortly,
    /// SIGSTOP, and SIGCONT when its shards are elsewhere.
    FreezeBeyondLease,
    /// Nothing passes in one direction, for less than a lease.
    CutOneWay,
    /// Nothing passes at all, until its shards are elsewhere.
    CutBeyondLease,
    /// `kill -9` of the coordinator, and `--resume` on the same port.
    RestartCoordinator,
    /// `agent drain`, or SIGTERM.
    Drain,
    /// One more agent.
    Join,
}

const FAULTS: [Fault; 9] = [
    Fault::KillChild,
    Fault::KillHost,
    Fault::FreezeShortly,
    Fault::FreezeBeyondLease,
    Fault::CutOneWay,
    Fault::CutBeyondLease,
    Fault::RestartCoordinator,
    Fault::Drain,
    Fault::Join,
];

/// Longer than two of an agent's signs of life, shorter than a lease ([`fleet::LEASE`]).
const SHORTLY: Duration = Duration::from_secs(2);

#[test]
#[ignore = "takes a minute of two free cores: `make kill-test` plays it"]
fn fleet_that_is_killed_frozen_and_cut_off_keeps_its_account() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("ROUNDS").unwrap_or(1),
    };
    let mut takeovers = Takeovers::default();
    for seed in seeds {
        round(seed, &mut takeovers);
    }
    println!("killed processes: shards ready elsewhere after {}", figures(&mut takeovers.processes));
    println!("killed hosts: the same, beyond a whole lease: {}", figures(&mut takeovers.hosts));
}

/// How long shards waited for their next holder to be ready, ms; docs/reliability.md has these figures.
#[derive(Default)]
struct Takeovers {
    /// From the moment at which the process was killed.
    processes: Vec<u128>,
    /// From a lease after that moment: the latest end that the lease can have had.
    hosts: Vec<u128>,
}

fn figures(millis: &mut [u128]) -> String {
    millis.sort_unstable();
    let at = |share: usize| {
        millis.get((millis.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
    };
    format!("p50 {} ms, p99 {} ms, at most {} ms ({} shards)", at(50), at(99), at(100), millis.len())
}

fn round(seed: u64, takeovers: &mut Takeovers) {
    let began = Instant::now();
    let mut draw = Draw::new(seed);
    let mut order = FAULTS;
    draw.shuffle(&mut order);
    let mut fleet = Fleet::start(seed);
    fleet.note(&format!("SEED={seed}: {order:?}"));
    fleet.wait_for_second(2);
    for fault in order {
        strike(&mut fleet, fault, &mut draw, takeovers);
    }
    let ended = fleet.finish(seed);
    let figures = account::check(&ended);
    println!("seed {seed}: {figures}, {:.0} s", began.elapsed().as_secs_f64());
}

fn strike(fleet: &mut Fleet, fault: Fault, draw: &mut Draw, takeovers: &mut Takeovers) {
    let from = fleet.journal.lines();
    match fault {
        Fault::KillChild => {
            let victim = fleet.victim(draw);
            fleet.note(&format!("kills the process of {victim}"));
            let killed = TimeOfDay::now();
            fleet.signal_child(&victim, "KILL");
            fleet.journal.wait(from, "a process ended", &victim);
            fleet.journal.wait(from, "admitted an agent", &victim);
            let ready = fleet.journal.taken_over(from, &victim);
            takeovers.processes.extend(ready.iter().map(|ready| ready.since(killed).as_millis()));
        }
        Fault::KillHost => {
            fleet.have_three();
            let victim = fleet.victim(draw);
            fleet.note(&format!("kills the host {victim}"));
            let killed = TimeOfDay::now();
            fleet.kill_host(&victim);
            fleet.journal.wait(from, "leases ended", &victim);
            let ready = fleet.journal.taken_over(from, &victim);
            let waited = ready.iter().map(|ready| ready.since(killed).saturating_sub(LEASE).as_millis());
            takeovers.hosts.extend(waited);
        }
        Fault::FreezeShortly => {
            let victim = fleet.victim(draw);
            fleet.note(&format!("freezes {victim} shortly"));
            fleet.signal_child(&victim, "STOP");
            std::thread::sleep(SHORTLY);
            fleet.signal_child(&victim, "CONT");
        }
        Fault::FreezeBeyondLease => {
            let victim = fleet.victim(draw);
            fleet.note(&format!("freezes {victim} beyond its lease"));
            fleet.signal_child(&victim, "STOP");
            fleet.journal.wait(from, "leases ended", &victim);
            fleet.signal_child(&victim, "CONT");
        }
        Fault::CutOneWay => {
            let victim = fleet.victim(draw);
            let up = draw.below(2) == 0;
            fleet.note(&format!("cuts {victim} off {}", if up { "upwards" } else { "downwards" }));
            fleet.host(&victim).link.cut(up, !up);
            std::thread::sleep(SHORTLY);
            fleet.host(&victim).link.mend();
        }
        Fault::CutBeyondLease => {
            let victim = fleet.victim(draw);
            fleet.note(&format!("cuts {victim} off beyond its lease"));
            fleet.host(&victim).link.cut(true, true);
            fleet.journal.wait(from, "leases ended", &victim);
            fleet.host(&victim).link.mend();
        }
        Fault::RestartCoordinator => {
            fleet.note("restarts the coordinator");
            fleet.restart_coordinator();
        }
        Fault::Drain => {
            fleet.have_three();
            let victim = fleet.victim(draw);
            let command = draw.below(2) == 0;
            fleet.note(&format!("drains {victim} by {}", if command { "command" } else { "SIGTERM" }));
            fleet.drain(&victim, command);
        }
        Fault::Join => fleet.join(),
    }
}
