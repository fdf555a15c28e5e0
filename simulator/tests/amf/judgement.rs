//! The AMF is no echo: what a UE may not do is refused as the specification says.

use oxirush_nas::nas_5gs::*;
use simulator::amf::{Message, Refusal};

use crate::bench::{Bench, nas, released};
use crate::ue::{TestUe, authentication_response, plain, synch_failure, usim};

/// A UE whose next message from the AMF is in the returned list.
fn challenged(bench: &mut Bench) -> (TestUe, Vec<u8>) {
    let mut ue = TestUe::new(1);
    let request = ue.registration_request();
    let did = bench.initial(&mut ue, request);
    (ue, nas(&did).remove(0))
}

fn connected(bench: &mut Bench) -> TestUe {
    let mut ue = TestUe::new(1);
    ue.follow_on = true;
    bench.register(&mut ue);
    assert!(ue.registered);
    ue
}

#[test]
fn a_wrong_res_star_is_rejected_and_the_connection_released() {
    let mut bench = Bench::new();
    let (mut ue, _) = challenged(&mut bench);
    let did = bench.uplink(&ue, authentication_response([0xaa; 16]));
    bench.settle(&mut ue, did.clone());
    assert!(matches!(ue.received.last(), Some(Nas5gmmMessage::AuthenticationReject(_))), "{:?}", ue.received);
    assert!(released(&did));
    assert_eq!(bench.refusals(Refusal::WrongResStar), 1);
    assert_eq!((bench.core.statistics().registered, bench.core.statistics().ues), (0, 0));
}

#[test]
fn a_wrong_res_star_of_a_guti_is_first_asked_for_its_suci() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    let request = ue.registration_request();
    bench.initial(&mut ue, request);
    let did = bench.uplink(&ue, authentication_response([0xaa; 16]));
    assert_eq!(bench.sent(Message::IdentityRequest), 1);
    bench.settle(&mut ue, did);
    assert_eq!(bench.core.statistics().registrations_completed, 2);
}

#[test]
fn a_wrong_mac_is_discarded() {
    let mut bench = Bench::new();
    let (mut ue, challenge) = challenged(&mut bench);
    let answer = ue.receive(&challenge).unwrap();
    let command = nas(&bench.uplink(&ue, answer)).remove(0);
    let mut complete = ue.receive(&command).unwrap();
    complete[3] ^= 1;
    assert_eq!(bench.uplink(&ue, complete.clone()), []);
    assert_eq!(bench.refusals(Refusal::NasIntegrity), 1);
    assert_eq!(bench.core.statistics().registered, 0);
    complete[3] ^= 1;
    let did = bench.uplink(&ue, complete);
    bench.settle(&mut ue, did);
    assert!(ue.registered);
}

#[test]
fn a_replayed_count_is_discarded() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench);
    let request = ue.deregistration_request(false);
    let replayed = request.clone();
    let did = bench.uplink(&ue, request);
    assert_eq!(nas(&did).len(), 1);
    bench.settle(&mut ue, did);
    // Once more in the next registration's security context, and once on a new connection under the old one.
    let before = bench.refusals(Refusal::NasReplay);
    let did = bench.initial(&mut ue, replayed);
    assert_eq!(nas(&did), Vec::<Vec<u8>>::new());
    assert_eq!((bench.refusals(Refusal::NasReplay), bench.refusals(Refusal::NasIntegrity)), (before + 1, 0));
}

#[test]
fn a_replayed_deregistration_does_not_deregister() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    // Sent, lost on the way, and replayed by somebody after the UE has sent something newer.
    let stolen = ue.deregistration_request(true);
    ue.kind = RegistrationType::PeriodicRegistrationUpdating;
    bench.register(&mut ue);
    let mut thief = TestUe::new(2);
    bench.initial(&mut thief, stolen);
    assert_eq!(bench.core.statistics().registered, 1);
    assert_eq!((bench.refusals(Refusal::NasReplay), bench.refusals(Refusal::NasIntegrity)), (1, 0));
}

#[test]
fn plain_messages_are_discarded_once_the_exchange_is_secure() {
    let mut bench = Bench::new();
    let ue = connected(&mut bench);
    for body in [
        plain(NasRegistrationComplete::new()),
        plain(NasSecurityModeReject::new(NasFGmmCause::from_cause(
            GmmCause::SecurityModeRejectedUnspecified,
        ))),
        authentication_response([0; 16]),
    ] {
        assert_eq!(bench.uplink(&ue, body), []);
    }
    assert_eq!(bench.refusals(Refusal::NotProtected), 3);
    assert_eq!(bench.core.statistics().registered, 1);
}

#[test]
fn a_plain_registration_complete_or_security_mode_complete_is_never_believed() {
    let mut bench = Bench::new();
    let (mut ue, challenge) = challenged(&mut bench);
    let answer = ue.receive(&challenge).unwrap();
    bench.uplink(&ue, answer);
    assert_eq!(bench.uplink(&ue, plain(NasSecurityModeComplete::new())), []);
    assert_eq!(bench.uplink(&ue, plain(NasRegistrationComplete::new())), []);
    assert_eq!(bench.refusals(Refusal::NotProtected), 2);
    assert_eq!(bench.core.statistics().registrations_accepted, 0);
}

#[test]
fn messages_out_of_state_are_ignored() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench);
    for body in [
        ue.protect(NasRegistrationComplete::new()),
        ue.protect(NasConfigurationUpdateComplete::new()),
        ue.protect(NasDeregistrationAcceptUeTerminated::new()),
        ue.protect_new(NasSecurityModeComplete::new()),
    ] {
        assert_eq!(bench.uplink(&ue, body), []);
    }
    assert_eq!(bench.refusals(Refusal::OutOfState), 4);
    assert_eq!(bench.core.statistics().registered, 1);
    let (waiting, _) = challenged(&mut bench);
    let reject =
        NasSecurityModeReject::new(NasFGmmCause::from_cause(GmmCause::SecurityModeRejectedUnspecified));
    assert_eq!(bench.uplink(&waiting, plain(reject)), []);
    assert_eq!(bench.refusals(Refusal::OutOfState), 5);
}

#[test]
fn a_first_message_that_starts_nothing_is_not_kept() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    let did = bench.initial(&mut ue, authentication_response([0; 16]));
    assert!(nas(&did).is_empty() && released(&did));
}

#[test]
fn a_registration_under_a_wrong_mac_is_authenticated_anew() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    ue.kind = RegistrationType::PeriodicRegistrationUpdating;
    let mut request = ue.registration_request();
    request[2] ^= 0xff;
    let did = bench.initial(&mut ue, request);
    assert_eq!(bench.refusals(Refusal::NasIntegrity), 1);
    assert_eq!(bench.sent(Message::AuthenticationRequest), 2);
    bench.settle(&mut ue, did);
    assert_eq!(bench.core.statistics().registrations_completed, 2);
}

#[test]
fn a_service_request_under_a_wrong_mac_is_rejected_and_the_ue_stays_registered() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    let mut request = ue.service_request(ServiceType::Signalling);
    request[2] ^= 0xff;
    let did = bench.initial(&mut ue, request);
    assert_eq!(nas(&did), [vec![0x7e, 0x00, 0x4d, 0x09]]);
    assert!(released(&did));
    assert_eq!((bench.refusals(Refusal::NasIntegrity), bench.core.statistics().registered), (1, 1));
}

#[test]
fn a_plain_deregistration_of_a_known_ue_is_ignored() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    let identity = NasFGsMobileIdentity::from_guti(ue.guti.unwrap());
    let kind = NasDeRegistrationType::new(0).with_access_type(AccessTypeValue::ThreeGppAccess);
    let ksi = NasKeySetIdentifier::from_key_set_identifier(KeySetIdentifier::NoKey).unwrap();
    let mut thief = TestUe::new(2);
    bench.initial(&mut thief, plain(NasDeregistrationRequestUeOriginating::new(kind, ksi, identity)));
    assert_eq!((bench.refusals(Refusal::NotProtected), bench.core.statistics().registered), (1, 1));
}

#[test]
fn a_usim_that_is_ahead_is_resynchronised() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    ue.sqn_ms = 5000 << 5 | 3;
    bench.register(&mut ue);
    assert!(ue.registered);
    assert_eq!(ue.sqn_ms >> 5, 5001);
    assert_eq!(bench.refusals(Refusal::UeFoundSynchFailure), 1);
}

#[test]
fn a_forged_auts_is_rejected_and_moves_nothing() {
    let mut bench = Bench::new();
    let (mut ue, challenge) = challenged(&mut bench);
    let Nas5gsMessage::Gmm(_, Nas5gmmMessage::AuthenticationRequest(request)) =
        Nas5gsMessage::decode(&challenge).unwrap()
    else {
        panic!()
    };
    let rand = *request.authentication_parameter_rand.as_ref().unwrap().rand().unwrap();
    let sqn = oxirush_security::milenage::Sqn::try_from(1 << 40).unwrap();
    let mut auts = *usim().auts(&oxirush_security::Rand::new(&rand), &sqn).as_octets();
    auts[13] ^= 1;
    let did = bench.uplink(&ue, synch_failure(auts));
    bench.settle(&mut ue, did);
    assert!(matches!(ue.received.last(), Some(Nas5gmmMessage::AuthenticationReject(_))));
    assert_eq!(bench.refusals(Refusal::WrongAuts), 1);
    let mut again = TestUe::new(1);
    bench.register(&mut again);
    assert_eq!(again.sqn_ms >> 5, 2);
}

#[test]
fn a_second_authentication_failure_in_a_row_ends_it() {
    let mut bench = Bench::new();
    let (mut ue, _) = challenged(&mut bench);
    let in_use =
        || plain(NasAuthenticationFailure::new(NasFGmmCause::from_cause(GmmCause::NgKsiAlreadyInUse)));
    assert_eq!(nas(&bench.uplink(&ue, in_use())).len(), 1);
    let did = bench.uplink(&ue, in_use());
    bench.settle(&mut ue, did);
    assert!(matches!(ue.received.last(), Some(Nas5gmmMessage::AuthenticationReject(_))));
}

#[test]
fn who_takes_a_foreign_suci_does_not_disturb_its_ue() {
    let mut bench = Bench::new();
    let ue = connected(&mut bench);
    let mut thief = TestUe::new(1);
    let request = thief.registration_request();
    bench.initial(&mut thief, request);
    let did = bench.uplink(&thief, authentication_response([1; 16]));
    bench.settle(&mut thief, did);
    let statistics = bench.core.statistics();
    assert_eq!((statistics.registered, statistics.connections), (1, 1));
    assert_eq!(ue.amf_id, 1);
}
