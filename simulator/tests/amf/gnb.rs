//! What happens to the UEs of a gNB when the gNB, or the AMF, errs or goes.

use oxirush_ngap::aper::Bits;
use oxirush_ngap::helpers::{global_gnb_id, plmn, s_nssai, tai};
use oxirush_ngap::{build_ngap, ngap::*};
use simulator::amf::{Limits, MOST_TURNED_AWAY, Refusal};
use simulator::{AmfEvent, Command};

use crate::bench::*;
use crate::ue::TestUe;

fn connected(bench: &mut Bench, number: u32) -> TestUe {
    let mut ue = TestUe::new(number);
    ue.follow_on = true;
    bench.register(&mut ue);
    ue
}

pub(crate) fn reset(kind: ResetType) -> Vec<u8> {
    let cause = Cause::misc(CauseMisc::om_intervention);
    build_ngap!(InitiatingMessage, NGReset, NGReset, Cause(cause), ResetType(kind),)
        .unwrap()
        .encode()
        .unwrap()
}

/// RAN CONFIGURATION UPDATE to a tracking area and a slice, and with whose identity.
pub(crate) fn configuration_update(tac: u8, sst: u8, node: Option<GlobalRANNodeID>) -> Vec<u8> {
    let network = plmn("001", "01").unwrap();
    let slices = SliceSupportList(vec![SliceSupportItem::new(s_nssai(sst, None), None)]);
    let plmns = BroadcastPLMNList(vec![BroadcastPLMNItem::new(network, slices, None)]);
    let areas = SupportedTAList(vec![SupportedTAItem::new(TAC([0, 0, tac]), plmns, None)]);
    let pdu = match node {
        None => build_ngap!(
            InitiatingMessage,
            RANConfigurationUpdate,
            RANConfigurationUpdate,
            SupportedTAList(areas),
            DefaultPagingDRX(PagingDRX::v128),
        ),
        Some(node) => build_ngap!(
            InitiatingMessage,
            RANConfigurationUpdate,
            RANConfigurationUpdate,
            SupportedTAList(areas),
            DefaultPagingDRX(PagingDRX::v128),
            GlobalRANNodeID(node),
        ),
    };
    pdu.unwrap().encode().unwrap()
}

fn kind(did: &[Did]) -> &str {
    match did {
        [Did::Other(_, name, _)] => name,
        _ => panic!("{did:?}"),
    }
}

/// An AMF of two tracking areas and two slices.
fn two_of_each() -> Settings {
    let mut settings = settings();
    settings.networks[0].tacs.push(identity::Tac::new(2).unwrap());
    settings.slices.push(identity::Snssai { sst: 2, sd: None });
    settings
}

#[test]
fn a_configuration_update_moves_the_gnb_to_another_area_and_slice() {
    let mut bench = Bench::with(two_of_each());
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    let imsi = ue.imsi.parse().unwrap();
    let update = configuration_update(2, 2, None);
    assert_eq!(kind(&bench.ngap(GNB, &update)), "Successful_RANConfigurationUpdate");
    // The area is one with the first, so the UE is paged in it, at a gNB that has left the first.
    assert_eq!(bench.command(Command::Page { imsi }).len(), 1);
    // A UE that wants two slices where only slice 2 is supported gets no other.
    let mut there = TestUe::new(2);
    there.tac = 2;
    there.requested = [1, 2].map(|sst| oxirush_nas::nas_5gs::NasSNssai::from_sst_sd(sst, None)).to_vec();
    bench.register(&mut there);
    let accept = there.received.iter().find_map(|message| match message {
        oxirush_nas::nas_5gs::Nas5gmmMessage::RegistrationAccept(accept) => accept.allowed_nssai.clone(),
        _ => None,
    });
    let allowed: Vec<u8> = accept.unwrap().parse_all().iter().map(|slice| slice.sst).collect();
    assert_eq!(allowed, [2]);
}

#[test]
fn a_configuration_that_cannot_be_served_is_refused_and_the_one_before_stays() {
    for (tac, sst, reason) in [(9, 1, Refusal::UnknownTac), (1, 7, Refusal::NoCommonSlice)] {
        let mut bench = Bench::new();
        let mut ue = TestUe::new(1);
        bench.register(&mut ue);
        let did = bench.ngap(GNB, &configuration_update(tac, sst, None));
        assert_eq!(kind(&did), "Unsuccessful_RANConfigurationUpdate");
        assert_eq!(bench.refusals(reason), 1);
        let imsi = ue.imsi.parse().unwrap();
        assert_eq!(bench.command(Command::Page { imsi }).len(), 1, "the gNB has its tracking area still");
    }
}

#[test]
fn a_configuration_update_of_another_node_is_refused() {
    let node = |id, bits| {
        GlobalRANNodeID::globalGNB_ID(global_gnb_id(plmn("001", "01").unwrap(), id, bits).unwrap())
    };
    for (node, answer) in [
        (node(1, 24), "Successful_RANConfigurationUpdate"),
        (node(1, 25), "Unsuccessful_RANConfigurationUpdate"),
        (node(2, 24), "Unsuccessful_RANConfigurationUpdate"),
    ] {
        let mut bench = Bench::new();
        assert_eq!(kind(&bench.ngap(GNB, &configuration_update(1, 1, Some(node)))), answer);
    }
}

/// NG SETUP REQUEST of any node.
fn setup_of(node: GlobalRANNodeID) -> Vec<u8> {
    let mut pdu = NGAP_PDU::decode(&ng_setup("001", "01", [0, 0, 1], 1, 1)).unwrap();
    let mut ies = pdu.protocol_ies().unwrap().into_owned();
    ies.0[0].value = encode_open_type(&node).unwrap();
    pdu.set_protocol_ies(ies).unwrap();
    pdu.encode().unwrap()
}

#[test]
fn identifiers_of_every_length_name_nodes_of_their_own() {
    let network = plmn("001", "01").unwrap();
    let gnbs = (22..=32).map(|bits| GlobalRANNodeID::globalGNB_ID(global_gnb_id(network, 5, bits).unwrap()));
    let enb = |id| GlobalRANNodeID::globalNgENB_ID(GlobalNgENBID::new(network, id, None));
    let enbs = [
        NgENBID::macroNgENB_ID(Bits::low(5, 20)),
        NgENBID::shortMacroNgENB_ID(Bits::low(5, 18)),
        NgENBID::longMacroNgENB_ID(Bits::low(5, 21)),
    ];
    let nodes: Vec<_> = gnbs.chain(enbs.map(enb)).collect();
    let mut bench = Bench::without_gnb(settings());
    for (association, node) in (1..).zip(&nodes) {
        bench.event(AmfEvent::AssociationUp { association, streams_out: 2 });
        let did = bench.ngap(association, &setup_of(node.clone()));
        assert_eq!(did, [Did::SetupResponse(association)], "{node:?}");
    }
    assert_eq!(bench.core.statistics().gnbs, nodes.len());
    assert_eq!(bench.refusals(Refusal::DuplicateGnb), 0);
}

#[test]
fn a_ue_of_an_ng_enb_registers() {
    let mut bench = Bench::new();
    let network = plmn("001", "01").unwrap();
    let cell = EUTRACGI::new(network, EUTRACellIdentity(Bits::low(0x100, 28)), None);
    let location = UserLocationInformationEUTRA::new(cell, tai(network, [0, 0, 1]), None, None);
    let location = UserLocationInformation::userLocationInformationEUTRA(location);
    let pdu = build_ngap!(
        InitiatingMessage,
        InitialUEMessage,
        InitialUEMessage,
        RAN_UE_NGAP_ID(1u32),
        NAS_PDU(TestUe::new(1).registration_request()),
        UserLocationInformation(location),
        RRCEstablishmentCause(RRCEstablishmentCause::mo_Signalling),
    );
    assert_eq!(nas(&bench.ngap(GNB, &pdu.unwrap().encode().unwrap())).len(), 1);
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
        let statistics = bench.core.statistics();
        assert_eq!((statistics.gnbs, statistics.turned_away_total), (1, 1));
        // An operator reads which gNB it was, why, and what it said of itself.
        let [turned_away] = &statistics.turned_away[..] else { panic!("{:?}", statistics.turned_away) };
        assert!(turned_away.who.starts_with("gNB 2 of 24 bits, PLMN "), "{}", turned_away.who);
        let said = format!("{}; it has PLMN {mcc}/01 TAC {tac} slices {sst}", reason.as_str());
        assert_eq!(turned_away.why, format!("NG setup refused: {said}"));
    }
}

#[test]
fn counters_are_told_by_their_names_and_refused_ues_by_theirs() {
    let mut bench = Bench::new();
    let mut ue = TestUe::new(1);
    ue.requested = vec![oxirush_nas::nas_5gs::NasSNssai::from_sst_sd(9, None)];
    for _ in 0..300 {
        bench.register(&mut ue);
    }
    let statistics = bench.core.statistics();
    assert_eq!(statistics.rejections.get(&62), Some(&300));
    assert_eq!((statistics.turned_away_total, statistics.turned_away.len()), (300, MOST_TURNED_AWAY));
    let first = &statistics.turned_away[0];
    assert_eq!(first.who, "UE 001010000000001");
    assert!(first.why.starts_with("registration rejected with 5GMM cause #62 "), "{}", first.why);
    let told = format!("{statistics:?}");
    assert!(told.contains("\"registration-reject\": 300") && told.contains("\"#62\": 300"), "{told}");
    assert!(!told.contains(": [0, "), "{told}");
}

#[test]
fn nothing_goes_before_the_ng_setup() {
    let mut bench = Bench::new();
    bench.event(AmfEvent::AssociationUp { association: 2, streams_out: 2 });
    let request = TestUe::new(1).registration_request();
    let did = bench.ngap(2, &initial_ue_message(1, request, [0, 0, 1]));
    let expected = "protocol(message_not_compatible_with_receiver_state)";
    assert_eq!(did, [Did::Error(2, expected.to_owned())]);
    assert_eq!(bench.core.statistics().connections, 0);
}

#[test]
fn the_later_of_two_gnbs_with_one_id_is_the_gnb() {
    let mut bench = Bench::new();
    connected(&mut bench, 1);
    let did = bench.set_up(2, 1);
    assert!(did.contains(&Did::Close(GNB)) && did.contains(&Did::SetupResponse(2)), "{did:?}");
    let statistics = bench.core.statistics();
    assert_eq!((statistics.gnbs, statistics.connections, statistics.registered), (1, 0, 1));
    assert_eq!(bench.refusals(Refusal::DuplicateGnb), 1);
}

#[test]
fn the_ues_of_a_lost_gnb_are_idle_and_come_back() {
    let mut bench = Bench::new();
    let mut ue = connected(&mut bench, 1);
    bench.event(AmfEvent::AssociationDown { association: GNB });
    let statistics = bench.core.statistics();
    assert_eq!((statistics.connections, statistics.registered, statistics.associations), (0, 1, 0));
    bench.set_up(3, 1);
    let request = ue.service_request(oxirush_nas::nas_5gs::ServiceType::Signalling);
    let did = bench.initial_on(3, &mut ue, request);
    assert_eq!(nas(&did).len(), 1);
    assert_eq!(bench.core.statistics().services_accepted, 1);
}

#[test]
fn a_reset_of_the_interface_frees_all_and_one_of_a_part_frees_it() {
    let mut bench = Bench::new();
    let (first, _second) = (connected(&mut bench, 1), connected(&mut bench, 2));
    let item = UEAssociatedLogicalNGConnectionItem::new(None, Some(RANUENGAPID(first.ran_id)), None);
    let part = ResetType::partOfNG_Interface(UEAssociatedLogicalNGConnectionList(vec![item]));
    assert_eq!(bench.ngap(GNB, &reset(part)), [Did::ResetAcknowledge(GNB)]);
    assert_eq!(bench.core.statistics().connections, 1);
    let all = ResetType::nG_Interface(ResetAll::reset_all);
    assert_eq!(bench.ngap(GNB, &reset(all)), [Did::ResetAcknowledge(GNB)]);
    assert_eq!((bench.core.statistics().connections, bench.core.statistics().registered), (0, 2));
}

#[test]
fn a_reset_by_the_amf_frees_all() {
    let mut bench = Bench::new();
    connected(&mut bench, 1);
    assert_eq!(bench.command(Command::Reset { association: GNB }), [Did::Reset(GNB)]);
    assert_eq!(bench.core.statistics().connections, 0);
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
    assert_eq!(bench.core.statistics().connections, 1);
    let did = bench.ngap(GNB, &uplink_nas_transport(ue.amf_id, ue.ran_id + 1, vec![0x7e, 0, 0x64, 0x60]));
    assert_eq!(did, [Did::Error(GNB, "radioNetwork(inconsistent_remote_UE_NGAP_ID)".to_owned())]);
    assert_eq!(bench.core.statistics().connections, 0);
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
    assert_eq!(bench.core.statistics().connections, 0);
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
    assert_eq!((bench.core.statistics().connections, bench.core.statistics().registered), (0, 1));
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
