//! From whom the UPF takes what.

use std::net::IpAddr;
use std::time::Duration;

use billing::Octets;
use gtpu::Message;
use scenarios::Flow;
use simulator::{Upf, UpfSettings};

use crate::bench::{Bench, UE, UPF, flow, gnb, spec, uplink};

#[test]
fn uplink_of_a_stranger_counts_for_nothing() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    let mapped: IpAddr = "::ffff:127.0.1.1".parse().unwrap();
    bench.receive(mapped, &uplink(teid, 0, 1_000, UE));
    bench.receive(gnb(7), &uplink(teid, 30_000, 1_000, UE));
    bench.receive(gnb(1), &uplink(teid, 1, 1_000, UE));
    let mut marker = Vec::new();
    Message::EndMarker { teid }.encode(&mut marker).unwrap();
    bench.receive(gnb(7), &marker);
    bench.run(Duration::from_secs(3));
    // Long after: to be that of a gNB to come, it was too early.
    bench.upf.set_downlink(bench.now, teid, Some((gnb(7), 7)));
    let volumes = bench.upf.volumes(teid);
    assert_eq!((volumes.uplink, volumes.uplink_packets, volumes.uplink_lost), (Octets(2_000), 2, 0));
    let counters = bench.upf.counters();
    assert_eq!((counters.foreign_source, counters.end_markers_received), (2, 0));
}

#[test]
fn uplink_around_a_handover_counts_from_both_gnbs() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    bench.receive(gnb(1), &uplink(teid, 0, 100, UE));
    // Faster than the word of the handover.
    bench.receive(gnb(2), &uplink(teid, 0, 200, UE));
    bench.receive(gnb(3), &uplink(teid, 0, 400, UE));
    assert_eq!(bench.upf.volumes(teid).uplink, Octets(100));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(2), 2)));
    assert_eq!(bench.upf.volumes(teid).uplink, Octets(300));
    // Late ones of the source; and the UE goes idle, and comes back at the third.
    bench.receive(gnb(1), &uplink(teid, 1, 100, UE));
    bench.receive(gnb(2), &uplink(teid, 1, 200, UE));
    bench.upf.set_downlink(bench.now, teid, None);
    bench.receive(gnb(2), &uplink(teid, 2, 200, UE));
    bench.receive(gnb(4), &uplink(teid, 0, 800, UE));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(4), 4)));
    let volumes = bench.upf.volumes(teid);
    assert_eq!((volumes.uplink, volumes.uplink_packets, volumes.uplink_lost), (Octets(1_600), 6, 0));
    assert_eq!(bench.upf.counters().foreign_source, 1, "that of the third gNB");
}

#[test]
fn restarts_and_jumps_of_a_gnb_are_no_losses() {
    let mut bench = Bench::new();
    let teid = bench.session(Flow::NONE);
    for number in (0..300).chain(0..10).chain(30_000..30_010).chain([30_012, 30_011, 30_012]) {
        bench.receive(gnb(1), &uplink(teid, number, 100, UE));
    }
    let counters = bench.upf.counters();
    assert_eq!((counters.uplink_restarts, counters.uplink_jumps), (1, 1));
    assert_eq!((counters.uplink_lost, counters.uplink_reordered, counters.uplink_duplicated), (1, 1, 1));
    assert_eq!(bench.upf.volumes(teid).uplink_lost, 1);
}

#[test]
fn only_the_gnb_itself_says_that_a_tunnel_is_lost() {
    let mut bench = Bench::new();
    let teid = bench.session(flow(1_000_000, None));
    let other = bench.session(flow(1_000_000, None));
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 5)));
    bench.upf.set_downlink(bench.now, other, Some((gnb(2), 5)));
    for (from, peer) in [(gnb(9), gnb(1)), (gnb(1), gnb(2)), (gnb(9), IpAddr::from([0, 0, 0, 0]))] {
        let mut indication = Vec::new();
        Message::ErrorIndication { teid: 5, peer }.encode(&mut indication).unwrap();
        bench.receive(from, &indication);
    }
    bench.run(Duration::from_secs(1));
    let sent = [1, 2].map(|n| bench.sent_to(gnb(n)).len());
    assert!(sent.iter().all(|sent| *sent > 50), "{sent:?}");
    assert_eq!(bench.upf.counters().foreign_source, 2);
}

#[test]
fn teids_are_drawn_and_not_counted() {
    let mut bench = Bench::new();
    let mut teids: Vec<u32> = (0..1_000).map(|_| bench.session(Flow::NONE)).collect();
    let steps: std::collections::BTreeSet<u32> =
        teids.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.len() > 990, "{} steps between 1,000 TEIDs", steps.len());
    teids.sort_unstable();
    let most = teids.windows(2).filter(|pair| pair[1] - pair[0] < 1_000).count();
    assert!(most < 10, "{most} are neighbours");
    let mut other = Upf::new(UpfSettings::new(UPF, 7));
    other.draw_teids_by(identity::TeidKey::of_secret(&[9; 32]));
    let drawn = other.establish(bench.now, spec(Flow::NONE)).unwrap().teid;
    assert!(!teids.contains(&drawn));
}
