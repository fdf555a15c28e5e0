//! A run beside a capture of its own packets: every message that it counts was on the wire, every message on the wire is
//! counted, and the stamps of its traces are those of the capture, also where the processor is taken by others.
//!
//! Skipped where nobody may make a network of his own or capture in it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use oracles::{Capture, skipped};
use support::{Process, Run, finish, registrations, scenario};

/// One NGAP message, as a packet has it.
struct Message {
    at_us: u64,
    uplink: bool,
    octets: Vec<u8>,
}

/// Processes that keep one processor busy; killed when dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn with(count: usize) -> Self {
        let spin = || Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]).spawn();
        Self((0..count).map(|_| spin().unwrap()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Plays a scenario in a network of its own, on processor 0 beside so many that never rest, and captures it.
fn captured(yaml: &str, busy: usize) -> Option<(Run, Vec<Message>)> {
    captured_against(None, yaml, busy)
}

/// The same; or against a simulator of its own that serves another scenario, until a gNB is refused: then it is aborted.
fn captured_against(core: Option<&str>, yaml: &str, busy: usize) -> Option<(Run, Vec<Message>)> {
    support::have_the_machine_alone();
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), yaml);
    let (capture, out) = (folder.path().join("capture.pcap"), tempfile::tempdir().unwrap());
    let program = env!("CARGO_BIN_EXE_roamstorm");
    let (served, log) = (folder.path().join("core.yaml"), folder.path().join("core.log"));
    let said = folder.path().join("run.log");
    let plays = format!("{} --json --seed 5 --trace all --out {}", path, out.path().display());
    let (serve, load, abort) = match core {
        None => {
            let load = format!(
                "taskset -c 0 {program} run {plays} --target sim:udp --priority none 2>{} & run=$!",
                said.display()
            );
            (String::new(), load, String::new())
        }
        Some(core) => {
            std::fs::write(&served, core).unwrap();
            let (served, log) = (served.display(), log.display());
            let serve = format!(
                "{program} simulator {served} 2>{log} >/dev/null & core=$!
         while ! grep -q 'listening on' {log}; do kill -0 $core || exit 78; done"
            );
            let records = out.path().join("*/journal.*");
            let abort = format!(
                "while ! grep -qs 'refused NG setup' {}; do kill -0 $run 2>/dev/null || break; done; kill -INT $run",
                records.display()
            );
            // A coordinator and an agent: `run` asks such a core before it begins, and does not begin.
            let (certs, said) = (folder.path().join("certs").display().to_string(), said.display());
            let load = format!(
                "{program} certs {certs} --host 127.0.0.1 >/dev/null
                 {program} coordinator {plays} --target sctp+udp://127.0.0.1:9899 --certs {certs} --agents 1 2>{said} & run=$!
                 {program} agent --certs {certs} --coordinator 127.0.0.1:7400 --priority none 2>/dev/null & agent=$!"
            );
            (serve, load, abort)
        }
    };
    // The capture has begun when its file has a header, and is over when nothing more comes.
    let script = format!(
        "ip link set lo up || exit 77
         dumpcap -q -P -i lo -f udp -B 64 -w {capture} 2>{log} & capture=$!
         while ! grep -q 'File:' {log}; do kill -0 $capture 2>/dev/null || exit 77; done
         {serve}
         {load}
         {abort}
         wait $run; code=$?
         kill -INT $capture $core $agent; wait $capture $core $agent
         cat {said} >&2
         exit $code",
        capture = capture.display(),
        log = folder.path().join("dumpcap.log").display(),
        said = said.display(),
    );
    let busy = Busy::with(busy);
    let mut command = Command::new("unshare");
    let output = command.args(["-n", "sh", "-c", &script]).stdin(Stdio::null()).output();
    let output = output.expect("unshare is a program of every Linux");
    drop(busy);
    if output.status.code() == Some(77) || !may_have_a_network_of_its_own() {
        skipped("capture", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let messages = messages_in(&capture, 14, 17);
    Some((finish(output, out), messages))
}

/// Whether this user may have a network of his own.
fn may_have_a_network_of_its_own() -> bool {
    let tried = Command::new("unshare").args(["-n", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// The NGAP messages of a capture whose IP packets begin after so many octets and carry SCTP over this protocol: each of
/// them once, however often it was sent. What is sent after the ABORT of its association, by an end that has not read it yet, is of
/// no association, and received by nobody (RFC 9260 §8.4).
fn messages_in(pcap: &Path, link: usize, protocol: u8) -> Vec<Message> {
    let octets = std::fs::read(pcap).unwrap();
    let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap()) as usize;
    let nanoseconds = number(0) == 0xa1b2_3c4d;
    let (mut at, mut seen, mut aborted, mut messages) = (24, HashSet::new(), HashSet::new(), Vec::new());
    while at < octets.len() {
        let fraction = number(at + 4) as u64 / if nanoseconds { 1_000 } else { 1 };
        let (at_us, length) = (number(at) as u64 * 1_000_000 + fraction, number(at + 8));
        let packet = &octets[at + 16 + link..at + 16 + length];
        at += 16 + length;
        if packet[9] != protocol {
            continue;
        }
        let sctp = &packet[20 + if protocol == 17 { 8 } else { 0 }..];
        // Of the other packets in UDP, QUIC's and GTP-U's, none is of the port of NGAP.
        let [a, b, c, d, ..] = *sctp else { continue };
        let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        if !ports.contains(&38_412) {
            continue;
        }
        let mut rest = &sctp[12..];
        while let [kind, flags, high, low, ..] = *rest {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let association = [ports[0].min(ports[1]), ports[0].max(ports[1])];
            if kind == ABORT {
                aborted.insert(association);
            }
            if kind == DATA && !aborted.contains(&association) {
                assert_eq!(flags & 3, 3, "no message of this scenario takes two packets");
                let tsn = u32::from_be_bytes(rest[4..8].try_into().unwrap());
                if seen.insert((ports, tsn)) {
                    // The gNBs' ports are drawn from the upper ones; the core's is where it listens.
                    let uplink = ports[0] >= 49_152;
                    messages.push(Message { at_us, uplink, octets: rest[16..length].to_vec() });
                }
            }
            rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
        }
    }
    messages
}

const DATA: u8 = 0;
const ABORT: u8 = 6;

/// What the run itself kept of its messages.
fn traced(run: &Run) -> Vec<Message> {
    let (traces, plain) = (run.folder().join("traces/all.pcapng"), run.folder().join("all.pcap"));
    Capture::at(&traces).convert("nsecpcap", &plain);
    messages_in(&plain, 0, 132)
}

fn count(messages: &[Message], uplink: bool) -> u64 {
    messages.iter().filter(|message| message.uplink == uplink).count() as u64
}

/// The account of the messages is that of the capture, to the unit.
fn assert_counted(run: &Run, captured: &[Message]) {
    let told = ["messages_sent", "messages_received"].map(|key| run.summary[key].as_u64().unwrap());
    assert_eq!(told, [count(captured, true), count(captured, false)], "{}", run.reasons());
}

/// How far the stamps of the traces are from the capture's, µs, sorted; later ones are positive.
fn differences(traced: &[Message], captured: &[Message]) -> Vec<i64> {
    let mut times: HashMap<(bool, Vec<u8>), VecDeque<u64>> = HashMap::new();
    for message in captured {
        times.entry((message.uplink, message.octets.clone())).or_default().push_back(message.at_us);
    }
    let mut difference = |message: &Message| {
        let at = times.get_mut(&(message.uplink, message.octets.clone())).and_then(VecDeque::pop_front);
        let at = at.expect("a message in the trace that was never on the wire");
        i64::try_from(message.at_us).unwrap() - i64::try_from(at).unwrap()
    };
    let mut differences: Vec<i64> = traced.iter().map(&mut difference).collect();
    differences.sort_unstable();
    differences
}

#[test]
fn account_and_stamps_are_those_of_a_capture_on_a_starved_processor() {
    let Some((run, captured)) = captured(&registrations(600, 200, 3, ""), 3) else { return };
    assert_counted(&run, &captured);
    let traced = traced(&run);
    let uplink = |messages: Vec<Message>| -> Vec<Message> {
        messages.into_iter().filter(|message| message.uplink).collect()
    };
    let (traced, captured) = (uplink(traced), uplink(captured));
    let differences = differences(&traced, &captured);
    let at = |percent: usize| differences[(differences.len() - 1) * percent / 100];
    eprintln!(
        "{} messages: stamps {} µs (1 %), {} µs (50 %), {} µs (99 %), {} µs (most) after the capture",
        differences.len(),
        at(1),
        at(50),
        at(99),
        at(100)
    );
    // A stamp is taken when the kernel has the message: never before it is on the wire, but for two clocks' readings. How
    // long the thread is put aside between the two is the scheduler's choice.
    assert!(at(0) >= -1_000, "a stamp {} µs before the message was on the wire", -at(0));
    assert!(at(50) < 1_000, "half of the stamps are {} µs late", at(50));
}

#[test]
fn account_is_that_of_a_capture_when_a_run_fails_or_is_cut_short() {
    let failing = registrations(
        60,
        60,
        1,
        "network: {nr: {congestion: {max-registrations-per-s: 10}}}\nguardrails: [{abort-when: registration.success < 90%, for: 1s}]",
    );
    let answerless = registrations(40, 40, 1, "network: {freezes: [{at: 300ms, for: 3s}]}\ndrain: 1s");
    for yaml in [failing, answerless] {
        let Some((run, captured)) = captured(&yaml, 0) else { return };
        assert!(count(&captured, true) > 0);
        assert_counted(&run, &captured);
    }
}

/// A core that serves another network refuses every gNB, for now; what was said until the operator gives up counts.
#[test]
fn account_is_that_of_a_capture_when_a_run_ends_at_ng_setup() {
    let ours = registrations(20, 20, 1, "");
    let core = ours.replace("001/01", "208/93").replace("\"001010", "\"208930");
    let Some((run, captured)) = captured_against(Some(&core), &ours, 0) else { return };
    assert_eq!((run.code, run.status()), (Some(3), "invalid"), "{}", run.stderr);
    assert!(run.reasons().contains("aborted by the operator"), "{}", run.reasons());
    let warnings = run.summary["warnings"].to_string();
    assert!(warnings.contains("refused NG setup: unknown-plmn"), "{warnings}");
    assert!(count(&captured, true) > 0);
    assert_counted(&run, &captured);
}

/// A run of 1,000 sessions in which nothing happens wakes nobody: what a UE's procedure stopped ends nothing.
#[test]
fn idle_ues_wake_neither_their_workers_nor_the_simulator() {
    let yaml = registrations(1_000, 500, 2, "").replace(
        "load:",
        "sessions: [{name: web, dnn: internet}]\nload:\n  \
         - {procedure: pdu-session, arrivals: uniform, starts-after: 2500ms, phases: [{rate: 500/s, for: 2s}, {hold: 60s}]}",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &yaml);
    let mut command = support::roamstorm();
    command.args(["run", &path, "--target", "sim:udp", "--out"]).arg(folder.path().join("runs"));
    let mut run = Process::start(&mut command);
    while !run.wait_for("pdu-session").contains("pdu-session 0/s, 1000 ok") {}
    let (before, began) = (switches(run.child.id()), std::time::Instant::now());
    // T3510 and T3580 of each UE, which were stopped long ago, would end in this time (TS 24.501 Tables 10.2.1 and 10.3.1).
    (0..4).for_each(|_| drop(run.wait_for(" s of ")));
    let (after, seconds) = (switches(run.child.id()), began.elapsed().as_secs_f64());
    for name in ["worker-0", "simulator"] {
        let woken = (after[name] - before[name]) as f64;
        eprintln!("{name}: woken {woken} times in {seconds:.1} s");
        assert!(woken <= 20.0 * seconds, "{name}: {woken} times in {seconds} s");
    }
}

/// How often each thread of a process went to sleep, by its name.
fn switches(process: u32) -> HashMap<String, u64> {
    let mut switches = HashMap::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let task = task.unwrap().path();
        let read = |name: &str| std::fs::read_to_string(task.join(name)).unwrap_or_default();
        let status = read("status");
        let value = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        *switches.entry(read("comm").trim().to_owned()).or_default() +=
            value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or_default();
    }
    switches
}
