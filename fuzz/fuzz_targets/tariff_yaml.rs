#![no_main]
//! Tariff, rules and mapping files; a tariff that is accepted rates whatever it fits.

use billing::csv::Mappings;
use billing::{Meter, Octets, Part, Rules, Tariff};
use identity::{Dnn, Plmn};

libfuzzer_sys::fuzz_target!(|input: &str| {
    let _ = Mappings::from_yaml(input, "mapping.yaml");
    if let Ok(rules) = Rules::from_yaml(input, "rules.yaml") {
        let json = serde_json::to_string(&rules).expect("rules are text");
        assert_eq!(serde_json::from_str::<Rules>(&json).expect("what we write, we read"), rules);
    }
    let Ok(tariff) = Tariff::from_yaml(input, "tariff.yaml") else { return };
    let json = serde_json::to_string(&tariff).expect("a tariff is text");
    assert_eq!(serde_json::from_str::<Tariff>(&json).expect("what we write, we read"), tariff);
    let any: (Plmn, Dnn) = ("001/01".parse().expect("a PLMN"), "internet".parse().expect("a DNN"));
    for rate in &tariff.rates {
        let (serving, dnn) = (rate.serving.unwrap_or(any.0), rate.dnn.clone().unwrap_or(any.1.clone()));
        let mut meter = Meter::new();
        for (from_us, volume) in [(0, 0), (43_200_000_000, 1), (86_400_000_000, 1_000_000_000_000)] {
            let (to_us, volume) = (from_us + 1, Octets(volume));
            for roaming in [false, true] {
                let _ = meter.add(&tariff, &Part { serving, roaming, dnn: &dnn, from_us, to_us, volume });
            }
            assert!(tariff.next_change_us(from_us).is_none_or(|next| next > from_us));
        }
    }
});
