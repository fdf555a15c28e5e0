//! Our machines on octets and keys that we did not make: testdata/ says where each comes from.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod network;

use std::time::{Duration, Instant};

use network::*;
use oracles::{line_of_vector, vector};
use oxirush_nas::nas_5gs::*;
use signalling::{
    Device, EstablishmentCause, Gnb, GnbSettings, NodeAction, NodeEvent, Outcome, Procedure, Released,
    Subscriber, UeAction, UeEvent,
};

fn key(name: &str) -> Vec<u8> {
    line_of_vector(include_str!("../testdata/keys.hex"), name)
}

/// A message of pycrate, decoded, and encoded again to the same octets.
fn nas(text: &str) -> Nas5gmmMessage {
    let octets = vector(text);
    let message = Nas5gsMessage::decode(&octets).unwrap();
    assert_eq!(message.encode().unwrap(), octets);
    let Nas5gsMessage::Gmm(_, message) = message else { panic!() };
    message
}

#[test]
fn challenge_of_ts_35_208_set_1_is_answered_with_the_res_star_of_annex_a_4() {
    let subscriber = Subscriber {
        imsi: "208930000000001".parse().unwrap(),
        plmn: "208/93".parse().unwrap(),
        k: "465b5ce8b199b49faa5f0a2ee238a6bc".parse().unwrap(),
        opc: "cd63cb71954a9f4e48a5994e37a02baf".parse().unwrap(),
    };
    let mut phone = Phone::new(settings());
    phone.plmn = "208/93".parse().unwrap();
    phone.ue = Device::new(&subscriber);
    phone.start(Procedure::Registration);
    let rand = hex::decode("23553cbe9637a89d218ae64dae47bf35").unwrap().try_into().unwrap();
    let request = NasAuthenticationRequest::new(NasKeySetIdentifier::new(0), NasAbba::new(vec![0, 0]))
        .with_authentication_parameter_rand(NasAuthenticationParameterRand::from_rand(rand))
        .with_authentication_parameter_autn(NasAuthenticationParameterAutn::new(
            <[u8; 16]>::try_from(key("autn")).unwrap(),
        ));
    let answer = sent(&phone.downlink(&plain(request)));
    assert_eq!(hex::encode(&answer[5..]), hex::encode(key("res-star")));
}

#[test]
fn nas_keys_are_those_of_annex_a_8() {
    use oxirush_security::nas_5gs::{derive_knas_enc, derive_knas_int};
    use oxirush_security::{CipheringAlgorithm, IntegrityAlgorithm};
    let k_amf = KAmf::from_slice(&key("k-amf")).unwrap();
    assert_eq!(derive_knas_enc(&k_amf, CipheringAlgorithm::NEA2).as_octets().as_slice(), key("k-nas-enc"));
    assert_eq!(derive_knas_int(&k_amf, IntegrityAlgorithm::NIA2).as_octets().as_slice(), key("k-nas-int"));
}

#[test]
fn messages_of_pycrate_do_to_the_ue_what_they_say() {
    let mut phone = Phone::new(settings());
    phone.start(Procedure::Registration);
    let actions = phone.downlink(&vector(include_str!("../testdata/nas/identity_request.hex")));
    assert_eq!(sent(&actions)[2], 0x5c);
    let actions = phone.downlink(&vector(include_str!("../testdata/nas/registration_reject.hex")));
    assert_eq!(outcomes(&actions)[0].1.to_string(), "congestion");
    phone.handle(UeEvent::ConnectionReleased);
    phone.start(Procedure::Registration);
    let actions = phone.downlink(&vector(include_str!("../testdata/nas/authentication_reject.hex")));
    assert_eq!(outcomes(&actions)[0].1.to_string(), "authentication-rejected");

    let (mut phone, mut network) = (Phone::new(settings()), Network::default());
    phone.start(Procedure::Registration);
    phone.downlink(&network.challenge());
    let complete = sent(&phone.downlink(&network.security_mode_command()));
    network.read(&complete);
    let mut protected = |phone: &mut Phone, text| {
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered;
        let message = Nas5gsMessage::new_5gmm(nas(text));
        let context = network.context.as_mut().unwrap();
        phone.downlink(&context.protect(&message, header, oxirush_nas::Direction::Downlink).unwrap())
    };
    let actions = protected(&mut phone, include_str!("../testdata/nas/registration_accept.hex"));
    assert_eq!(outcomes(&actions), [(Procedure::Registration, Outcome::Succeeded)]);
    assert_eq!(phone.ue.s_tmsi().unwrap().tmsi(), 0x1122_3344);
    let actions = protected(&mut phone, include_str!("../testdata/nas/configuration_update_command.hex"));
    assert_eq!(actions.len(), 1, "it is acknowledged: {actions:?}");
    phone.start(Procedure::ServiceRequest);
    let actions = protected(&mut phone, include_str!("../testdata/nas/service_accept.hex"));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::Succeeded)]);
    protected(&mut phone, include_str!("../testdata/nas/deregistration_request_of_network.hex"));
    assert!(!phone.ue.is_registered());
    assert!(matches!(
        nas(include_str!("../testdata/nas/service_reject.hex")),
        Nas5gmmMessage::ServiceReject(_)
    ));
}

#[test]
fn session_messages_of_pycrate_do_to_the_ue_what_they_say() {
    let (mut phone, mut network) = registered(settings());
    let mut protected = |phone: &mut Phone, text| {
        let message = Nas5gsMessage::new_5gmm(nas(text));
        let header = Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered;
        let context = network.context.as_mut().unwrap();
        phone.downlink(&context.protect(&message, header, oxirush_nas::Direction::Downlink).unwrap())
    };
    phone.handle(UeEvent::EstablishSession(&session_request(5)));
    let actions = protected(&mut phone, include_str!("../testdata/nas/pdu_session_establishment_accept.hex"));
    assert_eq!(outcomes(&actions), [(Procedure::PduSession, Outcome::Succeeded)]);
    let session = phone.ue.sessions().next().unwrap().clone();
    assert_eq!((session.ipv4, session.qfi), (Some([10, 45, 0, 2].into()), 9));
    assert_eq!(session.ipv6_interface_id, Some([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!((session.ambr_bps, session.charging_id), ((100_000_000, 50_000_000), Some(0x0102_0304)));
    assert_eq!((session.slice.to_string().as_str(), session.dnn.as_str()), ("1-00002a", "internet"));

    phone.start(Procedure::PduSessionModification);
    let actions = protected(&mut phone, include_str!("../testdata/nas/pdu_session_modification_command.hex"));
    assert_eq!(outcomes(&actions), [(Procedure::PduSessionModification, Outcome::Succeeded)]);
    assert_eq!(phone.ue.sessions().next().unwrap().ambr_bps, (2_000_000, 1_000_000));
    let actions = protected(&mut phone, include_str!("../testdata/nas/pdu_session_release_command.hex"));
    assert!(actions.contains(&UeAction::SessionDown { id: session.id }), "{actions:?}");

    for (text, cause) in [
        (include_str!("../testdata/nas/pdu_session_establishment_reject.hex"), "missing-or-unknown-dnn"),
        (include_str!("../testdata/nas/payload_not_forwarded.hex"), "payload-not-forwarded"),
    ] {
        let (mut phone, mut network) = registered(settings());
        phone.handle(UeEvent::EstablishSession(&session_request(5)));
        let actions = phone.downlink(&network.protect(nas(text)));
        assert_eq!(outcomes(&actions)[0].1.to_string(), cause);
    }
    let (mut phone, mut network) = with_session(settings());
    phone.handle(UeEvent::ConnectionReleased);
    phone.start(Procedure::ServiceRequest);
    let text = include_str!("../testdata/nas/service_accept_without_sessions.hex");
    let actions = phone.downlink(&network.protect(nas(text)));
    assert_eq!(outcomes(&actions), [(Procedure::ServiceRequest, Outcome::Succeeded)]);
    assert_eq!(unexpected(&actions), ["session-not-reactivated"]);
    assert!(!phone.ue.has_session());
}

#[test]
fn messages_of_pycrate_do_to_the_gnb_what_they_say() {
    let mut gnb = Gnb::new(GnbSettings {
        gnb_id: 1,
        name: "gnb-1".to_owned(),
        plmn: "001/01".parse().unwrap(),
        tac: identity::Tac::new(1).unwrap(),
        slices: vec!["1".parse().unwrap()],
        cells: 1,
        n3: None,
    });
    let mut handle = |event: NodeEvent<'_>| {
        let mut out = Vec::new();
        gnb.handle(event, Instant::now(), &mut out);
        out
    };
    handle(NodeEvent::AssociationUp { streams_out: 2 });
    let failure = vector(include_str!("../testdata/ngap/ng_setup_failure.hex"));
    let actions = handle(NodeEvent::Received { stream: 0, octets: &failure });
    let wait = Some(Duration::from_secs(5));
    assert!(
        actions
            .iter()
            .any(|a| matches!(a, NodeAction::SetupRefused { retry_after, .. } if *retry_after == wait))
    );
    handle(NodeEvent::AssociationUp { streams_out: 2 });
    let response = vector(include_str!("../testdata/ngap/ng_setup_response.hex"));
    handle(NodeEvent::Received { stream: 0, octets: &response });
    let cause = EstablishmentCause::MoSignalling;
    handle(NodeEvent::Connect { ue: 9, cell: 0, nas: &[0x7e], cause, s_tmsi: None });
    let downlink = vector(include_str!("../testdata/ngap/downlink_nas_transport.hex"));
    let actions = handle(NodeEvent::Received { stream: 1, octets: &downlink });
    assert_eq!(actions, [NodeAction::Downlink { ue: 9, nas: vec![0x7e, 0, 0x44, 0x16] }]);
    let release = vector(include_str!("../testdata/ngap/ue_context_release_command.hex"));
    let actions = handle(NodeEvent::Received { stream: 1, octets: &release });
    assert_eq!(actions.last(), Some(&NodeAction::Released { ue: 9, cause: Released::Normal }));
    let reset = vector(include_str!("../testdata/ngap/ng_reset.hex"));
    let actions = handle(NodeEvent::Received { stream: 0, octets: &reset });
    assert!(
        matches!(&actions[..], [NodeAction::Notice(_), NodeAction::Send { stream: 0, .. }]),
        "{actions:?}"
    );
}
