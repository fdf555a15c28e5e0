//! What UEs send, whatever it is, and what the gateway answers.

use std::net::IpAddr;

use gtpu::Message;
use scenarios::Flow;
use simulator::{SessionSpec, UeAddresses};

use crate::bench::{Bench, UE, build_udp, dual_stack, g_pdu, gnb, spec};

#[test]
fn every_ip_packet_of_the_ue_is_taken_and_charged() {
    let mut bench = Bench::new();
    let dual = SessionSpec { ue: dual_stack(), ..spec(Flow::NONE) };
    let teid = bench.upf.establish(bench.now, dual).unwrap().teid;
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    let (v4, v6): (IpAddr, IpAddr) = (UE, "2001:db8:0:7::abcd".parse().unwrap());
    let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
    let tcp = hex::decode(TCP).unwrap();
    let mut udp_v6 = Vec::new();
    build_udp(v6, 300, &mut udp_v6);
    let mut spoilt = Vec::new();
    build_udp(v4, 200, &mut spoilt);
    *spoilt.last_mut().unwrap() ^= 1;
    let ping = gtpu::echo_request(v4, elsewhere, (1, 1), b"far away").unwrap();
    let (mut octets, mut sequence) = (0, 0);
    // A wrong checksum of its transport is for the other end to find.
    for t_pdu in [tcp, udp_v6, spoilt, ping] {
        octets += t_pdu.len() as u64;
        bench.receive(gnb(1), &g_pdu(teid, sequence, Some(9), &t_pdu));
        sequence += 1;
    }
    let volumes = bench.upf.volumes(teid);
    assert_eq!((volumes.uplink.0, volumes.uplink_packets), (octets, 4));
    assert_eq!(bench.upf.counters().not_taken().count(), 0);
    assert_eq!(bench.upf.counters().echo_replies, 0, "nobody is there");
}

#[test]
fn pings_to_the_gateway_are_answered_and_charged() {
    let mut bench = Bench::new();
    let dual = SessionSpec { ue: dual_stack(), ..spec(Flow::NONE) };
    let teid = bench.upf.establish(bench.now, dual).unwrap().teid;
    let pairs = [
        ("10.45.0.7", "10.255.255.254", "10.255.255.254"),
        ("10.45.0.7", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:0:7::abcd", "2001:db8::1", "2001:db8::1"),
        ("fe80::7", "fe80::1:0:0:1", "fe80::1:0:0:1"),
        ("fe80::7", "ff02::1", "fe80::1:0:0:1"),
    ];
    for (n, (from, to, _)) in (0u16..).zip(pairs) {
        let ping = gtpu::echo_request(from.parse().unwrap(), to.parse().unwrap(), (9, n), b"data").unwrap();
        bench.receive(gnb(1), &g_pdu(teid, n, Some(9), &ping));
    }
    bench.advance();
    assert_eq!(bench.sent_to(gnb(1)), [], "the gNB's end is not known yet");
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 0x77)));
    bench.advance();
    let sent = bench.sent_to(gnb(1));
    let mut octets = 0;
    let mut answers = Vec::new();
    for (number, message) in (0u16..).zip(&sent) {
        let Message::GPdu(g_pdu) = message else { panic!("{message:?}") };
        assert_eq!((g_pdu.teid, g_pdu.sequence), (0x77, Some(number)));
        octets += g_pdu.t_pdu.len() as u64;
        let read = gtpu::read_ip(g_pdu.t_pdu).unwrap();
        answers.push((read.to, read.from));
    }
    let expected: Vec<(IpAddr, IpAddr)> =
        pairs.iter().map(|(from, _, by)| (from.parse().unwrap(), by.parse().unwrap())).collect();
    assert_eq!(answers[1..], expected, "after the router advertisement");
    let volumes = bench.upf.volumes(teid);
    assert_eq!((volumes.downlink.0, volumes.downlink_packets), (octets, 6));
    assert_eq!(bench.upf.counters().echo_replies, 5);
}

#[test]
fn an_ipv6_session_hears_its_router_unasked_and_asked() {
    let mut bench = Bench::new();
    let ue = UeAddresses { ipv4: None, ipv6: Some("2001:db8:0:7::7".parse().unwrap()) };
    let teid = bench.upf.establish(bench.now, SessionSpec { ue, ..spec(Flow::NONE) }).unwrap().teid;
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    for (n, from) in (0u16..).zip(["fe80::7", "::"]) {
        let solicitation = gtpu::router_solicitation(from.parse().unwrap());
        bench.receive(gnb(1), &g_pdu(teid, n, Some(9), &solicitation));
    }
    let forged = gtpu::router_solicitation("fe80::8".parse().unwrap());
    bench.receive(gnb(1), &g_pdu(teid, 2, Some(9), &forged));
    bench.advance();
    let sent = bench.sent_to(gnb(1));
    let mut to = Vec::new();
    for message in &sent {
        let Message::GPdu(g_pdu) = message else { panic!("{message:?}") };
        let advertised = gtpu::read_router_advertisement(g_pdu.t_pdu).unwrap();
        assert_eq!(advertised.prefix, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 7]);
        assert_eq!(advertised.mtu, Some(1_400));
        assert_eq!(advertised.dns, Some("2001:db8::1".parse().unwrap()));
        to.push(gtpu::read_ip(g_pdu.t_pdu).unwrap().to.to_string());
    }
    assert_eq!(to, ["ff02::1", "fe80::7", "ff02::1"]);
    let counters = bench.upf.counters();
    assert_eq!((counters.router_advertisements, counters.not_the_ues), (3, 1));
    // A handover is no new beginning.
    bench.actions.clear();
    bench.upf.set_downlink(bench.now, teid, Some((gnb(2), 2)));
    bench.advance();
    assert_eq!(bench.sent_to(gnb(2)), []);
}

/// A SYN with five octets of data from 10.45.0.7 to port 443 of 192.0.2.1, its checksums computed by hand.
const TCP: &str =
    "4500002d000000004006ae960a2d0007c00002019c4001bb00000007000000005002040077400000474554202f";
