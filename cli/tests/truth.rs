//! The truth is in the packets: counts and percentiles of a run, recomputed from its traces alone, are those of its summary.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use support::{Run, registrations, run, scenario};

/// One registration as its packets show it, in µs.
struct Registration {
    latency: f64,
    service: f64,
}

fn traced_run() -> Run {
    let folder = tempfile::tempdir().unwrap();
    // Answers take long beside the granularity of anything else, so that 1 % is a fair bound.
    let more = "network: {processing-delay: 20ms, processing-jitter: 4ms}";
    let path = scenario(folder.path(), &registrations(400, 100, 4, more));
    run(&path, &["--seed", "6", "--trace", "all"])
}

/// Every packet of a run's traces, as tshark reads it: the fields, tab-separated.
fn tshark(traces: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(traces).unwrap() {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(entry.unwrap().path()).args([
            "-o",
            "nas-5gs.null_decipher:TRUE",
            "-Y",
            filter,
            "-T",
            "fields",
        ]);
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = command.output().expect("tshark is installed (make setup)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        rows.extend(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()));
    }
    rows
}

/// The registrations in the packets: from the INITIAL UE MESSAGE to the REGISTRATION ACCEPT of the same UE.
fn registrations_in(traces: &Path) -> Vec<Registration> {
    let fields = [
        "frame.time_epoch",
        "ngap.procedureCode",
        "ngap.RAN_UE_NGAP_ID",
        "nas_5gs.mm.message_type",
        "sctp.srcport",
        "sctp.dstport",
        "frame.comment",
    ];
    let mut packets = tshark(traces, "ngap", &fields);
    packets.sort_by(|a, b| a[0].parse::<f64>().unwrap().total_cmp(&b[0].parse::<f64>().unwrap()));
    let mut open: HashMap<(String, String), (f64, f64)> = HashMap::new();
    let mut found = Vec::new();
    for packet in packets {
        let at = packet[0].parse::<f64>().unwrap() * 1e6;
        let (procedure, ue, comment) = (&packet[1], packet[2].clone(), &packet[6]);
        let accepted = packet[3].split(',').any(|kind| kind == "0x42" || kind == "66");
        if procedure == "15" && comment.contains("registration ") {
            let late = comment
                .split_once("begins ")
                .unwrap()
                .1
                .split_whitespace()
                .next()
                .unwrap()
                .parse::<f64>()
                .unwrap();
            open.insert((packet[4].clone(), ue), (at, late));
        } else if accepted && let Some((began, late)) = open.remove(&(packet[5].clone(), ue)) {
            found.push(Registration { service: at - began, latency: at - began + late });
        }
    }
    assert!(open.is_empty(), "{} registrations without an answer", open.len());
    found
}

/// The smallest value that at least this many per cent are not above.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(percent * sorted.len()).div_ceil(100).max(1) - 1]
}

#[test]
fn counts_and_percentiles_recomputed_from_the_packets_are_those_of_the_summary() {
    let run = traced_run();
    let registrations = registrations_in(&run.folder().join("traces"));
    assert_eq!(run.registration()["succeeded"].as_u64(), Some(registrations.len() as u64));
    for (key, of) in [
        ("latency_us", (|registration| registration.latency) as fn(&Registration) -> f64),
        ("service_us", |registration| registration.service),
    ] {
        let mut values: Vec<f64> = registrations.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        for (name, percent) in [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("max", 100)] {
            let (packets, summary) =
                (percentile(&values, percent), run.registration()[key][name].as_f64().unwrap());
            assert!(
                (packets - summary).abs() <= summary / 100.0,
                "{key}.{name}: {packets} in the packets, {summary} in the summary"
            );
        }
    }
}

#[test]
fn tshark_finds_no_fault_in_any_packet_and_reads_the_nas() {
    let run = traced_run();
    let traces = run.folder().join("traces");
    let faults = tshark(
        &traces,
        "_ws.malformed || _ws.expert.severity == error",
        &["frame.number", "_ws.expert.message"],
    );
    assert!(faults.is_empty(), "{:?}", &faults[..faults.len().min(5)]);
    // One of each kind for each UE: request, challenge, answer, security mode both ways, accept, complete.
    for kind in ["0x41", "0x56", "0x57", "0x5d", "0x5e", "0x42", "0x43"] {
        let packets = tshark(&traces, &format!("nas_5gs.mm.message_type == {kind}"), &["frame.number"]);
        assert!(packets.len() >= 400, "{} packets hold NAS message {kind}", packets.len());
    }
}
