//! The UPF, driven by calls.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]

mod bench;
mod gateway;
mod kernel_client;
mod strangers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bench::{Bench, UE, UPF, build_udp, flow, g_pdu, gnb, spec, uplink};
use billing::Octets;
use gtpu::{Direction, GPdu, Message, QosFlow, SequenceCounter};
use proptest::prelude::*;
use scenarios::Flow;
use simulator::{SessionSpec, Upf, UpfAction, UpfSettings, Volumes};

#[test]
fn downlink_flows_from_the_first_tunnel_on_at_its_rate() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(8_000_000, None));
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.actions, []);
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 0x77)));
    bench.run(Duration::from_secs(1));
    let (mut counter, mut octets) = (SequenceCounter::expecting(0), 0);
    for message in bench.sent_to(gnb(1)) {
        let Message::GPdu(g_pdu) = message else { panic!("{message:?}") };
        assert_eq!(g_pdu.teid, 0x77);
        assert_eq!(g_pdu.qos_flow, Some(QosFlow { direction: Direction::Downlink, qfi: 9 }));
        assert_eq!(gtpu::read(g_pdu.t_pdu).unwrap().to, UE);
        counter.record(g_pdu.sequence.unwrap());
        octets += g_pdu.t_pdu.len() as u64;
    }
    assert_eq!(counter.lost(), 0);
    assert!((990_000..1_010_000).contains(&octets), "{octets}");
    let volumes = bench.upf.release(bench.now, teid);
    assert_eq!((volumes.downlink, volumes.downlink_packets), (Octets(octets), counter.received()));
    assert_eq!(bench.upf.volumes(teid), Volumes::default());
    bench.actions.clear();
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.sent_to(gnb(1)), []);
}

#[test]
fn the_session_ambr_bounds_the_downlink() {
    let mut bench = Bench::new();
    let spec = SessionSpec { ambr: (0, 800_000), ..spec(flow(8_000_000, None)) };
    let teid = bench.upf.establish(bench.now, spec).unwrap().teid;
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.run(Duration::from_secs(1));
    let octets = bench.upf.volumes(teid).downlink.0;
    assert!((97_000..103_000).contains(&octets), "{octets}");
}

#[test]
fn a_change_of_path_ends_the_old_one_with_a_marker_and_begins_its_numbers_anew() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(1_000_000, None));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.run(Duration::from_millis(500));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(2), 2)));
    // The same again is no change.
    bench.upf.set_downlink(bench.now, teid, Some((gnb(2), 2)));
    bench.run(Duration::from_millis(500));
    let old = bench.sent_to(gnb(1));
    assert_eq!(old.last(), Some(&Message::EndMarker { teid: 1 }));
    assert_eq!(old.iter().filter(|message| matches!(message, Message::EndMarker { .. })).count(), 1);
    let new = bench.sent_to(gnb(2));
    assert!(matches!(new[0], Message::GPdu(GPdu { teid: 2, sequence: Some(0), .. })), "{:?}", new[0]);
    assert!(new.iter().all(|message| matches!(message, Message::GPdu(_))));
    let packets = old.len() - 1 + new.len();
    assert_eq!(bench.upf.volumes(teid).downlink_packets, packets as u64);
}

#[test]
fn an_idle_ue_is_reported_once_and_its_traffic_goes_on_afterwards() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(1_000_000, None));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.run(Duration::from_millis(100));
    for round in 1..=2 {
        bench.upf.set_downlink(bench.now, teid, None);
        let before = bench.sent_to(gnb(1)).len();
        bench.run(Duration::from_secs(5));
        assert_eq!(bench.sent_to(gnb(1)).len(), before, "nothing is sent to an idle UE");
        assert_eq!(bench.reports(), vec![&UpfAction::DownlinkDataReport { teid }; round]);
        bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
        bench.run(Duration::from_secs(1));
        assert!(bench.sent_to(gnb(1)).len() > before);
    }
    assert_eq!(bench.upf.counters().downlink_skipped, 0);
    assert!(!bench.sent_to(gnb(1)).iter().any(|message| matches!(message, Message::EndMarker { .. })));
}

#[test]
fn an_idle_ue_without_traffic_is_left_alone() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(1_000_000, Some(5_000)));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.run(Duration::from_secs(1));
    bench.upf.set_downlink(bench.now, teid, None);
    bench.run(Duration::from_secs(60));
    assert!(bench.reports().is_empty());
    // The last packet is no smaller than its headers.
    let octets = bench.upf.volumes(teid).downlink.0;
    assert!((5_000..5_048).contains(&octets), "{octets}");
}

#[test]
fn uplink_counts_only_whole_packets_from_the_ue() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    bench.receive(gnb(1), &uplink(teid, 0, 1_000, UE));
    bench.receive(gnb(1), &uplink(teid, 3, 500, UE));
    bench.receive(gnb(1), &uplink(teid, 4, 500, "10.45.0.8".parse().unwrap()));
    bench.receive(gnb(1), &g_pdu(teid, 5, Some(9), &[0x55; 40]));
    bench.receive(gnb(1), &g_pdu(teid, 5, Some(9), &[]));
    bench.receive(gnb(1), &g_pdu(teid, 6, None, &[0x45; 40]));
    let mut t_pdu = Vec::new();
    build_udp(UE, 100, &mut t_pdu);
    bench.receive(gnb(1), &g_pdu(teid, 6, Some(8), &t_pdu));
    bench.receive(gnb(1), b"no GTP-U");
    let volumes = bench.upf.volumes(teid);
    assert_eq!((volumes.uplink, volumes.uplink_packets, volumes.uplink_lost), (Octets(1_500), 2, 2));
    let counters = bench.upf.counters();
    assert_eq!((counters.not_the_ues, counters.not_uplink, counters.malformed), (1, 1, 1));
    assert_eq!((counters.not_ip, counters.unknown_flow), (2, 1));
    let named: Vec<_> = counters.not_taken().collect();
    let expected = [
        ("upf-not-uplink", 1),
        ("upf-unknown-qos-flow", 1),
        ("upf-not-the-ues-address", 1),
        ("upf-no-ip-packet", 2),
        ("upf-malformed", 1),
    ];
    assert_eq!(named, expected);
}

#[test]
fn a_quota_is_reported_once_for_each_grant() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    bench.upf.grant(teid, Octets(1_000));
    for sequence in 0..4 {
        bench.receive(gnb(1), &uplink(teid, sequence, 600, UE));
    }
    bench.advance();
    assert_eq!(bench.reports(), [&UpfAction::QuotaReached { teid }]);
    bench.upf.grant(teid, Octets(600));
    bench.receive(gnb(1), &uplink(teid, 4, 600, UE));
    bench.advance();
    assert_eq!(bench.reports().len(), 2);
}

#[test]
fn an_echo_is_answered_and_sent_and_a_dead_peer_forgotten() {
    let mut bench = Bench::new();
    let mut request = Vec::new();
    Message::EchoRequest { sequence: 77 }.encode(&mut request).unwrap();
    let from: SocketAddr = "127.0.1.1:40000".parse().unwrap();
    bench.upf.received(bench.now, from, &request);
    assert!(bench.upf.next_deadline().is_some_and(|at| at <= bench.now));
    bench.advance();
    let [UpfAction::Send { to, octets }] = &bench.actions[..] else { panic!("{:?}", bench.actions) };
    assert_eq!((*to, Message::decode(octets).unwrap()), (from, Message::EchoResponse { sequence: 77 }));
    let teid = bench.session(Flow::NONE);
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.advance();
    assert_eq!(bench.upf.counters().echo_requests_sent, 1);
    bench.run(Duration::from_secs(30));
    let counters = bench.upf.counters();
    assert_eq!((counters.echo_requests_sent, counters.peers_lost), (3, 1));
    assert_eq!(bench.upf.next_deadline(), None);
}

#[test]
fn unknown_tunnels_are_indicated_with_a_limit() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    bench.upf.release(bench.now, teid);
    for sequence in 0..1_000 {
        bench.receive(gnb(1), &uplink(teid ^ 1, sequence, 100, UE));
    }
    bench.receive(gnb(1), &uplink(teid, 0, 100, UE));
    bench.advance();
    let sent = bench.sent_to(gnb(1));
    assert_eq!(sent.len(), 100);
    assert!(sent.iter().all(|message| *message == Message::ErrorIndication { teid: teid ^ 1, peer: UPF }));
    let counters = bench.upf.counters();
    assert_eq!(
        (counters.unknown_tunnel, counters.too_late_packets, counters.too_late_octets),
        (1_000, 1, 100)
    );
}

#[test]
fn a_tunnel_that_the_gnb_lacks_is_not_used_again() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(1_000_000, None));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 5)));
    bench.run(Duration::from_millis(100));
    let mut indication = Vec::new();
    Message::ErrorIndication { teid: 5, peer: gnb(1) }.encode(&mut indication).unwrap();
    bench.receive(gnb(1), &indication);
    let before = bench.sent_to(gnb(1)).len();
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.sent_to(gnb(1)).len(), before);
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 6)));
    bench.run(Duration::from_millis(100));
    assert!(bench.sent_to(gnb(1)).len() > before);
}

#[test]
fn one_call_makes_a_bounded_number_of_packets_and_asks_for_another() {
    let mut bench = Bench::new();
    for n in 0..3_000 {
        let teid = bench.session(flow(10_000_000, None));
        bench.upf.set_downlink(bench.now, teid, Some((gnb(1), n)));
    }
    bench.now += Duration::from_millis(50);
    bench.advance();
    let packets = bench.sent_to(gnb(1)).len();
    assert_eq!(packets, UpfSettings::new(UPF, 0).packets_per_advance);
    assert!(bench.upf.next_deadline().is_some_and(|at| at <= bench.now));
}

#[test]
fn tunnels_have_numbers_of_their_own_and_end_with_the_room() {
    let mut upf = Upf::new(UpfSettings { sessions: 100, ..UpfSettings::new(UPF, 7) });
    let now = Instant::now();
    let mut teids: Vec<u32> = (0..100).map(|_| upf.establish(now, spec(Flow::NONE)).unwrap().teid).collect();
    assert_eq!(upf.establish(now, spec(Flow::NONE)), None);
    teids.sort_unstable();
    teids.dedup();
    assert_eq!(teids.len(), 100);
    assert_ne!(teids[0], 0);
}

proptest! {
    /// Whatever happens to the path, what was sent is what is counted, and no packet is missing in any tunnel.
    #[test]
    fn what_is_counted_is_what_was_sent(
        steps in prop::collection::vec((0u8..5, 1u64..400), 1..40),
        rate_bps in 10_000u64..20_000_000,
        volume in prop::option::of(1u64..500_000),
    ) {
        let mut bench = Bench::new();
        let teid = bench.session(flow(rate_bps, volume));
        let (mut sent_up, mut number, mut serving) = (0, 0, 1);
        for (step, ms) in steps {
            match step {
                0 => bench.upf.set_downlink(bench.now, teid, None),
                4 => {
                    let size = 100 + u16::try_from(ms).unwrap();
                    bench.receive(gnb(serving), &uplink(teid, number, size, UE));
                    (sent_up, number) = (sent_up + u64::from(size), number + 1);
                }
                n => {
                    serving = n;
                    bench.upf.set_downlink(bench.now, teid, Some((gnb(n), u32::from(n))));
                }
            }
            bench.run(Duration::from_millis(ms));
        }
        let mut octets = 0;
        for n in 1..4 {
            let mut counter: Option<SequenceCounter> = None;
            for message in bench.sent_to(gnb(n)) {
                match message {
                    Message::GPdu(g_pdu) => {
                        octets += g_pdu.t_pdu.len() as u64;
                        let sequence = g_pdu.sequence.unwrap();
                        // Each time that the tunnel is used again it begins at 0.
                        if sequence == 0 {
                            counter = Some(SequenceCounter::expecting(0));
                        }
                        counter.as_mut().unwrap().record(sequence);
                        prop_assert_eq!(counter.as_ref().unwrap().lost(), 0);
                    }
                    Message::EndMarker { .. } => {}
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
        let volumes = bench.upf.release(bench.now, teid);
        prop_assert_eq!((volumes.downlink.0, volumes.uplink.0), (octets, sent_up));
        prop_assert_eq!(volumes.uplink_lost, 0);
        if let Some(volume) = volume {
            prop_assert!(octets < volume + 48);
        }
        let elapsed = bench.now.duration_since(bench.start).as_secs_f64();
        prop_assert!(octets as f64 <= rate_bps as f64 / 8.0 * elapsed + 1_500.0 * 41.0);
    }

    /// Whatever comes, nothing panics, and nothing is charged for it.
    #[test]
    fn any_datagrams_are_taken(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..50)) {
        let mut bench = Bench::new();
        let teid = bench.session(Flow::NONE);
        for datagram in datagrams {
            bench.receive(gnb(1), &datagram);
            bench.advance();
        }
        prop_assert_eq!(bench.upf.volumes(teid), Volumes::default());
    }
}
