//! Networks, their borders, and cards that change hands.

use oxirush_nas::nas_5gs::*;
use scenarios::{Breakout, Roaming};
use simulator::amf::{Event, MOST_NOTICED};

use crate::bench::*;
use crate::ran;
use crate::sessions::connected;
use crate::ue::TestUe;

const ABROAD: u32 = 2;

/// Home is 001/01 with tracking area 1, abroad is 208/93 with tracking area 2.
fn two_networks(breakout: Breakout, accepts_handovers: bool) -> Settings {
    let mut settings = settings();
    settings.networks = vec![network("001/01", 1), network("208/93", 2)];
    settings.sessions.roaming = vec![Roaming {
        visited: "208/93".parse().unwrap(),
        breakout,
        dnns: vec![("internet".parse().unwrap(), "internet.roaming".parse().unwrap())],
        refused_dnns: Vec::new(),
        accepts_handovers,
    }];
    settings.equivalent_plmns = true;
    settings
}

fn bench(breakout: Breakout, accepts_handovers: bool) -> Bench {
    let mut bench = Bench::with(two_networks(breakout, accepts_handovers));
    bench.event(simulator::AmfEvent::AssociationUp { association: ABROAD, streams_out: 8 });
    let did = bench.ngap(ABROAD, &ng_setup("208", "93", [0, 0, 2], 1, 2));
    assert_eq!(did, [Did::SetupResponse(ABROAD)]);
    bench
}

fn cross(ue: &mut TestUe) {
    (ue.association, ue.plmn, ue.tac) = (ABROAD, "208/93", 2);
}

/// The idle UE registers abroad.
fn update(bench: &mut Bench, ue: &mut TestUe, sessions: &[u8]) {
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(ue, did);
    cross(ue);
    ue.kind = RegistrationType::MobilityRegistrationUpdating;
    ue.session_status = Some(sessions.to_vec());
    bench.register(ue);
}

#[test]
fn home_routed_sessions_survive_a_border_and_local_breakout_ends_there() {
    for (breakout, left) in [(Breakout::HomeRouted, vec![1]), (Breakout::Local, vec![])] {
        let mut bench = bench(breakout, true);
        let mut ue = connected(&mut bench, 1);
        bench.establish(&mut ue, 1);
        update(&mut bench, &mut ue, &[1]);
        let Some(Nas5gmmMessage::RegistrationAccept(accept)) = ue.received.last() else { panic!() };
        assert_eq!(accept.pdu_session_status.as_ref().unwrap().active_sessions(), left);
        assert_eq!(bench.sessions(), left.len());
        // TS 24.501 §9.11.3.9: one area, of the network that it is in.
        assert_eq!(accept.tai_list.as_ref().unwrap().value.as_slice(), [0, 0x02, 0xf8, 0x39, 0, 0, 2]);
        assert_eq!(accept.equivalent_plmns.as_ref().unwrap().value.as_slice(), [0x00, 0xf1, 0x10]);
    }
}

#[test]
fn a_session_abroad_has_the_name_that_was_agreed() {
    let mut bench = bench(Breakout::Local, true);
    let mut ue = TestUe::new(1);
    cross(&mut ue);
    ue.follow_on = true;
    bench.register(&mut ue);
    bench.establish(&mut ue, 1);
    let Some(Nas5gsmMessage::PduSessionEstablishmentAccept(accept)) = ue.gsm.last() else { panic!() };
    assert_eq!(accept.dnn.as_ref().unwrap().as_string().as_deref(), Some("internet.roaming"));
}

#[test]
fn a_handover_across_a_border_needs_an_agreement() {
    for accepts in [true, false] {
        let mut bench = bench(Breakout::HomeRouted, accepts);
        let mut ue = connected(&mut bench, 1);
        bench.establish(&mut ue, 1);
        let did = bench.ngap(GNB, &ran::handover_required(ue.amf_id, ue.ran_id, 2, "208/93", 2, &[1]));
        let Did::Other(_, name, octets) = &did[0] else { panic!("{did:?}") };
        if !accepts {
            assert_eq!(name, "Unsuccessful_HandoverPreparation");
            continue;
        }
        let target = ran::amf_id_of(octets);
        bench.ngap(ABROAD, &ran::handover_acknowledge(target, 77, ABROAD, &[1]));
        bench.ngap(ABROAD, &ran::handover_notify(target, 77, "208/93", 2));
        cross(&mut ue);
        (ue.amf_id, ue.ran_id, ue.left) = (target, 77, Some(GNB));
        ue.kind = RegistrationType::MobilityRegistrationUpdating;
        (ue.session_status, ue.follow_on) = (Some(vec![1]), false);
        let request = ue.registration_request();
        let did = bench.uplink(&ue, request);
        bench.settle(&mut ue, did);
        // Its user plane is active: it is not sent to idle.
        assert_eq!((bench.sessions(), bench.core.statistics().events(Event::NetworkChanged)), (1, 1));
        let request = ue.session_request(2, 5, "internet");
        let did = bench.uplink(&ue, request);
        assert_eq!(nas(&did).len(), 0);
        assert!(did.iter().any(|did| matches!(did, Did::Other(ABROAD, ..))), "{did:?}");
    }
}

#[test]
fn a_session_that_ends_at_a_border_counts_until_its_gnb_has_released_it() {
    let mut bench = bench(Breakout::Local, true);
    let mut ue = connected(&mut bench, 1);
    let did = bench.establish(&mut ue, 1);
    let set_up = did.iter().find_map(|did| match did {
        Did::Other(_, name, octets) if name.contains("ResourceSetup") => Some(octets.clone()),
        _ => None,
    });
    let teid = ran::uplink_teid_of(&set_up.unwrap());
    let did = bench.ngap(GNB, &ran::handover_required(ue.amf_id, ue.ran_id, 2, "208/93", 2, &[1]));
    let Did::Other(_, _, octets) = &did[0] else { panic!("{did:?}") };
    let target = ran::amf_id_of(octets);
    bench.ngap(ABROAD, &ran::handover_acknowledge(target, 77, ABROAD, &[1]));
    bench.ngap(ABROAD, &ran::handover_notify(target, 77, "208/93", 2));
    cross(&mut ue);
    (ue.amf_id, ue.ran_id, ue.left) = (target, 77, Some(GNB));
    ue.kind = RegistrationType::MobilityRegistrationUpdating;
    ue.session_status = Some(vec![1]);
    let request = ue.registration_request();
    let did = bench.uplink(&ue, request);
    assert!(
        did.iter().any(|did| matches!(did, Did::Other(ABROAD, name, _) if name.contains("ResourceRelease"))),
        "{did:?}"
    );
    bench.uplink_packet_from(ABROAD, teid);
    bench.settle(&mut ue, did);
    let charged: u64 = bench.core.chf.take_records(0).map(|record| record.uplink.0).sum();
    assert_eq!((bench.sessions(), charged, ue.registered), (0, 500, true));
}

#[test]
fn a_card_with_new_keys_is_found_out_once_and_the_old_one_is_refused() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    for cards in 1..=2 {
        let mut swapped = TestUe::new(1);
        swapped.cards = cards;
        bench.register(&mut swapped);
        assert!(swapped.registered, "{cards}");
        assert_eq!(bench.core.statistics().events(Event::SimSwapDetected), u64::from(cards));
    }
    let mut old = TestUe::new(1);
    bench.register(&mut old);
    assert!(!old.registered);
    assert!(matches!(old.received.last(), Some(Nas5gmmMessage::AuthenticationReject(_))));
    assert_eq!(bench.core.statistics().events(Event::SimSwapDetected), 2);
}

#[test]
fn a_subscriber_with_another_device_is_found_out_and_a_device_of_many_is_none() {
    let mut bench = Bench::new();
    let (shared, own) = ("3520990017614823", "3520990017614824");
    for (number, imeisv) in [(1, shared), (2, shared), (3, shared), (1, shared), (2, own), (2, own)] {
        let mut ue = TestUe::new(number);
        ue.imeisv = Some(imeisv);
        bench.register(&mut ue);
        assert!(ue.registered);
    }
    assert_eq!(bench.core.statistics().events(Event::DeviceChanged), 1);
    let [noticed] = bench.core.statistics().noticed[..] else { panic!("one is noticed") };
    assert_eq!((noticed.event, noticed.supi), (Event::DeviceChanged, "001010000000002".parse().unwrap()));
}

#[test]
fn what_is_noticed_is_bounded_and_all_of_it_is_counted() {
    let mut bench = Bench::new();
    for cards in 1..=u8::MAX {
        for number in 1..=5 {
            let mut ue = TestUe::new(number);
            ue.imeisv = Some(if cards % 2 == 0 { "3520990017614823" } else { "3520990017614824" });
            bench.register(&mut ue);
        }
    }
    let statistics = bench.core.statistics();
    let counted = statistics.events(Event::DeviceChanged);
    assert!(counted > MOST_NOTICED as u64, "{counted}");
    assert_eq!(statistics.noticed.len(), MOST_NOTICED);
}
