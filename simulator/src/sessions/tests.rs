//! Sessions under an access node that is no AMF: it has no connections, and notes what it is asked for.

use std::time::{Duration, Instant};

use billing::Tariff;
use identity::{Imsi, Plmn, SessionId, Snssai};
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasIntegrityProtectionMaximumDataRate, NasPduSessionEstablishmentRequest,
};
use oxirush_ngap::aper::BitString;
use oxirush_ngap::ngap::*;
use scenarios::ChargingFaults;

use super::session::{Session, SessionKey};
use super::{AccessNode, Place, Ports, Requester, SessionSettings, Sessions, Uplink};
use crate::charging::{Chf, ChfSettings};
use crate::subscribers::{SubscriberData, SubscriberRecord, Subscribers};
use crate::upf::{Upf, UpfSettings};

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Send(SessionId),
    SetUp(SessionId),
    Modify(SessionId),
    Release(SessionId),
}

struct Toy {
    connected: bool,
    asked: Vec<Asked>,
}

impl AccessNode for Toy {
    fn requester(&self, _: Imsi, _: Option<Snssai>) -> Option<Requester> {
        let slice = Some(Snssai { sst: 1, sd: None });
        Some(Requester { serving: plmn(), home: plmn(), slice })
    }

    fn reaches(&self, _: Imsi) -> bool {
        self.connected
    }

    fn page(&mut self, _: Instant, _: Imsi) {
        self.asked.push(Asked::Page);
    }

    fn send_to_ue(&mut self, _: Instant, _: Imsi, id: SessionId, _: Vec<u8>) {
        self.asked.push(Asked::Send(id));
    }

    fn set_up_resources(&mut self, _: Instant, session: &Session, _: Option<Vec<u8>>) {
        self.asked.push(Asked::SetUp(session.id));
    }

    fn modify_resources(&mut self, _: Instant, session: &Session, _: Vec<u8>) {
        self.asked.push(Asked::Modify(session.id));
    }

    fn release_resources(&mut self, _: Instant, session: &Session, _: Vec<u8>) {
        self.asked.push(Asked::Release(session.id));
    }

    fn longest_delay(&self) -> Duration {
        Duration::ZERO
    }
}

struct Network {
    sessions: Sessions,
    node: Toy,
    subscribers: Subscribers,
    upf: Upf,
    chf: Chf,
    now: Instant,
}

struct Nobody;

impl SubscriberData for Nobody {
    fn find(&self, _: Imsi) -> Option<SubscriberRecord> {
        None
    }
}

impl Network {
    fn new() -> Self {
        let (tariff, quota, faults) = (Tariff::default(), None, ChargingFaults::default());
        Self {
            sessions: Sessions::new(SessionSettings::default()),
            node: Toy { connected: true, asked: Vec::new() },
            subscribers: Subscribers::new(Box::new(Nobody)),
            upf: Upf::new(UpfSettings::new([127, 0, 0, 9].into(), 1)),
            chf: Chf::new(ChfSettings { tariff, quota, faults, seed: 1 }),
            #[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
            now: Instant::now(),
        }
    }

    /// Lets something happen. What the access node was asked for.
    fn when(&mut self, what: impl FnOnce(&mut Sessions, &mut Toy, &mut Ports<'_>)) -> Vec<Asked> {
        let Self { sessions, node, subscribers, upf, chf, now } = self;
        let mut ports = Ports { now: *now, wall_us: 0, subscribers, user_plane: upf, charging: chf };
        what(sessions, node, &mut ports);
        std::mem::take(&mut node.asked)
    }

    /// Session 1, with its resources.
    fn established() -> Self {
        let mut network = Self::new();
        let rate = NasIntegrityProtectionMaximumDataRate::new(0xffff);
        let request = NasPduSessionEstablishmentRequest::new(rate);
        let octets = Nas5gsMessage::new_5gsm(request, 1, 1).encode().unwrap();
        let uplink = Uplink { supi: supi(), id: key().id, octets: &octets, dnn: None, slice: None };
        let asked = network.when(|sessions, node, ports| {
            sessions.receive(node, ports, &uplink).unwrap();
        });
        assert_eq!(asked, [Asked::SetUp(key().id)]);
        network.when(|sessions, node, ports| {
            sessions.resources_set_up(node, ports, (supi(), 1), &transfer());
        });
        assert_eq!((network.sessions.established(supi()), network.charged()), (vec![key().id], 1));
        network
    }

    fn charged(&self) -> usize {
        self.chf.open_sessions().len()
    }

    fn idle(&mut self) {
        self.node.connected = false;
        self.when(|sessions, _, ports| sessions.suspend(ports, supi(), None));
    }

    fn teid(&self) -> u32 {
        self.sessions.charged().next().unwrap().1
    }
}

fn supi() -> Imsi {
    "001010000000001".parse().unwrap()
}

fn plmn() -> Plmn {
    "001/01".parse().unwrap()
}

fn key() -> SessionKey {
    SessionKey { supi: supi(), id: SessionId::new(1).unwrap() }
}

/// The RAN's end of a session.
fn transfer() -> Vec<u8> {
    let address = TransportLayerAddress(BitString::from_octets(vec![127, 0, 1, 1]));
    let tunnel = GTPTunnel::new(address, GTPTEID([0, 0, 0, 7]), None);
    let flows = AssociatedQosFlowList(vec![AssociatedQosFlowItem::new(QosFlowIdentifier(1), None, None)]);
    let end = UPTransportLayerInformation::gTPTunnel(tunnel);
    let information = QosFlowPerTNLInformation::new(end, flows, None);
    let transfer = PDUSessionResourceSetupResponseTransfer::new(information, None, None, None, None);
    encode_open_type(&transfer).unwrap().into_vec()
}

#[test]
fn downlink_data_pages_an_idle_ue_and_gives_a_connected_one_its_resources_back() {
    let mut network = Network::established();
    let teid = network.teid();
    let data = |sessions: &mut Sessions, node: &mut Toy, ports: &mut Ports<'_>| {
        sessions.downlink_data(node, ports, teid);
    };
    assert_eq!(network.when(data), [], "the session has its user plane");
    network.idle();
    assert_eq!(network.when(data), [Asked::Page]);
    network.node.connected = true;
    assert_eq!(network.when(data), [Asked::SetUp(key().id)]);
}

#[test]
fn a_release_is_of_the_resources_when_the_ue_is_connected_and_without_a_word_when_it_is_idle() {
    let mut network = Network::established();
    assert_eq!(
        network.when(|sessions, node, ports| sessions.release(node, ports, key())),
        [Asked::Release(key().id)]
    );
    assert_eq!(network.charged(), 1, "what the RAN still sends counts");
    let mut network = Network::established();
    network.idle();
    assert_eq!(network.when(|sessions, node, ports| sessions.release(node, ports, key())), []);
    assert_eq!((network.sessions.of(supi()).len(), network.charged()), (0, 0));
}

#[test]
fn a_session_that_ends_at_a_place_is_charged_until_the_ran_has_answered_there() {
    let mut network = Network::established();
    let place = Place(5);
    network.when(|sessions, _, ports| sessions.end(ports, key(), Some(place), billing::Closing::Released));
    assert_eq!((network.sessions.of(supi()).len(), network.charged()), (0, 1));
    network.when(|sessions, _, ports| sessions.ended(ports, Place(6), None));
    assert_eq!(network.charged(), 1);
    network.when(|sessions, _, ports| sessions.ended(ports, place, None));
    assert_eq!((network.charged(), network.sessions.anchored()), (0, 0));
}

#[test]
fn a_command_that_is_not_answered_is_sent_five_times_and_the_session_ends() {
    let mut network = Network::established();
    network.when(|sessions, node, ports| sessions.release(node, ports, key()));
    let mut sent = 0;
    while let Some(deadline) = network.sessions.next_deadline() {
        network.now = network.now.max(deadline);
        sent += network.when(|sessions, node, ports| sessions.run_timers(node, ports)).len();
    }
    assert_eq!((sent, network.sessions.of(supi()).len(), network.charged()), (4, 0, 0));
}
