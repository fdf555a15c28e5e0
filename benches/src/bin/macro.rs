//! The macro benchmark: the real program, both ends on this machine, radio ideal. Prints what docs/performance.md records.
//!
//! 1. lateness and latency at 1,000 and 5,000 attempts per second,
//! 2. the highest rate that is sustained: no failure, not limited by the generator, median latency under 100 ms,
//! 3. octets per registered idle UE, and octets of reports per agent and second,
//! 4. handovers over N2 and over Xn at rising rates, of UEs with sessions and without traffic,
//! 5. `campaign-10k` as it is in the catalogue,
//! 6. the same ten times at each place in the queue (`--priority`) beside two busy loops: how many are valid. Only this with
//!    the argument `neighbours`.

use std::process::{Child, Command};

use anyhow::{Context, Error, ensure};
use serde_json::Value;

fn main() -> Result<(), Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, {}", processor());
    println!();
    if std::env::args().any(|argument| argument == "neighbours") {
        return beside_neighbours();
    }
    println!(
        "{:<28}{:>10}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "campaign", "ok", "median", "p95", "p99", "late p50", "late p99", "agent CPU"
    );
    for rate in [1_000, 5_000] {
        let summary = attach(rate, 10)?;
        row(&format!("{rate}/s for 10 s"), &summary, REGISTRATION);
    }
    println!();
    highest_rate_of_attaches()?;
    println!();
    println!("handovers of {SESSIONS} UEs with a session and without traffic, interruption 0:");
    for procedure in ["handover-n2", "handover-xn"] {
        for rate in [250, 500, 1_000, 2_000] {
            let summary = handovers(procedure, rate)?;
            row(&format!("{procedure} {rate}/s for {MOVING_S} s"), &summary, procedure);
        }
    }
    println!();
    println!("campaign-10k:");
    let summary = run("campaign-10k", &["--seed", "7"])?;
    for procedure in [REGISTRATION, "pdu-session", "handover-n2", "handover-xn"] {
        row(procedure, &summary, procedure);
    }
    println!();
    beside_neighbours()
}

/// Two processes that never rest; ended when dropped.
struct BusyLoops(Vec<Child>);

impl BusyLoops {
    fn start() -> Result<Self, Error> {
        let start = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn();
        (0..2).map(|_| start()).collect::<Result<_, _>>().map(Self).context("starting a busy loop")
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn beside_neighbours() -> Result<(), Error> {
    println!("campaign-10k beside two busy loops:");
    let _loops = BusyLoops::start()?;
    for priority in ["real-time", "slice", "none"] {
        let (mut valid, mut granted) = (0, String::new());
        for seed in 1..=CAMPAIGNS {
            let summary = run("campaign-10k", &["--seed", &seed.to_string(), "--priority", priority])?;
            granted = summary["generator"]["priority"].as_str().unwrap_or("?").to_owned();
            valid += u64::from(summary["generator"]["limited"] == false);
            row(&format!("{priority}, seed {seed}"), &summary, REGISTRATION);
        }
        println!("{priority} (got {granted}): {valid} of {CAMPAIGNS} not limited by the generator");
    }
    Ok(())
}

fn highest_rate_of_attaches() -> Result<(), Error> {
    println!("highest sustained rate:");
    let mut best = None;
    for rate in (1..).map(|step| 2_500 * step).take_while(|&rate| rate <= 60_000) {
        let summary = attach(rate, 8)?;
        row(&format!("{rate}/s for 8 s"), &summary, REGISTRATION);
        if !sustained(&summary) {
            break;
        }
        best = Some((rate, summary));
    }
    let (rate, summary) = best.context("not even the lowest rate was sustained")?;
    let agent = &summary["agents"][0];
    println!();
    println!("sustained registrations per second: {rate}");
    println!(
        "agent CPU per registration: {:.1} µs",
        number(&agent["cpu_s"]) * 1e6 / number(&agent["attempts"])
    );
    println!(
        "registrations per second and agent core: {:.0}",
        number(&agent["attempts"]) / number(&agent["cpu_s"])
    );
    println!("octets per registered UE: {:.0}", number(&agent["octets_per_ue"]));
    println!("octets of reports per agent and second: {:.0}", number(&agent["report_octets_per_s"]));
    Ok(())
}

/// Runs registrations at this rate, each by another subscriber.
fn attach(rate: u64, seconds: u64) -> Result<Value, Error> {
    let count = format!("subscribers.0.count={}", rate * seconds);
    let load = format!("load.0.phases=[{{rate: {rate}/s, for: {seconds}s}}]");
    run("attach-10k", &["--seed", "7", "--set", "radio=ideal", "--set", &count, "--set", &load])
}

/// Attaches UEs, opens their sessions, and hands them over at this rate.
fn handovers(procedure: &str, rate: u64) -> Result<Value, Error> {
    let load = format!(
        "load=[\
         {{procedure: registration, phases: [{{rate: 1000/s, for: {ATTACHING_S}s}}, {{hold: {}s}}]}}, \
         {{procedure: pdu-session, starts-after: {ATTACHING_S}s, phases: [{{rate: 1000/s, for: {ATTACHING_S}s}}]}}, \
         {{procedure: {procedure}, starts-after: {}s, phases: [{{rate: {rate}/s, for: {MOVING_S}s}}]}}]",
        ATTACHING_S + MOVING_S + 3,
        2 * ATTACHING_S + 1,
    );
    let sets = [
        "radio=ideal".to_owned(),
        format!("subscribers.0.count={SESSIONS}"),
        "sessions=[{name: quiet, dnn: internet}]".to_owned(),
        "mobility={path: ring, interruption: 0ms}".to_owned(),
        format!("slos=[{procedure}.success >= 99%]"),
        "guardrails=[]".to_owned(),
        load,
    ];
    let mut arguments = vec!["--seed", "7"];
    sets.iter().for_each(|set| arguments.extend(["--set", set.as_str()]));
    run("attach-10k", &arguments)
}

fn run(scenario: &str, arguments: &[&str]) -> Result<Value, Error> {
    let folder = tempfile::tempdir().context("making a folder for the run")?;
    let program = std::env::var("ROAMSTORM").unwrap_or_else(|_| "target/release/roamstorm".to_owned());
    let output = Command::new(&program)
        .args(["run", scenario, "--json", "--trace", "failed", "--out"])
        .arg(folder.path())
        .args(arguments)
        .output()
        .with_context(|| format!("starting {program}: build it first (make build)"))?;
    let said = || String::from_utf8_lossy(&output.stderr);
    let summary: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{program} gave no summary: {}", said()))?;
    ensure!(
        summary["procedures"][REGISTRATION].is_object(),
        "the run has no registrations: {}",
        summary["verdict"]
    );
    Ok(summary)
}

fn sustained(summary: &Value) -> bool {
    let registration = &summary["procedures"][REGISTRATION];
    summary["verdict"]["status"] != "invalid"
        && registration["succeeded"] == registration["planned"]
        && number(&registration["latency_us"]["p50"]) < 100_000.0
}

fn row(name: &str, summary: &Value, procedure: &str) {
    let (figures, generator) = (&summary["procedures"][procedure], &summary["generator"]);
    let (latency, lateness) = (&figures["latency_us"], &generator["lateness_us"]);
    let ok = 100.0 * number(&figures["succeeded"]) / number(&figures["planned"]);
    let cpu: f64 =
        summary["agents"].as_array().into_iter().flatten().map(|agent| number(&agent["cpu_s"])).sum();
    println!(
        "{name:<28}{ok:>8.2} %{:>9.2} ms{:>9.2} ms{:>9.2} ms{:>9.0} µs{:>9.0} µs{:>10.2} s   {}",
        number(&latency["p50"]) / 1e3,
        number(&latency["p95"]) / 1e3,
        number(&latency["p99"]) / 1e3,
        number(&lateness["p50"]),
        number(&lateness["p99"]),
        cpu,
        summary["verdict"]["status"].as_str().unwrap_or("?"),
    );
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    model.trim_start_matches([' ', '\t', ':']).to_owned()
}

const CAMPAIGNS: u64 = 10;
const REGISTRATION: &str = "registration";
/// UEs of a handover campaign: what attaches, and opens sessions, at 1,000/s.
const SESSIONS: u64 = 1_000 * ATTACHING_S;
const ATTACHING_S: u64 = 5;
const MOVING_S: u64 = 10;
