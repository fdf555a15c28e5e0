//! What comes with the program is itself correct.

use std::sync::Arc;
use std::time::Duration;

use billing::Tariff;
use scenarios::{
    Flow, Plan, Procedure, RadioProfile, Scenario, catalogue, json_schema, radio_profiles, tariffs,
    traffic_profiles,
};

#[test]
fn every_catalogue_scenario_is_valid_and_survives_its_own_yaml() {
    for entry in catalogue() {
        let scenario = Scenario::load(entry.name, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, entry.name);
        assert_eq!(scenario.description, entry.summary, "{}", entry.name);
        assert_eq!(scenario.warnings(), Vec::<String>::new(), "{}", entry.name);
        let text = scenario.to_yaml();
        let again =
            Scenario::from_yaml(&text, "resolved.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again, scenario, "{text}");
    }
}

#[test]
fn every_radio_profile_is_valid() {
    for (name, _) in radio_profiles() {
        assert_eq!(RadioProfile::named(name).unwrap().name, *name);
    }
    assert_eq!(RadioProfile::named("lunar"), None);
}

#[test]
fn every_tariff_is_valid_and_the_default_is_the_default() {
    for (name, _) in tariffs() {
        let set = ("charging.tariff".to_owned(), (*name).to_owned());
        let scenario = Scenario::load("smoke", &[set]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.charging.tariff.name, *name);
    }
    let set = ("charging.tariff".to_owned(), "default".to_owned());
    assert_eq!(Scenario::load("smoke", &[set]).unwrap().charging.tariff, Tariff::default());
}

#[test]
fn traffic_of_each_name_flows_both_ways_and_can_be_changed_in_part() {
    for (name, _) in traffic_profiles() {
        let sessions =
            format!("[{{dnn: internet, traffic: {name}}}, {{dnn: ims, traffic: {name}, uplink: {{}}}}]");
        let scenario = Scenario::load("smoke", &[("sessions".to_owned(), sessions)]).unwrap();
        let [whole, part] = scenario.sessions.as_slice() else { panic!("{:?}", scenario.sessions) };
        assert!(whole.uplink.rate_bps > 0 && whole.downlink.rate_bps > 0, "{name}");
        assert_eq!((part.uplink, part.downlink), (Flow::NONE, whole.downlink), "{name}");
    }
}

#[test]
fn smoke_is_quick_and_readable_and_gives_every_subscriber_its_turn() {
    let scenario = Scenario::load("smoke", &[]).unwrap();
    assert_eq!(scenario.subscriber_count(), 100);
    assert_eq!(scenario.nas.nr.ciphering[0], 0);
    let plan = Plan::new(Arc::new(scenario), 1, 1).unwrap();
    assert!(plan.duration() <= Duration::from_secs(6));
    let life =
        [Procedure::Registration, Procedure::Deregistration, Procedure::PduSession, Procedure::HandoverN2];
    assert_eq!(plan.planned(), life.map(|procedure| (procedure, 100)));
    for shard in (0..plan.shards()).map(|number| plan.shard(number)) {
        assert_eq!(shard.planned(), [shard.subscriber_count(); 4]);
        // A ring of handovers takes as many UEs into a shard as out of it.
        assert_eq!(shard.subscriber_count(), 100 / u64::from(plan.shards()));
    }
}

#[test]
fn attach_10k_is_what_the_targets_are_about() {
    let scenario = Scenario::load("attach-10k", &[]).unwrap();
    assert_eq!(scenario.radio, RadioProfile::named("urban").unwrap());
    assert_eq!(scenario.slos[0].text, "registration.success >= 99.5%");
    assert_eq!(scenario.slos[1].value, 300_000.0);
    assert!(!scenario.guardrails.is_empty());
    let plan = Plan::new(Arc::new(scenario), 1, 1).unwrap();
    assert_eq!(plan.planned(), [(Procedure::Registration, 10_000)]);
    assert_eq!(plan.describe().loads[0].peak_rate_per_s, 1000.0);
}

#[test]
fn campaign_10k_has_2000_handovers_a_minute() {
    let scenario = Scenario::load("campaign-10k", &[]).unwrap();
    assert_eq!(scenario.radio, RadioProfile::named("urban").unwrap());
    let targets = ["registration.success >= 99.5%", "registration.latency.p50 < 300ms"];
    let targets = targets.into_iter().chain(["handover-n2.latency.p95 < 450ms", "billing.unreconciled == 0"]);
    for target in targets {
        assert!(scenario.slos.iter().any(|slo| slo.text == target), "{target}");
    }
    let plan = Plan::new(Arc::new(scenario), 1, 1).unwrap();
    let loads = plan.describe().loads;
    let handovers =
        loads.iter().filter(|load| matches!(load.procedure, Procedure::HandoverN2 | Procedure::HandoverXn));
    let per_minute: f64 = handovers.map(|load| load.peak_rate_per_s * 60.0).sum();
    assert!((per_minute - 2000.0).abs() < 1e-6, "{per_minute}");
    assert_eq!((loads[0].planned, loads[0].peak_rate_per_s), (10_000, 1000.0));
}

/// The big ones aside, each fits into a pipeline, and has all that a scenario of the catalogue has.
#[test]
fn catalogue_scenarios_are_short_and_complete() {
    for entry in catalogue() {
        let plan = Plan::new(Arc::new(Scenario::load(entry.name, &[]).unwrap()), 1, 1).unwrap();
        let scenario = plan.scenario();
        let asked = scenario.search.as_ref().map_or(&scenario.slos, |search| &search.conditions);
        assert!(asked.len() >= 2, "{}", entry.name);
        if scenario.search.is_some() || ["smoke", "attach-10k"].contains(&entry.name) {
            continue;
        }
        assert!(!scenario.guardrails.is_empty(), "{}", entry.name);
        assert!(!scenario.conditions.impairments.is_empty(), "{}", entry.name);
        assert_eq!(scenario.conditions.override_, None, "{}", entry.name);
        assert!(plan.duration() <= Duration::from_secs(15) || entry.name == "campaign-10k", "{}", entry.name);
        if !scenario.sessions.is_empty() {
            assert!(
                scenario.slos.iter().any(|slo| slo.text == "billing.unreconciled == 0"),
                "{}",
                entry.name
            );
        }
    }
}

#[test]
fn schema_describes_every_field() {
    let schema = json_schema();
    let properties = schema["properties"].as_object().unwrap();
    for field in
        ["name", "subscribers", "cells", "nas", "radio", "load", "slos", "guardrails", "network", "drain"]
            .into_iter()
            .chain(["sessions", "mobility", "sim-swap", "conditions", "charging"])
    {
        assert!(properties[field]["description"].is_string(), "{field}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn fields_may_have_low_lines_for_hyphens_and_minutes_two_names() {
    let smoke = catalogue().iter().find(|entry| entry.name == "smoke").unwrap().yaml;
    let hyphens: Vec<(usize, char)> = smoke.char_indices().filter(|(_, letter)| *letter == '-').collect();
    let is_field = |at: usize| {
        let word = smoke[at + 1..].find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        let before = smoke[..at].ends_with(|letter: char| letter.is_ascii_lowercase());
        before && word.is_some_and(|end| smoke[at + 1 + end..].starts_with(':'))
    };
    let mut low = smoke.to_owned();
    let fields: Vec<usize> = hyphens.iter().map(|(at, _)| *at).filter(|at| is_field(*at)).collect();
    assert!(!fields.is_empty(), "smoke has fields of several words");
    fields.into_iter().for_each(|at| low.replace_range(at..=at, "_"));
    let drain = |text: &str, time: &str| text.replace("drain: 5s", &format!("drain: {time}"));
    let low = drain(&low, "2min");
    let expected = Scenario::from_yaml(&drain(smoke, "2m"), "smoke.yaml");
    assert_eq!(Scenario::from_yaml(&low, "low.yaml").unwrap(), expected.unwrap(), "{low}");
}
