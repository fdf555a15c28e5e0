//! The same parts as processes: coordinator, simulator and agents, each by its own command.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use support::{Process, account, assert_summary_passed, registrations, roamstorm, run, scenario};

/// A coordinator and a simulator that wait, and what agents need to join. The coordinator reads the simulator's ledger.
struct Fleet {
    coordinator: Process,
    _simulator: Process,
    address: String,
}

fn fleet(folder: &Path, path: &str, agents: &str) -> Fleet {
    let certs = folder.join("certs");
    let ledger = folder.join("charging.csv");
    assert!(roamstorm().arg("certs").arg(&certs).output().unwrap().status.success());
    let mut simulator = Process::start(
        roamstorm()
            .args(["simulator", path, "--seed", "2", "--listen", "sctp+udp://127.0.0.1:0", "--ledger"])
            .arg(&ledger),
    );
    let line = simulator.wait_for("listening on");
    let target = line.split([' ', ',']).find(|word| word.contains("://")).unwrap().to_owned();
    let mut coordinator = Process::start(
        roamstorm()
            .args(["coordinator", path, "--seed", "2", "--agents", agents, "--target", &target, "--json"])
            .args(["--listen", "127.0.0.1:0", "--charging"])
            .arg(&ledger)
            .arg("--certs")
            .arg(&certs)
            .arg("--out")
            .arg(folder.join("runs")),
    );
    let line = coordinator.wait_for("waiting on");
    let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    Fleet { coordinator, _simulator: simulator, address }
}

fn agent(folder: &Path, address: &str, name: &str) -> Process {
    let certs = folder.join("certs");
    Process::start(
        roamstorm()
            .args([
                "--log",
                "info",
                "agent",
                "--name",
                name,
                "--workers",
                "1",
                "--coordinator",
                address,
                "--certs",
            ])
            .arg(certs),
    )
}

/// The summary of a run that passed.
fn passed(coordinator: Process) -> Value {
    let (code, stdout, stderr) = coordinator.finish();
    let summary = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
    assert_summary_passed(code, &summary, &stderr);
    summary
}

#[test]
fn separate_processes_give_the_account_of_the_embedded_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(200, 100, 2, ""));
    let fleet = fleet(folder.path(), &path, "3");
    let agents: Vec<Process> =
        (1..=3).map(|number| agent(folder.path(), &fleet.address, &format!("a{number}"))).collect();
    let summary = passed(fleet.coordinator);
    for agent in agents {
        let (code, _, stderr) = agent.finish();
        assert_eq!(code, Some(0), "{stderr}");
    }
    let embedded = run(&path, &["--seed", "2"]);
    assert_eq!(account(&summary), account(&embedded.summary));
}

/// Which agent plays each gNB, by the numbers of the gNBs: `smoke` has one in each shard.
fn holders(summary: &Value) -> BTreeMap<u64, &str> {
    let mut holders = BTreeMap::new();
    for agent in summary["agents"].as_array().unwrap() {
        for shard in agent["shards"].as_array().unwrap() {
            holders.insert(shard.as_u64().unwrap() + 1, agent["id"].as_str().unwrap());
        }
    }
    holders
}

#[test]
fn agents_of_different_processes_hand_over_to_each_other_and_every_session_is_charged_once() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = fleet(folder.path(), "smoke", "2");
    let agents = ["east", "west"].map(|name| agent(folder.path(), &fleet.address, name));
    let summary = passed(fleet.coordinator);
    for agent in agents {
        let (code, _, stderr) = agent.finish();
        assert_eq!(code, Some(0), "{stderr}");
    }
    assert_eq!(summary["procedures"]["handover-n2"]["succeeded"], 100, "{}", summary["procedures"]);

    let holders = holders(&summary);
    assert_eq!(holders.len(), 4, "{holders:?}");
    let holder = |cell: &Value| holders[&cell.as_str().unwrap().split_once('.').unwrap().0.parse().unwrap()];
    let between_agents: u64 = summary["handovers"]["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| holder(&pair["source"]) != holder(&pair["target"]))
        .map(|pair| {
            assert_eq!(pair["failed"], 0, "{pair}");
            pair["succeeded"].as_u64().unwrap()
        })
        .sum();
    // Two of the four steps of the ring, at least, lead to the other agent.
    assert!(between_agents >= 50, "{between_agents} of 100 between {holders:?}: {}", summary["handovers"]);

    let billing = &summary["billing"];
    assert_eq!(
        (&billing["reconciled"], &billing["matched"], &billing["unreconciled"]),
        (&true.into(), &100.into(), &0.into()),
        "{billing}"
    );
}

#[test]
fn an_agent_that_vanishes_makes_the_run_invalid_and_its_attempts_are_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(3000, 100, 12, ""));
    let fleet = fleet(folder.path(), &path, "2");
    let stays = agent(folder.path(), &fleet.address, "stays");
    let mut vanishes = agent(folder.path(), &fleet.address, "vanishes");
    vanishes.wait_for("starting");
    vanishes.signal("KILL");
    let (code, stdout, stderr) = fleet.coordinator.finish();
    assert_eq!(code, Some(3), "{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    let reasons = summary["verdict"]["reasons"].to_string();
    assert!(reasons.contains("vanishes"), "{reasons}");
    support::assert_balanced(&summary);
    drop(stays);
}

#[test]
fn an_agent_of_a_foreign_authority_is_refused_on_both_sides_and_disturbs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(50, 50, 1, ""));
    let fleet = fleet(folder.path(), &path, "1");
    let stranger = tempfile::tempdir().unwrap();
    assert!(roamstorm().arg("certs").arg(stranger.path().join("certs")).output().unwrap().status.success());
    let (code, _, stderr) = agent(stranger.path(), &fleet.address, "stranger").finish();
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("certificate") || stderr.contains("authority"), "{stderr}");
    let (code, _, stderr) = agent(folder.path(), &fleet.address, "friend").finish();
    assert_eq!(code, Some(0), "{stderr}");
    passed(fleet.coordinator);
}
