//! `ladders.ndjson`: the lives of a few UEs, message by message, for the ladder diagrams of the report.
//!
//! Kept in memory while the run lasts, so bounded: failed UEs, the slowest attempts of each procedure, sampled UEs; of each the
//! first messages.

use std::collections::BTreeMap;
use std::io;

use results::{CallFlow, CallFlowMessage, SlowAttempt};
use serde::{Deserialize, Serialize};
use wire::to_coordinator::{Trace, TracePacket};

/// The lives that are kept, by IMSI.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct CallFlows {
    lives: BTreeMap<String, CallFlow>,
    /// Of each procedure the slowest attempts, the slowest first.
    slowest: BTreeMap<String, Vec<CallFlow>>,
}

impl CallFlows {
    /// Takes the messages of one UE. Those of no UE are no life.
    pub(crate) fn add(&mut self, trace: &Trace) {
        if trace.imsi.is_empty() {
            return;
        }
        self.add_slow(trace);
        // What was kept for its slowness alone is no sample.
        if trace.is_only_slow() || !self.has_room(trace) {
            return;
        }
        let imsi = cut(&trace.imsi);
        let life = self.lives.entry(imsi.clone()).or_insert_with(|| CallFlow { imsi, ..CallFlow::default() });
        if !life.failed {
            life.why = cut(&trace.why);
            life.failed = trace.failed;
        }
        for packet in &trace.packets {
            if life.messages.len() < MOST_MESSAGES {
                life.messages.push(message(packet));
            } else {
                life.left_out += 1;
            }
        }
    }

    fn add_slow(&mut self, trace: &Trace) {
        let Some(slow) = trace.slow.as_ref().filter(|_| !trace.failed) else { return };
        let procedure = cut(&slow.procedure);
        if !self.slowest.contains_key(&procedure) && self.slowest.len() >= MOST_PROCEDURES {
            return;
        }
        let slowest = self.slowest.entry(procedure.clone()).or_default();
        let us = |flow: &CallFlow| flow.slowest.as_ref().map_or(0, |slow| slow.latency_us);
        let place = slowest.partition_point(|known| us(known) >= slow.latency_us);
        if place >= MOST_SLOW {
            return;
        }
        let (kept, rest) = trace.packets.split_at(trace.packets.len().min(MOST_MESSAGES));
        let flow = CallFlow {
            imsi: cut(&trace.imsi),
            why: format!("slow {procedure}"),
            failed: false,
            slowest: Some(SlowAttempt { procedure, latency_us: slow.latency_us }),
            messages: kept.iter().map(message).collect(),
            left_out: rest.len() as u64,
        };
        slowest.insert(place, flow);
        slowest.truncate(MOST_SLOW);
    }

    /// There is room for so many failed and so many other ones. A sampled UE that fails becomes a failed one.
    fn has_room(&self, trace: &Trace) -> bool {
        let of_kind = self.lives.values().filter(|life| life.failed == trace.failed).count();
        let most = if trace.failed { MOST_FAILED } else { MOST_SAMPLED };
        self.lives.contains_key(&trace.imsi) || of_kind < most
    }

    /// A line for each life, the failed ones first; nothing when there is none.
    pub(crate) fn lines(&mut self) -> io::Result<Vec<u8>> {
        let mut lives: Vec<&mut CallFlow> = self.lives.values_mut().collect();
        lives.sort_by_key(|life| !life.failed);
        lives.extend(self.slowest.values_mut().flatten());
        let mut lines = Vec::new();
        for life in lives {
            // Traces come when a UE is at rest, and its gNBs may report one after the other.
            life.messages.sort_by_key(|message| message.at_us);
            serde_json::to_writer(&mut lines, life)?;
            lines.push(b'\n');
        }
        Ok(lines)
    }
}

fn message(packet: &TracePacket) -> CallFlowMessage {
    CallFlowMessage {
        at_us: packet.at_us,
        uplink: packet.uplink,
        lost: packet.lost,
        ran: cut(&packet.ran),
        core: cut(&packet.core),
        name: cut(&packet.name),
        comment: cut(&packet.comment),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

const MOST_FAILED: usize = 24;
const MOST_SAMPLED: usize = 16;
const MOST_MESSAGES: usize = 160;
/// Slow attempts of each procedure.
const MOST_SLOW: usize = 3;
const MOST_PROCEDURES: usize = 40;
const LONGEST_TEXT: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trace(imsi: &str, failed: bool, times: &[i64]) -> Trace {
        let packet = |at_us: &i64| TracePacket {
            at_us: *at_us,
            uplink: true,
            ran: "10.0.0.1:1".to_owned(),
            core: "10.0.0.2:38412".to_owned(),
            stream: 1,
            ppid: 60,
            octets: vec![],
            name: "InitialUEMessage".to_owned(),
            comment: String::new(),
            wall_us: 0,
            lost: false,
        };
        let why = if failed { "congestion" } else { "sampled" }.to_owned();
        let packets = times.iter().map(packet).collect();
        Trace { shard: 0, imsi: imsi.to_owned(), why, failed, packets, slow: None }
    }

    fn written(call_flows: &mut CallFlows) -> Vec<Value> {
        let lines = String::from_utf8(call_flows.lines().unwrap()).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_life_is_in_order_of_time_and_failed_ones_come_first() {
        let mut call_flows = CallFlows::default();
        call_flows.add(&trace("001010000000001", false, &[30, 40]));
        call_flows.add(&trace("001010000000002", true, &[5]));
        call_flows.add(&trace("001010000000001", false, &[10, 20]));
        call_flows.add(&trace("", false, &[1]));
        let lines = written(&mut call_flows);
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["imsi"], &lines[0]["failed"]), (&json!("001010000000002"), &json!(true)));
        let times: Vec<i64> =
            lines[1]["messages"].as_array().unwrap().iter().filter_map(|m| m["at_us"].as_i64()).collect();
        assert_eq!(times, [10, 20, 30, 40]);
    }

    #[test]
    fn slowest_attempts_of_each_procedure_are_kept_beside_what_failed() {
        let mut call_flows = CallFlows::default();
        let slow = |imsi: u64, procedure: &str, latency_us| {
            let slow =
                Some(wire::to_coordinator::SlowAttempt { procedure: procedure.to_owned(), latency_us });
            Trace {
                slow,
                why: wire::to_coordinator::ONLY_SLOW.to_owned(),
                ..trace(&imsi.to_string(), false, &[1])
            }
        };
        (1..=50).for_each(|n| call_flows.add(&slow(n, "registration", n * 1_000)));
        call_flows.add(&slow(60, "pdu-session", 5));
        call_flows.add(&trace("70", true, &[1]));
        let lines = written(&mut call_flows);
        let told: Vec<(&str, u64)> = lines
            .iter()
            .map(|line| (line["imsi"].as_str().unwrap(), line["slowest"]["latency_us"].as_u64().unwrap_or(0)))
            .collect();
        assert_eq!(told, [("70", 0), ("60", 5), ("50", 50_000), ("49", 49_000), ("48", 48_000)]);
    }

    #[test]
    fn lives_and_messages_are_bounded_and_failed_ones_find_room() {
        let mut call_flows = CallFlows::default();
        (0..100).for_each(|n| call_flows.add(&trace(&format!("{n}"), false, &[n])));
        (100..200).for_each(|n| call_flows.add(&trace(&format!("{n}"), true, &vec![n; 1000])));
        let lines = written(&mut call_flows);
        assert_eq!(lines.len(), MOST_FAILED + MOST_SAMPLED);
        assert_eq!(lines[0]["left_out"], json!(1000 - MOST_MESSAGES));
    }
}
