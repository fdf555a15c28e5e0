//! Any message of either direction; every variant comes up.

use billing::{ChargingId, Closing, Octets, UsageRecord};
use identity::{CellId, SessionId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wire::attempts::{AttemptRow, RowOutcome, RowPolicy, RowUse, RowsLeftOut, RowsWanted};
use wire::to_agent::{Lease, Takeover, ToAgent, TracePolicy, UeBatch, Welcome};
use wire::to_coordinator::{
    AgentHealth, AmfInterval, FailedInto, HandoverCount, Held, Hello, IntervalReport, MachineReport, Part,
    PartInterval, ProcedureInterval, ProcessorTime, RanEvent, Recovery, Return, SlowAttempt, Standstill,
    ToCoordinator, Trace, TracePacket, UserPlaneInterval,
};

pub(crate) fn any_to_agent() -> impl Strategy<Value = ToAgent> {
    let welcome = any::<(String, String, [u8; 16], bool)>()
        .prop_map(|(agent, program, token, returned)| Welcome { agent, program, token, returned });
    let clock = any::<(String, u64, u64)>();
    let shard = any::<(u32, u64, u64)>();
    prop_oneof![
        welcome.prop_map(ToAgent::Welcome),
        any::<u64>().prop_map(|sent_us| ToAgent::Ping { sent_us }),
        any_lease().prop_map(|lease| ToAgent::Lease(Box::new(lease))),
        (clock, any::<Option<u64>>()).prop_map(|((run, at_us, wall_us), paused_at_us)| {
            ToAgent::Start { run, at_us, wall_us, paused_at_us }
        }),
        any::<(u64, u64, Vec<(u32, u64)>)>().prop_map(|(asked_us, valid_us, leases)| ToAgent::Renew {
            asked_us,
            valid_us,
            leases
        }),
        shard.prop_map(|(shard, epoch, sequence)| ToAgent::Ack { shard, epoch, sequence }),
        any::<(String, u64)>().prop_map(|(reason, grace_us)| ToAgent::Drain { reason, grace_us }),
        any::<String>().prop_map(|run| ToAgent::RunOver { run }),
        shard.prop_map(|(shard, epoch, settle_us)| ToAgent::Release { shard, epoch, settle_us }),
        shard.prop_map(|(shard, epoch, _)| ToAgent::Revoke { shard, epoch }),
        any_batch().prop_map(|batch| ToAgent::Ues(Box::new(batch))),
        clock.prop_map(|(run, at_us, _)| ToAgent::Pause { run, at_us }),
        clock.prop_map(|(run, at_us, paused_us)| ToAgent::Resume { run, at_us, paused_us }),
        any::<(u32, u64, bool)>().prop_map(|(shard, number, late)| ToAgent::ShardLost {
            shard,
            number,
            late
        }),
        any::<u64>().prop_map(|call| ToAgent::AuditVisitors { call }),
        (any::<u32>(), any::<u64>(), vec(any::<u32>(), 0..4))
            .prop_map(|(shard, call, found)| ToAgent::FoundAway { shard, call, found }),
    ]
}

pub(crate) fn any_to_coordinator() -> impl Strategy<Value = ToCoordinator> {
    let shard = any::<(u32, u64, u64)>();
    let text = any::<(u32, u64, String)>();
    let released = any::<(u32, u64, u64, u32, bool)>();
    prop_oneof![
        any_hello().prop_map(ToCoordinator::Hello),
        any::<(u64, u64)>().prop_map(|(sent_us, agent_us)| ToCoordinator::Pong { sent_us, agent_us }),
        shard.prop_map(|(shard, epoch, _)| ToCoordinator::Ready { shard, epoch }),
        text.prop_map(|(shard, epoch, error)| ToCoordinator::CannotPrepare {
            own: epoch > 0,
            shard,
            epoch,
            error
        }),
        any_report().prop_map(|report| ToCoordinator::Report(Box::new(report))),
        any_health().prop_map(|health| ToCoordinator::Health(Box::new(health))),
        any_trace().prop_map(|trace| ToCoordinator::Trace(Box::new(trace))),
        shard.prop_map(|(shard, epoch, last_sequence)| ToCoordinator::Finished {
            shard,
            epoch,
            last_sequence
        }),
        any::<String>().prop_map(|reason| ToCoordinator::Leaving { reason }),
        any::<u64>().prop_map(|agent_us| ToCoordinator::Alive { agent_us }),
        released.prop_map(|(shard, epoch, reports, batches, lapsed)| ToCoordinator::Released {
            shard,
            epoch,
            reports,
            batches,
            lapsed
        }),
        any_batch().prop_map(|batch| ToCoordinator::Ues(Box::new(batch))),
        any::<(String, Option<u64>)>()
            .prop_map(|(reason, within_us)| ToCoordinator::Draining { reason, within_us }),
        any::<([u8; 16], String)>().prop_map(|(mark, status)| ToCoordinator::ChildExited { mark, status }),
        (shard, vec(any::<(u32, u32)>(), 0..4)).prop_map(|((shard, epoch, call), guests)| {
            ToCoordinator::Visitors { shard, epoch, call, guests }
        }),
        any::<(u32, u64, String)>().prop_map(|(shard, epoch, why)| ToCoordinator::Waits {
            shard,
            epoch,
            why
        }),
    ]
}

fn any_lease() -> impl Strategy<Value = Lease> {
    let trace = prop_oneof![
        Just(TracePolicy::Failed),
        any::<u32>().prop_map(TracePolicy::Sampled),
        Just(TracePolicy::All)
    ];
    let takeover = any::<(u64, u64, u64, u32, Vec<u32>, u64)>().prop_map(
        |(from_us, registered, sessions, batches, lost, losses)| Takeover {
            from_us,
            registered,
            sessions,
            batches,
            lost,
            losses,
        },
    );
    let run = any::<(String, String, u64, u32, u32)>();
    let right = any::<(u64, u64, u64, String, Vec<u64>, [u8; 32])>();
    let file = prop_oneof![
        Just(RowPolicy::None),
        Just(RowPolicy::Failed),
        any::<u32>().prop_map(RowPolicy::Share),
        Just(RowPolicy::All)
    ];
    let rows = (file, option::of(any::<u32>())).prop_map(|(file, spans)| RowsWanted { file, spans });
    (run, right, trace, option::of(takeover), rows).prop_map(|(run, right, trace, takeover, rows)| {
        let ((run, scenario, seed, shard, shards), (epoch, asked_us, valid_us, target, resume_at, key)) =
            (run, right);
        Lease {
            run,
            scenario,
            seed,
            shard,
            shards,
            epoch,
            asked_us,
            valid_us,
            target,
            resume_at,
            trace,
            key,
            takeover,
            rows,
            trace_id: [7; 16],
        }
    })
}

fn any_batch() -> impl Strategy<Value = UeBatch> {
    any::<(u32, u64, u32, u32, Vec<u8>)>().prop_map(|(shard, epoch, part, parts, sealed)| UeBatch {
        shard,
        epoch,
        part,
        parts,
        sealed,
    })
}

fn any_hello() -> impl Strategy<Value = Hello> {
    let held = any::<(u32, u64, u64, bool)>().prop_map(|(shard, epoch, unacknowledged, lapsed)| Held {
        shard,
        epoch,
        unacknowledged,
        lapsed,
    });
    let before = (any::<(String, String, [u8; 16], u64, u64)>(), vec(held, 0..4)).prop_map(
        |((run, agent, token, losses, paused_us), held)| Return {
            run,
            agent,
            token,
            held,
            losses,
            paused_us,
        },
    );
    let part = prop_oneof![
        Just(Part::Agent),
        before.prop_map(|before| Part::Returning(Box::new(before))),
        Just(Part::Supervisor)
    ];
    let belongs = any::<(String, std::collections::BTreeMap<String, String>)>()
        .prop_map(|(pool, labels)| identity::Membership { pool, labels });
    (any::<(String, String, u32, u64, Option<[u8; 16]>)>(), part, belongs).prop_map(
        |((name, program, workers, agent_us, mark), part, belongs)| Hello {
            name,
            program,
            workers,
            agent_us,
            part,
            mark,
            belongs,
        },
    )
}

fn any_report() -> impl Strategy<Value = IntervalReport> {
    let head = (any::<(String, u32, u64, u64)>(), any::<Vec<(String, u64)>>());
    let recovery = any::<[u64; 5]>();
    let parts =
        (vec(any_procedure(), 0..3), vec(any_usage(), 0..4), vec(any_handover(), 0..4), any_user_plane());
    (head, parts, recovery).prop_map(|(head, parts, recovery)| {
        let ((run, shard, epoch, sequence), unexpected) = head;
        let (procedures, usage, handovers, user_plane) = parts;
        let parts = (0u32..)
            .zip(&procedures)
            .map(|(part, of)| PartInterval { part, procedure: of.clone() })
            .collect();
        IntervalReport {
            run,
            shard,
            epoch,
            sequence,
            from_us: sequence,
            to_us: epoch,
            progress: vec![epoch, sequence],
            procedures,
            in_flight: epoch,
            registered: sequence,
            unexpected,
            sessions: epoch,
            usage,
            handovers,
            user_plane,
            shifted: recovery[4],
            recovery: Recovery {
                registrations: recovery[0],
                sessions: recovery[1],
                succeeded: recovery[2],
                failed: recovery[3],
            },
            events: vec![RanEvent { at_us: recovery[0], ..RanEvent::default() }],
            events_left_out: recovery[1],
            amfs: vec![AmfInterval { connections: recovery[2], ..AmfInterval::default() }],
            parts,
            standstills: vec![Standstill {
                until_us: recovery[0],
                for_us: recovery[1],
                under_way: recovery[2],
                came_due: recovery[3],
            }],
            dropped: recovery[2],
            failed_into: vec![FailedInto { count: recovery[3], ..FailedInto::default() }],
            rows: vec![any_row(recovery)],
            rows_left_out: RowsLeftOut { file: recovery[4], spans: recovery[3] },
            // What only counts is in the golden octets.
            ..IntervalReport::default()
        }
    })
}

fn any_health() -> impl Strategy<Value = AgentHealth> {
    let time = any::<[u64; 5]>().prop_map(|n| ProcessorTime {
        own_us: n[0],
        others_us: n[1],
        stolen_us: n[2],
        idle_us: n[3],
        held_back_us: n[4],
    });
    let machine = (any::<([u64; 3], String, u32)>(), time.clone(), time).prop_map(
        |((n, priority, processors), run, late)| MachineReport {
            host: n[0],
            process: n[1],
            priority,
            set_back: n[2],
            processors,
            run,
            late,
            wall_us: n[0] ^ n[1],
        },
    );
    (any::<[u64; 10]>(), machine).prop_map(|(n, machine)| AgentHealth {
        at_us: n[0],
        resident_octets: n[1],
        ues: n[2],
        ue_octets: n[3],
        cpu_us: n[4],
        unacknowledged: n[5],
        reports_dropped: n[6],
        trace_dropped: n[7],
        report_octets: n[8],
        spooled_octets: n[9],
        machine,
    })
}

fn any_trace() -> impl Strategy<Value = Trace> {
    let packet = any::<(i64, bool, String, u16, u32, Vec<u8>)>().prop_map(
        |(at_us, uplink, ran, stream, ppid, octets)| TracePacket {
            at_us,
            uplink,
            core: ran.clone(),
            ran,
            stream,
            ppid,
            octets,
            name: String::new(),
            comment: String::new(),
            wall_us: at_us.unsigned_abs(),
            lost: uplink,
        },
    );
    (any::<(u32, String, bool)>(), vec(packet, 0..4)).prop_map(|((shard, imsi, failed), packets)| Trace {
        shard,
        why: imsi.clone(),
        imsi: imsi.clone(),
        failed,
        packets,
        slow: failed.then(|| SlowAttempt { procedure: imsi, latency_us: u64::from(shard) }),
    })
}

fn any_procedure() -> impl Strategy<Value = ProcedureInterval> {
    any::<(String, u64, Vec<(String, u64)>, Vec<u8>)>().prop_map(|(procedure, due, failed, latency_v2)| {
        let phases = vec![(procedure.clone(), latency_v2.clone())];
        let lateness_v2 = latency_v2.clone();
        ProcedureInterval {
            procedure,
            due,
            failed,
            latency_v2,
            phases,
            lateness_v2,
            ..ProcedureInterval::default()
        }
    })
}

fn any_usage() -> impl Strategy<Value = UsageRecord> {
    let names = ("[0-9]{15}", 1u8..=15, "[0-9]{3}/[0-9]{2,3}", "[a-z]{1,60}", any::<Option<u32>>());
    (names, any::<[u64; 6]>(), any::<u32>(), 0..Closing::ALL.len()).prop_map(
        |((supi, session, serving, dnn, id), n, sequence, closing)| UsageRecord {
            charging_id: id.map(ChargingId),
            supi: supi.parse().unwrap(),
            session: SessionId::new(session).unwrap(),
            serving: serving.parse().unwrap(),
            dnn: dnn.parse().unwrap(),
            sequence,
            opened_us: n[0],
            from_us: n[1],
            to_us: n[2],
            uplink: Octets(n[3]),
            downlink: Octets(n[4]),
            downlink_lost: n[5],
            closing: Closing::ALL[closing],
        },
    )
}

fn any_row(n: [u64; 5]) -> AttemptRow {
    AttemptRow {
        for_what: RowUse { file: n[2].is_multiple_of(2), span: n[3].is_multiple_of(2) },
        due_us: n[0],
        procedure: 3,
        self_started: n[1].is_multiple_of(2),
        supi: None,
        outcome: RowOutcome::TimedOut,
        cause: n[1].to_string(),
        latency_us: n[2].is_multiple_of(2).then_some(n[2]),
        service_us: Some(n[3]),
        lateness_us: None,
        cell: None,
        target: Some(CellId { node: 1, cell: 2 }),
    }
}

fn any_handover() -> impl Strategy<Value = HandoverCount> {
    any::<(bool, [u32; 4], u64, u64)>().prop_map(|(xn, cells, succeeded, failed)| HandoverCount {
        procedure: if xn { "handover-xn" } else { "handover-n2" }.to_owned(),
        source: CellId { node: cells[0], cell: cells[1] },
        target: CellId { node: cells[2], cell: cells[3] },
        succeeded,
        failed,
    })
}

fn any_user_plane() -> impl Strategy<Value = UserPlaneInterval> {
    any::<[u64; 15]>().prop_map(|n| UserPlaneInterval {
        uplink_packets: n[0],
        uplink_octets: n[1],
        downlink_packets: n[2],
        downlink_octets: n[3],
        downlink_lost: n[4],
        downlink_reordered: n[5],
        uplink_dropped: n[6],
        strays: n[7],
        end_markers: n[8],
        echoes: n[9],
        downlink_duplicated: n[10],
        sequence_restarts: n[11],
        sequence_jumps: n[12],
        foreign_source: n[13],
        router_advertisements: n[14],
    })
}
