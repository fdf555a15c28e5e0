//! A run that is watched in every way there is, and that tells nobody who its subscribers are.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::{Run, roamstorm};

/// Runs a scenario with debug logs, a span for each attempt, and metrics; asserts that no IMSI, key or OPc is in any of them.
pub(crate) fn run(scenario: &str, arguments: &[&str]) -> Run {
    let (collector, sent) = collector();
    let out = tempfile::tempdir().unwrap();
    let logged = out.path().join("log.ndjson");
    let mut command = roamstorm();
    command.args(["run", scenario, "--json", "--log", "debug", "--log-format", "json"]);
    command.args(["--otlp", &collector, "--otlp-sample", "100%", "--metrics", "127.0.0.1:0", "--out"]);
    command.arg(out.path()).args(arguments);
    command.stdout(Stdio::piped()).stderr(std::fs::File::create(&logged).unwrap());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    // Whoever has looked once is waited for at the end.
    let mut scraped = None;
    while scraped.is_none() && child.try_wait().unwrap().is_none() {
        scraped = scrape(&logged);
        std::thread::yield_now();
    }
    let mut scraped = scraped.unwrap_or_default();
    while !text.ends_with("\n}\n") && stdout.read_line(&mut text).unwrap() > 0 {}
    scraped += &scrape(&logged).unwrap_or_default();
    let code = child.wait().unwrap().code();
    let stderr = std::fs::read_to_string(&logged).unwrap();
    let summary = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{stderr}"));
    std::fs::remove_file(logged).unwrap();
    let run = Run { code, summary, stderr, out };
    let sent = String::from_utf8_lossy(&sent.lock().unwrap()).into_owned();
    assert!(scraped.contains("roamstorm_attempts_total") && sent.contains("service.name"), "{}", run.stderr);
    assert_is_discreet(scenario, arguments, &[("log", &run.stderr), ("spans", &sent), ("metrics", &scraped)]);
    assert_lines_are_objects(&run);
    run
}

/// What a scrape says, where the log says where to look.
fn scrape(log: &std::path::Path) -> Option<String> {
    let said = std::fs::read_to_string(log).unwrap();
    let address = said.split("metrics: http://").nth(1)?.split("/metrics").next()?.to_owned();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Takes whatever is posted; its address, and what came.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, kept) = (format!("http://{}", listener.local_addr().unwrap()), Arc::default());
    let taken: Arc<Mutex<Vec<u8>>> = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let (mut length, mut line) = (0, String::new());
            while line != "\r\n" {
                line.clear();
                if stream.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                let head = line.to_ascii_lowercase();
                if let Some(said) = head.strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).is_ok() {
                taken.lock().unwrap().extend(body);
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.get_mut().write_all(answer);
            }
        }
    });
    (address, kept)
}

/// No subscriber of the scenario, and nothing that only she and her network know, is in these texts.
fn assert_is_discreet(scenario: &str, arguments: &[&str], texts: &[(&str, &str)]) {
    let listed = roamstorm().args(["subscribers", scenario]).args(arguments).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let secrets: BTreeSet<&str> = listed.lines().skip(1).flat_map(|line| line.split(',').take(3)).collect();
    assert!(secrets.len() > 20, "{listed}");
    for (what, text) in texts {
        let text = text.to_ascii_lowercase();
        // IMSIs and keys stand by themselves, or behind a word such as imsi-, or between other octets.
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let found = words.clone().find(|word| secrets.contains(word));
        let within = secrets.iter().step_by(secrets.len() / 20).find(|secret| text.contains(**secret));
        let found = found.or_else(|| within.copied());
        if let Some(found) = found {
            let line = text.lines().find(|line| line.contains(found));
            panic!("{scenario}: {found} is in its {what}: {line:?}");
        }
    }
}

/// Every line of the log is an object, and says what it is about as soon as that is known.
fn assert_lines_are_objects(run: &Run) {
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let of_agents = lines
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|said| said.starts_with("the load of run")));
    assert!(of_agents.clone().count() > 0, "{}", run.stderr);
    for line in of_agents {
        assert_eq!((&line["run_id"], &line["trace_id"]), (&run.summary["run_id"], &run.summary["trace_id"]));
        assert!(line["agent"].as_str().is_some_and(|agent| agent.starts_with("agent-")), "{line}");
    }
}
