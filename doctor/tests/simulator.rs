//! The doctor at a simulator: what it says of an AMF that serves the scenario's cells, and of one that does not.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use doctor::{Examined, Finding, Level, Topic, broadcasts, examine, obstacle, worst};
use scenarios::{Plan, Scenario};
use sctp::Address;
use simulator::{Simulator, SimulatorOptions};

fn serve(scenario: &Scenario) -> Simulator {
    let listen = "sctp+udp://127.0.0.1:0".parse().unwrap();
    Simulator::start(scenario, 1, &listen, &SimulatorOptions::default()).unwrap()
}

fn cells(overrides: &[(&str, &str)]) -> Vec<signalling::GnbSettings> {
    let overrides: Vec<(String, String)> =
        overrides.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let scenario = Scenario::load("smoke", &overrides).unwrap();
    broadcasts(&Plan::new(Arc::new(scenario), 1, 1).unwrap())
}

fn found(examined: &Examined, topic: Topic) -> &Finding {
    examined.findings.iter().find(|finding| finding.topic == topic).unwrap_or_else(|| panic!("{examined:?}"))
}

fn address(simulator: &Simulator) -> Address {
    simulator.address().to_string().parse().unwrap()
}

fn both_came_and_went(simulator: &Simulator) -> bool {
    let amf = simulator.statistics().amf;
    let setups =
        amf.messages().find(|(name, ..)| *name == "ng-setup-request").map(|(_, received, _)| received);
    setups == Some(2) && amf.gnbs == 0
}

#[test]
fn an_amf_that_serves_the_cells_is_told_with_its_parameters_and_nothing_is_left_there() {
    let simulator = serve(&Scenario::load("smoke", &[]).unwrap());
    let examined = examine(&address(&simulator), &cells(&[]));
    assert_eq!(worst(&examined.findings), Level::Good, "{examined:?}");
    assert!(found(&examined, Topic::Association).found.contains("from 127.0.0.1"), "{examined:?}");
    let parameters = &found(&examined, Topic::SctpParameters).found;
    assert!(parameters.contains("streams out") && parameters.contains("RTO"), "{parameters}");
    let compared = &found(&examined, Topic::Cells).found;
    assert!(
        compared.contains("the scenario's cells have PLMN 001/01, TAC 1, slice 1: the AMF"),
        "{compared}"
    );
    assert!(compared.contains("serves PLMN 001/01, slice 1"), "{compared}");
    assert_eq!(obstacle(&[address(&simulator)], &cells(&[]), &[]), None);
    // The last packet of the second association may be on its way yet.
    let end = Instant::now() + Duration::from_secs(10);
    while !both_came_and_went(&simulator) && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(simulator.stop().amf.gnbs, 0, "no gNB stayed");
}

#[test]
fn an_amf_that_refuses_is_told_in_one_sentence_with_what_it_must_serve() {
    let simulator = serve(&Scenario::load("smoke", &[]).unwrap());
    let wrong = cells(&[("cells.tacs", "[9]")]);
    let obstacle = obstacle(&[address(&simulator)], &wrong, &[]).unwrap();
    assert!(obstacle.contains("refuses NG setup"), "{obstacle}");
    assert!(obstacle.contains("the scenario's cells have PLMN 001/01, TAC 9, slice 1"), "{obstacle}");
    assert!(!obstacle.contains('\n'), "{obstacle}");
    let half = examine(&address(&simulator), &cells(&[("cells.tacs", "[1, 9]")]));
    let refused = &found(&half, Topic::NgSetup).found;
    assert!(refused.contains("it refuses those of PLMN 001/01, TAC 9"), "{refused}");
}

#[test]
fn a_target_where_nobody_listens_and_a_port_that_is_taken_are_obstacles() {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody: Address = format!("sctp+udp://127.0.0.1:{port}").parse().unwrap();
    let text = obstacle(std::slice::from_ref(&nobody), &cells(&[]), &[]).unwrap();
    assert!(text.contains(&port.to_string()) && text.contains("refused"), "{text}");
    let mine = std::net::IpAddr::from([127, 78, 4, 11]);
    let _held = std::net::UdpSocket::bind((mine, 2152)).unwrap();
    let text = obstacle(&[nobody], &cells(&[]), &[mine]).unwrap();
    assert!(text.contains("--gtpu-address") && text.contains("is taken"), "{text}");
}
