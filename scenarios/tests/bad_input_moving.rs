//! Mistakes in what moves, what is made worse and what is paid: each text says where, what and what would be accepted.

use scenarios::Scenario;

/// The good scenario with more sections, which take the place of its own.
fn error_with(sections: &str) -> String {
    let text = with(sections);
    Scenario::from_yaml(&text, "bad.yaml").expect_err(&text).to_string()
}

fn with(sections: &str) -> String {
    let keys: Vec<&str> =
        sections.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect();
    let kept = GOOD.lines().filter(|line| !keys.iter().any(|key| line.starts_with(&format!("{key}:"))));
    kept.collect::<Vec<_>>().join("\n") + "\n" + sections
}

fn assert_errors(cases: &[(&str, &str)]) {
    Scenario::from_yaml(GOOD, "good.yaml").unwrap_or_else(|error| panic!("{error}"));
    for (sections, part) in cases {
        let error = error_with(sections);
        assert!(error.starts_with("bad.yaml:") && error.contains(part), "{sections}: {error}");
    }
}

#[test]
fn an_error_has_line_column_field_and_what_is_accepted() {
    assert_eq!(
        error_with("sessions:\n  - {dnn: internet, uplink: {rate: 20kB/s}}"),
        "bad.yaml:11:36: sessions[0].uplink.rate: \"20kB/s\" is not a rate of data: a number and bit/s, kbit/s, Mbit/s or \
         Gbit/s, such as 200kbit/s"
    );
    assert_eq!(
        error_with("conditions:\n  impairments:\n    - {throttle: {factor: 50%}, at: 1s}"),
        "bad.yaml:13:7: conditions.impairments[0]: the field \"for\" is missing"
    );
}

#[test]
fn networks_of_the_cells() {
    assert_errors(&[
        (
            "cells: {nodes: 5, networks: [{plmn: 001/01, nodes: 2}]}",
            "cells.nodes: the networks have 2 nodes together",
        ),
        ("cells: {networks: []}", "cells.networks: the list is empty, expected at least one network"),
        (
            "cells: {tacs: [1], networks: [{plmn: 001/01, nodes: 2}]}",
            "cells.tacs: \"tacs\" does not go with networks",
        ),
        (
            "cells: {plmn: 001/01, networks: [{plmn: 001/01, nodes: 2}]}",
            "cells.plmn: \"plmn\" does not go with",
        ),
        (
            "cells: {networks: [{plmn: 001/01, nodes: 0}]}",
            "cells.networks[0].nodes: 0 nodes: 1 to 100000 are accepted",
        ),
        (
            "cells: {networks: [{plmn: 001/01, nodes: 2, tacs: []}]}",
            "cells.networks[0].tacs: the list is empty",
        ),
        (
            "cells: {networks: [{plmn: 001/01, nodes: 2}, {plmn: 001/01, nodes: 1}]}",
            "cells.networks[1].plmn: 001/01 is in the list twice",
        ),
        (
            "cells: {networks: [{plmn: 001/01, nodes: 99999}, {plmn: 001/02, nodes: 9}]}",
            "cells.networks: 100008 nodes: 1 to 100000 are accepted",
        ),
    ]);
}

#[test]
fn sessions() {
    let session = |fields: &str| format!("sessions: [{{dnn: internet, {fields}}}]");
    for (fields, part) in [
        ("slice: \"9\"", "sessions[0].slice: no cell has slice 9 (cells.slices: 1)"),
        ("share: 0", "sessions[0].share: 0 is no share: above 0 and at most 1000000 are accepted"),
        ("share: -1", "sessions[0].share: -1 is no share"),
        ("share: .nan", "sessions[0].share: found \".nan\""),
        (
            "traffic: wbe",
            "sessions[0].traffic: unknown traffic \"wbe\"; did you mean \"web\"? (known: web, video,",
        ),
        ("name: \"\"", "sessions[0].name: an empty name is none"),
        ("type: ipv5", "sessions[0].type: unknown value \"ipv5\"; did you mean \"ipv4\"?"),
        (
            "uplink: 20kbit/s",
            "sessions[0].uplink: found \"20kbit/s\", expected a mapping such as {rate: 200kbit/s",
        ),
        ("uplink: {rate: 101Gbit/s}", "sessions[0].uplink.rate: \"101Gbit/s\" is an impossible rate of data"),
        ("uplink: {rate: -1kbit/s}", "is not a rate of data"),
        ("uplink: {packet: 47}", "sessions[0].uplink.packet: 47 octets: 48 to 9000 are accepted"),
        ("uplink: {packet: 70000}", "sessions[0].uplink.packet: found 70000, expected a number of octets"),
        (
            "uplink: {packet: [100]}",
            "sessions[0].uplink.packet: found a list, expected a number of octets, or the smallest",
        ),
        (
            "uplink: {packet: [900, 100]}",
            "packet: the smallest packet, 900 octets, is larger than the largest, 100",
        ),
        ("uplink: {burst: {active: 0s, idle: 1s}}", "sessions[0].uplink.burst.active: 0s is no time"),
        ("uplink: {burst: {active: 1s}}", "sessions[0].uplink.burst: the field \"idle\" is missing"),
        ("downlink: {volume: 0B}", "sessions[0].downlink.volume: 0B is nothing"),
        ("downlink: {volume: 5}", "sessions[0].downlink.volume: \"5\" lacks a unit"),
        ("downlink: {volume: -5MB}", "sessions[0].downlink.volume: \"-5MB\" is not a volume"),
        ("downlink: {volume: 99999999TB}", "downlink.volume: \"99999999TB\" is not a volume"),
        ("downlink: {volume: 2000000TB}", "downlink.volume: \"2000000TB\" is too much: at most 1000000TB"),
    ] {
        assert_errors(&[(session(fields).as_str(), part)]);
    }
    assert_errors(&[
        ("sessions: [{dnn: in ternet}]", "sessions[0].dnn: \"in ternet\" is not a data network name such as"),
        ("sessions: []", "sessions: a load establishes PDU sessions: at least one is expected here"),
        ("sessions: [{dnn: ims}, {dnn: ims}]", "sessions[1].name: two sessions are called \"ims\""),
        ("sessions: [{name: web}]", "sessions[0]: the field \"dnn\" is missing"),
    ]);
}

#[test]
fn mobility_and_handovers() {
    assert_errors(&[
        (
            "mobility: {path: circle}",
            "mobility.path: unknown value \"circle\" (accepted: ring, random, border, within-shard)",
        ),
        ("mobility: {path: border}", "mobility.path: there is no border: cells.networks has one network"),
        ("mobility: {failure: 101%}", "mobility.failure: \"101%\" is not a percentage"),
        ("mobility: {refuse: 1}", "mobility.refuse: 1 could be one percent or all"),
        ("mobility: {interruption: 20}", "mobility.interruption: \"20\" is not a duration"),
        ("cells: {nodes: 1}", "load[2].procedure: a handover needs 2 base stations: cells.nodes is 1"),
        ("sim-swap: esim", "sim-swap: unknown value \"esim\" (accepted: new-keys, other-identity)"),
    ]);
}

#[test]
fn agreements_between_networks() {
    let roaming = |fields: &str| {
        format!(
            "cells: {{networks: [{{plmn: 001/01, nodes: 2}}, {{plmn: 262/01, nodes: 2}}]}}\nnetwork: {{roaming: [{fields}]}}"
        )
    };
    for (fields, part) in [
        (
            "{visited: 208/01}",
            "network.roaming[0].visited: no cell is of 208/01 (networks of the cells: 001/01, 262/01)",
        ),
        ("{visited: 001/01}", "network.roaming[0].visited: 001/01 is home to every subscriber"),
        ("{visited: 262/01}, {visited: 262/01}", "network.roaming[1].visited: 262/01 is in the list twice"),
        ("{visited: 262/01, breakout: remote}", "network.roaming[0].breakout: unknown value \"remote\""),
        (
            "{visited: 262/01, dnns: {internet: a b}}",
            "network.roaming[0].dnns.internet: \"a b\" is not a data network name",
        ),
        ("{visited: 262/01, dnns: [internet]}", "network.roaming[0].dnns: found a list"),
        (
            "{visited: 262/01, dnns: {ims: x}, refused-dnns: [ims]}",
            "refused-dnns[0]: ims is given another name in dnns",
        ),
        ("{visited: 262/01, refused-dnns: [ims, ims]}", "refused-dnns[1]: ims is in the list twice"),
        ("{breakout: local}", "network.roaming[0]: the field \"visited\" is missing"),
    ] {
        assert_errors(&[(roaming(fields).as_str(), part)]);
    }
    assert_errors(&[
        (
            "network: {policy: {timeout: 60%, refuse: 50%}}",
            "network.policy: a request is either refused or not answered",
        ),
        ("network: {nr: {handover: {refuse: 2}}}", "network.nr.handover.refuse: \"2\" is not a percentage"),
        ("network: {nr: {handover: {reject: 2%}}}", "network.nr.handover.reject: unknown field \"reject\""),
        (
            "network: {equivalent-plmns: maybe}",
            "network.equivalent-plmns: found \"maybe\", expected true or false",
        ),
    ]);
}

#[test]
fn impairments_have_one_kind_that_does_something() {
    for (fields, part) in [
        ("at: 1s", "an impairment has exactly one of signal-loss, rrc-oscillation"),
        ("throttle: {factor: 5%}, signal-loss: {share: 5%}", "found signal-loss and throttle"),
        ("signal-loss: {share: 0%}", "[0].signal-loss.share: 0% of the UEs are none"),
        ("signal-loss: 5%", "[0].signal-loss: found \"5%\", expected a mapping such as {share: 20%}"),
        ("signal-loss: {}", "[0].signal-loss: the field \"share\" is missing"),
        (
            "rrc-oscillation: {share: 5%, period: 1ms}",
            "[0].rrc-oscillation.period: 1ms is too short: at least 10ms",
        ),
        ("signalling-storm: {share: 5%, period: 0s}", "[0].signalling-storm.period: 0s is too short"),
        ("congestion: {capacity: 0}", "[0].congestion.capacity: 0 connections let nobody in"),
        ("throttle: {factor: 120%}", "[0].throttle.factor: \"120%\" is not a percentage"),
        ("interference: {}", "[0].interference: this changes nothing"),
        ("interference: {loss: 0%, latency: 0s}", "[0].interference: this changes nothing"),
        ("throttle: {factor: 5%}, cells: 0%", "[0].cells: 0% of the cells are none"),
        ("throttle: {factor: 5%}, every: 1s", "[0].every: every 1s begins again before 1s are over"),
        ("sunspots: {share: 5%}", "[0].sunspots: unknown field \"sunspots\""),
    ] {
        let sections = format!("conditions: {{impairments: [{{for: 1s, {fields}}}]}}");
        assert_errors(&[(sections.as_str(), part)]);
    }
    assert_errors(&[
        (
            "conditions: {impairments: [{throttle: {factor: 5%}, for: 0s}]}",
            "conditions.impairments[0].for: 0s is no time",
        ),
        (
            "conditions: {impairments: [{throttle: {factor: 5%}, for: 1ns, every: 100us}]}",
            "conditions.impairments[0].every: this makes the impairments begin more than 100000 times in the run",
        ),
    ]);
}

#[test]
fn a_broken_safety_budget_is_refused_with_the_window_that_breaks_it() {
    let long_run = "drain: 2h\n";
    assert_eq!(
        error_with(
            &(long_run.to_owned()
                + "conditions:\n  impairments:\n    - {name: storm, throttle: {factor: 5%}, for: 4m}\n    \
               - {name: noise, interference: {loss: 1%}, at: 10m, for: 5m, every: 25m}\n")
        ),
        "bad.yaml:15:7: conditions.impairments[1]: \"noise\" from 35m to 40m brings the hour before its end to 14m of \
         impairment: at most 10m in any hour are allowed, unless conditions.override says by whom and why"
    );
    assert_eq!(
        error_with(
            "conditions:\n  maintenance: [{at: 5s, for: 5s}]\n  impairments:\n    - {throttle: {factor: 5%}, at: 9s, for: 3s}"
        ),
        "bad.yaml:14:7: conditions.impairments[0]: \"throttle\" is active from 9s to 12s, within the maintenance window \
         from 5s to 10s: nothing may be impaired then, unless conditions.override says by whom and why"
    );
    let permitted = "conditions:\n  maintenance: [{at: 5s, for: 5s}]\n  override: {by: night shift, reason: acceptance}\n  \
                     impairments:\n    - {throttle: {factor: 5%}, at: 9s, for: 3s}";
    let scenario = Scenario::from_yaml(&with(permitted), "good.yaml").unwrap();
    assert_eq!(scenario.conditions.override_.unwrap().by, "night shift");
    assert_errors(&[
        ("conditions: {override: {by: me}}", "conditions.override: the field \"reason\" is missing"),
        (
            "conditions: {override: {by: \" \", reason: x}}",
            "conditions.override.by: an empty text does not say it",
        ),
        ("conditions: {maintenance: [{at: 1s, for: 0s}]}", "conditions.maintenance[0].for: 0s is no time"),
    ]);
}

#[test]
fn charging() {
    assert_errors(&[
        (
            "charging: {tariff: roming}",
            "charging.tariff: unknown tariff \"roming\"; did you mean \"roaming\"?",
        ),
        ("charging: {tariff: prices.yaml}", "charging.tariff: unknown tariff \"prices.yaml\""),
        ("charging: {tariff: 5}", "charging.tariff: unknown tariff \"5\""),
        (
            "charging: {tariff: [5]}",
            "charging.tariff: found a list, expected the name of a tariff, a file, or a mapping",
        ),
        ("charging: {quota: 0B}", "charging.quota: 0B grant nothing"),
        ("charging: {quota: -1MB}", "charging.quota: \"-1MB\" is not a volume"),
        (
            "charging: {faults: {lost: 60%, late: 50%}}",
            "charging.faults: a session suffers at most one fault",
        ),
        ("charging: {faults: {lost: 1.001}}", "charging.faults.lost: \"1.001\" is not a percentage"),
        (
            "charging: {faults: {lots: 1%}}",
            "charging.faults.lots: unknown field \"lots\"; did you mean \"lost\"?",
        ),
    ]);
}

#[test]
fn tariffs() {
    let tariff = |rates: &str| format!("charging: {{tariff: {{name: t, currency: EUR, rates: [{rates}]}}}}");
    for (rates, part) in [
        ("", "charging.tariff: rates: at least one is needed"),
        ("{name: a, per: 0B, price: 1}", "charging.tariff.rates[0]: per: 0B is no unit"),
        ("{name: a, per: 1parsec, price: 1}", "charging.tariff.rates[0].per: \"1parsec\" is not a unit"),
        ("{name: a, per: 1MB, price: -1}", "charging.tariff.rates[0]: price: -1.000000 is negative"),
        (
            "{name: a, per: 1MB, price: 0.0000001}",
            "charging.tariff.rates[0].price: \"0.0000001\" is not an amount",
        ),
        ("{name: a, per: 1MB}", "charging.tariff.rates[0]: the field \"price\" is missing"),
        (
            "{name: a, per: 1MB, price: 1, hours: 8-20}",
            "charging.tariff.rates[0].hours: \"8-20\" are no hours",
        ),
        (
            "{name: a, per: 1MB, price: 1, dnn: internet}, {name: b, per: 1MB, price: 2, dnn: internet}",
            "charging.tariff.rates[1]: it overlaps \"a\"",
        ),
        (
            "{name: a, per: 1MB, price: 1, dnn: ims}",
            "charging.tariff: tariff \"t\" has no rate for internet in 001/01, which its own subscribers can use",
        ),
        (
            "{name: a, per: 1MB, price: 1, serving: 262/01}",
            "charging.tariff: tariff \"t\" has no rate for internet in 001/01",
        ),
        (
            "{name: a, per: 1MB, price: 1, scope: roaming}",
            "charging.tariff: tariff \"t\" has no rate for internet in 001/01",
        ),
        (
            "{name: a, per: 1MB, price: 1, hours: \"08:00-20:00\"}",
            "charging.tariff: tariff \"t\" has no rate at 00:00 for internet in 001/01",
        ),
    ] {
        assert_errors(&[(tariff(rates).as_str(), part)]);
    }
}

#[test]
fn a_price_is_missing_for_a_dnn_that_only_the_visited_network_gives() {
    let sections = |rates: &str, breakout: &str| {
        format!(
            "cells: {{networks: [{{plmn: 001/01, nodes: 2}}, {{plmn: 262/01, nodes: 2}}]}}\n\
             network: {{roaming: [{{visited: 262/01, breakout: {breakout}, dnns: {{internet: internet.visited}}}}]}}\n\
             charging: {{tariff: {{name: t, currency: EUR, rates: [{rates}]}}}}"
        )
    };
    let home = "{name: home, per: 1MB, price: 1, scope: home, dnn: internet}";
    let asked = "{name: asked, per: 1MB, price: 1, scope: roaming, dnn: internet}";
    let given = "{name: given, per: 1MB, price: 1, scope: roaming, dnn: internet.visited}";
    let error = error_with(&sections(&format!("{home}, {asked}"), "local"));
    assert!(
        error.contains("no rate for internet.visited in 262/01, which roaming subscribers of 001/01 can use"),
        "{error}"
    );
    Scenario::from_yaml(&with(&sections(&format!("{home}, {given}"), "local")), "good.yaml")
        .unwrap_or_else(|error| panic!("{error}"));
    // Home-routed, a session crosses the border under the name that it has.
    let error = error_with(&sections(&format!("{home}, {given}"), "home-routed"));
    assert!(error.contains("no rate for internet.visited in 001/01"), "{error}");
}

#[test]
fn a_tariff_file_beside_the_scenario_is_read_and_its_mistakes_are_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.yaml");
    let prices = folder.path().join("prices.yaml");
    std::fs::write(&scenario, with("charging: {tariff: prices.yaml}")).unwrap();
    let load = |sets: &[(String, String)]| Scenario::load(scenario.to_str().unwrap(), sets);
    let error = load(&[]).unwrap_err().to_string();
    assert!(error.contains("charging.tariff: the tariff ") && error.contains("cannot be read"), "{error}");
    std::fs::write(&prices, "name: mine\ncurrency: EUR\nrates:\n  - {name: a, per: 1MB, price: -1}\n")
        .unwrap();
    let error = load(&[]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}:4:5: rates[0]: price: ", prices.display())), "{error}");
    std::fs::write(&prices, "name: mine\ncurrency: EUR\nrates:\n  - {name: a, per: 1MB, price: 1}\n")
        .unwrap();
    let read = load(&[]).unwrap();
    assert_eq!(read.charging.tariff.name, "mine");
    assert_eq!(
        Scenario::from_yaml(&read.to_yaml(), "resolved.yaml").unwrap(),
        read,
        "the tariff travels along"
    );
    let outside = ("charging.tariff".to_owned(), "../prices.yaml".to_owned());
    let error = load(&[outside]).unwrap_err().to_string();
    assert!(error.contains("is not beside the scenario"), "{error}");
}

#[test]
fn faults_can_be_set_as_fractions() {
    let set = ("charging.faults.lost".to_owned(), "0.001".to_owned());
    assert_eq!(Scenario::load("campaign-10k", &[set]).unwrap().charging.faults.lost, 0.001);
}

#[test]
fn loads_that_never_start_are_warned_of() {
    let sessionless = GOOD.replace("  - {procedure: pdu-session, phases: [{rate: 1/s, for: 10s}]}\n", "");
    for (text, part) in [
        (sessionless.as_str(), "so hardly an attempt of handover-n2 can start"),
        (sessionless.as_str(), "sessions are described, but no load establishes them"),
        (
            &sessionless.replace("handover-n2", "pdu-session-release"),
            "no load establishes PDU sessions, so no attempt of pdu-session-release can start",
        ),
        (
            &with("slos: [billing.unreconciled == 0]")
                .replace("procedure: pdu-session", "procedure: service-request"),
            "nothing is charged and billing.unreconciled is 0",
        ),
        (&GOOD.replace("rate: 1/s", "rate: 9/s"), "90 PDU sessions are planned for 10 subscribers"),
        (
            &with("conditions: {impairments: [{throttle: {factor: 5%}, at: 10s, for: 1s}]}"),
            "the impairment \"throttle\" begins when the loads are over, after 10s",
        ),
        (
            &with(
                "cells: {networks: [{plmn: 001/01, nodes: 2}, {plmn: 262/01, nodes: 2}]}\n\
                 network: {roaming: [{visited: 262/01, refused-dnns: [imms]}]}",
            ),
            "the agreement with 262/01 names imms, which no session asks for",
        ),
    ] {
        let warnings = Scenario::from_yaml(text, "odd.yaml").unwrap().warnings();
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part}: {warnings:?}");
    }
    let good = Scenario::from_yaml(GOOD, "good.yaml").unwrap();
    assert_eq!(good.warnings(), Vec::<String>::new());
}

const GOOD: &str = r#"name: good
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 10, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA"}
load:
  - {procedure: registration, phases: [{rate: 1/s, for: 10s}]}
  - {procedure: pdu-session, phases: [{rate: 1/s, for: 10s}]}
  - {procedure: handover-n2, phases: [{rate: 1/s, for: 10s}]}
cells: {nodes: 2}
sessions: [{dnn: internet}]
slos: [registration.success >= 99%]
"#;
