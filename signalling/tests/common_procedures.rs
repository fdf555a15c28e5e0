//! Authentication, security mode, identification and configuration update, with each abnormal case (TS 24.501 §5.4).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use network::*;
use oxirush_nas::Direction;
use oxirush_nas::nas_5gs::*;
use oxirush_security::Rand;
use oxirush_security::milenage::Auts;
use signalling::{AuthenticationFailure, Cause, Outcome, Procedure, Retry, Timer, UeAction, UeEvent};

fn challenged() -> (Phone, Network) {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    (phone, Network::default())
}

fn failure(network: &mut Network, actions: &[UeAction]) -> NasAuthenticationFailure {
    let Nas5gmmMessage::AuthenticationFailure(failure) = network.read(&sent(actions)) else { panic!() };
    *failure
}

#[test]
fn wrong_mac_is_answered_with_cause_20_and_stops_t3510() {
    let (mut phone, mut network) = challenged();
    let challenge = network.challenge_with(64, [0x80, 0], Some(15));
    let actions = phone.downlink(&challenge);
    assert_eq!(failure(&mut network, &actions).fgmm_cause.value, 20);
    assert!(phone.timers.contains_key(&Timer::T3520) && !phone.timers.contains_key(&Timer::T3510));
    // A right challenge goes on.
    let actions = phone.downlink(&network.challenge());
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::AuthenticationResponse(_)));
    assert!(!phone.timers.contains_key(&Timer::T3520) && phone.timers.contains_key(&Timer::T3510));
}

#[test]
fn stale_sqn_is_answered_with_cause_21_and_an_auts_that_resynchronises() {
    let (mut phone, mut network) = registered(settings());
    let highest = network.sqn;
    phone.handle(UeEvent::ConnectionReleased);
    phone.start(Procedure::Registration);
    network.ng_ksi = 1;
    let stale = network.challenge_with(highest, [0x80, 0], None);
    let actions = phone.downlink(&stale);
    let failure = failure(&mut network, &actions);
    assert_eq!(failure.fgmm_cause.value, 21);
    let auts = *failure.authentication_failure_parameter.unwrap().auts().unwrap();
    let sqn = Network::milenage().verify_auts(&Rand::new(&network.rand), &Auts::new(&auts)).unwrap();
    assert_eq!(sqn.get(), highest);
    let actions = phone.downlink(&network.challenge());
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::AuthenticationResponse(_)));
}

#[test]
fn clear_separation_bit_is_answered_with_cause_26() {
    let (mut phone, mut network) = challenged();
    let challenge = network.challenge_with(64, [0, 0], None);
    let actions = phone.downlink(&challenge);
    assert_eq!(failure(&mut network, &actions).fgmm_cause.value, 26);
}

#[test]
fn ngksi_in_use_is_answered_with_cause_71() {
    let (mut phone, mut network) = idle(settings());
    phone.start(Procedure::Registration);
    let actions = phone.downlink(&network.challenge());
    assert_eq!(failure(&mut network, &actions).fgmm_cause.value, 71);
}

#[test]
fn three_failures_in_a_row_make_the_network_not_genuine() {
    let (mut phone, mut network) = challenged();
    for _ in 0..2 {
        let challenge = network.challenge_with(64, [0x80, 0], Some(15));
        assert!(outcomes(&phone.downlink(&challenge)).is_empty());
    }
    let challenge = network.challenge_with(64, [0x80, 0], Some(15));
    let actions = phone.downlink(&challenge);
    let expected = Outcome::Failed(Cause::AuthenticationRefused(AuthenticationFailure::MacFailure));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
    assert_eq!(expected.to_string(), "mac-failure-from-network");
    assert!(actions.contains(&UeAction::ReleaseConnection) && !phone.ue.is_connected());
}

#[test]
fn t3520_expiry_ends_the_attempt() {
    let (mut phone, mut network) = challenged();
    phone.downlink(&network.challenge_with(64, [0x80, 0], Some(15)));
    let actions = phone.expire(Timer::T3520);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::TimedOut(Timer::T3520))]);
    assert!(actions.contains(&UeAction::ReleaseConnection));
}

#[test]
fn release_after_a_refused_challenge_tells_what_was_refused() {
    let (mut phone, mut network) = challenged();
    phone.downlink(&network.challenge_with(64, [0x80, 0], Some(15)));
    let actions = phone.handle(UeEvent::ConnectionReleased);
    let expected = Outcome::Failed(Cause::AuthenticationRefused(AuthenticationFailure::MacFailure));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
}

#[test]
fn repeated_challenge_is_answered_alike_while_t3516_runs() {
    let (mut phone, mut network) = challenged();
    let challenge = network.challenge();
    let first = sent(&phone.downlink(&challenge));
    assert_eq!(sent(&phone.downlink(&challenge)), first);
    phone.expire(Timer::T3516);
    let actions = phone.downlink(&challenge);
    assert_eq!(failure(&mut network, &actions).fgmm_cause.value, 21);
}

#[test]
fn challenge_without_rand_is_a_conditional_ie_error() {
    let (mut phone, mut network) = challenged();
    let challenge = NasAuthenticationRequest::new(NasKeySetIdentifier::new(0), NasAbba::new(vec![0, 0]));
    let actions = phone.downlink(&plain(challenge));
    let Nas5gmmMessage::FiveGmmStatus(status) = network.read(&sent(&actions)) else { panic!() };
    assert_eq!(status.fgmm_cause.value, 100);
}

#[test]
fn authentication_reject_ends_the_attempt() {
    let (mut phone, _) = challenged();
    let actions = phone.downlink(&plain(NasAuthenticationReject::new()));
    let expected = Outcome::Failed(Cause::AuthenticationRejected);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
}

#[test]
fn altered_capabilities_are_rejected_with_cause_23() {
    let (mut phone, mut network) = challenged();
    phone.downlink(&network.challenge());
    let (nea, nia) = (CipheringAlgorithm::NEA2, IntegrityAlgorithm::NIA2);
    network.fresh_context(nea, nia);
    let mut command = network.command(nea, nia);
    command.replayed_ue_security_capabilities = NasUeSecurityCapability::new(vec![0x80, 0x70]);
    let command = network.protect_new(command);
    let reject = sent(&phone.downlink(&command));
    let Nas5gmmMessage::SecurityModeReject(reject) = network.read(&reject) else { panic!() };
    assert_eq!(reject.fgmm_cause.value, 23);
    let actions = phone.handle(UeEvent::ConnectionReleased);
    let expected = Outcome::Failed(Cause::SecurityModeRefused(23));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
}

#[test]
fn algorithm_that_was_not_offered_is_rejected_with_cause_23() {
    let mut phone = Phone::new(signalling::UeSettings { integrity: vec![2], ..settings() });
    let mut network = Network::default();
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let (nea, nia) = (CipheringAlgorithm::NEA2, IntegrityAlgorithm::NIA1);
    network.fresh_context(nea, nia);
    let command = network.command(nea, nia);
    let command = network.protect_new(command);
    let Nas5gmmMessage::SecurityModeReject(reject) = network.read(&sent(&phone.downlink(&command))) else {
        panic!()
    };
    assert_eq!(reject.fgmm_cause.value, 23);
}

#[test]
fn wrong_mac_of_a_security_mode_command_is_rejected_with_cause_24() {
    let (mut phone, mut network) = challenged();
    phone.downlink(&network.challenge());
    let mut command = network.security_mode_command();
    command[3] ^= 1;
    let Nas5gmmMessage::SecurityModeReject(reject) = network.read(&sent(&phone.downlink(&command))) else {
        panic!()
    };
    assert_eq!(reject.fgmm_cause.value, 24);
}

#[test]
fn security_mode_command_without_an_authentication_is_rejected_with_cause_24() {
    let (mut phone, mut network) = challenged();
    network.challenge();
    let command = network.security_mode_command();
    let Nas5gmmMessage::SecurityModeReject(reject) = network.read(&sent(&phone.downlink(&command))) else {
        panic!()
    };
    assert_eq!(reject.fgmm_cause.value, 24);
}

#[test]
fn security_mode_command_that_is_repeated_octet_for_octet_is_discarded() {
    let (mut phone, mut network) = challenged();
    phone.downlink(&network.challenge());
    let command = network.security_mode_command();
    phone.downlink(&command);
    assert_eq!(phone.downlink(&command), [UeAction::Unexpected("nas-replay")]);
}

#[test]
fn algorithms_change_under_the_same_key() {
    let (mut phone, mut network) = registered(settings());
    let (nea, nia) = (CipheringAlgorithm::NEA1, IntegrityAlgorithm::NIA3);
    let k_amf = network.k_amf.clone().unwrap();
    network.context.as_mut().unwrap().reselect_algorithms(&k_amf, nia, nea).unwrap();
    let command = network.command(nea, nia);
    let command = network.protect_new(command);
    let complete = sent(&phone.downlink(&command));
    assert!(matches!(network.read(&complete), Nas5gmmMessage::SecurityModeComplete(_)));
}

#[test]
fn identities_are_given_as_the_protection_allows() {
    let (mut phone, mut network) = challenged();
    let request = |kind: u8| NasIdentityRequest::new(NasFGsIdentityType::new(kind));
    let Nas5gmmMessage::IdentityResponse(response) = network.read(&sent(&phone.downlink(&plain(request(1)))))
    else {
        panic!()
    };
    assert!(response.mobile_identity.as_suci().is_some());
    assert_eq!(unexpected(&phone.downlink(&plain(request(5)))), ["nas-unprotected"]);

    let (mut phone, mut network) = registered(settings());
    for (kind, text) in [
        (1, "suci-0-001-01-0-0-0-0000000007"),
        (2, "5g-guti-0010101004011223344"),
        (3, "imei-000100170000070"),
        (5, "imeisv-0001001700000701"),
        (6, "no identity"),
    ] {
        let answer = sent(&phone.downlink(&network.protect(request(kind))));
        let Nas5gmmMessage::IdentityResponse(response) = network.read(&answer) else { panic!() };
        let given = response.mobile_identity.to_string();
        println!("{kind}: {given}");
        if kind != 3 && kind != 2 && kind != 6 {
            assert_eq!(given, text);
        }
        assert!(response.mobile_identity.is_well_formed(), "{kind}");
    }
}

#[test]
fn unprotected_messages_are_discarded_once_security_is_on() {
    let (mut phone, mut network) = registered(settings());
    let reject = NasRegistrationReject::new(NasFGmmCause::new(3));
    for message in [plain(reject), plain(NasAuthenticationReject::new()), network.challenge()] {
        assert_eq!(phone.downlink(&message), [UeAction::Unexpected("nas-unprotected")]);
    }
    assert!(phone.ue.is_registered());
}

#[test]
fn replayed_and_forged_messages_are_discarded() {
    let (mut phone, mut network) = registered(settings());
    let message = network.protect(NasFGmmStatus::new(NasFGmmCause::new(111)));
    assert_eq!(phone.downlink(&message), [UeAction::Unexpected("5gmm-status")]);
    assert_eq!(phone.downlink(&message), [UeAction::Unexpected("nas-replay")]);
    let mut forged = network.protect(NasAuthenticationReject::new());
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(phone.downlink(&forged), [UeAction::Unexpected("nas-integrity")]);
}

#[test]
fn configuration_update_gives_a_new_guti_and_is_acknowledged() {
    let (mut phone, mut network) = registered(settings());
    network.tmsi = 0x5566_7788;
    let command = NasConfigurationUpdateCommand::new()
        .with_configuration_update_indication(NasConfigurationUpdateIndication::from_flags(true, false))
        .with_fg_guti(network.guti());
    let actions = phone.downlink(&network.protect(command));
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::ConfigurationUpdateComplete(_)));
    assert_eq!(phone.ue.s_tmsi().unwrap().tmsi(), 0x5566_7788);
    let command = NasConfigurationUpdateCommand::new();
    assert!(phone.downlink(&network.protect(command)).is_empty());
}

#[test]
fn configuration_update_that_asks_for_registration_gets_it_after_the_release() {
    let retry = Retry::AsSpecified;
    let (mut phone, mut network) = registered(signalling::UeSettings { retry, ..settings() });
    let command = NasConfigurationUpdateCommand::new()
        .with_configuration_update_indication(NasConfigurationUpdateIndication::from_flags(false, true));
    phone.downlink(&network.protect(command));
    let actions = phone.handle(UeEvent::ConnectionReleased);
    assert_eq!(started(&actions), [Procedure::MobilityRegistrationUpdate]);
}

#[test]
fn protocol_errors_are_answered_with_5gmm_status() {
    let (mut phone, mut network) = registered(settings());
    let mut status = |phone: &mut Phone, inner: &[u8]| {
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered;
        let context = network.context.as_mut().unwrap();
        let octets = context.protect_opaque_payload(inner.to_vec(), header, Direction::Downlink).unwrap();
        let actions = phone.downlink(&octets);
        let Nas5gmmMessage::FiveGmmStatus(status) = network.read(&sent(&actions)) else { panic!() };
        status.fgmm_cause.value
    };
    assert_eq!(status(&mut phone, &[0x7e, 0, 0x01]), 97, "a type that does not exist");
    assert_eq!(status(&mut phone, &[0x7e, 0, 0x44]), 96, "a REGISTRATION REJECT without its cause");
    assert_eq!(status(&mut phone, &[0x7e, 0, 0x4e]), 98, "a SERVICE ACCEPT that nothing asked for");
    assert_eq!(status(&mut phone, &[0x7e, 0, 0x43]), 97, "what only a UE sends");
}
