//! A fleet of 1,000 agents at one coordinator: the real program, real QUIC, mutual TLS, and agents that play no UE, all in this
//! process. Prints what docs/performance.md records.
//!
//! 1. how long they take to join,
//! 2. what merging 20 histograms of each agent a second costs the coordinator: processor time, memory, disk,
//! 3. how long a coordinator that is killed and started again takes until it serves all of them.
//!
//! `AGENTS=200 SECONDS=10` for other sizes; with `SHOW=1` what the coordinator says is shown.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, ensure};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{
    AgentHealth, Held, Hello, IntervalReport, Part, ProcedureInterval, Return, ToCoordinator,
};
use wire::{CoordinatorLink, Identity, Role};

fn main() -> Result<(), Error> {
    let agents = from_environment("AGENTS", 1_000);
    let seconds = from_environment("SECONDS", 20);
    let folder = tempfile::tempdir().context("making a folder")?;
    let certs = folder.path().join("certs");
    ensure!(program().arg("certs").arg(&certs).output()?.status.success(), "certificates could not be made");
    let scenario = folder.path().join("scenario.yaml");
    std::fs::write(&scenario, scenario_of(agents))?;
    let runs = folder.path().join("runs");
    let mut coordinator = Coordinator::start(
        program()
            .args([
                "coordinator",
                "--seed",
                "7",
                "--target",
                "sctp://127.0.0.1:9",
                "--listen",
                "127.0.0.1:0",
                "--trace",
                "failed",
            ])
            .args(["--agents", &agents.to_string()])
            .args([&scenario, Path::new("--certs"), &certs, Path::new("--out"), &runs]),
    )?;
    let address = coordinator.wait_for("waiting on")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let seen = Arc::new(Seen::default());
    let content = Arc::new(procedures());
    let identity = Identity::load(&certs, Role::Agent)?;
    println!("{agents} agents, load average {}", load());
    let began = Instant::now();
    for number in 0..agents {
        let agent = Agent::new(number, &address, identity.clone(), Arc::clone(&content), Arc::clone(&seen));
        runtime.spawn(agent.work());
    }
    wait(|| seen.welcomed.load(Ordering::Relaxed) >= agents, "all agents to join")?;
    println!("joined through mutual TLS in {:.2} s", began.elapsed().as_secs_f64());
    wait(|| seen.acknowledged.load(Ordering::Relaxed) > 2 * agents, "the load")?;

    let (before, cpu, at) = (seen.acknowledged.load(Ordering::Relaxed), coordinator.cpu_s()?, Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let took = at.elapsed().as_secs_f64();
    let reports = seen.acknowledged.load(Ordering::Relaxed) - before;
    let run = std::fs::read_dir(&runs)?.next().context("there is no run folder")??.path();
    println!(
        "{:.0} reports, {:.0} histograms acknowledged a second: {:.1} % of a core, {} MiB at most, {} MiB of store, load average {}",
        reports as f64 / took,
        (reports * HISTOGRAMS) as f64 / took,
        100.0 * (coordinator.cpu_s()? - cpu) / took,
        coordinator.most_resident_kib()? / 1024,
        octets(&run) >> 20,
        load(),
    );

    coordinator.child.kill()?;
    coordinator.child.wait()?;
    seen.returned.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let mut coordinator = Coordinator::start(
        program()
            .args([Path::new("coordinator"), Path::new("--resume"), &run, Path::new("--certs"), &certs])
            .args(["--listen", &address]),
    )?;
    coordinator.wait_for("took up")?;
    let opened = began.elapsed();
    wait(|| seen.returned.load(Ordering::Relaxed) >= agents, "all agents to return")?;
    println!(
        "killed and started again: listens after {:.2} s, serves all agents after {:.2} s, load average {}",
        opened.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        load(),
    );
    coordinator.child.kill()?;
    coordinator.child.wait()?;
    Ok(())
}

/// What all agents have seen.
#[derive(Default)]
struct Seen {
    welcomed: AtomicU64,
    acknowledged: AtomicU64,
    returned: AtomicU64,
}

/// An agent that reports the same every second.
struct Agent {
    name: String,
    address: String,
    identity: Identity,
    content: Arc<Vec<ProcedureInterval>>,
    seen: Arc<Seen>,
    clock: Instant,
    token: [u8; 16],
    shards: Vec<Shard>,
    start_us: Option<u64>,
    offset: Duration,
}

struct Shard {
    lease: Lease,
    sequence: u64,
    reported_us: u64,
    acknowledged: u64,
}

impl Agent {
    fn new(
        number: u64,
        address: &str,
        identity: Identity,
        content: Arc<Vec<ProcedureInterval>>,
        seen: Arc<Seen>,
    ) -> Self {
        Self {
            name: format!("agent-{number}"),
            address: address.to_owned(),
            identity,
            content,
            seen,
            clock: Instant::now(),
            token: [0; 16],
            shards: Vec::new(),
            start_us: None,
            offset: Duration::from_millis(number * 617 % 1000),
        }
    }

    async fn work(mut self) {
        loop {
            let joined = wire::join(&self.address, &self.identity, self.hello()).await;
            if let Ok(link) = joined {
                self.stay(link).await;
            }
            tokio::time::sleep(Duration::from_millis(50) + self.offset / 10).await;
        }
    }

    fn now_us(&self) -> u64 {
        micros(self.clock.elapsed()) + 1_000_000
    }

    fn hello(&self) -> Hello {
        let held = |shard: &Shard| Held {
            shard: shard.lease.shard,
            epoch: shard.lease.epoch,
            unacknowledged: shard.acknowledged,
            lapsed: false,
        };
        let part = match self.shards.first() {
            None => Part::Agent,
            Some(first) => Part::Returning(Box::new(Return {
                run: first.lease.run.clone(),
                agent: self.name.clone(),
                token: self.token,
                held: self.shards.iter().map(held).collect(),
                losses: 0,
                paused_us: 0,
            })),
        };
        let (name, program) = (self.name.clone(), "bench".to_owned());
        Hello {
            name,
            program,
            workers: 1,
            agent_us: self.now_us(),
            part,
            mark: None,
            belongs: Default::default(),
        }
    }

    async fn stay(&mut self, link: CoordinatorLink) {
        let (mut sender, mut receiver) = link.split();
        let mut ticks =
            tokio::time::interval_at(tokio::time::Instant::now() + self.offset, Duration::from_secs(1));
        let mut says = Vec::new();
        loop {
            tokio::select! {
                message = receiver.receive() => match message {
                    Ok(Some(message)) => self.hear(message, &mut says),
                    Ok(None) | Err(_) => return,
                },
                _ = ticks.tick() => self.report(&mut says),
            }
            for said in says.drain(..) {
                if sender.send(&said).await.is_err() {
                    return;
                }
            }
        }
    }

    fn hear(&mut self, message: ToAgent, says: &mut Vec<ToCoordinator>) {
        match message {
            ToAgent::Welcome(welcome) => {
                (self.name, self.token) = (welcome.agent, welcome.token);
                let counter = if welcome.returned { &self.seen.returned } else { &self.seen.welcomed };
                counter.fetch_add(1, Ordering::Relaxed);
                for at in 0..self.shards.len() {
                    for sequence in self.shards[at].acknowledged..self.shards[at].sequence {
                        says.push(self.report_of(at, sequence));
                    }
                }
            }
            ToAgent::Ping { sent_us } => says.push(ToCoordinator::Pong { sent_us, agent_us: self.now_us() }),
            ToAgent::Lease(lease) => {
                says.push(ToCoordinator::Ready { shard: lease.shard, epoch: lease.epoch });
                self.shards.retain(|shard| shard.lease.shard != lease.shard);
                self.shards.push(Shard { lease: *lease, sequence: 0, reported_us: 0, acknowledged: 0 });
            }
            ToAgent::Start { at_us, .. } => self.start_us = Some(at_us),
            ToAgent::Ack { shard, sequence, .. } => {
                self.seen.acknowledged.fetch_add(1, Ordering::Relaxed);
                let held = self.shards.iter_mut().find(|held| held.lease.shard == shard);
                if let Some(held) = held {
                    held.acknowledged = held.acknowledged.max(sequence + 1);
                }
            }
            _ => {}
        }
    }

    fn report(&mut self, says: &mut Vec<ToCoordinator>) {
        says.push(ToCoordinator::Alive { agent_us: self.now_us() });
        let now_us = self.now_us();
        let Some(elapsed_us) = self.start_us.and_then(|start_us| now_us.checked_sub(start_us)) else {
            return;
        };
        for at in 0..self.shards.len() {
            self.shards[at].reported_us = elapsed_us;
            let sequence = self.shards[at].sequence;
            self.shards[at].sequence += 1;
            says.push(self.report_of(at, sequence));
        }
        let health = AgentHealth { at_us: elapsed_us, ..AgentHealth::default() };
        says.push(ToCoordinator::Health(Box::new(health)));
    }

    fn report_of(&self, at: usize, sequence: u64) -> ToCoordinator {
        let shard = &self.shards[at];
        ToCoordinator::Report(Box::new(IntervalReport {
            run: shard.lease.run.clone(),
            shard: shard.lease.shard,
            epoch: shard.lease.epoch,
            sequence,
            from_us: shard.reported_us.saturating_sub(1_000_000),
            to_us: shard.reported_us,
            progress: vec![0; shard.lease.resume_at.len()],
            procedures: self.content.to_vec(),
            registered: 100,
            ..IntervalReport::default()
        }))
    }
}

/// Ten procedures with latency and service time: 20 histograms of 500 samples each.
fn procedures() -> Vec<ProcedureInterval> {
    let names = [
        "registration",
        "deregistration",
        "service-request",
        "mobility-registration-update",
        "periodic-registration-update",
        "pdu-session",
        "pdu-session-modification",
        "pdu-session-release",
        "handover-n2",
        "handover-xn",
    ];
    let interval = |(seed, name): (u64, &str)| {
        let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).ok();
        let mut drawn = seed + 1;
        for _ in 0..SAMPLES {
            drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let spread = (drawn >> 40) % 40_000;
            if let Some(histogram) = &mut histogram {
                *histogram += 20_000 + spread * spread / 40_000;
            }
        }
        let octets = histogram.as_ref().map(v2).unwrap_or_default();
        ProcedureInterval {
            procedure: name.to_owned(),
            due: SAMPLES,
            self_started: SAMPLES,
            started: SAMPLES,
            succeeded: SAMPLES,
            latency_v2: octets.clone(),
            service_v2: octets,
            ..ProcedureInterval::default()
        }
    };
    (0..).zip(names).map(interval).collect()
}

fn v2(histogram: &Histogram<u32>) -> Vec<u8> {
    let mut octets = Vec::new();
    // Into memory: it cannot fail.
    let _ = V2Serializer::new().serialize(histogram, &mut octets);
    octets
}

fn scenario_of(agents: u64) -> String {
    format!(
        r#"
name: fleet
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: {subscribers}, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: {agents}, cells-per-node: 1, tacs: [1], slices: ["1"]}}
load:
  - {{procedure: registration, arrivals: uniform, phases: [{{rate: 100/s, for: 10m}}]}}
"#,
        subscribers = agents * 100,
    )
}

/// The coordinator's process.
struct Coordinator {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Coordinator {
    fn start(command: &mut Command) -> Result<Self, Error> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let (tell, lines) = mpsc::channel();
        // To its end: a program that nobody listens to would stand still.
        std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                if std::env::var_os("SHOW").is_some() {
                    eprintln!("{line}");
                }
                // Most of it nobody waits for.
                let _ = tell.send(line);
            }
        });
        Ok(Self { child, lines })
    }

    /// The address in the line that says this.
    fn wait_for(&mut self, text: &str) -> Result<String, Error> {
        let mut said = Vec::new();
        for line in &self.lines {
            if line.contains(text) {
                let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:"));
                return address.map(str::to_owned).context("the line has no address");
            }
            said.push(line);
        }
        anyhow::bail!("the coordinator ended: {}", said.join("\n"))
    }

    /// Processor time, user and system, all threads, s.
    fn cpu_s(&self) -> Result<f64, Error> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("/proc has another form")?;
        Ok((user + system) / TICKS_PER_S)
    }

    fn most_resident_kib(&self) -> Result<u64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc has another form")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

fn octets(run: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(run.join(name)).map_or(0, |file| file.len());
    size("journal.sqlite") + size("journal.sqlite-wal")
}

fn wait(holds: impl Fn() -> bool, what: &str) -> Result<(), Error> {
    let began = Instant::now();
    while !holds() {
        ensure!(began.elapsed() < Duration::from_secs(120), "waited 120 s for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn program() -> Command {
    let program = std::env::var("ROAMSTORM").unwrap_or_else(|_| "target/release/roamstorm".to_owned());
    Command::new(PathBuf::from(program))
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const HISTOGRAMS: u64 = 20;
const SAMPLES: u64 = 500;
/// Of /proc/PID/stat, on every Linux that Rust runs on.
const TICKS_PER_S: f64 = 100.0;
