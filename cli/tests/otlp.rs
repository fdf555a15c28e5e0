//! Traces of runs: what a collector that is not ours has of them, and what becomes of a run whose collector is of no use.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Process, Run, finish, registrations, roamstorm, scenario};

/// Rotel, which prints every span that it is sent.
struct Collector {
    process: Child,
    address: String,
    said: PathBuf,
}

impl Collector {
    fn start(folder: &Path) -> Self {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/venv/bin/python");
        let python = std::env::var("ROAMSTORM_PYTHON").unwrap_or_else(|_| ours.to_owned());
        let find = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
        let found = Command::new(python).args(["-c", find]).output().unwrap();
        let program = String::from_utf8(found.stdout).unwrap();
        assert!(!program.is_empty(), "rotel, which `make setup` installs");
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (address, other) = (free(), free());
        let said = folder.join("collector.txt");
        let mut command = Command::new(program.trim());
        command.args(["start", "--exporter", "blackhole", "--debug-log", "traces"]);
        command.args(["--debug-log-verbosity", "detailed", "--otlp-http-endpoint", &address]);
        command.args(["--otlp-grpc-endpoint", &other]).arg("--pid-file").arg(folder.join("collector.pid"));
        command.stdout(std::fs::File::create(&said).unwrap()).stderr(Stdio::null()).stdin(Stdio::null());
        let mut process = command.spawn().unwrap();
        while TcpStream::connect(&address).is_err() {
            assert!(process.try_wait().unwrap().is_none(), "the collector has ended");
            std::thread::yield_now();
        }
        Self { process, address, said }
    }

    /// Ends it, and reads what it was sent.
    fn spans(mut self) -> (Vec<Span>, String) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        self.process.wait().unwrap();
        let text = std::fs::read_to_string(&self.said).unwrap();
        (read(&text), text)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One span, as Rotel shows it: its fields, and its attributes.
#[derive(Debug, Default)]
struct Span {
    fields: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    events: usize,
}

impl Span {
    fn name(&self) -> &str {
        &self.fields["Name"]
    }

    fn is_attempt(&self) -> bool {
        self.attributes.contains_key("outcome")
    }

    fn number(&self, attribute: &str) -> u64 {
        self.attributes[attribute].parse().unwrap()
    }
}

fn read(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut in_events = false;
    for line in text.lines() {
        if line.starts_with("Span #") {
            spans.push(Span::default());
            in_events = false;
        }
        let Some(span) = spans.last_mut() else { continue };
        if line.starts_with("SpanEvent #") {
            span.events += 1;
            in_events = true;
        }
        if line.starts_with("ResourceSpans #") {
            in_events = true;
        }
        match (line.strip_prefix("     -> "), line.split_once(": ")) {
            (Some(attribute), _) if !in_events => {
                let (name, value) = attribute.split_once(": ").unwrap();
                let value = value.split_once('(').map_or(value, |(_, value)| value.trim_end_matches(')'));
                span.attributes.insert(name.to_owned(), value.to_owned());
            }
            (None, Some((name, value))) if !in_events => {
                span.fields.insert(name.trim().to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    spans
}

/// Runs a scenario whose trace goes there.
fn run(path: &str, collector: &str, more: &[&str], environment: &[(&str, &str)]) -> Run {
    let out = tempfile::tempdir().unwrap();
    let mut command = roamstorm();
    command.args(["run", path, "--json", "--otlp", &format!("http://{collector}"), "--out"]).arg(out.path());
    command.args(more).envs(environment.iter().copied());
    finish(command.output().unwrap(), out)
}

/// What failed or timed out, and what succeeded, of all procedures.
fn ends(summary: &Value) -> (u64, u64) {
    let sum = |value: &Value| value.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
    let procedures = summary["procedures"].as_object().unwrap().values();
    procedures.fold((0, 0), |(failed, succeeded), one| {
        let given_up = sum(&one["failed"]) + one["timed_out"].as_u64().unwrap() + sum(&one["abandoned"]);
        (failed + given_up, succeeded + one["succeeded"].as_u64().unwrap())
    })
}

#[test]
fn a_collector_has_the_run_as_its_summary_has_it_below_the_span_of_the_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(folder.path());
    let parent = ("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let named = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=night%20soak");
    let run = run("smoke", &collector.address, &["--otlp-sample", "100%"], &[parent, named]);
    support::assert_passed(&run);
    let (spans, text) = collector.spans();
    assert!(text.contains("deployment.environment: Str(night soak)"), "{text}");
    assert_eq!(run.summary["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let (run_id, whole) = (run.summary["run_id"].as_str().unwrap(), &by_name(&spans, "run")[0]);
    assert_eq!(whole.fields["Parent ID"], "00f067aa0ba902b7");
    assert_eq!(whole.attributes["verdict"], run.status());
    for span in &spans {
        assert_eq!(span.fields["Trace ID"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((&*span.attributes["run_id"], &*span.attributes["scenario"]), (run_id, "smoke"));
        if span.name() != "run" {
            assert_eq!(span.fields["Parent ID"], whole.fields["ID"], "{span:?}");
        }
        let time = |name: &str| span.fields[name].parse::<u64>().unwrap();
        assert!(time("Start time") <= time("End time"), "{span:?}");
        assert!(time("End time") <= whole.fields["End time"].parse().unwrap(), "{span:?}");
    }
    let numbers: BTreeSet<&str> = spans.iter().map(|span| &*span.fields["ID"]).collect();
    assert_eq!(numbers.len(), spans.len(), "no two spans have one number");
    for (procedure, account) in run.summary["procedures"].as_object().unwrap() {
        let of_it = by_name(&spans, procedure);
        let succeeded = of_it.iter().filter(|span| span.attributes["outcome"] == "succeeded").count() as u64;
        assert_eq!(account["succeeded"], succeeded, "{procedure}");
    }
    assert_eq!(by_name(&spans, "reconciliation")[0].number("matched"), run.summary["billing"]["matched"]);
    for phase in ["joining", "preparing", "running"] {
        assert_eq!(by_name(&spans, phase).len(), 1, "{phase}");
    }
    // One name for each subscriber, whatever she does.
    let attempts = spans.iter().filter(|span| span.is_attempt());
    let names: BTreeSet<&str> = attempts.map(|span| &*span.attributes["ue"]).collect();
    assert_eq!(names.len(), 100);
    assert!(!text.contains("00101000"), "an IMSI went to the collector");
    let said = format!("traces: {} spans sent to", spans.len());
    assert!(run.stderr.contains(&said) && run.stderr.contains("4bf92f35"), "{}", run.stderr);
}

fn by_name<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name() == name).collect()
}

#[test]
fn every_failure_has_a_span_and_of_the_successes_a_share() {
    let folder = tempfile::tempdir().unwrap();
    let busy = "network: {nr: {congestion: {max-registrations-per-s: 100, backoff: 2s}}}";
    let yaml = registrations(600, 200, 3, busy).replace("success >= 99%", "success >= 5%");
    let path = scenario(folder.path(), &yaml);
    let collector = Collector::start(folder.path());
    let run = run(&path, &collector.address, &["--seed", "5", "--attempts", "failed"], &[]);
    support::assert_passed(&run);
    let (failed, succeeded) = ends(&run.summary);
    assert!(failed > 50 && succeeded > 100, "{}", run.registration());
    let (spans, _) = collector.spans();
    let attempts: Vec<&Span> = spans.iter().filter(|span| span.is_attempt()).collect();
    let refused: Vec<_> = attempts.iter().filter(|span| span.attributes["outcome"] != "succeeded").collect();
    assert_eq!(refused.len() as u64, failed);
    assert!(
        refused.iter().all(|span| span.attributes["cause"] == "congestion" && span.events == 1),
        "{refused:?}"
    );
    let sampled = attempts.len() as u64 - failed;
    assert!(sampled > succeeded / 25 && sampled < succeeded / 4, "{sampled} of {succeeded}");
    // The file of rows has what it was asked for, and no more.
    assert_eq!(run.summary["attempt_rows"]["rows"], failed);
    assert!(run.stderr.contains(run.summary["trace_id"].as_str().unwrap()), "{}", run.stderr);
}

#[test]
fn a_takeover_is_a_span() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(800, 100, 8, ""));
    let collector = Collector::start(folder.path());
    support::certs(folder.path());
    let (_simulator, target) = support::simulator(&path, 3, |_| {});
    let otlp = format!("http://{}", collector.address);
    let (coordinator, address) = support::coordinator(folder.path(), (&path, 3), (2, &target), |command| {
        command.args(["--otlp", &otlp, "--lease", "1s"]);
    });
    let agent = |name| {
        let mut command = roamstorm();
        command.args(["--log", "info", "agent", "--name", name, "--workers", "1", "--coordinator", &address]);
        Process::start(command.arg("--certs").arg(folder.path().join("certs")))
    };
    let (_stays, mut vanishes) = (agent("stays"), agent("vanishes"));
    vanishes.wait_for("starting");
    vanishes.signal("KILL");
    let (_, stdout, stderr) = coordinator.finish();
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    support::assert_balanced(&summary);
    let (spans, _) = collector.spans();
    let gaps = summary["gaps"].as_array().unwrap();
    let takeovers = by_name(&spans, "takeover");
    assert!(!gaps.is_empty() && takeovers.len() == gaps.len(), "{gaps:?}\n{spans:?}");
    for (span, gap) in takeovers.iter().zip(gaps) {
        assert_eq!(span.attributes["from_agent"], gap["from_agent"]);
        assert_eq!(span.attributes["to_agent"], gap["to_agent"]);
        let lasted = gap["to_us"].as_u64().unwrap() - gap["from_us"].as_u64().unwrap();
        let time = |name: &str| span.fields[name].parse::<u64>().unwrap();
        assert_eq!((time("End time") - time("Start time")) / 1_000, lasted);
    }
}

#[test]
fn a_collector_that_is_gone_refuses_or_hangs_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(50, 50, 1, ""));
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run_with = |collector: &str| run(&path, collector, &["--otlp-sample", "100%"], &[]);
    let with_none = run_with(&gone);
    support::assert_passed(&with_none);
    assert_eq!(ends(&with_none.summary), (0, 50));
    assert!(with_none.stderr.contains("were not taken by 127.0.0.1"), "{}", with_none.stderr);

    // One that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = run_with(&silent.local_addr().unwrap().to_string());
    support::assert_passed(&hanging);
    assert!(hanging.stderr.contains("it does not answer"), "{}", hanging.stderr);

    // One that wants a password.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = refusing.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in refusing.incoming().map_while(Result::ok) {
            let mut some = [0; 1024];
            let _ = stream.read(&mut some);
            let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
            // What is not read yet would make the connection a broken one.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let refused = run_with(&at);
    support::assert_passed(&refused);
    assert!(refused.stderr.contains("it answers 401"), "{}", refused.stderr);
}
