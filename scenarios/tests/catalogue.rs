//! What comes with the program is itself correct.

use std::sync::Arc;
use std::time::Duration;

use billing::Tariff;
use scenarios::{Plan, Procedure, RadioProfile, Scenario, catalogue, json_schema, radio_profiles, tariffs};

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
fn smoke_is_quick_and_readable() {
    let scenario = Scenario::load("smoke", &[]).unwrap();
    assert_eq!(scenario.subscriber_count(), 100);
    assert_eq!(scenario.nas.ciphering[0], 0);
    let plan = Plan::new(Arc::new(scenario), 1).unwrap();
    assert!(plan.duration() <= Duration::from_secs(5));
    assert_eq!(plan.planned(), [(Procedure::Registration, 100)]);
}

#[test]
fn attach_10k_is_what_the_targets_are_about() {
    let scenario = Scenario::load("attach-10k", &[]).unwrap();
    assert_eq!(scenario.radio, RadioProfile::named("urban").unwrap());
    assert_eq!(scenario.slos[0].text, "registration.success >= 99.5%");
    assert_eq!(scenario.slos[1].value, 300_000.0);
    assert!(!scenario.guardrails.is_empty());
    let plan = Plan::new(Arc::new(scenario), 1).unwrap();
    assert_eq!(plan.planned(), [(Procedure::Registration, 10_000)]);
    assert_eq!(plan.describe().loads[0].peak_rate_per_s, 1000.0);
}

#[test]
fn macro_scenarios_last_half_a_minute() {
    for name in ["urban-macro", "rural-macro"] {
        let plan = Plan::new(Arc::new(Scenario::load(name, &[]).unwrap()), 1).unwrap();
        assert_eq!(plan.duration(), Duration::from_secs(30), "{name}");
    }
}

#[test]
fn schema_describes_every_field() {
    let schema = json_schema();
    let properties = schema["properties"].as_object().unwrap();
    for field in
        ["name", "subscribers", "cells", "nas", "radio", "load", "slos", "guardrails", "network", "drain"]
    {
        assert!(properties[field]["description"].is_string(), "{field}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
