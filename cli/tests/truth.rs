//! The truth is in the packets: counts and percentiles of a run, recomputed from its traces alone, are those of its summary.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use oracles::Capture;
use support::{Run, registrations, run, scenario};

/// One attempt that came to its end, as its packets show it, in µs.
struct Attempt {
    latency: f64,
    service: f64,
}

/// What ends an attempt well: a message to the gNB that the UE began at.
struct End {
    procedure: &'static str,
    message: fn(&Packet) -> bool,
}

const ENDS: [End; 3] = [
    // REGISTRATION ACCEPT
    End { procedure: "registration", message: |packet| packet.mobility.contains(&0x42) },
    // PDU SESSION ESTABLISHMENT ACCEPT
    End { procedure: "pdu-session", message: |packet| packet.session.contains(&0xc2) },
    // UE CONTEXT RELEASE COMMAND, which the source gets when the UE has arrived
    End { procedure: "handover-n2", message: |packet| packet.procedure == 41 },
];

/// What is read of a packet.
struct Packet {
    at: f64,
    procedure: u64,
    /// 5GMM and 5GSM messages in it.
    mobility: Vec<u64>,
    session: Vec<u64>,
    /// The gNB's end of the association and its name of the UE, if the packet goes to the gNB, or if it comes from it.
    to: (String, String),
    from: (String, String),
    comment: String,
}

fn traced_run() -> Run {
    let folder = tempfile::tempdir().unwrap();
    // Answers take long beside the granularity of anything else, so that 1 % is a fair bound.
    let more = "network: {processing-delay: 20ms, processing-jitter: 4ms}";
    let path = scenario(folder.path(), &registrations(400, 100, 4, more));
    run(&path, &["--seed", "6", "--trace", "all"])
}

/// Every packet of a run's traces, as tshark reads it: these fields.
fn tshark(traces: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let files = std::fs::read_dir(traces).unwrap().map(|entry| entry.unwrap().path());
    files
        .flat_map(|file| Capture::at(&file).with("nas-5gs.null_decipher:TRUE").fields(filter, fields))
        .collect()
}

fn packets_in(traces: &Path) -> Vec<Packet> {
    let fields = [
        "frame.time_epoch",
        "ngap.procedureCode",
        "ngap.RAN_UE_NGAP_ID",
        "nas_5gs.mm.message_type",
        "nas_5gs.sm.message_type",
        "sctp.srcport",
        "sctp.dstport",
        "frame.comment",
    ];
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).unwrap(),
        None => text.parse().unwrap(),
    };
    let numbers = |text: &str| text.split(',').filter(|text| !text.is_empty()).map(number).collect();
    let read = |packet: &Vec<String>| Packet {
        at: packet[0].parse::<f64>().unwrap() * 1e6,
        procedure: number(&packet[1]),
        mobility: numbers(&packet[3]),
        session: numbers(&packet[4]),
        to: (packet[6].clone(), packet[2].clone()),
        from: (packet[5].clone(), packet[2].clone()),
        comment: packet[7].clone(),
    };
    let mut packets: Vec<Packet> = tshark(traces, "ngap", &fields).iter().map(read).collect();
    packets.sort_by(|a, b| a.at.total_cmp(&b.at));
    packets
}

/// The attempts at a procedure in the packets: from the message that says "begins" to the one that ends it, of the same UE.
fn attempts_in(packets: &[Packet], end: &End) -> Vec<Attempt> {
    let mut open: HashMap<&(String, String), (f64, f64)> = HashMap::new();
    let mut found = Vec::new();
    for packet in packets {
        if packet.comment.contains(&format!(": {} ", end.procedure)) {
            let late = packet.comment.split_once("begins ").unwrap().1.split_whitespace().next().unwrap();
            open.insert(&packet.from, (packet.at, late.parse().unwrap()));
        } else if (end.message)(packet)
            && let Some((began, late)) = open.remove(&packet.to)
        {
            found.push(Attempt { service: packet.at - began, latency: packet.at - began + late });
        }
    }
    assert!(open.is_empty(), "{}: {} without an answer", end.procedure, open.len());
    found
}

/// The smallest value that at least this many per cent are not above.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(percent * sorted.len()).div_ceil(100).max(1) - 1]
}

/// Counts and percentiles of a procedure are in the summary as they are in the packets.
fn assert_true(run: &Run, packets: &[Packet], end: &End) {
    let attempts = attempts_in(packets, end);
    let told = &run.summary["procedures"][end.procedure];
    assert_eq!(told["succeeded"].as_u64(), Some(attempts.len() as u64), "{}", end.procedure);
    for (key, of) in [
        ("latency_us", (|attempt| attempt.latency) as fn(&Attempt) -> f64),
        ("service_us", |attempt| attempt.service),
    ] {
        let mut values: Vec<f64> = attempts.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        for (name, percent) in [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("max", 100)] {
            let (packets, summary) = (percentile(&values, percent), told[key][name].as_f64().unwrap());
            assert!(
                (packets - summary).abs() <= summary / 100.0,
                "{} {key}.{name}: {packets} in the packets, {summary} in the summary",
                end.procedure
            );
        }
    }
}

/// Sessions and handovers, in the clear, with every packet kept.
fn roaming_run() -> Run {
    let delay = "network.processing-delay=20ms";
    run("smoke", &["--seed", "6", "--trace", "all", "--set", delay])
}

#[test]
fn counts_and_percentiles_recomputed_from_the_packets_are_those_of_the_summary() {
    let run = traced_run();
    assert_true(&run, &packets_in(&run.folder().join("traces")), &ENDS[0]);
}

#[test]
fn a_roaming_life_is_recomputed_from_its_packets_and_tshark_finds_no_fault_in_them() {
    let run = roaming_run();
    support::assert_passed(&run);
    let traces = run.folder().join("traces");
    assert_no_fault(&traces);
    let packets = packets_in(&traces);
    for end in &ENDS {
        assert_true(&run, &packets, end);
    }
    // HANDOVER REQUIRED, resource allocation, NOTIFY, and resources of sessions.
    let of = |procedure: u64| packets.iter().filter(|packet| packet.procedure == procedure).count();
    for procedure in [12, 13, 11, 29] {
        assert!(of(procedure) >= 100, "{} packets of NGAP procedure {procedure}", of(procedure));
    }
}

#[test]
fn ladders_name_every_message() {
    let run = roaming_run();
    let lives = std::fs::read_to_string(run.folder().join("ladders.ndjson")).unwrap();
    let mut names = BTreeSet::new();
    for life in lives.lines() {
        let life: serde_json::Value = serde_json::from_str(life).unwrap();
        for message in life["messages"].as_array().unwrap() {
            names.insert(message["name"].as_str().unwrap().to_owned());
        }
    }
    for name in &names {
        assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name:?} is no NGAP message");
    }
    for expected in [
        "InitialUEMessage · registration request",
        "UplinkNASTransport · security mode complete",
        "PDU session establishment accept",
        "HandoverRequired",
        "HandoverRequestAcknowledge",
        "HandoverCommand",
        "HandoverNotify",
        "UEContextReleaseCommand",
        "deregistration request",
    ] {
        assert!(names.iter().any(|name| name.contains(expected)), "{expected} is not in {names:?}");
    }
}

fn assert_no_fault(traces: &Path) {
    let filter = "_ws.malformed || _ws.expert.severity == error";
    let faults = tshark(traces, filter, &["frame.number", "_ws.expert.message"]);
    assert!(faults.is_empty(), "{:?}", &faults[..faults.len().min(5)]);
}

#[test]
fn tshark_finds_no_fault_in_any_packet_and_reads_the_nas() {
    let run = traced_run();
    let traces = run.folder().join("traces");
    assert_no_fault(&traces);
    // One of each kind for each UE: request, challenge, answer, security mode both ways, accept, complete.
    for kind in ["0x41", "0x56", "0x57", "0x5d", "0x5e", "0x42", "0x43"] {
        let packets = tshark(&traces, &format!("nas_5gs.mm.message_type == {kind}"), &["frame.number"]);
        assert!(packets.len() >= 400, "{} packets hold NAS message {kind}", packets.len());
    }
}
