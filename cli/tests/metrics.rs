//! What can be seen of each process while it works: by hand, by a real Prometheus, and by who hangs.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Process, registrations, roamstorm, scenario};
use wire::{Authority, Role};

/// Asks an endpoint; its status, its head and its body.
fn get(address: &str, path: &str, accept: &str) -> (u16, String, Vec<u8>) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"))
}

fn ask(address: &str, request: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer.split_off(end + 4))
}

/// Each series of a text, by its name and labels.
fn scrape(address: &str) -> BTreeMap<String, f64> {
    let (status, head, body) = get(address, "/metrics", "*/*");
    assert_eq!(status, 200, "{head}");
    let text = String::from_utf8(body).unwrap();
    assert_promtool_likes(&text);
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, n)| (name.to_owned(), n.parse().unwrap()))
        .collect()
}

/// Prometheus' own judge of names, units and types.
fn assert_promtool_likes(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool, which `make setup` installs");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "promtool: {said}\n{text}");
}

/// The address in `metrics: http://ADDRESS/metrics`.
fn address(process: &mut Process) -> String {
    let line = process.wait_for("metrics: http://");
    line.trim_start_matches("metrics: http://").trim_end_matches("/metrics").to_owned()
}

/// Reads the summary that a run prints at its end; the process goes on for those who look.
fn summary(process: &mut Process) -> Value {
    let mut text = String::new();
    for line in BufReader::new(process.child.stdout.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        text += &line;
        if line == "}" {
            break;
        }
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that series whose names begin so are the account of the summary's procedures.
fn assert_account(series: &BTreeMap<String, f64>, prefix: &str, summary: &Value) {
    let procedures = summary["procedures"].as_object().unwrap();
    assert!(!procedures.is_empty());
    for (procedure, of) in procedures {
        let mut expected = vec![("succeeded".to_owned(), String::new(), of["succeeded"].as_f64().unwrap())];
        for (outcome, key) in [
            ("failed", "failed"),
            ("timed-out", "timed_out_by_timer"),
            ("abandoned", "abandoned"),
            ("never-started", "never_started_by_reason"),
        ] {
            for (cause, n) in of[key].as_object().unwrap() {
                expected.push((outcome.to_owned(), format!(",cause=\"{cause}\""), n.as_f64().unwrap()));
            }
        }
        for (outcome, cause, n) in expected {
            let name =
                format!("{prefix}_attempts_total{{procedure=\"{procedure}\",outcome=\"{outcome}\"{cause}}}");
            assert_eq!(series.get(&name), Some(&n), "{name}\n{series:#?}");
        }
        let samples = of["latency_us"]["samples"].as_f64().unwrap();
        let counted = series[&format!("{prefix}_attempt_latency_seconds_count{{procedure=\"{procedure}\"}}")];
        assert_eq!(counted, samples, "{procedure}");
        // The median lies where half of them are at most as long.
        let p50 = of["latency_us"]["p50"].as_f64().unwrap() / 1e6;
        let at_most = |bound: f64| {
            let bucket = format!(
                "{prefix}_attempt_latency_seconds_bucket{{procedure=\"{procedure}\",le=\"{bound}\"}}"
            );
            series[&bucket]
        };
        let bounds =
            [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
        let above = bounds.iter().position(|bound| *bound >= p50).unwrap();
        assert!(at_most(bounds[above]) >= samples / 2.0, "{procedure}: {p50}\n{series:#?}");
        if above > 0 {
            assert!(at_most(bounds[above - 1]) <= samples / 2.0, "{procedure}: {p50}\n{series:#?}");
        }
    }
    for (direction, key) in [("uplink", "uplink_octets"), ("downlink", "downlink_octets")] {
        let name = format!("{prefix}_user_plane_bytes_total{{direction=\"{direction}\"}}");
        assert_eq!(series.get(&name), summary["user_plane"][key].as_f64().as_ref(), "{name}");
    }
}

#[test]
fn what_a_scrape_says_at_the_end_is_what_the_summary_says() {
    let out = tempfile::tempdir().unwrap();
    let mut command = roamstorm();
    // Nobody would wait so long: one look at the end is enough.
    let watched = ["--metrics", "127.0.0.1:0", "--metrics-linger", "1h"];
    command.args(["run", "smoke", "--json", "--out"]).arg(out.path()).args(watched);
    let mut run = Process::start(&mut command);
    let at = address(&mut run);
    assert!(scrape(&at).contains_key("roamstorm_run_paused"));
    assert_eq!(get(&at, "/healthz", "*/*").0, 200);
    assert_eq!(get(&at, "/readyz", "*/*").0, 200);
    assert_eq!(get(&at, "/elsewhere", "*/*").0, 404);
    assert_eq!(ask(&at, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").0, 405);
    let (_, head, _) = get(&at, "/metrics", "application/openmetrics-text;version=1.0.0");
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");

    let summary = summary(&mut run);
    // It waits for this one, since there was one before.
    let series = scrape(&at);
    let (code, _, stderr) = run.finish();
    support::assert_summary_passed(code, &summary, &stderr);
    assert_account(&series, "roamstorm", &summary);
    let status = summary["verdict"]["status"].as_str().unwrap();
    assert_eq!(series[&format!("roamstorm_run_verdict{{verdict=\"{status}\"}}")], 1.0);
    for (direction, key) in [("uplink", "messages_sent"), ("downlink", "messages_received")] {
        let name = format!("roamstorm_ngap_messages_total{{direction=\"{direction}\"}}");
        assert_eq!(series.get(&name), summary[key].as_f64().as_ref(), "{name}");
    }
    let matched = series.get("roamstorm_reconciliation_sessions{result=\"matched\"}");
    assert_eq!(matched, summary["billing"]["matched"].as_f64().as_ref());
    // Whose attempts they were is told to nobody.
    assert!(!series.keys().any(|name| name.contains("00101000")), "{series:#?}");
    let simulated = series["roamstorm_simulator_registrations_accepted_total"];
    assert!(simulated >= summary["procedures"]["registration"]["succeeded"].as_f64().unwrap());
}

#[test]
fn who_hangs_while_it_looks_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(50, 50, 1, ""));
    let mut command = roamstorm();
    command.args(["run", &path, "--json", "--metrics", "127.0.0.1:0", "--metrics-linger", "0s", "--out"]);
    let mut run = Process::start(command.arg(folder.path()));
    let at = address(&mut run);
    // Half a request, one whose answer is never read, and more of them than are served at once.
    let mut hanging = Vec::new();
    for n in 0..40 {
        let mut stream = TcpStream::connect(&at).unwrap();
        let text = if n % 2 == 0 {
            "GET /metrics HTTP/1.1\r\nHost:"
        } else {
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        };
        stream.write_all(text.as_bytes()).unwrap();
        hanging.push(stream);
    }
    // One that is not there to be told.
    let summary = summary(&mut run);
    let (code, _, stderr) = run.finish();
    support::assert_summary_passed(code, &summary, &stderr);
    assert_eq!(summary["procedures"]["registration"]["succeeded"], 50, "{stderr}");
}

#[test]
fn an_address_that_cannot_be_had_and_a_collector_that_is_gone_are_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = held.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let (code, stderr) =
        support::refused(&["run", "smoke", "--metrics", &busy, "--out", runs.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains(&format!("--metrics {busy}")) && stderr.contains("that is free"), "{stderr}");
    assert!(!runs.exists(), "a run that cannot begin leaves nothing");

    let path = scenario(folder.path(), &registrations(20, 20, 1, ""));
    let push = format!("http://{taken}/api/v1/write");
    let mut command = roamstorm();
    command.args(["run", &path, "--json", "--metrics-push", &push, "--metrics-push-every", "200ms", "--out"]);
    let output = command.arg(&runs).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    support::assert_summary_passed(output.status.code(), &summary, &stderr);
    assert!(stderr.contains("the last metrics could not be pushed: 127.0.0.1"), "{stderr}");
    assert_eq!(stderr.matches("metrics cannot be pushed").count(), 1, "once, not each time: {stderr}");
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Prometheus that looks at an address five times a second, and takes what is pushed. Its own address.
fn prometheus(folder: &Path, target: &str) -> (Ended, String) {
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: scraped, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={free}"));
    command.args(["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Ended(command.spawn().expect("prometheus, which `make setup` installs"));
    let mut said = BufReader::new(child.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready to receive web requests") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "Prometheus has ended");
    }
    // Its pipe is read to its end, so that it never waits.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    (child, free)
}

/// The values that a query has at a time (UNIX, or now), by these labels.
fn query(prometheus: &str, query: &str, at: &str, by: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let encoded: String = query.bytes().map(|octet| format!("%{octet:02X}")).collect();
    let path = format!("/api/v1/query?query={encoded}&time={at}");
    let (status, _, body) = get(prometheus, &path, "*/*\r\nConnection: close");
    assert_eq!(status, 200, "{query}: {}", String::from_utf8_lossy(&body));
    // The answer may be in chunks: the JSON is what stands between the outermost braces.
    let text = String::from_utf8_lossy(&body).into_owned();
    let text: String =
        text.lines().filter(|line| !line.chars().all(|c| c.is_ascii_hexdigit()) || line.len() > 8).collect();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let label = |series: &Value, name: &&str| series["metric"][*name].as_str().unwrap_or_default().to_owned();
    let results = answer["data"]["result"].as_array().unwrap().iter();
    let value = |series: &Value| series["value"][1].as_str().unwrap().parse::<f64>().unwrap();
    results.map(|series| (by.iter().map(|name| label(series, name)).collect(), value(series))).collect()
}

#[test]
fn a_real_prometheus_has_the_same_figures_scraped_and_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (_prometheus, at) = prometheus(folder.path(), &free);
    let path = scenario(folder.path(), &registrations(200, 100, 2, ""));
    let push = format!("http://{at}/api/v1/write");
    let mut command = roamstorm();
    command.args(["run", &path, "--json", "--metrics", &free, "--metrics-push", &push, "--out"]);
    let run = Process::start(command.arg(folder.path()));
    let (code, stdout, stderr) = run.finish();
    let summary: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
    support::assert_summary_passed(code, &summary, &stderr);
    assert!(!stderr.contains("could not be pushed"), "{stderr}");
    let registration = &summary["procedures"]["registration"];
    let succeeded = registration["succeeded"].as_f64().unwrap();
    for job in ["scraped", "roamstorm"] {
        let counted =
            format!("last_over_time(roamstorm_attempts_total{{job=\"{job}\",outcome=\"succeeded\"}}[5m])");
        let found = query(&at, &counted, "", &["procedure"]);
        assert_eq!(found.get(&vec!["registration".to_owned()]), Some(&succeeded), "{job}: {found:?}");
    }
    let run_id = query(&at, "last_over_time(roamstorm_run_info{job=\"roamstorm\"}[5m])", "", &["run_id"]);
    assert_eq!(run_id.keys().next().unwrap()[0], summary["run_id"].as_str().unwrap());
    // Native histograms, at the last look: a bucket is 9 % wide.
    let last = "max_over_time(timestamp(roamstorm_run_paused{job=\"scraped\"})[5m:50ms])";
    let last = query(&at, last, "", &[]).into_values().next().unwrap().to_string();
    for (quantile, key) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")] {
        let asked =
            format!("histogram_quantile({quantile}, roamstorm_attempt_latency_seconds{{job=\"scraped\"}})");
        let found = query(&at, &asked, &last, &["procedure"])[&vec!["registration".to_owned()]];
        let ours = registration["latency_us"][key].as_f64().unwrap() / 1e6;
        assert!((found / ours - 1.0).abs() < 0.1, "{key}: {found} s there, {ours} s here");
    }
}

/// A fleet's certificates, in a folder of their own.
fn certificates(folder: &Path) -> String {
    let certs = folder.join("certs");
    std::fs::create_dir(&certs).unwrap();
    let authority = Authority::generate("test").unwrap();
    authority.issue("c", Role::Coordinator, &["127.0.0.1".to_owned()]).unwrap().save(&certs, false).unwrap();
    authority.issue("a", Role::Agent, &[]).unwrap().save(&certs, false).unwrap();
    certs.to_str().unwrap().to_owned()
}

/// Asserts that docs/metrics.md has every one of them.
fn assert_page_knows(what: &str, series: &BTreeMap<String, f64>) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    for name in series.keys() {
        let name = name.split('{').next().unwrap();
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let known = |name: &str| page.contains(&format!("| `{name}` |"));
        assert!(known(name) || bare.is_some_and(known), "{what}: {name} is not in docs/metrics.md");
    }
}

#[test]
fn each_process_of_a_fleet_tells_what_the_page_says_and_the_agent_what_the_summary_says() {
    let folder = tempfile::tempdir().unwrap();
    let certs = certificates(folder.path());
    let start = |words: &str| {
        let mut command = roamstorm();
        command.args(words.split(' ')).env("ROAMSTORM_RUNTIME_DIR", folder.path().join("run"));
        Process::start(&mut command)
    };
    let mut simulator = start("simulator smoke --listen sctp+udp://127.0.0.1:0 --metrics 127.0.0.1:0");
    let line = simulator.wait_for("listening on");
    let target = line.split("listening on ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let of_simulator = address(&mut simulator);
    let mut coordinator = start(&format!(
        "coordinator smoke --json --listen 127.0.0.1:0 --certs {certs} --target {target} --pool spot --metrics 127.0.0.1:0 --out {}",
        folder.path().display()
    ));
    let of_run = address(&mut coordinator);
    let line = coordinator.wait_for("waiting on");
    let joined = line.split("waiting on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let mut agent = start(&format!(
        "agent --coordinator {joined} --certs {certs} --name a1 --pool spot --label zone=a --stay --supervised --metrics 127.0.0.1:0 --supervisor-metrics 127.0.0.1:0"
    ));
    let (of_supervisor, of_agent) = (address(&mut agent), address(&mut agent));
    scrape(&of_run);
    let summary = summary(&mut coordinator);
    for (what, at) in
        [("run", &of_run), ("agent", &of_agent), ("simulator", &of_simulator), ("supervisor", &of_supervisor)]
    {
        let series = scrape(at);
        assert_page_knows(what, &series);
        assert!(series.len() > 8, "{what}: {series:?}");
        match what {
            "run" => {
                assert_account(&series, "roamstorm", &summary);
                let of_pool = series.iter().find(|(name, n)| name.contains("pool=\"spot\"") && **n > 0.0);
                assert!(of_pool.is_some(), "{series:#?}");
            }
            "agent" => assert_account(&series, "roamstorm_agent", &summary),
            "supervisor" => assert_eq!(series["roamstorm_supervisor_agent_running"], 1.0),
            _ => assert!(series["roamstorm_simulator_registrations_accepted_total"] > 0.0),
        }
    }
    for process in [agent, simulator] {
        process.signal("INT");
        process.finish();
    }
    // Without a ledger its billing is not judged: the account is all the same whole.
    support::assert_balanced(&summary);
    coordinator.finish();
}
