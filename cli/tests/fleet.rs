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
    simulator: Process,
    address: String,
    target: String,
}

fn fleet(folder: &Path, path: &str, agents: &str) -> Fleet {
    fleet_with(folder, path, agents, &[])
}

/// The same with further arguments of the simulator.
fn fleet_with(folder: &Path, path: &str, agents: &str, more: &[&str]) -> Fleet {
    support::certs(folder);
    let (simulator, target) = support::simulator(path, 2, |command| {
        command.args(more).arg("--ledger").arg(folder.join("charging.csv"));
    });
    let (coordinator, address) = coordinator(folder, path, agents, &target);
    Fleet { coordinator, simulator, address, target }
}

/// A coordinator that waits for its agents, and where.
fn coordinator(folder: &Path, path: &str, agents: &str, target: &str) -> (Process, String) {
    support::coordinator(folder, (path, 2), (agents.parse().unwrap(), target), |command| {
        command.arg("--charging").arg(folder.join("charging.csv"));
    })
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

/// UEs that register and open a session which stays open.
fn open_sessions(folder: &Path) -> String {
    scenario(folder, &open_sessions_of(&[SUBSCRIBERS], 1, "2s"))
}

const SUBSCRIBERS: &str = r#"{plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}"#;

/// The same of these subscribers, with gNBs from this one on, held open for so long.
fn open_sessions_of(subscribers: &[&str], first_gnb: u32, hold: &str) -> String {
    let subscribers: String = subscribers.iter().map(|group| format!("  - {group}\n")).collect();
    format!(
        r#"
name: open
description: Sessions that stay open.
subscribers:
{subscribers}cells: {{nodes: 4, cells-per-node: 2, tacs: [1, 2], slices: ["1"], first-node-id: {first_gnb}}}
radio: ideal
sessions:
  - {{dnn: internet, uplink: {{rate: 8kbit/s, packet: 200}}, downlink: {{rate: 16kbit/s, packet: 200}}}}
load:
  - {{procedure: registration, phases: [{{rate: 50/s, for: 2s}}]}}
  - {{procedure: pdu-session, starts-after: 1s, phases: [{{rate: 50/s, for: 2s}}, {{hold: {hold}}}]}}
slos: [registration.success >= 99%, billing.unreconciled == 0]
"#
    )
}

/// Two runs at once against one network: the sessions of each are its own, and are closed, charged and judged when it ends, while
/// the other goes on.
#[test]
fn runs_at_once_on_one_simulator_are_judged_each_by_its_own_end() {
    let others = SUBSCRIBERS.replace("0000000001", "0000005001");
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [of_network, of_short, of_long] = &folders;
    let both = scenario(of_network.path(), &open_sessions_of(&[SUBSCRIBERS, &others], 1, "2s"));
    let short = scenario(of_short.path(), &open_sessions_of(&[SUBSCRIBERS], 1, "2s"));
    let long = scenario(of_long.path(), &open_sessions_of(&[&others], 101, "20s"));
    let Fleet { coordinator: idle, simulator, target, .. } = fleet(of_network.path(), &both, "1");
    drop(idle);
    let run = |path: &str| coordinator(of_network.path(), path, "1", &target);
    let [(first, first_at), (second, second_at)] = [run(&short), run(&long)];
    let agents = [agent(of_network.path(), &first_at, "short"), agent(of_network.path(), &second_at, "long")];
    let (short, long) = (passed(first), passed(second));
    agents.into_iter().for_each(|agent| drop(agent.finish()));
    drop(simulator);
    let ended = |summary: &Value| summary["billing"]["window"]["to_us"].as_u64().unwrap();
    assert!(ended(&short) + 10_000_000 < ended(&long), "the second run went on after the first");
    for summary in [&short, &long] {
        let billing = &summary["billing"];
        assert_eq!(money(summary), (100, 0, 0), "{billing}");
        assert_eq!(billing["ledger_complete"], true, "{billing}");
        assert!(billing["explained"].is_null(), "{billing}");
    }
    let left_out = &long["billing"]["other_subscribers"];
    assert_eq!(left_out, 100, "the other run's are in the ledger, too: {}", long["billing"]);
}

/// What the money of a summary came to: matched, unreconciled, left out as of before the run.
fn money(summary: &Value) -> (u64, u64, u64) {
    let figure = |key: &str| summary["billing"][key].as_u64().unwrap_or_default();
    (figure("matched"), figure("unreconciled"), figure("before_run"))
}

#[test]
fn sessions_that_are_open_at_the_end_are_charged_when_the_gnbs_have_gone_and_run_after_run_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = open_sessions(folder.path());
    let first = fleet(folder.path(), &path, "2");
    let Fleet { mut coordinator, simulator, mut address, target } = first;
    let mut folders = Vec::new();
    for run in 0..3u64 {
        let agents = ["east", "west"].map(|name| agent(folder.path(), &address, name));
        let summary = passed(coordinator);
        agents.into_iter().for_each(|agent| drop(agent.finish()));
        assert_eq!(money(&summary), (100, 0, run * 100), "{}", summary["billing"]);
        assert_eq!(summary["billing"]["ledger_complete"], true);
        assert!(summary["billing"]["explained"].is_null(), "{}", summary["billing"]);
        folders.push(summary["run_id"].as_str().unwrap().to_owned());
        (coordinator, address) = self::coordinator(folder.path(), &path, "2", &target);
    }
    drop((coordinator, simulator));
    // Of the first run, with the ledger of all three, by its name: what came after it is left out, too.
    let output = roamstorm()
        .args(["reconcile", "--json", &folders[0], "--charging"])
        .arg(folder.path().join("charging.csv"))
        .arg("--out")
        .arg(folder.path().join("runs"))
        .output()
        .unwrap();
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{account}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&account["matched"], &account["after_run"]), (&100.into(), &200.into()), "{account}");
}

#[test]
fn a_session_that_is_open_at_the_end_and_not_charged_is_missing_where_the_ledger_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = open_sessions(folder.path());
    let faults = ["--set", "charging.faults.lost=10%", "--set", "charging.faults.late=10%"];
    let fleet = fleet_with(folder.path(), &path, "1", &faults);
    let agent = agent(folder.path(), &fleet.address, "one");
    let (_, stdout, stderr) = fleet.coordinator.finish();
    drop(agent.finish());
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let planted = support::csv(&folder.path().join("charging-faults.csv"));
    let of = |kind: &str| planted.iter().filter(|fault| fault[0] == kind).count() as u64;
    assert!(of("lost") > 0 && of("late") > 0, "{planted:?}");
    let by_cause = &summary["billing"]["by_cause"];
    assert_eq!((&by_cause["missing"], &by_cause["late"]), (&of("lost").into(), &of("late").into()));
    assert_eq!(money(&summary), (100 - of("lost") - of("late"), of("lost") + of("late"), 0));
    assert_ne!(summary["verdict"]["status"], "pass");
}

/// The simulator's ledger is as that of any charging function once nobody says that it is complete.
#[test]
fn with_a_foreign_charging_function_open_sessions_are_no_failure_and_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let path = open_sessions(folder.path());
    let fleet = fleet(folder.path(), &path, "1");
    let header = std::fs::read_to_string(folder.path().join("charging.csv")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("charging.csv"), header.lines().next().unwrap().to_owned() + "\n")
        .unwrap();
    drop(fleet.coordinator);
    std::fs::rename(folder.path().join("certs"), elsewhere.path().join("certs")).unwrap();
    let (coordinator, address) = coordinator(elsewhere.path(), &path, "1", &fleet.target);
    let agent = agent(elsewhere.path(), &address, "one");
    let (_, stdout, stderr) = coordinator.finish();
    drop(agent.finish());
    drop(fleet.simulator);
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let billing = &summary["billing"];
    assert_eq!(billing["explained"]["still-open"], 100, "{billing}");
    assert_eq!(billing["unreconciled"], 0, "{billing}");
    assert_ne!(summary["verdict"]["status"], "pass", "nothing was judged: {}", summary["verdict"]);
    let listed = folder_of(&elsewhere, &summary).join("unreconciled.csv");
    assert_eq!(support::csv(&listed).iter().filter(|line| line[0] == "still-open").count(), 100);
}

fn folder_of(folder: &tempfile::TempDir, summary: &Value) -> std::path::PathBuf {
    folder.path().join("runs").join(summary["run_id"].as_str().unwrap())
}

/// An agent that took such a lease would be ended by the system, with all its other shards. It says so instead, and the run does.
#[test]
fn an_agent_refuses_a_lease_that_its_memory_cannot_hold_and_the_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(4_000_000_000, 10, 1, ""));
    assert!(roamstorm().arg("certs").arg(folder.path().join("certs")).output().unwrap().status.success());
    std::fs::write(folder.path().join("charging.csv"), "").unwrap();
    let (coordinator, address) = coordinator(folder.path(), &path, "1", "sctp+udp://127.0.0.1:9");
    let small = agent(folder.path(), &address, "small");
    let (code, stdout, stderr) = coordinator.finish();
    assert_eq!(code, Some(3), "{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let reason = summary["verdict"]["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("agent small cannot prepare shard "), "{reason}");
    assert!(
        reason.contains("the shard needs about 670 GB of memory") && reason.contains("have more agents"),
        "{reason}"
    );
    assert_eq!(summary["procedures"]["registration"]["never_started"], 10, "{summary}");
    support::assert_balanced(&summary);
    let (code, _, stderr) = small.finish();
    assert_eq!(code, Some(0), "the agent lives on to the end of the run: {stderr}");
}

/// A simulator that stands for one of several AMFs, and where.
fn amf(path: &str, more: &[&str]) -> (Process, String) {
    support::simulator(path, 2, |command| {
        command.args(more);
    })
}

/// Each AMF gets its part, a UE's later requests go to the one that knows it, and what one leaves behind goes to the other.
#[test]
fn several_amfs_as_processes_share_the_load_and_take_over_from_one_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let load = registrations(400, 100, 4, "").replace(
        "slos:",
        "  - {procedure: periodic-registration-update, starts-after: 4s, phases: [{rate: 100/s, for: 2s}]}\n  \
         - {procedure: deregistration, starts-after: 7s, phases: [{rate: 200/s, for: 2s}]}\n  \
         - {procedure: registration, starts-after: 12s, phases: [{rate: 100/s, for: 4s}]}\nslos:",
    );
    let path = scenario(folder.path(), &load);
    let (first, a) = amf(&path, &["--amf-set", "1"]);
    let (second, b) = amf(&path, &["--amf-set", "2", "--amf-capacity", "85"]);
    let mut run = Process::start(
        roamstorm()
            .args(["run", &path, "--seed", "2", "--json", "--target", &a, "--target", &b, "--out"])
            .arg(folder.path().join("runs")),
    );
    // Everybody has left by then, and nobody has come back.
    while !run.wait_for("deregistration").contains(", 400 ok") {}
    second.signal("INT");
    drop(second.finish());
    let (_, stdout, stderr) = run.finish();
    drop(first);
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    support::assert_balanced(&summary);
    let of = |procedure: &str| {
        let figures = &summary["procedures"][procedure];
        (figures["planned"].as_u64().unwrap(), figures["succeeded"].as_u64().unwrap())
    };
    assert_eq!(of("periodic-registration-update"), (200, 200), "{}", summary["procedures"]);
    assert_eq!(of("deregistration"), (400, 400), "{}", summary["procedures"]);
    assert_eq!(of("registration"), (800, 800), "{}", summary["procedures"]);
    let amfs = summary["amfs"].as_array().unwrap();
    let connections: Vec<u64> = amfs.iter().map(|amf| amf["connections"].as_u64().unwrap()).collect();
    assert_eq!(connections.iter().sum::<u64>(), 1_400, "{amfs:?}");
    // A quarter of all until then.
    assert!((150..=350).contains(&connections[1]), "{amfs:?}");
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("4 associations with the core were lost"), "{warnings}");
}
