//! Handover over Xn and its path switch (TS 38.413 §8.4.4).
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;

use amf::*;
use oxirush_ngap::NgapPduKind as Kind;
use oxirush_ngap::ngap::*;
use signalling::{HandoverFailure, NodeAction, NodeEvent, NodeTimer, ReleaseCause, Released, Tunnel};

/// Source and target of a UE with sessions 1 and 2 that came over Xn, and its RAN UE NGAP IDs.
fn arriving() -> (Node, Node, u32, u32) {
    let (mut source, source_ran) = Node::with_sessions(settings(1), &[1, 2]);
    let context = source.gnb.give_up_for_xn(UE).unwrap();
    let mut target = Node::ready(settings(2));
    let actions = target.handle(NodeEvent::ArriveByXn { ue: UE, cell: 1, context: &context });
    assert_eq!(kinds(&actions), [Kind::Initiating_PathSwitchRequest]);
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel: tunnel(1, 0) },
            NodeAction::SessionResource { ue: UE, tunnel: tunnel(2, 1) },
        ]
    );
    let ran = ids(target.last()).1.unwrap();
    assert!(target.timers.contains(&NodeTimer::PathSwitch(ran)));
    (source, target, source_ran, ran)
}

fn switch_failed(cause: HandoverFailure) -> [NodeAction; 2] {
    [NodeAction::PathSwitchFailed { ue: UE, cause }, NodeAction::Released { ue: UE, cause: Released::Lost }]
}

#[test]
fn request_carries_what_the_source_knew() {
    let (_, target, _, _) = arriving();
    let pdu = target.last();
    assert_eq!(pdu.ie::<oxirush_ngap::ie::SourceAMF_UE_NGAP_ID>().unwrap().unwrap().0, AMF);
    assert_eq!(pdu.ie::<oxirush_ngap::ie::UESecurityCapabilities>().unwrap().unwrap(), capabilities());
    let list = pdu.ie::<oxirush_ngap::ie::PDUSessionResourceToBeSwitchedDLList>().unwrap().unwrap();
    let transfer = &list.0[1].path_switch_request_transfer;
    let transfer: PathSwitchRequestTransfer<'_> = decode_open_type(transfer).unwrap();
    let UPTransportLayerInformation::gTPTunnel(tunnel) = &transfer.dl_ngu_up_tnl_information else {
        panic!()
    };
    assert_eq!(tunnel.gtp_teid.0, teid(110).to_be_bytes());
    assert_eq!(transfer.qos_flow_accepted_list.0.len(), 2);
}

#[test]
fn path_is_switched_to_the_new_uplink_and_what_the_core_released_goes() {
    let (mut source, mut target, _, ran) = arriving();
    // The AMF may name the UE anew (§8.4.4.2).
    let actions = target.receive(path_switch_acknowledge(4711, ran, &[2]));
    let moved = Tunnel { remote: [127, 8, 8, 8].into(), remote_teid: 0x8888, ..tunnel(1, 0) };
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel: moved },
            NodeAction::SessionResourceReleased { ue: UE, session: session(2) },
            NodeAction::PathSwitched { ue: UE },
        ]
    );
    assert!(target.timers.is_empty());
    target.handle(NodeEvent::Uplink { ue: UE, nas: NAS });
    assert_eq!(ids(target.last()).0, Some(4711));
    let actions = source.handle(NodeEvent::ReleaseAfterXn { ue: UE });
    assert_eq!(told(&actions).last(), Some(&NodeAction::Released { ue: UE, cause: Released::HandedOver }));
    assert_eq!(told(&actions).len(), 3);
    // It can go on from here, and does not lack its context.
    assert!(target.gnb.give_up_for_xn(UE).is_some());
}

#[test]
fn refused_path_switch_releases_the_ue_here_with_its_cause() {
    let (mut source, mut target, _, ran) = arriving();
    let actions = target.receive(path_switch_failure(ran));
    let told = told(&actions);
    let [
        _,
        _,
        NodeAction::PathSwitchFailed { cause, .. },
        NodeAction::Released { ue: UE, cause: Released::Lost },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(cause.to_string(), "resources-not-available-for-the-slice");
    assert_eq!(target.gnb.connected(), 0);
    // The source asks the AMF to release what is left.
    let cause = ReleaseCause::RadioConnectionLost;
    let actions = source.handle(NodeEvent::RequestRelease { ue: UE, cause });
    assert_eq!(kinds(&actions), [Kind::Initiating_UEContextReleaseRequest]);
}

#[test]
fn unanswered_path_switch_ends_by_its_timer_and_a_late_answer_is_of_an_unknown_ue() {
    let (_, mut target, _, ran) = arriving();
    let actions = target.expire(NodeTimer::PathSwitch(ran));
    assert_eq!(told(&actions)[2..], switch_failed(HandoverFailure::PathSwitchTimedOut));
    let actions = target.receive(path_switch_acknowledge(AMF, ran, &[]));
    assert_eq!(kinds(&actions), [Kind::Initiating_ErrorIndication]);
}

#[test]
fn release_that_crosses_a_path_switch_ends_it() {
    let (mut source, mut target, source_ran, ran) = arriving();
    let actions = target.receive(release(ran, CauseRadioNetwork::unspecified));
    let cause = HandoverFailure::Released;
    let ended = [
        NodeAction::PathSwitchFailed { ue: UE, cause },
        NodeAction::Released { ue: UE, cause: Released::Normal },
    ];
    assert_eq!(told(&actions)[2..], ended);
    assert!(target.timers.is_empty());
    let actions = source.receive(release(source_ran, CauseRadioNetwork::successful_handover));
    assert_eq!(told(&actions).last(), Some(&NodeAction::Released { ue: UE, cause: Released::HandedOver }));
    let stray = source.handle(NodeEvent::ReleaseAfterXn { ue: UE });
    assert_eq!(stray, [NodeAction::Unexpected("release-without-handover")]);
}

#[test]
fn context_is_given_up_once_and_not_in_another_handover() {
    let (mut node, _) = Node::with_sessions(settings(1), &[1]);
    assert!(node.gnb.give_up_for_xn(UE).is_some());
    assert!(node.gnb.give_up_for_xn(UE).is_none());
    let actions = node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: b"x" });
    let cause = HandoverFailure::HandoverRunning;
    assert_eq!(actions, [NodeAction::HandoverPreparationFailed { ue: UE, cause }]);
    let (mut node, _) = Node::with_sessions(settings(1), &[1]);
    node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: b"x" });
    assert!(node.gnb.give_up_for_xn(UE).is_none());
    let (mut node, _) = Node::with_sessions(settings(1), &[]);
    assert!(node.gnb.give_up_for_xn(UE).is_none(), "without a session there is no path to switch");
    assert!(node.gnb.give_up_for_xn(77).is_none());
}

#[test]
fn source_sends_nas_and_sessions_back_for_the_target_to_have() {
    let (mut source, _, ran, _) = arriving();
    let triggered = Cause::radioNetwork(CauseRadioNetwork::xn_handover_triggered);
    source.receive(downlink(ran));
    assert_eq!(source.last().kind(), Kind::Initiating_NASNonDeliveryIndication);
    assert_eq!(cause_of(source.last()), triggered);
    source.receive(setup(ran, vec![(3, transfer(3))]));
    let failed = source.last().ie::<oxirush_ngap::ie::PDUSessionResourceFailedToSetupListSURes>();
    let failed = failed.unwrap().unwrap();
    let transfer = &failed.0[0].pdu_session_resource_setup_unsuccessful_transfer;
    let transfer: PDUSessionResourceSetupUnsuccessfulTransfer = decode_open_type(transfer).unwrap();
    assert_eq!(transfer.cause, triggered);
}

#[test]
fn target_without_room_fails_the_switch_at_once() {
    let (mut source, _) = Node::with_sessions(settings(1), &[1]);
    let context = source.gnb.give_up_for_xn(UE).unwrap();
    let mut target = Node::ready(settings(2));
    let actions = target.handle(NodeEvent::ArriveByXn { ue: UE, cell: 3, context: &context });
    assert_eq!(actions, switch_failed(HandoverFailure::NoConnection));
    let without = signalling::GnbSettings { n3: None, ..settings(3) };
    let actions = Node::ready(without).handle(NodeEvent::ArriveByXn { ue: UE, cell: 0, context: &context });
    assert_eq!(actions, switch_failed(HandoverFailure::NoConnection));
    // A UE that is here on a connection of its own keeps it.
    let (mut busy, _) = Node::with_sessions(settings(2), &[1]);
    let actions = busy.handle(NodeEvent::ArriveByXn { ue: UE, cell: 0, context: &context });
    assert_eq!(actions, switch_failed(HandoverFailure::NoConnection)[..1]);
}
