//! Tariffs and faults.

use std::time::Duration;

use billing::{Currency, Hours, Money, Octets, Rate, Rounding, Scope, Tariff, Unit};
use proptest::option;
use proptest::prelude::*;
use scenarios::{Charging, ChargingFaults};

use super::roaming::dnn;

pub(super) fn charging() -> impl Strategy<Value = Charging> {
    let tariffs = prop_oneof![Just(Tariff::default()), tariff()];
    (tariffs, option::of((1u64..1 << 40).prop_map(Octets)), faults())
        .prop_map(|(tariff, quota, faults)| Charging { tariff, quota, faults })
}

fn faults() -> impl Strategy<Value = ChargingFaults> {
    let each = || prop_oneof![Just(0.0), 0.0..0.125f64];
    let some = (each(), each(), each(), each(), each(), each(), each(), each());
    (some, 0.0..=1.0f64).prop_map(
        |((lost, duplicated, late, reordered, wrong_volume, wrong_tariff, wrong_plmn, partial), orphan)| {
            ChargingFaults {
                lost,
                duplicated,
                late,
                reordered,
                wrong_volume,
                wrong_tariff,
                wrong_plmn,
                orphan,
                partial,
            }
        },
    )
}

/// From narrow to wide, and the last one fits everything.
fn tariff() -> impl Strategy<Value = Tariff> {
    let plmn: identity::Plmn = "262/01".parse().unwrap();
    let hours = (0u16..1440, 1u16..1440)
        .prop_map(|(from_min, length)| Hours { from_min, to_min: (from_min + length) % 1440 });
    let zone = option::of(prop::sample::select(vec!["Europe/Berlin", "UTC", "America/St_Johns"]));
    let zone = zone.prop_map(|zone| zone.map(|zone| zone.parse().unwrap()));
    ("\\PC{0,10}", dnn(), rate("narrow"), rate("wide"), rate("all"), hours, zone).prop_map(
        move |(name, dnn, narrow, wide, all, hours, zone)| {
            let narrow = Rate {
                dnn: Some(dnn),
                serving: Some(plmn),
                scope: Scope::Roaming,
                hours: Some(hours),
                ..narrow
            };
            let wide = Rate { serving: Some(plmn), ..wide };
            Tariff { name, currency: Currency::EUR, zone, rates: vec![narrow, wide, all] }
        },
    )
}

fn rate(name: &'static str) -> impl Strategy<Value = Rate> {
    let unit = prop_oneof![
        (1u64..1 << 40).prop_map(Unit::Octets),
        (1u64..1 << 40).prop_map(|micros| Unit::Time(Duration::from_micros(micros)))
    ];
    let rounding = prop::sample::select(vec![Rounding::Up, Rounding::Down, Rounding::Nearest]);
    let first = option::of(1u32..1 << 10);
    let figures = (unit, 0i64..1 << 50, rounding, any::<u64>(), 0i64..1 << 50, first);
    figures.prop_map(move |(unit, price, rounding, free_units, setup, first)| Rate {
        name: name.to_owned(),
        serving: None,
        dnn: None,
        scope: Scope::Anywhere,
        unit,
        price: Money::from_micros(price),
        rounding,
        free_units,
        setup: Money::from_micros(setup),
        first: first.map(|times| match unit {
            Unit::Octets(octets) => Unit::Octets(octets * u64::from(times)),
            Unit::Time(time) => Unit::Time(time * times),
        }),
        hours: None,
        zone: None,
    })
}
