//! What a scenario says by technology: what is not built is refused with what stands, and words that were replaced go on working.

use scenarios::{Scenario, catalogue};

fn with(text: &str) -> Result<Scenario, String> {
    Scenario::from_yaml(&format!("{BARE}{text}"), "s.yaml").map_err(|error| error.to_string())
}

#[test]
fn a_technology_that_is_not_built_is_refused_with_what_stands() {
    let stands = "is not built yet: there is nothing in agents and simulator that speaks it. What stands is nr (5G, with gNBs)";
    for (text, place) in [
        ("cells: {technology: lte}", "s.yaml:5:21: cells.technology: lte (4G)"),
        (
            "cells: {networks: [{plmn: 001/01, technology: umts, nodes: 1}]}",
            "cells.networks[0].technology: umts (3G)",
        ),
        ("nas: {lte: {ciphering: [2]}}", "nas.lte: lte (4G)"),
        ("network: {lte: {}}", "network.lte: lte (4G)"),
    ] {
        let error = with(text).unwrap_err();
        assert!(error.contains(place) && error.contains(stands), "{text}: {error}");
    }
    let error = with("cells: {technology: 5g}").unwrap_err();
    assert!(
        error.contains("unknown technology \"5g\"; did you mean \"nr\"? (known: nr, lte, umts)"),
        "{error}"
    );
    let error = with("cells: {technology: nr, networks: [{plmn: 001/01, nodes: 1}]}").unwrap_err();
    assert!(error.contains("\"technology\" does not go with networks"), "{error}");
    let scenario = with("cells: {networks: [{plmn: 001/01, technology: nr, nodes: 1}]}").unwrap();
    assert_eq!(scenario, with("").unwrap());
}

#[test]
fn old_words_mean_what_the_new_ones_do_and_are_warned_of() {
    let new = with(
        "cells: {first-node-id: 7, cells-per-node: 2, networks: [{plmn: 001/01, nodes: 3}]}\n\
         nas: {nr: {ciphering: [0], retry: as-specified}}\n\
         network: {nr: {congestion: {max-registrations-per-s: 5}, t3512: 10m}}\n",
    )
    .unwrap();
    let old = with(
        "cells: {first_gnb_id: 7, cells-per-gnb: 2, networks: [{plmn: 001/01, gnbs: 3}]}\n\
         nas: {ciphering: [0], retry: as-specified}\n\
         network: {congestion: {max-registrations-per-s: 5}, t3512: 10m}\n",
    )
    .unwrap();
    assert_eq!(old, new);
    let told = |scenario: &Scenario| {
        let warnings = scenario.warnings().into_iter();
        warnings.filter(|warning| warning.contains("the old word still works")).collect::<Vec<_>>()
    };
    assert_eq!(told(&new), [""; 0]);
    let told = told(&old);
    assert_eq!(told.len(), 7, "{told:?}");
    assert!(told.contains(&"s.yaml:5:70: cells.networks[].gnbs is called cells.networks[].nodes now: the old word still works".to_owned()), "{told:?}");
    assert!(old.network_warnings().contains(&told[0]), "{told:?}");
    let both = with("cells: {nodes: 1, gnbs: 1}").unwrap_err();
    assert!(both.contains("cells.gnbs: unknown field"), "{both}");
}

#[test]
fn overrides_may_say_old_words_too() {
    let set = |path: &str, value: &str| Scenario::load("smoke", &[(path.to_owned(), value.to_owned())]);
    for (old, new, value) in
        [("cells.gnbs", "cells.nodes", "8"), ("nas.ciphering", "nas.nr.ciphering", "[0]")]
    {
        let (old, new) = (set(old, value).unwrap(), set(new, value).unwrap());
        assert_eq!(old, new);
        assert!(old.warnings()[0].starts_with("--set "), "{:?}", old.warnings());
        assert_eq!(new.warnings(), [""; 0]);
    }
    assert_eq!(set("search", "3").unwrap_err().to_string().matches("search").count(), 2);
}

#[test]
fn the_catalogue_has_no_old_words() {
    for entry in catalogue() {
        let warnings = Scenario::load(entry.name, &[]).unwrap().warnings();
        assert_eq!(warnings, [""; 0], "{}", entry.name);
    }
}

const BARE: &str = r#"name: t
subscribers: [{plmn: 001/01, imsi: "001010000000001", count: 10, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA"}]
load: [{procedure: registration, phases: [{rate: 1/s, for: 10s}]}]
slos: [registration.success >= 99%]
"#;
