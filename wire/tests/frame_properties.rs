//! Whatever octets come, decoding ends in a message or an error; and what was encoded is decoded as it was.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use wire::frame::{Assembler, decode_to_agent, decode_to_coordinator, encode};
use wire::to_agent::{Lease, ToAgent, TracePolicy};
use wire::to_coordinator::{IntervalReport, ProcedureInterval, ToCoordinator, Trace, TracePacket};

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
                valid_us,
                target,
                resume_at,
                trace,
                key: [7; 32],
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
    let report = (any::<(String, u32, u64, u64)>(), vec(any_procedure(), 0..3), any::<Vec<(String, u64)>>())
        .prop_map(|((run, shard, epoch, sequence), procedures, unexpected)| IntervalReport {
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
            ..IntervalReport::default()
        });
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
        ProcedureInterval { procedure, due, failed, latency_v2, ..ProcedureInterval::default() }
    })
}
