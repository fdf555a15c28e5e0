//! Messages that others made, and ours as others read them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::IpAddr;
use std::path::Path;

use gtpu::{Direction, GPdu, Message, Packet, QosFlow, build, read};
use oracles::{Capture, Carrier, Kind, assert_pycrate_decodes};

fn vector(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{name}.hex"));
    oracles::vector(&std::fs::read_to_string(path).unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn messages_of_others_are_read_and_written_the_same() {
    let g_pdu = |teid, sequence, direction, qfi, t_pdu| {
        let qos_flow = Some(QosFlow { direction, qfi });
        Message::GPdu(GPdu { teid, sequence: Some(sequence), qos_flow, t_pdu })
    };
    let error = |teid, peer| Message::ErrorIndication { teid, peer: ip(peer) };
    for (name, message) in [
        ("g_pdu_uplink", g_pdu(0xc0ff_ee01, 65_535, Direction::Uplink, 63, &[0x60, 0, 0, 0])),
        ("g_pdu_downlink", g_pdu(0x1234_5678, 7, Direction::Downlink, 9, &[0x45, 0, 0, 0])),
        ("echo_request", Message::EchoRequest { sequence: 0x1234 }),
        ("echo_response", Message::EchoResponse { sequence: 0x1234 }),
        ("error_indication_ipv4", error(0xdead_beef, "127.1.2.3")),
        ("error_indication_ipv6", error(1, "2001:db8::1")),
        ("end_marker", Message::EndMarker { teid: 0x00c0_ffee }),
        ("supported_extension_headers", Message::SupportedExtensionHeaders(Vec::new())),
    ] {
        let octets = vector(name);
        assert_eq!(Message::decode(&octets).unwrap(), message, "{name}");
        let mut ours = Vec::new();
        message.encode(&mut ours).unwrap();
        assert_eq!(hex::encode(ours), hex::encode(octets), "{name}");
    }
}

/// A message of ours; of a G-PDU, its QFI and the length of its T-PDU.
type Ours = (Vec<u8>, Option<(u8, usize)>);

/// One of each message, the G-PDUs with whole packets.
fn ours() -> Vec<Ours> {
    let mut all = Vec::new();
    let ends = [("198.51.100.1", "10.45.0.7"), ("2001:db8::1", "2001:db8:1::7")];
    for (n, (from, to)) in (0u16..).zip(ends.iter().flat_map(|(a, b)| [(a, b), (b, a)])) {
        for size in [48, 49, 576, 1_400, 9_000] {
            let mut t_pdu = Vec::new();
            let packet = Packet { from: ip(from), to: ip(to), from_port: 61_001, to_port: 61_002 };
            assert_eq!(build(&packet, size, &mut t_pdu).unwrap(), usize::from(size));
            assert_eq!(read(&t_pdu).unwrap(), packet);
            let direction = if n % 2 == 0 { Direction::Downlink } else { Direction::Uplink };
            let qfi = u8::try_from(n + 1).unwrap();
            let mut octets = Vec::new();
            let qos_flow = Some(QosFlow { direction, qfi });
            let g_pdu = GPdu { teid: 0x1000 + u32::from(n), sequence: Some(size), qos_flow, t_pdu: &t_pdu };
            Message::GPdu(g_pdu).encode(&mut octets).unwrap();
            all.push((octets, Some((qfi, t_pdu.len()))));
        }
    }
    for message in [
        Message::EchoRequest { sequence: 1 },
        Message::EchoResponse { sequence: 1 },
        Message::ErrorIndication { teid: 7, peer: ip("127.1.2.3") },
        Message::EndMarker { teid: 7 },
        Message::supported(),
    ] {
        let mut octets = Vec::new();
        message.encode(&mut octets).unwrap();
        all.push((octets, None));
    }
    all
}

#[test]
fn everything_we_send_is_decoded_by_pycrate() {
    assert_pycrate_decodes(ours().iter().map(|(octets, _)| (Kind::GtpU, octets)));
}

#[test]
fn tshark_finds_nothing_wrong_and_the_same_packets() {
    let ours = ours();
    let capture = Capture::of(ours.iter().map(|(octets, _)| octets), Carrier::Udp { from: 2152, to: 2152 })
        .with("udp.check_checksum:TRUE")
        .with("ip.check_checksum:TRUE")
        .with("gtp.dissect_tpdu_as:TPDU heuristic");
    let wrong = capture.matching("_ws.malformed || _ws.expert.severity >= warning");
    assert!(wrong.is_empty(), "tshark objects: {wrong:?}");
    // The layers outside come first in each field, the T-PDU's after a comma; a checksum's status is 1 when it is good.
    let fields = ["gtp.ext_hdr.pdu_ses_con.qos_flow_id", "udp.length", "udp.checksum.status"];
    let packets = capture.fields("frame", &fields);
    assert_eq!(packets.len(), ours.len());
    for (columns, (octets, g_pdu)) in packets.iter().zip(&ours) {
        let Some((qfi, length)) = g_pdu else { continue };
        let ip_header = if octets[16] >> 4 == 4 { 20 } else { 40 };
        assert_eq!(columns[0], qfi.to_string());
        assert_eq!(columns[1], format!("{},{}", octets.len() + 8, length - ip_header));
        assert_eq!(columns[2], "1,1", "checksums");
    }
}
