//! Registrations that go as they should, and those that the network refuses for its own reasons.

use std::time::Duration;

use identity::Snssai;
use oxirush_nas::nas_5gs::*;
use oxirush_security::nas_5gs::HomeNetworkPrivateKey;
use scenarios::HomeAnswer;
use simulator::HomeNetworkKey;
use simulator::amf::{Congestion, Message, Refusal};

use crate::bench::{Bench, Did, nas, network, released, settings};
use crate::subscriber::Everyone;
use crate::ue::{TestUe, plain};

#[test]
fn a_ue_registers_with_every_pair_of_algorithms() {
    for nea in 0..=3 {
        for nia in 1..=3 {
            let mut settings = settings();
            (settings.ciphering, settings.integrity) = (vec![nea], vec![nia]);
            let (mut bench, mut ue) = (Bench::with(settings), TestUe::new(1));
            let did = bench.register(&mut ue);
            assert!(ue.registered && released(&did), "NEA{nea} NIA{nia}: {did:?}");
            let statistics = bench.core.statistics();
            assert_eq!((statistics.registrations_accepted, statistics.registrations_completed), (1, 1));
            assert_eq!((statistics.registered, statistics.connections), (1, 0));
            assert_eq!(statistics.refused().next(), None);
        }
    }
}

#[test]
fn kgnb_is_that_of_the_security_mode_complete() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let did = bench.register(&mut ue);
    let kgnb = did.iter().find_map(|did| if let Did::Nas { kgnb, .. } = did { *kgnb } else { None });
    assert_eq!(kgnb, Some(ue.kgnb(0)));
}

#[test]
fn the_accept_carries_what_was_negotiated() {
    let mut settings = settings();
    settings.slices = vec![Snssai { sst: 1, sd: None }, Snssai { sst: 2, sd: Some([0, 0, 7]) }];
    settings.timers.t3512 = Some(Duration::from_secs(600));
    let (mut bench, mut ue) = (Bench::with(settings), TestUe::new(1));
    ue.requested = vec![NasSNssai::from_sst_sd(2, Some([0, 0, 7])), NasSNssai::from_sst_sd(9, None)];
    bench.register(&mut ue);
    let Some(Nas5gmmMessage::RegistrationAccept(accept)) = ue.received.last() else {
        panic!("{:?}", ue.received)
    };
    let allowed = accept.allowed_nssai.as_ref().unwrap().parse_allowed();
    assert_eq!((allowed.len(), allowed[0].sst, allowed[0].sd), (1, 2, Some([0, 0, 7])));
    let rejected = accept.rejected_nssai.as_ref().unwrap().entries();
    assert_eq!((rejected.len(), rejected[0].1.sst), (1, 9));
    assert_eq!(accept.t3512_value.as_ref().unwrap().to_seconds(), Some(600));
    assert!(accept.tai_list.is_some());
}

#[test]
fn a_request_of_a_lab_capture_is_answered_with_a_challenge() {
    // source: README of oxirush-nas 0.5.0, a REGISTRATION REQUEST with a SUCI of 208/93 and the null scheme
    let request = hex::decode("7e004179000d0102f8390000000000000010022e08a020000000000000").unwrap();
    let mut settings = settings();
    settings.networks = ["001/01", "208/93"].map(|plmn| network(plmn, 1)).into();
    let (mut bench, mut ue) = (Bench::with(settings), TestUe::new(1));
    let did = bench.initial(&mut ue, request);
    let challenge = Nas5gsMessage::decode(&nas(&did)[0]).unwrap();
    assert!(
        matches!(challenge, Nas5gsMessage::Gmm(_, Nas5gmmMessage::AuthenticationRequest(_))),
        "{challenge}"
    );
}

#[test]
fn a_follow_on_request_keeps_the_connection() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    ue.follow_on = true;
    let did = bench.register(&mut ue);
    assert!(ue.registered && !released(&did));
    assert_eq!(bench.core.statistics().connections, 1);
}

#[test]
fn concealed_identities_are_read_with_the_right_key_alone() {
    let keys = [
        (
            HomeNetworkPrivateKey::profile_a(&[0x42; 32]),
            HomeNetworkKey::ProfileA { key_id: 1, private_key: [0x42; 32] },
        ),
        (
            HomeNetworkPrivateKey::profile_b(&[0x42; 32]).unwrap(),
            HomeNetworkKey::ProfileB { key_id: 1, private_key: [0x42; 32] },
        ),
    ];
    for (private, key) in keys {
        let mut bench = Bench::of(settings(), Everyone { keys: vec![key], ..Everyone::default() });
        let mut ue = TestUe::new(1);
        ue.concealment = Some((1, private.public_key()));
        bench.register(&mut ue);
        assert!(ue.registered);
        let mut other = TestUe::new(2);
        other.concealment = Some((2, private.public_key()));
        let did = bench.register(&mut other);
        assert!(!other.registered && released(&did));
        assert_eq!(bench.refusals(Refusal::SuciNotDeconcealed), 1);
    }
}

#[test]
fn an_unknown_guti_is_asked_for_the_suci() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let plmn = Plmn::new("001", "01").unwrap();
    ue.guti = Some(Guti::new(plmn, 1, 1, 0, 0x1234_5678).unwrap());
    bench.register(&mut ue);
    assert!(ue.registered);
    assert_eq!(bench.sent(Message::IdentityRequest), 1);
}

#[test]
fn a_known_ue_registers_again_by_its_guti() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    bench.register(&mut ue);
    let (guti, ngksi) = (ue.guti, ue.ngksi);
    bench.register(&mut ue);
    assert_eq!(bench.core.statistics().registrations_completed, 2);
    assert_eq!(bench.sent(Message::IdentityRequest), 0);
    assert_ne!((ue.guti, ue.ngksi), (guti, ngksi));
    assert_eq!(bench.core.statistics().ues, 1);
}

#[test]
fn updates_use_the_security_context_that_is_there() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    bench.register(&mut ue);
    let guti = ue.guti;
    ue.kind = RegistrationType::PeriodicRegistrationUpdating;
    let did = bench.register(&mut ue);
    assert!(released(&did));
    assert_eq!(ue.guti, guti);
    ue.kind = RegistrationType::MobilityRegistrationUpdating;
    bench.register(&mut ue);
    assert_ne!(ue.guti, guti);
    assert_eq!(bench.core.statistics().registrations_completed, 3);
    assert_eq!(bench.sent(Message::AuthenticationRequest), 1);
}

#[test]
fn registrations_above_the_rate_are_rejected_with_t3346() {
    let mut settings = settings();
    settings.congestion = Some(Congestion { max_registrations_per_s: 4, backoff: Duration::from_secs(600) });
    let mut bench = Bench::with(settings);
    let mut ues: Vec<_> = (1..=3).map(TestUe::new).collect();
    for ue in &mut ues {
        bench.register(ue);
    }
    assert_eq!(ues.iter().filter(|ue| ue.registered).count(), 1);
    let Some(Nas5gmmMessage::RegistrationReject(reject)) = ues[2].received.last() else { panic!() };
    assert_eq!(reject.fgmm_cause.cause(), Some(GmmCause::Congestion));
    assert_eq!(reject.t3346_value.as_ref().unwrap().to_seconds(), Some(600));
    bench.pass(Duration::from_secs(1));
    bench.register(&mut ues[1]);
    assert!(ues[1].registered);
}

#[test]
fn a_ue_without_an_allowed_slice_is_rejected() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    ue.requested = vec![NasSNssai::from_sst_sd(9, None)];
    bench.register(&mut ue);
    let Some(Nas5gmmMessage::RegistrationReject(reject)) = ue.received.last() else { panic!() };
    assert_eq!(reject.fgmm_cause.cause(), Some(GmmCause::NoNetworkSlicesAvailable));
    assert_eq!(reject.rejected_nssai.as_ref().unwrap().entries().len(), 1);
}

#[test]
fn a_stranger_is_told_what_its_home_network_would_say() {
    // Nobody of our own network; and somebody of a network that there is no agreement with.
    for (imsi, cause, refusal) in [
        ("001010000000001", GmmCause::FiveGsServicesNotAllowed, Refusal::UnknownSubscriber),
        ("262010000000001", GmmCause::PlmnNotAllowed, Refusal::HomeNetworkRefused),
    ] {
        let mut bench = Bench::of(settings(), Everyone { nobody: true, ..Everyone::default() });
        let mut ue = TestUe::new(1);
        ue.imsi = imsi.to_owned();
        let did = bench.register(&mut ue);
        let Some(Nas5gmmMessage::RegistrationReject(reject)) = ue.received.last() else { panic!() };
        assert_eq!(reject.fgmm_cause.cause(), Some(cause), "{imsi}");
        assert!(released(&did));
        assert_eq!(bench.refusals(refusal), 1);
    }
}

/// Each row of the table of docs/targets.md that refuses a registration.
#[test]
fn a_refusal_of_the_home_network_reaches_the_ue_as_its_cause() {
    for (answer, cause, authenticated) in [
        (HomeAnswer::UserNotFound, 7, false),
        (HomeAnswer::ServingNetworkNotAuthorized, 73, false),
        (HomeAnswer::NoSubscription, 7, true),
        (HomeAnswer::RoamingNotAllowed, 11, true),
        (HomeAnswer::RoamingNotAllowedInArea, 13, true),
        (HomeAnswer::RoamingNotAllowedInCells, 15, true),
        (HomeAnswer::AccessNotAllowed, 7, true),
        (HomeAnswer::RatNotAllowed, 27, true),
        (HomeAnswer::Barred, 11, true),
    ] {
        let mut bench = Bench::of(settings(), Everyone { refused: Some(answer), ..Everyone::default() });
        let mut ue = TestUe::new(1);
        let did = bench.register(&mut ue);
        let Some(Nas5gmmMessage::RegistrationReject(reject)) = ue.received.last() else { panic!() };
        assert_eq!(reject.fgmm_cause.value, cause, "{answer:?}");
        assert!(released(&did));
        let statistics = bench.core.statistics();
        assert_eq!((statistics.registered, statistics.authentications > 0), (0, authenticated), "{answer:?}");
    }
}

/// And each that refuses a session of a UE that is registered.
#[test]
fn a_refusal_of_the_home_network_s_session_management_reaches_the_ue_as_its_cause() {
    for (answer, cause) in [
        (HomeAnswer::DnnNotAllowed, GsmCause::MissingOrUnknownDnn),
        (HomeAnswer::SessionRoamingNotAllowed, GsmCause::UserAuthenticationOrAuthorizationFailed),
        (HomeAnswer::SessionUserNotFound, GsmCause::UserAuthenticationOrAuthorizationFailed),
    ] {
        let mut bench = Bench::of(settings(), Everyone { refused: Some(answer), ..Everyone::default() });
        let mut ue = TestUe::new(1);
        ue.follow_on = true;
        bench.register(&mut ue);
        assert!(ue.registered, "{answer:?}");
        bench.establish(&mut ue, 1);
        let Some(Nas5gsmMessage::PduSessionEstablishmentReject(reject)) = ue.gsm.last() else { panic!() };
        assert_eq!(reject.fgsm_cause.cause(), Some(cause), "{answer:?}");
        assert_eq!(bench.sessions(), 0);
    }
}

#[test]
fn a_ue_with_null_integrity_alone_is_refused() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    ue.capability = NasUeSecurityCapability::from_capabilities(0x80, 0x80);
    bench.register(&mut ue);
    let Some(Nas5gmmMessage::RegistrationReject(reject)) = ue.received.last() else { panic!() };
    assert_eq!(reject.fgmm_cause.cause(), Some(GmmCause::UeSecurityCapabilitiesMismatch));
}

#[test]
fn unanswered_messages_are_sent_four_times_more() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let request = ue.registration_request();
    bench.initial(&mut ue, request);
    let did = bench.pass(Duration::from_secs(29));
    assert_eq!(nas(&did).len(), 4);
    assert!(!released(&did));
    assert!(released(&bench.pass(Duration::from_secs(2))));
    assert_eq!(bench.refusals(Refusal::AuthenticationTimeout), 1);
    bench.pass(Duration::from_secs(11));
    assert_eq!(bench.core.statistics().connections, 0);
}

#[test]
fn an_accept_is_repeated_under_fresh_counts_and_the_ue_stays_registered() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let request = ue.registration_request();
    let mut did = bench.initial(&mut ue, request);
    while !ue.registered {
        let answer = ue.receive(&nas(&did)[0]).unwrap();
        if !ue.registered {
            did = bench.uplink(&ue, answer);
        }
    }
    // The REGISTRATION COMPLETE is lost: each repetition verifies, for its count is fresh.
    let repeated = nas(&bench.pass(Duration::from_secs(29)));
    assert_eq!(repeated.len(), 4);
    for pdu in repeated {
        assert!(ue.receive(&pdu).is_some());
    }
    assert!(released(&bench.pass(Duration::from_secs(2))));
    let statistics = bench.core.statistics();
    assert_eq!((statistics.registrations_accepted, statistics.registrations_completed), (1, 0));
    assert_eq!((statistics.registered, statistics.refusals(Refusal::RegistrationTimeout)), (1, 1));
}

#[test]
fn the_same_request_again_changes_nothing_and_another_starts_over() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let request = ue.registration_request();
    let first = nas(&bench.initial(&mut ue, request.clone()));
    assert_eq!(nas(&bench.uplink(&ue, request)), Vec::<Vec<u8>>::new());
    assert_eq!(bench.refusals(Refusal::RepeatedRequest), 1);
    ue.follow_on = true;
    let other = ue.registration_request();
    let second = bench.uplink(&ue, other);
    assert_eq!(bench.refusals(Refusal::SupersededRequest), 1);
    assert_ne!(nas(&second), first);
    bench.settle(&mut ue, second);
    assert!(ue.registered);
}

#[test]
fn a_ue_that_comes_back_elsewhere_loses_its_old_connection() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    ue.follow_on = true;
    bench.register(&mut ue);
    let old = ue.amf_id;
    let did = bench.register(&mut ue);
    assert!(did.iter().any(|did| matches!(did, Did::Release { amf_id, .. } if *amf_id == old)), "{did:?}");
    assert_eq!((bench.core.statistics().connections, bench.core.statistics().registered), (1, 1));
}

#[test]
fn the_processing_delay_comes_before_every_answer_and_keeps_the_order() {
    let mut settings = settings();
    settings.processing_delay = Duration::from_millis(10);
    settings.processing_jitter = Duration::from_millis(10);
    let mut bench = Bench::without_gnb(settings);
    assert_eq!(bench.set_up(crate::bench::GNB, 1), []);
    assert_eq!(bench.pass(Duration::from_millis(20)).len(), 1);
    let mut ue = TestUe::new(1);
    let request = ue.registration_request();
    assert_eq!(bench.initial(&mut ue, request), []);
    assert_eq!(bench.pass(Duration::from_millis(9)), []);
    assert_eq!(nas(&bench.pass(Duration::from_millis(11))).len(), 1);
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let run = |seed| {
        let mut settings = settings();
        settings.seed = seed;
        let (mut bench, mut ue) = (Bench::with(settings), TestUe::new(1));
        bench.register(&mut ue)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_malformed_first_message_is_answered_with_a_status_and_the_connection_goes() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    // REGISTRATION REQUEST whose 5G-GUTI is one octet short: TS 24.501 §7.5.1, cause #96
    let did = bench.initial(&mut ue, hex::decode("7e004179000af202f839cafe001122332e02a020").unwrap());
    assert_eq!(nas(&did), [vec![0x7e, 0x00, 0x64, 0x60]]);
    assert!(released(&did));
}

#[test]
fn payload_that_nobody_takes_comes_back() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    ue.follow_on = true;
    bench.register(&mut ue);
    // Of a session that nobody knows.
    let session = Nas5gsMessage::new_5gsm(NasPduSessionReleaseRequest::new(), 5, 1);
    let transport = NasUlNasTransport::new(
        NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation),
        NasPayloadContainer::from_n1_sm_message(&session).unwrap(),
    )
    .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(5));
    let transport = ue.protect(transport);
    let did = bench.uplink(&ue, transport);
    bench.settle(&mut ue, did);
    let Some(Nas5gmmMessage::DlNasTransport(back)) = ue.received.last() else { panic!() };
    assert_eq!(back.fgmm_cause.as_ref().unwrap().cause(), Some(GmmCause::PayloadWasNotForwarded));
}

#[test]
fn a_status_is_never_answered() {
    let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
    let request = ue.registration_request();
    bench.initial(&mut ue, request);
    let status = plain(NasFGmmStatus::new(NasFGmmCause::from_cause(GmmCause::SemanticallyIncorrectMessage)));
    assert_eq!(bench.uplink(&ue, status), []);
}
