//! Every mistake gets a text that says where it is, what was found, and what would be accepted.

mod good;

use good::{GOOD, changed};
use scenarios::{Scenario, ScenarioError};

/// A scenario with one thing in it replaced.
fn error_after(replace: &str, with: &str) -> String {
    let text = changed(replace, with);
    Scenario::from_yaml(&text, "bad.yaml").expect_err(&text).to_string()
}

fn assert_error(replace: &str, with: &str, expected: &str) {
    assert_eq!(error_after(replace, with), expected, "after {with:?}");
}

#[test]
fn good_scenario_is_good() {
    Scenario::from_yaml(GOOD, "good.yaml").unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn unknown_fields_are_located_and_near_ones_suggested() {
    assert_error(
        "subscribers:",
        "subscriber:",
        "bad.yaml:2:1: subscriber: unknown field \"subscriber\"; did you mean \"subscribers\"? (accepted here: name, \
         description, seed, subscribers, cells, nas, radio, sessions, mobility, sim-swap, conditions, load, search, slos, \
         guardrails, expect, agents, generator, network, charging, drain)",
    );
    assert_error(
        "nodes: 2",
        "node: 2",
        "bad.yaml:8:9: cells.node: unknown field \"node\"; did you mean \"nodes\"? (accepted here: technology, nodes, cells-per-node, \
         plmn, tacs, networks, slices, first-node-id, groups, inactivity, overload)",
    );
    assert_error(
        "rate: 10/s, for",
        "rate: 10/s, until",
        "bad.yaml:14:22: load[0].phases[0].until: unknown field \"until\" (accepted here: name, rate, ramp, steps, \
         spike, hold, for, stretch)",
    );
    assert_error(
        "k: {derived-from:",
        "k: {derived:",
        "bad.yaml:6:9: subscribers[0].k.derived: unknown field \"derived\" (accepted here: derived-from)",
    );
}

#[test]
fn missing_fields_are_named() {
    assert_error("name: good\n", "", "bad.yaml:1:1: the field \"name\" is missing");
    assert_error("    count: 10\n", "", "bad.yaml:3:5: subscribers[0]: the field \"count\" is missing");
    assert_error(
        ", for: 10s",
        "",
        "bad.yaml:14:9: load[0].phases[0]: the field \"for\" is missing: how long the rate lasts, such as 10s",
    );
}

#[test]
fn wrong_types_say_what_is_expected() {
    assert_error(
        "nodes: 2",
        "nodes: two",
        "bad.yaml:8:16: cells.nodes: found \"two\", expected a whole number from 0 to 4294967295",
    );
    assert_error(
        "nodes: 2",
        "nodes: -2",
        "bad.yaml:8:16: cells.nodes: found -2, expected a whole number from 0 to 4294967295",
    );
    assert_error(
        "cells: {nodes: 2}",
        "cells: 2",
        "bad.yaml:8:8: cells: found 2, expected a mapping such as {nodes: 10}",
    );
    assert_error(
        "slos:\n  - registration.success >= 99%",
        "slos: 99%",
        "bad.yaml:16:7: slos: found \"99%\", expected a list",
    );
    assert_error(
        "radio: urban",
        "radio: [urban]",
        "bad.yaml:9:8: radio: found a list, expected the name of a radio profile, or a mapping such as {latency: 8ms, loss: 0.1%}",
    );
    assert_error(
        "cells: {nodes: 2}",
        "cells:",
        "bad.yaml:8:6: cells: found nothing, expected a mapping such as {nodes: 10}",
    );
}

#[test]
fn unknown_names_list_the_known_ones() {
    assert_error(
        "radio: urban",
        "radio: urbane",
        "bad.yaml:9:8: radio: unknown radio profile \"urbane\"; did you mean \"urban\"? (known: ideal, urban, rural)",
    );
    assert_error(
        "procedure: registration",
        "procedure: registraton",
        "bad.yaml:11:16: load[0].procedure: unknown value \"registraton\"; did you mean \"registration\"? (accepted: \
         registration, deregistration, service-request, mobility-registration-update, periodic-registration-update, \
         pdu-session, pdu-session-modification, pdu-session-release, handover-n2, handover-xn, ue-context-release, \
         sim-swap)",
    );
    assert_error(
        "arrivals: uniform",
        "arrivals: random",
        "bad.yaml:12:15: load[0].arrivals: unknown value \"random\" (accepted: poisson, uniform)",
    );
}

#[test]
fn impossible_rates_are_refused() {
    for rate in ["-5/s", "NaN/s", ".nan/s", "1000001/s", "inf/s"] {
        let error = error_after("10/s", rate);
        let place = "bad.yaml:14:16: load[0].phases[0].rate: ";
        assert!(error.starts_with(place), "{error}");
        assert!(error.contains("rate"), "{error}");
    }
    assert_error(
        "10/s",
        "2000000/s",
        "bad.yaml:14:16: load[0].phases[0].rate: \"2000000/s\" is an impossible rate: above 0/s and at most 1000000/s are accepted",
    );
    assert_error(
        "10/s",
        "0/s",
        "bad.yaml:14:16: load[0].phases[0].rate: 0/s is an impossible rate here: above 0/s and at most 1000000/s are \
         accepted (without arrivals: {hold: 5s})",
    );
    assert_error(
        "10/s",
        "10",
        "bad.yaml:14:16: load[0].phases[0].rate: \"10\" is not a rate: a number and /s, /min or /h, such as 1000/s or 120/min",
    );
}

#[test]
fn imsi_ranges_must_fit_their_plmn() {
    assert_error(
        "imsi: \"001010000000001\"",
        "imsi: \"001020000000001\"",
        "bad.yaml:4:11: subscribers[0].imsi: 001020000000001 does not begin with its PLMN 001/01: an IMSI such as 00101… is accepted",
    );
    assert_error(
        "count: 10",
        "count: 0",
        "bad.yaml:5:12: subscribers[0].count: 0 subscribers are none: at least 1 is accepted",
    );
    assert_error(
        "imsi: \"001010000000001\"\n    count: 10",
        "imsi: \"001019999999999\"\n    count: 10",
        "bad.yaml:5:12: subscribers[0].count: the 10 digits after the PLMN do not suffice for 10 IMSIs from \
         001019999999999 on: at most 1 are accepted",
    );
    assert_error(
        "imsi: \"001010000000001\"",
        "imsi: 12x",
        "bad.yaml:4:11: subscribers[0].imsi: \"12x\" is not an IMSI of 6 to 15 digits, such as \"001010000000001\"",
    );
    assert_error(
        "imsi: \"001010000000001\"",
        "imsi: \"00101\"",
        "bad.yaml:4:11: subscribers[0].imsi: \"00101\" is not an IMSI of 6 to 15 digits, such as \"001010000000001\"",
    );
}

#[test]
fn unquoted_imsi_keeps_its_zeros() {
    let text = GOOD.replace("\"001010000000001\"", "001010000000001");
    let scenario = Scenario::from_yaml(&text, "x.yaml").unwrap();
    assert_eq!(scenario.subscribers[0].first_imsi.to_string(), "001010000000001");
}

#[test]
fn overlapping_imsi_ranges_name_both_groups() {
    let group = |imsi: &str, count: u64| {
        format!(
            "  - {{plmn: 001/01, imsi: \"{imsi}\", count: {count}, k: 465B5CE8B199B49FAA5F0A2EE238A6BC, opc: \
             E8ED289DEBA952E4283B54E88E6183CA}}\n"
        )
    };
    let other = group("001010000000011", 5) + &group("001010000000009", 2);
    let error = error_after("cells:", &format!("{other}cells:"));
    assert_eq!(
        error,
        "bad.yaml:9:26: subscribers[2].imsi: the IMSIs of subscribers[2] (001010000000009 to 001010000000010) overlap \
         those of subscribers[0] (001010000000001 to 001010000000010): every IMSI must be in one group only"
    );
}

#[test]
fn keys_and_schemes_have_their_lengths() {
    assert_error(
        "opc: \"E8ED289DEBA952E4283B54E88E6183CA\"",
        "opc: \"E8\"",
        "bad.yaml:7:10: subscribers[0].opc: \"E8\" is not a key of 32 hexadecimal digits",
    );
    // OP is no typing error of OPc: one in the place of the other would fail every MAC.
    let both = "op: \"CDC202D5123E20F62B6D676AC72CB318\"\n    opc: \"E8ED289DEBA952E4283B54E88E6183CA\"";
    assert_error(
        "opc: \"E8ED289DEBA952E4283B54E88E6183CA\"",
        both,
        "bad.yaml:7:9: subscribers[0].op: there is an opc too: one of them is accepted, for OPc follows from OP and K \
         (TS 35.206 §2.3)",
    );
    assert_error(
        "    opc: \"E8ED289DEBA952E4283B54E88E6183CA\"\n",
        "",
        "bad.yaml:3:5: subscribers[0]: missing field \"opc\" or \"op\": OPc, or the OP that it follows from (TS 35.206 \
         §2.3)",
    );
    assert_error(
        "    count: 10\n",
        "    count: 10\n    refused: roaming\n",
        "bad.yaml:6:14: subscribers[0].refused: unknown value \"roaming\" (accepted: user-not-found, \
         serving-network-not-authorized, no-subscription, roaming-not-allowed, roaming-not-allowed-in-area, \
         roaming-not-allowed-in-cells, access-not-allowed, rat-not-allowed, barred, dnn-not-allowed, \
         session-roaming-not-allowed, session-user-not-found)",
    );
    assert_error(
        "{derived-from: \"465B5CE8B199B49FAA5F0A2EE238A6BC\"}",
        "[1]",
        "bad.yaml:6:8: subscribers[0].k: found a list, expected a key of 32 hexadecimal digits, or {derived-from: a master key}",
    );
    let suci = |text: &str| error_after("cells:", &format!("    suci: {text}\ncells:"));
    assert_eq!(
        suci("{profile-a: {key-id: 1, public-key: \"00ff\"}}"),
        "bad.yaml:8:47: subscribers[0].suci.profile-a.public-key: found 2 octets, expected a Curve25519 key of 32 \
         octets (64 hexadecimal digits)"
    );
    assert_eq!(
        suci("profile-c"),
        "bad.yaml:8:11: subscribers[0].suci: unknown value \"profile-c\"; did you mean \"profile-a\"? (accepted: \
         null-scheme, profile-a, profile-b)"
    );
    assert_eq!(
        suci("profile-a"),
        "bad.yaml:8:11: subscribers[0].suci: \"profile-a\" must be a mapping with its fields"
    );
    assert!(
        suci("{profile-b: {key-id: 300, public-key: \"02\"}}")
            .contains("found 300, expected a whole number from 0 to 255")
    );
}

#[test]
fn conditions_must_be_measurable() {
    assert_error(
        "registration.success >= 99%",
        "service-request.success >= 99%",
        "bad.yaml:17:5: slos[0]: no load starts service-request, so service-request.success never has a value \
         (started: registration)",
    );
    assert_error(
        "registration.success >= 99%",
        "registration.success >= 101%",
        "bad.yaml:17:5: slos[0]: \"101%\" is not a percentage from 0% to 100%, such as 0.5%, or a fraction such as \
         0.005",
    );
    assert_error(
        "abort-when: registration.success < 50%",
        "abort-when: deregistration.success < 50%",
        "bad.yaml:19:18: guardrails[0].abort-when: no load starts deregistration, so deregistration.success never \
         has a value (started: registration)",
    );
}

#[test]
fn phases_have_one_shape() {
    let phase = "{rate: 10/s, for: 10s}";
    for (with, part) in [
        ("{for: 10s}", "a phase has exactly one of rate, ramp, steps, spike and hold, found none"),
        (
            "{rate: 1/s, hold: 1s}",
            "a phase has exactly one of rate, ramp, steps, spike and hold, found rate and hold",
        ),
        ("{rate: 1/s, for: 0s}", "phases[0].for: 0s is no time"),
        ("{hold: 1s, for: 1s}", "phases[0].for: \"for\" does not go with hold"),
        ("{steps: {from: 1/s, to: 2/s, by: 0/s, each: 1s}}", "steps.by: 0/s is an impossible rate here"),
        (
            "{steps: {from: 1/s, to: 100000/s, by: 1/s, each: 1s}}",
            "steps.by: more than 10000 steps: take a ramp",
        ),
        ("{ramp: {from: 0/s, to: 0/s}, for: 1s}", "phases[0].ramp: 0/s is an impossible rate here"),
        (
            "{spike: {base: 1/s, peak: 9/s, after: 5s, lasts: 6s}, for: 10s}",
            "the peak does not fit into the phase",
        ),
        ("{rate: 1/s, for: 9000h}", "\"9000h\" is too long: at most 366 days (8784h) are accepted"),
        ("{rate: 0.01/s, for: 1s}", "load[0].phases: the phases plan no attempt at all"),
        ("{hold: 10s}", "load[0].phases: the phases plan no attempt at all"),
    ] {
        let error = error_after(phase, with);
        assert!(error.starts_with("bad.yaml:1") && error.contains(part), "{with}: {error}");
    }
}

#[test]
fn limits_of_the_network_are_checked() {
    for (replace, with, part) in [
        ("nodes: 2", "nodes: 0", "cells.nodes: 0 nodes: 1 to 100000 are accepted"),
        ("nodes: 2", "nodes: 2, tacs: []", "cells.tacs: the list is empty, expected at least one TAC"),
        ("nodes: 2", "nodes: 2, tacs: [16777214]", "cells.tacs[0]: 16777214 is not a tracking area code"),
        ("nodes: 2", "nodes: 2, slices: [1, x]", "cells.slices[1]: \"x\" is not a slice such as"),
        ("nodes: 2", "nodes: 2, first-node-id: 4194303", "exceed 22 bits: at most 4194303 is accepted"),
        ("nodes: 2", "nodes: 2, overload: perhaps", "cells.overload: "),
        ("nodes: 2", "nodes: 2, inactivity: 0s", "cells.inactivity: 0s would release every UE at once"),
        ("radio: urban", "radio: {loss: 150%}", "radio.loss: \"150%\" is not a percentage from 0% to 100%"),
        (
            "radio: urban",
            "radio: {loss: 1}",
            "radio.loss: 1 could be one percent or all: 1% and 100% are accepted",
        ),
        ("radio: urban", "radio: {capacity: 0}", "radio.capacity: 0 connections let nobody in"),
        (
            "radio: urban",
            "nas: {nr: {ciphering: [4]}}",
            "nas.nr.ciphering[0]: 4 is not an algorithm: 0 to 3 are accepted",
        ),
        ("radio: urban", "nas: {nr: {integrity: [2, 2]}}", "nas.nr.integrity[1]: NIA2 is in the list twice"),
        ("radio: urban", "nas: {nr: {integrity: []}}", "nas.nr.integrity: the list is empty"),
        ("radio: urban", "network: {freezes: [{at: 1s, for: 0s}]}", "network.freezes[0].for: 0s is no time"),
        ("name: good", "name: a/b", "name: a name is 1 to 64 letters"),
    ] {
        let error = error_after(replace, with);
        assert!(error.contains(part), "{with}: {error}");
    }
}

#[test]
fn broken_yaml_is_located() {
    let error = error_after("cells: {nodes: 2}", "cells: {nodes: 2");
    assert!(error.starts_with("bad.yaml:"), "{error}");
    let error = error_after("name: good", "name: good\nname: better");
    assert!(error.starts_with("bad.yaml:2:1: ") && error.contains("name"), "{error}");
    let error = Scenario::from_yaml("", "empty.yaml").unwrap_err().to_string();
    assert_eq!(error, "empty.yaml:1:1: found nothing, expected a mapping with name, subscribers and load");
}

#[test]
fn too_much_text_is_refused() {
    let text = "#".repeat(4 * 1024 * 1024 + 1);
    let error = Scenario::from_yaml(&text, "big.yaml").unwrap_err();
    assert!(matches!(error, ScenarioError::TooLarge { .. }));
    assert_eq!(
        error.to_string(),
        "big.yaml: 4194305 octets are too many for a scenario: at most 4194304 (4 MiB) are accepted"
    );
}

#[test]
fn alias_bomb_is_refused_quickly() {
    let mut text = "name: bomb\nsubscribers: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
    for level in 1..20 {
        text += &format!("x{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    assert!(Scenario::from_yaml(&text, "bomb.yaml").unwrap_err().to_string().starts_with("bomb.yaml:"));
}

#[test]
fn unknown_scenarios_list_the_catalogue() {
    let error = Scenario::load("atach-10k", &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "atach-10k: no such scenario file, and no scenario of the catalogue has this name; did you mean \
         \"attach-10k\"? (catalogue: smoke, attach-10k, campaign-10k, urban-macro, rural-macro, cross-border, \
         congestion-storm, billing-retry, multi-operator-handover, sim-swap, signalling-storm, degraded-policy, \
         rrc-oscillation, capacity)"
    );
    let directory = Scenario::load(".", &[]).unwrap_err().to_string();
    assert!(directory.starts_with(".: cannot be read: "), "{directory}");
}

#[test]
fn overrides_change_the_scenario_and_errors_name_them() {
    let set = |path: &str, value: &str| Scenario::load("smoke", &[(path.to_owned(), value.to_owned())]);
    let scenario = set("load.0.phases.0.rate", "200/s").unwrap();
    assert_eq!(scenario.load[0].planned(), 200);
    assert_eq!(set("subscribers[0].count", "7").unwrap().subscriber_count(), 7);
    assert_eq!(set("network.processing-delay", "2ms").unwrap().network.processing_delay.as_millis(), 2);
    for (path, value, expected) in [
        (
            "load.0.phases.0.rate",
            "fast",
            "--set load.0.phases.0.rate=fast: load[0].phases[0].rate: \"fast\" is not a rate: a number and /s, /min \
             or /h, such as 1000/s or 120/min",
        ),
        (
            "cells.node",
            "1",
            "--set cells.node=1: cells.node: unknown field \"node\"; did you mean \"nodes\"? (accepted here: technology, nodes, \
             cells-per-node, plmn, tacs, networks, slices, first-node-id, groups, inactivity, overload)",
        ),
        ("load.7.procedure", "x", "--set load.7.procedure=x: load has 4 items: 0 to 4 are accepted, not 7"),
        ("cells.nodes", "0", "--set cells.nodes=0: cells.nodes: 0 nodes: 1 to 100000 are accepted"),
    ] {
        assert_eq!(set(path, value).unwrap_err().to_string(), expected);
    }
}

#[test]
fn surplus_registrations_are_a_warning_only() {
    let scenario = Scenario::load("smoke", &[("subscribers.0.count".to_owned(), "10".to_owned())]).unwrap();
    let warnings = scenario.warnings();
    assert!(warnings[0].contains("plans 100 attempts for 10 subscribers"), "{warnings:?}");
}

#[test]
fn errors_speak_of_the_scenario_not_of_the_library() {
    let smoke = scenarios::catalogue().iter().find(|entry| entry.name == "smoke").unwrap().yaml;
    for (text, expected) in [
        (format!("{smoke}\n---\nname: another\n"), "several YAML documents"),
        (format!("{smoke}\nname: twice\n"), "`name` is there twice"),
        ("[1, 2, 3]".to_owned(), "found a list, expected a mapping"),
        (format!("{smoke}\nnetwork: [1]\n"), "found a list"),
        ("a: &a [*a]".to_owned(), "an alias stands for a value that it is itself a part of"),
        ("[".repeat(40_000), "nested deeper"),
    ] {
        let error = Scenario::from_yaml(&text, "s.yaml").unwrap_err().to_string();
        assert!(error.starts_with("s.yaml:") && error.contains(expected), "{expected}: {error}");
        for talk in ["budget", "DuplicateKeyPolicy", "Options", "untagged", "invalid length", "recursion"] {
            assert!(!error.contains(talk), "{talk}: {error}");
        }
    }
}

#[test]
fn who_serves_a_network_needs_no_load_and_who_runs_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("served.yaml");
    let load = GOOD.find("load:").unwrap();
    let served = GOOD[..load].to_owned() + "slos: [registration.success >= 99%, pdu-session.success >= 1%]\n";
    std::fs::write(&path, served).unwrap();
    let path = path.to_str().unwrap();
    let scenario = Scenario::load_network(path, &[]).unwrap();
    assert_eq!((scenario.slos.len(), scenario.guardrails.len()), (0, 0));
    assert_eq!(scenario.network_warnings(), [""; 0]);
    let error = Scenario::load(path, &[]).unwrap_err().to_string();
    assert!(error.contains("load"), "{error}");
}

#[test]
fn lateness_that_nobody_could_judge_by_is_refused() {
    let with = |generator: &str| format!("drain: 1s\ngenerator: {generator}\n");
    for (generator, message) in [
        ("{late: 2s}", "generator.late: from 100us to 1s is expected"),
        ("{late: 10us}", "generator.late: from 100us to 1s is expected"),
        ("{late: 25}", "generator.late: "),
        ("{share: 60%}", "generator.share: at most 50% is expected"),
        ("{share: 2}", "generator.share: "),
        ("{late: 25ms, shares: 2%}", "did you mean \"share\"?"),
        ("25ms", "generator: "),
    ] {
        let error = Scenario::from_yaml(&format!("{GOOD}\n{}", with(generator)), "bad.yaml").unwrap_err();
        assert!(error.to_string().contains(message), "{generator}: {error}");
    }
    let text = format!("{GOOD}\n{}", with("{late: 25ms, share: 2%}"));
    let scenario = Scenario::from_yaml(&text, "good.yaml").unwrap();
    assert_eq!(scenario.generator.late, std::time::Duration::from_millis(25));
    assert!((scenario.generator.share - 0.02).abs() < 1e-12);
}
