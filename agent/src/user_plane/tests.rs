use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::Closing;
use gtpu::{Advertised, Direction, GPdu, Message, Packet, QosFlow};
use identity::{Imsi, PduSessionType, Plmn, SessionId, TeidKey};
use scenarios::Scenario;
use signalling::{Session, Tunnel};

use super::{Outgoing, UserPlane, UserPlaneEnd};

const UPF: [u8; 4] = [127, 0, 0, 9];
const TEID: u32 = 0x1234_5678;
const IID: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 7];

/// A user plane with one session of one UE, and its clock.
struct Bench {
    plane: UserPlane,
    now: Instant,
    out: Vec<Outgoing>,
}

impl Bench {
    fn new(type_: PduSessionType) -> Self {
        let yaml = r#"
name: user-plane
description: One session.
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 1, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}
cells: {nodes: 1}
sessions:
  - {dnn: internet, uplink: {rate: 8kbit/s, packet: 200}, downlink: {rate: 16kbit/s, packet: 200}}
load:
  - {procedure: registration, phases: [{rate: 1/s, for: 1s}]}
slos: [registration.success >= 1%]
"#;
        let scenario = Arc::new(Scenario::from_yaml(yaml, "user-plane.yaml").unwrap());
        let mut plane = UserPlane::new(scenario, 7, Some([127, 0, 0, 2].into()));
        let now = Instant::now();
        plane.set_clock(now, 1_000_000);
        assert_eq!(plane.request(0, supi()).unwrap().id, id());
        plane.resource(0, 0, tunnel(UPF), Some(serving()), now);
        plane.session_up(0, supi(), serving(), &session(type_), now);
        Self { plane, now, out: Vec::new() }
    }

    fn receive(&mut self, from: impl Into<IpAddr>, octets: &[u8]) {
        let from = SocketAddr::new(from.into(), 40_000);
        self.plane.received(from, octets, self.now, &mut self.out);
    }

    /// Time goes on, and what was sent in it.
    fn run(&mut self, for_: Duration) -> Vec<(SocketAddr, Vec<u8>)> {
        let end = self.now + for_;
        while let Some(at) = self.plane.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.plane.advance(self.now, &mut self.out);
        }
        self.now = end;
        self.out.drain(..).filter(|(_, octets)| octets[1] == 0xff).collect()
    }

    /// The session ends: the packets and octets that came, and those that are missing.
    fn used(&mut self) -> (u64, u64) {
        self.plane.session_down(0, id(), Closing::Released, self.now);
        self.plane.close_at_once(self.now + Duration::from_secs(10));
        let records = self.plane.take_usage();
        assert_eq!(records.len(), 1);
        (records[0].downlink.0, records[0].downlink_lost)
    }
}

fn supi() -> Imsi {
    "001010000000001".parse().unwrap()
}

fn serving() -> Plmn {
    "001/01".parse().unwrap()
}

fn id() -> SessionId {
    SessionId::new(1).unwrap()
}

fn tunnel(upf: [u8; 4]) -> Tunnel {
    Tunnel { session: id(), local_teid: TEID, remote: upf.into(), remote_teid: 7, qfi: 1 }
}

fn session(type_: PduSessionType) -> Session {
    Session {
        id: id(),
        dnn: "internet".parse().unwrap(),
        type_,
        slice: identity::Snssai { sst: 1, sd: None },
        ipv4: (type_ != PduSessionType::Ipv6).then(|| [10, 0, 0, 1].into()),
        ipv6_interface_id: (type_ != PduSessionType::Ipv4).then_some(IID),
        qfi: 1,
        ambr_bps: (0, 0),
        charging_id: Some(1),
    }
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    message.encode(&mut octets).unwrap();
    octets
}

fn downlink(teid: u32, sequence: u16, t_pdu: &[u8]) -> Vec<u8> {
    let qos_flow = Some(QosFlow { direction: Direction::Downlink, qfi: 1 });
    encoded(&Message::GPdu(GPdu { teid, sequence: Some(sequence), qos_flow, t_pdu }))
}

fn packet() -> Vec<u8> {
    let (from, to) = ([198, 51, 100, 1].into(), [10, 0, 0, 1].into());
    let mut octets = Vec::new();
    gtpu::build(&Packet { from, to, from_port: 1, to_port: 2 }, 200, &mut octets).unwrap();
    octets
}

#[test]
fn only_the_tunnels_other_end_is_believed() {
    let mut bench = Bench::new(PduSessionType::Ipv4);
    bench.receive(UPF, &downlink(TEID, 0, &packet()));
    let mapped: IpAddr = "::ffff:127.0.0.9".parse().unwrap();
    bench.receive(mapped, &downlink(TEID, 1, &packet()));
    bench.receive(UPF, &encoded(&Message::EndMarker { teid: TEID }));
    let stranger = [127, 0, 0, 99];
    bench.receive(stranger, &downlink(TEID, 30_000, &[]));
    bench.receive(stranger, &downlink(TEID, 30_001, &packet()));
    bench.receive(stranger, &encoded(&Message::EndMarker { teid: TEID }));
    bench.receive(UPF, &downlink(TEID, 2, &packet()));
    assert!(bench.out.is_empty(), "a stranger is told nothing of a tunnel that is there");
    let counters = bench.plane.take_counters();
    assert_eq!((counters.downlink_packets, counters.downlink_octets, counters.downlink_lost), (3, 600, 0));
    assert_eq!((counters.foreign_source, counters.strays, counters.end_markers), (3, 3, 1));
    assert_eq!(bench.plane.take_strays().collect::<Vec<_>>(), [("gtpu-foreign-source", 3)]);
    assert_eq!(bench.plane.take_strays().count(), 0);
    assert_eq!(bench.used(), (600, 0));
}

#[test]
fn the_end_before_a_change_is_believed_for_what_is_late() {
    let mut bench = Bench::new(PduSessionType::Ipv4);
    bench.receive(UPF, &downlink(TEID, 0, &packet()));
    bench.plane.resource(0, 0, tunnel([127, 0, 0, 10]), Some(serving()), bench.now);
    bench.receive(UPF, &downlink(TEID, 1, &packet()));
    bench.receive(UPF, &encoded(&Message::EndMarker { teid: TEID }));
    bench.receive([127, 0, 0, 10], &downlink(TEID, 0, &packet()));
    bench.receive([127, 0, 0, 11], &downlink(TEID, 1, &packet()));
    let counters = bench.plane.take_counters();
    assert_eq!((counters.downlink_packets, counters.end_markers, counters.foreign_source), (3, 1, 1));
}

#[test]
fn numbers_that_are_skipped_are_no_losses() {
    let mut bench = Bench::new(PduSessionType::Ipv4);
    let mut number = 0;
    for step in [1, 1, 3, 30_000, 1, 1] {
        number += step;
        bench.receive(UPF, &downlink(TEID, number, &packet()));
        bench.now += Duration::from_millis(100);
    }
    bench.receive(UPF, &downlink(TEID, 0, &packet()));
    bench.receive(UPF, &downlink(TEID, 0, &packet()));
    let counters = bench.plane.take_counters();
    assert_eq!((counters.downlink_lost, counters.sequence_jumps), (2, 1));
    assert_eq!((counters.sequence_restarts, counters.downlink_duplicated), (1, 1));
    assert_eq!(bench.used(), (1_600, 2));
}

#[test]
fn a_stranger_cannot_have_many_answers_sent() {
    let mut bench = Bench::new(PduSessionType::Ipv4);
    for teid in 0..4_000 {
        bench.receive([127, 0, 0, 99], &downlink(teid, 0, &packet()));
        bench.receive([127, 0, 0, 99], &[0x34, 0xff, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0xc1, 1, 0, 0, 0, 0xaa]);
    }
    assert_eq!(bench.out.len(), 100);
    let strays: Vec<_> = bench.plane.take_strays().collect();
    assert_eq!(strays, [("gtpu-unknown-tunnel", 4_000), ("gtpu-extension-header", 4_000)]);
    bench.now += Duration::from_secs(1);
    bench.receive([127, 0, 0, 99], &downlink(1, 0, &packet()));
    assert_eq!(bench.out.len(), 101);
}

#[test]
fn what_is_no_ip_packet_counts_for_nothing() {
    let mut bench = Bench::new(PduSessionType::Ipv4);
    bench.receive(UPF, &downlink(TEID, 0, &[]));
    bench.receive(UPF, &downlink(TEID, 1, b"Zzz"));
    bench.receive(UPF, &encoded(&Message::ErrorIndication { teid: 7, peer: UPF.into() }));
    let counters = bench.plane.take_counters();
    assert_eq!((counters.downlink_packets, counters.strays), (0, 3));
    let strays: Vec<_> = bench.plane.take_strays().collect();
    assert_eq!(strays, [("gtpu-without-ip-packet", 2), ("gtpu-error-indication", 1)]);
    let sent = bench.run(Duration::from_secs(2));
    assert!(!sent.is_empty(), "an error indication ends nothing");
}

fn source(octets: &[u8]) -> Ipv6Addr {
    let Ok(Message::GPdu(g_pdu)) = Message::decode(octets) else { panic!("{octets:?}") };
    let IpAddr::V6(from) = gtpu::read_ip(g_pdu.t_pdu).unwrap().from else { panic!("not IPv6") };
    from
}

#[test]
fn an_ipv6_session_sends_from_the_prefix_that_its_router_advertises() {
    let mut bench = Bench::new(PduSessionType::Ipv6);
    let link_local: Ipv6Addr = "fe80::7".parse().unwrap();
    let asked = bench.run(Duration::from_secs(1));
    assert_eq!(asked.len(), 1, "it asks, and sends nothing else");
    let Ok(Message::GPdu(g_pdu)) = Message::decode(&asked[0].1) else { panic!("no G-PDU") };
    assert_eq!(g_pdu.t_pdu, gtpu::router_solicitation(link_local));
    let advertised = Advertised { prefix: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1], mtu: None, dns: None };
    let router = "fe80::1:0:0:1".parse().unwrap();
    let advertisement = gtpu::router_advertisement(router, gtpu::ALL_NODES, &advertised);
    for number in 0..2 {
        bench.receive(UPF, &downlink(TEID, number, &advertisement));
    }
    let sent = bench.run(Duration::from_secs(10));
    assert!(sent.len() > 20, "{} packets", sent.len());
    let from: Ipv6Addr = "2001:db8:0:1::7".parse().unwrap();
    assert!(sent.iter().all(|(_, octets)| source(octets) == from));
    let counters = bench.plane.take_counters();
    assert_eq!((counters.router_advertisements, counters.downlink_packets), (1, 2));
}

#[test]
fn an_ipv6_session_without_a_router_sends_from_its_link_local_address() {
    let mut bench = Bench::new(PduSessionType::Ipv6);
    let sent = bench.run(Duration::from_secs(20));
    let asks = |octets: &[u8]| {
        let Ok(Message::GPdu(g_pdu)) = Message::decode(octets) else { panic!("no G-PDU") };
        gtpu::read_ip(g_pdu.t_pdu).unwrap().asks == Some(gtpu::Request::Router)
    };
    assert_eq!(sent.iter().filter(|(_, octets)| asks(octets)).count(), 3);
    assert!(sent.len() > 60, "{} packets", sent.len());
    assert!(sent.iter().all(|(_, octets)| source(octets) == "fe80::7".parse::<Ipv6Addr>().unwrap()));
}

#[test]
fn the_numbers_of_a_slot_are_its_own() {
    let end = |slot| UserPlaneEnd { address: UPF.into(), slot, key: TeidKey::of_seed(1) };
    assert_eq!(end(0).numbers(), (1, 0xf_ffff));
    assert_eq!(end(4_095).numbers(), (0xfff0_0001, u32::MAX));
}
