//! The gNB's PDU session resources, against hand-built messages of an AMF (TS 38.413 §8.2).
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;

use amf::*;
use oxirush_ngap::NgapPduKind as Kind;
use oxirush_ngap::ngap::*;
use signalling::{GnbSettings, NodeAction, NodeEvent, ReleaseCause, Released};

/// A session that is up: our TEID, its flows, and whether it has a security result.
type Up = (u8, u32, Vec<u64>, bool);

/// The sessions of a setup response: those that are up, and those that failed, with their causes.
fn answer(pdu: &NGAP_PDU) -> (Vec<Up>, Vec<(u8, Cause)>) {
    let up = pdu.ie::<oxirush_ngap::ie::PDUSessionResourceSetupListSURes>().map(|list| list.unwrap().0);
    let up = up.into_iter().flatten().map(|item| {
        let transfer = item.pdu_session_resource_setup_response_transfer;
        let transfer: PDUSessionResourceSetupResponseTransfer<'_> = decode_open_type(&transfer).unwrap();
        let information = transfer.dl_qos_flow_per_tnl_information;
        let UPTransportLayerInformation::gTPTunnel(tunnel) = information.up_transport_layer_information
        else {
            panic!()
        };
        assert_eq!(tunnel.transport_layer_address.0.as_octets(), [127, 1, 2, 3]);
        let flows = information.associated_qos_flow_list.0.iter().map(|flow| flow.qos_flow_identifier.0);
        let teid = u32::from_be_bytes(tunnel.gtp_teid.0);
        (item.pdu_session_id.0, teid, flows.collect(), transfer.security_result.is_some())
    });
    let up = up.collect();
    let failed = pdu.ie::<oxirush_ngap::ie::PDUSessionResourceFailedToSetupListSURes>();
    let failed = failed.map(|list| list.unwrap().0).into_iter().flatten().map(|item| {
        let transfer = item.pdu_session_resource_setup_unsuccessful_transfer;
        let transfer: PDUSessionResourceSetupUnsuccessfulTransfer = decode_open_type(&transfer).unwrap();
        (item.pdu_session_id.0, transfer.cause)
    });
    (up, failed.collect())
}

fn radio(cause: CauseRadioNetwork) -> Cause {
    Cause::radioNetwork(cause)
}

#[test]
fn session_is_set_up_answered_with_its_tunnel_and_its_nas_delivered() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[]);
    let actions = node.receive(setup(ran, vec![(1, transfer(1))]));
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel: tunnel(1, 0) },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 1] },
        ]
    );
    assert_eq!(kinds(&actions), [Kind::Successful_PDUSessionResourceSetup]);
    assert_eq!(answer(node.last()), (vec![(1, teid(100), vec![5, 7], false)], vec![]));
}

#[test]
fn sessions_succeed_and_fail_one_by_one() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    let request = vec![
        (1, transfer(1)),
        (2, transfer_with(&[127, 9, 9, 2], 0x1002, &[1], PDUSessionType::ipv6, true)),
        (3, transfer_with(&[127, 9, 9, 3], 3, &[1, 1], PDUSessionType::ipv4, false)),
        (4, transfer_with(&[127, 9, 9, 4], 4, &[1], PDUSessionType::ethernet, false)),
        (5, transfer_with(&[0; 16], 5, &[1], PDUSessionType::ipv4, false)),
        (6, vec![0xff].into()),
        (7, transfer(7)),
        (7, transfer(7)),
        (99, transfer(99)),
    ];
    let actions = node.receive(setup(ran, request));
    let (up, failed) = answer(node.last());
    assert_eq!(up, [(2, teid(110), vec![1], true)], "the security result was asked for");
    let twice = CauseRadioNetwork::multiple_PDU_session_ID_instances;
    let semantic = || Cause::protocol(CauseProtocol::semantic_error);
    assert_eq!(
        failed,
        [
            (1, radio(twice)),
            (3, radio(CauseRadioNetwork::multiple_qos_flow_ID_instances)),
            (4, semantic()),
            (5, semantic()),
            (6, Cause::protocol(CauseProtocol::transfer_syntax_error)),
            (7, radio(twice)),
            (7, radio(twice)),
            (99, semantic()),
        ]
    );
    let nas = told(&actions).iter().filter(|action| matches!(action, NodeAction::Downlink { .. })).count();
    assert_eq!(nas, 1, "NAS of a session that failed does not reach the UE");
}

#[test]
fn address_of_both_families_gives_the_one_that_is_ours() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[]);
    let both: Vec<u8> = [127, 9, 9, 1].into_iter().chain([0xfd; 16]).collect();
    let actions = node
        .receive(setup(ran, vec![(1, transfer_with(&both, 0x1001, &[5], PDUSessionType::ipv4v6, false))]));
    assert!(actions.contains(&NodeAction::SessionResource { ue: UE, tunnel: tunnel(1, 0) }));
}

#[test]
fn gnb_without_user_plane_and_one_without_the_slice_refuse_every_session() {
    let (mut node, ran) = Node::with_sessions(GnbSettings { n3: None, ..settings(1) }, &[]);
    node.receive(setup(ran, vec![(1, transfer(1))]));
    let unavailable = Cause::transport(CauseTransport::transport_resource_unavailable);
    assert_eq!(answer(node.last()).1, [(1, unavailable)]);
    let slices = vec!["2".parse().unwrap()];
    let (mut node, ran) = Node::with_sessions(GnbSettings { slices, ..settings(1) }, &[]);
    node.receive(setup(ran, vec![(1, transfer(1))]));
    assert_eq!(answer(node.last()).1, [(1, radio(CauseRadioNetwork::slice_not_supported))]);
}

#[test]
fn sessions_come_with_the_initial_context_too() {
    let mut node = Node::ready(settings(1));
    let ran = node.connect(UE);
    let actions = node.receive(context_setup(ran, &[1, 2]));
    assert_eq!(kinds(&actions), [Kind::Successful_InitialContextSetup]);
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel: tunnel(1, 0) },
            NodeAction::SessionResource { ue: UE, tunnel: tunnel(2, 1) },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 1] },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 2] },
        ]
    );
}

#[test]
fn modification_moves_the_uplink_and_changes_flows() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    let actions = node.receive(modify(ran, 1, Some((&[127, 8, 8, 8], 7)), &[9], &[5]));
    assert_eq!(kinds(&actions), [Kind::Successful_PDUSessionResourceModify]);
    let moved = signalling::Tunnel { remote: [127, 8, 8, 8].into(), remote_teid: 7, qfi: 7, ..tunnel(1, 0) };
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel: moved },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 0xcb] },
        ]
    );
    let actions = node.receive(modify(ran, 1, None, &[9], &[]));
    assert_eq!(told(&actions).len(), 1, "nothing that the driver sees has changed: {actions:?}");
}

#[test]
fn modification_of_an_unknown_session_fails_alone() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    let actions = node.receive(modify(ran, 3, None, &[9], &[]));
    assert!(told(&actions).is_empty());
    let failed = node.last().ie::<oxirush_ngap::ie::PDUSessionResourceFailedToModifyListModRes>();
    let failed = failed.unwrap().unwrap();
    let transfer = &failed.0[0].pdu_session_resource_modify_unsuccessful_transfer;
    let transfer: PDUSessionResourceModifyUnsuccessfulTransfer = decode_open_type(transfer).unwrap();
    assert_eq!(transfer.cause, radio(CauseRadioNetwork::unknown_PDU_session_ID));
}

#[test]
fn release_frees_the_session_and_names_it_even_when_it_was_not_there() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1, 2]);
    let actions = node.receive(release_sessions(ran, &[2, 8]));
    assert_eq!(kinds(&actions), [Kind::Successful_PDUSessionResourceRelease]);
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResourceReleased { ue: UE, session: session(2) },
            NodeAction::Unexpected("release-of-unknown-session"),
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 0xd3] },
        ]
    );
    let named = node.last().ie::<oxirush_ngap::ie::PDUSessionResourceReleasedListRelRes>().unwrap().unwrap();
    assert_eq!(named.0.iter().map(|item| item.pdu_session_id.0).collect::<Vec<_>>(), [2, 8]);
    // The next session has a TEID of its own: that of session 2 rests.
    let actions = node.receive(setup(ran, vec![(3, transfer(3))]));
    assert!(actions.contains(&NodeAction::SessionResource { ue: UE, tunnel: tunnel(3, 2) }));
}

#[test]
fn release_of_the_ue_ends_its_sessions_first() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1, 2]);
    let actions = node.receive(release(ran, CauseRadioNetwork::user_inactivity));
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResourceReleased { ue: UE, session: session(1) },
            NodeAction::SessionResourceReleased { ue: UE, session: session(2) },
            NodeAction::Released { ue: UE, cause: Released::Normal },
        ]
    );
    let listed = node.last().ie::<oxirush_ngap::ie::PDUSessionResourceListCxtRelCpl>().unwrap().unwrap();
    assert_eq!(listed.0.len(), 2);
}

#[test]
fn ue_whose_radio_is_lost_gets_no_session() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    let cause = ReleaseCause::RadioConnectionLost;
    node.handle(NodeEvent::RequestRelease { ue: UE, cause });
    let listed = node.last().ie::<oxirush_ngap::ie::PDUSessionResourceListCxtRelReq>().unwrap().unwrap();
    assert_eq!(listed.0.len(), 1);
    node.receive(setup(ran, vec![(2, transfer(2))]));
    assert_eq!(answer(node.last()).1, [(2, radio(CauseRadioNetwork::radio_connection_with_ue_lost))]);
}

#[test]
fn session_procedures_of_an_unknown_ue_are_answered_with_error_indication() {
    let mut node = Node::ready(settings(1));
    for pdu in [setup(77, vec![(1, transfer(1))]), modify(77, 1, None, &[9], &[]), release_sessions(77, &[1])]
    {
        let actions = node.receive(pdu);
        assert_eq!(kinds(&actions), [Kind::Initiating_ErrorIndication]);
        assert_eq!(cause_of(node.last()), radio(CauseRadioNetwork::unknown_local_UE_NGAP_ID));
    }
}

#[test]
fn modification_of_the_context_is_answered_and_gives_the_ue_another_id() {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    let report = RRCInactiveTransitionReportRequest::subsequent_state_transition_report;
    let actions = node.receive(context_modification(ran, AMF, report));
    assert_eq!(kinds(&actions), [Kind::Successful_UEContextModification]);
    assert_eq!(ids(node.last()), (Some(AMF), Some(ran)));
    let state = node.last().ie::<oxirush_ngap::ie::RRCState>().unwrap().unwrap();
    assert_eq!((state, told(&actions)), (RRCState::connected, vec![]));
    // What follows is under the new id, and the old one is nobody's.
    node.handle(NodeEvent::RequestRelease { ue: UE, cause: ReleaseCause::UserInactivity });
    assert_eq!(ids(node.last()), (Some(AMF + 1), Some(ran)));
    let cancel = RRCInactiveTransitionReportRequest::cancel_report;
    node.receive(context_modification(ran, AMF + 1, cancel));
    assert!(node.last().ie::<oxirush_ngap::ie::RRCState>().is_none());
    let actions = node.receive(context_modification(77, AMF, cancel));
    assert_eq!(kinds(&actions), [Kind::Initiating_ErrorIndication]);
}
