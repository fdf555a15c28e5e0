//! A UPF and its clock, and what gNBs send to it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use billing::Octets;
use gtpu::{Direction, GPdu, Message, Packet, QosFlow};
use identity::SessionId;
use scenarios::Flow;
use simulator::{SessionSpec, UeAddresses, Upf, UpfAction, UpfSettings};

pub(crate) const UPF: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 9, 9, 9));
pub(crate) const UE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 45, 0, 7));

pub(crate) fn gnb(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 1, number])
}

pub(crate) fn port(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, gtpu::PORT)
}

pub(crate) fn flow(rate_bps: u64, volume: Option<u64>) -> Flow {
    Flow { rate_bps, packet_octets: (100, 1_400), burst: None, volume: volume.map(Octets) }
}

pub(crate) fn spec(downlink: Flow) -> SessionSpec {
    SessionSpec {
        supi: "001010000000001".parse().unwrap(),
        session: SessionId::new(1).unwrap(),
        dnn: "internet".parse().unwrap(),
        serving: "001/01".parse().unwrap(),
        qfi: 9,
        ue: UeAddresses { ipv4: Some("10.45.0.7".parse().unwrap()), ipv6: None },
        uplink: None,
        downlink,
        ambr: (0, 0),
    }
}

pub(crate) fn uplink(teid: u32, sequence: u16, size: u16, from: IpAddr) -> Vec<u8> {
    let mut t_pdu = Vec::new();
    build_udp(from, size, &mut t_pdu);
    g_pdu(teid, sequence, Some(9), &t_pdu)
}

pub(crate) fn build_udp(from: IpAddr, size: u16, t_pdu: &mut Vec<u8>) {
    let to = if from.is_ipv4() { "198.51.100.1" } else { "2001:db8::1" }.parse().unwrap();
    gtpu::build(&Packet { from, to, from_port: 61_002, to_port: 61_001 }, size, t_pdu).unwrap();
}

pub(crate) fn g_pdu(teid: u32, sequence: u16, qfi: Option<u8>, t_pdu: &[u8]) -> Vec<u8> {
    let qos_flow = qfi.map(|qfi| QosFlow { direction: Direction::Uplink, qfi });
    let mut octets = Vec::new();
    GPdu { teid, sequence: Some(sequence), qos_flow, t_pdu }.encode(&mut octets).unwrap();
    octets
}

pub(crate) fn dual_stack() -> UeAddresses {
    UeAddresses { ipv4: Some("10.45.0.7".parse().unwrap()), ipv6: Some("2001:db8:0:7::7".parse().unwrap()) }
}

/// A UPF and its clock.
pub(crate) struct Bench {
    pub(crate) upf: Upf,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) actions: Vec<UpfAction>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { upf: Upf::new(UpfSettings::new(UPF, 7)), start: now, now, actions: Vec::new() }
    }

    pub(crate) fn session(&mut self, downlink: Flow) -> u32 {
        self.upf.establish(self.now, spec(downlink)).unwrap().teid
    }

    pub(crate) fn receive(&mut self, from: IpAddr, octets: &[u8]) {
        self.upf.received(self.now, port(from), octets);
    }

    pub(crate) fn advance(&mut self) {
        self.upf.advance(self.now, &mut self.actions);
    }

    /// Time goes on, as the UPF wants to be looked at.
    pub(crate) fn run(&mut self, for_: Duration) {
        let end = self.now + for_;
        while let Some(at) = self.upf.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.advance();
        }
        self.now = end;
        self.advance();
    }

    /// What was sent to this address, echo requests left out.
    pub(crate) fn sent_to(&self, address: IpAddr) -> Vec<Message<'_>> {
        let sent = self.actions.iter().filter_map(|action| match action {
            UpfAction::Send { to, octets } if *to == port(address) => Some(Message::decode(octets).unwrap()),
            _ => None,
        });
        sent.filter(|message| !matches!(message, Message::EchoRequest { .. })).collect()
    }

    pub(crate) fn reports(&self) -> Vec<&UpfAction> {
        self.actions.iter().filter(|action| !matches!(action, UpfAction::Send { .. })).collect()
    }
}
