//! Deregistration by the UE, by the network, and by silence.

use std::time::Duration;

use identity::Imsi;
use oxirush_nas::nas_5gs::*;
use simulator::Command;
use simulator::amf::{Message, Refusal};

use crate::bench::*;
use crate::ue::TestUe;

fn registered(bench: &mut Bench, follow_on: bool) -> (TestUe, Imsi) {
    let mut ue = TestUe::new(1);
    ue.follow_on = follow_on;
    bench.register(&mut ue);
    let imsi = ue.imsi.parse().unwrap();
    (ue, imsi)
}

#[test]
fn a_ue_deregisters_and_may_come_back_with_its_context() {
    let mut bench = Bench::new();
    let (mut ue, _) = registered(&mut bench, false);
    let request = ue.deregistration_request(false);
    let did = bench.initial(&mut ue, request);
    bench.settle(&mut ue, did);
    assert!(!ue.registered);
    let statistics = bench.core.statistics();
    assert_eq!((statistics.registered, statistics.connections, statistics.deregistrations), (0, 0, 1));
    bench.register(&mut ue);
    assert_eq!((bench.sent(Message::IdentityRequest), bench.core.statistics().registered), (0, 1));
}

#[test]
fn a_ue_that_switches_off_gets_no_answer() {
    let mut bench = Bench::new();
    let (mut ue, _) = registered(&mut bench, true);
    let request = ue.deregistration_request(true);
    let did = bench.uplink(&ue, request);
    assert!(nas(&did).is_empty() && released(&did));
    bench.settle(&mut ue, did);
    assert_eq!(bench.core.statistics().registered, 0);
}

#[test]
fn the_network_deregisters_a_connected_ue() {
    let mut bench = Bench::new();
    let (mut ue, imsi) = registered(&mut bench, true);
    let did = bench.command(Command::Deregister { imsi, re_registration: true });
    let did = bench.settle(&mut ue, did);
    let Some(Nas5gmmMessage::DeregistrationRequestUeTerminated(request)) = ue.received.last() else {
        panic!()
    };
    assert!(request.de_registration_type.re_registration_required());
    assert!(released(&did));
    assert_eq!((bench.core.statistics().registered, bench.core.statistics().deregistrations), (0, 1));
}

#[test]
fn the_network_pages_an_idle_ue_to_deregister_it() {
    let mut bench = Bench::new();
    let (mut ue, imsi) = registered(&mut bench, false);
    assert_eq!(bench.command(Command::Deregister { imsi, re_registration: false }).len(), 1);
    let request = ue.service_request(ServiceType::MobileTerminatedServices);
    let did = bench.initial(&mut ue, request);
    bench.settle(&mut ue, did);
    assert_eq!((ue.registered, bench.core.statistics().registered), (false, 0));
}

#[test]
fn a_ue_that_does_not_answer_is_deregistered_after_five_t3522() {
    let mut bench = Bench::new();
    let (_, imsi) = registered(&mut bench, true);
    bench.command(Command::Deregister { imsi, re_registration: false });
    assert_eq!(nas(&bench.pass(Duration::from_secs(29))).len(), 4);
    assert_eq!(bench.core.statistics().registered, 1);
    assert!(released(&bench.pass(Duration::from_secs(2))));
    assert_eq!((bench.core.statistics().registered, bench.refusals(Refusal::DeregistrationTimeout)), (0, 1));
}

#[test]
fn a_silent_ue_is_deregistered_implicitly_and_forgotten() {
    let mut bench = Bench::new();
    let _ = registered(&mut bench, false);
    bench.pass(Duration::from_secs((54 + 4 + 4) * 60 - 1));
    assert_eq!(bench.core.statistics().registered, 1);
    bench.pass(Duration::from_secs(2));
    let statistics = bench.core.statistics();
    assert_eq!((statistics.registered, statistics.ues, statistics.timers), (0, 0, 0));
    assert_eq!(bench.refusals(Refusal::ImplicitDeregistration), 1);
}
