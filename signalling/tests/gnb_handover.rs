//! Handover through the AMF, at its source and at its target (TS 38.413 §8.4).
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;

use amf::*;
use oxirush_ngap::NgapPduKind as Kind;
use oxirush_ngap::ngap::*;
use signalling::{GnbSettings, HandoverFailure, NodeAction, NodeEvent, NodeTimer, ReleaseCause, Released};

const SECRET: &[u8] = b"what the target is to know";

/// A source whose UE has session 1 and asks for a handover to cell 2 of gNB 2.
fn preparing() -> (Node, u32) {
    let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
    node.later(90);
    let actions = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 2), container: SECRET });
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverPreparation]);
    assert!(node.timers.contains(&NodeTimer::HandoverPreparation(ran)));
    (node, ran)
}

/// A target that admitted the UE of [`preparing`] as its own number.
fn admitted() -> (Node, Node, u32, u32) {
    let (source, source_ran) = preparing();
    let mut target = Node::ready(settings(2));
    let actions = target.receive(handover_request(container_of(source.last()), &[1]));
    let [NodeAction::HandoverRequested { handle, cell: 2, container, sessions }] = &told(&actions)[..] else {
        panic!("{actions:?}")
    };
    assert_eq!((&container[..], &sessions[..]), (SECRET, &[session(1)][..]));
    let actions = target.handle(NodeEvent::AdmitHandover { handle: *handle, ue: UE });
    assert_eq!(kinds(&actions), [Kind::Successful_HandoverResourceAllocation]);
    assert_eq!(told(&actions), [NodeAction::SessionResource { ue: UE, tunnel: tunnel(1, 0) }]);
    (source, target, source_ran, *handle)
}

fn failed(cause: HandoverFailure) -> NodeAction {
    NodeAction::HandoverPreparationFailed { ue: UE, cause }
}

fn released(cause: Released) -> [NodeAction; 2] {
    [
        NodeAction::SessionResourceReleased { ue: UE, session: session(1) },
        NodeAction::Released { ue: UE, cause },
    ]
}

#[test]
fn ue_is_handed_over_from_required_to_release() {
    let (mut source, mut target, source_ran, target_ran) = admitted();
    let command = handover_command(source_ran, target.last());
    let actions = source.receive(command);
    assert_eq!(kinds(&actions), [Kind::Initiating_UplinkRANStatusTransfer]);
    let told_by_command = told(&actions);
    let [NodeAction::HandoverCommanded { ue: UE, container }] = &told_by_command[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(container.len(), 12, "what stands for the container that the target has taken");
    let timers: Vec<_> = source.timers.iter().copied().collect();
    assert_eq!(timers, [NodeTimer::HandoverOverall(source_ran)]);

    let actions = target.receive(status(target_ran, source.last()));
    assert_eq!(told(&actions), [NodeAction::HandoverExpected { ue: UE }]);
    let actions = target.handle(NodeEvent::HandoverArrived { ue: UE });
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverNotification]);
    assert!(target.timers.is_empty());
    let actions = target.handle(NodeEvent::Uplink { ue: UE, nas: NAS });
    assert_eq!(kinds(&actions), [Kind::Initiating_UplinkNASTransport]);

    let actions = source.receive(release(source_ran, CauseRadioNetwork::successful_handover));
    assert_eq!(kinds(&actions), [Kind::Successful_UEContextRelease]);
    assert_eq!(told(&actions), released(Released::HandedOver));
    assert!(source.timers.is_empty());
    assert_eq!((source.gnb.connected(), target.gnb.connected()), (0, 1));
}

#[test]
fn container_tells_the_target_cell_the_sessions_and_the_cell_that_was_left() {
    let (source, _) = preparing();
    let octets = container_of(source.last());
    let container: SourceNGRANNodeToTargetNGRANNodeTransparentContainer<'_> =
        decode_open_type(&octets).unwrap();
    let NGRANCGI::nR_CGI(cell) = &container.target_cell_id else { panic!() };
    assert_eq!(cell.nr_cell_identity.0.value(), 0x2_002);
    let sessions = container.pdu_session_resource_information_list.unwrap().0;
    let flows: Vec<u64> =
        sessions[0].qos_flow_information_list.0.iter().map(|flow| flow.qos_flow_identifier.0).collect();
    assert_eq!((sessions[0].pdu_session_id.0, flows), (1, vec![5, 7]));
    let LastVisitedCellInformation::nGRANCell(last) =
        &container.ue_history_information.0[0].last_visited_cell_information
    else {
        panic!()
    };
    assert_eq!(last.time_ue_stayed_in_cell.0, 90);
}

#[test]
fn refusal_of_the_amf_leaves_the_ue_where_it_is() {
    let (mut node, ran) = preparing();
    let actions = node.receive(preparation_failure(ran));
    let [NodeAction::HandoverPreparationFailed { ue: UE, cause: cause @ HandoverFailure::Refused(_) }] =
        told(&actions)[..]
    else {
        panic!("{actions:?}")
    };
    assert_eq!(cause.to_string(), "ho-target-not-allowed");
    assert!(node.timers.is_empty());
    let actions = node.handle(NodeEvent::Uplink { ue: UE, nas: NAS });
    assert_eq!(kinds(&actions), [Kind::Initiating_UplinkNASTransport]);
}

#[test]
fn expiry_of_tngrelocprep_cancels_and_a_command_that_crosses_is_ignored() {
    let (mut node, ran) = preparing();
    let actions = node.expire(NodeTimer::HandoverPreparation(ran));
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverCancel]);
    assert_eq!(cause_of(node.last()), Cause::radioNetwork(CauseRadioNetwork::tngrelocprep_expiry));
    assert_eq!(told(&actions), [failed(HandoverFailure::PreparationTimedOut)]);
    let actions = node.receive(command_with(ran, container(&[])));
    assert_eq!(told(&actions), [NodeAction::Unexpected("handover-command")]);
    assert!(kinds(&actions).is_empty());
    node.receive(cancel_acknowledge(ran));
    assert!(node.timers.is_empty());
    let actions = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: SECRET });
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverPreparation], "the next handover may begin");
}

#[test]
fn cancel_without_an_acknowledge_is_over_after_its_time() {
    let (mut node, ran) = preparing();
    let actions = node.handle(NodeEvent::CancelHandover { ue: UE });
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverCancel]);
    assert_eq!(told(&actions), [failed(HandoverFailure::Cancelled)]);
    let again = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: SECRET });
    assert_eq!(told(&again), [failed(HandoverFailure::HandoverRunning)]);
    assert!(told(&node.expire(NodeTimer::HandoverPreparation(ran))).is_empty());
    let again = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: SECRET });
    assert_eq!(kinds(&again), [Kind::Initiating_HandoverPreparation]);
    let stray = node.handle(NodeEvent::CancelHandover { ue: 77 });
    assert_eq!(stray, [NodeAction::Unexpected("cancel-without-connection")]);
}

#[test]
fn expiry_of_tngrelocoverall_asks_for_the_release_and_then_releases() {
    let (mut source, target, ran, _) = admitted();
    source.receive(handover_command(ran, target.last()));
    let actions = source.expire(NodeTimer::HandoverOverall(ran));
    assert_eq!(told(&actions), [NodeAction::HandoverOverdue { ue: UE }]);
    assert_eq!(kinds(&actions), [Kind::Initiating_UEContextReleaseRequest]);
    assert_eq!(cause_of(source.last()), Cause::radioNetwork(CauseRadioNetwork::tngrelocoverall_expiry));
    let actions = source.expire(NodeTimer::HandoverOverall(ran));
    assert_eq!(told(&actions), released(Released::Lost));
}

#[test]
fn release_that_crosses_a_preparation_ends_both() {
    let (mut node, ran) = preparing();
    let actions = node.receive(release(ran, CauseRadioNetwork::user_inactivity));
    let [session, released] = released(Released::Normal);
    assert_eq!(told(&actions), [session, failed(HandoverFailure::Released), released]);
    assert!(node.timers.is_empty());
}

#[test]
fn radio_that_is_lost_during_a_preparation_cancels_it() {
    let (mut node, _) = preparing();
    let cause = ReleaseCause::RadioConnectionLost;
    let actions = node.handle(NodeEvent::RequestRelease { ue: UE, cause });
    assert_eq!(kinds(&actions), [Kind::Initiating_HandoverCancel, Kind::Initiating_UEContextReleaseRequest]);
    assert_eq!(told(&actions), [failed(HandoverFailure::Cancelled)]);
}

#[test]
fn ue_that_connects_anew_ends_its_handover() {
    let (mut node, _) = preparing();
    let cause = signalling::EstablishmentCause::MoData;
    let actions = node.handle(NodeEvent::Connect { ue: UE, cell: 1, nas: NAS, cause, s_tmsi: None });
    assert!(actions.contains(&failed(HandoverFailure::ConnectedAnew)));
    assert!(node.timers.is_empty() && node.gnb.connected() == 1);
}

#[test]
fn handover_without_connection_without_session_and_of_too_much_is_refused_at_once() {
    let mut node = Node::ready(settings(1));
    let handover = NodeEvent::Handover { ue: UE, target: target(2, 0), container: SECRET };
    assert_eq!(node.handle(handover), [failed(HandoverFailure::NoConnection)]);
    let (mut node, _) = Node::with_sessions(settings(1), &[]);
    assert_eq!(node.handle(handover), [failed(HandoverFailure::NoSession)]);
    let (mut node, _) = Node::with_sessions(settings(1), &[1]);
    let container = &[0; 20_000];
    let actions = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container });
    assert_eq!(actions, [failed(HandoverFailure::NotEncodable)]);
    assert_eq!(kinds(&node.handle(handover)), [Kind::Initiating_HandoverPreparation]);
}

#[test]
fn session_that_comes_during_a_handover_is_refused_and_nas_goes_back_when_the_ue_has_left() {
    let (mut source, target, ran, _) = admitted();
    source.receive(setup(ran, vec![(2, transfer(2))]));
    let failed = source.last().ie::<oxirush_ngap::ie::PDUSessionResourceFailedToSetupListSURes>();
    let failed = failed.unwrap().unwrap();
    let transfer = &failed.0[0].pdu_session_resource_setup_unsuccessful_transfer;
    let transfer: PDUSessionResourceSetupUnsuccessfulTransfer = decode_open_type(transfer).unwrap();
    let triggered = Cause::radioNetwork(CauseRadioNetwork::ng_intra_system_handover_triggered);
    assert_eq!(transfer.cause, triggered);
    assert_eq!(told(&source.receive(downlink(ran))).len(), 1, "NAS still reaches it");
    source.receive(handover_command(ran, target.last()));
    let actions = source.receive(downlink(ran));
    assert_eq!(kinds(&actions), [Kind::Initiating_NASNonDeliveryIndication]);
    assert_eq!(cause_of(source.last()), triggered);
    let actions = source.handle(NodeEvent::Uplink { ue: UE, nas: NAS });
    assert_eq!(actions, [NodeAction::Unexpected("uplink-in-handover")]);
}

#[test]
fn target_refuses_what_it_cannot_take() {
    let (source, _) = preparing();
    let good = container_of(source.last());
    let elsewhere = |gnb_id, cell| {
        let (mut node, _) = Node::with_sessions(settings(1), &[1]);
        node.handle(NodeEvent::Handover { ue: UE, target: target(gnb_id, cell), container: SECRET });
        container_of(node.last())
    };
    let unavailable = CauseRadioNetwork::cell_not_available;
    let unreadable = CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system;
    let mut target = Node::ready(settings(2));
    for (container, sessions, cause) in [
        (elsewhere(3, 0), &[1][..], Cause::radioNetwork(unavailable)),
        (elsewhere(2, 7), &[1], Cause::radioNetwork(unavailable)),
        (vec![1, 2, 3], &[1], Cause::radioNetwork(unreadable)),
        (good.clone(), &[20], Cause::protocol(CauseProtocol::semantic_error)),
    ] {
        let actions = target.receive(handover_request(container, sessions));
        assert_eq!(kinds(&actions), [Kind::Unsuccessful_HandoverResourceAllocation]);
        assert_eq!((cause_of(target.last()), ids(target.last()).0), (cause, Some(AMF)));
        assert_eq!(told(&actions), [NodeAction::Unexpected("handover-request-refused")]);
    }
    let mut without = Node::ready(GnbSettings { n3: None, ..settings(2) });
    without.receive(handover_request(good, &[1]));
    let cause = Cause::transport(CauseTransport::transport_resource_unavailable);
    assert_eq!(cause_of(without.last()), cause);
}

#[test]
fn faulty_handover_request_is_answered_with_failure() {
    let mut target = Node::ready(settings(2));
    let pdu = oxirush_ngap::build_ngap!(
        InitiatingMessage,
        HandoverResourceAllocation,
        HandoverRequest,
        AMF_UE_NGAP_ID(AMF),
        HandoverType(HandoverType::intra5gs),
    );
    let actions = target.receive(pdu);
    assert_eq!(kinds(&actions), [Kind::Unsuccessful_HandoverResourceAllocation]);
    assert_eq!(cause_of(target.last()), Cause::protocol(CauseProtocol::abstract_syntax_error_reject));
}

#[test]
fn target_admits_some_sessions_and_names_the_others() {
    let (source, _) = preparing();
    let mut target = Node::ready(settings(2));
    let actions = target.receive(handover_request(container_of(source.last()), &[1, 20, 2]));
    let [NodeAction::HandoverRequested { handle, sessions, .. }] = &told(&actions)[..] else { panic!() };
    assert_eq!(sessions[..], [session(1), session(2)]);
    target.handle(NodeEvent::AdmitHandover { handle: *handle, ue: UE });
    let refused = target.last().ie::<oxirush_ngap::ie::PDUSessionResourceFailedToSetupListHOAck>();
    assert_eq!(refused.unwrap().unwrap().0[0].pdu_session_id.0, 20);
    let admitted = target.last().ie::<oxirush_ngap::ie::PDUSessionResourceAdmittedList>().unwrap().unwrap();
    let transfer = &admitted.0[1].handover_request_acknowledge_transfer;
    let transfer: HandoverRequestAcknowledgeTransfer<'_> = decode_open_type(transfer).unwrap();
    let UPTransportLayerInformation::gTPTunnel(tunnel) = &transfer.dl_ngu_up_tnl_information else {
        panic!()
    };
    assert_eq!(tunnel.gtp_teid.0, teid(110).to_be_bytes());
}

#[test]
fn driver_may_refuse_and_answers_count_once() {
    let (source, _) = preparing();
    let mut target = Node::ready(settings(2));
    let actions = target.receive(handover_request(container_of(source.last()), &[1]));
    let [NodeAction::HandoverRequested { handle, .. }] = told(&actions)[..] else { panic!() };
    let actions = target.handle(NodeEvent::RefuseHandover { handle });
    assert_eq!(kinds(&actions), [Kind::Unsuccessful_HandoverResourceAllocation]);
    let actions = target.handle(NodeEvent::AdmitHandover { handle, ue: UE });
    assert_eq!(actions, [NodeAction::Unexpected("admit-without-request")]);
    let actions = target.handle(NodeEvent::RefuseHandover { handle });
    assert_eq!(actions, [NodeAction::Unexpected("refuse-without-request")]);
}

#[test]
fn ue_that_never_arrives_is_released_by_the_amf_or_by_the_guard() {
    let (_, mut target, _, ran) = admitted();
    let actions = target.receive(release(ran, CauseRadioNetwork::handover_cancelled));
    assert_eq!(kinds(&actions), [Kind::Successful_UEContextRelease]);
    assert_eq!(told(&actions), released(Released::NeverArrived));
    assert!(target.timers.is_empty());

    let (_, mut target, _, ran) = admitted();
    let actions = target.expire(NodeTimer::HandoverArrival(ran));
    assert_eq!(kinds(&actions), [Kind::Initiating_UEContextReleaseRequest]);
    assert_eq!(told(&actions), released(Released::NeverArrived));
    let actions = target.handle(NodeEvent::HandoverArrived { ue: UE });
    assert_eq!(actions, [NodeAction::Unexpected("arrival-without-connection")]);
    let actions = target.receive(release(ran, CauseRadioNetwork::radio_connection_with_ue_lost));
    assert_eq!((kinds(&actions), told(&actions)), (vec![Kind::Successful_UEContextRelease], vec![]));
}

#[test]
fn status_counts_once_and_arrival_needs_a_handover() {
    let (mut source, mut target, source_ran, target_ran) = admitted();
    source.receive(handover_command(source_ran, target.last()));
    target.receive(status(target_ran, source.last()));
    let again = target.receive(status(target_ran, source.last()));
    assert_eq!(again, [NodeAction::Unexpected("downlink-ran-status-transfer")]);
    target.handle(NodeEvent::HandoverArrived { ue: UE });
    let again = target.handle(NodeEvent::HandoverArrived { ue: UE });
    assert_eq!(again, [NodeAction::Unexpected("arrival-without-handover")]);
}

#[test]
fn ue_that_comes_back_before_the_release_is_taken_over() {
    let (mut source, target, ran, _) = admitted();
    source.receive(handover_command(ran, target.last()));
    // Back from gNB 2, whose release of the first handover has not come to gNB 1 yet.
    let (mut other, _) = Node::with_sessions(settings(2), &[1]);
    other.handle(NodeEvent::Handover { ue: UE, target: amf::target(1, 0), container: SECRET });
    let actions = source.receive(handover_request(container_of(other.last()), &[1]));
    let [NodeAction::HandoverRequested { handle, .. }] = told(&actions)[..] else { panic!() };
    let actions = source.handle(NodeEvent::AdmitHandover { handle, ue: UE });
    assert_eq!(told(&actions)[..2], released(Released::HandedOver));
    assert!(matches!(told(&actions)[2], NodeAction::SessionResource { .. }));
    assert_eq!(source.gnb.connected(), 1);
    let actions = source.receive(release(ran, CauseRadioNetwork::successful_handover));
    assert!(told(&actions).is_empty(), "that was the old connection: {actions:?}");
    // A UE that is really here is not taken over.
    let (mut busy, _) = Node::with_sessions(settings(1), &[1]);
    let actions = busy.receive(handover_request(container_of(other.last()), &[1]));
    let [NodeAction::HandoverRequested { handle, .. }] = told(&actions)[..] else { panic!() };
    let actions = busy.handle(NodeEvent::AdmitHandover { handle, ue: UE });
    assert_eq!(kinds(&actions), [Kind::Unsuccessful_HandoverResourceAllocation]);
    assert_eq!(busy.gnb.connected(), 1);
}

#[test]
fn association_that_goes_down_ends_every_handover() {
    let (mut source, mut target, _, _) = admitted();
    let actions = source.handle(NodeEvent::AssociationDown);
    let [session, lost] = released(Released::AssociationLost);
    assert_eq!(told(&actions), [session, failed(HandoverFailure::AssociationLost), lost]);
    assert_eq!(told(&target.handle(NodeEvent::AssociationDown)), released(Released::NeverArrived));
    assert!(source.timers.is_empty() && target.timers.is_empty());
}

/// A container of another make: readable, and with nothing of ours.
fn container(octets: &[u8]) -> Vec<u8> {
    let container =
        TargetNGRANNodeToSourceNGRANNodeTransparentContainer::new(RRCContainer(octets.to_vec().into()), None);
    encode_open_type(&container).unwrap().to_vec()
}

#[test]
fn command_with_a_container_of_another_make_is_taken_and_an_unreadable_one_is_not() {
    let (mut node, ran) = preparing();
    let actions = node.receive(command_with(ran, vec![0xff]));
    assert_eq!(actions, [NodeAction::Unexpected("ngap-faulty")], "the timer ends it");
    let actions = node.receive(command_with(ran, container(&[1, 2, 3])));
    assert_eq!(told(&actions), [NodeAction::HandoverCommanded { ue: UE, container: Vec::new() }]);
}
