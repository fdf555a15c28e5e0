//! What the AMF and the SMF send for sessions and handovers, judged by pycrate and by tshark.

use oracles::{Capture, Carrier, Kind, assert_pycrate_decodes};
use oxirush_nas::nas_5gs::*;
use scenarios::{Breakout, Roaming};
use simulator::AmfEvent;
use simulator::amf::Message;

use crate::bench::*;
use crate::ran;
use crate::sessions::{asking, connected, with_session};
use crate::ue::TestUe;

/// The lives of some UEs under the null cipher, so that the AMF sends each kind of message of sessions and handovers.
fn everything() -> Bench {
    let mut settings = settings();
    settings.ciphering = vec![0];
    settings.networks = vec![network("001/01", 1), network("208/93", 2)];
    settings.equivalent_plmns = true;
    settings.sessions.sessions_per_ue = 4;
    let agreement = Roaming {
        visited: "208/93".parse().unwrap(),
        breakout: Breakout::HomeRouted,
        dnns: Vec::new(),
        refused_dnns: vec!["internet".parse().unwrap()],
        accepts_handovers: true,
    };
    settings.sessions.roaming = vec![agreement];
    let mut bench = Bench::with(settings);
    bench.set_up(2, 2);
    bench.event(AmfEvent::AssociationUp { association: 3, streams_out: 8 });
    bench.ngap(3, &ng_setup("208", "93", [0, 0, 2], 1, 3));
    sessions(&mut bench);
    handovers(&mut bench);
    abroad(&mut bench);
    bench
}

fn uplink(bench: &mut Bench, ue: &mut TestUe, request: Vec<u8>) {
    let did = bench.uplink(ue, request);
    bench.settle(ue, did);
}

fn sessions(bench: &mut Bench) {
    let mut ue = with_session(bench, 1);
    for (id, type_) in [(2, PduSessionTypeValue::Ipv6), (3, PduSessionTypeValue::Ipv4v6)] {
        let rate = NasIntegrityProtectionMaximumDataRate::new(0xffff);
        let mut request = NasPduSessionEstablishmentRequest::new(rate);
        request.pdu_session_type = Some(NasPduSessionType::from_session_type(type_));
        request.extended_protocol_configuration_options = Some(asking(&[0x0003, 0x000d, 0x0010]));
        let request = ue.gsm_uplink(request, id, id, Some("internet"));
        uplink(bench, &mut ue, request);
    }
    let request = ue.gsm_uplink(NasPduSessionModificationRequest::new(), 1, 9, None);
    uplink(bench, &mut ue, request);
    let request = ue.session_request(4, 0, "internet");
    uplink(bench, &mut ue, request);
    let request = ue.session_request(4, 1, "nowhere");
    uplink(bench, &mut ue, request);
    let request = ue.session_request(4, 2, "internet");
    bench.uplink(&ue, request);
    let did = bench.ngap(GNB, &ran::not_set_up(ue.amf_id, ue.ran_id, 4));
    bench.settle(&mut ue, did);
    let request = ue.session_release(3, 7);
    uplink(bench, &mut ue, request);
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(&mut ue, did);
    (ue.uplink_data, ue.session_status) = (vec![1, 3], Some(vec![1, 2]));
    let request = ue.service_request(ServiceType::Data);
    let did = bench.initial(&mut ue, request);
    bench.settle(&mut ue, did);
}

fn handovers(bench: &mut Bench) {
    let mut ue = with_session(bench, 2);
    bench.establish(&mut ue, 2);
    let required = |ue: &TestUe, gnb| {
        let network = if gnb == 3 { ("208/93", 2) } else { ("001/01", 1) };
        ran::handover_required(ue.amf_id, ue.ran_id, gnb, network.0, network.1, &[1, 2])
    };
    bench.ngap(GNB, &required(&ue, 9));
    bench.ngap(GNB, &required(&ue, 2));
    bench.ngap(GNB, &ran::handover_cancel(ue.amf_id, ue.ran_id));
    let did = bench.ngap(GNB, &required(&ue, 2));
    let Some(Did::Other(2, _, octets)) = did.first() else { panic!("{did:?}") };
    let target = ran::amf_id_of(octets);
    bench.ngap(2, &ran::handover_acknowledge(target, 77, 2, &[1]));
    let did = bench.ngap(GNB, &ran::status_transfer(ue.amf_id, ue.ran_id));
    assert_eq!(did.len(), 1, "{did:?}");
    let did = bench.ngap(2, &ran::handover_notify(target, 77, "001/01", 1));
    (ue.left, ue.association, ue.amf_id, ue.ran_id) = (Some(GNB), 2, target, 77);
    bench.settle(&mut ue, did);
    bench.ngap(GNB, &ran::path_switch_request(ue.amf_id, 78, GNB, "001/01", 1, &[1, 9]));
    bench.ngap(2, &ran::path_switch_request(999, 79, 2, "001/01", 1, &[1]));
    assert_eq!(bench.sent(Message::PathSwitchRequestAcknowledge), 1);
}

fn abroad(bench: &mut Bench) {
    let mut ue = connected(bench, 3);
    bench.establish(&mut ue, 1);
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(&mut ue, did);
    (ue.association, ue.plmn, ue.tac) = (3, "208/93", 2);
    (ue.kind, ue.session_status) = (RegistrationType::MobilityRegistrationUpdating, Some(vec![1]));
    bench.register(&mut ue);
    // Refused there.
    bench.establish(&mut ue, 2);
    assert!(matches!(ue.gsm.last(), Some(Nas5gsmMessage::PduSessionEstablishmentReject(_))));
}

#[test]
fn pycrate_decodes_all_that_the_amf_sends() {
    let bench = everything();
    assert_pycrate_decodes(bench.pdus.iter().map(|pdu| (Kind::Ngap, pdu)));
    for message in [
        Message::SessionResourceSetupRequest,
        Message::SessionResourceModifyRequest,
        Message::SessionResourceReleaseCommand,
        Message::HandoverRequest,
        Message::HandoverCommand,
        Message::HandoverPreparationFailure,
        Message::HandoverCancelAcknowledge,
        Message::DownlinkRanStatusTransfer,
        Message::PathSwitchRequestAcknowledge,
        Message::PathSwitchRequestFailure,
        Message::SessionEstablishmentAccept,
        Message::SessionEstablishmentReject,
        Message::SessionModificationCommand,
        Message::SessionReleaseCommand,
        Message::SessionStatus,
    ] {
        assert!(bench.sent(message) > 0, "{message:?} was not sent");
    }
}

#[test]
fn tshark_finds_nothing_malformed() {
    let bench = everything();
    // Under the null cipher the content of a NAS message can be read.
    let capture = Capture::of(&bench.pdus, Carrier::Sctp { from: 38_412, to: 40_000, ppid: 60 })
        .with("nas-5gs.null_decipher:TRUE");
    let count = |filter: &str| capture.matching(filter).len();
    assert_eq!(count("ngap"), bench.pdus.len());
    assert_eq!(count("_ws.malformed || _ws.expert.severity == error"), 0);
    let accepts = bench.sent(Message::SessionEstablishmentAccept);
    let accepts = usize::try_from(accepts).unwrap();
    assert_eq!(count("nas_5gs.sm.message_type == 0xc2"), accepts);
    let described = "nas_5gs.sm.message_type == 0xc2 && nas_5gs.sm.5qi == 9 && nas_5gs.sm.qfi == 1";
    assert_eq!(count(described), accepts);
    for told in [
        "gsm_a.gm.sm.pco.dns.ipv4 == 10.255.255.254",
        "gsm_a.gm.sm.pco.dns.ipv6 == 2001:db8::1",
        "gsm_a.gm.sm.pco.ipv4_link_mtu_size == 1400",
    ] {
        assert!(count(told) > 0, "{told}");
    }
}
