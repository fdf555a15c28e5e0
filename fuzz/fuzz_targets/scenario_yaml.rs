#![no_main]
//! Scenario files, planned when they parse.

use std::sync::Arc;

use scenarios::Path;

libfuzzer_sys::fuzz_target!(|input: &str| {
    if let Ok(scenario) = scenarios::Scenario::from_yaml(input, "fuzz.yaml") {
        let again = scenarios::Scenario::from_yaml(&scenario.to_yaml(), "again.yaml")
            .expect("what we write, we read");
        assert_eq!(scenario, again);
        scenario.warnings();
        if let Ok(plan) = scenarios::Plan::new(Arc::new(scenario), 1, 1) {
            let description = plan.describe();
            let permitted = plan.scenario().conditions.override_.is_some();
            assert!(description.impaired <= description.impaired_at_most || permitted);
            for path in [Path::Ring, Path::Random, Path::Border, Path::WithinShard] {
                let next = plan.next_node(0, path, input.len() as u64);
                assert!(next.is_none_or(|next| next > 0 && next < plan.scenario().cells.nodes));
            }
            let shard = plan.shard(0);
            for schedule in shard.schedules() {
                schedule.take(1000).for_each(drop);
            }
        }
    }
});
