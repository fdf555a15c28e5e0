//! The JSON Schema takes all that the program takes, and refuses what the program refuses, where a schema can tell.

mod good;

use good::{GOOD, changed};
use jsonschema::Validator;
use scenarios::{Scenario, catalogue, json_schema};

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema()).expect("the schema is one itself")
}

/// As an editor sees a file.
fn as_json(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn told(validator: &Validator, text: &str) -> Vec<String> {
    validator.iter_errors(&as_json(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let validator = validator();
    for (replace, with) in [
        ("name: good", "name: good"),
        ("cells: {nodes: 2}", "cells: {gnbs: 2}"),
        ("cells: {nodes: 2}", "cells: {nodes: 2, cells_per_node: 3, first-gnb-id: 5}"),
        (
            "cells: {nodes: 2}",
            "cells: {networks: [{plmn: 001/01, gnbs: 2}, {plmn: 262/01, technology: nr, nodes: 2}]}",
        ),
        ("radio: urban", "radio: {extend: urban, loss: 2%}"),
        ("radio: urban", "radio: {latency: 1.5ms, loss: 0.005}"),
        ("radio: urban", "nas: {retry: as-specified, ciphering: [0]}"),
        ("radio: urban", "nas: {nr: {retry: as-specified, t3512: 10min}}"),
        ("radio: urban", "network: {congestion: {max_registrations_per_s: 5}, t3512: 1h30m}"),
        ("radio: urban", "network: {processing_delay: 1ms, nr: {congestion: {max-registrations-per-s: 5}}}"),
        ("radio: urban", "sessions: [{dnn: internet, uplink: {rate: 1kbit/s, burst: {on: 1s, off: 1s}}}]"),
        (
            "radio: urban",
            "sessions: [{dnn: internet, traffic: web, downlink: {burst: {active: 1s, idle: 1s}}}]",
        ),
        ("{rate: 10/s, for: 10s}", "{rate: 600/min, for: 10s, stretch: true}"),
        ("arrivals: uniform", "repeat: {every: 10m, until: 8h}"),
        ("arrivals: uniform", "repeat: {every: 1h, times: 3}"),
        ("arrivals: uniform", "starts_after: 1s"),
        ("- registration.success >= 99%", "- {metric: registration.success, at-least: 99%}"),
        (
            "- registration.success >= 99%",
            "- {metric: registration.all.latency.p99.9, below: 300ms, during: 1s..8s}",
        ),
        ("- registration.success >= 99%", "- {metric: registration.rate, at_least: 120/min}"),
        ("- registration.success >= 99%", "- {metric: registration.success, above: 0.995}"),
        ("- registration.success >= 99%", "- {that: registration.success >= 99%, network: 001/01}"),
        ("- registration.success >= 99%", "- registration.latency.p50 < 1m30s"),
        ("{abort-when: registration.success < 50%}", "{abort_when: registration.success < 50%, for: 2s}"),
        (
            "{abort-when: registration.success < 50%}",
            "{abort-when: {metric: registration.timeout, above: 5%}}",
        ),
        ("slos:\n  - registration.success >= 99%\n", "slos: []\n"),
    ] {
        let text = changed(replace, with);
        Scenario::from_yaml(&text, "taken.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(told(&validator, &text), [""; 0], "{text}");
    }
    let search = "search: {find: registration.rate, while: registration.success > 99% and registration.latency.p99 < 1s}";
    for search in [
        search,
        &search.replace("search:", "load:"),
        "search: {find: registration.rate, while: [registration.success > 99%, {metric: registration.rate, above: 1/s}]}",
    ] {
        let load = GOOD.find("load:").unwrap();
        let text = format!("{}{search}\n", GOOD[..load].replace("count: 10", "count: 1000"));
        Scenario::from_yaml(&text, "search.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(told(&validator, &text), [""; 0], "{text}");
    }
    for entry in catalogue() {
        assert_eq!(told(&validator, entry.yaml), [""; 0], "{}", entry.name);
    }
}

#[test]
fn files_that_the_program_refuses_are_refused_by_the_schema_where_it_can_tell() {
    let validator = validator();
    let mut missed = Vec::new();
    for (replace, with) in REFUSED {
        let text = changed(replace, with);
        assert!(Scenario::from_yaml(&text, "refused.yaml").is_err(), "the program takes {with:?}");
        if validator.is_valid(&as_json(&text)) {
            missed.push(*with);
        }
    }
    assert_eq!(missed, [""; 0], "the schema takes what the program refuses");
}

/// What follows from two places of a file at once is beyond a schema: these are what is known of that kind.
#[test]
fn what_a_schema_cannot_tell_is_named_here() {
    let validator = validator();
    for (replace, with) in BEYOND_A_SCHEMA {
        let text = changed(replace, with);
        assert!(Scenario::from_yaml(&text, "refused.yaml").is_err(), "the program takes {with:?}");
        assert!(validator.is_valid(&as_json(&text)), "the schema refuses {with:?}: it belongs to the others");
    }
}

#[test]
fn a_mistake_in_a_load_is_told_at_its_place() {
    let errors = told(&validator(), &changed("rate: 10/s", "rate: 10"));
    assert!(errors.iter().any(|error| error.starts_with("/load/0/phases/0/rate: ")), "{errors:?}");
}

#[test]
fn an_editor_is_told_the_metrics_and_the_words_of_today() {
    let schema = json_schema();
    let metrics = schema["$defs"]["Metric"]["anyOf"][0]["enum"].as_array().unwrap();
    for metric in
        ["registration.success", "registration.latency.p99", "handover-n2.all.rate", "billing.unreconciled"]
    {
        assert!(metrics.iter().any(|known| known == metric), "{metric}");
    }
    let cells = &schema["$defs"]["CellsFile"];
    assert!(cells["properties"]["nodes"].is_object() && cells["properties"].get("gnbs").is_none());
    assert_eq!(cells["patternProperties"]["^gnbs$"]["deprecated"], true);
    assert_eq!(schema["$defs"]["Technology"]["enum"], serde_json::json!(["nr"]));
}

const REFUSED: &[(&str, &str)] = &[
    ("name: good", "title: good"),
    ("name: good", "name: a/b"),
    ("subscribers:", "subscriber:"),
    ("cells: {nodes: 2}", "cells: {node: 2}"),
    ("cells: {nodes: 2}", "cells: {nodes: two}"),
    ("cells: {nodes: 2}", "cells: {nodes: -2}"),
    ("cells: {nodes: 2}", "cells: {nodes: 0}"),
    ("cells: {nodes: 2}", "cells: 2"),
    ("cells: {nodes: 2}", "cells: {nodes: 2, tacs: []}"),
    ("cells: {nodes: 2}", "cells: {nodes: 2, slices: [1, x]}"),
    ("cells: {nodes: 2}", "cells: {nodes: 2, inactivity: 0s}"),
    ("cells: {nodes: 2}", "cells: {nodes: 2, overload: perhaps}"),
    ("cells: {nodes: 2}", "cells: {technology: lte}"),
    ("radio: urban", "radio: urbane"),
    ("radio: urban", "radio: [urban]"),
    ("radio: urban", "radio: {extend: urbane}"),
    ("radio: urban", "radio: {loss: 130%}"),
    ("radio: urban", "radio: {loss: 1}"),
    ("radio: urban", "radio: {capacity: 0}"),
    ("radio: urban", "radio: {latency: 20}"),
    ("radio: urban", "nas: {nr: {ciphering: [4]}}"),
    ("radio: urban", "nas: {nr: {integrity: []}}"),
    ("radio: urban", "nas: {lte: {}}"),
    ("radio: urban", "network: {freezes: [{at: 1s, for: 0s}]}"),
    ("radio: urban", "sessions: [{dnn: internet, traffic: vidoe}]"),
    ("radio: urban", "sessions: [{dnn: internet, uplink: {packet: 10}}]"),
    ("radio: urban", "conditions: {impairments: [{signal-loss: {share: 0%}, for: 1s}]}"),
    (
        "radio: urban",
        "conditions: {impairments: [{signal-loss: {share: 5%}, throttle: {factor: 5%}, for: 1s}]}",
    ),
    ("radio: urban", "generator: {late: 25}"),
    ("    count: 10\n", ""),
    ("imsi: \"001010000000001\"", "imsi: \"12x\""),
    ("opc: \"E8ED289DEBA952E4283B54E88E6183CA\"", "opc: \"E8\""),
    ("procedure: registration", "procedure: registraton"),
    ("arrivals: uniform", "arrivals: random"),
    ("arrivals: uniform", "repeat: {every: 10m}"),
    ("arrivals: uniform", "repeat: {every: 10m, times: 2, until: 1h}"),
    ("arrivals: uniform", "repeat: {every: 10m, times: 0}"),
    ("rate: 10/s", "rate: 10"),
    ("rate: 10/s", "rate: 0/s"),
    ("rate: 10/s", "rate: 2000000/s"),
    ("rate: 10/s", "rate: -5/s"),
    ("rate: 10/s, for: 10s", "rate: 10/s"),
    ("rate: 10/s, for: 10s", "rate: 10/s, for: 10"),
    ("rate: 10/s, for: 10s", "rate: 10/s, for: 0s"),
    ("rate: 10/s, for: 10s", "rate: 10/s, hold: 10s"),
    ("rate: 10/s, for: 10s", "rate: 10/s, until: 10s"),
    ("hold: 5s", "hold: 5s, for: 5s"),
    ("registration.success >= 99%", "registraton.success >= 99%"),
    ("registration.success >= 99%", "registration.succes >= 99%"),
    ("registration.success >= 99%", "registration.success = 99%"),
    ("registration.success >= 99%", "registration.success >= 101%"),
    ("registration.success >= 99%", "registration.latency.p99 < 300"),
    ("registration.success >= 99%", "registration.latency < 300ms"),
    ("registration.success >= 99%", "registration.rate > 10"),
    ("registration.success >= 99%", "billing.unreconciled == none"),
    ("registration.success >= 99%", "{metric: registraton.success, at-least: 99%}"),
    ("registration.success >= 99%", "{metric: registration.success}"),
    ("registration.success >= 99%", "{metric: registration.success, at-least: 99%, below: 100%}"),
    ("registration.success >= 99%", "{metric: registration.success, at-least: 300ms}"),
    ("registration.success >= 99%", "{metric: registration.success, at-least: 130%}"),
    ("registration.success >= 99%", "{metric: registration.latency.p99, below: 99%}"),
    ("registration.success >= 99%", "{metric: registration.rate, above: 10}"),
    ("registration.success >= 99%", "{metric: billing.unreconciled, equals: 0.5}"),
    ("registration.success >= 99%", "{metric: registration.success, least: 99%}"),
    ("registration.success >= 99%", "{phase: peak}"),
    ("abort-when: registration.success < 50%", "abort-when: registration.success < 50"),
    ("abort-when: registration.success < 50%", "abort-when: {metric: registration.success, below: 50/s}"),
    ("abort-when: registration.success < 50%", "for: 5s"),
    ("slos:\n  - registration.success >= 99%", "slos: 99%"),
];

const BEYOND_A_SCHEMA: &[(&str, &str)] = &[
    ("imsi: \"001010000000001\"", "imsi: \"001020000000001\""),
    ("registration.success >= 99%", "service-request.success >= 99%"),
    ("cells: {nodes: 2}", "cells: {nodes: 5, networks: [{plmn: 001/01, nodes: 2}]}"),
    ("radio: urban", "sessions: [{dnn: internet, uplink: {packet: [1200, 80]}}]"),
    ("radio: urban", "nas: {nr: {integrity: [2, 2]}}"),
    (
        "radio: urban",
        "conditions: {maintenance: [{at: 1s, for: 2s}], impairments: [{signal-loss: {share: 5%}, at: 1s, for: 1s}]}",
    ),
    ("{rate: 10/s, for: 10s}", "{spike: {base: 1/s, peak: 9/s, after: 5s, lasts: 6s}, for: 10s}"),
    ("{rate: 10/s, for: 10s}", "{rate: 0.01/s, for: 1s}"),
    ("arrivals: uniform", "repeat: {every: 10s, times: 3}"),
    ("for: 10s", "for: 9000h"),
];
