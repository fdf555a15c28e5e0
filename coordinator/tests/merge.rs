//! Merging: whatever way the reports come, the result is that of adding each once.
#![allow(clippy::unwrap_used, reason = "a test may panic, and its helper functions too")]

use std::collections::BTreeMap;

use billing::{Closing, Octets, UsageRecord};
use coordinator::{Checked, Counts, Fault, Merge, Reception};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use identity::{CellId, SessionId};
use proptest::prelude::*;
use wire::bounds::LONGEST_CAUSE;
use wire::to_coordinator::{HandoverCount, IntervalReport, MOST_HANDOVERS, MOST_USAGE, ProcedureInterval};

fn v2(values: &[u64]) -> Vec<u8> {
    let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    values.iter().for_each(|value| histogram.record(*value).unwrap());
    let mut octets = Vec::new();
    if !values.is_empty() {
        V2Serializer::new().serialize(&histogram, &mut octets).unwrap();
    }
    octets
}

fn report(shard: u32, epoch: u64, sequence: u64, latencies: &[u64], failed: u64) -> IntervalReport {
    let succeeded = latencies.len() as u64;
    IntervalReport {
        run: "run".to_owned(),
        shard,
        epoch,
        sequence,
        from_us: sequence * 1_000_000,
        to_us: (sequence + 1) * 1_000_000,
        progress: vec![],
        procedures: vec![ProcedureInterval {
            procedure: "registration".to_owned(),
            due: succeeded + failed,
            started: succeeded + failed,
            succeeded,
            failed: vec![("congestion".to_owned(), failed)],
            latency_v2: v2(latencies),
            service_v2: v2(latencies),
            ..ProcedureInterval::default()
        }],
        in_flight: 0,
        registered: 0,
        unexpected: vec![],
        messages_sent: 0,
        messages_received: 0,
        radio_lost: 0,
        ..IntervalReport::default()
    }
}

/// The wall clock at the start of the run.
const START_US: u64 = 1_795_556_000_000_000;

fn handover(procedure: &str, succeeded: u64) -> HandoverCount {
    let cell = |node| CellId { node, cell: 0 };
    HandoverCount { procedure: procedure.to_owned(), source: cell(1), target: cell(2), succeeded, failed: 0 }
}

fn usage(change: impl FnOnce(&mut UsageRecord)) -> UsageRecord {
    let mut record = UsageRecord {
        charging_id: None,
        supi: "001010000000001".parse().unwrap(),
        session: SessionId::new(1).unwrap(),
        serving: "001/01".parse().unwrap(),
        dnn: "internet".parse().unwrap(),
        sequence: 0,
        opened_us: START_US,
        from_us: START_US + 1,
        to_us: START_US + 2,
        uplink: Octets(3),
        downlink: Octets(4),
        downlink_lost: 0,
        closing: Closing::Released,
    };
    change(&mut record);
    record
}

/// The sums of what was handed out, and how often each report was.
#[derive(Default)]
struct Sums {
    counts: Counts,
    times: BTreeMap<(u32, u64), u32>,
}

impl Sums {
    fn add(&mut self, checked: &Checked) {
        checked.report.procedures.iter().for_each(|procedure| self.counts.add(procedure));
        *self.times.entry((checked.report.shard, checked.report.sequence)).or_default() += 1;
    }
}

proptest! {
    /// Any order, any repetition, and lies about the epoch among them: each report is counted once, in its shard's order.
    #[test]
    fn every_report_is_counted_exactly_once(
        shards in prop::collection::vec(prop::collection::vec((prop::collection::vec(1u64..5_000_000, 0..4), 0u64..5), 1..12), 1..4),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..80),
    ) {
        let mut reports = Vec::new();
        let mut direct = Counts::default();
        for (shard, intervals) in (0u32..).zip(&shards) {
            for (sequence, (latencies, failed)) in (0u64..).zip(intervals) {
                let report = report(shard, 2, sequence, latencies, *failed);
                report.procedures.iter().for_each(|procedure| direct.add(procedure));
                reports.push(report);
            }
        }
        let mut merge = Merge::new(u32::try_from(shards.len()).unwrap());
        (0u32..).zip(&shards).for_each(|(shard, _)| merge.lease(shard, 2));
        let mut sums = Sums::default();
        // A random order with repetitions, then everything once more, last first, as after a lost link.
        let random = order.iter().map(|(index, old)| (index.get(&reports).clone(), *old));
        let all: Vec<_> = random.chain(reports.iter().rev().cloned().map(|report| (report, false))).collect();
        for (mut report, old) in all {
            if old {
                report.epoch = 1;
            }
            match merge.receive(report).unwrap() {
                Reception::Next(ready) => ready.iter().for_each(|checked| sums.add(checked)),
                Reception::OldEpoch { current } => prop_assert!(old && current == 2),
                Reception::Duplicate | Reception::Held => prop_assert!(!old),
                Reception::TooFarAhead => prop_assert!(false, "nothing is that far ahead"),
            }
        }
        prop_assert_eq!(&sums.counts, &direct);
        prop_assert_eq!(sums.times.len(), reports.len());
        prop_assert!(sums.times.values().all(|times| *times == 1));
    }
}

#[test]
fn endless_cause_is_cut_and_counted() {
    let mut merge = Merge::new(1);
    merge.lease(0, 1);
    let mut endless = report(0, 1, 0, &[], 0);
    endless.procedures[0].started += 1;
    endless.procedures[0].due += 1;
    endless.procedures[0].failed = vec![("x".repeat(10_000), 1)];
    let Ok(Reception::Next(ready)) = merge.receive(endless) else { panic!("it is the network's cause") };
    let [(cause, 1)] = &ready[0].report.procedures[0].failed[..] else { panic!("{ready:?}") };
    assert!(cause.starts_with("xxx") && cause.chars().count() <= LONGEST_CAUSE, "{}", cause.len());
}

#[test]
fn report_far_ahead_is_refused_and_counts_when_it_comes_again() {
    let mut merge = Merge::new(1);
    merge.lease(0, 1);
    assert_eq!(merge.receive(report(0, 1, 65, &[], 1)), Ok(Reception::TooFarAhead));
    for sequence in 0..66 {
        let received = merge.receive(report(0, 1, sequence, &[], 1)).unwrap();
        assert!(matches!(received, Reception::Next(ready) if ready.len() == 1));
    }
}

#[test]
fn new_lease_begins_at_zero_and_refuses_the_old_one() {
    let mut merge = Merge::new(1);
    merge.lease(0, 1);
    assert!(matches!(merge.receive(report(0, 1, 0, &[5], 0)), Ok(Reception::Next(_))));
    merge.lease(0, 2);
    assert_eq!(merge.receive(report(0, 1, 1, &[5], 0)), Ok(Reception::OldEpoch { current: 2 }));
    assert!(matches!(merge.receive(report(0, 2, 0, &[5], 0)), Ok(Reception::Next(_))));
}

#[test]
fn impossible_reports_are_refused_and_not_counted() {
    let mut merge = Merge::new(1);
    merge.lease(0, 1);
    merge.not_after(10_000_000);
    merge.begins(START_US);
    let good = || {
        let mut report = report(0, 1, 0, &[5, 6], 1);
        report.usage = vec![usage(|_| {})];
        report.handovers = vec![handover("handover-xn", 1)];
        report.procedures[0].phases = vec![("preparation".to_owned(), v2(&[5, 6]))];
        report
    };
    let mut broken: Vec<(&str, IntervalReport)> = Vec::new();
    let mut with = |what, change: fn(&mut IntervalReport)| {
        let mut report = good();
        change(&mut report);
        broken.push((what, report));
    };
    with("unknown shard", |r| r.shard = 9);
    with("epoch that was never given out", |r| r.epoch = 2);
    with("backwards", |r| (r.from_us, r.to_us) = (2, 1));
    with("the future", |r| r.to_us = 10_000_001);
    with("unknown procedure", |r| r.procedures[0].procedure = "teleport".to_owned());
    with("a procedure twice", |r| r.procedures.push(r.procedures[0].clone()));
    with("more successes than samples", |r| r.procedures[0].succeeded = 3);
    with("cut histogram", |r| r.procedures[0].latency_v2.truncate(30));
    with("enormous counts", |r| r.procedures[0].due = u64::MAX);
    with("overflowing causes", |r| {
        r.procedures[0].failed = vec![("a".to_owned(), u64::MAX), ("b".to_owned(), u64::MAX)]
    });
    with("a phase with more samples than successes", |r| {
        r.procedures[0].phases = vec![("preparation".to_owned(), v2(&[1, 2, 3]))];
    });
    with("a phase twice", |r| {
        r.procedures[0].phases = vec![("a".to_owned(), vec![]), ("a".to_owned(), vec![])]
    });
    with("a phase that cannot be read", |r| r.procedures[0].phases = vec![("a".to_owned(), vec![1, 2])]);
    with("a handover that is none", |r| r.handovers.push(handover("registration", 1)));
    with("overflowing handovers", |r| {
        r.handovers = vec![handover("handover-n2", u64::MAX), handover("handover-xn", u64::MAX)];
    });
    with("too many pairs of cells", |r| r.handovers = vec![handover("handover-n2", 1); MOST_HANDOVERS + 1]);
    with("too much user data", |r| r.user_plane.downlink_lost = u64::MAX);
    with("octets without packets", |r| r.user_plane.uplink_octets = 1);
    with("packets without octets", |r| r.user_plane.downlink_packets = 1);
    with("a session that ends before it begins", |r| r.usage = vec![usage(|u| u.to_us = u.from_us - 1)]);
    with("a session before the run", |r| r.usage = vec![usage(|u| u.opened_us = 1)]);
    with("a session in the future", |r| r.usage = vec![usage(|u| u.to_us += 10_000_000)]);
    with("a petabyte", |r| r.usage = vec![usage(|u| u.uplink.0 = 1 << 51)]);
    with("sums that overflow", |r| r.usage = vec![usage(|u| u.uplink.0 = 1 << 50); 65]);
    with("too many usage records", |r| r.usage = vec![usage(|_| {}); MOST_USAGE + 1]);
    for (what, report) in broken {
        assert!(merge.receive(report).is_err(), "{what}");
    }
    assert_eq!(merge.receive(report(7, 1, 0, &[], 0)), Err(Fault::Shard(7)));
    assert!(matches!(merge.receive(good()), Ok(Reception::Next(_))), "nothing of the broken ones may count");
}

#[test]
fn lateness_of_more_attempts_than_came_due_is_refused() {
    let mut merge = Merge::new(1);
    merge.lease(0, 1);
    let mut lying = report(0, 1, 0, &[10, 20], 1);
    lying.procedures[0].lateness_v2 = v2(&[1, 2, 3, 4]);
    assert_eq!(
        merge.receive(lying.clone()),
        Err(Fault::Lateness { procedure: "registration".to_owned(), scheduled: 3, samples: 4 })
    );
    // A UE's own attempts are not of the schedule.
    lying.procedures[0].lateness_v2 = v2(&[1, 2, 3]);
    lying.procedures[0].self_started = 1;
    assert!(matches!(merge.receive(lying.clone()), Err(Fault::Lateness { scheduled: 2, samples: 3, .. })));
    lying.procedures[0].self_started = 0;
    assert!(matches!(merge.receive(lying), Ok(Reception::Next(_))));
}
