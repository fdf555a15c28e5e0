//! Lateness of starts at one worker: the real pacers of ten shards and the real wait, over SCTP in UDP on loopback.
//!
//! Each rate is run four times: with a wait that only sleeps and with one that spends its last part awake, without traffic
//! and with a message for each start, which a thread on the other end returns. Then 1,000/s with a message for each start is
//! run beside neighbours, processes that want the processors too, at each place in the queue that this process may have.
//! `cargo bench -p benches --bench pacing -- 10000 50000`; these rates where none is given, and no rates, only the
//! neighbours, with `-- neighbours`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use agent::bench::ShardPacer;
use hdrhistogram::Histogram;
use host::{Granted, Priority, Role};
use rustix::time::{ClockId, clock_gettime};
use scenarios::{Plan, Scenario};
use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Some(kind) = std::env::var_os(NEIGHBOUR) {
        return neighbour(kind == "compiler");
    }
    let only_neighbours = std::env::args().any(|argument| argument == "neighbours");
    let rates: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let usual = if only_neighbours { Vec::new() } else { vec![1_000, 10_000, 50_000] };
    let rates = if rates.is_empty() { usual } else { rates };
    println!("load average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!(
        "{:>8}  {:<10}{:<16}{:>8}{:>8}{:>8}{:>10}{:>12}{:>10}{:>10}",
        "starts/s", "traffic", "wait", "p50", "p99", "p99.9", "max", "answer p50", "CPU", "must"
    );
    for rate in rates {
        for traffic in [false, true] {
            for spin in [Duration::ZERO, Options::default().spin] {
                row(rate, traffic, spin, &measure(rate, traffic, spin, Priority::None).0);
            }
        }
    }
    beside_neighbours();
}

/// 1,000/s at each place in the queue, beside others.
fn beside_neighbours() {
    println!("\nbeside neighbours, 1,000 starts/s, answered");
    println!(
        "{:<36}{:<12}{:<8}{:>10}{:>10}{:>10}{:>10}",
        "neighbours", "priority", "wait", "p50", "p99", "p99.9", "max"
    );
    for (name, loops, compilers) in [
        ("none", 0, 0),
        ("two busy loops", 2, 0),
        ("two compilers", 0, 2),
        ("two busy loops, two compilers", 2, 2),
    ] {
        let _neighbours = Neighbours::start(loops, compilers);
        let spins = [Duration::ZERO, Options::default().spin];
        let places = [Priority::None, Priority::Slice, Priority::RealTime];
        for (priority, spin) in places.into_iter().flat_map(|place| spins.map(|spin| (place, spin))) {
            let (figures, granted) = measure(1_000, true, spin, priority);
            if granted == Granted::Ordinary && priority != Priority::None {
                println!("{name:<36}{priority:?}: not to be had here");
                continue;
            }
            let at = |quantile| figures.lateness.value_at_quantile(quantile);
            let must = match (loops, compilers, granted) {
                (2, 0, Granted::RealTime) => Some(1_000),
                (2, 0, Granted::Slice) => Some(4_000),
                _ => None,
            };
            let verdict = must.map_or_else(String::new, |limit| {
                format!("   {} < {limit}", if at(0.99) < limit { "ok" } else { "MISSED" })
            });
            println!(
                "{name:<36}{:<12}{:<8}{:>7} µs{:>7} µs{:>7} µs{:>7} µs{verdict}",
                granted.as_str(),
                if spin.is_zero() { "asleep" } else { "awake" },
                at(0.5),
                at(0.99),
                at(0.999),
                figures.lateness.max()
            );
        }
    }
}

/// Processes that want the processors too; ended when dropped.
struct Neighbours(Vec<Child>);

impl Neighbours {
    fn start(loops: usize, compilers: usize) -> Self {
        let own = std::env::current_exe().unwrap();
        let start = |kind: &str| Command::new(&own).env(NEIGHBOUR, kind).spawn().unwrap();
        let loops = (0..loops).map(|_| start("loop"));
        Self(loops.chain((0..compilers).map(|_| start("compiler"))).collect())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Never ends. A busy loop only computes; a compiler fills memory, writes files and rests a little in between.
fn neighbour(compiler: bool) {
    let (mut state, file) = (1u64, std::env::temp_dir().join(format!("neighbour-{}", std::process::id())));
    loop {
        let mut nodes: Vec<u64> = Vec::new();
        for _ in 0..2_000_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if compiler {
                nodes.push(state);
            }
        }
        if compiler {
            nodes.sort_unstable();
            let _ = std::fs::write(&file, format!("{:?}", &nodes[..1_000]));
            std::thread::sleep(Duration::from_millis(state >> 60));
        }
        std::hint::black_box(state);
    }
}

struct Figures {
    lateness: Histogram<u64>,
    /// From the start that a message was for to its answer.
    answers: Histogram<u64>,
    /// Of one core, the worker's.
    cpu: f64,
}

/// On a thread that asks for this place in the queue, as does the one on the other end; what it got.
fn measure(rate: u64, traffic: bool, spin: Duration, priority: Priority) -> (Figures, Granted) {
    std::thread::spawn(move || {
        let place = host::take(priority, Role::Generator);
        (paced(rate, traffic, spin, priority), place.granted())
    })
    .join()
    .unwrap()
}

fn paced(rate: u64, traffic: bool, spin: Duration, priority: Priority) -> Figures {
    let (address_out, address_in) = mpsc::channel();
    let echo = std::thread::spawn(move || {
        let _place = host::take(priority, Role::Target);
        let server =
            Endpoint::listen(&"sctp+udp://127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
        address_out.send(server.local_address()).unwrap();
        return_everything(server);
    });
    let options = Options { spin, ..Options::default() };
    let worker = Worker::connected(&address_in.recv().unwrap(), &options, pacers(rate));
    let figures = worker.run(traffic);
    echo.join().unwrap();
    figures
}

/// Of ten shards, which have the rate between them.
fn pacers(rate: u64) -> Vec<ShardPacer> {
    let set = |path: &str, value: String| (path.to_owned(), value);
    let overrides = [
        set("subscribers.0.count", (rate * SECONDS).to_string()),
        set("cells.nodes", SHARDS.to_string()),
        set("load.0.phases", format!("[{{rate: {rate}/s, for: {SECONDS}s}}]")),
    ];
    let scenario = Arc::new(Scenario::load("attach-10k", &overrides).unwrap());
    let plan = Plan::new(scenario, 7, 1).unwrap();
    (0..SHARDS).map(|shard| ShardPacer::new(plan.shard(shard).schedules())).collect()
}

/// A worker that does nothing but start.
struct Worker {
    pacers: Vec<ShardPacer>,
    endpoint: Endpoint,
    associations: Vec<AssociationId>,
    figures: Figures,
}

impl Worker {
    /// With an association for each shard.
    fn connected(address: &Address, options: &Options, pacers: Vec<ShardPacer>) -> Self {
        let mut endpoint = Endpoint::client(address.transport(), options).unwrap();
        let now = Instant::now();
        let associations: Vec<AssociationId> =
            pacers.iter().map(|_| endpoint.connect(address, now).unwrap()).collect();
        let mut events = Vec::new();
        while events.len() < associations.len() {
            endpoint.wait(now + Duration::from_secs(5), &mut events).unwrap();
        }
        assert!(events.iter().all(|event| matches!(event, Event::Up { .. })), "{events:?}");
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        let figures = Figures { lateness: histogram(), answers: histogram(), cpu: f64::NAN };
        Self { pacers, endpoint, associations, figures }
    }

    fn run(mut self, traffic: bool) -> Figures {
        let zero = Instant::now() + Duration::from_millis(100);
        self.pacers.iter_mut().for_each(|pacer| pacer.start(zero));
        let mut events = Vec::new();
        self.endpoint.wait(zero, &mut events).unwrap();
        let before = thread_cpu_time();
        while let Some(due) = self.pacers.iter().filter_map(ShardPacer::next_due).min() {
            self.endpoint.wait_until_due(Some(due), Instant::now() + IDLE, &mut events).unwrap();
            self.take(&mut events, zero);
            self.start_due(traffic, zero);
        }
        self.figures.cpu = (thread_cpu_time() - before).as_secs_f64() / zero.elapsed().as_secs_f64();
        self.wait_for_answers(traffic, zero);
        self.figures
    }

    fn start_due(&mut self, traffic: bool, zero: Instant) {
        for (pacer, &association) in self.pacers.iter_mut().zip(&self.associations) {
            let mut now = Instant::now();
            while let Some(due) = pacer.pop_due(now) {
                self.figures.lateness.saturating_record(micros(now - due));
                if traffic {
                    let mut message = vec![0; LENGTH];
                    message[..8].copy_from_slice(&micros(due - zero).to_be_bytes());
                    self.endpoint.send(association, 1, NGAP_PPID, message).unwrap();
                }
                now = Instant::now();
            }
        }
    }

    fn take(&mut self, events: &mut Vec<Event>, zero: Instant) {
        let now = micros(zero.elapsed());
        for event in events.drain(..) {
            let Event::Received { payload, .. } = event else { panic!("{event:?}") };
            let due = u64::from_be_bytes(payload[..8].try_into().unwrap());
            self.figures.answers.saturating_record(now.saturating_sub(due));
        }
    }

    fn wait_for_answers(&mut self, traffic: bool, zero: Instant) {
        let (mut events, end) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        while traffic && self.figures.answers.len() < self.figures.lateness.len() {
            assert!(
                Instant::now() < end,
                "{} answers are missing",
                self.figures.lateness.len() - self.figures.answers.len()
            );
            self.endpoint.wait(end, &mut events).unwrap();
            self.take(&mut events, zero);
        }
    }
}

/// The other end, until the worker has closed all associations.
fn return_everything(mut server: Endpoint) {
    let (mut events, mut open, mut closed) = (Vec::new(), 0, 0);
    while open < SHARDS || closed < open {
        server.wait(Instant::now() + Duration::from_secs(1), &mut events).unwrap();
        for event in events.drain(..) {
            match event {
                Event::Received { id, stream, ppid, payload, .. } => {
                    server.send(id, stream, ppid, payload).unwrap()
                }
                Event::Up { .. } => open += 1,
                Event::Down { .. } => closed += 1,
            }
        }
    }
}

fn row(rate: u64, traffic: bool, spin: Duration, figures: &Figures) {
    let (lateness, answers) = (&figures.lateness, &figures.answers);
    let at = |quantile| lateness.value_at_quantile(quantile);
    let must = MUST.iter().find(|(of, _)| *of == rate).map(|(_, limit)| *limit);
    let verdict = match must {
        Some(limit) if !spin.is_zero() => {
            format!("{} < {limit}", if at(0.99) < limit { "ok" } else { "MISSED" })
        }
        _ => String::new(),
    };
    let answer = if traffic { format!("{} µs", answers.value_at_quantile(0.5)) } else { String::new() };
    let wait =
        if spin.is_zero() { "asleep".to_owned() } else { format!("awake ≤ {} µs", spin.as_micros()) };
    println!(
        "{rate:>8}  {:<10}{wait:<16}{:>5} µs{:>5} µs{:>5} µs{:>7} µs{answer:>12}{:>8.1} %   {verdict}",
        if traffic { "answered" } else { "none" },
        at(0.5),
        at(0.99),
        at(0.999),
        lateness.max(),
        100.0 * figures.cpu,
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// The p99 of lateness that must be reached at a rate, on two cores, in µs.
const MUST: [(u64, u64); 2] = [(10_000, 300), (50_000, 1_000)];
/// Set for a process that is to be a neighbour: of which kind.
const NEIGHBOUR: &str = "PACING_NEIGHBOUR";
const SECONDS: u64 = 5;
const SHARDS: u32 = 10;
/// The worker's longest sleep.
const IDLE: Duration = Duration::from_millis(20);
/// Octets of a message: those of an INITIAL UE MESSAGE.
const LENGTH: usize = 100;
