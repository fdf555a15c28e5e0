//! What happens to the UEs of a gNB when the gNB, or the AMF, errs or goes.

use oxirush_ngap::{build_ngap, ngap::*};
use simulator::amf::{Limits, Refusal};
use simulator::{AmfEvent, Command};

use crate::bench::*;
use crate::ue::TestUe;

fn connected(bench: &mut Bench, number: u32) -> TestUe {
    let mut ue = TestUe::new(number);
    ue.follow_on = true;
    bench.register(&mut ue);
    ue
}

fn reset(kind: ResetType) -> Vec<u8> {
    let cause = Cause::misc(CauseMisc::om_intervention);
    build_ngap!(InitiatingMessage, NGReset, NGReset, Cause(cause), ResetType(kind),)
        .unwrap()
        .encode()
        .unwrap()
}

#[test]
fn a_gnb_of_another_network_area_or_slice_is_refused() {
    for (mcc, tac, sst, expected, reason) in [
        ("999", 1, 1, "misc(unknown_PLMN_or_SNPN)", Refusal::UnknownPlmn),
        ("001", 9, 1, "misc(unspecified)", Refusal::UnknownTac),
        ("001", 1, 7, "radioNetwork(slice_not_supported)", Refusal::NoCommonSlice),
    ] {
        let mut bench = Bench::new();
        bench.event(AmfEvent::AssociationUp { association: 2, streams_out: 2 });
        let did = bench.ngap(2, &ng_setup(mcc, "01", [0, 0, tac], sst, 2));
        assert_eq!(did, [Did::SetupFailure(2, expected.to_owned())]);
        assert_eq!(bench.refusals(reason), 1);
        assert_eq!(bench.amf.statistics().gnbs, 1);
    }
}

#[test]
fn nothing_goes_before_the_ng_setup() {
    let mut bench = Bench::new();
    bench.event(AmfEvent::AssociationUp { association: 2, streams_out: 2 });
    let request = TestUe::new(1).registration_request();
    let did = bench.ngap(2, &initial_ue_message(1, request, [0, 0, 1]));
    let expected = "protocol(message_not_compatible_with_receiver_state)";
    assert_eq!(did, [Did::Error(2, expected.to_owned())]);
    assert_eq!(bench.amf.statistics().connections, 0);
}

#[test]
fn the_later_of_two_gnbs_with_one_id_is_the_gnb() {
    let mut bench = Bench::new();
    connected(&mut bench, 1);
    let did = bench.set_up(2, 1);
    assert!(did.contains(&Did::Close(GNB)) && did.contains(&Did::SetupResponse(2)), "{did:?}");
    let statistics = bench.amf.statistics();
    assert_eq!((statistics.gnbs, statistics.connections, statistics.registered), (1, 0, 1));
    assert_eq!(bench.refusals(Refusal::DuplicateGnb), 1);
}

#[test]
fn the_ues_of_a_lost_gnb_are_idle_and_come_back() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    bench.event(AmfEvent::AssociationDown { association: GNB });
    let statistics = bench.amf.statistics();
    assert_eq!((statistics.connections, statistics.registered, statistics.associations), (0, 1, 0));
    bench.set_up(3, 1);
    let request = ue.service_request(oxirush_nas::nas_5gs::ServiceType::Signalling);
    let did = bench.initial_on(3, &mut ue, request);
    assert_eq!(nas(&did).len(), 1);
    assert_eq!(bench.amf.statistics().services_accepted, 1);
}

#[test]
fn a_reset_of_the_interface_frees_all_and_one_of_a_part_frees_it() {
    let mut bench = Bench::new();
    let (first, _second) = (connected(&mut bench, 1), connected(&mut bench, 2));
    let item = UEAssociatedLogicalNGConnectionItem::new(None, Some(RANUENGAPID(first.ran_id)), None);
    let part = ResetType::partOfNG_Interface(UEAssociatedLogicalNGConnectionList(vec![item]));
    assert_eq!(bench.ngap(GNB, &reset(part)), [Did::ResetAcknowledge(GNB)]);
    assert_eq!(bench.amf.statistics().connections, 1);
    let all = ResetType::nG_Interface(ResetAll::reset_all);
    assert_eq!(bench.ngap(GNB, &reset(all)), [Did::ResetAcknowledge(GNB)]);
    assert_eq!((bench.amf.statistics().connections, bench.amf.statistics().registered), (0, 2));
}

#[test]
fn a_reset_by_the_amf_frees_all() {
    let mut bench = Bench::new();
    connected(&mut bench, 1);
    assert_eq!(bench.command(Command::Reset { association: GNB }), [Did::Reset(GNB)]);
    assert_eq!(bench.amf.statistics().connections, 0);
}

#[test]
fn identifiers_that_do_not_fit_are_reported() {
    let mut bench = Bench::new();
    let ue = connected(&mut bench, 1);
    let did = bench.ngap(GNB, &uplink_nas_transport(77, 1, vec![0x7e, 0, 0x64, 0x60]));
    assert_eq!(did, [Did::Error(GNB, "radioNetwork(unknown_local_UE_NGAP_ID)".to_owned())]);
    // Another gNB's UE is as unknown, and stays untouched.
    bench.set_up(2, 2);
    let did = bench.ngap(2, &uplink_nas_transport(ue.amf_id, ue.ran_id, vec![0x7e, 0, 0x64, 0x60]));
    assert_eq!(did, [Did::Error(2, "radioNetwork(unknown_local_UE_NGAP_ID)".to_owned())]);
    assert_eq!(bench.amf.statistics().connections, 1);
    let did = bench.ngap(GNB, &uplink_nas_transport(ue.amf_id, ue.ran_id + 1, vec![0x7e, 0, 0x64, 0x60]));
    assert_eq!(did, [Did::Error(GNB, "radioNetwork(inconsistent_remote_UE_NGAP_ID)".to_owned())]);
    assert_eq!(bench.amf.statistics().connections, 0);
}

#[test]
fn octets_that_are_no_ngap_are_reported_and_an_error_indication_is_not() {
    let mut bench = Bench::new();
    let did = bench.ngap(GNB, &[0xff, 0x00, 0x12]);
    assert_eq!(did, [Did::Error(GNB, "protocol(transfer_syntax_error)".to_owned())]);
    let ue = connected(&mut bench, 1);
    let cause = Cause::radioNetwork(CauseRadioNetwork::unknown_local_UE_NGAP_ID);
    let error = build_ngap!(
        InitiatingMessage,
        ErrorIndication,
        ErrorIndication,
        AMF_UE_NGAP_ID(ue.amf_id),
        RAN_UE_NGAP_ID(ue.ran_id),
        Cause(cause),
    );
    assert_eq!(bench.ngap(GNB, &error.unwrap().encode().unwrap()), []);
    assert_eq!(bench.amf.statistics().connections, 0);
}

#[test]
fn an_inactive_ue_is_released_on_request() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    assert!(
        matches!(&did[..], [Did::Release { cause, .. }] if cause == "radioNetwork(user_inactivity)"),
        "{did:?}"
    );
    bench.settle(&mut ue, did);
    assert_eq!((bench.amf.statistics().connections, bench.amf.statistics().registered), (0, 1));
}

#[test]
fn limits_are_kept() {
    let mut settings = settings();
    settings.limits = Limits { associations: 1, connections: 2, ues: 1, delayed_sends: 1 };
    let mut bench = Bench::with(settings);
    assert_eq!(bench.event(AmfEvent::AssociationUp { association: 2, streams_out: 2 }), [Did::Close(2)]);
    connected(&mut bench, 1);
    let second = connected(&mut bench, 2);
    assert!(!second.registered);
    assert_eq!(bench.refusals(Refusal::TooManyUes), 1);
    let (mut third, mut fourth) = (TestUe::new(3), TestUe::new(4));
    let request = third.registration_request();
    bench.initial(&mut third, request);
    let request = fourth.registration_request();
    let did = bench.initial(&mut fourth, request);
    assert_eq!(did, [Did::Error(GNB, "misc(control_processing_overload)".to_owned())]);
}
