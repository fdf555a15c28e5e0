//! Planning 1,000,000 subscribers: the plan itself, one shard's schedule, and its subscribers' identities.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use scenarios::{Plan, Scenario};

fn million() -> Arc<Scenario> {
    let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
    let overrides = [
        set("subscribers.0.count", "1000000"),
        set("cells.nodes", "64"),
        set("load.0.phases", "[{rate: 10000/s, for: 100s}]"),
    ];
    Arc::new(Scenario::load("attach-10k", &overrides).unwrap())
}

fn planning(criterion: &mut Criterion) {
    let scenario = million();
    criterion.bench_function("plan of 1,000,000 subscribers", |bencher| {
        bencher.iter(|| black_box(Plan::new(Arc::clone(&scenario), 7, 1).unwrap()));
    });
    let plan = Plan::new(scenario, 7, 1).unwrap();
    criterion.bench_function("schedule of one of its 64 shards (15,625 attempts)", |bencher| {
        bencher.iter(|| plan.shard(3).schedules().into_iter().flatten().map(|due| due.at).max());
    });
    criterion.bench_function("identities of one of its 64 shards (15,625 subscribers)", |bencher| {
        let shard = plan.shard(3);
        bencher.iter(|| (0..shard.subscriber_count()).filter_map(|local| shard.subscriber(local)).count());
    });
}

criterion_group!(benches, planning);
criterion_main!(benches);
