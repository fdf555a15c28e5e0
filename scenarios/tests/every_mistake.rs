//! Every mistake of a file is told at once, at its place; and none that only comes from another.

use scenarios::Scenario;

fn told(text: &str) -> Vec<String> {
    let error = Scenario::from_yaml(text, "bad.yaml").expect_err(text).to_string();
    let lines: Vec<String> = error.lines().map(|line| line.trim().to_owned()).collect();
    if lines.len() == 1 { lines } else { lines[1..].to_vec() }
}

/// Each is told by this, in this order, and nothing else is.
fn assert_told(text: &str, expected: &[&str]) {
    let told = told(text);
    assert_eq!(told.len(), expected.len(), "{}\n{text}", told.join("\n"));
    for (line, part) in told.iter().zip(expected) {
        assert!(line.contains(part), "{part:?} is not in {line:?} of\n{}", told.join("\n"));
    }
}

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(GOOD.to_owned(), |text, (replace, with)| {
        assert!(text.contains(replace), "{replace:?} is not in the scenario");
        text.replacen(replace, with, 1)
    })
}

#[test]
fn mistakes_of_all_kinds_are_told_at_once() {
    let text = changed(&[
        ("name: good", "name: a/b"),
        ("    count: 10\n", ""),
        ("cells: {nodes: 2}", "cells: {node: 0, cells-per-node: 5000}"),
        ("radio: urban", "radio: {latency: 20, loss: 130%}"),
        ("procedure: registration", "procedure: registraton"),
        ("rate: 10/s", "rate: 10"),
        ("registration.success >= 99%", "registraton.success >= 99%"),
        ("registration.latency.p99 < 1s", "registration.latency.p99 < 300"),
        ("registration.success < 50%", "registration.success < 150%"),
        ("drain: 5s", "drainn: 5s"),
    ]);
    assert_told(
        &text,
        &[
            "bad.yaml:1:7: name: a name is 1 to 64 letters",
            "bad.yaml:3:5: subscribers[0]: the field \"count\" is missing",
            "cells.node: unknown field \"node\"; did you mean \"nodes\"?",
            "cells.nodes: 0 nodes: 1 to 100000 are accepted",
            "cells.cells-per-node: 5000 cells: 1 to 1024 are accepted",
            "radio.latency: \"20\" is not a duration",
            "radio.loss: \"130%\" is not a percentage",
            "load[0].procedure: unknown value \"registraton\"; did you mean \"registration\"?",
            "load[0].phases[0].rate: \"10\" is not a rate",
            "slos[0]: \"registraton\" has no metrics; did you mean \"registration\"?",
            "slos[1]: \"300\" is not a duration",
            "guardrails[0].abort-when: \"150%\" is not a percentage",
            "drainn: unknown field \"drainn\"; did you mean \"drain\"?",
        ],
    );
}

#[test]
fn one_mistake_is_told_alone_whatever_follows_from_it() {
    for (changes, part) in [
        (vec![("cells: {nodes: 2}", "cells: {nodes: two}")], "cells.nodes: found \"two\""),
        (vec![("rate: 10/s", "rate: fast")], "load[0].phases[0].rate"),
        (vec![("{rate: 10/s, for: 10s}", "7")], "load[0].phases[0]: found 7"),
        (vec![("procedure: registration", "procedure: attach")], "load[0].procedure"),
        (vec![("procedure: handover-n2", "procedure: moving")], "load[2].procedure"),
        (vec![("imsi: \"001010000000001\"", "imsi: 7x")], "subscribers[0].imsi"),
        (vec![("plmn: 001/01", "plmn: home")], "subscribers[0].plmn"),
        (vec![("load:", "loads:")], "loads: unknown field"),
        (vec![("sessions: [{dnn: internet}]\n", "")], "a load establishes PDU sessions"),
        (vec![("dnn: internet", "dnn: in ter net")], "sessions[0].dnn"),
        (vec![("name: good\n", "")], "the field \"name\" is missing"),
    ] {
        assert_told(&changed(&changes), &[part]);
    }
}

#[test]
fn items_keep_their_numbers_when_one_before_them_is_wrong() {
    let text = changed(&[
        ("{hold: 5s}", "{hold: 5}, {rate: 3/s, for: 0s}, {ramp: {from: 1/s}, for: 1s}"),
        ("procedure: handover-n2", "procedure: moving"),
        ("starts-after: 5s", "starts-after: 5"),
    ]);
    assert_told(
        &text,
        &[
            "load[0].phases[1].hold: \"5\" is not a duration",
            "load[0].phases[2].for: 0s is no time",
            "load[0].phases[3].ramp: the field \"to\" is missing",
            "load[2].procedure: unknown value \"moving\"",
            "load[2].starts-after: \"5\" is not a duration",
        ],
    );
}

#[test]
fn what_is_held_against_a_wrong_section_is_not_judged() {
    // Whether deregistrations are started depends on the load, which cannot be read.
    let text = changed(&[
        ("rate: 10/s", "rate: 10"),
        ("registration.success >= 99%", "deregistration.success >= 99%"),
    ]);
    assert_told(&text, &["load[0].phases[0].rate"]);
    let text = changed(&[("registration.success >= 99%", "deregistration.success >= 99%")]);
    assert_told(&text, &["no load starts deregistration"]);
}

#[test]
fn a_file_full_of_mistakes_ends_too() {
    let mut text = GOOD.to_owned();
    for number in 0..200 {
        text += &format!("wrong{number}: 1\n");
    }
    assert!(told(&text).len() >= 20);
}

const GOOD: &str = r#"name: good
subscribers:
  - plmn: 001/01
    imsi: "001010000000001"
    count: 10
    k: {derived-from: "465B5CE8B199B49FAA5F0A2EE238A6BC"}
    opc: "E8ED289DEBA952E4283B54E88E6183CA"
cells: {nodes: 2}
radio: urban
sessions: [{dnn: internet}]
load:
  - procedure: registration
    phases: [{rate: 10/s, for: 10s}, {hold: 5s}]
  - {procedure: pdu-session, phases: [{rate: 1/s, for: 5s}]}
  - {procedure: handover-n2, starts-after: 5s, phases: [{rate: 1/s, for: 5s}]}
slos:
  - registration.success >= 99%
  - registration.latency.p99 < 1s
guardrails:
  - {abort-when: registration.success < 50%}
drain: 5s
"#;
