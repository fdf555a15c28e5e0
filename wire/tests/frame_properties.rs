//! Whatever octets come, decoding ends in a message or an error; and what was encoded is decoded as it was.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

use billing::{ChargingId, Closing, Octets, UsageRecord};
use identity::{CellId, PduSessionId};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::frame::{Assembler, decode_to_agent, decode_to_coordinator, encode};
use wire::to_agent::{Lease, ToAgent, TracePolicy};
use wire::to_coordinator::{
    HandoverCount, IntervalReport, LONGEST_USAGE, MOST_HANDOVERS, MOST_USAGE, ProcedureInterval, Recovery,
    ToCoordinator, Trace, TracePacket, UserPlaneInterval,
};

proptest! {
    #[test]
    fn decoding_any_octets_never_panics(octets in vec(any::<u8>(), 0..400)) {
        // What decodes was a message, perhaps written in another way: it encodes and decodes to itself.
        if let Ok(message) = decode_to_agent(&octets) {
            prop_assert_eq!(decode_to_agent(&encode(&message).unwrap()), Ok(message));
        }
        if let Ok(message) = decode_to_coordinator(&octets) {
            prop_assert_eq!(decode_to_coordinator(&encode(&message).unwrap()), Ok(message));
        }
    }

    #[test]
    fn decoding_a_mutated_message_never_panics(
        message in any_to_coordinator(), at in any::<prop::sample::Index>(), octet in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = encode(&message).unwrap();
        let at = at.index(octets.len());
        octets[at] = octet;
        let _ = decode_to_coordinator(&octets);
        octets.truncate(cut.index(octets.len()));
        let _ = decode_to_coordinator(&octets);
    }

    #[test]
    fn to_coordinator_decodes_as_it_was_encoded(message in any_to_coordinator()) {
        prop_assert_eq!(decode_to_coordinator(&encode(&message).unwrap()), Ok(message));
    }

    #[test]
    fn to_agent_decodes_as_it_was_encoded(message in any_to_agent()) {
        prop_assert_eq!(decode_to_agent(&encode(&message).unwrap()), Ok(message));
    }

    #[test]
    fn assembler_on_any_octets_never_panics(chunks in vec(vec(any::<u8>(), 0..50), 0..20), limit in 0usize..300) {
        let mut assembler = Assembler::new(limit);
        for chunk in &chunks {
            assembler.push(chunk);
            while let Ok(Some(payload)) = assembler.next_frame() {
                prop_assert!(payload.len() <= limit);
            }
        }
        let _ = assembler.end();
    }
}

fn any_to_agent() -> impl Strategy<Value = ToAgent> {
    let trace = prop_oneof![
        Just(TracePolicy::Failed),
        any::<u32>().prop_map(TracePolicy::Sampled),
        Just(TracePolicy::All)
    ];
    let lease = (any::<(String, String, u64, u32, u32)>(), any::<(u64, u64, String, Vec<u64>)>(), trace)
        .prop_map(|((run, scenario, seed, shard, shards), (epoch, valid_us, target, resume_at), trace)| {
            Lease {
                run,
                scenario,
                seed,
                shard,
                shards,
                epoch,
                asked_us: seed,
                valid_us,
                target,
                resume_at,
                trace,
                key: [7; 32],
                takeover: None,
            }
        });
    prop_oneof![
        lease.prop_map(|lease| ToAgent::Lease(Box::new(lease))),
        any::<u64>().prop_map(|sent_us| ToAgent::Ping { sent_us }),
        any::<(u32, u64, u64)>().prop_map(|(shard, epoch, sequence)| ToAgent::Ack { shard, epoch, sequence }),
        any::<(String, u64)>().prop_map(|(reason, grace_us)| ToAgent::Drain { reason, grace_us }),
    ]
}

fn any_to_coordinator() -> impl Strategy<Value = ToCoordinator> {
    let head = (any::<(String, u32, u64, u64)>(), any::<Vec<(String, u64)>>());
    let report = (
        head,
        vec(any_procedure(), 0..3),
        vec(any_usage(), 0..4),
        vec(any_handover(), 0..4),
        any_user_plane(),
    )
        .prop_map(
            |(((run, shard, epoch, sequence), unexpected), procedures, usage, handovers, user_plane)| {
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
                    messages_sent: 1,
                    messages_received: 2,
                    radio_lost: u64::MAX,
                    sessions: epoch,
                    usage,
                    handovers,
                    user_plane,
                    shifted: sequence,
                    recovery: Recovery::default(),
                }
            },
        );
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
        },
    );
    let trace =
        (any::<(u32, String, bool)>(), vec(packet, 0..4)).prop_map(|((shard, imsi, failed), packets)| {
            Trace { shard, why: imsi.clone(), imsi, failed, packets }
        });
    prop_oneof![
        report.prop_map(|report| ToCoordinator::Report(Box::new(report))),
        trace.prop_map(|trace| ToCoordinator::Trace(Box::new(trace))),
        any::<(u32, u64, String)>().prop_map(|(shard, epoch, error)| ToCoordinator::CannotPrepare {
            shard,
            epoch,
            error
        }),
    ]
}

fn any_procedure() -> impl Strategy<Value = ProcedureInterval> {
    any::<(String, u64, Vec<(String, u64)>, Vec<u8>)>().prop_map(|(procedure, due, failed, latency_v2)| {
        let phases = vec![(procedure.clone(), latency_v2.clone())];
        ProcedureInterval { procedure, due, failed, latency_v2, phases, ..ProcedureInterval::default() }
    })
}

fn any_usage() -> impl Strategy<Value = UsageRecord> {
    let names = ("[0-9]{15}", 1u8..=15, "[0-9]{3}/[0-9]{2,3}", "[a-z]{1,60}", any::<Option<u32>>());
    (names, any::<[u64; 6]>(), any::<u32>(), 0..Closing::ALL.len()).prop_map(
        |((supi, session, serving, dnn, id), n, sequence, closing)| UsageRecord {
            charging_id: id.map(ChargingId),
            supi: supi.parse().unwrap(),
            session: PduSessionId::new(session).unwrap(),
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

fn any_handover() -> impl Strategy<Value = HandoverCount> {
    any::<(bool, [u32; 4], u64, u64)>().prop_map(|(xn, cells, succeeded, failed)| HandoverCount {
        procedure: if xn { "handover-xn" } else { "handover-n2" }.to_owned(),
        source: CellId { gnb_id: cells[0], cell: cells[1] },
        target: CellId { gnb_id: cells[2], cell: cells[3] },
        succeeded,
        failed,
    })
}

fn any_user_plane() -> impl Strategy<Value = UserPlaneInterval> {
    any::<[u64; 10]>().prop_map(|n| UserPlaneInterval {
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
    })
}

/// What the limits on a report promise: with as many usage records and handovers as it may hold, each at its longest, it
/// fits a frame and leaves 5 MiB for the rest.
#[test]
fn the_fullest_report_fits_a_frame() {
    let longest = UsageRecord {
        charging_id: Some(ChargingId(u32::MAX)),
        supi: "999999999999999".parse().unwrap(),
        session: PduSessionId::new(15).unwrap(),
        serving: "999/999".parse().unwrap(),
        dnn: format!("{}.{}", "a".repeat(60), "b".repeat(38)).parse().unwrap(),
        sequence: u32::MAX,
        opened_us: u64::MAX,
        from_us: u64::MAX,
        to_us: u64::MAX,
        uplink: Octets(u64::MAX),
        downlink: Octets(u64::MAX),
        downlink_lost: u64::MAX,
        closing: Closing::StillOpen,
    };
    let cell = CellId { gnb_id: u32::MAX, cell: u32::MAX };
    let handover = HandoverCount {
        procedure: "handover-n2".to_owned(),
        source: cell,
        target: cell,
        succeeded: u64::MAX,
        failed: u64::MAX,
    };
    assert_eq!(encode(&longest).unwrap().len(), LONGEST_USAGE);
    let report = IntervalReport {
        usage: vec![longest; MOST_USAGE],
        handovers: vec![handover; MOST_HANDOVERS],
        ..IntervalReport::default()
    };
    let octets = encode(&ToCoordinator::Report(Box::new(report))).unwrap().len();
    assert!(octets + (5 << 20) <= wire::frame::LIMIT, "{octets} octets");
}
