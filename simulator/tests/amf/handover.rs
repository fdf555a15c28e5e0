//! N2 handover and path switch, as they should go and as they must not.

use std::time::Duration;

use simulator::AmfEvent;
use simulator::amf::{Event, Message, Refusal};

use crate::bench::*;
use crate::ran;
use crate::sessions::with_session;
use crate::ue::TestUe;

pub(crate) const TARGET: u32 = 2;

/// Two gNBs, and a UE with session 1 at the first.
pub(crate) fn ready() -> (Bench, TestUe) {
    let mut bench = Bench::new();
    assert_eq!(bench.set_up(TARGET, 2), [Did::SetupResponse(TARGET)]);
    let ue = with_session(&mut bench, 1);
    (bench, ue)
}

fn required(bench: &mut Bench, ue: &TestUe, gnb: u32) -> Vec<Did> {
    bench.ngap(GNB, &ran::handover_required(ue.amf_id, ue.ran_id, gnb, "001/01", 1, &[1]))
}

fn names(did: &[Did]) -> Vec<&str> {
    did.iter()
        .map(|did| match did {
            Did::Other(_, name, _) => name.as_str(),
            Did::Release { .. } => "release",
            Did::Error(..) => "error",
            Did::Nas { .. } => "nas",
            _ => "?",
        })
        .collect()
}

/// Up to the HANDOVER COMMAND. The AMF UE NGAP ID at the target.
pub(crate) fn commanded(bench: &mut Bench, ue: &TestUe) -> u64 {
    let did = required(bench, ue, 2);
    let [Did::Other(TARGET, name, octets)] = did.as_slice() else { panic!("{did:?}") };
    assert_eq!(name, "Initiating_HandoverResourceAllocation");
    let target = ran::amf_id_of(octets);
    let did = bench.ngap(TARGET, &ran::handover_acknowledge(target, 77, TARGET, &[1]));
    assert_eq!(names(&did), ["Successful_HandoverPreparation"]);
    target
}

fn moved(ue: &mut TestUe, target: u64) {
    (ue.left, ue.association, ue.amf_id, ue.ran_id) = (Some(GNB), TARGET, target, 77);
}

#[test]
fn a_ue_is_handed_over_and_its_source_released() {
    let (mut bench, mut ue) = ready();
    let target = commanded(&mut bench, &ue);
    let did = bench.ngap(TARGET, &ran::handover_notify(target, 77, "001/01", 1));
    let [Did::Release { cause, .. }] = did.as_slice() else { panic!("{did:?}") };
    assert!(cause.contains("successful_handover"), "{cause}");
    moved(&mut ue, target);
    let left = (ue.amf_id, 1);
    bench.ngap(GNB, &ue_context_release_complete(left.0 - 1, left.1));
    assert_eq!(bench.core.statistics().events(Event::HandoverCompleted), 1);
    assert_eq!((bench.sessions(), bench.core.statistics().connections), (1, 1));
    // It is served there.
    let request = ue.session_release(1, 3);
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    assert_eq!((bench.sessions(), bench.core.statistics().timers), (0, 0));
}

#[test]
fn an_unknown_target_and_one_that_refuses_leave_the_ue_where_it_is() {
    let (mut bench, ue) = ready();
    assert_eq!(names(&required(&mut bench, &ue, 9)), ["Unsuccessful_HandoverPreparation"]);
    assert_eq!(bench.refusals(Refusal::UnknownTarget), 1);
    let did = required(&mut bench, &ue, 2);
    let Did::Other(_, _, octets) = &did[0] else { panic!() };
    let did = bench.ngap(TARGET, &ran::handover_failure(ran::amf_id_of(octets)));
    assert_eq!(names(&did), ["Unsuccessful_HandoverPreparation"]);
    assert_eq!((bench.core.statistics().connections, bench.sessions()), (1, 1));
    assert_eq!(bench.core.statistics().timers, 0);
}

#[test]
fn policy_may_refuse() {
    let mut settings = settings();
    settings.handover.refuse = 1.0;
    settings.handover.refuse_path_switch = 1.0;
    let mut bench = Bench::with(settings);
    bench.set_up(TARGET, 2);
    let ue = with_session(&mut bench, 1);
    assert_eq!(names(&required(&mut bench, &ue, 2)), ["Unsuccessful_HandoverPreparation"]);
    let did = bench.ngap(TARGET, &ran::path_switch_request(ue.amf_id, 5, TARGET, "001/01", 1, &[1]));
    assert_eq!(names(&did), ["Unsuccessful_PathSwitchRequest"]);
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn a_handover_is_cancelled_before_and_after_the_target_has_answered() {
    for answered in [false, true] {
        let (mut bench, ue) = ready();
        let target = if answered {
            commanded(&mut bench, &ue)
        } else {
            let did = required(&mut bench, &ue, 2);
            let Did::Other(_, _, octets) = &did[0] else { panic!() };
            ran::amf_id_of(octets)
        };
        let did = bench.ngap(GNB, &ran::handover_cancel(ue.amf_id, ue.ran_id));
        assert_eq!(names(&did), ["release", "Successful_HandoverCancel"]);
        // The acknowledgement that crosses it changes nothing.
        assert_eq!(bench.ngap(TARGET, &ran::handover_acknowledge(target, 77, TARGET, &[1])), []);
        bench.ngap(TARGET, &ue_context_release_complete(target, 77));
        assert_eq!((bench.core.statistics().connections, bench.sessions()), (1, 1));
        assert_eq!(bench.core.statistics().timers, 0);
    }
}

#[test]
fn two_handovers_at_once_are_both_given_up() {
    let (mut bench, ue) = ready();
    required(&mut bench, &ue, 2);
    let did = required(&mut bench, &ue, 2);
    assert_eq!(names(&did), ["release", "Unsuccessful_HandoverPreparation"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.core.statistics().connections, bench.sessions()), (1, 1));
}

#[test]
fn a_target_that_is_silent_or_lost_fails_the_preparation() {
    let (mut bench, ue) = ready();
    required(&mut bench, &ue, 2);
    let did = bench.pass(Duration::from_secs(6));
    assert_eq!(names(&did), ["Unsuccessful_HandoverPreparation", "release"]);
    required(&mut bench, &ue, 2);
    let did = bench.event(AmfEvent::AssociationDown { association: TARGET });
    assert_eq!(names(&did), ["Unsuccessful_HandoverPreparation"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.core.statistics().connections, bench.sessions()), (1, 1));
}

#[test]
fn a_ue_whose_source_is_lost_on_the_way_arrives_nevertheless() {
    let (mut bench, mut ue) = ready();
    let target = commanded(&mut bench, &ue);
    bench.event(AmfEvent::AssociationDown { association: GNB });
    assert_eq!(bench.ngap(TARGET, &ran::handover_notify(target, 77, "001/01", 1)), []);
    moved(&mut ue, target);
    let request = ue.deregistration_request(false);
    let did = bench.uplink(&ue, request);
    bench.settle(&mut ue, did);
    assert_eq!((bench.sessions(), bench.core.statistics().connections), (0, 0));
}

#[test]
fn a_ue_that_never_arrives_leaves_no_target_behind() {
    let (mut bench, ue) = ready();
    commanded(&mut bench, &ue);
    let did = bench.pass(Duration::from_secs(11));
    assert_eq!(names(&did), ["release"]);
    bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.core.statistics().connections, bench.sessions()), (0, 1));
}

#[test]
fn a_ue_that_deregisters_meanwhile_is_gone_at_both() {
    let (mut bench, mut ue) = ready();
    required(&mut bench, &ue, 2);
    let request = ue.deregistration_request(true);
    let did = bench.uplink(&ue, request);
    assert_eq!(names(&did), ["release", "release"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.core.statistics().connections, bench.sessions()), (0, 0));
}

#[test]
fn a_session_that_the_target_does_not_admit_is_released() {
    let (mut bench, mut ue) = ready();
    bench.establish(&mut ue, 2);
    let did = bench.ngap(GNB, &ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1, 2]));
    let Did::Other(_, _, octets) = &did[0] else { panic!() };
    let target = ran::amf_id_of(octets);
    bench.ngap(TARGET, &ran::handover_acknowledge(target, 77, TARGET, &[2]));
    let did = bench.ngap(TARGET, &ran::handover_notify(target, 77, "001/01", 1));
    moved(&mut ue, target);
    bench.settle(&mut ue, did);
    assert_eq!((bench.sessions(), bench.core.statistics().events(Event::SessionReleased)), (1, 1));
}

#[test]
fn a_path_switch_moves_the_ue_and_one_that_crosses_a_release_fails() {
    let (mut bench, mut ue) = ready();
    let request = ran::path_switch_request(ue.amf_id, 5, TARGET, "001/01", 1, &[1]);
    assert_eq!(names(&bench.ngap(TARGET, &request)), ["Successful_PathSwitchRequest"]);
    // What the source says of it is of nobody.
    assert_eq!(names(&bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id))), ["error"]);
    (ue.association, ue.ran_id) = (TARGET, 5);
    assert_eq!((bench.sessions(), bench.core.statistics().events(Event::PathSwitched)), (1, 1));
    assert_eq!(names(&bench.ngap(TARGET, &ue_context_release_request(ue.amf_id, 5))), ["release"]);
    let request = ran::path_switch_request(ue.amf_id, 6, GNB, "001/01", 1, &[1]);
    assert_eq!(names(&bench.ngap(GNB, &request)), ["Unsuccessful_PathSwitchRequest"]);
    assert_eq!(bench.sent(Message::PathSwitchRequestFailure), 1);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.sessions(), bench.core.statistics().connections), (1, 0));
}

#[test]
fn a_path_switch_ends_an_n2_handover_that_is_under_way() {
    let (mut bench, ue) = ready();
    bench.set_up(3, 3);
    required(&mut bench, &ue, 2);
    let did = bench.ngap(3, &ran::path_switch_request(ue.amf_id, 5, 3, "001/01", 1, &[1]));
    assert_eq!(names(&did), ["release", "Successful_PathSwitchRequest"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.sessions(), bench.core.statistics().connections), (1, 1));
}
