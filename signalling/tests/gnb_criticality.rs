//! Clause 10 of TS 38.413 at the gNB: every procedure of the AMF with every damage, of every criticality.
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;
#[path = "../../criticality/tests/damage/mod.rs"]
mod damage;

use amf::*;
use damage::{Class, Damage, IGNORE, Mandatory, NOTIFY, REJECT, diagnostics_of, is_indication};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind as Kind, build_ngap, ie};
use signalling::{NodeAction, NodeEvent};

/// A message that is in order, at a gNB where it is due.
struct Scene {
    name: &'static str,
    class: Class,
    mandatory: &'static [Mandatory],
    make: fn() -> (Node, NGAP_PDU),
}

const SCENES: &[Scene] = &[
    Scene {
        name: "DOWNLINK NAS TRANSPORT",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (38, REJECT, false)],
        make: || at_ue(downlink),
    },
    Scene {
        name: "INITIAL CONTEXT SETUP REQUEST",
        class: Class::Answered("Unsuccessful_InitialContextSetup"),
        mandatory: &[
            (10, REJECT, true),
            (85, REJECT, true),
            (28, REJECT, false),
            (0, REJECT, false),
            (119, REJECT, false),
            (94, REJECT, false),
        ],
        make: || {
            let mut node = Node::ready(settings(1));
            let ran = node.connect(UE);
            (node, context_setup(ran, &[1]).unwrap())
        },
    },
    Scene {
        name: "PDU SESSION RESOURCE SETUP REQUEST",
        class: Class::OnlyAcknowledged,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (74, REJECT, false)],
        make: || at_ue(|ran| setup(ran, vec![(2, transfer(2))])),
    },
    Scene {
        name: "PDU SESSION RESOURCE RELEASE COMMAND",
        class: Class::OnlyAcknowledged,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (79, REJECT, false)],
        make: || at_ue(|ran| release_sessions(ran, &[1])),
    },
    Scene {
        name: "UE CONTEXT MODIFICATION REQUEST",
        class: Class::Answered("Unsuccessful_UEContextModification"),
        mandatory: &[(10, REJECT, true), (85, REJECT, true)],
        make: || {
            let report = RRCInactiveTransitionReportRequest::subsequent_state_transition_report;
            at_ue(|ran| context_modification(ran, AMF, report))
        },
    },
    Scene {
        name: "UE CONTEXT RELEASE COMMAND",
        class: Class::OnlyAcknowledged,
        mandatory: &[(114, REJECT, false), (15, IGNORE, false)],
        make: || at_ue(|ran| release(ran, CauseRadioNetwork::user_inactivity)),
    },
    Scene {
        name: "AMF CONFIGURATION UPDATE",
        class: Class::Answered("Unsuccessful_AMFConfigurationUpdate"),
        mandatory: &[],
        make: || {
            let update = build_ngap!(
                InitiatingMessage,
                AMFConfigurationUpdate,
                AMFConfigurationUpdate,
                AMFName("amf-2"),
                RelativeAMFCapacity(RelativeAMFCapacity(10)),
            );
            (Node::ready(settings(1)), update.unwrap())
        },
    },
    Scene {
        name: "NG RESET",
        class: Class::OnlyAcknowledged,
        mandatory: &[(15, IGNORE, false), (88, REJECT, false)],
        make: || {
            let reset = build_ngap!(
                InitiatingMessage,
                NGReset,
                NGReset,
                Cause(Cause::misc(CauseMisc::om_intervention)),
                ResetType(ResetType::nG_Interface(ResetAll::reset_all)),
            );
            (Node::ready(settings(1)), reset.unwrap())
        },
    },
    Scene {
        name: "HANDOVER REQUEST",
        class: Class::Answered("Unsuccessful_HandoverResourceAllocation"),
        mandatory: &[
            (10, REJECT, true),
            (29, REJECT, false),
            (15, IGNORE, false),
            (110, REJECT, false),
            (119, REJECT, false),
            (93, REJECT, false),
            (73, REJECT, false),
            (0, REJECT, false),
            (101, REJECT, false),
            (28, REJECT, false),
        ],
        make: || {
            let (mut source, _) = Node::with_sessions(settings(1), &[1]);
            source.handle(NodeEvent::Handover { ue: UE, target: target(2, 2), container: &[1, 2, 3] });
            let request = handover_request(container_of(source.last()), &[1]);
            (Node::ready(settings(2)), request.unwrap())
        },
    },
    Scene {
        name: "NG SETUP RESPONSE",
        class: Class::Outcome,
        mandatory: &[(1, REJECT, false), (96, REJECT, false), (86, IGNORE, false), (80, REJECT, false)],
        make: || (Node::asking(settings(1)), setup_response().unwrap()),
    },
    Scene {
        name: "HANDOVER PREPARATION FAILURE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false), (15, IGNORE, false)],
        make: || {
            let (mut node, ran) = Node::with_sessions(settings(1), &[1]);
            node.handle(NodeEvent::Handover { ue: UE, target: target(2, 2), container: &[1, 2, 3] });
            (node, preparation_failure(ran).unwrap())
        },
    },
];

/// A message to the UE of a gNB, which has session 1.
fn at_ue(message: impl Fn(u32) -> Result<NGAP_PDU, oxirush_ngap::Error>) -> (Node, NGAP_PDU) {
    let (node, ran) = Node::with_sessions(settings(1), &[1]);
    (node, message(ran).unwrap())
}

fn damaged(whole: &NGAP_PDU, damage: Damage) -> Vec<u8> {
    damage.done_to(whole, &[])
}

/// What the gNB does, and what it sends.
fn run(scene: &Scene, damage: Option<Damage>) -> (Vec<NodeAction>, Vec<NGAP_PDU>) {
    let (mut node, whole) = (scene.make)();
    let octets = damage.map_or_else(|| whole.encode().unwrap(), |damage| damaged(&whole, damage));
    let before = node.sent.len();
    let actions = node.handle(NodeEvent::Received { stream: 0, octets: &octets });
    let done = actions.into_iter().filter(|action| {
        !matches!(action, NodeAction::Send { .. } | NodeAction::Unexpected("ngap-faulty" | "ngap-unreadable"))
    });
    (done.collect(), node.sent[before..].to_vec())
}

fn check_indication(indication: &NGAP_PDU, scene: &Scene, damage: Damage, cause: CauseProtocol) {
    assert!(is_indication(indication), "{indication}");
    assert_eq!(cause_of(indication), Cause::protocol(cause));
    let diagnostics = diagnostics_of(indication);
    let (_, whole) = (scene.make)();
    assert_eq!(diagnostics.procedure_code, Some(ProcedureCode(whole.procedure_code())));
    damage.is_accused_by(&diagnostics);
    // §8.7.5.2: the identifiers that the message still says.
    if !matches!(damage, Damage::Cut | Damage::Undecodable) && whole.ie::<ie::RAN_UE_NGAP_ID>().is_some() {
        let missing = |id| damage == Damage::Missing(id);
        assert_eq!(indication.ie::<ie::AMF_UE_NGAP_ID>().is_none(), missing(10));
        assert_eq!(indication.ie::<ie::RAN_UE_NGAP_ID>().is_none(), missing(85));
    }
}

fn refused(scene: &Scene, damage: Damage, known: bool, cause: CauseProtocol) {
    let (done, sent) = run(scene, Some(damage));
    assert_eq!(done, [], "nothing is done of it");
    match (scene.class, &sent[..]) {
        (Class::Answered(kind), [outcome]) if known => {
            assert_eq!(format!("{:?}", outcome.kind()), kind);
            assert_eq!(cause_of(outcome), Cause::protocol(cause));
            damage.is_accused_by(&diagnostics_of(outcome));
        }
        (Class::Outcome, []) => {}
        (_, [indication]) => check_indication(indication, scene, damage, cause),
        _ => panic!("{sent:?}"),
    }
}

fn check(scene: &Scene, damage: Damage) {
    println!("{} with {damage:?}", scene.name);
    let (whole, whole_sent) = run(scene, None);
    let rejected = CauseProtocol::abstract_syntax_error_reject;
    match damage {
        Damage::Unknown(Criticality::notify) => {
            let (done, sent) = run(scene, Some(damage));
            assert_eq!(done, whole);
            match scene.class {
                Class::Answered(_) | Class::OnlyAcknowledged => {
                    assert_eq!(sent.len(), whole_sent.len());
                    // The answer to a HANDOVER REQUEST comes when the driver has admitted the UE.
                    if let Some(response) = sent.iter().find(|pdu| !pdu.is_initiating()) {
                        damage.is_accused_by(&diagnostics_of(response));
                    } else {
                        assert_eq!(scene.name, "HANDOVER REQUEST");
                    }
                }
                Class::Unanswered | Class::Outcome => {
                    let (indications, others): (Vec<_>, Vec<_>) = sent.into_iter().partition(is_indication);
                    assert_eq!(others, whole_sent);
                    let [indication] = &indications[..] else { panic!("{indications:?}") };
                    let cause = CauseProtocol::abstract_syntax_error_ignore_and_notify;
                    check_indication(indication, scene, damage, cause);
                }
            }
        }
        Damage::Unknown(Criticality::reject) => refused(scene, damage, true, rejected),
        Damage::Unknown(_) => assert_eq!(run(scene, Some(damage)), (whole, whole_sent)),
        Damage::Missing(id) => {
            let (_, criticality, needed) = scene.mandatory.iter().find(|(of, ..)| *of == id).unwrap();
            let (done, sent) = run(scene, Some(damage));
            match *criticality {
                REJECT => refused(scene, damage, !needed, rejected),
                _ if scene.class == Class::Outcome => assert!(!sent.iter().any(is_indication)),
                _ => assert_eq!((done, sent), (whole, whole_sent)),
            }
        }
        Damage::Twice | Damage::OutOfOrder => {
            let falsely = CauseProtocol::abstract_syntax_error_falsely_constructed_message;
            refused(scene, damage, true, falsely);
        }
        Damage::Undecodable | Damage::Cut => {
            let (done, sent) = run(scene, Some(damage));
            assert_eq!(done, []);
            let [indication] = &sent[..] else { panic!("{sent:?}") };
            check_indication(indication, scene, damage, CauseProtocol::transfer_syntax_error);
        }
    }
}

#[test]
fn every_damage_of_every_message_is_handled_as_clause_10_says() {
    for scene in SCENES {
        let (_, whole) = (scene.make)();
        for damage in Damage::all(scene.mandatory, whole.protocol_ies().unwrap().0.len()) {
            check(scene, damage);
        }
    }
}

#[test]
fn what_a_handover_acknowledge_is_to_report_waits_for_the_driver() {
    let scene = SCENES.iter().find(|scene| scene.name == "HANDOVER REQUEST").unwrap();
    let (mut node, whole) = (scene.make)();
    let octets = damaged(&whole, Damage::Unknown(NOTIFY));
    let actions = node.handle(NodeEvent::Received { stream: 0, octets: &octets });
    let handle = actions.iter().find_map(|action| match action {
        NodeAction::HandoverRequested { handle, .. } => Some(*handle),
        _ => None,
    });
    node.handle(NodeEvent::AdmitHandover { handle: handle.unwrap(), ue: UE });
    assert_eq!(node.last().kind(), Kind::Successful_HandoverResourceAllocation);
    Damage::Unknown(NOTIFY).is_accused_by(&diagnostics_of(node.last()));
}
