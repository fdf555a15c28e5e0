//! De-registration, service request, registration updates and paging (TS 24.501 §5.5.1.3, §5.5.2, §5.6).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::Duration;

use network::*;
use oxirush_nas::nas_5gs::*;
use signalling::{Cause, EstablishmentCause, Outcome, Procedure, Retry, Timer, UeAction, UeEvent};

fn specified() -> signalling::UeSettings {
    signalling::UeSettings { retry: Retry::AsSpecified, ..settings() }
}

fn failed(cause: u8) -> Outcome {
    Outcome::Failed(Cause::Gmm(cause))
}

#[test]
fn deregistration_succeeds_and_keeps_the_guti() {
    let (mut phone, mut network) = idle(settings());
    let request = sent(&phone.start(Procedure::Deregistration));
    let Nas5gmmMessage::DeregistrationRequestUeOriginating(request) = network.read(&request) else {
        panic!()
    };
    assert!(!request.de_registration_type.switch_off());
    let actions = phone.downlink(&network.protect(NasDeregistrationAcceptUeOriginating::new()));
    assert_eq!(outcomes(&actions), [(Procedure::Deregistration, Outcome::Succeeded)]);
    assert!(!phone.ue.is_registered() && phone.ue.s_tmsi().is_some());
    phone.handle(UeEvent::ConnectionReleased);
    assert!(phone.timers.is_empty(), "{:?}", phone.timers);
}

#[test]
fn deregistration_is_sent_five_times_then_done_locally() {
    let (mut phone, mut network) = idle(settings());
    network.read(&sent(&phone.start(Procedure::Deregistration)));
    for _ in 0..4 {
        network.read(&sent(&phone.expire(Timer::T3521)));
    }
    let actions = phone.expire(Timer::T3521);
    assert_eq!(outcomes(&actions), [(Procedure::Deregistration, Outcome::TimedOut(Timer::T3521))]);
    assert!(!phone.ue.is_registered() && !phone.ue.is_connected() && phone.timers.is_empty());
}

#[test]
fn deregistration_with_a_lost_connection_is_done_locally() {
    let (mut phone, _) = idle(settings());
    phone.start(Procedure::Deregistration);
    let actions = phone.handle(UeEvent::ConnectionReleased);
    assert_eq!(outcomes(&actions), [(Procedure::Deregistration, Outcome::Failed(Cause::ConnectionReleased))]);
    assert!(!phone.ue.is_registered());
}

#[test]
fn switching_off_waits_for_no_answer() {
    let (mut phone, mut network) = idle(settings());
    let actions = phone.handle(UeEvent::SwitchOff);
    assert_eq!(started(&actions), [Procedure::Deregistration]);
    assert_eq!(outcomes(&actions), [(Procedure::Deregistration, Outcome::Succeeded)]);
    let Nas5gmmMessage::DeregistrationRequestUeOriginating(request) = network.read(&sent(&actions)) else {
        panic!()
    };
    assert!(request.de_registration_type.switch_off());
    assert!(!phone.ue.is_registered() && phone.timers.is_empty());
}

#[test]
fn network_deregisters_the_ue() {
    let (mut phone, mut network) = registered(settings());
    let kind = NasDeRegistrationType::default();
    let actions = phone.downlink(&network.protect(NasDeregistrationRequestUeTerminated::new(kind)));
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::DeregistrationAcceptUeTerminated(_)));
    assert!(actions.contains(&UeAction::Deregistered) && !phone.ue.is_registered());
}

#[test]
fn network_asks_for_re_registration_and_gets_it_after_the_release() {
    let (mut phone, mut network) = registered(specified());
    let kind = NasDeRegistrationType::default().with_re_registration_required(true);
    phone.downlink(&network.protect(NasDeregistrationRequestUeTerminated::new(kind)));
    let actions = phone.handle(UeEvent::ConnectionReleased);
    assert_eq!(started(&actions), [Procedure::RegistrationRetry]);
}

#[test]
fn network_deregistration_ends_the_attempt_that_runs() {
    let (mut phone, mut network) = idle(settings());
    network.read(&sent(&phone.start(Procedure::ServiceRequest)));
    let request = NasDeregistrationRequestUeTerminated::new(NasDeRegistrationType::default())
        .with_fgmm_cause(NasFGmmCause::new(3));
    let actions = phone.downlink(&network.protect(request));
    let expected = Outcome::Failed(Cause::DeregisteredByNetwork);
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, expected)]);
    assert_eq!(phone.ue.s_tmsi(), None, "cause #3 deletes the 5G-GUTI");
}

#[test]
fn service_request_is_accepted() {
    let (mut phone, mut network) = idle(settings());
    let actions = phone.start(Procedure::ServiceRequest);
    assert!(!phone.timers.contains_key(&Timer::T3512), "it stops in 5GMM-CONNECTED");
    let Nas5gmmMessage::ServiceRequest(request) = network.read(&sent(&actions)) else { panic!() };
    assert_eq!(request.fg_s_tmsi.tmsi(), Some(network.tmsi));
    let actions = phone.downlink(&network.protect(NasServiceAccept::new()));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::Succeeded)]);
    assert!(phone.ue.is_connected());
}

#[test]
fn service_request_timeouts_start_t3525_as_specified() {
    let (mut phone, mut network) = idle(specified());
    for attempt in 1..=5 {
        network.read(&sent(&phone.start(Procedure::ServiceRequest)));
        let actions = phone.expire(Timer::T3517);
        assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::TimedOut(Timer::T3517))]);
        assert_eq!(phone.timers.contains_key(&Timer::T3525), attempt == 5);
    }
    let actions = phone.start(Procedure::ServiceRequest);
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::Failed(Cause::Barred))]);
}

#[test]
fn service_reject_of_an_unknown_identity_deregisters_the_ue() {
    let (mut phone, _) = idle(specified());
    phone.start(Procedure::ServiceRequest);
    let actions = phone.downlink(&plain(NasServiceReject::new(NasFGmmCause::new(9))));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, failed(9))]);
    assert!(!phone.ue.is_registered() && phone.ue.s_tmsi().is_none());
    let actions = phone.handle(UeEvent::ConnectionReleased);
    assert_eq!(started(&actions), [Procedure::RegistrationRetry]);
}

#[test]
fn service_reject_for_congestion_leaves_the_ue_registered() {
    let (mut phone, mut network) = idle(specified());
    network.read(&sent(&phone.start(Procedure::ServiceRequest)));
    let reject = NasServiceReject::new(NasFGmmCause::new(22))
        .with_t3346_value(NasGprsTimer2::from_seconds(30).unwrap());
    let actions = phone.downlink(&network.protect(reject));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, failed(22))]);
    assert_eq!(phone.timers[&Timer::T3346], Duration::from_secs(30));
    assert!(phone.ue.is_registered());
}

#[test]
fn paging_is_answered_with_a_service_request() {
    let (mut phone, mut network) = idle(settings());
    let actions = phone.handle(UeEvent::Paged);
    assert_eq!(started(&actions), [Procedure::ServiceRequest]);
    let cause = actions.iter().find_map(|action| match action {
        UeAction::Connect { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, Some(EstablishmentCause::MtAccess));
    let Nas5gmmMessage::ServiceRequest(request) = network.read(&sent(&actions)) else { panic!() };
    assert_eq!(request.service_type.service_type(), Some(ServiceType::MobileTerminatedServices));
    assert_eq!(phone.handle(UeEvent::Paged), [UeAction::Unexpected("paging")]);
}

#[test]
fn updates_and_services_need_a_registration() {
    let mut phone = Phone::new(settings());
    for procedure in [
        Procedure::Deregistration,
        Procedure::ServiceRequest,
        Procedure::MobilityRegistrationUpdate,
        Procedure::PeriodicRegistrationUpdate,
    ] {
        let actions = phone.start(procedure);
        assert_eq!(outcomes(&actions), [(procedure, Outcome::Failed(Cause::NotRegistered))]);
    }
}

#[test]
fn periodic_update_begins_by_t3512() {
    let settings = signalling::UeSettings { t3512: Some(Duration::from_secs(5)), ..settings() };
    let (mut phone, mut network) = idle(settings);
    assert_eq!(phone.timers[&Timer::T3512], Duration::from_secs(5));
    let actions = phone.expire(Timer::T3512);
    assert_eq!(started(&actions), [Procedure::PeriodicRegistrationUpdate]);
    let Nas5gmmMessage::RegistrationRequest(request) = network.read(&sent(&actions)) else { panic!() };
    let kind = request.fgs_registration_type.registration_type();
    assert_eq!(kind, Some(RegistrationType::PeriodicRegistrationUpdating));
    let result = NasFGsRegistrationResult::from_result(RegistrationResult::ThreeGppAccess);
    let actions = phone.downlink(&network.protect(NasRegistrationAccept::new(result)));
    assert_eq!(outcomes(&actions), [(Procedure::PeriodicRegistrationUpdate, Outcome::Succeeded)]);
    assert!(!actions.iter().any(|action| matches!(action, UeAction::Uplink(_))), "nothing to acknowledge");
}

#[test]
fn mobility_update_while_connected_is_ciphered_whole() {
    let (mut phone, mut network) = registered(settings());
    let actions = phone.start(Procedure::MobilityRegistrationUpdate);
    let request = sent(&actions);
    assert_eq!(request[1], 2);
    let Nas5gmmMessage::RegistrationRequest(request) = network.read(&request) else { panic!() };
    assert!(request.requested_nssai.is_some() && request.nas_message_container.is_none());
}

#[test]
fn rejected_update_of_cause_10_deregisters() {
    let (mut phone, mut network) = idle(settings());
    network.read(&sent(&phone.start(Procedure::MobilityRegistrationUpdate)));
    let reject = NasRegistrationReject::new(NasFGmmCause::new(10));
    let actions = phone.downlink(&network.protect(reject));
    assert_eq!(outcomes(&actions), [(Procedure::MobilityRegistrationUpdate, failed(10))]);
    assert!(!phone.ue.is_registered());
}

#[test]
fn update_that_times_out_is_repeated_by_t3511_as_specified() {
    let (mut phone, _) = idle(specified());
    phone.start(Procedure::MobilityRegistrationUpdate);
    phone.expire(Timer::T3510);
    assert!(phone.ue.is_registered());
    assert_eq!(started(&phone.expire(Timer::T3511)), [Procedure::MobilityRegistrationUpdate]);
}
