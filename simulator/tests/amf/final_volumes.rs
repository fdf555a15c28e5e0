//! A session ends at the UPF when nothing more can come up, and not before (TS 23.502 §4.3.4.2).

use std::time::Duration;

use billing::Octets;
use simulator::AmfEvent;
use simulator::Command;

use crate::bench::*;
use crate::ran;
use crate::sessions::connected;
use crate::ue::TestUe;

/// A UE with a session, and the UPF's end of it.
fn ready() -> (Bench, TestUe, u32) {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let did = bench.establish(&mut ue, 1);
    let set_up = did.iter().find_map(|did| match did {
        Did::Other(_, name, octets) if name.contains("ResourceSetup") => Some(octets.clone()),
        _ => None,
    });
    let teid = ran::uplink_teid_of(&set_up.unwrap());
    (bench, ue, teid)
}

/// What was charged, up.
fn charged(bench: &mut Bench) -> Vec<Octets> {
    bench.core.chf.take_records(0).map(|record| record.uplink).collect()
}

#[test]
fn what_comes_up_before_the_gnb_has_answered_is_charged() {
    // By the UE, by the network, by the end of its registration, and by the end of its registration from the network.
    for how in 0..4 {
        let (mut bench, mut ue, teid) = ready();
        let imsi = ue.imsi.parse().unwrap();
        let did = match how {
            0 => {
                let request = ue.session_release(1, 7);
                bench.uplink(&ue, request)
            }
            1 => {
                bench.command(Command::ReleaseSession { imsi, session: identity::SessionId::new(1).unwrap() })
            }
            2 => {
                let request = ue.deregistration_request(false);
                bench.uplink(&ue, request)
            }
            _ => bench.command(Command::Deregister { imsi, re_registration: false }),
        };
        assert!(bench.core.upf.all_volumes().count() == 1, "{how}");
        bench.uplink_packet(teid);
        bench.settle(&mut ue, did);
        assert_eq!((bench.sessions(), charged(&mut bench)), (0, vec![Octets(500)]), "{how}");
    }
}

#[test]
fn a_ue_that_completes_before_its_gnb_is_waited_for_and_a_silent_gnb_is_not_for_ever() {
    for silent in [false, true] {
        let (mut bench, mut ue, teid) = ready();
        let request = ue.session_release(1, 7);
        let did = bench.uplink(&ue, request);
        let Some(Did::Other(association, _, octets)) = did.first() else { panic!("{did:?}") };
        let (answers, nas) = ran::answer(*association, octets);
        let complete = ue.receive(&nas[0]).unwrap();
        bench.uplink(&ue, complete);
        bench.uplink_packet(teid);
        assert_eq!(bench.sessions(), 1);
        if silent {
            bench.pass(Duration::from_secs(11));
        } else {
            bench.ngap(*association, &answers[0]);
        }
        assert_eq!((bench.sessions(), charged(&mut bench)), (0, vec![Octets(500)]));
    }
}

#[test]
fn a_lost_gnb_ends_what_it_had_to_release() {
    let (mut bench, mut ue, teid) = ready();
    let request = ue.deregistration_request(false);
    bench.uplink(&ue, request);
    bench.uplink_packet(teid);
    bench.event(AmfEvent::AssociationDown { association: GNB });
    assert_eq!((bench.sessions(), charged(&mut bench)), (0, vec![Octets(500)]));
}

#[test]
fn a_session_that_never_had_resources_is_not_charged() {
    for silent in [false, true] {
        let mut bench = Bench::new();
        let mut ue = connected(&mut bench, 1);
        let request = ue.session_request(1, 1, "internet");
        bench.uplink(&ue, request);
        if silent {
            bench.pass(Duration::from_secs(11));
        } else {
            let did = bench.ngap(GNB, &ran::not_set_up(ue.amf_id, ue.ran_id, 1));
            bench.settle(&mut ue, did);
        }
        bench.core.chf.finish(0);
        assert_eq!((bench.sessions(), bench.core.chf.summary().opened, charged(&mut bench)), (0, 0, vec![]));
    }
}

#[test]
fn a_session_that_was_used_before_the_gnb_said_so_is_charged() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    let did = bench.uplink(&ue, request);
    let Some(Did::Other(_, _, octets)) = did.first() else { panic!("{did:?}") };
    bench.uplink_packet(ran::uplink_teid_of(octets));
    bench.pass(Duration::from_secs(11));
    assert_eq!((bench.sessions(), charged(&mut bench)), (0, vec![Octets(500)]));
}
