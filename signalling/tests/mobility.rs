//! A UE that moves: registration areas, networks, another USIM, another agent (TS 24.501 §5.5.1.3).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use network::*;
use oxirush_nas::nas_5gs::*;
use signalling::{Cause, Outcome, Procedure, Subscriber, UeAction, UeEvent};

const UPDATE: Procedure = Procedure::MobilityRegistrationUpdate;

fn update_request(network: &mut Network, actions: &[UeAction]) -> Box<NasRegistrationRequest> {
    let Nas5gmmMessage::RegistrationRequest(request) = network.read(&sent(actions)) else { panic!() };
    assert_eq!(
        request.fgs_registration_type.registration_type(),
        Some(RegistrationType::MobilityRegistrationUpdating)
    );
    request
}

#[test]
fn move_inside_the_registration_area_needs_no_update() {
    let (mut phone, _) = idle(settings());
    phone.tac = 2;
    assert_eq!(phone.handle(UeEvent::CellChanged), []);
}

#[test]
fn move_out_of_the_registration_area_begins_an_update() {
    let (mut phone, mut network) = idle(settings());
    phone.tac = 3;
    let actions = phone.handle(UeEvent::CellChanged);
    assert_eq!(started(&actions), [UPDATE]);
    update_request(&mut network, &actions);
    let accept = network.accept();
    let actions = phone.downlink(&network.protect(accept));
    assert_eq!(outcomes(&actions), [(UPDATE, Outcome::Succeeded)]);
}

#[test]
fn move_into_another_network_begins_an_update_unless_it_is_equivalent() {
    let abroad = || "208/93".parse().unwrap();
    let (mut phone, _) = idle(settings());
    phone.plmn = abroad();
    assert_eq!(started(&phone.handle(UeEvent::CellChanged)), [UPDATE]);

    let (mut phone, mut network) = (Phone::new(settings()), Network::default());
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let complete = sent(&phone.downlink(&network.security_mode_command()));
    network.read(&complete);
    let other = oxirush_nas::nas_5gs::Plmn::new("208", "93").unwrap();
    let mut accept = network.accept().with_equivalent_plmns(NasPlmnList::from_plmns(&[other]).unwrap());
    accept.tai_list = Some(NasFGsTrackingAreaIdentityList::from_plmn_tacs(&other, &[1]).unwrap());
    phone.downlink(&network.protect(accept));
    phone.plmn = abroad();
    assert_eq!(phone.handle(UeEvent::CellChanged), [], "an equivalent network, and its area is listed");
    phone.tac = 2;
    assert_eq!(started(&phone.handle(UeEvent::CellChanged)), [UPDATE]);
}

#[test]
fn update_after_a_handover_tells_the_sessions_and_drops_what_the_network_does() {
    let (mut phone, mut network) = with_session(settings());
    phone.tac = 3;
    let actions = phone.handle(UeEvent::CellChanged);
    let request = update_request(&mut network, &actions);
    assert_eq!(request.pdu_session_status.unwrap().active_sessions(), [5]);
    let mut accept = network.accept();
    accept.set_pdu_session_status(NasPduSessionStatus::from_sessions(&[]).unwrap());
    let actions = phone.downlink(&network.protect(accept));
    assert!(actions.contains(&UeAction::SessionDown { id: identity::SessionId::new(5).unwrap() }));
    assert_eq!(outcomes(&actions), [(UPDATE, Outcome::Succeeded)]);
}

#[test]
fn update_of_an_idle_ue_asks_for_the_resources_of_its_sessions() {
    let (mut phone, mut network) = with_session(settings());
    phone.tac = 3;
    let actions = phone.handle(UeEvent::CellChanged);
    assert_eq!(update_request(&mut network, &actions).uplink_data_status, None, "the handover kept them");

    let (mut phone, mut network) = with_session(settings());
    phone.handle(UeEvent::ConnectionReleased);
    phone.tac = 3;
    let actions = phone.handle(UeEvent::CellChanged);
    let request = update_request(&mut network, &actions);
    assert_eq!(request.uplink_data_status.unwrap().sessions_with_data(), [5]);
}

#[test]
fn move_during_a_procedure_is_told_after_it() {
    let (mut phone, mut network) = registered(settings());
    network.read(&sent(&phone.handle(UeEvent::EstablishSession(&session_request(5)))));
    phone.tac = 3;
    assert_eq!(phone.handle(UeEvent::CellChanged), []);
    let actions = phone.downlink(&network.session(session_accept(), 5, 1));
    assert_eq!(outcomes(&actions), [(Procedure::PduSession, Outcome::Succeeded)]);
    assert_eq!(started(&actions), [UPDATE]);
}

#[test]
fn another_usim_sends_nothing_and_knows_nothing() {
    let (mut phone, _) = with_session(settings());
    phone.start(Procedure::PduSessionModification);
    let other = Subscriber { imsi: "001010000000008".parse().unwrap(), ..subscriber() };
    let actions = phone.handle(UeEvent::SwapUsim(other));
    assert_eq!(
        outcomes(&actions),
        [(Procedure::PduSessionModification, Outcome::Failed(Cause::SwitchedOff))]
    );
    assert!(!actions.iter().any(|action| matches!(action, UeAction::Uplink(_))));
    assert!(actions.contains(&UeAction::ReleaseConnection));
    assert!(actions.contains(&UeAction::SessionDown { id: identity::SessionId::new(5).unwrap() }));
    assert!(phone.timers.is_empty() && !phone.ue.has_session() && !phone.ue.is_registered());
    assert_eq!((phone.ue.imsi(), phone.ue.s_tmsi()), (other.imsi, None));
    assert_eq!(phone.start(Procedure::Registration).len(), 3);
}

#[test]
fn state_of_a_ue_with_a_session_is_small_and_goes_on_elsewhere() {
    let (mut phone, mut network) = with_session(settings());
    let state = phone.ue.export();
    let octets = postcard::to_stdvec(&state).unwrap();
    assert!(octets.len() < 300, "{}", octets.len());
    assert!(!format!("{state:?}").contains("465b"), "no keys in logs");
    phone.ue = signalling::Device::import(postcard::from_bytes(&octets).unwrap());
    assert!(phone.ue.is_registered() && phone.ue.is_connected() && phone.ue.has_session());
    let actions = phone.start(Procedure::PduSessionRelease);
    let request = sent(&actions);
    assert!(matches!(network.read(&request), Nas5gmmMessage::UlNasTransport(_)));
    let command = NasPduSessionReleaseCommand::new(NasFGsmCause::new(36));
    let actions = phone.downlink(&network.session(command, 5, 2));
    assert_eq!(outcomes(&actions), [(Procedure::PduSessionRelease, Outcome::Succeeded)]);
}

#[test]
fn export_never_uses_an_uplink_count_twice() {
    let (mut phone, _) = with_session(settings());
    let mut imported = signalling::Device::import(phone.ue.export());
    let here = sent(&phone.start(Procedure::PduSessionModification));
    std::mem::swap(&mut phone.ue, &mut imported);
    let there = sent(&phone.start(Procedure::PduSessionModification));
    assert!(here[6] < there[6], "sequence numbers {} and {}", here[6], there[6]);
}
