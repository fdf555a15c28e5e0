#![no_main]
//! Scenario files, planned when they parse.

use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|input: &str| {
    if let Ok(scenario) = scenarios::Scenario::from_yaml(input, "fuzz.yaml") {
        let again = scenarios::Scenario::from_yaml(&scenario.to_yaml(), "again.yaml").expect("what we write, we read");
        assert_eq!(scenario, again);
        if let Ok(plan) = scenarios::Plan::new(Arc::new(scenario), 1) {
            let shard = plan.shard(0);
            for schedule in shard.schedules() {
                schedule.take(1000).for_each(drop);
            }
        }
    }
});
