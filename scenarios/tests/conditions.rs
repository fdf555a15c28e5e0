//! Conditions: which figures they may name, what they may be limited to, what the schema says of them, and which warnings come.

use scenarios::{Scenario, json_schema};

const GOOD: &str = r#"name: good
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 40, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA"}
cells: {nodes: 2, slices: ["1", "1-000001"], groups: [{name: border, first: 1, count: 1}]}
sessions: [{dnn: internet, slice: "1"}, {dnn: ims, slice: "1-000001"}]
load:
  - {procedure: registration, phases: [{name: calm, rate: 1/s, for: 10s}, {name: peak, rate: 2/s, for: 5s}]}
  - {procedure: pdu-session, starts-after: 1s, phases: [{rate: 1/s, for: 10s}]}
"#;

fn with(rest: &str) -> Result<Scenario, String> {
    Scenario::from_yaml(&format!("{GOOD}{rest}\n"), "c.yaml").map_err(|error| error.to_string())
}

#[test]
fn limits_are_read_and_written_again() {
    let scenario = with(concat!(
        "slos:\n",
        "  - registration.success >= 99%\n",
        "  - {that: registration.latency.p99 < 300ms, phase: peak}\n",
        "  - {that: registration.all.success >= 90%, during: 2s..4500ms, network: 001/01, cells: border}\n",
        "  - {that: pdu-session.success >= 99%, dnn: ims, slice: 1-000001}\n",
        "guardrails:\n",
        "  - {abort-when: registration-retry.success < 10%, for: 2s, phase: peak}\n",
        "expect: {never-succeeds: [pdu-session]}\n",
    ))
    .unwrap();
    let names: Vec<String> = scenario.slos.iter().map(scenarios::Slo::name).collect();
    assert_eq!(
        names,
        [
            "registration.success",
            "registration.latency.p99 (phase peak)",
            "registration.all.success (during 2s..4500ms, network 001/01, cells border)",
            "pdu-session.success (dnn ims, slice 1-000001)",
        ]
    );
    // Two conditions with the same limits are one part, of all that they name.
    let parts = scenario.parts();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[0].procedures, ["registration", "registration-retry"]);
    assert_eq!(Scenario::from_yaml(&scenario.to_yaml(), "again.yaml").unwrap(), scenario);
}

#[test]
fn limits_that_nothing_can_be_within_are_refused_where_they_stand() {
    for (limits, part) in [
        (
            "phase: peek",
            "c.yaml:10:48: slos[0].phase: no phase of registration is called \"peek\" (phases: calm, peak)",
        ),
        ("during: 15s..20s", "slos[0].during: nothing is due then any more: the loads end after 15s"),
        ("during: 5s..2s", "ends before it begins"),
        ("during: 5s", "is not a part of the run such as 10s..40s"),
        ("dnn: ims", "slos[0].dnn: an attempt at registration is of no session"),
        ("slice: \"1\"", "slos[0].slice: an attempt at registration is of no session"),
        ("network: 208/01", "slos[0].network: no gNB is of 208/01 (networks: 001/01)"),
        ("cells: middle", "slos[0].cells: cells.groups has no group \"middle\" (groups: border)"),
        ("cell: border", "unknown field \"cell\"; did you mean \"cells\"?"),
    ] {
        let error = with(&format!("slos:\n  - {{that: registration.success >= 99%, {limits}}}")).unwrap_err();
        assert!(error.contains(part), "{limits}: {error}");
    }
    for (slo, part) in [
        ("{that: registration.success >= 99%}", "slos[0]: nothing limits this condition"),
        ("{phase: peak}", "slos[0]: a condition has a metric with its bound"),
        (
            "{that: generator.lateness.p99 < 1ms, phase: peak}",
            "slos[0].that: generator.lateness.p99 is of the whole run",
        ),
        (
            "{that: pdu-session.success >= 9%, dnn: imms}",
            "slos[0].dnn: no session asks for imms (asked for: internet, ims)",
        ),
        ("{that: registration.success >= 101%, phase: peak}", "slos[0].that: \"101%\" is not a percentage"),
        ("7", "expected a condition such as registration.success >= 99.5%, or a mapping"),
    ] {
        let error = with(&format!("slos: [{slo}]")).unwrap_err();
        assert!(error.contains(part), "{slo}: {error}");
    }
    let many = (0..33).map(|n| format!("  - {{that: registration.success >= 1%, during: {n}ms..1s}}\n"));
    let error = with(&format!("slos:\n{}", many.collect::<String>())).unwrap_err();
    assert!(error.contains("slos: the conditions are limited in 33 different ways: at most 32"), "{error}");
}

#[test]
fn a_figure_that_cannot_come_to_be_is_refused_with_the_reason() {
    let storm =
        "conditions: {impairments: [{signalling-storm: {share: 50%, period: 1s}, at: 2s, for: 3s}]}\n";
    for (slo, part) in [
        ("handover-n2.success >= 1%", "no load starts handover-n2"),
        ("ue-context-release.success >= 1%", "no load starts ue-context-release"),
        ("deregistration.success >= 1%", "no load starts deregistration"),
    ] {
        let error = with(&format!("slos: [{slo}]")).unwrap_err();
        assert!(error.contains(part), "{slo}: {error}");
    }
    let error = with(&format!("{storm}slos: [deregistration.latency.p50 < 1s]")).unwrap_err();
    assert!(
        error.contains("deregistration.latency.p50 never has a value") && error.contains("is not answered"),
        "{error}"
    );
    with(&format!("{storm}slos: [deregistration.success >= 1%, registration-retry.success >= 1%]")).unwrap();
    let error = with("expect: {never-succeeds: [handover-n2]}").unwrap_err();
    assert!(error.contains("expect.never-succeeds[0]: nothing attempts handover-n2"), "{error}");
    let error = with("expect: {never-succeeds: [registration.all]}").unwrap_err();
    assert!(error.contains("registration.all is no procedure of its own"), "{error}");
    let error = with("expect: {never-succeeds: [registraton]}").unwrap_err();
    assert!(error.contains("did you mean \"registration\"?"), "{error}");
}

#[test]
fn groups_of_cells_are_of_gnbs_that_exist() {
    for (groups, part) in [
        ("[{name: a, first: 1, count: 2}]", "cells.groups[0].first: there are 2 nodes, numbered from 0"),
        ("[{name: a, count: 0}]", "cells.groups[0].count: 0 nodes are no group"),
        ("[{name: \"\", count: 1}]", "cells.groups[0].name: a group needs a name"),
        ("[{name: a, count: 1}, {name: a, count: 1}]", "cells.groups[1].name: \"a\" is in the list twice"),
    ] {
        let text = GOOD.replace("[{name: border, first: 1, count: 1}]", groups);
        let error = Scenario::from_yaml(&text, "c.yaml").unwrap_err().to_string();
        assert!(error.contains(part), "{groups}: {error}");
    }
}

#[test]
fn attempts_that_no_condition_sees_are_warned_of() {
    let warnings = |rest: &str| with(rest).unwrap().warnings().join("\n");
    let storm = "conditions: {impairments: [{name: evening, signalling-storm: {share: 50%, period: 1s}, at: 2s, for: 3s}]}\n";
    let unseen = "starts attempts at registration-retry that no SLO and no guardrail sees: registration-retry.success or \
                  registration.all.success does";
    let blind = warnings(&format!("{storm}slos: [registration.success >= 95%]"));
    assert!(blind.contains(&format!("the impairment \"evening\" (signalling-storm) {unseen}")), "{blind}");
    for seeing in [
        "slos: [registration.all.success >= 95%]",
        "slos: [registration-retry.latency.p99 < 1s]",
        "slos: [registration.success >= 95%]\nguardrails: [{abort-when: registration.all.success < 60%}]",
    ] {
        let told = warnings(&format!("{storm}{seeing}"));
        assert!(!told.contains("no guardrail sees"), "{seeing}: {told}");
    }
    let refusing = "nas: {nr: {retry: as-specified}}\nnetwork: {nr: {congestion: {max-registrations-per-s: 5}}}\nslos: [registration.success >= 95%]";
    let told = warnings(refusing);
    assert!(
        told.contains(&format!("network.nr.congestion with nas.nr.retry: as-specified {unseen}")),
        "{told}"
    );
    let idle = "conditions: {impairments: [{rrc-oscillation: {share: 50%, period: 1s}, at: 2s, for: 3s}]}\nslos: [registration.success >= 95%]";
    let told = warnings(idle);
    assert!(
        told.contains("starts attempts at service-request that")
            && told.contains("at ue-context-release that"),
        "{told}"
    );
}

#[test]
fn the_schema_proposes_conditions_and_refuses_what_is_none() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let document = |slo: &str| {
        let mut document: serde_json::Value = serde_saphyr::from_str(GOOD).unwrap();
        document["slos"] = serde_json::json!([slo]);
        document
    };
    for good in [
        "registration.success >= 99.5%",
        "registration.all.failure<0.5%",
        "registration-retry.success >= 0.995",
        "pdu-session.latency.p99.9 < 1m30s",
        "registration.service.max <= 250us",
        "registration.rate >= 120/min",
        "recovery.success == 100%",
        "generator.lateness.p99 < 10ms",
        "billing.unreconciled == 0",
    ] {
        assert!(validator.is_valid(&document(good)), "{good}");
        let parsed = good.parse::<scenarios::Slo>();
        assert!(parsed.is_ok(), "{good}: {parsed:?}");
    }
    for bad in [
        "registraton.success >= 99.5%",
        "registration.succes >= 99.5%",
        "registration.success = 99.5%",
        "registration.success >= 130%",
        "registration.success >= 99",
        "registration.latency < 1s",
        "registration.latency.p99 < 300",
        "registration.rate >= 10",
        "recovery.latency.p99 < 1s",
        "billing.all.unreconciled == 0",
        "registration.success",
    ] {
        assert!(!validator.is_valid(&document(bad)), "{bad}");
    }
    let text = json_schema().to_string();
    assert!(text.contains("\"registration.all.success >= 99%\""), "an editor has something to propose");
}

#[test]
fn conditions_in_parts_are_those_of_the_text() {
    let slo = |text: &str| {
        let text = format!("{BARE}slos: [{text}]\n");
        Scenario::from_yaml(&text, "c.yaml")
            .map(|scenario| scenario.slos[0].clone())
            .map_err(|error| error.to_string())
    };
    for (parts, text) in [
        ("{metric: registration.success, at-least: 99.5%}", "registration.success >= 99.5%"),
        ("{metric: registration.latency.p99, below: 300ms}", "registration.latency.p99 < 300ms"),
        ("{metric: registration.rate, above: 120/min}", "registration.rate > 120/min"),
        ("{metric: registration.failure, at-most: 0.01}", "registration.failure <= 0.01"),
        ("{metric: billing.unreconciled, equals: 0}", "billing.unreconciled == 0"),
    ] {
        assert_eq!(slo(parts), slo(text), "{parts}");
    }
    let limited = slo("{metric: registration.success, at-least: 99%, during: 0s..5s}").unwrap();
    assert_eq!(Ok(limited), slo("{that: registration.success >= 99%, during: 0s..5s}"));
    for (parts, message) in [
        (
            "{metric: registraton.success, below: 1%}",
            "slos[0].metric: \"registraton\" has no metrics; did you mean",
        ),
        ("{metric: registration.success, below: 1s}", "slos[0].below: \"1s\" is not a percentage"),
        (
            "{metric: registration.success}",
            "slos[0]: a condition has exactly one of below, at-most, above, at-least and equals, found none",
        ),
        ("{metric: registration.success, below: 1%, above: 2%}", "found below and above"),
        ("{metric: registration.success, that: registration.success > 1%}", "found both"),
        ("{that: registration.success > 1%, below: 1%}", "slos[0].below: a bound goes with a metric"),
        ("{phase: x}", "found none"),
        ("{metric: service-request.success, above: 1%}", "slos[0].metric: no load starts service-request"),
    ] {
        let error = slo(parts).unwrap_err();
        assert!(error.contains(message), "{parts}: {error}");
    }
    let guarded =
        format!("{BARE}guardrails: [{{abort-when: {{metric: registration.success, below: 50%}}}}]\n");
    assert_eq!(
        Scenario::from_yaml(&guarded, "g.yaml").unwrap().guardrails[0].condition.text,
        "registration.success < 50%"
    );
}

#[test]
fn repetitions_that_cannot_be_meant_are_refused() {
    for (repeat, message) in [
        (
            "{every: 5s, times: 2}",
            "load[0].repeat.every: every 5s begins again before the phases are over, which last 10s together",
        ),
        (
            "{every: 1m}",
            "load[0].repeat: a repetition has exactly one of times and until, such as {every: 10m, until: 8h}, found none",
        ),
        ("{every: 1m, times: 2, until: 1h}", "found both"),
        ("{every: 1m, times: 0}", "load[0].repeat.times: 1 to 10000 are accepted"),
        ("{every: 1m, until: 9s}", "load[0].repeat.until: 9s is before the first round is over, at 10s"),
        ("{every: 10s, until: 8784h}", "load[0].repeat.every: this makes 3162240 rounds"),
        ("{evry: 1m, times: 2}", "did you mean \"every\"?"),
    ] {
        let text = BARE.replace("phases:", &format!("repeat: {repeat}, phases:"));
        let error = Scenario::from_yaml(&text, "r.yaml").unwrap_err().to_string();
        assert!(error.contains(message), "{repeat}: {error}");
    }
    let marked = BARE.replace("for: 10s}", "for: 10s, stretch: true}");
    assert!(Scenario::from_yaml(&marked, "m.yaml").unwrap().load[0].phases[0].stretch);
    let both = marked.replace("phases:", "repeat: {every: 1m, times: 2}, phases:");
    let error = Scenario::from_yaml(&both, "b.yaml").unwrap_err().to_string();
    assert!(
        error.contains("load[0].phases[0].stretch: a phase that is repeated keeps its length"),
        "{error}"
    );
    let odd = BARE.replace("rate: 1/s, for", "ramp: {from: 1/s, to: 2/s}, stretch: true, for");
    let error = Scenario::from_yaml(&odd, "o.yaml").unwrap_err().to_string();
    assert!(error.contains("a phase of ramp cannot be stretched: rate and hold can"), "{error}");
}

#[test]
fn a_radio_profile_takes_from_another_what_it_does_not_say() {
    let radio = |text: &str| {
        let text = format!("{BARE}radio: {text}\n");
        Scenario::from_yaml(&text, "r.yaml").map(|scenario| scenario.radio).map_err(|error| error.to_string())
    };
    let urban = radio("urban").unwrap();
    let changed = radio("{extend: urban, loss: 2%}").unwrap();
    assert_eq!(changed, scenarios::RadioProfile { loss: 0.02, name: "urban, changed".to_owned(), ..urban });
    assert_eq!(radio("{extend: rural, name: mine, capacity: 7}").unwrap().capacity, Some(7));
    let error = radio("{extend: urbane}").unwrap_err();
    assert!(
        error.contains("radio.extend: unknown radio profile \"urbane\"; did you mean \"urban\"?"),
        "{error}"
    );
}

const BARE: &str = r#"name: t
subscribers: [{plmn: 001/01, imsi: "001010000000001", count: 10, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA"}]
load: [{procedure: registration, phases: [{rate: 1/s, for: 10s}]}]
"#;
