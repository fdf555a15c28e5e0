//! Agents that die, lapse, return, come late, leave and lie.

use std::time::Duration;

use coordinator::core::{Close, Input};
use results::ShardMove;
use results::Status;
use wire::standstill::StoodStill;
use wire::to_agent::{ToAgent, UeBatch};
use wire::to_coordinator::{FailedInto, Held, Part, ProcedureInterval, Return, ToCoordinator};

use crate::bench::{Bench, LEASE, MOST_JOINS, PLANNED};

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn joins_without_end_are_refused_and_the_run_goes_on() {
    let mut bench = Bench::running(2);
    let supervisor = bench.supervise();
    bench.cut(supervisor);
    for _ in 3..MOST_JOINS {
        let agent = bench.new_agent();
        bench.join(agent, Part::Agent, None);
        bench.cut(agent);
    }
    assert!(bench.closed.iter().all(|(_, close)| *close == Close::Goodbye));
    let agent = bench.new_agent();
    bench.join(agent, Part::Agent, None);
    let refused = bench.closed.last();
    assert!(
        matches!(refused, Some((_, Close::Refuse(why))) if why.starts_with("too many agents have joined")),
        "{refused:?}"
    );
    bench.cut(agent);
    for _ in 0..3 {
        bench.call_again(supervisor);
        bench.cut(supervisor);
    }
    assert_eq!(bench.closed.iter().filter(|(_, close)| *close != Close::Goodbye).count(), 1, "it is known");
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
}

#[test]
fn undisturbed_run_passes() {
    let mut bench = Bench::running(2);
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert_eq!(bench.core.verdict().reasons, Vec::<String>::new());
    assert!(bench.core.gaps().is_empty() && bench.core.moves().is_empty());
}

#[test]
fn dead_processs_shards_run_elsewhere_at_once_and_the_gap_is_exact() {
    let mut bench = Bench::running(4);
    let supervisor = bench.supervise();
    bench.run_for(seconds(5));
    let dead = bench.core.holder(0).unwrap().0.to_owned();
    let agent = (0..4).find(|n| bench.agent(*n).name == dead).unwrap();
    bench.cut(agent);
    bench.say(
        supervisor,
        ToCoordinator::ChildExited {
            mark: [u8::try_from(agent).unwrap() + 1; 16],
            status: "killed by signal 9".to_owned(),
        },
    );
    let (holder, epoch) = bench.core.holder(0).unwrap();
    assert!(holder != dead && epoch == 2, "{holder} {epoch}");
    let gap = bench.core.gaps()[0].clone();
    assert_eq!((gap.from_agent.as_str(), gap.to_agent.is_some()), (dead.as_str(), true));
    assert!(gap.cause.contains("killed by signal 9"), "{gap:?}");
    let [succeeded, abandoned, never] = bench.end();
    assert_eq!(abandoned, gap.abandoned.values().sum::<u64>());
    assert_eq!(never, gap.never_started.values().sum::<u64>());
    // 25 a second, and the gap is shorter than a second.
    assert!(succeeded >= PLANNED - 25 && abandoned + never > 0, "{succeeded} {gap:?}");
    assert_eq!(bench.core.verdict().status, Status::Pass, "{:?}", bench.core.verdict());
    assert!(
        bench.core.warnings().iter().any(|warning| warning.contains("were lost")),
        "{:?}",
        bench.core.warnings()
    );
    assert!(
        (0..4).filter(|n| *n != agent).all(|n| bench.agent(n).lost == [0]),
        "everybody is told of it once"
    );
}

/// Memory, or an address of its own: what one agent lacks another may have.
#[test]
fn shard_that_one_agent_lacks_the_means_for_goes_to_another() {
    let mut bench = Bench::with_unable(3, 1, true);
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert_eq!(bench.core.verdict().status, Status::Pass, "{:?}", bench.core.verdict());
    let said = bench.core.warnings().iter().any(|warning| warning.contains("cannot prepare shard"));
    assert!(said, "{:?}", bench.core.warnings());
    assert!((0..4).all(|shard| bench.core.holder(shard).is_none_or(|(agent, _)| agent != "agent-0")));
}

#[test]
fn run_is_invalid_when_nobody_has_the_means_or_the_target_is_the_reason() {
    for (unable, own) in [(3, true), (1, false)] {
        let mut bench = Bench::with_unable(3, unable, own);
        bench.run_for(seconds(10));
        assert!(bench.core.end().is_some(), "{unable} {own}");
        let verdict = bench.core.verdict();
        assert_eq!(verdict.status, Status::Invalid);
        assert!(verdict.reasons[0].contains("it lacks what it takes"), "{verdict:?}");
    }
}

/// A core cannot prepare a handover into cells whose gNBs went with their agent, and whoever asks it to cannot know that yet.
#[test]
fn handovers_into_a_lost_shard_are_no_failures_of_the_targets() {
    let mut bench = Bench::running(4);
    let supervisor = bench.supervise();
    bench.run_for(seconds(5));
    let dead = bench.core.holder(0).unwrap().0.to_owned();
    let agent = (0..4).find(|n| bench.agent(*n).name == dead).unwrap();
    let source = (0..4).find(|n| *n != agent).unwrap();
    bench.cut(agent);
    let refused = |shard, count| FailedInto {
        shard,
        procedure: "handover-n2".to_owned(),
        cause: "unknown-targetid".to_owned(),
        count,
        ..FailedInto::default()
    };
    let handovers = ProcedureInterval {
        procedure: "handover-n2".to_owned(),
        due: 10,
        self_started: 10,
        started: 10,
        failed: vec![("unknown-targetid".to_owned(), 10)],
        ..ProcedureInterval::default()
    };
    bench.run_for(Duration::from_millis(300));
    let run_us = bench.us() - bench.agent(source).start_us.unwrap();
    let playing = bench.agent(source).shards.values_mut().next().unwrap();
    let from = playing.lease.shard;
    let mut report = playing.next(run_us);
    report.procedures.push(handovers);
    report.failed_into = vec![refused(0, 4), refused(from, 6)];
    playing.unacknowledged.pop();
    bench.say(source, ToCoordinator::Report(Box::new(report)));
    let mark = [u8::try_from(agent).unwrap() + 1; 16];
    bench.say(supervisor, ToCoordinator::ChildExited { mark, status: "killed by signal 9".to_owned() });
    bench.end();
    let judged = |bench: &Bench| bench.core.figures()["handover-n2"].counts.clone();
    assert_eq!(judged(&bench).failed["unknown-targetid"], 10, "nobody knew when it was reported");
    bench.core.excuse_other_shards();
    let counts = judged(&bench);
    assert_eq!((counts.failed["unknown-targetid"], counts.abandoned["other-shard-away"]), (6, 4));
    assert_eq!((counts.judged(), counts.ended()), (6, 10));
}

#[test]
fn standstill_of_the_whole_process_is_told_with_the_time_of_its_end() {
    let mut bench = Bench::running(1);
    bench.run_for(seconds(2));
    // Nobody looked at the clock meanwhile.
    bench.now += seconds(6);
    let lasted = seconds(6);
    bench.handle(Input::StoodStill(StoodStill { until: seconds(100), lasted }));
    let reasons = bench.core.verdict().reasons;
    let told = reasons.first().unwrap();
    assert!(told.starts_with("this process stood still for 6.0 s, until 8."), "{reasons:?}");
}

/// The two connections of a host race each other: the supervisor's word comes first.
#[test]
fn last_words_of_an_ended_process_count_when_its_supervisor_is_faster() {
    for restarts in [false, true] {
        let mut bench = Bench::running(2);
        let supervisor = bench.supervise();
        bench.run_for(seconds(2));
        bench.say(1, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None });
        bench.run_for(Duration::from_millis(200));
        bench.play(1);
        let released = bench.agent(1).released.clone();
        assert_eq!(released.len(), 2);
        bench.say(supervisor, ToCoordinator::ChildExited { mark: [2; 16], status: "exit code 0".to_owned() });
        assert_eq!(bench.core.holder(released[0]).unwrap(), ("agent-1", 1), "not yet");
        if restarts {
            bench.restart(2, Duration::from_millis(10));
            assert!(
                bench.core.holder(released[0]).is_none_or(|(name, _)| name != "agent-1"),
                "nothing comes any more"
            );
            continue;
        }
        hand_over(&mut bench, 1);
        assert!(released.iter().all(|shard| bench.core.holder(*shard).unwrap().0 == "agent-0"));
        bench.say(1, ToCoordinator::Leaving { reason: "SIGTERM".to_owned() });
        assert_eq!(bench.end(), [PLANNED, 0, 0]);
        assert!(bench.core.gaps().is_empty() && bench.core.moves().len() == 2, "{:?}", bench.core.gaps());
    }
}

#[test]
fn process_that_ended_without_a_word_is_waited_for_a_moment_only() {
    let mut bench = Bench::running(2);
    let supervisor = bench.supervise();
    bench.run_for(seconds(2));
    bench.say(supervisor, ToCoordinator::ChildExited { mark: [2; 16], status: "killed".to_owned() });
    bench.now += Duration::from_millis(90);
    bench.handle(Input::Tick);
    assert!((0..4).any(|shard| bench.core.holder(shard).unwrap().0 == "agent-1"));
    bench.now += Duration::from_millis(10);
    bench.handle(Input::Tick);
    assert!((0..4).all(|shard| bench.core.holder(shard).unwrap().0 == "agent-0"));
}

#[test]
fn foreign_mark_moves_nothing_and_an_agent_that_claims_to_supervise_is_sent_away() {
    let mut bench = Bench::running(2);
    let supervisor = bench.supervise();
    bench.run_for(seconds(1));
    bench.say(supervisor, ToCoordinator::ChildExited { mark: [77; 16], status: "exit code 0".to_owned() });
    assert_eq!(bench.core.holder(0).unwrap().1, 1);
    bench.say(1, ToCoordinator::ChildExited { mark: [1; 16], status: "exit code 0".to_owned() });
    let link = bench.agent(1).link.unwrap();
    assert!(bench.closed.contains(&(link, Close::Goodbye)));
    assert_eq!(bench.core.holder(0).unwrap().1, 1, "agent 0 goes on");
}

#[test]
fn lease_of_an_agent_that_is_cut_off_is_given_away_after_its_end_and_not_before() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(2));
    bench.cut(1);
    bench.run_for(LEASE);
    assert!(
        (0..4).all(|shard| bench.core.holder(shard).unwrap().1 == 1),
        "nothing before the end of the lease"
    );
    bench.run_for(Duration::from_millis(400));
    assert!((0..4).all(|shard| bench.core.holder(shard).unwrap().0 == "agent-0"));
    let [succeeded, abandoned, never] = bench.end();
    assert!(abandoned > 150 && never > 0 && succeeded > 1700, "{succeeded} {abandoned} {never}");
    let verdict = bench.core.verdict();
    assert!(verdict.reasons[0].starts_with("fleet lost: "), "more than 5 % is too much: {verdict:?}");
    assert_eq!(verdict.reasons.len(), 1, "{verdict:?}");
}

#[test]
fn agent_that_returns_within_its_lease_has_lost_nothing() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.cut(1);
    bench.run_for(seconds(2));
    bench.come_back(1);
    let welcomed =
        bench.agent(1).heard.iter().any(|m| matches!(m, ToAgent::Welcome(welcome) if welcome.returned));
    assert!(welcomed);
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert_eq!(bench.core.verdict().status, Status::Pass);
}

#[test]
fn agent_that_returns_too_late_is_told_what_it_lost_and_takes_part_again() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(2));
    bench.cut(1);
    bench.run_for(LEASE + seconds(1));
    let held: Vec<(u32, u64)> =
        bench.agent(1).shards.values().map(|p| (p.lease.shard, p.lease.epoch)).collect();
    assert_eq!(held.len(), 2);
    bench.come_back(1);
    assert_eq!(bench.agent(1).revoked, held);
    bench.run_for(seconds(3));
    let with_it =
        (0..4).filter(|shard| bench.core.holder(*shard).is_some_and(|(name, _)| name == "agent-1")).count();
    assert_eq!(with_it, 0, "a shard is released first, and this bench hands none over");
    assert!(!bench.agent(0).released.is_empty(), "it gets its part of the load back");
}

#[test]
fn wrong_token_is_a_new_agent_and_what_it_holds_is_revoked() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(1));
    bench.agent(1).token = [0; 16];
    let shards: Vec<u32> = bench.agent(1).shards.keys().copied().collect();
    let stranger = bench.new_agent();
    let returning = Return {
        run: "test-run".to_owned(),
        agent: "agent-1".to_owned(),
        token: [0; 16],
        held: vec![Held { shard: shards[0], epoch: 1, unacknowledged: 0, lapsed: false }],
        losses: 0,
        paused_us: 0,
    };
    bench.join(stranger, Part::Returning(Box::new(returning)), None);
    bench.listen(stranger);
    assert_eq!(bench.agent(stranger).revoked, [(shards[0], 1)]);
    assert_eq!(bench.core.holder(shards[0]), Some(("agent-1", 1)));
}

/// Hands over every shard that the agent was asked for.
fn hand_over(bench: &mut Bench, agent: usize) {
    for shard in std::mem::take(&mut bench.agent(agent).released) {
        let run_us = bench.us() - bench.agent(agent).start_us.unwrap();
        let Some(mut playing) = bench.agent(agent).shards.remove(&shard) else { continue };
        let (last, epoch) = (playing.next(run_us), playing.lease.epoch);
        bench.say(agent, ToCoordinator::Report(Box::new(last)));
        let batch = UeBatch { shard, epoch, part: 0, parts: 1, sealed: vec![1, 2, 3] };
        bench.say(agent, ToCoordinator::Ues(Box::new(batch)));
        let reports = playing.sequence;
        bench.say(agent, ToCoordinator::Released { shard, epoch, reports, batches: 1, lapsed: false });
    }
}

#[test]
fn late_joiner_takes_its_part_and_no_attempt_is_lost() {
    let mut bench = Bench::running(1);
    bench.run_for(seconds(2));
    let late = bench.new_agent();
    bench.join(late, Part::Agent, None);
    for _ in 0..30 {
        bench.run_for(Duration::from_millis(100));
        hand_over(&mut bench, 0);
    }
    let its: Vec<u32> = bench.agent(late).shards.keys().copied().collect();
    assert_eq!(its.len(), 2, "half of four");
    let sealed = bench
        .agent(late)
        .heard
        .iter()
        .filter(|m| matches!(m, ToAgent::Ues(batch) if batch.epoch == 2))
        .count();
    assert_eq!(sealed, 2, "their UEs come along");
    let takeover = bench.agent(late).shards[&its[0]].lease.takeover.clone().unwrap();
    assert_eq!((takeover.batches, takeover.registered), (1, 0));
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    let moves: Vec<ShardMove> = bench.core.moves().to_vec();
    assert!(
        moves.len() == 2 && moves.iter().all(|m| m.to_agent == "agent-1" && m.from_us <= m.to_us),
        "{moves:?}"
    );
    assert!(bench.core.gaps().is_empty());
}

/// Agent 1 has handed its two shards over, and agent 0 was leased them and has heard nothing of it.
fn moving() -> (Bench, Vec<u32>) {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.say(1, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None });
    bench.run_for(Duration::from_millis(100));
    bench.listen(1);
    hand_over(&mut bench, 1);
    let moving: Vec<u32> = (0..4).filter(|shard| bench.core.holder(*shard).unwrap().1 == 2).collect();
    assert_eq!(moving.len(), 2);
    (bench, moving)
}

fn parts_heard(bench: &mut Bench, agent: usize, shard: u32, epoch: u64) -> usize {
    let heard = bench.agent(agent).heard.iter();
    heard.filter(|m| matches!(m, ToAgent::Ues(part) if (part.shard, part.epoch) == (shard, epoch))).count()
}

#[test]
fn lease_that_lapses_before_its_shard_began_costs_none_of_the_ues_that_came_with_it() {
    let (mut bench, moving) = moving();
    for shard in moving.clone() {
        let lapsed = ToCoordinator::Released { shard, epoch: 2, reports: 0, batches: 0, lapsed: true };
        bench.say(0, lapsed);
    }
    bench.listen(0);
    for shard in moving {
        assert_eq!(bench.core.holder(shard), Some(("agent-0", 3)));
        assert_eq!(parts_heard(&mut bench, 0, shard, 3), 1, "they come again");
    }
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert!(bench.core.gaps().is_empty() && bench.core.moves().len() == 2, "{:?}", bench.core.gaps());
}

#[test]
fn ues_that_a_broken_connection_has_swallowed_come_again_until_their_shard_has_begun() {
    let (mut bench, moving) = moving();
    bench.listen(0);
    moving.iter().for_each(|shard| assert_eq!(parts_heard(&mut bench, 0, *shard, 2), 1));
    for (again, begun) in [(2, false), (2, true)] {
        if begun {
            bench.run_for(seconds(1));
        }
        bench.cut(0);
        bench.come_back(0);
        moving.iter().for_each(|shard| assert_eq!(parts_heard(&mut bench, 0, *shard, 2), again, "{begun}"));
    }
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
}

#[test]
fn ues_that_are_lost_with_the_coordinator_are_told_of_and_registered_anew() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(4));
    bench.say(1, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None });
    bench.run_for(Duration::from_millis(100));
    bench.listen(1);
    bench.agent(0).behind = LEASE * 3 / 4;
    bench.run_for(LEASE * 3 / 4);
    hand_over(&mut bench, 1);
    let vacant: Vec<u32> = (0..4).filter(|shard| bench.core.holder(*shard).is_none()).collect();
    assert_eq!(vacant.len(), 2, "nobody can take them, and their UEs wait");
    bench.agent(0).behind = Duration::ZERO;
    bench.restart(2, Duration::from_millis(10));
    bench.come_back(0);
    bench.run_for(seconds(2));
    for shard in vacant {
        let takeover = bench.agent(0).shards[&shard].lease.takeover.clone().unwrap();
        assert!(takeover.batches == 0 && takeover.registered > 0, "{takeover:?}");
        let gap = bench.core.gaps().iter().find(|gap| gap.shard == shard);
        assert!(gap.is_some_and(|gap| gap.cause.contains("UEs were lost") && gap.registered > 0), "{gap:?}");
        assert!(bench.agent(0).lost.contains(&shard), "whoever has a guest from there has to know");
    }
    let [succeeded, abandoned, never] = bench.end();
    assert_eq!((succeeded + never, abandoned), (PLANNED, 0));
}

#[test]
fn agent_whose_signs_of_life_were_held_up_gets_no_shard_until_it_has_caught_up() {
    let mut bench = Bench::running(3);
    let supervisor = bench.supervise();
    bench.run_for(seconds(4));
    bench.agent(2).behind = LEASE * 3 / 4;
    bench.run_for(LEASE * 3 / 4);
    let before: Vec<u32> = (0..4).filter(|shard| bench.core.holder(*shard).unwrap().0 == "agent-2").collect();
    bench.cut(1);
    bench.say(supervisor, ToCoordinator::ChildExited { mark: [2; 16], status: "killed".to_owned() });
    bench.run_for(Duration::from_millis(300));
    for shard in 0..4 {
        let holder = if before.contains(&shard) { "agent-2" } else { "agent-0" };
        assert_eq!(bench.core.holder(shard).unwrap().0, holder, "shard {shard}");
    }
    bench.agent(2).behind = Duration::ZERO;
    bench.run_for(seconds(2));
    assert!(!bench.agent(0).released.is_empty(), "then it gets its part of the load");
}

#[test]
fn agent_that_drains_is_emptied_and_alone_it_keeps_its_shards() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(1));
    bench.say(1, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: Some(30_000_000) });
    for _ in 0..10 {
        bench.run_for(Duration::from_millis(100));
        hand_over(&mut bench, 1);
    }
    assert!((0..4).all(|shard| bench.core.holder(shard).unwrap().0 == "agent-0"));
    bench.say(1, ToCoordinator::Leaving { reason: "SIGTERM".to_owned() });
    bench.say(0, ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None });
    bench.run_for(seconds(1));
    assert!(bench.agent(0).released.is_empty(), "nobody is there to take them");
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
}

#[test]
fn last_agents_shards_end_when_nobody_takes_them_for_a_lease() {
    let mut bench = Bench::running(1);
    bench.run_for(seconds(5));
    bench.cut(0);
    let [succeeded, abandoned, never] = bench.end();
    assert!(succeeded >= 400 && abandoned > 0 && never > 900, "{succeeded} {abandoned} {never}");
    assert_eq!(bench.core.verdict().status, Status::Invalid);
}

#[test]
fn pause_stands_the_clock_still_and_resume_loses_nothing() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.handle(Input::Pause);
    bench.run_for(Duration::from_millis(500));
    let before = bench.core.progress().elapsed;
    bench.run_for(seconds(30));
    assert_eq!(bench.core.progress().elapsed, before);
    assert!(bench.agent(0).paused && bench.agent(1).paused);
    bench.handle(Input::Resume);
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
    assert_eq!(bench.core.verdict().status, Status::Pass, "{:?}", bench.core.verdict());
}

/// It was told, and the word was lost with its connection.
#[test]
fn agent_that_did_not_hear_the_end_of_a_pause_is_told_again() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.handle(Input::Pause);
    bench.run_for(seconds(1));
    bench.handle(Input::Resume);
    bench.cut(0);
    assert!(bench.agent(0).paused);
    bench.come_back(0);
    assert!(!bench.agent(0).paused);
    let [a, b] = [0, 1].map(|agent| bench.agent(agent).heard.iter().filter_map(resumed).sum::<u64>());
    bench.listen(1);
    assert!(a > 0 && b == 0 && a == bench.agent(1).heard.iter().filter_map(resumed).sum::<u64>(), "{a} {b}");
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
}

/// Until it has been told the start again it would take the end of a pause for nothing, and run ahead.
#[test]
fn agent_that_is_just_back_hears_of_a_pause_and_then_of_its_end() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.cut(0);
    bench.handle(Input::Pause);
    bench.run_for(seconds(1));
    bench.rejoin(0);
    bench.handle(Input::Resume);
    bench.hand_in(0);
    bench.run_for(seconds(1));
    let mut heard = bench.agent(0).heard.iter();
    let first = heard.find(|message| matches!(message, ToAgent::Pause { .. } | ToAgent::Resume { .. }));
    assert!(matches!(first, Some(ToAgent::Pause { .. })), "{first:?}");
    let total = |bench: &mut Bench, agent| bench.agent(agent).heard.iter().filter_map(resumed).sum::<u64>();
    assert_eq!(total(&mut bench, 0), total(&mut bench, 1));
    assert_eq!(bench.end(), [PLANNED, 0, 0]);
}

/// The pause began before the process that tells of it.
#[test]
fn whoever_comes_after_a_restart_in_a_pause_hears_when_it_began() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.handle(Input::Pause);
    bench.run_for(seconds(1));
    let pause = bench.agent(0).heard.iter().find_map(paused).unwrap();
    bench.restart(2, Duration::from_millis(1500));
    (0..2).for_each(|agent| bench.come_back(agent));
    bench.run_for(seconds(1));
    let late = bench.new_agent();
    bench.join(late, Part::Agent, None);
    bench.cut(1);
    bench.run_for(LEASE + seconds(2));
    let told = bench.agent(late).heard.iter().find_map(paused).unwrap();
    assert!(told.abs_diff(pause) < 10_000, "{told} {pause}");
}

fn paused(message: &ToAgent) -> Option<u64> {
    match message {
        ToAgent::Pause { at_us, .. } => Some(*at_us),
        ToAgent::Start { paused_at_us, .. } => *paused_at_us,
        _ => None,
    }
}

fn resumed(message: &ToAgent) -> Option<u64> {
    match message {
        ToAgent::Resume { paused_us, .. } => Some(*paused_us),
        _ => None,
    }
}

/// Or it would start what came due since the pause began, before it hears of it.
#[test]
fn whoever_comes_during_a_pause_hears_of_it_with_the_start() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(3));
    bench.handle(Input::Pause);
    bench.run_for(seconds(2));
    let late = bench.new_agent();
    bench.join(late, Part::Agent, None);
    bench.cut(1);
    bench.run_for(LEASE + seconds(2));
    let pause = bench.agent(0).heard.iter().find_map(paused);
    let started = bench.agent(late).heard.iter().find_map(|message| match message {
        ToAgent::Start { paused_at_us, .. } => Some(*paused_at_us),
        _ => None,
    });
    assert!(pause.is_some() && started == Some(pause), "{started:?} {pause:?}");
}

#[test]
fn report_of_an_old_epoch_is_answered_with_revoke_and_one_of_anothers_shard_ends_the_agent() {
    let mut bench = Bench::running(2);
    bench.run_for(seconds(2));
    let (own, other) =
        (*bench.agent(1).shards.keys().next().unwrap(), *bench.agent(0).shards.keys().next().unwrap());
    let us = bench.us();
    let mut report = bench.agent(1).shards.get_mut(&own).unwrap().next(us);
    report.epoch = 0;
    bench.say(1, ToCoordinator::Report(Box::new(report.clone())));
    bench.listen(1);
    assert_eq!(bench.agent(1).revoked, [(own, 0)]);
    (report.shard, report.epoch) = (other, 1);
    bench.say(1, ToCoordinator::Report(Box::new(report)));
    let link = bench.agent(1).link.unwrap();
    assert!(bench.closed.contains(&(link, Close::Goodbye)));
    assert_eq!(bench.core.holder(other).unwrap(), ("agent-0", 1), "nothing else is disturbed");
    bench.agent(1).link = None;
    bench.run_for(LEASE + seconds(1));
    assert_eq!(bench.core.holder(own).unwrap().0, "agent-0", "its shards are taken over");
}

#[test]
fn impossible_progress_and_skipped_sequences_end_the_agent() {
    for lie in 0..3 {
        let mut bench = Bench::running(2);
        bench.run_for(seconds(2));
        let shard = *bench.agent(1).shards.keys().next().unwrap();
        let run_us = bench.us() - bench.agent(1).start_us.unwrap();
        let mut report = bench.agent(1).shards.get_mut(&shard).unwrap().next(run_us);
        match lie {
            0 => report.progress = vec![1_000_000],
            1 => report.progress = vec![0],
            _ => report.sequence += 100,
        }
        let link = bench.agent(1).link.unwrap();
        bench.say(1, ToCoordinator::Report(Box::new(report)));
        assert!(bench.closed.contains(&(link, Close::Goodbye)), "lie {lie}");
    }
}
