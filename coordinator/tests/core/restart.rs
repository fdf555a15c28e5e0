//! A coordinator that dies and comes back by its records.

use std::time::Duration;

use results::Status;

use crate::bench::{Bench, LEASE, PLANNED};

#[test]
fn killed_coordinator_comes_back_and_the_result_is_the_undisturbed_one() {
    let mut undisturbed = Bench::running(2);
    undisturbed.end();
    let mut bench = Bench::running(2);
    for after in [1, 3, 2] {
        bench.run_for(Duration::from_secs(after));
        bench.restart(2, Duration::from_millis(700));
        bench.come_back(0);
        bench.come_back(1);
    }
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert_eq!(bench.core.verdict(), undisturbed.core.verdict());
    assert_eq!(bench.core.verdict().status, Status::Pass);
    let latency = |bench: &Bench| bench.core.figures()["registration"].latency.clone();
    assert_eq!(latency(&bench), latency(&undisturbed), "merged histograms are the same to the bit");
}

#[test]
fn leases_count_as_renewed_at_the_restart_and_then_end() {
    let mut bench = Bench::running(2);
    bench.run_for(Duration::from_secs(2));
    bench.restart(2, Duration::from_secs(3));
    bench.come_back(0);
    bench.run_for(LEASE);
    let with_1 = |bench: &Bench| {
        (0..4).filter(|shard| bench.core.holder(*shard).is_some_and(|(name, _)| name == "agent-1")).count()
    };
    assert_eq!(with_1(&bench), 2, "the last renewal may have been sent just before the end");
    bench.run_for(Duration::from_millis(400));
    assert_eq!(with_1(&bench), 0);
    bench.end();
}
