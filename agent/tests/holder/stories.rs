//! One story each.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use agent::holder::{Holder, HolderSettings, Input, Left, Notice, Order, Output};
use wire::attempts::{AttemptRow, RowOutcome, RowUse};
use wire::away::{AwayEnd, DueAway};
use wire::to_agent::{Takeover, ToAgent, UeBatch};
use wire::to_coordinator::{Part, ToCoordinator};

use crate::{LEASE, RUN, lease, renew, report, welcome};

/// A holder with a clock, for tests that tell a story.
struct Desk {
    holder: Holder,
    base: Instant,
    now: Instant,
}

impl Desk {
    fn new(settings: HolderSettings) -> Self {
        let now = Instant::now();
        Self { holder: Holder::new(settings, now), base: now, now }
    }

    fn joined() -> Self {
        let mut desk = Self::new(HolderSettings { workers: 2, ..HolderSettings::default() });
        desk.put(Input::Connected(welcome(false)));
        desk
    }

    /// Joined, with this shard running.
    fn running(shard: u32) -> Self {
        let mut desk = Self::joined();
        desk.put(Input::Message(ToAgent::Lease(lease(shard, 1, 0))));
        desk.put(Input::Notice(Notice::Ready { shard, epoch: 1 }));
        desk.put(Input::Message(ToAgent::Start {
            run: RUN.to_owned(),
            at_us: 5,
            wall_us: 10,
            paused_at_us: None,
        }));
        desk
    }

    fn put(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.holder.handle(input, self.now, &mut out);
        out
    }

    fn after(&mut self, time: Duration, input: Input) -> Vec<Output> {
        self.now += time;
        self.put(input)
    }

    fn us(&self) -> u64 {
        (self.now - self.base).as_micros().try_into().unwrap()
    }
}

fn sends(out: &[Output]) -> Vec<&ToCoordinator> {
    out.iter()
        .filter_map(|output| match output {
            Output::Send(ToCoordinator::Alive { .. }) => None,
            Output::Send(message) => Some(message),
            _ => None,
        })
        .collect()
}

fn orders(out: &[Output]) -> Vec<&Order> {
    out.iter()
        .filter_map(|output| match output {
            Output::Tell { command, .. } => Some(&command.order),
            _ => None,
        })
        .collect()
}

#[test]
fn a_returning_agent_names_what_it_holds_and_hands_in_what_is_not_acknowledged_in_order() {
    let mut desk = Desk::running(3);
    for _ in 0..3 {
        desk.put(Input::Notice(Notice::Report(report(3, 1))));
    }
    desk.put(Input::Message(ToAgent::Ack { shard: 3, epoch: 1, sequence: 0 }));
    desk.put(Input::Disconnected);
    assert_eq!(sends(&desk.put(Input::Notice(Notice::Report(report(3, 1))))), [] as [&ToCoordinator; 0]);
    let Part::Returning(back) = desk.holder.hello(desk.now).part else { panic!("not returning") };
    assert_eq!((back.run.as_str(), back.token), (RUN, [7; 16]));
    assert_eq!((back.held[0].shard, back.held[0].unacknowledged, back.held[0].lapsed), (3, 1, false));
    let out = desk.put(Input::Connected(welcome(true)));
    let sequences: Vec<u64> = sends(&out)
        .iter()
        .filter_map(|message| match message {
            ToCoordinator::Report(report) => Some(report.sequence),
            _ => None,
        })
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[test]
fn an_agent_that_its_coordinator_does_not_know_any_more_gives_everything_up() {
    let mut desk = Desk::running(0);
    desk.put(Input::Notice(Notice::Report(report(0, 1))));
    desk.put(Input::Disconnected);
    let out = desk.put(Input::Connected(welcome(false)));
    assert_eq!(orders(&out), [&Order::Revoke]);
    assert_eq!(sends(&out), [] as [&ToCoordinator; 0]);
    assert_eq!(desk.holder.unacknowledged(), 0);
    assert_eq!(desk.holder.hello(desk.now).part, Part::Agent);
}

#[test]
fn a_renewal_after_the_end_of_the_lease_does_not_bring_it_back() {
    let mut desk = Desk::running(0);
    let out = desk.after(Duration::from_secs(10), Input::Message(renew(desk.us() + 5_000_000, vec![(0, 1)])));
    let [Order::Renew { until }] = orders(&out)[..] else { panic!("{out:?}") };
    // From the asking, not from the answer.
    assert!(*until <= desk.base + Duration::from_secs(35));
    desk.now = *until;
    let out = desk.put(Input::Message(renew(desk.us(), vec![(0, 1)])));
    assert_eq!(orders(&out), [] as [&Order; 0]);
    let held = desk.holder.hello(desk.now).part;
    let Part::Returning(back) = held else { panic!("{held:?}") };
    assert!(back.held[0].lapsed);
}

#[test]
fn a_renewal_that_claims_to_be_asked_for_in_the_future_counts_from_now() {
    let mut desk = Desk::running(0);
    let out = desk.after(Duration::from_secs(1), Input::Message(renew(u64::MAX, vec![(0, 1)])));
    let [Order::Renew { until }] = orders(&out)[..] else { panic!("{out:?}") };
    assert!(*until <= desk.now + LEASE);
}

#[test]
fn an_epoch_that_is_not_newer_is_not_taken() {
    let mut desk = Desk::joined();
    desk.put(Input::Message(ToAgent::Lease(lease(0, 5, 0))));
    for epoch in [5, 4, 0] {
        assert_eq!(orders(&desk.put(Input::Message(ToAgent::Lease(lease(0, epoch, 0))))), [] as [&Order; 0]);
    }
    desk.put(Input::Message(ToAgent::Revoke { shard: 0, epoch: 7 }));
    assert_eq!(orders(&desk.put(Input::Message(ToAgent::Lease(lease(0, 7, 0))))), [] as [&Order; 0]);
    let out = desk.put(Input::Message(ToAgent::Lease(lease(0, 8, 0))));
    assert!(matches!(orders(&out)[..], [Order::Take { .. }]), "{out:?}");
}

#[test]
fn shards_are_dealt_to_the_worker_with_the_fewest() {
    let mut desk = Desk::joined();
    let mut workers = Vec::new();
    for shard in 0..4 {
        for output in desk.put(Input::Message(ToAgent::Lease(lease(shard, 1, 0)))) {
            if let Output::Tell { worker, .. } = output {
                workers.push(worker);
            }
        }
    }
    assert_eq!(workers, [0, 1, 0, 1]);
}

#[test]
fn a_shard_that_is_leased_in_mid_run_starts_with_the_run_s_own_zero_moved_by_its_pauses() {
    let mut desk = Desk::running(0);
    let run = || RUN.to_owned();
    let out = desk.put(Input::Message(ToAgent::Pause { run: run(), at_us: 100 }));
    assert!(matches!(orders(&out)[..], [Order::Pause { .. }]));
    // Said again after a return: nothing new.
    assert_eq!(
        orders(&desk.put(Input::Message(ToAgent::Pause { run: run(), at_us: 100 }))),
        [] as [&Order; 0]
    );
    let out = desk.put(Input::Message(ToAgent::Resume { run: run(), at_us: 300, paused_us: 200 }));
    assert!(matches!(orders(&out)[..], [Order::Resume { .. }]));
    desk.put(Input::Message(ToAgent::Pause { run: run(), at_us: 400 }));
    desk.put(Input::Message(ToAgent::Lease(lease(1, 1, 0))));
    let out = desk.put(Input::Notice(Notice::Ready { shard: 1, epoch: 1 }));
    let at = desk.base + Duration::from_micros(205);
    let paused = desk.base + Duration::from_micros(400);
    assert_eq!(orders(&out), [&Order::Start { at, wall_us: 210, paused: Some(paused) }]);
}

#[test]
fn a_pause_that_began_before_the_agent_is_known_with_the_start() {
    let mut desk = Desk::joined();
    desk.put(Input::Message(ToAgent::Lease(lease(0, 1, 0))));
    desk.put(Input::Notice(Notice::Ready { shard: 0, epoch: 1 }));
    let before = |us: i64| us.cast_unsigned();
    let (at_us, paused_at_us) = (before(-2_000), Some(before(-500)));
    let out =
        desk.put(Input::Message(ToAgent::Start { run: RUN.to_owned(), at_us, wall_us: 10, paused_at_us }));
    let ago = |us| desk.base - Duration::from_micros(us);
    assert_eq!(orders(&out), [&Order::Start { at: ago(2_000), wall_us: 10, paused: Some(ago(500)) }]);
}

#[test]
fn a_shard_starts_when_all_its_ues_have_come_and_is_given_back_when_they_do_not() {
    let with_ues = |epoch| {
        let mut lease = lease(1, epoch, 0);
        lease.takeover = Some(Takeover { batches: 2, ..Takeover::default() });
        Input::Message(ToAgent::Lease(lease))
    };
    let part = |epoch, part| {
        Input::Message(ToAgent::Ues(Box::new(UeBatch {
            shard: 1,
            epoch,
            part,
            parts: 2,
            sealed: Vec::new(),
        })))
    };
    let mut desk = Desk::running(0);
    desk.put(with_ues(2));
    desk.put(part(2, 1));
    assert_eq!(orders(&desk.put(Input::Notice(Notice::Ready { shard: 1, epoch: 2 }))), [] as [&Order; 0]);
    assert_eq!(
        orders(&desk.put(part(2, 1))),
        [] as [&Order; 0],
        "a part that comes again after a return is not adopted twice"
    );
    let out = desk.put(part(2, 0));
    assert!(matches!(orders(&out)[..], [Order::Adopt(_), Order::Start { .. }]), "{out:?}");

    desk.put(with_ues(3));
    let out = desk.after(Duration::from_secs(8), part(3, 0));
    assert!(matches!(orders(&out)[..], [Order::Adopt(_)]), "{out:?}");
    desk.put(Input::Notice(Notice::Ready { shard: 1, epoch: 3 }));
    let out = desk.after(Duration::from_secs(8), Input::Tick);
    assert!(orders(&out).is_empty(), "the line is slow: {out:?}");
    let out = desk.after(Duration::from_secs(3), Input::Tick);
    assert!(matches!(orders(&out)[..], [Order::Revoke]), "{out:?}");
    let given_back = |output: &Output| {
        matches!(
            output,
            Output::Send(ToCoordinator::Released { shard: 1, epoch: 3, reports: 0, lapsed: true, .. })
        )
    };
    assert!(out.iter().any(given_back), "the coordinator has them still: {out:?}");
}

#[test]
fn a_lease_is_asked_for_six_times_at_least_and_each_second_at_least() {
    for (valid, most) in [(1_200_000, 200), (30_000_000, 1000)] {
        let mut desk = Desk::joined();
        let mut lease = lease(0, 1, 0);
        lease.valid_us = valid;
        desk.put(Input::Message(ToAgent::Lease(lease)));
        let mut last = desk.now;
        for _ in 0..5 {
            desk.now = desk.holder.next_deadline().unwrap();
            let out = desk.put(Input::Tick);
            assert!(matches!(out[..], [Output::Send(ToCoordinator::Alive { .. })]), "{out:?}");
            assert!(desk.now - last <= Duration::from_millis(most));
            last = desk.now;
        }
    }
}

#[test]
fn how_a_lease_ended_is_said_again_until_the_coordinator_has_answered_something_later() {
    let mut desk = Desk::running(0);
    let ues = UeBatch { shard: 0, epoch: 1, part: 0, parts: 1, sealed: vec![1] };
    let out = desk.put(Input::Message(ToAgent::Release { shard: 0, epoch: 1, settle_us: 2_000_000 }));
    assert_eq!(orders(&out), [&Order::Release { settle: Duration::from_secs(2) }]);
    desk.put(Input::Notice(Notice::Report(report(0, 1))));
    desk.put(Input::Notice(Notice::Ues(Box::new(ues.clone()))));
    let out = desk.put(Input::Notice(Notice::Released { shard: 0, epoch: 1, lapsed: false }));
    let released = ToCoordinator::Released { shard: 0, epoch: 1, reports: 1, batches: 1, lapsed: false };
    assert_eq!(sends(&out), [&ToCoordinator::Ues(Box::new(ues.clone())), &released]);
    desk.put(Input::Message(ToAgent::Ack { shard: 0, epoch: 1, sequence: 0 }));

    desk.put(Input::Disconnected);
    let out = desk.put(Input::Connected(welcome(true)));
    assert_eq!(sends(&out), [&ToCoordinator::Ues(Box::new(ues)), &released]);
    // An answer to what was asked before says nothing.
    let asked_before = desk.us();
    desk.after(Duration::from_secs(2), Input::Message(renew(asked_before, Vec::new())));
    assert!(matches!(desk.holder.hello(desk.now).part, Part::Returning(back) if back.held.len() == 1));
    desk.put(Input::Message(renew(asked_before + 1, Vec::new())));
    assert!(matches!(desk.holder.hello(desk.now).part, Part::Returning(back) if back.held.is_empty()));
}

#[test]
fn an_interrupted_agent_leaves_when_its_shards_are_handed_over_and_its_reports_acknowledged() {
    let mut desk = Desk::running(0);
    let within = Some(Duration::from_secs(4));
    let out = desk.put(Input::Interrupted { reason: "spot".to_owned(), within });
    let draining = ToCoordinator::Draining { reason: "spot".to_owned(), within_us: Some(4_000_000) };
    assert_eq!(sends(&out), [&draining]);
    let out = desk.put(Input::Message(ToAgent::Release { shard: 0, epoch: 1, settle_us: 2_000_000 }));
    assert_eq!(orders(&out), [&Order::Release { settle: Duration::from_secs(1) }], "a deadline shortens it");
    desk.put(Input::Notice(Notice::Report(report(0, 1))));
    let out = desk.put(Input::Notice(Notice::Released { shard: 0, epoch: 1, lapsed: false }));
    assert!(!out.contains(&Output::Leave(Left::HandedOver)), "a report is not acknowledged: {out:?}");
    let out = desk.put(Input::Message(ToAgent::Ack { shard: 0, epoch: 1, sequence: 0 }));
    let leaving = Output::Send(ToCoordinator::Leaving { reason: "spot".to_owned() });
    assert_eq!(out, [leaving, Output::Leave(Left::HandedOver)]);
}

#[test]
fn an_interrupted_agent_whose_shards_nobody_takes_ends_them_itself_or_leaves_when_its_host_does() {
    let mut desk = Desk::running(0);
    desk.put(Input::Interrupted { reason: "SIGTERM".to_owned(), within: None });
    let out = desk.after(Duration::from_secs(10), Input::Tick);
    assert!(matches!(orders(&out)[..], [Order::Drain { .. }]), "{out:?}");

    let mut desk = Desk::running(0);
    desk.put(Input::Message(ToAgent::Pause { run: RUN.to_owned(), at_us: 10 }));
    desk.put(Input::Interrupted { reason: "SIGTERM".to_owned(), within: None });
    for _ in 0..3 {
        let out = desk.after(Duration::from_secs(9), Input::Tick);
        assert_eq!(orders(&out), [] as [&Order; 0], "a run that stands still has time: {out:?}");
    }

    let mut desk = Desk::running(0);
    desk.put(Input::Interrupted { reason: "spot".to_owned(), within: Some(Duration::from_secs(20)) });
    let out = desk.after(Duration::from_secs(19), Input::Tick);
    assert_eq!(orders(&out), [] as [&Order; 0], "its successor skips no start: {out:?}");
    let out = desk.after(Duration::from_secs(1), Input::Tick);
    assert!(out.contains(&Output::Leave(Left::OutOfTime)), "{out:?}");
}

#[test]
fn an_agent_gives_up_only_when_no_lease_is_valid_and_nobody_has_answered_for_a_while() {
    let mut desk = Desk::new(HolderSettings { patience: Duration::from_secs(5), ..Default::default() });
    desk.put(Input::Connected(welcome(false)));
    desk.put(Input::Message(ToAgent::Lease(lease(0, 1, 0))));
    desk.put(Input::Disconnected);
    assert_eq!(desk.after(Duration::from_secs(20), Input::Tick), []);
    let out = desk.after(Duration::from_secs(11), Input::Tick);
    assert_eq!(out, [Output::Leave(Left::NobodyAnswers)]);
    assert_eq!(desk.put(Input::Connected(welcome(true))), []);
}

#[test]
fn reports_that_memory_does_not_hold_go_to_disk_and_come_back_in_order() {
    let size = postcard::to_stdvec(&report(0, 1)).unwrap().len() as u64;
    let settings = HolderSettings { memory: 2 * size, disk: 2 * size, ..Default::default() };
    let mut desk = Desk::new(settings);
    desk.put(Input::Connected(welcome(false)));
    desk.put(Input::Message(ToAgent::Lease(lease(0, 1, 0))));
    desk.put(Input::Disconnected);
    let mut disk = BTreeMap::new();
    for _ in 0..6 {
        for output in desk.put(Input::Notice(Notice::Report(report(0, 1)))) {
            let Output::Spool { id, report } = output else { panic!("{output:?}") };
            disk.insert(id.sequence, report);
            desk.put(Input::Spooled { id, returned: None });
        }
    }
    assert_eq!(disk.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!((desk.holder.reports_dropped(), desk.holder.spooled_octets()), (2, 2 * size));
    let mut outputs: VecDeque<Output> = desk.put(Input::Connected(welcome(true))).into();
    let (mut sent, mut forgotten) = (Vec::new(), Vec::new());
    while let Some(output) = outputs.pop_front() {
        match output {
            Output::Send(ToCoordinator::Report(report)) => {
                sent.push((report.sequence, report.dropped));
                let ack = ToAgent::Ack { shard: 0, epoch: 1, sequence: report.sequence };
                outputs.extend(desk.put(Input::Message(ack)));
            }
            Output::Fetch(id) => {
                let report = disk.get(&id.sequence).cloned();
                outputs.extend(desk.put(Input::Fetched { id, report }));
            }
            Output::Forget(id) => forgotten.push(id.sequence),
            _ => {}
        }
    }
    // What was dropped in a row is told by one report that has the number of the first.
    assert_eq!((sent, forgotten), (vec![(0, 0), (1, 0), (2, 0), (3, 0), (4, 2)], vec![2, 3]));
    assert_eq!((desk.holder.unacknowledged(), desk.holder.spooled_octets()), (0, 0));
    let out = desk.put(Input::Notice(Notice::Report(report(0, 1))));
    assert!(matches!(sends(&out)[..], [ToCoordinator::Report(report)] if report.sequence == 5), "{out:?}");
}

/// The room is for what the verdict rests on: rows of attempts go first, and are counted.
#[test]
fn rows_are_left_out_where_half_of_the_memory_is_full_and_nothing_else_is() {
    let row = AttemptRow {
        for_what: RowUse { file: true, span: false },
        due_us: 1,
        procedure: 0,
        self_started: false,
        supi: None,
        outcome: RowOutcome::Failed,
        cause: "congestion".to_owned(),
        latency_us: None,
        service_us: None,
        lateness_us: None,
        cell: None,
        target: None,
    };
    let with_rows = || {
        let mut report = report(0, 1);
        (report.rows, report.shifted) = (vec![row.clone(); 20], 3);
        report
    };
    let size = postcard::to_stdvec(&with_rows()).unwrap().len() as u64;
    let mut desk = Desk::new(HolderSettings { memory: 3 * size, disk: 0, ..Default::default() });
    desk.put(Input::Connected(welcome(false)));
    desk.put(Input::Message(ToAgent::Lease(lease(0, 1, 0))));
    desk.put(Input::Disconnected);
    for _ in 0..4 {
        assert_eq!(desk.put(Input::Notice(Notice::Report(with_rows()))), []);
    }
    let out = desk.put(Input::Connected(welcome(true)));
    let rows = sends(&out).into_iter().filter_map(|sent| match sent {
        ToCoordinator::Report(report) => Some((report.rows.len(), report.rows_left_out.file, report.shifted)),
        _ => None,
    });
    assert_eq!(rows.collect::<Vec<_>>(), [(20, 0, 3), (20, 0, 3), (0, 20, 3), (0, 20, 3)]);
}

#[test]
fn messages_about_what_is_unknown_change_nothing() {
    let mut desk = Desk::joined();
    let other = || "other".to_owned();
    let (shard, epoch) = (9, 9);
    for message in [
        ToAgent::Welcome(welcome(true)),
        ToAgent::Ack { shard, epoch, sequence: 9 },
        ToAgent::Release { shard, epoch, settle_us: u64::MAX },
        ToAgent::Start { run: other(), at_us: u64::MAX, wall_us: u64::MAX, paused_at_us: Some(u64::MAX) },
        ToAgent::Pause { run: other(), at_us: u64::MAX },
        ToAgent::Resume { run: other(), at_us: 0, paused_us: u64::MAX },
        renew(0, vec![(shard, epoch)]),
        ToAgent::ShardLost { shard, number: 1, late: false },
        ToAgent::AuditVisitors { call: 1 },
        ToAgent::FoundAway { shard, call: 1, found: vec![0] },
        ToAgent::Ues(Box::new(UeBatch { shard, epoch, part: 0, parts: 1, sealed: Vec::new() })),
    ] {
        assert_eq!(desk.put(Input::Message(message.clone())), [], "{message:?}");
    }
    // Absurd times of the own run.
    desk.put(Input::Message(ToAgent::Lease(lease(0, 1, u64::MAX))));
    for message in [
        ToAgent::Start {
            run: RUN.to_owned(),
            at_us: u64::MAX,
            wall_us: u64::MAX,
            paused_at_us: Some(u64::MAX),
        },
        ToAgent::Pause { run: RUN.to_owned(), at_us: u64::MAX },
        ToAgent::Resume { run: RUN.to_owned(), at_us: 0, paused_us: u64::MAX },
        ToAgent::Release { shard: 0, epoch: 1, settle_us: u64::MAX },
        ToAgent::Renew { asked_us: u64::MAX, valid_us: u64::MAX, leases: vec![(0, 1)] },
    ] {
        desk.put(Input::Message(message));
    }
    desk.put(Input::Notice(Notice::Ready { shard: 0, epoch: 1 }));
    assert!(desk.holder.is_connected());
}

#[test]
fn an_attempt_for_a_subscriber_elsewhere_goes_to_the_shard_here_or_to_the_coordinator() {
    let mut desk = Desk::running(0);
    desk.put(Input::Message(ToAgent::Lease(lease(1, 1, 0))));
    let due = DueAway { home: 0, epoch: 1, number: 1, ue: 5, procedure: 4 };
    let out = desk.put(Input::Notice(Notice::Ask { to: 1, due: due.clone() }));
    assert_eq!(orders(&out), [&Order::DueAway(due.clone())]);
    let out = desk.put(Input::Notice(Notice::Ask { to: 2, due: due.clone() }));
    assert_eq!(sends(&out), [&ToCoordinator::DueAway { to: 2, due: due.clone() }]);
    let end = AwayEnd { home: 0, epoch: 1, number: 1, ue: 5, ..AwayEnd::default() };
    let out = desk.put(Input::Message(ToAgent::AwayEnded(end.clone())));
    assert_eq!(orders(&out), [&Order::AwayEnded(end.clone())]);
    let end = AwayEnd { home: 3, ..end };
    let out = desk.put(Input::Notice(Notice::Answer(end.clone())));
    assert_eq!(sends(&out), [&ToCoordinator::AwayEnded(end)]);
    let out = desk.put(Input::Message(ToAgent::DueAway { to: 3, due: due.clone() }));
    let nobody = due.not_begun("away-in-a-shard-that-nobody-has");
    assert_eq!(
        sends(&out),
        [&ToCoordinator::AwayEnded(nobody)],
        "the shard is not here, and its home is told"
    );
}
