//! The octets of every message are pinned: postcard numbers enum variants and lays out fields by their position, so a
//! reordered or inserted field breaks the fleet without any compiler's word. When one of these fails, append instead,
//! or raise `wire::VERSION` and write the new octets down.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

use std::collections::BTreeMap;

use billing::{ChargingId, Closing, Octets, UsageRecord};
use identity::{CellId, Membership, SessionId};
use wire::attempts::{AttemptRow, RowOutcome, RowPolicy, RowUse, RowsLeftOut, RowsWanted};
use wire::away::{AwayEnd, AwayOutcome, AwayPlace, DueAway, HandoverPhases};
use wire::frame::{decode_to_agent, decode_to_coordinator, encode};
use wire::to_agent::{Lease, Takeover, ToAgent, TracePolicy, UeBatch, Welcome};
use wire::to_coordinator::{
    AgentHealth, AmfInterval, FailedInto, HandoverCount, Held, Hello, IntervalReport, MachineReport, Part,
    PartInterval, ProcedureInterval, ProcessorTime, RanEvent, Recovery, Return, SlowAttempt, Standstill,
    ToCoordinator, Trace, TracePacket, UserPlaneInterval,
};

#[test]
fn to_agent_octets_are_pinned() {
    let pinned = pinned(include_str!("../testdata/to_agent.hex"));
    let messages = every_to_agent();
    for (name, message) in &messages {
        assert_eq!(hex::encode(encode(message).unwrap()), pinned[name], "{name}");
        assert_eq!(decode_to_agent(&hex::decode(&pinned[name]).unwrap()).as_ref(), Ok(message), "{name}");
    }
    assert_eq!(pinned.len(), messages.len());
}

#[test]
fn to_coordinator_octets_are_pinned() {
    let pinned = pinned(include_str!("../testdata/to_coordinator.hex"));
    let messages = every_to_coordinator();
    for (name, message) in &messages {
        assert_eq!(hex::encode(encode(message).unwrap()), pinned[name], "{name}");
        assert_eq!(
            decode_to_coordinator(&hex::decode(&pinned[name]).unwrap()).as_ref(),
            Ok(message),
            "{name}"
        );
    }
    assert_eq!(pinned.len(), messages.len());
}

#[test]
fn variant_after_the_last_is_refused() {
    let after_last = |names: BTreeMap<String, String>| {
        let first = names.values().map(|octets| u8::from_str_radix(&octets[..2], 16).unwrap()).max().unwrap();
        [first + 1, 0, 0, 0, 0, 0, 0, 0]
    };
    decode_to_agent(&after_last(pinned(include_str!("../testdata/to_agent.hex")))).unwrap_err();
    decode_to_coordinator(&after_last(pinned(include_str!("../testdata/to_coordinator.hex")))).unwrap_err();
}

fn lease_with(trace: TracePolicy, takeover: Option<Takeover>, rows: RowsWanted) -> ToAgent {
    ToAgent::Lease(Box::new(Lease {
        run: "r1".to_owned(),
        scenario: "name: x\n".to_owned(),
        seed: 0x0123_4567_89ab_cdef,
        shard: 3,
        shards: 64,
        epoch: 300,
        asked_us: 1_000_000,
        valid_us: 30_000_000,
        target: "sctp://h:38412".to_owned(),
        resume_at: vec![0, 128],
        trace,
        key: [0x2a; 32],
        takeover,
        rows,
        trace_id: [0x2b; 16],
    }))
}

fn every_to_agent() -> Vec<(String, ToAgent)> {
    let lease = |trace, takeover| lease_with(trace, takeover, RowsWanted::default());
    let welcome = |returned| {
        ToAgent::Welcome(Welcome {
            agent: "a-1".to_owned(),
            program: "roamstorm 0.1.0".to_owned(),
            token: [5; 16],
            returned,
        })
    };
    let start =
        |paused_at_us| ToAgent::Start { run: "r1".to_owned(), at_us: 127, wall_us: 128, paused_at_us };
    let takeover = Takeover {
        from_us: 61_000_000,
        registered: 700,
        sessions: 130,
        batches: 2,
        lost: vec![3, 200],
        losses: 9,
    };
    named(vec![
        ("Welcome", welcome(false)),
        ("Welcome/Returned", welcome(true)),
        ("Ping", ToAgent::Ping { sent_us: 1_700_000_000_000_000 }),
        ("Lease/Failed", lease(TracePolicy::Failed, None)),
        ("Lease/Sampled", lease(TracePolicy::Sampled(200), None)),
        ("Lease/All", lease(TracePolicy::All, None)),
        ("Lease/Takeover", lease(TracePolicy::Failed, Some(takeover))),
        ("Lease/FailedRows", lease_with(TracePolicy::Failed, None, file(RowPolicy::Failed))),
        ("Lease/ShareOfRows", lease_with(TracePolicy::Failed, None, file(RowPolicy::Share(10_000)))),
        ("Lease/AllRows", lease_with(TracePolicy::Failed, None, file(RowPolicy::All))),
        (
            "Lease/Spans",
            lease_with(TracePolicy::Failed, None, RowsWanted { file: RowPolicy::None, spans: Some(100_000) }),
        ),
        ("Start", start(None)),
        ("Start/Paused", start(Some(300))),
        ("Renew", ToAgent::Renew { asked_us: 1_000_000, valid_us: 30_000_000, leases: vec![(3, 300)] }),
        ("Ack", ToAgent::Ack { shard: 3, epoch: 300, sequence: 9 }),
        ("Drain", ToAgent::Drain { reason: "stop".to_owned(), grace_us: 20_000_000 }),
        ("RunOver", ToAgent::RunOver { run: "r1".to_owned() }),
        ("Release", ToAgent::Release { shard: 3, epoch: 300, settle_us: 2_000_000 }),
        ("Revoke", ToAgent::Revoke { shard: 3, epoch: 300 }),
        ("Ues", ToAgent::Ues(Box::new(batch()))),
        ("Pause", ToAgent::Pause { run: "r1".to_owned(), at_us: 127 }),
        ("Resume", ToAgent::Resume { run: "r1".to_owned(), at_us: 128, paused_us: 5_000_000 }),
        ("ShardLost", ToAgent::ShardLost { shard: 3, number: 300, late: true }),
        ("AuditVisitors", ToAgent::AuditVisitors { call: 300 }),
        ("FoundAway", ToAgent::FoundAway { shard: 3, call: 300, found: vec![1, 300] }),
        ("DueAway", ToAgent::DueAway { to: 3, due: due_away() }),
        ("AwayEnded", ToAgent::AwayEnded(away_end())),
    ])
}

fn every_to_coordinator() -> Vec<(String, ToCoordinator)> {
    let counted = |name: &str, count| vec![(name.to_owned(), count)];
    let procedure = ProcedureInterval {
        procedure: "registration".to_owned(),
        due: 1_000,
        self_started: 2,
        started: 999,
        never_started: counted("busy", 1),
        succeeded: 990,
        failed: counted("congestion", 4),
        timed_out: counted("T3510", 3),
        abandoned: counted("drained", 2),
        latency_v2: vec![0x1c, 0x84, 0x93, 0x13],
        service_v2: vec![],
        phases: vec![("preparation".to_owned(), vec![0x1c, 0x84])],
        lateness_v2: vec![0x1c, 0x85],
        unanswered: 16,
    };
    let report = IntervalReport {
        run: "r1".to_owned(),
        shard: 3,
        epoch: 300,
        sequence: 9,
        from_us: 1_000_000,
        to_us: 2_000_000,
        progress: vec![10, 300],
        procedures: vec![procedure],
        in_flight: 5,
        registered: 70_000,
        unexpected: counted("ngap", 6),
        messages_sent: 7,
        messages_received: 8,
        radio_lost: 128,
        sessions: 130,
        usage: usage(),
        handovers: vec![HandoverCount {
            procedure: "handover-n2".to_owned(),
            source: CellId { node: 1, cell: 0 },
            target: CellId { node: 300, cell: 2 },
            succeeded: 20,
            failed: 1,
        }],
        user_plane: UserPlaneInterval {
            uplink_packets: 1,
            uplink_octets: 200,
            downlink_packets: 3,
            downlink_octets: 400,
            downlink_lost: 5,
            downlink_reordered: 6,
            uplink_dropped: 7,
            strays: 8,
            end_markers: 9,
            echoes: 10,
            downlink_duplicated: 1,
            sequence_restarts: 2,
            sequence_jumps: 3,
            foreign_source: 4,
            router_advertisements: 5,
        },
        shifted: 11,
        recovery: Recovery { registrations: 12, sessions: 13, succeeded: 14, failed: 15 },
        events: vec![RanEvent {
            at_us: 1_500_000,
            kind: "association-lost".to_owned(),
            node: "gnb-1".to_owned(),
            details: "reset".to_owned(),
        }],
        events_left_out: 16,
        amfs: vec![AmfInterval {
            target: "sctp://h:38412".to_owned(),
            name: "amf".to_owned(),
            connections: 17,
            sent: 18,
            received: 19,
        }],
        parts: vec![PartInterval {
            part: 2,
            procedure: ProcedureInterval {
                procedure: "registration".to_owned(),
                due: 17,
                ..ProcedureInterval::default()
            },
        }],
        standstills: vec![Standstill {
            until_us: 13_000_000,
            for_us: 10_000_000,
            under_way: 200,
            came_due: 300,
        }],
        dropped: 20,
        failed_into: vec![FailedInto {
            shard: 21,
            procedure: "handover-n2".to_owned(),
            cause: "unknown-targetid".to_owned(),
            timed_out: true,
            parts: 22,
            count: 23,
        }],
        rows: rows(),
        rows_left_out: RowsLeftOut { file: 24, spans: 25 },
    };
    let health = AgentHealth {
        at_us: 1,
        resident_octets: 3,
        ues: 4,
        ue_octets: 5,
        cpu_us: 6,
        unacknowledged: 7,
        reports_dropped: 8,
        trace_dropped: 9,
        report_octets: 10,
        spooled_octets: 11,
        machine: MachineReport {
            host: 12,
            process: 13,
            priority: "slice".to_owned(),
            set_back: 14,
            processors: 2,
            run: ProcessorTime { own_us: 15, others_us: 16, stolen_us: 17, idle_us: 18, held_back_us: 19 },
            late: ProcessorTime { own_us: 1, others_us: 2, stolen_us: 3, idle_us: 4, held_back_us: 5 },
            wall_us: 20,
        },
    };
    let packet = TracePacket {
        at_us: -2,
        uplink: true,
        ran: "10.0.0.1:38412".to_owned(),
        core: "[::1]:38412".to_owned(),
        stream: 1,
        ppid: 60,
        octets: vec![0x00, 0x15, 0x00],
        name: "NGSetupRequest".to_owned(),
        comment: "due at 0".to_owned(),
        wall_us: 1_800_000_000_000_000,
        lost: true,
    };
    let trace = Trace {
        shard: 3,
        imsi: "001010000000001".to_owned(),
        why: "T3510".to_owned(),
        failed: true,
        packets: vec![packet],
        slow: Some(SlowAttempt { procedure: "registration".to_owned(), latency_us: 300 }),
    };
    let hello = |part, mark| {
        ToCoordinator::Hello(Hello {
            name: "a".to_owned(),
            program: "roamstorm 0.1.0".to_owned(),
            workers: 2,
            agent_us: 1_000_000,
            part,
            mark,
            belongs: Membership {
                pool: "spot".to_owned(),
                labels: [("zone".to_owned(), "a".to_owned())].into(),
            },
        })
    };
    let before = Return {
        run: "r1".to_owned(),
        agent: "a-1".to_owned(),
        token: [5; 16],
        held: vec![Held { shard: 3, epoch: 300, unacknowledged: 9, lapsed: true }],
        losses: 300,
        paused_us: 128,
    };
    let mark = [6; 16];
    let draining = |reason: &str, within_us| ToCoordinator::Draining { reason: reason.to_owned(), within_us };
    named(vec![
        ("Hello", hello(Part::Agent, None)),
        ("Hello/Returning", hello(Part::Returning(Box::new(before)), Some(mark))),
        ("Hello/Supervisor", hello(Part::Supervisor, Some(mark))),
        ("Pong", ToCoordinator::Pong { sent_us: 1, agent_us: 16_384 }),
        ("Ready", ToCoordinator::Ready { shard: 3, epoch: 300 }),
        (
            "CannotPrepare",
            ToCoordinator::CannotPrepare { shard: 3, epoch: 300, error: "refused".to_owned(), own: true },
        ),
        ("Report", ToCoordinator::Report(Box::new(report))),
        ("Health", ToCoordinator::Health(Box::new(health))),
        ("Trace", ToCoordinator::Trace(Box::new(trace))),
        ("Finished", ToCoordinator::Finished { shard: 3, epoch: 300, last_sequence: 9 }),
        ("Leaving", ToCoordinator::Leaving { reason: "Ctrl-C".to_owned() }),
        ("Alive", ToCoordinator::Alive { agent_us: 16_384 }),
        (
            "Released",
            ToCoordinator::Released { shard: 3, epoch: 300, reports: 130, batches: 2, lapsed: true },
        ),
        ("Ues", ToCoordinator::Ues(Box::new(batch()))),
        ("Draining", draining("SIGTERM", None)),
        ("Draining/Within", draining("spot interruption", Some(120_000_000))),
        ("ChildExited", ToCoordinator::ChildExited { mark, status: "killed by signal 9".to_owned() }),
        (
            "Visitors",
            ToCoordinator::Visitors { shard: 3, epoch: 300, call: 9, guests: vec![(1, 300), (200, 2)] },
        ),
        ("Waits", ToCoordinator::Waits { shard: 3, epoch: 300, why: "overload".to_owned() }),
        ("DueAway", ToCoordinator::DueAway { to: 3, due: due_away() }),
        ("AwayEnded", ToCoordinator::AwayEnded(away_end())),
    ])
}

fn due_away() -> DueAway {
    DueAway { home: 2, epoch: 300, number: 9, ue: 200, procedure: 4 }
}

fn away_end() -> AwayEnd {
    AwayEnd {
        home: 2,
        epoch: 300,
        number: 9,
        ue: 200,
        at: Some(3),
        registered: true,
        outcome: AwayOutcome::Failed,
        cause: "congestion".to_owned(),
        began_us: 1_000_000,
        ended_us: 2_000_000,
        place: Some(AwayPlace { gnb: 300, session: Some(1) }),
        phases: HandoverPhases { preparation_us: Some(300), execution_us: Some(200), completion_us: None },
    }
}

/// The second part of two.
fn batch() -> UeBatch {
    UeBatch { shard: 3, epoch: 301, part: 1, parts: 2, sealed: vec![0xaa, 0xbb] }
}

/// One record in the middle of a session, and one that the network gave no charging identifier.
fn usage() -> Vec<UsageRecord> {
    let part = UsageRecord {
        charging_id: Some(ChargingId(300)),
        supi: "001010000000001".parse().unwrap(),
        session: SessionId::new(5).unwrap(),
        serving: "001/01".parse().unwrap(),
        dnn: "internet".parse().unwrap(),
        sequence: 1,
        opened_us: 1_700_000_000_000_000,
        from_us: 1_700_000_000_000_001,
        to_us: 1_700_000_000_500_000,
        uplink: Octets(1000),
        downlink: Octets(200_000),
        downlink_lost: 3,
        closing: Closing::PlmnChange,
    };
    let nameless = UsageRecord {
        charging_id: None,
        supi: "001010000000002".parse().unwrap(),
        session: SessionId::new(15).unwrap(),
        serving: "310/410".parse().unwrap(),
        dnn: "ims".parse().unwrap(),
        sequence: 0,
        opened_us: 1,
        from_us: 2,
        to_us: 3,
        uplink: Octets(0),
        downlink: Octets(0),
        downlink_lost: 0,
        closing: Closing::StillOpen,
    };
    vec![part, nameless]
}

fn named<T>(messages: Vec<(&str, T)>) -> Vec<(String, T)> {
    messages.into_iter().map(|(name, message)| (name.to_owned(), message)).collect()
}

/// `name hex` lines; `#` begins a comment.
fn pinned(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, hex)| (name.to_owned(), hex.to_owned()))
        .collect()
}

fn file(file: RowPolicy) -> RowsWanted {
    RowsWanted { file, spans: None }
}

/// One of each outcome.
fn rows() -> Vec<AttemptRow> {
    let row = |outcome, cause: &str| AttemptRow {
        for_what: RowUse { file: true, span: false },
        due_us: 14_000_000,
        procedure: 8,
        self_started: false,
        supi: Some("001010000000001".parse().unwrap()),
        outcome,
        cause: cause.to_owned(),
        latency_us: Some(25),
        service_us: Some(26),
        lateness_us: Some(27),
        cell: Some(CellId { node: 28, cell: 29 }),
        target: Some(CellId { node: 30, cell: 31 }),
    };
    let given_up = AttemptRow {
        for_what: RowUse { file: false, span: true },
        self_started: true,
        supi: None,
        latency_us: None,
        service_us: None,
        lateness_us: None,
        cell: None,
        target: None,
        ..row(RowOutcome::Abandoned, "superseded")
    };
    let answered =
        [(RowOutcome::Succeeded, ""), (RowOutcome::Failed, "congestion"), (RowOutcome::TimedOut, "T3510")];
    answered.into_iter().map(|(outcome, cause)| row(outcome, cause)).chain([given_up]).collect()
}
