//! Initial registration, against hand-built network messages (TS 24.501 §5.5.1.2).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::Duration;

use network::*;
use oxirush_nas::Direction;
use oxirush_nas::nas_5gs::*;
use signalling::{Cause, ConnectionRefusal, Outcome, Procedure, Retry, SuciScheme, Timer, UeAction, UeEvent};

fn reject(cause: u8) -> NasRegistrationReject {
    NasRegistrationReject::new(NasFGmmCause::new(cause))
}

#[test]
fn registration_with_every_algorithm_succeeds() {
    use CipheringAlgorithm as Nea;
    use IntegrityAlgorithm as Nia;
    for nea in [Nea::NEA0, Nea::NEA1, Nea::NEA2, Nea::NEA3] {
        for nia in [Nia::NIA1, Nia::NIA2, Nia::NIA3] {
            let (mut phone, mut network) = (Phone::new(settings()), Network::default());
            let actions = phone.start(Procedure::Registration);
            let Nas5gmmMessage::RegistrationRequest(request) = network.read(&sent(&actions)) else {
                panic!()
            };
            assert_eq!(request.fgs_mobile_identity.to_string(), "suci-0-001-01-0-0-0-0000000007");
            assert_eq!(request.ngksi.value, 7);
            assert!(request.requested_nssai.is_none(), "not a cleartext IE");
            let response = sent(&phone.downlink(&network.challenge()));
            let Nas5gmmMessage::AuthenticationResponse(response) = network.read(&response) else { panic!() };
            let res_star = response.authentication_response_parameter.unwrap();
            assert_eq!(res_star.res_star(), Some(&network.res_star(network.sqn)));

            network.fresh_context(nea, nia);
            let command = network.command(nea, nia).with_imeisv_request(NasImeisvRequest::new(1));
            let command = network.protect_new(command);
            let complete = sent(&phone.downlink(&command));
            assert_eq!(complete[1], 4, "under the new context, ciphered");
            let Nas5gmmMessage::SecurityModeComplete(complete) = network.read(&complete) else { panic!() };
            assert_eq!(complete.imeisv.unwrap().as_imeisv().unwrap().to_string(), "0001001700000701");
            let contained = complete.nas_message_container.unwrap().decode_as_nas_message().unwrap();
            let Nas5gsMessage::Gmm(_, Nas5gmmMessage::RegistrationRequest(contained)) = contained else {
                panic!()
            };
            assert!(contained.requested_nssai.is_some() && contained.fgmm_capability.is_some());

            let accept = network.accept();
            let actions = phone.downlink(&network.protect(accept));
            assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::RegistrationComplete(_)));
            assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Succeeded)]);
            assert!(phone.ue.is_registered() && phone.ue.is_idle_for_attempts());
            assert_eq!(phone.ue.s_tmsi().unwrap().tmsi(), network.tmsi);
            assert_eq!(phone.timers.keys().collect::<Vec<_>>(), [&Timer::T3540]);
            phone.handle(UeEvent::ConnectionReleased);
            assert_eq!(phone.timers[&Timer::T3512], Duration::from_secs(1800));
        }
    }
}

#[test]
fn registration_with_concealed_supi_is_deconcealed_by_the_home_network() {
    use oxirush_security::nas_5gs::{HomeNetworkPrivateKey, Suci};
    let a = HomeNetworkPrivateKey::profile_a(&[7; 32]);
    let b = HomeNetworkPrivateKey::profile_b(&[7; 32]).unwrap();
    let public_a = a.public_key().to_octets().try_into().unwrap();
    let public_b = {
        let octets = b.public_key().to_octets();
        <[u8; 33]>::try_from(octets).unwrap()
    };
    for (scheme, key) in [
        (SuciScheme::ProfileA { key_id: 3, public_key: public_a }, a),
        (SuciScheme::ProfileB { key_id: 4, public_key: public_b }, b),
    ] {
        let mut phone = Phone::new(signalling::UeSettings { suci: scheme, ..settings() });
        let mut network = Network::default();
        let request = sent(&phone.start(Procedure::Registration));
        let Nas5gmmMessage::RegistrationRequest(request) = network.read(&request) else { panic!() };
        let suci = Suci::from_nas_octets(&request.fgs_mobile_identity.value).unwrap();
        assert_eq!(suci.deconceal(Some(&key)).unwrap().identity(), IMSI);
        // The same seed conceals alike, so that a run can be repeated.
        let mut again = Phone::new(signalling::UeSettings { suci: scheme, ..settings() });
        let Nas5gmmMessage::RegistrationRequest(second) =
            network.read(&sent(&again.start(Procedure::Registration)))
        else {
            panic!()
        };
        assert_eq!(second.fgs_mobile_identity, request.fgs_mobile_identity);
    }
}

#[test]
fn registration_again_uses_the_guti_and_the_security_context() {
    let (mut phone, mut network) = idle(settings());
    let actions = phone.start(Procedure::Registration);
    let request = sent(&actions);
    assert_eq!(request[1], 1, "integrity protected, not ciphered");
    let verified = network.context.as_mut().unwrap().unprotect(&request, Direction::Uplink).unwrap();
    let complete = verified.message.to_string();
    assert!(complete.contains("5g-guti-00101"), "{complete}");
    let cleartext = verified.sent.unwrap().to_string();
    assert!(!cleartext.contains("NSSAI"), "{cleartext}");
    let UeAction::Connect { s_tmsi, .. } =
        &actions.iter().find(|a| matches!(a, UeAction::Connect { .. })).unwrap()
    else {
        panic!()
    };
    assert_eq!(s_tmsi.unwrap().tmsi(), network.tmsi);
    let accept = network.accept();
    let actions = phone.downlink(&network.protect(accept));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Succeeded)]);
}

#[test]
fn t3510_expiry_ends_registration_as_timeout() {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    let actions = phone.expire(Timer::T3510);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::TimedOut(Timer::T3510))]);
    assert!(actions.contains(&UeAction::ReleaseConnection));
    assert!(!phone.timers.contains_key(&Timer::T3511), "nothing is retried");
}

#[test]
fn t3511_and_t3502_repeat_a_registration_as_specified() {
    let mut phone = Phone::new(signalling::UeSettings { retry: Retry::AsSpecified, ..settings() });
    phone.start(Procedure::Registration);
    let mut procedure = Procedure::Registration;
    for attempt in 1..=5 {
        let actions = phone.expire(Timer::T3510);
        assert_eq!(outcomes(&actions), [(procedure, Outcome::TimedOut(Timer::T3510))], "{attempt}");
        procedure = Procedure::RegistrationRetry;
        let timer = if attempt < 5 { Timer::T3511 } else { Timer::T3502 };
        let actions = phone.expire(timer);
        assert_eq!(started(&actions), [procedure], "{attempt}");
    }
}

#[test]
fn registration_reject_ends_the_attempt_with_its_cause() {
    for (cause, text) in
        [(3, "illegal-ue"), (11, "plmn-not-allowed"), (22, "congestion"), (200, "5gmm-cause-200")]
    {
        let mut phone = Phone::new(settings());
        phone.start(Procedure::Registration);
        let actions = phone.downlink(&plain(reject(cause)));
        let expected = Outcome::Failed(Cause::Gmm(cause));
        assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
        assert_eq!(expected.to_string(), text);
        assert_eq!(phone.timers.keys().collect::<Vec<_>>(), [&Timer::T3540]);
        phone.expire(Timer::T3540);
        assert!(!phone.ue.is_connected());
    }
}

#[test]
fn registration_reject_of_cause_76_is_not_taken_unprotected() {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    let actions = phone.downlink(&plain(reject(76)));
    assert_eq!(unexpected(&actions), ["nas-unprotected"]);
    assert!(!phone.ue.is_idle_for_attempts());
}

#[test]
fn congestion_backs_off_by_t3346_as_specified() {
    let mut phone = Phone::new(signalling::UeSettings { retry: Retry::AsSpecified, ..settings() });
    let mut network = Network::default();
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let complete = phone.downlink(&network.security_mode_command());
    network.read(&sent(&complete));
    let message = reject(22).with_t3346_value(NasGprsTimer2::from_seconds(60).unwrap());
    phone.downlink(&network.protect(message));
    assert_eq!(phone.timers[&Timer::T3346], Duration::from_secs(60));
    phone.handle(UeEvent::ConnectionReleased);
    let refused = phone.start(Procedure::Registration);
    assert_eq!(outcomes(&refused), [(Procedure::Registration, Outcome::Failed(Cause::Barred))]);
    assert_eq!(started(&phone.expire(Timer::T3346)), [Procedure::RegistrationRetry]);
}

#[test]
fn congestion_that_is_not_protected_draws_its_own_t3346() {
    let mut phone = Phone::new(signalling::UeSettings { retry: Retry::AsSpecified, ..settings() });
    phone.start(Procedure::Registration);
    let message = reject(22).with_t3346_value(NasGprsTimer2::from_seconds(2).unwrap());
    phone.downlink(&plain(message));
    assert!((900..=1800).contains(&phone.timers[&Timer::T3346].as_secs()));
}

#[test]
fn illegal_ue_deletes_the_guti_and_invalidates_the_usim() {
    let retry = Retry::AsSpecified;
    let (mut phone, mut network) = idle(signalling::UeSettings { retry, ..settings() });
    let request = sent(&phone.start(Procedure::Registration));
    network.read(&request);
    phone.downlink(&network.protect(reject(3)));
    assert_eq!(phone.ue.s_tmsi(), None);
    phone.handle(UeEvent::ConnectionReleased);
    let actions = phone.start(Procedure::Registration);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Failed(Cause::Barred))]);
}

#[test]
fn forbidden_tracking_area_is_left_alone_until_the_ue_moves() {
    let retry = Retry::AsSpecified;
    let (mut phone, mut network) = idle(signalling::UeSettings { retry, ..settings() });
    network.read(&sent(&phone.start(Procedure::Registration)));
    phone.downlink(&network.protect(reject(12)));
    phone.handle(UeEvent::ConnectionReleased);
    let actions = phone.start(Procedure::Registration);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Failed(Cause::Barred))]);
    phone.tac = 9;
    assert!(outcomes(&phone.start(Procedure::Registration)).is_empty());
}

#[test]
fn connection_trouble_ends_the_attempt_once() {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    let refusal = ConnectionRefusal::CellAtCapacity;
    let actions = phone.handle(UeEvent::ConnectionRefused(refusal));
    let expected = Outcome::Failed(Cause::Connection(refusal));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
    assert!(phone.handle(UeEvent::ConnectionReleased).is_empty());
    phone.start(Procedure::Registration);
    let actions = phone.handle(UeEvent::ConnectionReleased);
    let expected = Outcome::Failed(Cause::ConnectionReleased);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
    assert!(phone.timers.keys().all(|timer| *timer == Timer::T3519), "{:?}", phone.timers);
}

#[test]
fn a_second_start_is_refused_while_the_first_runs() {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    let actions = phone.start(Procedure::Registration);
    let expected = Outcome::Failed(Cause::ProcedureRunning);
    assert_eq!(outcomes(&actions), [(Procedure::Registration, expected)]);
    assert!(!phone.ue.is_idle_for_attempts());
}

#[test]
fn registration_accept_again_is_completed_again() {
    let (mut phone, mut network) = registered(settings());
    let accept = network.accept();
    let actions = phone.downlink(&network.protect(accept));
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::RegistrationComplete(_)));
    assert!(outcomes(&actions).is_empty());
}

#[test]
fn suci_is_kept_while_t3519_runs() {
    let public_key = oxirush_security::nas_5gs::HomeNetworkPrivateKey::profile_a(&[7; 32]).public_key();
    let suci = SuciScheme::ProfileA { key_id: 1, public_key: public_key.to_octets().try_into().unwrap() };
    let mut phone = Phone::new(signalling::UeSettings { suci, ..settings() });
    let first = sent(&phone.start(Procedure::Registration));
    phone.expire(Timer::T3510);
    let second = sent(&phone.start(Procedure::Registration));
    assert_eq!(first, second);
    phone.expire(Timer::T3510);
    phone.expire(Timer::T3519);
    assert_ne!(sent(&phone.start(Procedure::Registration)), first);
}

#[test]
fn registered_idle_ue_fits_768_octets() {
    let (phone, _) = idle(settings());
    let octets = size_of::<signalling::Device>() + phone.ue.heap_octets();
    println!("size_of::<Ue>() {}, heap {}", size_of::<signalling::Device>(), phone.ue.heap_octets());
    assert!(octets <= 768, "{octets}");
}

/// §5.5.1.2.4 has the network assign a 5G-GUTI. Without one a UE is registered all the same, can be asked for nothing that is asked
/// for by it, and de-registers by its SUCI (§5.5.2.2.1).
#[test]
fn registration_without_a_guti_succeeds_and_is_named_and_what_needs_one_says_so() {
    let (mut phone, mut network) = (Phone::new(settings()), Network::default());
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let complete = sent(&phone.downlink(&network.security_mode_command()));
    network.read(&complete);
    let mut accept = network.accept();
    accept.fg_guti = None;
    let actions = phone.downlink(&network.protect(accept));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Succeeded)]);
    assert_eq!(unexpected(&actions), ["registration-without-5g-guti"]);
    let sends = |action: &UeAction| matches!(action, UeAction::Uplink(_) | UeAction::Connect { .. });
    assert!(!actions.iter().any(sends), "there is nothing to complete: {actions:?}");
    assert!(phone.ue.is_registered() && phone.ue.s_tmsi().is_none());
    phone.handle(UeEvent::ConnectionReleased);

    for procedure in [
        Procedure::ServiceRequest,
        Procedure::PeriodicRegistrationUpdate,
        Procedure::MobilityRegistrationUpdate,
    ] {
        let actions = phone.start(procedure);
        let failed = Outcome::Failed(Cause::NoGuti);
        assert_eq!(outcomes(&actions), [(procedure, failed)]);
        assert!(!actions.iter().any(sends), "{actions:?}");
        assert_eq!(failed.to_string(), "no-5g-guti");
    }
    let request = sent(&phone.start(Procedure::Deregistration));
    let Nas5gmmMessage::DeregistrationRequestUeOriginating(request) = network.read(&request) else {
        panic!()
    };
    assert_eq!(request.fgs_mobile_identity.to_string(), "suci-0-001-01-0-0-0-0000000007");
    let actions = phone.downlink(&network.protect(NasDeregistrationAcceptUeOriginating::new()));
    assert_eq!(outcomes(&actions), [(Procedure::Deregistration, Outcome::Succeeded)]);
}
