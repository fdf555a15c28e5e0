//! Service requests, paging and the configuration update.

use std::time::Duration;

use identity::Imsi;
use oxirush_nas::nas_5gs::*;
use simulator::Command;
use simulator::amf::{Message, Refusal};

use crate::bench::*;
use crate::ue::TestUe;

fn idle(bench: &mut Bench) -> (TestUe, Imsi) {
    let mut ue = TestUe::new(1);
    bench.register(&mut ue);
    let imsi = ue.imsi.parse().unwrap();
    (ue, imsi)
}

#[test]
fn a_service_request_of_a_registered_ue_gets_a_context_with_its_kgnb() {
    let mut bench = Bench::new();
    let (mut ue, _) = idle(&mut bench);
    let request = ue.service_request(ServiceType::Signalling);
    let did = bench.initial(&mut ue, request);
    let kgnb = did.iter().find_map(|did| if let Did::Nas { kgnb, .. } = did { *kgnb } else { None });
    // COUNT 0 was the SECURITY MODE COMPLETE and 1 the REGISTRATION COMPLETE.
    assert_eq!(kgnb, Some(ue.kgnb(2)));
    bench.settle(&mut ue, did);
    assert!(matches!(ue.received.last(), Some(Nas5gmmMessage::ServiceAccept(_))));
    assert_eq!((bench.core.statistics().services_accepted, bench.core.statistics().connections), (1, 1));
}

#[test]
fn a_service_request_of_an_unknown_ue_is_rejected_with_cause_9() {
    let mut bench = Bench::new();
    let (mut ue, _) = idle(&mut bench);
    let request = ue.service_request(ServiceType::Signalling);
    let mut other = Bench::new();
    let did = other.initial(&mut ue, request);
    assert_eq!(nas(&did), [vec![0x7e, 0x00, 0x4d, 0x09]]);
    assert!(released(&did));
    assert_eq!(other.refusals(Refusal::UnknownServiceRequest), 1);
}

#[test]
fn paging_is_repeated_and_given_up() {
    let mut bench = Bench::new();
    let (ue, imsi) = idle(&mut bench);
    let tmsi = ue.guti.unwrap().tmsi().to_be_bytes();
    assert_eq!(bench.command(Command::Page { imsi }), [Did::Paging(GNB, tmsi)]);
    assert_eq!(bench.command(Command::Page { imsi }), []);
    assert_eq!(bench.pass(Duration::from_secs(60)).len(), 4);
    assert_eq!((bench.refusals(Refusal::PagingTimeout), bench.core.statistics().registered), (1, 1));
}

#[test]
fn a_paged_ue_answers_and_gets_another_guti() {
    let mut bench = Bench::new();
    let (mut ue, imsi) = idle(&mut bench);
    let old = ue.guti;
    bench.command(Command::Page { imsi });
    let request = ue.service_request(ServiceType::MobileTerminatedServices);
    let did = bench.initial(&mut ue, request);
    bench.settle(&mut ue, did);
    assert_ne!(ue.guti, old);
    assert_eq!(bench.sent(Message::ConfigurationUpdateCommand), 1);
    assert_eq!(bench.pass(Duration::from_secs(60)), []);
    // The one before is no longer valid.
    ue.guti = old;
    let request = ue.service_request(ServiceType::Signalling);
    assert_eq!(nas(&bench.initial(&mut ue, request)), [vec![0x7e, 0x00, 0x4d, 0x09]]);
}

/// TS 33.501 §6.12.3: what the UE says that it comes for does not matter.
#[test]
fn every_answer_to_a_paging_gets_another_guti_and_a_service_request_without_one_does_not() {
    for service in [ServiceType::Signalling, ServiceType::Data, ServiceType::MobileTerminatedServices] {
        for paged in [true, false] {
            let mut bench = Bench::new();
            let (mut ue, imsi) = idle(&mut bench);
            let old = ue.guti;
            if paged {
                bench.command(Command::Page { imsi });
            }
            let request = ue.service_request(service);
            let did = bench.initial(&mut ue, request);
            bench.settle(&mut ue, did);
            let answers = paged || service == ServiceType::MobileTerminatedServices;
            assert_eq!(ue.guti != old, answers, "{service:?}, paged {paged}");
            assert_eq!(bench.sent(Message::ConfigurationUpdateCommand), u64::from(answers));
        }
    }
}

#[test]
fn an_unanswered_configuration_update_leaves_both_gutis_valid() {
    let mut bench = Bench::new();
    let (mut ue, imsi) = idle(&mut bench);
    bench.command(Command::UpdateConfiguration { imsi });
    let request = ue.service_request(ServiceType::MobileTerminatedServices);
    bench.initial(&mut ue, request);
    assert_eq!(nas(&bench.pass(Duration::from_secs(31))).len(), 4);
    assert_eq!(bench.refusals(Refusal::ConfigurationUpdateTimeout), 1);
    let request = ue.service_request(ServiceType::Signalling);
    bench.initial(&mut ue, request);
    assert_eq!(bench.core.statistics().services_accepted, 2);
}

/// A UE that was told another 5G-GUTI, and of which nobody knows whether it has it: it is idle again, and did not answer. Still
/// with the 5G-GUTI before; the other one is returned.
fn unconfirmed(bench: &mut Bench) -> (TestUe, Imsi, Guti) {
    let (mut ue, imsi) = idle(bench);
    let before = ue.guti;
    bench.command(Command::UpdateConfiguration { imsi });
    let request = ue.service_request(ServiceType::MobileTerminatedServices);
    let did = bench.initial(&mut ue, request);
    bench.ngap(GNB, &initial_context_setup_response(ue.amf_id, ue.ran_id));
    for pdu in nas(&did) {
        // Its answers are lost.
        ue.receive(&pdu);
    }
    let told = std::mem::replace(&mut ue.guti, before).unwrap();
    assert_ne!(Some(told), before);
    assert_eq!(bench.sent(Message::ConfigurationUpdateCommand), 1);
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    assert!(released(&did), "{did:?}");
    bench.settle(&mut ue, did);
    (ue, imsi, told)
}

/// The UE asks for service by the 5G-GUTI that it has, and answers whatever comes. Whether it was accepted.
fn asks(bench: &mut Bench, ue: &mut TestUe, service: ServiceType) -> bool {
    let accepted = bench.core.statistics().services_accepted;
    let request = ue.service_request(service);
    let did = bench.initial(ue, request);
    bench.settle(ue, did);
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(ue, did);
    bench.core.statistics().services_accepted > accepted
}

fn pagings(did: &[Did]) -> Vec<[u8; 4]> {
    did.iter().filter_map(|did| if let Did::Paging(GNB, tmsi) = did { Some(*tmsi) } else { None }).collect()
}

/// TS 24.501 §5.4.4.6 b: nobody knows which of two 5G-GUTIs the UE has.
#[test]
fn a_ue_that_has_not_confirmed_its_guti_is_paged_by_both_in_turn() {
    let mut bench = Bench::new();
    let (ue, imsi, told) = unconfirmed(&mut bench);
    let [old, new] = [ue.guti.unwrap(), told].map(|guti| guti.tmsi().to_be_bytes());
    assert_eq!(pagings(&bench.command(Command::Page { imsi })), [new]);
    assert_eq!(pagings(&bench.pass(Duration::from_secs(60))), [old, new, old, new]);
}

#[test]
fn a_ue_that_answers_by_its_old_guti_is_offered_the_same_one_again() {
    let mut bench = Bench::new();
    let (mut ue, imsi, told) = unconfirmed(&mut bench);
    let old = ue.guti;
    bench.command(Command::Page { imsi });
    assert!(asks(&mut bench, &mut ue, ServiceType::MobileTerminatedServices), "the one before is valid");
    assert_eq!(ue.guti, Some(told), "a third would take away the one that the UE may have");
    assert!(asks(&mut bench, &mut ue, ServiceType::Signalling));
    ue.guti = old;
    assert!(!asks(&mut bench, &mut ue, ServiceType::Signalling), "it was confirmed: the one before is free");
}

/// TS 24.501 §5.5.1.2.8: the same holds of a 5G-GUTI in a REGISTRATION ACCEPT.
#[test]
fn a_registration_by_an_old_guti_is_offered_the_same_new_one_until_it_is_confirmed() {
    for kind in [RegistrationType::InitialRegistration, RegistrationType::MobilityRegistrationUpdating] {
        let mut bench = Bench::new();
        let (mut ue, imsi) = idle(&mut bench);
        let before = ue.guti;
        ue.kind = kind;
        let mut told = Vec::new();
        for attempt in 1..=3 {
            told.extend(registers_unconfirmed(&mut bench, &mut ue));
            ue.guti = before;
            let all: std::collections::BTreeSet<_> = told.iter().map(|guti| guti.tmsi()).collect();
            assert_eq!((told.len(), all.len()), (attempt, 1), "{kind:?}: {told:?}");
            assert_ne!(before, told.first().copied());
        }
        let [old, new] = [before.unwrap(), told[0]].map(|guti| guti.tmsi().to_be_bytes());
        assert_eq!(pagings(&bench.command(Command::Page { imsi })), [new], "{kind:?}");
        assert_eq!(pagings(&bench.pass(Duration::from_secs(60))), [old, new, old, new], "{kind:?}");
        assert!(asks(&mut bench, &mut ue, ServiceType::Signalling), "{kind:?}: the one before is valid");
        // By the new one it has confirmed it, and is told another.
        ue.guti = told.first().copied();
        let next = registers_unconfirmed(&mut bench, &mut ue).unwrap();
        assert!(![before, told.first().copied()].contains(&Some(next)), "{kind:?}");
        ue.guti = before;
        assert!(!asks(&mut bench, &mut ue, ServiceType::Signalling), "{kind:?}: the first one is free");
    }
}

/// The UE registers; its REGISTRATION COMPLETE is lost. What it was told.
fn registers_unconfirmed(bench: &mut Bench, ue: &mut TestUe) -> Option<Guti> {
    let request = ue.registration_request();
    let mut did = bench.initial(ue, request);
    ue.registered = false;
    while !ue.registered {
        let answers: Vec<_> = nas(&did).iter().filter_map(|pdu| ue.receive(pdu)).collect();
        if ue.registered {
            break;
        }
        assert!(!answers.is_empty(), "{did:?}");
        did = answers.into_iter().flat_map(|answer| bench.uplink(ue, answer)).collect();
    }
    let told = ue.guti;
    let did = bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.settle(ue, did);
    told
}

#[test]
fn a_ue_that_names_its_new_guti_has_confirmed_it() {
    let mut bench = Bench::new();
    let (mut ue, imsi, told) = unconfirmed(&mut bench);
    let old = ue.guti.replace(told);
    assert!(asks(&mut bench, &mut ue, ServiceType::Signalling));
    assert_eq!(bench.sent(Message::ConfigurationUpdateCommand), 1, "it asked of itself");
    let new = told.tmsi().to_be_bytes();
    assert_eq!(pagings(&bench.command(Command::Page { imsi })), [new]);
    assert_eq!(pagings(&bench.pass(Duration::from_secs(60))), [new; 4]);
    ue.guti = old;
    assert!(!asks(&mut bench, &mut ue, ServiceType::Signalling));
}
