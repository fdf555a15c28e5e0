//! An agent that speaks wire and plays no UE: it reports what a test tells it to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::{ChargingId, Closing, Octets, UsageRecord};
use coordinator::{Coordinator, CoordinatorConfig, CoordinatorError, RunOutcome, StopRequest};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use identity::{CellId, Membership, SessionId};
use results::Progress;
use scenarios::{Plan, Scenario};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{
    AgentHealth, HandoverCount, Hello, IntervalReport, ProcedureInterval, ToCoordinator, Trace, TracePacket,
    UserPlaneInterval,
};
use wire::{Authority, CoordinatorLink, Identity, Role};

/// What an agent does when it should play its shards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behaviour {
    /// Everything succeeds.
    Honest,
    /// Everything succeeds, but the core assigns nobody a 5G-GUTI.
    WithoutGuti,
    /// Everything succeeds, and each report is sent twice.
    Repeats,
    /// The second report of each shard comes before the first.
    Reorders,
    /// The first report also comes under an older epoch, with other figures.
    OldEpoch,
    /// Vanishes after the first half of its attempts came due, of which half ended.
    Vanishes,
    /// Every attempt fails, and nothing ends before the coordinator drains.
    Fails,
    /// Starts its attempts and waits to be drained; then abandons them.
    Waits,
    /// The target is not there.
    CannotPrepare,
    /// Takes its leases, lives, and never says that it is ready.
    NeverReady,
    /// Forgets one attempt.
    Miscounts,
    /// A histogram without the samples that its counts claim.
    Lies,
    /// Everything succeeds, and leaves late.
    Late,
    /// Does not say how late half of its attempts left.
    KeepsLateness,
    /// UEs open sessions and are handed over; reports come twice and in the wrong order.
    Roams,
    /// Claims a petabyte in one session.
    Exaggerates,
}

/// Obeyed by a terminal, it sets the title and forges a line.
pub(crate) const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[31mRED\u{9b}2J\u{202e}\nPASS: forged";

/// A fleet's authority, with identities for everybody.
pub(crate) struct Certificates {
    pub(crate) coordinator: Identity,
    pub(crate) agent: Identity,
}

pub(crate) fn certificates() -> Certificates {
    let authority = Authority::generate("test fleet").unwrap();
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    Certificates {
        coordinator: authority.issue("coordinator", Role::Coordinator, &hosts).unwrap(),
        agent: authority.issue("agent", Role::Agent, &[]).unwrap(),
    }
}

/// Runs `scenario` with one agent for each behaviour; the operator's request comes when 4 attempts are due.
pub(crate) async fn campaign(
    scenario: &str,
    behaviours: &[Behaviour],
    set: impl FnOnce(&mut CoordinatorConfig),
    stop: StopRequest,
) -> (Result<RunOutcome, CoordinatorError>, tempfile::TempDir) {
    let runs = tempfile::tempdir().unwrap();
    let certificates = certificates();
    let listen = "127.0.0.1:0".parse().unwrap();
    let mut config = CoordinatorConfig::new(listen, certificates.coordinator, "memory://amf", runs.path());
    config.run.agents_wanted = behaviours.len();
    config.run.join_timeout = Duration::from_secs(20);
    config.run.run_id = Some("test-run".to_owned());
    // Longer than the load, so that nothing is left to be taken over unless a test sets it otherwise.
    config.run.lease = Duration::from_secs(3);
    set(&mut config);
    let coordinator = Coordinator::bind(config).await.unwrap();
    let address = coordinator.local_addr().to_string();
    let (operator, stopped) = watch::channel(StopRequest::None);
    let mut progress = coordinator.progress();
    let asking = tokio::spawn(async move {
        let due = |progress: &Progress| progress.procedures.get("registration").is_some_and(|p| p.due >= 4);
        if stop != StopRequest::None && progress.wait_for(due).await.is_ok() {
            let _ = operator.send(stop);
        }
        operator.closed().await;
    });
    let agents: Vec<JoinHandle<()>> = behaviours
        .iter()
        .map(|behaviour| tokio::spawn(play(address.clone(), certificates.agent.clone(), *behaviour)))
        .collect();
    let outcome = coordinator.run(plan(scenario), stopped).await;
    asking.abort();
    agents.iter().for_each(JoinHandle::abort);
    (outcome, runs)
}

pub(crate) fn plan(scenario: &str) -> Plan {
    Plan::new(Arc::new(Scenario::from_yaml(scenario, "test.yaml").unwrap()), 7, 1).unwrap()
}

/// The clock of an agent, µs.
fn since(clock: Instant) -> u64 {
    u64::try_from(clock.elapsed().as_micros()).unwrap() + 1_000_000_000
}

/// One agent from joining to the end of the run.
pub(crate) async fn play(coordinator: String, identity: Identity, behaviour: Behaviour) {
    let _ = play_of(coordinator, identity, behaviour, Membership::default()).await;
}

/// The same of one that belongs there. Why it may not join, where it is told so.
pub(crate) async fn play_of(
    coordinator: String,
    identity: Identity,
    behaviour: Behaviour,
    belongs: Membership,
) -> Option<String> {
    let clock = Instant::now();
    let hello = Hello {
        name: format!("{behaviour:?}"),
        program: "test".to_owned(),
        workers: 2,
        agent_us: since(clock),
        part: wire::to_coordinator::Part::Agent,
        mark: Some(mark(behaviour)),
        belongs,
    };
    let mut link = wire::join(&coordinator, &identity, hello).await.unwrap();
    // It is welcomed, or sent away.
    if let Err(error) = link.receive().await {
        return Some(error.to_string());
    }
    play_joined(link, behaviour, clock).await;
    None
}

/// From its join to the end of the run.
async fn play_joined(mut link: CoordinatorLink, behaviour: Behaviour, clock: Instant) {
    let now_us = || since(clock);
    let mut leases: Vec<Lease> = Vec::new();
    let mut started = None;
    let mut alive = tokio::time::interval(Duration::from_millis(100));
    loop {
        let message = tokio::select! {
            message = link.receive() => message,
            _ = alive.tick() => {
                say(&mut link, ToCoordinator::Alive { agent_us: now_us() }).await;
                continue;
            }
        };
        let Ok(Some(message)) = message else { return };
        match message {
            ToAgent::Ping { sent_us } => {
                say(&mut link, ToCoordinator::Pong { sent_us, agent_us: now_us() }).await
            }
            ToAgent::Lease(lease) => {
                let (shard, epoch) = (lease.shard, lease.epoch);
                // With what a core network may have put into the reason.
                let error = format!("nothing listens at memory://amf{HOSTILE}{}", "x".repeat(3 << 20));
                if matches!(behaviour, Behaviour::CannotPrepare) {
                    say(&mut link, ToCoordinator::Report(Box::new(unbegun(&lease)))).await;
                }
                let answer = match behaviour {
                    Behaviour::NeverReady => continue,
                    Behaviour::CannotPrepare => {
                        ToCoordinator::CannotPrepare { shard, epoch, error, own: false }
                    }
                    _ => ToCoordinator::Ready { shard, epoch },
                };
                say(&mut link, answer).await;
                // Another's shard is taken over at once.
                if let Some(wall_us) = started
                    && !play_shard(&mut link, &lease, behaviour, wall_us).await
                {
                    return;
                }
                leases.push(*lease);
            }
            ToAgent::Start { at_us, wall_us, .. } => {
                let wait = at_us.saturating_sub(now_us());
                assert!(
                    (200_000..2_000_000).contains(&wait),
                    "the start is in {wait} µs of the agent's clock"
                );
                tokio::time::sleep(Duration::from_micros(wait)).await;
                started = Some(wall_us);
                for lease in &leases {
                    if !play_shard(&mut link, lease, behaviour, wall_us).await {
                        return;
                    }
                }
            }
            ToAgent::Drain { reason, .. } => {
                for lease in &leases {
                    if started.is_none() {
                        let (shard, epoch) = (lease.shard, lease.epoch);
                        say(&mut link, ToCoordinator::Report(Box::new(unbegun(lease)))).await;
                        say(&mut link, ToCoordinator::Finished { shard, epoch, last_sequence: 0 }).await;
                        continue;
                    }
                    drained(&mut link, lease, behaviour, &reason).await;
                }
            }
            ToAgent::RunOver { .. } => return,
            ToAgent::Welcome(_) | ToAgent::Renew { .. } | ToAgent::Ack { .. } => {}
            ToAgent::Revoke { .. } | ToAgent::ShardLost { .. } => {}
            ToAgent::AuditVisitors { .. } | ToAgent::FoundAway { .. } => {}
            ToAgent::DueAway { .. } | ToAgent::AwayEnded(_) => {}
            other => panic!("not played by this agent: {other:?}"),
        }
    }
}

/// Reports one shard. False when the agent vanishes.
async fn play_shard(link: &mut CoordinatorLink, lease: &Lease, behaviour: Behaviour, wall_us: u64) -> bool {
    let (shard, epoch, planned) = (lease.shard, lease.epoch, planned(lease));
    let first = success(planned / 2);
    let second = success(planned - planned / 2);
    let reports = match behaviour {
        Behaviour::CannotPrepare | Behaviour::NeverReady => return true,
        Behaviour::Honest => vec![report(lease, 0, first), report(lease, 1, second)],
        Behaviour::WithoutGuti => vec![without_guti(lease, 0, first), without_guti(lease, 1, second)],
        Behaviour::Late => vec![late_by(50_000, lease, 0, first), late_by(50_000, lease, 1, second)],
        Behaviour::KeepsLateness => {
            let mut second = report(lease, 1, second);
            second.procedures[0].lateness_v2.clear();
            vec![report(lease, 0, first), second]
        }
        Behaviour::Repeats => {
            let (first, second) = (report(lease, 0, first), report(lease, 1, second));
            vec![first.clone(), first.clone(), second.clone(), first, second]
        }
        Behaviour::Roams => {
            let (mut first, mut second) = (report(lease, 0, first), report(lease, 1, second));
            roaming(&mut first, wall_us, 0);
            roaming(&mut second, wall_us, 1);
            vec![second.clone(), first.clone(), first, second]
        }
        Behaviour::Exaggerates => {
            let mut first = report(lease, 0, first);
            roaming(&mut first, wall_us, 0);
            first.usage[0].downlink = Octets(1 << 51);
            vec![first]
        }
        Behaviour::Reorders => vec![report(lease, 1, second), report(lease, 0, first)],
        Behaviour::OldEpoch => {
            let mut old = report(lease, 0, success(planned));
            old.epoch = 0;
            vec![old, report(lease, 0, first), report(lease, 1, second)]
        }
        Behaviour::Vanishes => {
            let half = ProcedureInterval { due: planned / 2, started: planned / 2, ..success(planned / 4) };
            say(link, ToCoordinator::Report(Box::new(report(lease, 0, half)))).await;
            // The acknowledgement says that it has arrived.
            while !matches!(link.receive().await, Ok(Some(ToAgent::Ack { .. }))) {}
            return false;
        }
        Behaviour::Fails => {
            let half = planned / 2;
            let failed = vec![("congestion".to_owned(), half)];
            vec![report(lease, 0, ProcedureInterval { due: half, started: half, failed, ..success(0) })]
        }
        Behaviour::Waits => vec![report(lease, 0, ProcedureInterval { due: 1, started: 1, ..success(0) })],
        Behaviour::Miscounts => vec![report(
            lease,
            0,
            ProcedureInterval { due: planned, started: planned, ..success(planned - 1) },
        )],
        Behaviour::Lies => vec![report(lease, 0, ProcedureInterval { succeeded: planned, ..success(1) })],
    };
    for report in &reports {
        say(link, ToCoordinator::Report(Box::new(report.clone()))).await;
    }
    let health = AgentHealth { at_us: 900_000, ues: 10, ue_octets: 5000, ..AgentHealth::default() };
    say(link, ToCoordinator::Health(Box::new(health))).await;
    say(link, ToCoordinator::Trace(Box::new(trace(lease)))).await;
    if !matches!(behaviour, Behaviour::Fails | Behaviour::Waits) {
        let last_sequence = reports.iter().map(|report| report.sequence).max().unwrap();
        say(link, ToCoordinator::Finished { shard, epoch, last_sequence }).await;
    }
    true
}

/// A report of registrations that were accepted without a 5G-GUTI.
fn without_guti(lease: &Lease, sequence: u64, figures: ProcedureInterval) -> IntervalReport {
    let unexpected = vec![("registration-without-5g-guti".to_owned(), figures.succeeded)];
    IntervalReport { unexpected, ..report(lease, sequence, figures) }
}

/// What a shard that never begins has said with the core: 3 messages, and heard 2.
fn unbegun(lease: &Lease) -> IntervalReport {
    IntervalReport {
        run: lease.run.clone(),
        shard: lease.shard,
        epoch: lease.epoch,
        progress: lease.resume_at.clone(),
        messages_sent: 3,
        messages_received: 2,
        ..IntervalReport::default()
    }
}

/// Ends what a shard has in flight, as an agent does.
async fn drained(link: &mut CoordinatorLink, lease: &Lease, behaviour: Behaviour, reason: &str) {
    let planned = planned(lease);
    let rest = match behaviour {
        Behaviour::Fails => ProcedureInterval {
            never_started: vec![(reason.to_owned(), planned - planned / 2)],
            ..success(0)
        },
        Behaviour::Waits => ProcedureInterval {
            abandoned: vec![(reason.to_owned(), 1)],
            never_started: vec![(reason.to_owned(), planned - 1)],
            ..success(0)
        },
        _ => return,
    };
    say(link, ToCoordinator::Report(Box::new(report(lease, 1, rest)))).await;
    say(link, ToCoordinator::Finished { shard: lease.shard, epoch: lease.epoch, last_sequence: 1 }).await;
}

async fn say(link: &mut CoordinatorLink, message: ToCoordinator) {
    // The coordinator may have sent this agent away.
    let _ = link.send(&message).await;
}

/// What a supervisor would have given to the process of an agent that behaves like this.
pub(crate) fn mark(behaviour: Behaviour) -> [u8; 16] {
    [behaviour as u8; 16]
}

/// What is left of a shard with one load.
pub(crate) fn planned(lease: &Lease) -> u64 {
    let scenario = Arc::new(Scenario::from_yaml(&lease.scenario, "lease").unwrap());
    let plan = Plan::with_shards(scenario, lease.seed, lease.shards).unwrap();
    plan.shard(lease.shard).planned()[0] - lease.resume_at[0]
}

pub(crate) fn success(n: u64) -> ProcedureInterval {
    ProcedureInterval {
        procedure: "registration".to_owned(),
        due: n,
        started: n,
        succeeded: n,
        latency_v2: v2(12_000, n),
        service_v2: v2(9_000, n),
        ..ProcedureInterval::default()
    }
}

fn v2(value: u64, n: u64) -> Vec<u8> {
    let mut histogram = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3).unwrap();
    histogram.record_n(value, u32::try_from(n).unwrap()).unwrap();
    let mut octets = Vec::new();
    if n > 0 {
        V2Serializer::new().serialize(&histogram, &mut octets).unwrap();
    }
    octets
}

pub(crate) fn report(lease: &Lease, sequence: u64, procedure: ProcedureInterval) -> IntervalReport {
    late_by(20, lease, sequence, procedure)
}

/// A report of attempts that all left so late, µs.
fn late_by(late_us: u64, lease: &Lease, sequence: u64, procedure: ProcedureInterval) -> IntervalReport {
    let lateness_v2 = v2(late_us, procedure.due - procedure.self_started);
    let procedure = ProcedureInterval { lateness_v2, ..procedure };
    IntervalReport {
        run: lease.run.clone(),
        shard: lease.shard,
        epoch: lease.epoch,
        sequence,
        from_us: sequence * 1_000_000,
        to_us: (sequence + 1) * 1_000_000,
        progress: vec![
            lease.resume_at[0]
                + match (sequence, procedure.due) {
                    (0, due) => due,
                    // What is never started is the rest; otherwise the second half comes on top of the first.
                    (_, 0) => planned(lease) - procedure.never_started.iter().map(|(_, n)| n).sum::<u64>(),
                    _ => planned(lease),
                },
        ],
        procedures: vec![procedure],
        in_flight: 0,
        registered: 3,
        unexpected: vec![],
        messages_sent: 4,
        messages_received: 4,
        radio_lost: 0,
        ..IntervalReport::default()
    }
}

/// A session of 90,000 octets that ended, two that are open, and a handover to the next gNB.
fn roaming(report: &mut IntervalReport, wall_us: u64, second: u64) {
    let from_us = wall_us + second * 1_000_000 + 100_000;
    report.usage.push(UsageRecord {
        charging_id: Some(ChargingId(report.shard * 10 + u32::try_from(second).unwrap())),
        supi: format!("00101000000{:04}", report.shard * 2 + u32::try_from(second).unwrap() + 1)
            .parse()
            .unwrap(),
        session: SessionId::new(1).unwrap(),
        serving: "001/01".parse().unwrap(),
        dnn: "internet".parse().unwrap(),
        sequence: 0,
        opened_us: from_us,
        from_us,
        to_us: from_us + 500_000,
        uplink: Octets(10_000),
        downlink: Octets(80_000),
        downlink_lost: 0,
        closing: Closing::Released,
    });
    report.sessions = 2;
    let cell = |node| CellId { node, cell: 0 };
    let procedure = "handover-n2".to_owned();
    let (source, target) = (cell(report.shard + 1), cell(report.shard + 2));
    report.handovers.push(HandoverCount {
        procedure: procedure.clone(),
        source,
        target,
        succeeded: 3,
        failed: second,
    });
    let phases = vec![("execution".to_owned(), v2(60_000, 3)), ("preparation".to_owned(), v2(40_000, 3))];
    let (latency_v2, service_v2) = (v2(100_000, 3), v2(100_000, 3));
    let (due, succeeded, failed) = (3 + second, 3, vec![("radio-link-failure".to_owned(), second)]);
    report.procedures.push(ProcedureInterval {
        procedure,
        due,
        self_started: due,
        started: due,
        succeeded,
        failed,
        latency_v2,
        service_v2,
        phases,
        ..ProcedureInterval::default()
    });
    report.user_plane = UserPlaneInterval {
        uplink_packets: 10,
        uplink_octets: 10_000,
        downlink_packets: 80,
        downlink_octets: 80_000,
        downlink_lost: 2,
        ..UserPlaneInterval::default()
    };
}

fn trace(lease: &Lease) -> Trace {
    let packet = |at_us, uplink| TracePacket {
        at_us,
        uplink,
        ran: "10.0.0.1:40000".to_owned(),
        core: "10.0.0.2:38412".to_owned(),
        stream: 1,
        ppid: 60,
        octets: hex::decode(RELEASE_REQUEST).unwrap(),
        name: "UEContextReleaseRequest".to_owned(),
        comment: "registration begins, due at 0.5 s".to_owned(),
        wall_us: 0,
        lost: false,
    };
    let packets = vec![packet(2_000, true), packet(1_000, true)];
    let imsi = format!("00101000000{:04}", lease.shard);
    Trace { shard: lease.shard, imsi, why: "sampled".to_owned(), failed: false, packets, slow: None }
}

/// A UEContextReleaseRequest, from the documentation of the oxirush-ngap crate 0.5.0.
pub(crate) const RELEASE_REQUEST: &str = "002a4015000003000a0002002a005500020007000f40020500";

/// Where a run has been written.
pub(crate) fn read(outcome: &RunOutcome, name: &str) -> String {
    let path: PathBuf = outcome.folder.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
