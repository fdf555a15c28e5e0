//! Impairments and the safety budget.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use scenarios::{Conditions, Impairment, ImpairmentKind, Override, Window};

use super::{duration, positive, ratio};

/// With a permission, which `within_budget` takes away where it is not needed.
pub(super) fn conditions() -> impl Strategy<Value = Conditions> {
    let texts = ("[a-z]{1,10}", "[a-z ]{0,10}[a-z]");
    let override_ = texts.prop_map(|(by, reason)| Some(Override { by, reason }));
    (vec(impairment(), 0..4), vec(window(), 0..2), override_)
        .prop_map(|(impairments, maintenance, override_)| Conditions { impairments, maintenance, override_ })
}

/// The permission stays only where the budget is broken, and then it must.
pub(super) fn within_budget(conditions: Conditions, end: Duration) -> Conditions {
    let within =
        conditions.busiest_hour(end) <= Duration::from_secs(600) && conditions.maintenance.is_empty();
    Conditions { override_: conditions.override_.filter(|_| !within), ..conditions }
}

pub(super) fn impairment() -> impl Strategy<Value = Impairment> {
    (option::of("\\PC{1,10}"), kind(), window(), option::of(positive()), 0.001..=1.0f64).prop_map(
        |(name, kind, window, pause, cells)| Impairment {
            name: name.unwrap_or_else(|| kind.as_str().to_owned()),
            kind,
            window,
            every: pause.map(|pause| window.for_ + pause + Duration::from_millis(100)),
            cells,
        },
    )
}

fn window() -> impl Strategy<Value = Window> {
    (duration(), positive()).prop_map(|(at, for_)| Window { at, for_ })
}

fn kind() -> impl Strategy<Value = ImpairmentKind> {
    let period = || duration().prop_map(|more| more + Duration::from_millis(10));
    let share = || 0.001..=1.0f64;
    prop_oneof![
        share().prop_map(|share| ImpairmentKind::SignalLoss { share }),
        (share(), period()).prop_map(|(share, period)| ImpairmentKind::RrcOscillation { share, period }),
        (1u32.., option::of(duration()))
            .prop_map(|(capacity, wait)| ImpairmentKind::Congestion { capacity, wait }),
        ratio().prop_map(|factor| ImpairmentKind::Throttle { factor }),
        (ratio(), positive()).prop_map(|(loss, latency)| ImpairmentKind::Interference { loss, latency }),
        (share(), period()).prop_map(|(share, period)| ImpairmentKind::SignallingStorm { share, period }),
    ]
}
