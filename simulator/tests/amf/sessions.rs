//! PDU sessions: what the SMF gives, refuses, keeps and takes back.

use std::time::Duration;

use oxirush_nas::nas_5gs::*;
use simulator::amf::{Event, Message, Refusal};
use simulator::{AmfEvent, Command};

use crate::bench::*;
use crate::ran;
use crate::ue::TestUe;

pub(crate) fn connected(bench: &mut Bench, number: u32) -> TestUe {
    let mut ue = TestUe::new(number);
    ue.follow_on = true;
    bench.register(&mut ue);
    assert!(ue.registered);
    ue
}

pub(crate) fn with_session(bench: &mut Bench, number: u32) -> TestUe {
    let mut ue = connected(bench, number);
    bench.establish(&mut ue, 1);
    assert!(matches!(ue.gsm.last(), Some(Nas5gsmMessage::PduSessionEstablishmentAccept(_))), "{:?}", ue.gsm);
    ue
}

/// The gNB has not heard of the UE for long.
fn go_idle(bench: &mut Bench, ue: &mut TestUe) {
    let did = bench.ngap(ue.association, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(ue, did);
    assert_eq!(bench.core.statistics().connections, 0);
}

#[test]
fn the_accept_carries_address_rule_rate_and_charging_identifier() {
    let mut bench = Bench::new();
    let ue = with_session(&mut bench, 1);
    let Some(Nas5gsmMessage::PduSessionEstablishmentAccept(accept)) = ue.gsm.last() else { panic!() };
    assert_eq!(accept.pdu_address.as_ref().unwrap().ipv4(), Some([10, 0, 0, 1]));
    assert_eq!(accept.authorized_qos_rules.rules()[0].qfi, Some(1));
    assert!(accept.authorized_qos_rules.rules()[0].dqr);
    assert_eq!(accept.session_ambr.downlink_kbps(), Some(1_000_000));
    assert_eq!(accept.dnn.as_ref().unwrap().as_string().as_deref(), Some("internet"));
    let options = accept.extended_protocol_configuration_options.as_ref().unwrap();
    let charging = options.pco(PcoDirection::Downlink).unwrap().entry(0xff00).unwrap().contents.clone();
    let (operator, identifier) = charging.split_at(3);
    assert_eq!(
        operator,
        [0x00, 0xf1, 0x10],
        "of 001/01, as TS 24.008 §10.5.6.3 has what is specific to an operator begin"
    );
    assert_eq!(u32::from_be_bytes(identifier.try_into().unwrap()), bench.core.chf.open_sessions()[0].0.0);
    assert_eq!((bench.sessions(), bench.core.statistics().events(Event::SessionEstablished)), (1, 1));
}

/// Protocol configuration options that ask for these.
pub(crate) fn asking(identifiers: &[u16]) -> NasExtendedProtocolConfigurationOptions {
    let entries = identifiers.iter().map(|&identifier| PcoEntry { identifier, contents: Vec::new() });
    let options = Pco::new(0, entries.collect());
    NasExtendedProtocolConfigurationOptions::from_pco(&options, PcoDirection::Uplink).unwrap()
}

#[test]
fn the_accept_describes_its_qos_flow_as_the_gnb_is_told_it() {
    let mut bench = Bench::new();
    let ue = with_session(&mut bench, 1);
    let Some(Nas5gsmMessage::PduSessionEstablishmentAccept(accept)) = ue.gsm.last() else { panic!() };
    let flows = accept.authorized_qos_flow_descriptions.as_ref().unwrap().descriptions();
    let [flow] = &flows[..] else { panic!("{flows:?}") };
    assert_eq!(accept.authorized_qos_rules.rules()[0].qfi, Some(flow.qfi));
    assert_eq!((flow.op_code, flow.e_flag), (QosFlowOpCode::Create, true));
    assert_eq!(flow.params, [QosFlowParameter::FiveQi(9)]);
}

#[test]
fn the_accept_tells_dns_servers_and_mtu_to_who_asks_for_them() {
    const DNS_V6: u16 = 0x0003;
    const DNS_V4: u16 = 0x000d;
    const MTU: u16 = 0x0010;
    const ALL: [u16; 3] = [DNS_V6, DNS_V4, MTU];
    for (type_, asked, told) in [
        (PduSessionTypeValue::Ipv4, &ALL[..], &[DNS_V4, MTU][..]),
        (PduSessionTypeValue::Ipv6, &ALL, &[DNS_V6]),
        (PduSessionTypeValue::Ipv4v6, &ALL, &ALL),
        (PduSessionTypeValue::Ipv4v6, &[DNS_V4], &[DNS_V4]),
        (PduSessionTypeValue::Ipv4v6, &[], &[]),
    ] {
        let mut bench = Bench::new();
        let mut ue = connected(&mut bench, 1);
        let rate = NasIntegrityProtectionMaximumDataRate::new(0xffff);
        let mut request = NasPduSessionEstablishmentRequest::new(rate);
        request.pdu_session_type = Some(NasPduSessionType::from_session_type(type_));
        request.extended_protocol_configuration_options = Some(asking(asked));
        let request = ue.gsm_uplink(request, 1, 1, Some("internet"));
        let did = bench.uplink(&ue, request);
        bench.settle(&mut ue, did);
        let Some(Nas5gsmMessage::PduSessionEstablishmentAccept(accept)) = ue.gsm.last() else { panic!() };
        let options = accept.extended_protocol_configuration_options.as_ref().unwrap();
        let options = options.pco(PcoDirection::Downlink).unwrap();
        let found: Vec<u16> = options.entries.iter().map(|entry| entry.identifier).collect();
        assert_eq!(found, [told, &[0xff00]].concat(), "{type_:?} asked for {asked:x?}");
        let contents = |identifier| options.entry(identifier).map(|entry| entry.contents.clone());
        let server_v6: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert!(contents(DNS_V6).is_none_or(|it| it == server_v6.octets()));
        assert!(contents(DNS_V4).is_none_or(|it| it == [10, 255, 255, 254]));
        assert!(contents(MTU).is_none_or(|it| it == 1_400u16.to_be_bytes()));
        assert!(accept.pdu_address.is_some());
    }
}

#[test]
fn a_session_ends_once_and_its_address_is_free() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    let request = ue.session_release(1, 7);
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    assert!(matches!(ue.gsm.last(), Some(Nas5gsmMessage::PduSessionReleaseCommand(_))));
    assert_eq!((bench.sessions(), bench.core.statistics().events(Event::SessionReleased)), (0, 1));
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.core.statistics().received(Message::SessionReleaseComplete), 1);
}

#[test]
fn a_release_that_the_ue_does_not_complete_is_repeated_and_given_up() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    ue.answers_gsm = false;
    let request = ue.session_release(1, 7);
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    // The gNB has released its end: nothing is charged any more, whatever the UE says.
    assert_eq!(bench.sessions(), 0);
    bench.pass(Duration::from_secs(79));
    assert_eq!(
        (bench.sent(Message::SessionReleaseCommand), bench.refusals(Refusal::SessionReleaseTimeout)),
        (5, 0)
    );
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.refusals(Refusal::SessionReleaseTimeout), 1);
}

#[test]
fn what_the_gnb_does_not_set_up_is_rejected_and_not_kept() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    assert_eq!(bench.uplink(&ue, request).len(), 1);
    let did = bench.ngap(GNB, &ran::not_set_up(ue.amf_id, ue.ran_id, 1));
    // Its NAS PDU did not reach the UE: the count that it lacks is made up for.
    bench.settle(&mut ue, did);
    let Some(Nas5gsmMessage::PduSessionEstablishmentReject(reject)) = ue.gsm.last() else { panic!() };
    assert_eq!(reject.fgsm_cause.cause(), Some(GsmCause::InsufficientResources));
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn a_gnb_that_says_nothing_is_not_waited_for() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    bench.uplink(&ue, request);
    assert_eq!(bench.sessions(), 1);
    bench.pass(Duration::from_secs(11));
    assert_eq!((bench.sessions(), bench.refusals(Refusal::ResourcesNotSetUp)), (0, 1));
}

#[test]
fn an_unknown_data_network_is_cause_91_and_an_unknown_session_90() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    for (request, cause) in [
        (ue.session_request(1, 1, "nowhere"), GmmCause::DnnNotSupportedOrNotSubscribedInTheSlice),
        (ue.session_release(2, 1), GmmCause::PayloadWasNotForwarded),
    ] {
        let did = bench.uplink(&ue, request);
        bench.settle(&mut ue, did);
        let Some(Nas5gmmMessage::DlNasTransport(back)) = ue.received.last() else { panic!() };
        assert_eq!(back.fgmm_cause.as_ref().unwrap().cause(), Some(cause));
    }
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn more_sessions_than_allowed_are_cause_65() {
    let mut settings = settings();
    settings.sessions.sessions_per_ue = 2;
    let mut bench = Bench::with(settings);
    let mut ue = connected(&mut bench, 1);
    (1..=3).for_each(|id| drop(bench.establish(&mut ue, id)));
    let Some(Nas5gmmMessage::DlNasTransport(back)) = ue.received.last() else { panic!() };
    let cause = back.fgmm_cause.as_ref().unwrap().cause();
    assert_eq!((cause, bench.sessions()), (Some(GmmCause::MaximumNumberOfPduSessionsReached), 2));
}

#[test]
fn a_request_without_a_pti_is_answered_with_a_status() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 0, "internet");
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    let Some(Nas5gsmMessage::FiveGsmStatus(status)) = ue.gsm.last() else { panic!("{:?}", ue.gsm) };
    assert_eq!(status.fgsm_cause.cause(), Some(GsmCause::InvalidPtiValue));
}

#[test]
fn a_repeated_request_gets_the_same_session() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    let accepts = ue.gsm.iter().filter(|it| matches!(it, Nas5gsmMessage::PduSessionEstablishmentAccept(_)));
    assert_eq!((accepts.count(), bench.sessions(), bench.refusals(Refusal::RepeatedRequest)), (2, 1, 1));
}

#[test]
fn policy_control_that_refuses_is_cause_29_and_one_that_is_silent_gives_the_default() {
    let mut refusing = settings();
    refusing.sessions.policy.refuse = 1.0;
    refusing.sessions.policy.delay = Duration::from_millis(300);
    let mut bench = Bench::with(refusing);
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    assert_eq!(bench.uplink(&ue, request), []);
    let did = bench.pass(Duration::from_millis(301));
    bench.settle(&mut ue, did);
    let Some(Nas5gsmMessage::PduSessionEstablishmentReject(reject)) = ue.gsm.last() else { panic!() };
    let cause = GsmCause::UserAuthenticationOrAuthorizationFailed;
    assert_eq!((reject.fgsm_cause.cause(), bench.sessions()), (Some(cause), 0));
    let mut silent = settings();
    silent.sessions.policy.timeout = 1.0;
    let mut bench = Bench::with(silent);
    let ue = with_session(&mut bench, 1);
    let Some(Nas5gsmMessage::PduSessionEstablishmentAccept(accept)) = ue.gsm.last() else { panic!() };
    assert_eq!(accept.session_ambr.downlink_kbps(), Some(10_000));
}

#[test]
fn a_modification_is_commanded_and_completed() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    let request = ue.gsm_uplink(NasPduSessionModificationRequest::new(), 1, 9, None);
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    assert_eq!(bench.core.statistics().events(Event::SessionModified), 1);
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.sent(Message::SessionModificationCommand), 1);
}

#[test]
fn sessions_of_an_idle_ue_are_kept_and_come_back_with_its_service_request() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    bench.establish(&mut ue, 2);
    go_idle(&mut bench, &mut ue);
    assert_eq!(bench.sessions(), 2);
    (ue.uplink_data, ue.session_status) = (vec![1, 5], Some(vec![1]));
    let request = ue.service_request(ServiceType::Data);
    let did = bench.initial(&mut ue, request);
    assert!(did.iter().any(|did| matches!(did, Did::Nas { sessions, .. } if sessions == &[1])), "{did:?}");
    bench.settle(&mut ue, did);
    let Some(Nas5gmmMessage::ServiceAccept(accept)) = ue.received.last() else { panic!() };
    assert_eq!(accept.pdu_session_status.as_ref().unwrap().active_sessions(), [1]);
    assert_eq!(accept.pdu_session_reactivation_result.as_ref().unwrap().failed_sessions(), [5]);
    // The UE has forgotten session 2.
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn downlink_data_pages_an_idle_ue_and_the_service_request_that_crosses_it_ends_the_paging() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let request = ue.session_request(1, 1, "internet");
    let did = bench.uplink(&ue, request);
    let Some(Did::Other(_, _, octets)) = did.first() else { panic!("{did:?}") };
    let teid = ran::uplink_teid_of(octets);
    bench.settle(&mut ue, did);
    go_idle(&mut bench, &mut ue);
    bench.downlink_data(teid + 1);
    assert_eq!(bench.sent(Message::Paging), 0);
    bench.downlink_data(teid);
    assert_eq!(bench.sent(Message::Paging), 1);
    let request = ue.service_request(ServiceType::MobileTerminatedServices);
    let did = bench.initial(&mut ue, request);
    assert!(did.iter().any(|did| matches!(did, Did::Nas { sessions, .. } if sessions == &[1])), "{did:?}");
    bench.settle(&mut ue, did);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.sent(Message::Paging), bench.refusals(Refusal::PagingTimeout)), (1, 0));
}

#[test]
fn deregistration_and_a_new_registration_end_all_sessions() {
    for again in [false, true] {
        let mut bench = Bench::new();
        let mut ue = with_session(&mut bench, 1);
        bench.establish(&mut ue, 2);
        assert_eq!(bench.sessions(), 2);
        let did = if again {
            let request = ue.registration_request();
            bench.initial(&mut ue, request)
        } else {
            let request = ue.deregistration_request(true);
            bench.uplink(&ue, request)
        };
        bench.settle(&mut ue, did);
        assert_eq!(bench.sessions(), 0, "{again}");
    }
}

#[test]
fn the_network_releases_a_session() {
    let mut bench = Bench::new();
    let mut ue = with_session(&mut bench, 1);
    let (imsi, session) = (ue.imsi.parse().unwrap(), identity::SessionId::new(1).unwrap());
    let did = bench.command(Command::ReleaseSession { imsi, session });
    bench.settle(&mut ue, did);
    assert_eq!((bench.sessions(), bench.core.statistics().events(Event::SessionReleased)), (0, 1));
}

#[test]
fn a_gnb_that_is_lost_leaves_sessions_without_user_plane() {
    let mut bench = Bench::new();
    with_session(&mut bench, 1);
    bench.event(AmfEvent::AssociationDown { association: GNB });
    assert_eq!((bench.sessions(), bench.core.statistics().connections), (1, 0));
    bench.pass(Duration::from_secs(3 * 60 * 60));
    assert_eq!((bench.sessions(), bench.core.statistics().timers), (0, 0));
}

#[test]
fn resources_that_the_gnb_released_by_itself_are_set_up_again_for_downlink_data() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let did = bench.establish(&mut ue, 1);
    let set_up = did.iter().find_map(|did| match did {
        Did::Other(_, name, octets) if name.contains("ResourceSetup") => Some(octets.clone()),
        _ => None,
    });
    let teid = ran::uplink_teid_of(&set_up.unwrap());
    assert_eq!(bench.downlink_data(teid), [], "the session has its user plane");
    assert_eq!(bench.ngap(GNB, &ran::notify_released(ue.amf_id, ue.ran_id, 1)), []);
    assert_eq!(bench.sessions(), 1);
    let did = bench.downlink_data(teid);
    assert!(matches!(&did[..], [Did::Other(GNB, name, _)] if name.contains("ResourceSetup")), "{did:?}");
}
