//! What the gNB sends for sessions and handovers, judged by pycrate and by tshark; and messages of pycrate, judged by the gNB.
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;

use amf::*;
use oracles::{Capture, Carrier, Kind, assert_pycrate_decodes, vector};
use oxirush_ngap::ngap::*;
use signalling::{
    EstablishmentCause, HandoverFailure, NodeAction, NodeEvent, NodeTimer, ReleaseCause, Released, Tunnel,
};

/// The lives of some UEs, so that the gNBs send each kind of message of sessions and handovers.
fn everything() -> Vec<Vec<u8>> {
    let (mut source, ran) = Node::with_sessions(settings(1), &[1, 2]);
    source.receive(setup(
        ran,
        vec![
            (1, transfer(1)),
            (3, transfer_with(&[127, 9, 9, 3], 3, &[1], PDUSessionType::ipv4v6, true)),
            (4, vec![0xff].into()),
        ],
    ));
    source.receive(modify(ran, 1, Some((&[127, 8, 8, 8], 7)), &[9], &[5]));
    source.receive(modify(ran, 8, None, &[9], &[]));
    source.receive(release_sessions(ran, &[3]));
    let report = RRCInactiveTransitionReportRequest::subsequent_state_transition_report;
    let (mut modified, other) = Node::with_sessions(settings(4), &[1]);
    modified.receive(context_modification(other, AMF, report));
    // N2: cancelled, then carried out.
    let container: Vec<u8> = (0..=255).cycle().take(400).collect();
    let handover = NodeEvent::Handover { ue: UE, target: target(2, 2), container: &container };
    source.handle(handover);
    source.handle(NodeEvent::CancelHandover { ue: UE });
    source.receive(cancel_acknowledge(ran));
    source.handle(handover);
    let required = source.last().clone();
    let mut other = Node::ready(settings(2));
    let request = || handover_request(container_of(&required), &[1, 20, 2]);
    let requested = other.receive(request());
    other.handle(NodeEvent::RefuseHandover { handle: handle(&requested) });
    let requested = other.receive(request());
    let handle = handle(&requested);
    other.handle(NodeEvent::AdmitHandover { handle, ue: UE });
    source.receive(handover_command(ran, other.last()));
    other.receive(status(handle, source.last()));
    other.handle(NodeEvent::HandoverArrived { ue: UE });
    source.receive(downlink(ran));
    source.expire(NodeTimer::HandoverOverall(ran));
    source.receive(release(ran, CauseRadioNetwork::successful_handover));
    // Xn, and the release at the end.
    let context = other.gnb.give_up_for_xn(UE).unwrap();
    let mut third = Node::ready(signalling::GnbSettings {
        n3: Some(signalling::N3Settings {
            address: [0xfd; 16].into(),
            first: 1,
            step: 1,
            last: u32::MAX,
            key: identity::TeidKey::of_seed(1),
        }),
        ..settings(3)
    });
    third.handle(NodeEvent::ArriveByXn { ue: UE, cell: 0, context: &context });
    let ran = ids(third.last()).1.unwrap();
    third.receive(path_switch_acknowledge(AMF, ran, &[2]));
    third.handle(NodeEvent::RequestRelease { ue: UE, cause: ReleaseCause::UserInactivity });
    [source.octets, other.octets, third.octets, modified.octets].concat()
}

fn handle(actions: &[NodeAction]) -> u32 {
    let [NodeAction::HandoverRequested { handle, .. }] = told(actions)[..] else { panic!("{actions:?}") };
    handle
}

#[test]
fn pycrate_decodes_sessions_and_handovers_with_their_containers() {
    assert_pycrate_decodes(everything().iter().map(|pdu| (Kind::Ngap, pdu)));
}

#[test]
fn tshark_finds_nothing_malformed_and_the_containers_in_their_places() {
    let pdus = everything();
    let capture = Capture::of(&pdus, Carrier::Sctp { from: 40_000, to: 38_412, ppid: 60 });
    let count = |filter: &str| capture.matching(filter).len();
    assert_eq!(count("ngap"), pdus.len());
    assert_eq!(count("_ws.malformed || _ws.expert.severity == error"), 0);
    assert_eq!(count("nr-rrc.HandoverPreparationInformation_element"), 2, "in each HANDOVER REQUIRED");
    assert_eq!(count("nr-rrc.HandoverCommand_element"), 1, "in the HANDOVER REQUEST ACKNOWLEDGE");
    assert_eq!(count("nr-rrc.lateNonCriticalExtension"), 3, "what the source sent, and what stands for it");
}

macro_rules! vector {
    ($node:ident, $name:literal) => {
        $node.handle(NodeEvent::Received {
            stream: 1,
            octets: &vector(include_str!(concat!("../testdata/ngap/", $name, ".hex"))),
        })
    };
}

/// RAN UE NGAP ID 1 is the first that a gNB gives.
fn connected() -> Node {
    let mut node = Node::ready(settings(1));
    let cause = EstablishmentCause::MoSignalling;
    node.handle(NodeEvent::Connect { ue: UE, cell: 0, nas: NAS, cause, s_tmsi: None });
    node
}

#[test]
fn sessions_of_pycrate_are_set_up_and_released() {
    let mut node = connected();
    let actions = vector!(node, "pdu_session_resource_setup_request");
    let tunnel = Tunnel { qfi: 9, ..tunnel(1, 0) };
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResource { ue: UE, tunnel },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 1] }
        ]
    );
    let actions = vector!(node, "pdu_session_resource_release_command");
    assert_eq!(
        told(&actions),
        [
            NodeAction::SessionResourceReleased { ue: UE, session: session(1) },
            NodeAction::Downlink { ue: UE, nas: vec![0x7e, 0, 0x68, 2] }
        ]
    );
}

#[test]
fn handover_of_pycrate_is_admitted_and_expected() {
    let mut node = Node::ready(settings(1));
    let actions = vector!(node, "handover_request");
    let container = vec![1, 2, 3];
    let sessions = vec![session(1)];
    assert_eq!(told(&actions), [NodeAction::HandoverRequested { handle: 1, cell: 0, container, sessions }]);
    node.handle(NodeEvent::AdmitHandover { handle: 1, ue: UE });
    let actions = vector!(node, "downlink_ran_status_transfer");
    assert_eq!(told(&actions), [NodeAction::HandoverExpected { ue: UE }]);
}

#[test]
fn handover_command_of_pycrate_is_opened_and_does_not_answer_our_container() {
    let mut node = connected();
    vector!(node, "pdu_session_resource_setup_request");
    node.handle(NodeEvent::Handover { ue: UE, target: target(2, 0), container: b"x" });
    let actions = vector!(node, "handover_command");
    // It has the octets 04 05 in the place where a target of ours answers.
    let unexpected = NodeAction::Unexpected("handover-command-of-another-ue");
    let failed = NodeAction::HandoverPreparationFailed { ue: UE, cause: HandoverFailure::AnotherUe };
    assert_eq!(told(&actions), [unexpected, failed]);
}

#[test]
fn path_switch_of_pycrate_succeeds_and_fails() {
    let arrive = || {
        let (mut source, _) = Node::with_sessions(settings(2), &[1]);
        let context = source.gnb.give_up_for_xn(UE).unwrap();
        let mut target = Node::ready(settings(1));
        target.handle(NodeEvent::ArriveByXn { ue: UE, cell: 0, context: &context });
        target
    };
    let mut node = arrive();
    let actions = vector!(node, "path_switch_request_acknowledge");
    let moved = Tunnel { remote: [127, 8, 8, 8].into(), remote_teid: 0x8888, ..tunnel(1, 0) };
    assert_eq!(
        told(&actions),
        [NodeAction::SessionResource { ue: UE, tunnel: moved }, NodeAction::PathSwitched { ue: UE }]
    );
    let mut node = arrive();
    let told = told(&vector!(node, "path_switch_request_failure"));
    let [_, NodeAction::PathSwitchFailed { cause, .. }, NodeAction::Released { cause: Released::Lost, .. }] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(cause.to_string(), "ho-target-not-allowed");
}
