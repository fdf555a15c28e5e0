//! Clause 10 of TS 38.413 at the AMF: every procedure with every damage, of every criticality.

mod scenes;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind, build_ngap, ie};
use simulator::AmfEvent;

use crate::bench::*;
use crate::damage::{Class, Damage, NOTIFY, REJECT, diagnostics_of, is_indication};
use crate::handover::{TARGET, commanded, ready};
use crate::ran;
use scenes::{SCENES, Scene};

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
        Damage::Unknown(NOTIFY) => match scene.class {
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
    // A single octet of ones, and then nothing.
    damage.done_to(&NGAP_PDU::decode(octets).unwrap(), &[0xff])
}

/// What the AMF sends upon the message, damaged or not.
fn run(scene: &Scene, damage: Option<Damage>) -> Vec<NGAP_PDU> {
    let (mut bench, association, octets) = (scene.make)();
    let octets = damage.map_or_else(|| octets.clone(), |damage| damaged(&octets, damage));
    bench.pdus.clear();
    bench.ngap(association, &octets);
    bench.pdus.iter().map(|octets| NGAP_PDU::decode(octets).unwrap()).collect()
}

fn cause_of(pdu: &NGAP_PDU) -> Cause {
    pdu.ie::<ie::Cause>().unwrap().unwrap()
}

fn check_indication(scene: &Scene, damage: Damage, indication: &NGAP_PDU, cause: CauseProtocol) {
    assert!(is_indication(indication));
    assert_eq!(cause_of(indication), Cause::protocol(cause));
    let diagnostics = diagnostics_of(indication);
    let (_, _, octets) = (scene.make)();
    let whole = NGAP_PDU::decode(&octets).unwrap();
    assert_eq!(diagnostics.procedure_code, Some(ProcedureCode(whole.procedure_code())));
    assert!(diagnostics.triggering_message.is_some());
    damage.is_accused_by(&diagnostics);
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
                damage.is_accused_by(&diagnostics_of(response));
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
            damage.is_accused_by(&diagnostics_of(outcome));
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
        let (_, _, octets) = (scene.make)();
        let ies = NGAP_PDU::decode(&octets).unwrap().protocol_ies().unwrap().0.len();
        for damage in Damage::all(scene.mandatory, ies) {
            check(scene, damage);
        }
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
                    let diagnostics = diagnostics_of(indication);
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
        Damage::Unknown(NOTIFY),
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
    let did = bench.ngap(GNB, &damaged(&required, Damage::Unknown(NOTIFY)));
    let Did::Other(TARGET, _, octets) = &did[0] else { panic!("{did:?}") };
    let target = ran::amf_id_of(octets);
    let did = bench.ngap(TARGET, &ran::handover_acknowledge(target, 77, TARGET, &[1]));
    let Did::Other(GNB, name, octets) = &did[0] else { panic!("{did:?}") };
    assert_eq!(name, "Successful_HandoverPreparation");
    let command = NGAP_PDU::decode(octets).unwrap();
    Damage::Unknown(NOTIFY).is_accused_by(&diagnostics_of(&command));
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
