//! The thread that serves the AMF, over the transports that need no privilege.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "the thread runs on the real clock")]

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, UNIX_EPOCH};

use billing::{Closing, Octets, Tariff};
use identity::{Imsi, SessionId};
use oxirush_ngap::helpers::*;
use oxirush_ngap::{NgapPduKind, build_ngap, ngap::*};
use scenarios::{ChargingFaults, Flow, Scenario};
use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options, Transport};
use simulator::amf::Message;
use simulator::{
    Amf, AmfSettings, Charged, Chf, ChfSettings, Core, SessionSettings, SessionSpec, Sessions, Simulator,
    SimulatorError, SimulatorOptions, SubscriberData, SubscriberRecord, Subscribers, UeAddresses, Upf,
    UpfSettings,
};

struct Nobody;

impl SubscriberData for Nobody {
    fn find(&self, _: Imsi) -> Option<SubscriberRecord> {
        None
    }
}

/// A network without subscribers.
fn serve(freezes: Vec<(Duration, Duration)>, listen: &Address) -> Result<Simulator, SimulatorError> {
    Simulator::serve(listen, &SimulatorOptions::default(), freezes, |n3| core(n3, ChargingFaults::default()))
}

fn core(n3: IpAddr, faults: ChargingFaults) -> Core {
    let amf = Amf::new(AmfSettings::new("001/01".parse().unwrap()));
    let (tariff, quota) = (Tariff::default(), None);
    let chf = Chf::new(ChfSettings { tariff, quota, faults, seed: 1 });
    let sessions = Sessions::new(SessionSettings::default());
    Core::new(amf, Subscribers::new(Box::new(Nobody)), sessions, Upf::new(UpfSettings::new(n3, 1)), chf)
}

/// A gNB that speaks octets.
struct Peer {
    endpoint: Endpoint,
    id: AssociationId,
    events: VecDeque<Event>,
}

impl Peer {
    fn connect(simulator: &Simulator) -> Self {
        let address = simulator.address();
        let mut endpoint = Endpoint::client(address.transport(), &Options::default()).unwrap();
        let id = endpoint.connect(&address, Instant::now()).unwrap();
        let mut peer = Self { endpoint, id, events: VecDeque::new() };
        let up = peer.next(PATIENCE);
        assert!(matches!(up, Some(Event::Up { .. })), "{up:?}");
        peer
    }

    fn send(&mut self, octets: Vec<u8>) {
        self.endpoint.send(self.id, 0, NGAP_PPID, octets).unwrap();
    }

    fn next(&mut self, patience: Duration) -> Option<Event> {
        let (mut events, end) = (Vec::new(), Instant::now() + patience);
        while self.events.is_empty() && Instant::now() < end {
            self.endpoint.wait(end, &mut events).unwrap();
            self.events.extend(events.drain(..));
        }
        self.events.pop_front()
    }

    fn answer(&mut self) -> NgapPduKind {
        match self.next(PATIENCE) {
            Some(Event::Received { ppid: NGAP_PPID, payload, .. }) => {
                NGAP_PDU::decode(&payload).unwrap().kind()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn ng_setup() -> Vec<u8> {
    let network = plmn("001", "01").unwrap();
    let slices = SliceSupportList(vec![SliceSupportItem::new(s_nssai(1, None), None)]);
    let plmns = BroadcastPLMNList(vec![BroadcastPLMNItem::new(network, slices, None)]);
    let pdu = build_ngap!(
        InitiatingMessage,
        NGSetup,
        NGSetupRequest,
        GlobalRANNodeID(GlobalRANNodeID::globalGNB_ID(global_gnb_id(network, 1, 24).unwrap())),
        SupportedTAList(SupportedTAList(vec![SupportedTAItem::new(TAC([0, 0, 1]), plmns, None)])),
        DefaultPagingDRX(PagingDRX::v128),
    );
    pdu.unwrap().encode().unwrap()
}

fn initial_ue_message() -> Vec<u8> {
    let network = plmn("001", "01").unwrap();
    let cell = nr_cgi(network, 1, 24, 1).unwrap();
    let location = UserLocationInformationNR::new(cell, tai(network, [0, 0, 1]), None, None);
    let pdu = build_ngap!(
        InitiatingMessage,
        InitialUEMessage,
        InitialUEMessage,
        RAN_UE_NGAP_ID(1u32),
        NAS_PDU(hex::decode("7e004179000d0100f1100000000000000010022e08a020000000000000").unwrap()),
        UserLocationInformation(UserLocationInformation::userLocationInformationNR(location)),
        RRCEstablishmentCause(RRCEstablishmentCause::mo_Signalling),
    );
    pdu.unwrap().encode().unwrap()
}

#[test]
fn a_gnb_is_served_over_every_transport_and_let_go_at_the_stop() {
    for listen in [Address::memory("simulator-serves"), "sctp+udp://127.0.0.1:0".parse().unwrap()] {
        let simulator = serve(Vec::new(), &listen).unwrap();
        let mut peer = Peer::connect(&simulator);
        peer.send(ng_setup());
        assert_eq!(peer.answer(), NgapPduKind::Successful_NGSetup);
        peer.send(initial_ue_message());
        // Nobody is a subscriber: REGISTRATION REJECT, and the connection is released.
        assert_eq!(peer.answer(), NgapPduKind::Initiating_DownlinkNASTransport);
        let stopping = std::thread::spawn(move || simulator.stop());
        while !matches!(peer.next(PATIENCE), Some(Event::Down { .. })) {}
        let statistics = stopping.join().unwrap().amf;
        assert_eq!(statistics.received(Message::NgSetupRequest), 1);
        assert_eq!(statistics.sent(Message::RegistrationReject), 1);
        assert_eq!(statistics.sends_refused, 0);
    }
}

#[test]
fn a_frozen_simulator_answers_afterwards() {
    let freeze = Duration::from_millis(300);
    let simulator = serve(Vec::new(), &Address::memory("simulator-freezes")).unwrap();
    let mut peer = Peer::connect(&simulator);
    let before = Instant::now();
    simulator.freeze(freeze);
    peer.send(ng_setup());
    assert_eq!(peer.answer(), NgapPduKind::Successful_NGSetup);
    let waited = before.elapsed();
    assert!(waited >= freeze - Duration::from_millis(50), "{waited:?}");
}

#[test]
fn freezes_of_a_scenario_count_from_the_first_ue() {
    let (at, for_) = (Duration::ZERO, Duration::from_millis(300));
    let listen = Address::memory("simulator-freezes-by-plan");
    let simulator = serve(vec![(at, for_)], &listen).unwrap();
    let mut peer = Peer::connect(&simulator);
    peer.send(ng_setup());
    assert_eq!(peer.answer(), NgapPduKind::Successful_NGSetup);
    peer.send(initial_ue_message());
    assert_eq!(peer.answer(), NgapPduKind::Initiating_DownlinkNASTransport);
    assert_eq!(peer.answer(), NgapPduKind::Initiating_UEContextRelease);
    let before = Instant::now();
    peer.send(initial_ue_message());
    assert_eq!(peer.answer(), NgapPduKind::Initiating_DownlinkNASTransport);
    assert!(before.elapsed() >= for_ - Duration::from_millis(50), "{:?}", before.elapsed());
}

#[test]
fn an_address_in_use_is_named() {
    let listen = Address::memory("simulator-twice");
    let _first = serve(Vec::new(), &listen).unwrap();
    let Err(error) = serve(Vec::new(), &listen) else { panic!("served twice") };
    assert!(matches!(error, SimulatorError::Listen { .. }));
    assert!(error.to_string().contains("simulator-twice"), "{error}");
}

#[test]
fn a_dropped_simulator_frees_its_address() {
    let listen = Address::memory("simulator-dropped");
    drop(serve(Vec::new(), &listen).unwrap());
    let again = serve(Vec::new(), &listen).unwrap();
    assert_eq!(again.address().transport(), Transport::Memory);
}

#[test]
fn every_scenario_of_the_catalogue_starts() {
    for entry in scenarios::catalogue() {
        let scenario = Scenario::from_yaml(entry.yaml, entry.name).unwrap();
        let listen = Address::memory(&format!("simulator-of-{}", entry.name));
        let simulator = Simulator::start(&scenario, 1, &listen, &SimulatorOptions::default()).unwrap();
        assert_eq!(simulator.stop().amf.registered, 0);
    }
}

/// A gNB's end of N3: an address of its own, and the port that everybody has.
fn n3_socket() -> UdpSocket {
    let draws = std::iter::repeat_with(|| {
        let [a, b, c, ..] = RandomState::new().hash_one(0).to_ne_bytes();
        UdpSocket::bind((Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254)), gtpu::PORT))
    });
    let socket = draws.take(20).find_map(Result::ok).expect("no address of 127/8 is free");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn session(downlink: Flow) -> SessionSpec {
    SessionSpec {
        supi: "001010000000001".parse().unwrap(),
        session: SessionId::new(1).unwrap(),
        dnn: "internet".parse().unwrap(),
        serving: "001/01".parse().unwrap(),
        qfi: 1,
        ue: UeAddresses { ipv4: Some([10, 45, 0, 7].into()), ipv6: None },
        uplink: None,
        downlink,
        ambr: (0, 0),
    }
}

fn uplink(teid: u32, sequence: u16) -> Vec<u8> {
    let (from, to) = (IpAddr::from([10, 45, 0, 7]), IpAddr::from([198, 51, 100, 1]));
    let (mut t_pdu, mut octets) = (Vec::new(), Vec::new());
    gtpu::build(&gtpu::Packet { from, to, from_port: 61_002, to_port: 61_001 }, 500, &mut t_pdu).unwrap();
    let qos_flow = Some(gtpu::QosFlow { direction: gtpu::Direction::Uplink, qfi: 1 });
    let g_pdu = gtpu::GPdu { teid, sequence: Some(sequence), qos_flow, t_pdu: &t_pdu };
    g_pdu.encode(&mut octets).unwrap();
    octets
}

/// Takes in what comes until so many octets of T-PDUs have; answers echoes.
fn downlink(socket: &UdpSocket, octets: u64) -> u64 {
    let (mut buffer, mut got) = (vec![0; 65_536], 0);
    while got < octets {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        match gtpu::Message::decode(&buffer[..length]).unwrap() {
            gtpu::Message::GPdu(g_pdu) => {
                assert_eq!(g_pdu.teid, 0x77);
                got += g_pdu.t_pdu.len() as u64;
            }
            gtpu::Message::EchoRequest { sequence } => {
                let mut answer = Vec::new();
                gtpu::Message::EchoResponse { sequence }.encode(&mut answer).unwrap();
                socket.send_to(&answer, from).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    got
}

#[test]
fn packets_go_both_ways_even_while_signalling_is_frozen_and_are_charged_to_the_octet() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("charging.csv");
    let gnb = n3_socket();
    let start = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    let options =
        SimulatorOptions { ledger: Some(ledger.clone()), start: Some(start), ..SimulatorOptions::default() };
    let gnb_address = gnb.local_addr().unwrap().ip();
    let mut teid = 0;
    let listen = Address::memory("simulator-n3");
    let faults = ChargingFaults { duplicated: 1.0, ..ChargingFaults::default() };
    let simulator = Simulator::serve(&listen, &options, Vec::new(), |n3| {
        let mut core = core(n3, faults);
        let volume = Some(Octets(200_000));
        let flow = Flow { rate_bps: 8_000_000, volume, ..Flow::NONE };
        let now = Instant::now();
        teid = core.upf.establish(now, session(flow)).unwrap().teid;
        core.upf.set_downlink(now, teid, Some((gnb_address, 0x77)));
        let SessionSpec { supi, session, dnn, serving, .. } = session(flow);
        core.chf.open(1_750_000_000_000_000, Charged { supi, session, dnn, serving, home: serving });
        core
    });
    let simulator = simulator.unwrap();
    simulator.freeze(Duration::from_secs(60));
    let upf = SocketAddr::new(simulator.gtpu_address(), gtpu::PORT);
    for sequence in 0..200 {
        gnb.send_to(&uplink(teid, sequence), upf).unwrap();
    }
    assert_eq!(downlink(&gnb, 200_000), 200_000);
    gnb.send_to(&uplink(teid, 200), upf).unwrap();
    let statistics = simulator.stop();
    assert_eq!((statistics.upf.uplink_packets, statistics.upf.uplink_octets), (201, 201 * 500));
    assert_eq!(statistics.upf.downlink_octets, 200_000);
    assert_eq!((statistics.n3.dropped, statistics.charging.open), (0, 0));
    let state = statistics.ledger.unwrap();
    assert_eq!((state.records, state.error), (2, None));
    let records: Vec<_> = billing::csv::ChargingReader::open(&ledger).unwrap().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!((record.uplink, record.downlink), (Octets(201 * 500), Octets(200_000)));
        assert_eq!(record.closing, Closing::StillOpen);
        assert_eq!(record.opened_us, 1_750_000_000_000_000);
        assert!(record.to_us > record.opened_us && record.to_us < record.opened_us + 60_000_000);
    }
    let faults = std::fs::read_to_string(state.faults).unwrap();
    assert_eq!(faults, "kind,charging_id,supi,session\nduplicated,1,001010000000001,1\n");
}

#[test]
fn a_ledger_that_cannot_be_written_is_named_at_the_start() {
    let options =
        SimulatorOptions { ledger: Some("/nowhere/charging.csv".into()), ..SimulatorOptions::default() };
    let listen = Address::memory("simulator-without-a-ledger");
    let make = |n3| core(n3, ChargingFaults::default());
    let Err(error) = Simulator::serve(&listen, &options, Vec::new(), make) else { panic!("it started") };
    assert!(matches!(error, SimulatorError::Ledger(_)), "{error}");
}

#[test]
fn an_address_of_n3_that_is_not_ours_is_named() {
    for address in ["192.0.2.1", "0.0.0.0"] {
        let options =
            SimulatorOptions { gtpu_address: Some(address.parse().unwrap()), ..SimulatorOptions::default() };
        let listen = Address::memory("simulator-elsewhere");
        let make = |n3| core(n3, ChargingFaults::default());
        let Err(error) = Simulator::serve(&listen, &options, Vec::new(), make) else { panic!("it started") };
        assert!(matches!(error, SimulatorError::UserPlane { .. }));
        assert!(error.to_string().contains(address), "{error}");
    }
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
