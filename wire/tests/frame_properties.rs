//! Whatever octets come, decoding ends in a message or an error; and what was encoded is decoded as it was.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod any_message;

use any_message::{any_to_agent, any_to_coordinator};
use billing::{ChargingId, Closing, Octets, UsageRecord};
use identity::{CellId, SessionId};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::attempts::{AttemptRow, LONGEST_ROW, MOST_ROWS, RowOutcome, RowUse};
use wire::bounds::LONGEST_CAUSE;
use wire::frame::{Assembler, decode_to_agent, decode_to_coordinator, encode};
use wire::to_agent::{LARGEST_BATCH, ToAgent, UeBatch};
use wire::to_coordinator::{
    HandoverCount, IntervalReport, LONGEST_USAGE, MOST_HANDOVERS, MOST_USAGE, ToCoordinator,
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

/// What the limits on a report promise: with as many usage records, handovers and rows as it may hold, each at its longest, it
/// fits a frame and leaves 4 MiB for the rest.
#[test]
fn the_fullest_report_fits_a_frame() {
    let longest = UsageRecord {
        charging_id: Some(ChargingId(u32::MAX)),
        supi: "999999999999999".parse().unwrap(),
        session: SessionId::new(15).unwrap(),
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
    let cell = CellId { node: u32::MAX, cell: u32::MAX };
    let handover = HandoverCount {
        procedure: "handover-n2".to_owned(),
        source: cell,
        target: cell,
        succeeded: u64::MAX,
        failed: u64::MAX,
    };
    assert_eq!(encode(&longest).unwrap().len(), LONGEST_USAGE);
    let row = AttemptRow {
        for_what: RowUse { file: true, span: true },
        due_us: u64::MAX,
        procedure: u8::MAX,
        self_started: true,
        supi: Some("999999999999999".parse().unwrap()),
        outcome: RowOutcome::Abandoned,
        cause: "a".repeat(LONGEST_CAUSE),
        latency_us: Some(u64::MAX),
        service_us: Some(u64::MAX),
        lateness_us: Some(u64::MAX),
        cell: Some(cell),
        target: Some(cell),
    };
    assert_eq!(encode(&row).unwrap().len(), LONGEST_ROW);
    let report = IntervalReport {
        rows: vec![row; MOST_ROWS],
        usage: vec![longest; MOST_USAGE],
        handovers: vec![handover; MOST_HANDOVERS],
        ..IntervalReport::default()
    };
    let octets = encode(&ToCoordinator::Report(Box::new(report))).unwrap().len();
    assert!(octets + (4 << 20) <= wire::frame::LIMIT, "{octets} octets");
}

/// A batch of UEs leaves room in a frame for whatever a message grows by.
#[test]
fn the_largest_batch_of_ues_fits_a_frame() {
    let batch = UeBatch {
        shard: u32::MAX,
        epoch: u64::MAX,
        part: u32::MAX,
        parts: u32::MAX,
        sealed: vec![0xff; LARGEST_BATCH],
    };
    let octets = encode(&ToAgent::Ues(Box::new(batch))).unwrap().len();
    assert!(octets * 4 <= wire::frame::LIMIT, "{octets} octets");
}
