//! Trace files, judged by tshark.

use coordinator::{StopRequest, TracePolicy};
use oracles::Capture;

use crate::agent::{Behaviour, campaign};

const SCENARIO: &str = r#"
name: trace-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 10, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 1, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 10/s, for: 1s}]}
"#;

#[tokio::test]
async fn trace_of_a_run_is_dissected_as_ngap_without_a_fault() {
    let set = |config: &mut coordinator::CoordinatorConfig| config.run.trace = TracePolicy::All;
    let (outcome, _runs) = campaign(SCENARIO, &[Behaviour::Honest], set, StopRequest::None).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.summary.trace_counts.packets, 2);
    let file = outcome.folder.join("traces/all.pcapng");
    let capture = Capture::at(&file).with("sctp.checksum:CRC 32c").with("ip.check_checksum:TRUE");
    let fields = [
        "frame.protocols",
        "ngap.procedureCode",
        "frame.time_relative",
        "sctp.checksum.status",
        "ip.checksum.status",
        "frame.comment",
    ];
    let packets = capture.fields("frame", &fields);
    assert_eq!(packets.len(), 2, "{packets:?}");
    for packet in &packets {
        assert!(packet[0].contains("sctp:ngap"), "{packet:?}");
        assert_eq!([&packet[1], &packet[3], &packet[4]], ["42", "1", "1"], "{packet:?}");
        assert!(packet[5].contains("registration begins, due at 0.5 s"), "{packet:?}");
    }
    // They came in the other order: 1 ms apart.
    assert!(packets[1][2].starts_with("0.001"), "{packets:?}");
    assert!(capture.matching("_ws.malformed || _ws.expert.severity >= 8388608").is_empty());
}
