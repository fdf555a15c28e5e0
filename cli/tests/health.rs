//! `roamstorm health`: of endpoints that answer well, badly or not at all; of an agent, a run and a simulator that have none.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use support::{Process, registrations, roamstorm, scenario};
use wire::{Authority, Role};

/// What it says, and its exit code.
fn health(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = roamstorm();
    command.arg("health").args(arguments).env_remove("ROAMSTORM_METRICS");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).trim_end().to_owned())
}

/// An endpoint that gives one answer, and its address; `None` is one that says nothing for as long as it is asked.
fn endpoint(answer: Option<&'static str>) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut part = [0; 256];
        while !asked.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part).unwrap() {
                0 => break,
                octets => asked.extend_from_slice(&part[..octets]),
            }
        }
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            // Until the other end gives up.
            None => drop(stream.read(&mut part)),
        }
        String::from_utf8(asked).unwrap()
    });
    (address, served)
}

#[test]
fn an_endpoint_is_well_by_its_answer_and_its_reason_is_told() {
    for (answer, more, code, said) in [
        (Some("HTTP/1.1 200 OK\r\n\r\nok\n"), None, 0, "/healthz says ok"),
        (Some("HTTP/1.1 200 OK\r\n\r\nready\n"), Some("--ready"), 0, "/readyz says ready"),
        (
            Some("HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: its coordinator\u{1b}[31m is away\n"),
            Some("--ready"),
            1,
            "says not ready: its coordinator\u{fffd}[31m is away",
        ),
        (Some("HTTP/1.1 404 Not Found\r\n\r\n"), None, 1, "answers 404: no endpoint of roamstorm does"),
        (Some("SSH-2.0-OpenSSH_9.2\r\n"), None, 1, "is not HTTP"),
        (None, Some("--timeout=300ms"), 1, "no answer within 0.3 s"),
    ] {
        let (address, served) = endpoint(answer);
        let arguments: Vec<&str> = std::iter::once(address.as_str()).chain(more).collect();
        let found = health(&arguments, &[]);
        assert!(found.0 == Some(code) && found.1.contains(said), "{answer:?}: {found:?}");
        assert!(
            found.1.starts_with(if code == 0 { "well: http://" } else { "not well: http://" }),
            "{found:?}"
        );
        let asked = served.join().unwrap();
        let path = if more == Some("--ready") { "/readyz" } else { "/healthz" };
        assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n")), "{asked}");
    }
}

#[test]
fn the_environment_names_the_endpoint_of_services_and_images() {
    let (address, served) = endpoint(Some("HTTP/1.1 200 OK\r\n\r\nok\n"));
    assert_eq!(health(&[], &[("ROAMSTORM_METRICS", &address)]).0, Some(0));
    served.join().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, said) = health(&[], &[("ROAMSTORM_METRICS", &nobody)]);
    assert!(code == Some(1) && said.ends_with("nobody listens there"), "{said}");
    let (code, said) = health(&[], &[("ROAMSTORM_METRICS", "9464")]);
    assert!(code == Some(2) && said.contains("ROAMSTORM_METRICS=9464: an IP address"), "{said}");
    for (wrong, why) in [
        (&["127.0.0.1:0"][..], "real port"),
        (&["https://127.0.0.1:1"], "speak http"),
        (&["no-such-run"], "there is no run no-such-run"),
        (&["--ready", "sctp+udp://127.0.0.1:1"], "--ready is for endpoints"),
        (&["127.0.0.1:1", "--timeout", "never"], "--timeout"),
    ] {
        let (code, said) = health(wrong, &[]);
        assert!(code == Some(2) && said.contains(why), "{wrong:?}: {said}");
    }
}

#[test]
fn agents_of_this_host_are_well_that_answer_at_their_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let here = [("ROAMSTORM_RUNTIME_DIR", run.to_str().unwrap()), ("ROAMSTORM_METRICS", "off")];
    let (code, said) = health(&[], &here);
    assert!(code == Some(2) && said.contains("no agent of this user"), "{said}");

    let authority = Authority::generate("test").unwrap();
    authority.issue("a", Role::Agent, &[]).unwrap().save(folder.path(), false).unwrap();
    let mut agents = Vec::new();
    // The coordinator is not there yet: they wait for it.
    for (name, more) in [("one", &[][..]), ("two", &["--supervised"])] {
        let mut command = roamstorm();
        command.args(["agent", "--stay", "--coordinator", "127.0.0.1:9", "--name", name, "--certs"]);
        command.arg(folder.path()).args(more).envs(here);
        agents.push(Process::start(&mut command));
    }
    // Their sockets are there before anything else is; an agent that is not there yet is not heard of.
    let began = Instant::now();
    let all = loop {
        let all = health(&[], &here);
        if all.1.contains("one, two") || began.elapsed() > Duration::from_secs(60) {
            break all;
        }
    };
    assert_eq!(all, (Some(0), "well: agent one, two".to_owned()));
    // One whose threads all stand still does not answer.
    agents[0].signal("STOP");
    let (code, said) = health(&["--timeout", "300ms"], &here);
    assert_eq!((code, said.as_str()), (Some(1), "not well: agent one: no answer within 0.3 s"));
    agents[0].signal("CONT");
}

#[test]
fn a_run_is_well_while_its_coordinator_answers_and_a_simulator_while_it_takes_associations() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(100, 50, 3, ""));
    let out = folder.path().join("runs");
    let mut run = Process::start(roamstorm().args(["run", &path, "--json", "--out"]).arg(&out));
    run.wait_for(" s of 3 s");
    let one = std::fs::read_dir(&out).unwrap().map(|run| run.unwrap().path()).next().unwrap();
    let name = |run: &Path| run.file_name().unwrap().to_str().unwrap().to_owned();
    let (code, said) = health(&[&name(&one), "--out", out.to_str().unwrap()], &[]);
    assert!(code == Some(0) && said.ends_with("its coordinator answers"), "{said}");
    run.finish();
    let (code, said) = health(&[one.to_str().unwrap()], &[]);
    assert!(code == Some(1) && said.ends_with("the run has ended"), "{said}");

    let mut simulator =
        Process::start(roamstorm().args(["simulator", &path, "--listen", "sctp+udp://127.0.0.1:0"]));
    let line = simulator.wait_for("listening on");
    let target = line.split("listening on ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let (code, said) = health(&[&target], &[]);
    assert!(code == Some(0) && said.contains(": an association, after "), "{said}");
    simulator.signal("INT");
    simulator.finish();
    let (code, said) = health(&[&target, "--timeout", "500ms"], &[]);
    assert!(code == Some(1) && said.starts_with("not well: "), "{said}");
}
