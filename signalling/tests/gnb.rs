//! The gNB against hand-built messages of an AMF (TS 38.413).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test support, and the instants are only carried along"
)]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

use std::time::{Duration, Instant};

use oxirush_ngap::helpers::*;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind as Kind, build_ngap, extract_ngap_ies};
use signalling::{
    EstablishmentCause, Gnb, GnbSettings, NodeAction, NodeEvent, NodeTimer, RefusalReason, ReleaseCause,
    Released, STmsi,
};

fn settings() -> GnbSettings {
    GnbSettings {
        gnb_id: 0x12_3456,
        name: "gnb-1".to_owned(),
        plmn: "001/01".parse().unwrap(),
        tac: identity::Tac::new(1).unwrap(),
        slices: vec!["1".parse().unwrap()],
        cells: 3,
        n3: None,
    }
}

fn handle(gnb: &mut Gnb, event: NodeEvent<'_>) -> Vec<NodeAction> {
    let mut out = Vec::new();
    gnb.handle(event, Instant::now(), &mut out);
    out
}

fn receive(gnb: &mut Gnb, pdu: Result<NGAP_PDU, oxirush_ngap::Error>) -> Vec<NodeAction> {
    handle(gnb, NodeEvent::Received { stream: 0, octets: &pdu.unwrap().encode().unwrap() })
}

fn connect(gnb: &mut Gnb, ue: u32) -> Vec<NodeAction> {
    let cause = EstablishmentCause::MoSignalling;
    let s_tmsi = STmsi::new(1, 0, 0xdead_beef);
    handle(gnb, NodeEvent::Connect { ue, cell: 0, nas: &[0x7e, 0, 0x41], cause, s_tmsi })
}

fn ready() -> Gnb {
    let mut gnb = Gnb::new(settings());
    handle(&mut gnb, NodeEvent::AssociationUp { streams_out: 4 });
    let actions = receive(&mut gnb, setup_response());
    assert!(actions.contains(&NodeAction::Ready));
    gnb
}

/// A gNB whose UE 9 has a connection that the AMF calls 42.
fn connected() -> (Gnb, u32) {
    let mut gnb = ready();
    let ran = ran_of(&connect(&mut gnb, 9));
    let actions = receive(&mut gnb, downlink(42, ran));
    assert_eq!(actions, [NodeAction::Downlink { ue: 9, nas: vec![1, 2, 3] }]);
    (gnb, ran)
}

fn setup_response() -> Result<NGAP_PDU, oxirush_ngap::Error> {
    let network = plmn("001", "01")?;
    let slices = SliceSupportList(vec![SliceSupportItem::new(s_nssai(1, None), None)]);
    let guami = ServedGUAMIItem::new(guami(network, 1, 1, 0)?, None, None);
    build_ngap!(
        SuccessfulOutcome,
        NGSetup,
        NGSetupResponse,
        AMFName("amf-1"),
        ServedGUAMIList(ServedGUAMIList(vec![guami])),
        RelativeAMFCapacity(RelativeAMFCapacity(255)),
        PLMNSupportList(PLMNSupportList(vec![PLMNSupportItem::new(network, slices, None)])),
    )
}

fn downlink(amf: u64, ran: u32) -> Result<NGAP_PDU, oxirush_ngap::Error> {
    build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        NAS_PDU(vec![1u8, 2, 3]),
    )
}

fn release(amf: u64, ran: u32) -> Result<NGAP_PDU, oxirush_ngap::Error> {
    build_ngap!(
        InitiatingMessage,
        UEContextRelease,
        UEContextReleaseCommand,
        UE_NGAP_IDs(UENGAPIDs::uE_NGAP_ID_pair(UENGAPIDPair::new(AMFUENGAPID(amf), RANUENGAPID(ran), None))),
        Cause(Cause::nas(CauseNas::normal_release)),
    )
}

/// The PDUs that were sent, checked for deviations from the ASN.1.
fn pdus(actions: &[NodeAction]) -> Vec<(u16, NGAP_PDU)> {
    let mut pdus = Vec::new();
    for action in actions {
        if let NodeAction::Send { stream, octets, .. } = action {
            let pdu = NGAP_PDU::decode(octets).unwrap();
            assert!(pdu.check().unwrap().is_empty(), "{pdu}: {:?}", pdu.check());
            pdus.push((*stream, pdu));
        }
    }
    pdus
}

fn kinds(actions: &[NodeAction]) -> Vec<Kind> {
    pdus(actions).iter().map(|(_, pdu)| pdu.kind()).collect()
}

fn ran_of(actions: &[NodeAction]) -> u32 {
    let pdus = pdus(actions);
    let (_, pdu) = pdus.iter().find(|(_, pdu)| pdu.kind() == Kind::Initiating_InitialUEMessage).unwrap();
    let read = || -> Result<u32, oxirush_ngap::Error> {
        extract_ngap_ies!(pdu, InitialUEMessage, req ran: u32 = RAN_UE_NGAP_ID(id),);
        Ok(ran)
    };
    read().unwrap()
}

fn cause_of(actions: &[NodeAction]) -> Cause {
    let pdus = pdus(actions);
    let (_, pdu) = pdus.iter().find(|(_, pdu)| pdu.kind() == Kind::Initiating_ErrorIndication).unwrap();
    pdu.ie::<oxirush_ngap::ie::Cause>().unwrap().unwrap()
}

#[test]
fn ng_setup_on_stream_0_makes_the_gnb_ready() {
    let mut gnb = Gnb::new(settings());
    let actions = handle(&mut gnb, NodeEvent::AssociationUp { streams_out: 4 });
    assert_eq!(kinds(&actions), [Kind::Initiating_NGSetup]);
    assert_eq!(pdus(&actions)[0].0, 0);
    let actions = receive(&mut gnb, setup_response());
    assert_eq!(actions, [NodeAction::StopTimer(NodeTimer::NgSetup), NodeAction::Ready]);
    assert!(gnb.is_ready());
}

#[test]
fn ng_setup_failure_waits_as_long_as_it_says() {
    let mut gnb = Gnb::new(settings());
    handle(&mut gnb, NodeEvent::AssociationUp { streams_out: 4 });
    let failure = build_ngap!(
        UnsuccessfulOutcome,
        NGSetup,
        NGSetupFailure,
        Cause(Cause::misc(CauseMisc::unknown_PLMN_or_SNPN)),
        TimeToWait(TimeToWait::v5s),
    );
    let actions = receive(&mut gnb, failure);
    let wait = Duration::from_secs(5);
    assert!(actions.iter().any(|action| matches!(action,
        NodeAction::SetupRefused { cause, retry_after, passes: false } if cause.contains("unknown-plmn") && *retry_after == Some(wait))));
    assert!(actions.contains(&NodeAction::SetTimer(NodeTimer::TimeToWait, wait)));
    assert!(!gnb.is_ready());
    let actions = handle(&mut gnb, NodeEvent::Expired(NodeTimer::TimeToWait));
    assert_eq!(kinds(&actions), [Kind::Initiating_NGSetup]);
}

#[test]
fn ng_setup_without_an_answer_is_repeated() {
    let mut gnb = Gnb::new(settings());
    handle(&mut gnb, NodeEvent::AssociationUp { streams_out: 4 });
    let actions = handle(&mut gnb, NodeEvent::Expired(NodeTimer::NgSetup));
    assert!(matches!(actions[0], NodeAction::SetupUnanswered { .. }));
    let actions = handle(&mut gnb, NodeEvent::Expired(NodeTimer::TimeToWait));
    assert_eq!(kinds(&actions), [Kind::Initiating_NGSetup]);
}

#[test]
fn ue_gets_no_connection_before_ng_setup_nor_in_a_cell_that_is_not() {
    let mut gnb = Gnb::new(settings());
    let actions = connect(&mut gnb, 9);
    assert_eq!(actions, [NodeAction::Refused { ue: 9, reason: RefusalReason::NgInterfaceDown }]);
    let mut gnb = ready();
    let cause = EstablishmentCause::MoData;
    let actions = handle(&mut gnb, NodeEvent::Connect { ue: 9, cell: 3, nas: &[0], cause, s_tmsi: None });
    assert_eq!(actions, [NodeAction::Refused { ue: 9, reason: RefusalReason::NoSuchCell }]);
}

#[test]
fn nas_goes_both_ways_on_a_stream_of_the_ue() {
    let mut gnb = ready();
    let actions = connect(&mut gnb, 9);
    let (stream, ran) = (pdus(&actions)[0].0, ran_of(&actions));
    assert_ne!(stream, 0);
    let early = handle(&mut gnb, NodeEvent::Uplink { ue: 9, nas: &[7] });
    assert_eq!(early, [NodeAction::Unexpected("uplink-before-downlink")]);
    receive(&mut gnb, downlink(42, ran));
    let actions = handle(&mut gnb, NodeEvent::Uplink { ue: 9, nas: &[7] });
    assert_eq!(kinds(&actions), [Kind::Initiating_UplinkNASTransport]);
    assert_eq!(pdus(&actions)[0].0, stream);
    assert_eq!(gnb.connected(), 1);
}

#[test]
fn unknown_ran_id_is_answered_with_error_indication() {
    let mut gnb = ready();
    let actions = receive(&mut gnb, downlink(42, 777));
    assert_eq!(cause_of(&actions), Cause::radioNetwork(CauseRadioNetwork::unknown_local_UE_NGAP_ID));
    let actions = receive(&mut gnb, release(42, 777));
    assert_eq!(cause_of(&actions), Cause::radioNetwork(CauseRadioNetwork::unknown_local_UE_NGAP_ID));
}

#[test]
fn inconsistent_amf_id_releases_the_connection() {
    let (mut gnb, ran) = connected();
    let actions = receive(&mut gnb, downlink(43, ran));
    assert_eq!(cause_of(&actions), Cause::radioNetwork(CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID));
    assert!(actions.contains(&NodeAction::Released { ue: 9, cause: Released::Lost }));
}

#[test]
fn octets_that_are_no_pdu_are_answered_with_transfer_syntax_error() {
    let mut gnb = ready();
    let actions = handle(&mut gnb, NodeEvent::Received { stream: 0, octets: &[0xff, 1, 2] });
    assert_eq!(cause_of(&actions), Cause::protocol(CauseProtocol::transfer_syntax_error));
}

#[test]
fn message_without_its_nas_pdu_is_answered_with_error_indication() {
    let (mut gnb, ran) = connected();
    let pdu = build_ngap!(
        InitiatingMessage,
        DownlinkNASTransport,
        DownlinkNASTransport,
        AMF_UE_NGAP_ID(42u64),
        RAN_UE_NGAP_ID(ran),
    );
    let actions = receive(&mut gnb, pdu);
    assert!(matches!(cause_of(&actions), Cause::protocol(_)));
    // An ERROR INDICATION is never answered with another.
    let actions = receive(&mut gnb, build_ngap!(InitiatingMessage, ErrorIndication, ErrorIndication,));
    assert!(kinds(&actions).is_empty());
}

#[test]
fn procedure_that_is_not_comprehended_is_answered_by_its_criticality() {
    let mut gnb = ready();
    let pdu = build_ngap!(
        InitiatingMessage,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupRequest,
        AMF_UE_NGAP_ID(42u64),
        RAN_UE_NGAP_ID(1u32),
    );
    let actions = receive(&mut gnb, pdu);
    assert_eq!(cause_of(&actions), Cause::protocol(CauseProtocol::abstract_syntax_error_reject));
    let ignored = build_ngap!(
        InitiatingMessage,
        DeactivateTrace,
        DeactivateTrace,
        AMF_UE_NGAP_ID(42u64),
        RAN_UE_NGAP_ID(1u32),
    );
    assert!(kinds(&receive(&mut gnb, ignored)).is_empty());
}

#[test]
fn initial_context_setup_is_answered_and_its_nas_delivered() {
    let (mut gnb, ran) = connected();
    let request = |with_key: bool| {
        let network = plmn("001", "01").unwrap();
        let slices = || AllowedNSSAI(vec![AllowedNSSAIItem::new(s_nssai(1, None), None)]);
        let guami = guami(network, 1, 1, 0).unwrap();
        if with_key {
            build_ngap!(
                InitiatingMessage,
                InitialContextSetup,
                InitialContextSetupRequest,
                AMF_UE_NGAP_ID(42u64),
                RAN_UE_NGAP_ID(ran),
                GUAMI(guami),
                AllowedNSSAI(slices()),
                UESecurityCapabilities(ue_security_capabilities(0xe0, 0xe0)),
                SecurityKey([1; 32]),
                NAS_PDU(vec![5u8]),
            )
        } else {
            build_ngap!(
                InitiatingMessage,
                InitialContextSetup,
                InitialContextSetupRequest,
                AMF_UE_NGAP_ID(42u64),
                RAN_UE_NGAP_ID(ran),
                GUAMI(guami),
                AllowedNSSAI(slices()),
                UESecurityCapabilities(ue_security_capabilities(0xe0, 0xe0)),
            )
        }
    };
    let actions = receive(&mut gnb, request(true));
    assert_eq!(kinds(&actions), [Kind::Successful_InitialContextSetup]);
    assert!(actions.contains(&NodeAction::Downlink { ue: 9, nas: vec![5] }));
    let actions = receive(&mut gnb, request(false));
    assert_eq!(kinds(&actions), [Kind::Unsuccessful_InitialContextSetup]);
}

#[test]
fn release_command_is_completed_and_frees_the_ue() {
    let (mut gnb, ran) = connected();
    let actions = receive(&mut gnb, release(42, ran));
    assert_eq!(kinds(&actions), [Kind::Successful_UEContextRelease]);
    assert_eq!(actions.last(), Some(&NodeAction::Released { ue: 9, cause: Released::Normal }));
    assert_eq!(gnb.connected(), 0);
}

#[test]
fn lost_radio_connection_is_reported_and_nas_comes_back() {
    let (mut gnb, ran) = connected();
    let cause = ReleaseCause::RadioConnectionLost;
    let actions = handle(&mut gnb, NodeEvent::RequestRelease { ue: 9, cause });
    assert_eq!(kinds(&actions), [Kind::Initiating_UEContextReleaseRequest]);
    let actions = receive(&mut gnb, downlink(42, ran));
    assert_eq!(kinds(&actions), [Kind::Initiating_NASNonDeliveryIndication]);
    assert!(
        receive(&mut gnb, release(42, ran))
            .contains(&NodeAction::Released { ue: 9, cause: Released::Normal })
    );
}

#[test]
fn ue_that_connects_anew_leaves_its_old_connection() {
    let (mut gnb, old) = connected();
    let actions = connect(&mut gnb, 9);
    assert_eq!(
        kinds(&actions),
        [Kind::Initiating_UEContextReleaseRequest, Kind::Initiating_InitialUEMessage]
    );
    let new = ran_of(&actions);
    assert_ne!(old, new);
    let actions = receive(&mut gnb, release(42, old));
    assert!(
        !actions.contains(&NodeAction::Released { ue: 9, cause: Released::Normal }),
        "the new one is kept"
    );
    assert_eq!(receive(&mut gnb, downlink(43, new)).len(), 1);
}

#[test]
fn reset_by_the_amf_releases_what_it_names() {
    let (mut gnb, ran) = connected();
    connect(&mut gnb, 10);
    let item = UEAssociatedLogicalNGConnectionItem::new(Some(AMFUENGAPID(42)), Some(RANUENGAPID(ran)), None);
    let part = build_ngap!(
        InitiatingMessage,
        NGReset,
        NGReset,
        Cause(Cause::misc(CauseMisc::unspecified)),
        ResetType(ResetType::partOfNG_Interface(UEAssociatedLogicalNGConnectionList(vec![item]))),
    );
    let actions = receive(&mut gnb, part);
    assert_eq!(kinds(&actions), [Kind::Successful_NGReset]);
    assert!(
        actions.contains(&NodeAction::Released { ue: 9, cause: Released::NgReset }) && gnb.connected() == 1
    );
    let all = build_ngap!(
        InitiatingMessage,
        NGReset,
        NGReset,
        Cause(Cause::misc(CauseMisc::unspecified)),
        ResetType(ResetType::nG_Interface(ResetAll::reset_all)),
    );
    let actions = receive(&mut gnb, all);
    assert!(
        actions.contains(&NodeAction::Released { ue: 10, cause: Released::NgReset }) && gnb.connected() == 0
    );
    assert_eq!(kinds(&actions), [Kind::Successful_NGReset]);
}

#[test]
fn reset_by_the_gnb_is_repeated_until_acknowledged() {
    let (mut gnb, _) = connected();
    let actions = handle(&mut gnb, NodeEvent::Reset);
    assert_eq!(kinds(&actions), [Kind::Initiating_NGReset]);
    assert!(actions.contains(&NodeAction::Released { ue: 9, cause: Released::Lost }));
    let actions = handle(&mut gnb, NodeEvent::Expired(NodeTimer::NgReset));
    assert_eq!(kinds(&actions), [Kind::Initiating_NGReset]);
    let actions = receive(&mut gnb, build_ngap!(SuccessfulOutcome, NGReset, NGResetAcknowledge,));
    assert_eq!(actions, [NodeAction::StopTimer(NodeTimer::NgReset)]);
}

#[test]
fn association_that_goes_down_releases_everyone() {
    let (mut gnb, _) = connected();
    assert_eq!(
        handle(&mut gnb, NodeEvent::AssociationDown),
        [NodeAction::Released { ue: 9, cause: Released::AssociationLost }]
    );
    assert!(!gnb.is_ready());
}

#[test]
fn error_indication_about_a_ue_releases_it() {
    let (mut gnb, ran) = connected();
    let actions = receive(
        &mut gnb,
        build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(42u64),
            RAN_UE_NGAP_ID(ran),
            Cause(Cause::radioNetwork(CauseRadioNetwork::unknown_local_UE_NGAP_ID)),
        ),
    );
    assert!(
        actions.contains(&NodeAction::Released { ue: 9, cause: Released::Lost })
            && kinds(&actions).is_empty()
    );
}

#[test]
fn paging_and_configuration_updates_are_taken() {
    let mut gnb = ready();
    let identity = FiveGSTMSI::new(
        AMFSetID(oxirush_ngap::aper::Bits::new(1, 10).unwrap()),
        AMFPointer(oxirush_ngap::aper::Bits::new(0, 6).unwrap()),
        FiveGTMSI([0xde, 0xad, 0xbe, 0xef]),
        None,
    );
    let area = TAIListForPagingItem::new(tai(plmn("001", "01").unwrap(), [0, 0, 1]), None);
    let actions = receive(
        &mut gnb,
        build_ngap!(
            InitiatingMessage,
            Paging,
            Paging,
            UEPagingIdentity(UEPagingIdentity::fiveG_S_TMSI(identity)),
            TAIListForPaging(TAIListForPaging(vec![area])),
        ),
    );
    assert_eq!(actions, [NodeAction::Paged { s_tmsi: STmsi::new(1, 0, 0xdead_beef).unwrap() }]);
    let actions =
        receive(&mut gnb, build_ngap!(InitiatingMessage, AMFConfigurationUpdate, AMFConfigurationUpdate,));
    assert_eq!(kinds(&actions), [Kind::Successful_AMFConfigurationUpdate]);
}

#[test]
fn an_overload_of_all_or_of_slices_is_told_and_its_end() {
    let mut gnb = ready();
    let overload = receive(
        &mut gnb,
        build_ngap!(
            InitiatingMessage,
            OverloadStart,
            OverloadStart,
            AMFOverloadResponse(OverloadResponse::overloadAction(OverloadAction::reject_rrc_cr_signalling)),
            AMFTrafficLoadReductionIndication(30u8),
        ),
    );
    let action = Some(signalling::OverloadAction::RejectSignalling);
    let of_all = signalling::Fewer { action, reduction: Some(30) };
    let told = signalling::Overload { of_all, slices: Vec::new() };
    assert_eq!(overload, [NodeAction::Notice(signalling::AmfNotice::OverloadStart(told))]);
    let item = |slices: Vec<SNSSAI>, response, percent: Option<u8>| {
        let slices = slices.into_iter().map(|slice| SliceOverloadItem::new(slice, None)).collect();
        let percent = percent.map(TrafficLoadReductionIndication);
        OverloadStartNSSAIItem::new(SliceOverloadList(slices), response, percent, None)
    };
    let data = OverloadResponse::overloadAction(OverloadAction::reject_non_emergency_mo_dt);
    let overload = receive(
        &mut gnb,
        build_ngap!(
            InitiatingMessage,
            OverloadStart,
            OverloadStart,
            OverloadStartNSSAIList(OverloadStartNSSAIList(vec![
                item(vec![s_nssai(1, None), s_nssai(1, Some([0, 0, 7]))], Some(data), None),
                item(vec![s_nssai(2, None)], None, Some(40)),
            ])),
        ),
    );
    let of_slices = |slices: &[&str], fewer| signalling::SliceOverload {
        slices: slices.iter().map(|slice| slice.parse().unwrap()).collect(),
        fewer,
    };
    let action = Some(signalling::OverloadAction::RejectMoData);
    let told = signalling::Overload {
        of_all: signalling::Fewer::default(),
        slices: vec![
            of_slices(&["1", "1-000007"], signalling::Fewer { action, reduction: None }),
            of_slices(&["2"], signalling::Fewer { action: None, reduction: Some(40) }),
        ],
    };
    assert_eq!(overload, [NodeAction::Notice(signalling::AmfNotice::OverloadStart(told))]);
    let actions = receive(&mut gnb, build_ngap!(InitiatingMessage, OverloadStop, OverloadStop,));
    assert_eq!(actions, [NodeAction::Notice(signalling::AmfNotice::OverloadStop)]);
}
