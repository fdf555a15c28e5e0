//! Clause 10 of TS 38.413 at the AMF: every procedure with every damage, of every criticality.

use oxirush_nas::nas_5gs::ServiceType;
use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind, build_ngap, ie};
use simulator::AmfEvent;

use crate::bench::*;
use crate::handover::{TARGET, commanded, ready};
use crate::ran;
use crate::ue::TestUe;

/// What a message is to the AMF, written down from TS 38.413 tables 8.1-1 to 8.1-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Class 1, with this unsuccessful outcome.
    Answered(&'static str),
    /// Class 1 without an unsuccessful outcome.
    OnlyAcknowledged,
    /// Class 2.
    Unanswered,
    /// The answer of a gNB.
    Outcome,
}

/// A message that is in order, in a network where it is due.
struct Scene {
    name: &'static str,
    class: Class,
    /// The mandatory IEs, from the tables of §9.2: identifier, criticality, and whether the unsuccessful outcome needs it.
    mandatory: &'static [(u16, Criticality, bool)],
    make: fn() -> (Bench, u32, Vec<u8>),
}

const REJECT: Criticality = Criticality::reject;
const IGNORE: Criticality = Criticality::ignore;

const SCENES: &[Scene] = &[
    Scene {
        name: "NG SETUP REQUEST",
        class: Class::Answered("Unsuccessful_NGSetup"),
        mandatory: &[(27, REJECT, false), (102, REJECT, false), (21, IGNORE, false)],
        make: || {
            let mut bench = Bench::without_gnb(settings());
            bench.event(AmfEvent::AssociationUp { association: GNB, streams_out: 8 });
            (bench, GNB, ng_setup("001", "01", [0, 0, 1], 1, 1))
        },
    },
    Scene {
        name: "RAN CONFIGURATION UPDATE",
        class: Class::Answered("Unsuccessful_RANConfigurationUpdate"),
        mandatory: &[],
        make: || (Bench::new(), GNB, crate::gnb::configuration_update(1, 1, None)),
    },
    Scene {
        name: "INITIAL UE MESSAGE",
        class: Class::Unanswered,
        mandatory: &[(85, REJECT, false), (38, REJECT, false), (121, REJECT, false), (90, IGNORE, false)],
        make: || {
            let request = TestUe::new(1).registration_request();
            (Bench::new(), GNB, initial_ue_message(1, request, [0, 0, 1]))
        },
    },
    Scene {
        name: "UPLINK NAS TRANSPORT",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (38, REJECT, false), (121, IGNORE, false)],
        make: || {
            let (bench, mut ue) = ready();
            let nas = ue.session_release(1, 3);
            (bench, GNB, uplink_nas_transport(ue.amf_id, ue.ran_id, nas))
        },
    },
    Scene {
        name: "NAS NON DELIVERY INDICATION",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (38, IGNORE, false), (15, IGNORE, false)],
        make: || {
            let (bench, ue) = ready();
            let pdu = build_ngap!(
                InitiatingMessage,
                NASNonDeliveryIndication,
                NASNonDeliveryIndication,
                AMF_UE_NGAP_ID(ue.amf_id),
                RAN_UE_NGAP_ID(ue.ran_id),
                NAS_PDU(vec![0x7e, 0, 0x54]),
                Cause(Cause::radioNetwork(CauseRadioNetwork::radio_connection_with_ue_lost)),
            );
            (bench, GNB, pdu.unwrap().encode().unwrap())
        },
    },
    Scene {
        name: "UE CONTEXT RELEASE REQUEST",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (15, IGNORE, false)],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ue_context_release_request(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER REQUIRED",
        class: Class::Answered("Unsuccessful_HandoverPreparation"),
        mandatory: &[
            (10, REJECT, true),
            (85, REJECT, true),
            (29, REJECT, false),
            (15, IGNORE, false),
            (105, REJECT, false),
            (61, REJECT, false),
            (101, REJECT, false),
        ],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1]))
        },
    },
    Scene {
        name: "HANDOVER CANCEL",
        class: Class::OnlyAcknowledged,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (15, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            commanded(&mut bench, &ue);
            (bench, GNB, ran::handover_cancel(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "UPLINK RAN STATUS TRANSFER",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (84, REJECT, false)],
        make: || {
            let (mut bench, ue) = ready();
            commanded(&mut bench, &ue);
            (bench, GNB, ran::status_transfer(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER NOTIFY",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (121, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            let target = commanded(&mut bench, &ue);
            (bench, TARGET, ran::handover_notify(target, 77, "001/01", 1))
        },
    },
    Scene {
        name: "PATH SWITCH REQUEST",
        class: Class::Answered("Unsuccessful_PathSwitchRequest"),
        mandatory: &[
            (85, REJECT, true),
            (100, REJECT, true),
            (121, IGNORE, false),
            (119, IGNORE, false),
            (76, REJECT, true),
        ],
        make: || {
            let (bench, ue) = ready();
            (bench, TARGET, ran::path_switch_request(ue.amf_id, 5, TARGET, "001/01", 1, &[1]))
        },
    },
    Scene {
        name: "NG RESET",
        class: Class::OnlyAcknowledged,
        mandatory: &[(15, IGNORE, false), (88, REJECT, false)],
        make: || (ready().0, GNB, crate::gnb::reset(ResetType::nG_Interface(ResetAll::reset_all))),
    },
    Scene {
        name: "PDU SESSION RESOURCE NOTIFY",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false)],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ran::notify_released(ue.amf_id, ue.ran_id, 1))
        },
    },
    Scene {
        name: "INITIAL CONTEXT SETUP RESPONSE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false)],
        make: || {
            let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
            bench.register(&mut ue);
            let request = ue.service_request(ServiceType::Signalling);
            bench.initial(&mut ue, request);
            (bench, GNB, initial_context_setup_response(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "UE CONTEXT RELEASE COMPLETE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
            (bench, GNB, ue_context_release_complete(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER REQUEST ACKNOWLEDGE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false), (53, IGNORE, false), (106, REJECT, false)],
        make: || {
            let (mut bench, ue) = ready();
            let required = ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1]);
            let did = bench.ngap(GNB, &required);
            let Did::Other(_, _, octets) = &did[0] else { panic!("{did:?}") };
            let target = ran::amf_id_of(octets);
            (bench, TARGET, ran::handover_acknowledge(target, 77, TARGET, &[1]))
        },
    },
];

/// What is done to a message on its way, and what is wrong with it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// An IE that no specification has.
    Unknown(Criticality),
    Missing(u16),
    /// The first IE twice.
    Twice,
    /// The last IE before the others.
    OutOfOrder,
    /// The value of the first IE is a single octet of ones, and then nothing.
    Undecodable,
    /// The last octet of the message is not there.
    Cut,
}

/// What is expected of the AMF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    AsIfWhole,
    /// The same messages, which may say what was missing otherwise.
    AlikeWithout,
    AsIfWholeAndIndicated(CauseProtocol),
    AsIfWholeAndReported,
    Unsuccessful(CauseProtocol),
    Indicated(CauseProtocol),
    /// Nobody is told; what the AMF began may be ended.
    Untold,
}

fn expected(scene: &Scene, damage: Damage) -> Expected {
    let falsely = CauseProtocol::abstract_syntax_error_falsely_constructed_message;
    let rejected = CauseProtocol::abstract_syntax_error_reject;
    let notified = CauseProtocol::abstract_syntax_error_ignore_and_notify;
    let refuse = |cause, known: bool| match scene.class {
        Class::Answered(_) if known => Expected::Unsuccessful(cause),
        Class::Answered(_) | Class::OnlyAcknowledged | Class::Unanswered => Expected::Indicated(cause),
        Class::Outcome => Expected::Untold,
    };
    match damage {
        Damage::Cut | Damage::Undecodable => Expected::Indicated(CauseProtocol::transfer_syntax_error),
        Damage::Twice | Damage::OutOfOrder => refuse(falsely, true),
        Damage::Unknown(Criticality::ignore) => Expected::AsIfWhole,
        Damage::Unknown(Criticality::reject) => refuse(rejected, true),
        Damage::Unknown(Criticality::notify) => match scene.class {
            Class::Answered(_) | Class::OnlyAcknowledged => Expected::AsIfWholeAndReported,
            Class::Unanswered | Class::Outcome => Expected::AsIfWholeAndIndicated(notified),
        },
        Damage::Missing(id) => {
            let (_, criticality, needed) = scene.mandatory.iter().find(|(of, ..)| *of == id).unwrap();
            match *criticality {
                REJECT => refuse(rejected, !needed),
                // What an answer lacks may be what the AMF cannot do without.
                _ if scene.class == Class::Outcome => Expected::Untold,
                _ => Expected::AlikeWithout,
            }
        }
    }
}

fn damaged(octets: &[u8], damage: Damage) -> Vec<u8> {
    if damage == Damage::Cut {
        return octets[..octets.len() - 1].to_vec();
    }
    let mut pdu = NGAP_PDU::decode(octets).unwrap();
    let mut ies = pdu.protocol_ies().unwrap().into_owned();
    match damage {
        Damage::Unknown(criticality) => {
            ies.0.push(ProtocolIEField::new(ProtocolIEID(UNKNOWN_IE), criticality, vec![1, 2, 3].into()));
        }
        Damage::Missing(id) => {
            let before = ies.0.len();
            ies.0.retain(|ie| ie.id.0 != id);
            assert_eq!(ies.0.len() + 1, before, "the message has IE {id} once");
        }
        Damage::Twice => ies.0.insert(1, ies.0[0].clone()),
        Damage::OutOfOrder => ies.0.rotate_right(1),
        Damage::Undecodable => ies.0[0].value = vec![0xff].into(),
        Damage::Cut => unreachable!(),
    }
    pdu.set_protocol_ies(ies).unwrap();
    pdu.encode().unwrap()
}

/// What the AMF sends upon the message, damaged or not.
fn run(scene: &Scene, damage: Option<Damage>) -> Vec<NGAP_PDU> {
    let (mut bench, association, octets) = (scene.make)();
    let octets = damage.map_or_else(|| octets.clone(), |damage| damaged(&octets, damage));
    bench.pdus.clear();
    bench.ngap(association, &octets);
    bench.pdus.iter().map(|octets| NGAP_PDU::decode(octets).unwrap()).collect()
}

fn is_indication(pdu: &NGAP_PDU) -> bool {
    pdu.kind() == NgapPduKind::Initiating_ErrorIndication
}

fn cause_of(pdu: &NGAP_PDU) -> Cause {
    pdu.ie::<ie::Cause>().unwrap().unwrap()
}

fn diagnostics_of(pdu: &NGAP_PDU) -> Option<CriticalityDiagnostics> {
    pdu.ie::<ie::CriticalityDiagnostics>().map(Result::unwrap)
}

/// The IE that diagnostics accuse, where they are to accuse one.
fn accuses(diagnostics: &CriticalityDiagnostics, damage: Damage) {
    let accused = match damage {
        Damage::Unknown(criticality) => Some((UNKNOWN_IE, criticality, TypeOfError::not_understood)),
        Damage::Missing(id) => Some((id, REJECT, TypeOfError::missing)),
        _ => None,
    };
    if let Some((id, criticality, error)) = accused {
        let list = diagnostics.ies_criticality_diagnostics.as_ref().unwrap();
        let item = CriticalityDiagnosticsIEItem::new(criticality, ProtocolIEID(id), error, None);
        assert_eq!(list.0, [item]);
    }
}

fn check_indication(scene: &Scene, damage: Damage, indication: &NGAP_PDU, cause: CauseProtocol) {
    assert!(is_indication(indication));
    assert_eq!(cause_of(indication), Cause::protocol(cause));
    let diagnostics = diagnostics_of(indication).expect("§8.7.5.2: criticality diagnostics");
    let (_, _, octets) = (scene.make)();
    let whole = NGAP_PDU::decode(&octets).unwrap();
    assert_eq!(diagnostics.procedure_code, Some(ProcedureCode(whole.procedure_code())));
    assert!(diagnostics.triggering_message.is_some());
    accuses(&diagnostics, damage);
    // §8.7.5.2: the UE NGAP IDs of the message, as far as it has them.
    if damage != Damage::Cut {
        let damaged = NGAP_PDU::decode(&damaged(&octets, damage)).unwrap();
        let readable = |pdu: &NGAP_PDU| {
            let amf = pdu.ie::<ie::AMF_UE_NGAP_ID>().or_else(|| pdu.ie::<ie::SourceAMF_UE_NGAP_ID>());
            let ran = pdu.ie::<ie::RAN_UE_NGAP_ID>();
            (amf.and_then(Result::ok).map(|id| id.0), ran.and_then(Result::ok).map(|id| id.0))
        };
        assert_eq!(readable(indication), readable(&damaged));
    }
}

fn kinds(pdus: &[NGAP_PDU]) -> Vec<NgapPduKind> {
    pdus.iter().map(|pdu| pdu.kind()).collect()
}

fn check(scene: &Scene, damage: Damage) {
    let whole = run(scene, None);
    let sent = run(scene, Some(damage));
    let expected = expected(scene, damage);
    println!("{} with {damage:?}: {expected:?}", scene.name);
    match expected {
        Expected::AsIfWhole => assert_eq!(sent, whole),
        Expected::AlikeWithout => assert_eq!(kinds(&sent), kinds(&whole)),
        Expected::AsIfWholeAndIndicated(cause) => {
            let (indications, others): (Vec<_>, Vec<_>) = sent.into_iter().partition(is_indication);
            assert_eq!(others, whole);
            let [indication] = &indications[..] else { panic!("{indications:?}") };
            check_indication(scene, damage, indication, cause);
        }
        Expected::AsIfWholeAndReported => {
            assert_eq!(kinds(&sent), kinds(&whole));
            // A response that comes later has a test of its own.
            let response = sent.iter().find(|pdu| !pdu.is_initiating());
            assert!(response.is_some() || scene.name == "HANDOVER REQUIRED");
            if let Some(response) = response {
                accuses(&diagnostics_of(response).expect("the response reports"), damage);
            }
        }
        Expected::Unsuccessful(cause) => {
            let [outcome] = &sent[..] else { panic!("{sent:?}") };
            let Class::Answered(kind) = scene.class else { panic!() };
            assert_eq!(format!("{:?}", outcome.kind()), kind);
            // PATH SWITCH REQUEST FAILURE has its causes with its sessions.
            if let Some(Ok(found)) = outcome.ie::<ie::Cause>() {
                assert_eq!(found, Cause::protocol(cause));
            }
            accuses(&diagnostics_of(outcome).expect("the outcome reports"), damage);
        }
        Expected::Indicated(cause) => {
            let (indications, others): (Vec<_>, Vec<_>) = sent.into_iter().partition(is_indication);
            let [indication] = &indications[..] else { panic!("{indications:?}") };
            check_indication(scene, damage, indication, cause);
            // What the AMF had begun has failed, and it ends that.
            assert!(others.is_empty() || scene.class == Class::Outcome, "{others:?}");
        }
        Expected::Untold => assert!(!sent.iter().any(is_indication), "{sent:?}"),
    }
}

#[test]
fn every_damage_of_every_message_is_handled_as_clause_10_says() {
    for scene in SCENES {
        for criticality in [REJECT, Criticality::notify, IGNORE] {
            check(scene, Damage::Unknown(criticality));
        }
        for (id, ..) in scene.mandatory {
            check(scene, Damage::Missing(*id));
        }
        let (_, _, octets) = (scene.make)();
        let ies = NGAP_PDU::decode(&octets).unwrap().protocol_ies().unwrap().0.len();
        check(scene, Damage::Twice);
        if ies > 1 {
            check(scene, Damage::OutOfOrder);
        }
        check(scene, Damage::Undecodable);
        check(scene, Damage::Cut);
    }
}

#[test]
fn a_procedure_that_is_not_comprehended_is_answered_by_its_criticality() {
    // 200 is no procedure; 48 is an uplink RAN configuration transfer, 27 a PDU session resource modify indication.
    for code in [200u8, 48, 27] {
        for (criticality, cause) in [
            (0x00, Some(CauseProtocol::abstract_syntax_error_reject)),
            (0x40, None),
            (0x80, Some(CauseProtocol::abstract_syntax_error_ignore_and_notify)),
        ] {
            let mut bench = Bench::new();
            bench.pdus.clear();
            bench.ngap(GNB, &[0x00, code, criticality, 0x03, 0x00, 0x00, 0x00]);
            let sent: Vec<_> = bench.pdus.iter().map(|octets| NGAP_PDU::decode(octets).unwrap()).collect();
            match cause {
                None => assert_eq!(sent, []),
                Some(cause) => {
                    let [indication] = &sent[..] else { panic!("{sent:?}") };
                    assert_eq!(cause_of(indication), Cause::protocol(cause));
                    let diagnostics = diagnostics_of(indication).unwrap();
                    assert_eq!(diagnostics.procedure_code, Some(ProcedureCode(code)));
                    assert_eq!(diagnostics.ies_criticality_diagnostics, None);
                }
            }
        }
    }
}

#[test]
fn an_error_indication_is_never_answered_whatever_is_wrong_with_it() {
    let whole = build_ngap!(
        InitiatingMessage,
        ErrorIndication,
        ErrorIndication,
        AMF_UE_NGAP_ID(70_000u64),
        RAN_UE_NGAP_ID(5u32),
        Cause(Cause::protocol(CauseProtocol::unspecified)),
    );
    let whole = whole.unwrap().encode().unwrap();
    for damage in [
        Damage::Unknown(REJECT),
        Damage::Unknown(Criticality::notify),
        Damage::Twice,
        Damage::OutOfOrder,
        Damage::Undecodable,
        Damage::Cut,
    ] {
        assert_eq!(Bench::new().ngap(GNB, &damaged(&whole, damage)), [], "{damage:?}");
    }
}

#[test]
fn what_a_handover_command_is_to_report_waits_for_the_target() {
    let (mut bench, ue) = ready();
    let required = ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1]);
    let did = bench.ngap(GNB, &damaged(&required, Damage::Unknown(Criticality::notify)));
    let Did::Other(TARGET, _, octets) = &did[0] else { panic!("{did:?}") };
    let target = ran::amf_id_of(octets);
    let did = bench.ngap(TARGET, &ran::handover_acknowledge(target, 77, TARGET, &[1]));
    let Did::Other(GNB, name, octets) = &did[0] else { panic!("{did:?}") };
    assert_eq!(name, "Successful_HandoverPreparation");
    let command = NGAP_PDU::decode(octets).unwrap();
    accuses(&diagnostics_of(&command).unwrap(), Damage::Unknown(Criticality::notify));
}

#[test]
fn a_container_between_gnbs_passes_unread() {
    let (mut bench, ue) = ready();
    commanded(&mut bench, &ue);
    let mut pdu = NGAP_PDU::decode(&ran::status_transfer(ue.amf_id, ue.ran_id)).unwrap();
    let mut ies = pdu.protocol_ies().unwrap().into_owned();
    ies.0[2].value = vec![0xff; 5].into();
    pdu.set_protocol_ies(ies).unwrap();
    bench.pdus.clear();
    bench.event(AmfEvent::Received { association: GNB, stream: 0, octets: &pdu.encode().unwrap() });
    let [octets] = &bench.pdus[..] else { panic!("{:?}", bench.pdus) };
    let passed = NGAP_PDU::decode(octets).unwrap();
    assert_eq!(passed.kind(), NgapPduKind::Initiating_DownlinkRANStatusTransfer);
    assert_eq!(passed.protocol_ies().unwrap().0[2].value.as_slice(), [0xff; 5]);
}

#[test]
fn a_message_before_the_ng_setup_is_refused_as_its_procedure_has_it() {
    let state = Cause::protocol(CauseProtocol::message_not_compatible_with_receiver_state);
    for scene in SCENES.iter().filter(|scene| scene.name != "NG SETUP REQUEST") {
        let (_, _, octets) = (scene.make)();
        let mut bench = Bench::without_gnb(settings());
        bench.event(AmfEvent::AssociationUp { association: 7, streams_out: 2 });
        bench.ngap(7, &octets);
        let sent: Vec<_> = bench.pdus.iter().map(|octets| NGAP_PDU::decode(octets).unwrap()).collect();
        match (scene.class, &sent[..]) {
            (Class::Outcome, []) => {}
            (Class::Answered(kind), [answer]) => {
                assert_eq!(format!("{:?}", answer.kind()), kind);
                assert!(answer.ie::<ie::Cause>().is_none_or(|cause| cause.unwrap() == state));
            }
            (Class::OnlyAcknowledged | Class::Unanswered, [indication]) => {
                assert_eq!(cause_of(indication), state);
            }
            _ => panic!("{}: {sent:?}", scene.name),
        }
    }
}

/// No version of the specification has it yet.
const UNKNOWN_IE: u16 = 65_000;
