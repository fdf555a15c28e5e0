//! PDU session establishment, modification and release (TS 24.501 §6.3, §6.4), and their carriage (§5.4.5).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::Duration;

use identity::{PduSessionType, SessionId};
use network::*;
use oxirush_nas::nas_5gs::*;
use signalling::{Cause, Outcome, Procedure, Retry, Timer, UeAction, UeEvent};

const ESTABLISHMENT: Procedure = Procedure::PduSession;
const MODIFICATION: Procedure = Procedure::PduSessionModification;
const RELEASE: Procedure = Procedure::PduSessionRelease;

fn specified() -> signalling::UeSettings {
    signalling::UeSettings { retry: Retry::AsSpecified, ..settings() }
}

fn failed(cause: u8) -> Outcome {
    Outcome::Failed(Cause::Gsm(cause))
}

/// A 5GSM message that the UE sent: its session, PTI and body.
fn session_message(network: &mut Network, actions: &[UeAction]) -> (u8, u8, Nas5gsmMessage) {
    let Nas5gmmMessage::UlNasTransport(transport) = network.read(&sent(actions)) else {
        panic!("{actions:?}")
    };
    let payload = transport.payload_container.value.to_vec();
    let Nas5gsMessage::Gsm(header, message) = Nas5gsMessage::decode(&payload).unwrap() else { panic!() };
    assert_eq!(transport.pdu_session_id.unwrap().pdu_session_id(), header.pdu_session_identity);
    (header.pdu_session_identity, header.procedure_transaction_identity, message)
}

fn status_cause(network: &mut Network, actions: &[UeAction]) -> u8 {
    let (_, _, Nas5gsmMessage::FiveGsmStatus(status)) = session_message(network, actions) else { panic!() };
    status.fgsm_cause.value
}

fn downs(actions: &[UeAction]) -> Vec<u8> {
    actions
        .iter()
        .filter_map(|action| match action {
            UeAction::SessionDown { id } => Some(id.value()),
            _ => None,
        })
        .collect()
}

fn id(number: u8) -> SessionId {
    SessionId::new(number).unwrap()
}

#[test]
fn establishment_accepted_gives_the_session() {
    let (mut phone, mut network) = registered(settings());
    let actions = phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let Nas5gmmMessage::UlNasTransport(transport) = network.read(&sent(&actions)) else { panic!() };
    assert!(transport.request_type.unwrap().is_initial());
    assert_eq!(transport.dnn.unwrap().value, b"\x08internet");
    assert_eq!(transport.s_nssai.unwrap().value, [1]);
    let actions = phone.downlink(&network.session(session_accept(), 5, 1));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Succeeded)]);
    let session = phone.ue.sessions().next().unwrap().clone();
    assert!(actions.contains(&UeAction::SessionUp(Box::new(session.clone()))));
    assert_eq!((session.id.value(), session.type_, session.qfi), (5, PduSessionType::Ipv4, 9));
    assert_eq!(session.ipv4, Some([10, 45, 0, 2].into()));
    assert_eq!(session.ambr_bps, (100_000_000, 50_000_000));
    assert_eq!(session.charging_id, Some(0x0102_0304));
    assert!(!phone.timers.contains_key(&Timer::T3580));
}

#[test]
fn establishment_of_an_idle_ue_first_requests_a_service() {
    let (mut phone, mut network) = idle(settings());
    let actions = phone.handle(UeEvent::EstablishSession(&session_request(5)));
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::ServiceRequest(_)));
    assert!(started(&actions).is_empty());
    let actions = phone.downlink(&network.protect(NasServiceAccept::new()));
    assert!(outcomes(&actions).is_empty(), "the service request is not told: {actions:?}");
    let (session, pti, message) = session_message(&mut network, &actions);
    assert!(matches!(message, Nas5gsmMessage::PduSessionEstablishmentRequest(_)));
    let actions = phone.downlink(&network.session(session_accept(), session, pti));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Succeeded)]);
}

#[test]
fn establishment_of_an_idle_ue_ends_with_the_service_that_is_refused() {
    let (mut phone, mut network) = idle(settings());
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let reject = NasServiceReject::new(NasFGmmCause::new(22));
    let actions = phone.downlink(&network.protect(reject));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Failed(Cause::Gmm(22)))]);
}

#[test]
fn establishment_rejected_fails_with_the_cause_by_name() {
    let (mut phone, mut network) = registered(settings());
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let reject = NasPduSessionEstablishmentReject::new(NasFGsmCause::new(27));
    let actions = phone.downlink(&network.session(reject, 5, 1));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, failed(27))]);
    assert_eq!(outcomes(&actions)[0].1.to_string(), "missing-or-unknown-dnn");
    assert!(!phone.ue.has_session() && phone.ue.is_idle_for_attempts());
}

#[test]
fn establishment_rejected_for_its_type_is_tried_once_with_the_one_that_is_allowed() {
    let reject = |cause| NasPduSessionEstablishmentReject::new(NasFGsmCause::new(cause));
    let both = || signalling::SessionRequest { type_: PduSessionType::Ipv4v6, ..session_request(5) };
    for (cause, other, type_) in [(50, 51, 1), (51, 50, 2)] {
        let (mut phone, mut network) = registered(settings());
        phone.handle(UeEvent::EstablishSession(&both()));
        let actions = phone.downlink(&network.session(reject(cause), 5, 1));
        assert_eq!(outcomes(&actions), [(ESTABLISHMENT, failed(cause))], "unless it is to be specified");

        let (mut phone, mut network) = registered(specified());
        let actions = phone.handle(UeEvent::EstablishSession(&both()));
        session_message(&mut network, &actions);
        let actions = phone.downlink(&network.session(reject(cause), 5, 1));
        assert_eq!(outcomes(&actions), []);
        let (session, pti, message) = session_message(&mut network, &actions);
        let Nas5gsmMessage::PduSessionEstablishmentRequest(request) = message else { panic!() };
        assert_eq!((session, pti, request.pdu_session_type.unwrap().session_type_raw()), (5, 2, type_));
        assert!(phone.timers.contains_key(&Timer::T3580));
        let actions = phone.downlink(&network.session(reject(other), 5, 2));
        assert_eq!(outcomes(&actions), [(ESTABLISHMENT, failed(other))], "and never in a circle");
        assert!(!phone.timers.contains_key(&Timer::T3580));
    }
}

#[test]
fn establishment_unanswered_is_sent_five_times_then_times_out() {
    let (mut phone, mut network) = registered(settings());
    let first = phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let first = session_message(&mut network, &first);
    assert_eq!(phone.timers[&Timer::T3580], Duration::from_secs(16));
    for _ in 0..4 {
        let again = phone.expire(Timer::T3580);
        assert_eq!(session_message(&mut network, &again), first);
    }
    let actions = phone.expire(Timer::T3580);
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::TimedOut(Timer::T3580))]);
    // An accept that comes after all answers nothing (§7.3.1).
    let actions = phone.downlink(&network.session(session_accept(), 5, 1));
    assert_eq!(status_cause(&mut network, &actions), 47);
    assert!(!phone.ue.has_session());
}

#[test]
fn establishment_not_forwarded_fails_with_the_5gmm_cause() {
    let (mut phone, mut network) = registered(settings());
    let request = sent(&phone.handle(UeEvent::EstablishSession(&session_request(5))));
    let Nas5gmmMessage::UlNasTransport(transport) = network.read(&request) else { panic!() };
    let actions = phone.downlink(&network.not_forwarded(transport.payload_container.value.to_vec(), 90));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Failed(Cause::NotForwarded(90)))]);
    assert_eq!(outcomes(&actions)[0].1.to_string(), "payload-not-forwarded");
}

#[test]
fn ipv4_alone_of_both_is_taken_as_the_network_selects_it() {
    let (mut phone, mut network) = registered(settings());
    let request = signalling::SessionRequest { type_: PduSessionType::Ipv4v6, ..session_request(5) };
    phone.handle(UeEvent::EstablishSession(&request));
    let accept = session_accept().with_fgsm_cause(NasFGsmCause::new(50));
    let actions = phone.downlink(&network.session(accept, 5, 1));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Succeeded)]);
    let session = phone.ue.sessions().next().unwrap();
    assert_eq!((session.type_, session.ipv6_interface_id), (PduSessionType::Ipv4, None));
}

#[test]
fn both_addresses_are_taken() {
    let (mut phone, mut network) = registered(settings());
    let request = signalling::SessionRequest { type_: PduSessionType::Ipv4v6, ..session_request(5) };
    phone.handle(UeEvent::EstablishSession(&request));
    let mut accept = session_accept().with_pdu_address(NasPduAddress::from_ipv4v6([7; 8], [10, 45, 0, 9]));
    accept.selected_pdu_session_type = NasPduSessionType::new(3);
    phone.downlink(&network.session(accept, 5, 1));
    let session = phone.ue.sessions().next().unwrap();
    assert_eq!((session.ipv4, session.ipv6_interface_id), (Some([10, 45, 0, 9].into()), Some([7; 8])));
}

#[test]
fn accept_without_an_address_of_its_type_is_answered_with_a_status() {
    let (mut phone, mut network) = registered(settings());
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let mut accept = session_accept();
    accept.pdu_address = None;
    let actions = phone.downlink(&network.session(accept, 5, 1));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, failed(96))]);
    assert_eq!(status_cause(&mut network, &actions), 96);
}

#[test]
fn accept_without_a_default_rule_is_released_at_once() {
    let (mut phone, mut network) = registered(settings());
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let mut accept = session_accept();
    accept.authorized_qos_rules = NasQosRules::new(vec![1, 0, 6, 0x21, 0x31, 1, 1, 255, 9]);
    let actions = phone.downlink(&network.session(accept, 5, 1));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, failed(83))]);
    assert_eq!(started(&actions), [RELEASE]);
    let (_, pti, message) = session_message(&mut network, &actions);
    let Nas5gsmMessage::PduSessionReleaseRequest(request) = message else { panic!() };
    assert_eq!((pti, request.fgsm_cause.unwrap().value), (2, 83));
}

#[test]
fn back_off_holds_the_data_network_back_as_specified() {
    let (mut phone, mut network) = registered(specified());
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let reject = NasPduSessionEstablishmentReject::new(NasFGsmCause::new(26))
        .with_back_off_timer_value(NasGprsTimer3::from_seconds(60).unwrap());
    phone.downlink(&network.session(reject, 5, 1));
    assert_eq!(phone.timers[&Timer::T3396], Duration::from_secs(60));
    let actions = phone.handle(UeEvent::EstablishSession(&session_request(5)));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Failed(Cause::Barred))]);
    let other = signalling::SessionRequest { dnn: "ims".parse().unwrap(), ..session_request(5) };
    assert!(outcomes(&phone.handle(UeEvent::EstablishSession(&other))).is_empty());
}

#[test]
fn session_number_in_use_is_refused() {
    let (mut phone, _) = with_session(settings());
    let actions = phone.handle(UeEvent::EstablishSession(&session_request(5)));
    assert_eq!(outcomes(&actions), [(ESTABLISHMENT, Outcome::Failed(Cause::SessionExists))]);
}

#[test]
fn modification_of_no_session_is_refused() {
    let (mut phone, _) = registered(settings());
    for event in [UeEvent::Start(MODIFICATION), UeEvent::ModifySession(id(3))] {
        let actions = phone.handle(event);
        assert_eq!(outcomes(&actions), [(MODIFICATION, Outcome::Failed(Cause::NoSession))]);
    }
}

#[test]
fn modification_requested_changes_the_session() {
    let (mut phone, mut network) = with_session(settings());
    let actions = phone.start(MODIFICATION);
    let (session, pti, message) = session_message(&mut network, &actions);
    let Nas5gsmMessage::PduSessionModificationRequest(request) = message else { panic!("{message:?}") };
    // Open5GS refuses a request without a QoS operation on one flow that there is.
    let flows = request.requested_qos_flow_descriptions.unwrap().descriptions();
    assert_eq!((flows.len(), flows[0].qfi), (1, phone.ue.sessions().next().unwrap().qfi));
    let command = NasPduSessionModificationCommand::new()
        .with_session_ambr(NasSessionAmbr::from_kbps(2000, 1000).unwrap());
    let actions = phone.downlink(&network.session(command.clone(), session, pti));
    assert_eq!(outcomes(&actions), [(MODIFICATION, Outcome::Succeeded)]);
    let (_, answered, message) = session_message(&mut network, &actions);
    assert!(matches!(message, Nas5gsmMessage::PduSessionModificationComplete(_)) && answered == pti);
    assert_eq!(phone.ue.sessions().next().unwrap().ambr_bps, (2_000_000, 1_000_000));
    // The COMPLETE was lost: the command is repeated, and answered again.
    let actions = phone.downlink(&network.session(command, session, pti));
    assert!(matches!(
        session_message(&mut network, &actions).2,
        Nas5gsmMessage::PduSessionModificationComplete(_)
    ));
}

#[test]
fn modification_rejected_keeps_the_session_unless_it_is_unknown() {
    for (cause, kept) in [(26, true), (43, false)] {
        let (mut phone, mut network) = with_session(settings());
        phone.start(MODIFICATION);
        let reject = NasPduSessionModificationReject::new(NasFGsmCause::new(cause));
        let actions = phone.downlink(&network.session(reject, 5, 2));
        assert_eq!(outcomes(&actions), [(MODIFICATION, failed(cause))]);
        assert_eq!(phone.ue.has_session(), kept);
    }
}

#[test]
fn modification_of_the_network_crossing_one_of_the_ue_counts() {
    let (mut phone, mut network) = with_session(settings());
    network.read(&sent(&phone.start(MODIFICATION)));
    let actions = phone.downlink(&network.session(NasPduSessionModificationCommand::new(), 5, 0));
    assert_eq!(outcomes(&actions), [(MODIFICATION, Outcome::Failed(Cause::Collision))]);
    assert_eq!(session_message(&mut network, &actions).1, 0);
}

#[test]
fn modification_of_the_network_crossing_a_release_is_ignored() {
    let (mut phone, mut network) = with_session(settings());
    network.read(&sent(&phone.start(RELEASE)));
    let actions = phone.downlink(&network.session(NasPduSessionModificationCommand::new(), 5, 0));
    assert_eq!(unexpected(&actions), ["modification-while-releasing"]);
    assert_eq!(actions.len(), 1);
}

#[test]
fn modification_of_an_unknown_session_is_rejected() {
    let (mut phone, mut network) = with_session(settings());
    let actions = phone.downlink(&network.session(NasPduSessionModificationCommand::new(), 7, 0));
    let (session, _, message) = session_message(&mut network, &actions);
    let Nas5gsmMessage::PduSessionModificationCommandReject(reject) = message else { panic!() };
    assert_eq!((session, reject.fgsm_cause.value), (7, 43));
}

#[test]
fn release_requested_ends_the_session() {
    let (mut phone, mut network) = with_session(settings());
    let actions = phone.handle(UeEvent::ReleaseSession(id(5)));
    let (_, pti, message) = session_message(&mut network, &actions);
    assert!(matches!(message, Nas5gsmMessage::PduSessionReleaseRequest(_)));
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(36));
    let actions = phone.downlink(&network.session(command.clone(), 5, pti));
    assert_eq!(outcomes(&actions), [(RELEASE, Outcome::Succeeded)]);
    assert_eq!(downs(&actions), [5]);
    assert!(matches!(
        session_message(&mut network, &actions).2,
        Nas5gsmMessage::PduSessionReleaseComplete(_)
    ));
    let again = phone.downlink(&network.session(command, 5, pti));
    assert!(matches!(session_message(&mut network, &again).2, Nas5gsmMessage::PduSessionReleaseComplete(_)));
    assert!(downs(&again).is_empty());
}

#[test]
fn release_unanswered_is_done_locally() {
    let (mut phone, mut network) = with_session(settings());
    network.read(&sent(&phone.start(RELEASE)));
    for _ in 0..4 {
        network.read(&sent(&phone.expire(Timer::T3582)));
    }
    let actions = phone.expire(Timer::T3582);
    assert_eq!(outcomes(&actions), [(RELEASE, Outcome::TimedOut(Timer::T3582))]);
    assert_eq!(downs(&actions), [5]);
}

#[test]
fn release_of_the_network_crossing_one_of_the_ue_succeeds() {
    let (mut phone, mut network) = with_session(settings());
    network.read(&sent(&phone.start(RELEASE)));
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(36));
    let actions = phone.downlink(&network.session(command, 5, 0));
    assert_eq!(outcomes(&actions), [(RELEASE, Outcome::Succeeded)]);
    assert_eq!(downs(&actions), [5]);
}

#[test]
fn release_of_the_network_crossing_a_modification_ends_it() {
    let (mut phone, mut network) = with_session(settings());
    network.read(&sent(&phone.start(MODIFICATION)));
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(26));
    let actions = phone.downlink(&network.session(command, 5, 0));
    assert_eq!(outcomes(&actions), [(MODIFICATION, failed(26))]);
    assert_eq!(downs(&actions), [5]);
}

#[test]
fn release_that_asks_for_reactivation_gets_it_as_specified() {
    let (mut phone, mut network) = with_session(specified());
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(39));
    let actions = phone.downlink(&network.session(command, 5, 0));
    assert_eq!(downs(&actions), [5]);
    assert_eq!(started(&actions), [ESTABLISHMENT]);
}

#[test]
fn release_of_an_unknown_session_is_answered_with_a_status() {
    let (mut phone, mut network) = with_session(settings());
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(36));
    let actions = phone.downlink(&network.session(command, 7, 0));
    assert_eq!(status_cause(&mut network, &actions), 43);
    assert!(phone.ue.has_session());
}

#[test]
fn messages_that_do_not_fit_get_the_status_of_clause_7() {
    let (mut phone, mut network) = with_session(settings());
    for (payload, cause) in [
        // PTI 9 is not in use.
        (vec![0x2e, 5, 9, 0xc3, 26], Some(47)),
        (vec![0x2e, 5, 9, 0xd3, 26], Some(47)),
        // No such message type; one that only a UE sends; a mandatory IE is missing.
        (vec![0x2e, 5, 0, 0xff], Some(97)),
        (vec![0x2e, 5, 0, 0xd4], Some(97)),
        (vec![0x2e, 5, 0, 0xd3], Some(96)),
        // A reject without a PTI; reserved identities; what is not 5GSM.
        (vec![0x2e, 5, 0, 0xc3, 26], None),
        (vec![0x2e, 5, 255, 0xd3, 26], None),
        (vec![0x2e, 16, 0, 0xd3, 26], None),
        (vec![0x2e, 5], None),
        (vec![0x7e, 0, 0x54], None),
    ] {
        let actions = phone.downlink(&network.payload(payload.clone()));
        match cause {
            Some(cause) => assert_eq!(status_cause(&mut network, &actions), cause, "{payload:x?}"),
            None => assert!(matches!(&actions[..], [UeAction::Unexpected(_)]), "{payload:x?}: {actions:?}"),
        }
    }
    assert!(phone.ue.has_session());
}

#[test]
fn status_of_the_network_aborts_the_procedure() {
    for (cause, kept) in [(47, true), (43, false)] {
        let (mut phone, mut network) = with_session(settings());
        phone.start(MODIFICATION);
        let actions = phone.downlink(&network.session(NasFGsmStatus::new(NasFGsmCause::new(cause)), 5, 2));
        assert_eq!(outcomes(&actions), [(MODIFICATION, failed(cause))]);
        assert_eq!(phone.ue.has_session(), kept);
    }
}

#[test]
fn connection_lost_ends_a_5gsm_procedure_or_is_made_good_as_specified() {
    for settings in [settings(), specified()] {
        let (mut phone, mut network) = with_session(settings);
        network.read(&sent(&phone.start(MODIFICATION)));
        let actions = phone.handle(UeEvent::ConnectionReleased);
        assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::ServiceRequest(_)));
        assert!(!phone.timers.contains_key(&Timer::T3581));
        let actions = phone.downlink(&network.protect(NasServiceAccept::new()));
        assert_eq!(session_message(&mut network, &actions).1, 2, "the same transaction");
        let actions = phone.handle(UeEvent::ConnectionReleased);
        let lost = (MODIFICATION, Outcome::Failed(Cause::ConnectionReleased));
        let ended = if phone.settings.retry == Retry::Never { vec![lost] } else { vec![] };
        assert_eq!(outcomes(&actions), ended);
        assert!(phone.ue.has_session());
        if ended.is_empty() {
            repeated_by_its_timer(phone, network);
        }
    }
}

fn repeated_by_its_timer(mut phone: Phone, mut network: Network) {
    let actions = phone.expire(Timer::T3581);
    assert!(matches!(network.read(&sent(&actions)), Nas5gmmMessage::ServiceRequest(_)));
    let actions = phone.downlink(&network.protect(NasServiceAccept::new()));
    assert_eq!(session_message(&mut network, &actions).1, 2, "the same transaction");
}

#[test]
fn deregistration_ends_every_session() {
    let (mut phone, mut network) = with_session(settings());
    establish(&mut phone, &mut network, 2);
    phone.start(Procedure::Deregistration);
    let actions = phone.downlink(&network.protect(NasDeregistrationAcceptUeOriginating::new()));
    assert_eq!(downs(&actions), [2, 5]);
    assert!(!phone.ue.has_session());
    let (mut phone, _) = with_session(settings());
    assert_eq!(downs(&phone.handle(UeEvent::SwitchOff)), [5]);
}

#[test]
fn service_request_asks_for_the_resources_of_the_sessions() {
    let (mut phone, mut network) = with_session(settings());
    phone.handle(UeEvent::ConnectionReleased);
    assert!(phone.ue.has_session(), "an idle UE keeps its sessions");
    let request = sent(&phone.start(Procedure::ServiceRequest));
    // In clear are the cleartext IEs alone (§4.4.6); the network deciphers the container for the whole message.
    let Ok(Nas5gsMessage::Gmm(_, Nas5gmmMessage::ServiceRequest(clear))) =
        Nas5gsMessage::decode(&request[7..])
    else {
        panic!()
    };
    assert!(clear.uplink_data_status.is_none() && clear.nas_message_container.is_some());
    let Nas5gmmMessage::ServiceRequest(whole) = network.read(&request) else { panic!() };
    assert_eq!(whole.service_type.service_type(), Some(ServiceType::Data));
    assert_eq!(whole.uplink_data_status.unwrap().sessions_with_data(), [5]);
    assert_eq!(whole.pdu_session_status.unwrap().active_sessions(), [5]);
    let mut accept = NasServiceAccept::new();
    accept.set_pdu_session_status(NasPduSessionStatus::from_sessions(&[3]).unwrap());
    let actions = phone.downlink(&network.protect(accept));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::Succeeded)]);
    assert_eq!(downs(&actions), [5]);
}

#[test]
fn service_that_finds_the_session_gone_ends_its_modification() {
    for (procedure, outcome) in
        [(MODIFICATION, Outcome::Failed(Cause::NoSession)), (RELEASE, Outcome::Succeeded)]
    {
        let (mut phone, mut network) = with_session(settings());
        phone.handle(UeEvent::ConnectionReleased);
        phone.start(procedure);
        let mut accept = NasServiceAccept::new();
        accept.set_pdu_session_status(NasPduSessionStatus::from_sessions(&[]).unwrap());
        let actions = phone.downlink(&network.protect(accept));
        assert_eq!(outcomes(&actions), [(procedure, outcome)]);
        assert!(!actions.iter().any(|action| matches!(action, UeAction::Uplink(_))));
    }
}
