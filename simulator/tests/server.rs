//! The thread that serves the AMF, over the transports that need no privilege.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "the thread runs on the real clock")]

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use billing::Tariff;
use identity::Imsi;
use oxirush_ngap::helpers::*;
use oxirush_ngap::{NgapPduKind, build_ngap, ngap::*};
use scenarios::{ChargingFaults, Scenario};
use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options, Transport};
use simulator::amf::Message;
use simulator::{
    Amf, AmfSettings, Chf, ChfSettings, Core, Simulator, SimulatorError, SimulatorOptions, SubscriberData,
    SubscriberRecord, Upf, UpfSettings,
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
    let amf = Amf::new(AmfSettings::new("001/01".parse().unwrap()), Box::new(Nobody));
    let (tariff, quota) = (Tariff::default(), None);
    let chf = Chf::new(ChfSettings { tariff, quota, faults, seed: 1 });
    Core::new(amf, Upf::new(UpfSettings::new(n3, 1)), chf)
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

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
