//! A technology that nobody knows, under the agent's own campaign: a toy node, and a UE that says hello and goodbye. It is plugged in
//! here, and no campaign, no wire and no report knows of it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod network;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{Campaign, Shard};
use network::{GOODBYE, HELLO, NO, ToyAction, ToyNetwork, YES};
use scenarios::{Plan, Scenario};
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, Takeover, TracePolicy, UeBatch};
use wire::to_coordinator::IntervalReport;

const SCENARIO: &str = r#"
name: toy
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA"}
cells: {nodes: 1}
drain: 1s
load:
  - {procedure: registration, phases: [{rate: 60/s, for: 3s}]}
  - {procedure: deregistration, starts-after: 1s, phases: [{rate: 30/s, for: 2s}]}
slos: [registration.success >= 1%]
"#;

fn plan(seed: u64) -> Plan {
    Plan::with_shards(Arc::new(Scenario::from_yaml(SCENARIO, "toy.yaml").unwrap()), seed, 1).unwrap()
}

fn shard(plan: &Plan, epoch: u64, resume_at: Vec<u64>, takeover: Option<Takeover>) -> Shard<ToyNetwork> {
    let lease = Lease {
        run: "toy".into(),
        scenario: String::new(),
        seed: plan.seed(),
        shard: 0,
        shards: 1,
        epoch,
        asked_us: 0,
        valid_us: 30_000_000,
        target: "memory://toy".into(),
        resume_at,
        trace: TracePolicy::Failed,
        key: [7; 32],
        takeover,
        rows: RowsWanted::default(),
        trace_id: [0; 16],
    };
    Shard::over(Campaign::new(plan, &lease), ToyNetwork::new(plan, &lease))
}

/// A core that answers after a while: every tenth time it says no, and every seventeenth nothing.
struct ToyCore {
    heard: u64,
    answers: VecDeque<(Instant, Vec<u8>)>,
}

impl ToyCore {
    fn hears(&mut self, frame: &[u8], now: Instant) {
        assert!(matches!(frame.first(), Some(&(HELLO | GOODBYE))) && frame.len() == 5, "{frame:?}");
        self.heard += 1;
        let answer = if self.heard.is_multiple_of(10) { NO } else { YES };
        if !self.heard.is_multiple_of(17) {
            self.answers.push_back((now + Duration::from_millis(20), [&[answer], &frame[1..]].concat()));
        }
    }
}

/// Plays the shard until it is finished or settled, or until `until`.
fn play(
    shard: &mut Shard<ToyNetwork>,
    core: &mut ToyCore,
    now: &mut Instant,
    until: Instant,
) -> Vec<IntervalReport> {
    let (mut reports, mut out) = (Vec::new(), Vec::new());
    while *now < until && !shard.is_finished(*now) && !shard.is_settled(*now) {
        while core.answers.front().is_some_and(|(at, _)| *at <= *now) {
            let (_, frame) = core.answers.pop_front().unwrap();
            shard.drive(*now, &mut out, |ran, _| ran.received(&frame));
        }
        shard.advance(*now, &mut out);
        for action in out.drain(..) {
            match action {
                ToyAction::Send(frame) => core.hears(&frame, *now),
                ToyAction::Letter(letter) => panic!("{letter:?}"),
            }
        }
        *now += Duration::from_millis(1);
        if (*now - shard.run_start().unwrap()).as_millis().is_multiple_of(1000) {
            reports.extend(shard.report(*now));
        }
    }
    reports.extend(shard.report(*now));
    reports
}

/// Of each procedure: due, succeeded, failed, timed out, abandoned, never started.
fn account(reports: &[IntervalReport]) -> BTreeMap<String, [u64; 6]> {
    let mut account: BTreeMap<String, [u64; 6]> = BTreeMap::new();
    let sum = |list: &[(String, u64)]| list.iter().map(|(_, count)| count).sum::<u64>();
    for one in reports.iter().flat_map(|report| &report.procedures) {
        let counts = [
            one.due,
            one.succeeded,
            sum(&one.failed),
            sum(&one.timed_out),
            sum(&one.abandoned),
            sum(&one.never_started),
        ];
        let of = account.entry(one.procedure.clone()).or_default();
        of.iter_mut().zip(counts).for_each(|(all, more)| *all += more);
    }
    account
}

fn assert_accounted(reports: &[IntervalReport], plan: &Plan) -> BTreeMap<String, [u64; 6]> {
    let account = account(reports);
    for (procedure, planned) in plan.planned() {
        let [due, rest @ ..] = account[procedure.name()];
        assert_eq!(due, planned, "{procedure}: {account:?}");
        assert_eq!(rest.iter().sum::<u64>(), planned, "{procedure}: {account:?}");
    }
    account
}

#[test]
fn a_toy_technology_runs_a_campaign_whose_account_is_exact() {
    let plan = plan(11);
    let (mut shard, mut now) = (shard(&plan, 1, Vec::new(), None), Instant::now());
    let mut core = ToyCore { heard: 0, answers: VecDeque::new() };
    shard.start(now, 0);
    let end = now + Duration::from_secs(60);
    let reports = play(&mut shard, &mut core, &mut now, end);
    assert!(shard.is_finished(now));
    let account = assert_accounted(&reports, &plan);
    let [_, succeeded, failed, timed_out, ..] = account["registration"];
    assert!(succeeded > 100 && failed > 5 && timed_out > 3, "{account:?}");
    let failures = reports.iter().flat_map(|report| &report.procedures).flat_map(|one| &one.failed);
    assert!(failures.into_iter().all(|(cause, _)| cause == "toy-no"));
    let latencies = reports.iter().flat_map(|report| &report.procedures).map(|one| one.latency_v2.len());
    assert!(latencies.sum::<usize>() > 0, "what succeeds has a latency");
    let sent: u64 = reports.iter().map(|report| report.messages_sent).sum();
    assert_eq!(sent, core.heard);
}

#[test]
fn a_toy_shard_goes_to_its_next_holder_with_its_ues() {
    let plan = plan(12);
    let (mut first, mut now) = (shard(&plan, 1, Vec::new(), None), Instant::now());
    let start = now;
    let mut core = ToyCore { heard: 0, answers: VecDeque::new() };
    first.start(start, 0);
    let mut reports = play(&mut first, &mut core, &mut now, start + Duration::from_millis(1500));
    first.settle(now, now + Duration::from_secs(1));
    reports.extend(play(&mut first, &mut core, &mut now, start + Duration::from_secs(20)));
    assert!(first.is_settled(now));
    let ues = first.export(now);
    let registered = first.ran().registered();
    let last = reports.last().unwrap().clone();
    let takeover =
        Takeover { from_us: last.to_us, batches: u32::try_from(ues.len()).unwrap(), ..Takeover::default() };
    let mut next = shard(&plan, 2, last.progress, Some(takeover));
    for batch in ues {
        next.adopt(&UeBatch { epoch: 2, ..batch }).unwrap();
    }
    assert!(registered > 10);
    assert_eq!(next.ran().registered(), registered, "everybody has come along");
    next.start(start, 0);
    reports.extend(play(&mut next, &mut core, &mut now, start + Duration::from_secs(60)));
    assert!(next.is_finished(now));
    assert_accounted(&reports, &plan);
}
