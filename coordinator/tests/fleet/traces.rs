//! Trace files, judged by tshark.

use std::path::Path;
use std::process::Command;

use coordinator::{StopRequest, TracePolicy};

use crate::agent::{Behaviour, campaign};

const SCENARIO: &str = r#"
name: trace-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 10, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {gnbs: 1, cells-per-gnb: 1, tacs: [1], slices: ["1"]}
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 10/s, for: 1s}]}
"#;

/// None where tshark is not installed.
fn tshark(file: &Path, arguments: &[&str]) -> Option<String> {
    let checked = ["-o", "sctp.checksum:CRC 32c", "-o", "ip.check_checksum:TRUE"];
    let output = Command::new("tshark").arg("-r").arg(file).args(checked).args(arguments).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn trace_of_a_run_is_dissected_as_ngap_without_a_fault() {
    let set = |config: &mut coordinator::CoordinatorConfig| config.run.trace = TracePolicy::All;
    let (outcome, _runs) = campaign(SCENARIO, &[Behaviour::Honest], set, StopRequest::None).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.summary.trace_counts.packets, 2);
    let file = outcome.folder.join("traces/all.pcapng");
    let fields = [
        "-T",
        "fields",
        "-e",
        "frame.protocols",
        "-e",
        "ngap.procedureCode",
        "-e",
        "frame.time_relative",
        "-e",
        "sctp.checksum.status",
        "-e",
        "ip.checksum.status",
        "-e",
        "frame.comment",
    ];
    let Some(packets) = tshark(&file, &fields) else {
        eprintln!("tshark is not installed: not checked");
        return;
    };
    let packets: Vec<Vec<&str>> = packets.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(packets.len(), 2, "{packets:?}");
    for packet in &packets {
        assert!(packet[0].contains("sctp:ngap"), "{packet:?}");
        assert_eq!((packet[1], packet[3], packet[4]), ("42", "1", "1"), "{packet:?}");
        assert!(packet[5].contains("registration begins, due at 0.5 s"), "{packet:?}");
    }
    // They came in the other order: 1 ms apart.
    assert!(packets[1][2].starts_with("0.001"), "{packets:?}");
    assert_eq!(tshark(&file, &["-Y", "_ws.malformed || _ws.expert.severity >= 8388608"]).unwrap(), "");
}
