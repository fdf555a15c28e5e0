//! Merging an agent's histogram of 10,000 samples into the run's, from the V2 octets of a report: by the library, and straight
//! from the encoding.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use coordinator::{Histogram as Merged, decode_v2};
use criterion::{Criterion, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn merging(criterion: &mut Criterion) {
    let mut rng = SmallRng::seed_from_u64(7);
    let mut interval = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    for _ in 0..10_000 {
        interval.record(rng.random_range(500..50_000)).unwrap();
    }
    let mut octets = Vec::new();
    V2Serializer::new().serialize(&interval, &mut octets).unwrap();
    let mut total = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap();
    let mut deserializer = Deserializer::new();
    criterion.bench_function("merge one interval of 10,000 samples", |bencher| {
        bencher.iter(|| {
            let part: Histogram<u64> = deserializer.deserialize(&mut octets.as_slice()).unwrap();
            total.add(&part).unwrap();
        });
    });
    // As the coordinator does it: checked once, added to the whole run and to its second.
    let samples = decode_v2(&octets).unwrap();
    let mut straight = Merged::default();
    criterion.bench_function("check one interval of 10,000 samples, encoded", |bencher| {
        bencher.iter(|| decode_v2(&octets).unwrap());
    });
    criterion.bench_function("merge one interval of 10,000 samples, encoded", |bencher| {
        bencher.iter(|| straight.add_samples(&samples));
    });
    criterion.bench_function("write one interval of 10,000 samples", |bencher| {
        let (mut serializer, mut octets) = (V2Serializer::new(), Vec::new());
        bencher.iter(|| {
            octets.clear();
            serializer.serialize(&interval, &mut octets).unwrap()
        });
    });
}

criterion_group!(benches, merging);
criterion_main!(benches);
