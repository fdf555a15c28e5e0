//! Runs to draw reports of, made up but shaped like real ones.

use serde_json::{Value, json};

/// Summary and time line.
pub(super) type Sample = (Value, Vec<Value>);

/// Numbers that look random and are the same each time.
pub(super) fn noise(i: u64) -> u64 {
    (i.wrapping_add(7).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % 1000
}

pub(super) fn latencies(p50: u64) -> Value {
    json!({"p50": p50, "p90": p50 * 13 / 10, "p95": p50 * 15 / 10, "p99": p50 * 21 / 10, "p999": p50 * 38 / 10, "max": p50 * 52 / 10})
}

pub(super) fn curve(p50: u64) -> Value {
    let shape = [
        (0.0, 30),
        (25.0, 80),
        (50.0, 100),
        (75.0, 117),
        (90.0, 130),
        (95.0, 150),
        (98.0, 185),
        (99.0, 210),
        (99.5, 260),
        (99.9, 380),
        (99.99, 490),
        (100.0, 520),
    ];
    shape.iter().map(|(percentile, share)| json!([percentile, p50 * share / 100])).collect()
}

/// One second; `frozen` seconds answer nothing.
fn second(at: u64, rate: u64, registered: u64, frozen: bool, stalled_us: u64) -> Value {
    let due = if rate == 0 { 0 } else { rate + noise(at) % 60 };
    let failed = if noise(at + 3) > 900 { 3 } else { 0 };
    let succeeded = if frozen { 0 } else { due.saturating_sub(failed) };
    let p50 = 118_000 + noise(at * 3) * 12 + stalled_us;
    json!({"at_s": at, "agents": 3, "registered": registered, "in_flight": due / 8 + if frozen { due } else { 0 },
        "lateness_us": {"p50": 12 + noise(at) / 100, "p99": 210 + noise(at + 1) / 4, "max": 600 + noise(at + 2)},
        "procedures": {"registration": {"due": due, "started": due, "succeeded": succeeded, "failed": failed, "timed_out": 0,
            "abandoned": 0, "never_started": 0,
            "latency_us": {"p50": p50, "p95": p50 * 15 / 10, "p99": p50 * 21 / 10, "max": p50 * 3}}}})
}

fn agent(i: u64) -> Value {
    json!({"id": format!("agent-{i}"), "shards": [i, i + 3, i + 6], "attempts": 3_333 + i / 2,
            "lateness_us": {"p50": 13, "p99": 400 + i, "max": 1_500 + i}, "resident_octets": 41_000_000 + i, "ues": 3_333, "ue_octets": 3_333 * 912,
            "cpu_s": 2.4, "report_octets": 182_000,
            "state": "finished", "address": "127.0.0.1:51120", "program": "0.1.0", "workers": 1,
            "round_trip_us": 143, "clock_offset_us": -12, "reports_dropped": 0})
}

fn summary(status: &str, reasons: &[&str]) -> Value {
    json!({"run_id": "20261122-231502-attach-10k-42", "scenario": "attach-10k", "description": "10,000 subscribers register at 1,000/s and stay.",
        "seed": 42, "target": "sim: sctp+udp://127.0.0.1:40112", "started_at": "2026-11-22T23:15:02Z", "duration_s": 31.2, "version": "0.1.0",
        "verdict": {"status": status, "reasons": reasons},
        "slos": [
            {"name": "registration.success", "target": ">= 99.5%", "actual": 99.87, "pass": true},
            {"name": "registration.latency.p50", "target": "< 300ms", "actual": 121.4, "pass": true},
            {"name": "registration.latency.p99", "target": "< 500ms", "actual": 254.9, "pass": true}],
        "procedures": {"registration": {"planned": 10_000, "succeeded": 9_987, "failed": {"congestion": 8, "illegal-ue": 2},
            "timed_out": 3, "timed_out_by_timer": {"T3510": 3},
            "abandoned": {}, "never_started": 0, "never_started_by_reason": {},
            "latency_us": latencies(121_400), "service_us": latencies(119_900), "percentiles": curve(121_400), "service_percentiles": curve(119_900)}},
        "billing": {"sessions": 0, "matched": 0, "unreconciled": 0, "by_cause": {}},
        "generator": {"limited": false, "lateness_us": {"p50": 14, "p99": 412, "max": 1_590}, "thresholds": {"lateness_p99_us": 10_000}},
        "faults": [], "unexpected": {"dl-nas-without-context": 2}, "radio": "urban-macro", "radio_lost": 31, "messages_sent": 60_112, "messages_received": 50_094,
        "guardrails": [{"condition": "registration.success < 50%", "for_s": 5.0, "broken_at_s": null}],
        "transport": "sctp+udp", "warnings": [],
        "trace_counts": {"files": 3, "packets": 214, "failed_ues_left_out": 0, "packets_dropped_by_agents": 0},
        "reports": {"merged": 93, "duplicates": 0, "old_epoch": 0, "out_of_order": 0, "late": 1},
        "traces": [{"file": "traces/001010000000017-failed.pcapng"}, {"file": "traces/001010000000218-sampled.pcapng"}, {"file": "traces/gnb-0.pcapng"}],
        "agents": (0..3).map(agent).collect::<Vec<_>>()})
}

/// 10,000 registrations, all is well.
pub(super) fn pass() -> Sample {
    let line =
        (1..=30).map(|at| second(at, if at <= 10 { 970 } else { 0 }, at.min(10) * 999, false, 0)).collect();
    (summary("pass", &[]), line)
}

/// The core froze for 1.4 s, and one second is missing from the time line.
pub(super) fn fail() -> Sample {
    let mut summary = summary("fail", &["registration.latency.p99 is 1.61 s, the objective is < 500ms"]);
    summary["slos"][2] =
        json!({"name": "registration.latency.p99", "target": "< 500ms", "actual": 1_610.0, "pass": false});
    summary["faults"] = json!([{"kind": "freeze", "at_s": 5.2, "for_s": 1.4, "where": "amf"}]);
    summary["procedures"]["registration"]["latency_us"] = json!({"p50": 121_400, "p90": 310_000, "p95": 980_000, "p99": 1_610_000, "p999": 1_700_000, "max": 1_720_000});
    summary["procedures"]["registration"]["percentiles"] = json!([
        [0, 82_000],
        [50, 121_400],
        [80, 140_000],
        [90, 310_000],
        [95, 980_000],
        [99, 1_610_000],
        [99.9, 1_700_000],
        [99.99, 1_720_000],
        [100, 1_720_000]
    ]);
    let stall = |at| match at {
        7 => 900_000,
        8 => 120_000,
        _ => 0,
    };
    let seconds = (1..=30).filter(|at| *at != 20);
    (
        summary,
        seconds
            .map(|at| second(at, if at <= 10 { 970 } else { 0 }, at.min(10) * 999, at == 6, stall(at)))
            .collect(),
    )
}

/// The generator could not keep up, an agent was lost, and the account doesn't balance.
pub(super) fn invalid() -> Sample {
    let (mut summary, line) = pass();
    summary["verdict"] = json!({"status": "invalid", "reasons": [
        "The generator was the limit: attempts left 48.1 ms late (p99), allowed are 10.0 ms.",
        "The account of registration does not balance: 20 attempts have no outcome."]});
    summary["warnings"] = json!(["agent-2 reported 1.2 s late, twice."]);
    summary["guardrails"][0]["broken_at_s"] = json!(17.0);
    summary["generator"] = json!({"limited": true, "reasons": ["lateness p99 48.1 ms is above 10.0 ms"],
        "attempts": 9_980, "late_attempts": 4_120, "lateness_us": {"p50": 9_100, "p99": 48_100, "max": 512_000}});
    summary["procedures"]["registration"]["abandoned"] = json!({"agent-lost": 130});
    summary["procedures"]["registration"]["succeeded"] = json!(9_837);
    (summary, line)
}

/// An agent whose process ended, a shard that moved, and UEs that were registered again.
pub(super) fn gap() -> Sample {
    let (mut summary, timeline) = pass();
    summary["gaps"] = json!([{"shard": 7, "from_us": 5_000_000, "to_us": 6_250_000, "cause": "process of agent a ended: killed by <signal 9>",
        "from_agent": "a", "to_agent": "b", "abandoned": {"registration": 12}, "never_started": {"registration": 1003}}]);
    summary["moves"] = json!([{"shard": 3, "from_us": 8_000_000, "to_us": 8_300_000, "cause": "rebalanced", "from_agent": "b", "to_agent": "c"}]);
    summary["shifted"] = json!(17);
    summary["recovery"] = json!({"registrations": 40, "sessions": 20, "succeeded": 59, "failed": 1});
    (summary, timeline)
}

/// Ended before anything happened.
pub(super) fn empty() -> Sample {
    (
        json!({"run_id": "20261122-000000-smoke-1", "scenario": "smoke", "seed": 1, "verdict": {"status": "invalid", "reasons": ["No agent joined within 30 s."]},
        "slos": [], "procedures": {}, "billing": {"sessions": 0}, "generator": {"limited": false}, "agents": []}),
        Vec::new(),
    )
}

/// Eight hours of `procedures` procedures.
pub(super) fn soak(procedures: usize) -> Sample {
    const NAMES: [&str; 5] = [
        "registration",
        "deregistration",
        "service-request",
        "mobility-registration-update",
        "periodic-registration-update",
    ];
    let (mut summary, _) = pass();
    summary["scenario"] = json!("soak-8h");
    summary["duration_s"] = json!(28_800);
    summary["billing"] = json!({"sessions": 91_200, "matched": 91_197, "unreconciled": 3, "by_cause": {"charged-twice": 2, "usage-missing": 1}});
    let figures = summary["procedures"]["registration"].clone();
    let line = (1..=28_800_u64).map(|at| {
        let wave = [0, 40, 75, 90, 75, 40][usize::try_from(at / 1200 % 6).unwrap_or(0)];
        let mut entry =
            second(at, 120 + wave, 250_000 + at, at % 9000 == 0, if at % 9000 < 3 { 1_300_000 } else { 0 });
        entry["agents"] = json!(if at > 14_000 && at < 14_300 { 2 } else { 3 });
        let of_first = entry["procedures"]["registration"].clone();
        for name in &NAMES[..procedures] {
            entry["procedures"][*name] = of_first.clone();
        }
        entry
    });
    let line = line.collect();
    for name in &NAMES[..procedures] {
        summary["procedures"][*name] = figures.clone();
        summary["procedures"][*name]["planned"] = json!(10_000);
    }
    (summary, line)
}

/// What a scenario file and a core network could write to attack the reader.
pub(super) const HOSTILE: &str = "</script><script>alert('x')</script><img src=\"http://evil.example/x.png\" onerror=alert(1)>&\u{2028}\"'";

/// [`HOSTILE`] wherever a text can be.
pub(super) fn hostile() -> Sample {
    let (_, line) = pass();
    let rename = |mut entry: Value| {
        let figures = entry["procedures"]["registration"].take();
        entry["procedures"] = json!({HOSTILE: figures});
        entry
    };
    let figures = json!({"planned": 10, "succeeded": 4, "failed": {HOSTILE: 3}, "timed_out": 1, "timed_out_by_timer": {HOSTILE: 1}, "abandoned": {HOSTILE: 1}, "never_started": 1, "never_started_by_reason": {HOSTILE: 1}, "latency_us": latencies(100)});
    let summary = json!({"run_id": HOSTILE, "scenario": HOSTILE, "description": HOSTILE, "seed": 7, "target": HOSTILE, "started_at": HOSTILE, "version": HOSTILE, "command": HOSTILE,
        "verdict": {"status": "fail", "reasons": [HOSTILE]}, "slos": [{"name": HOSTILE, "target": HOSTILE, "actual": 1.0, "unit": HOSTILE, "pass": false}],
        "guardrails": [{"condition": HOSTILE}], "warnings": [HOSTILE],
        "procedures": {HOSTILE: figures}, "billing": {"sessions": 1, "unreconciled": 1, "by_cause": {HOSTILE: 1}, "reason": HOSTILE, "problems": [HOSTILE]},
        "generator": {"limited": true, "reasons": [HOSTILE], "priority": HOSTILE, "thresholds": {HOSTILE: 1.0}, "processors": [{"agents": [HOSTILE], "priority": HOSTILE}]},
        "faults": [{"kind": HOSTILE, "at_s": 2.0, "for_s": 1.0}], "radio": HOSTILE, "unexpected": {HOSTILE: 1},
        "impairments": {"windows": [{"name": HOSTILE, "kind": HOSTILE, "details": HOSTILE}], "overridden": {"by": HOSTILE, "reason": HOSTILE}},
        "amfs": [{"target": HOSTILE, "name": HOSTILE}, {"target": HOSTILE, "name": HOSTILE}], "supervisors": [{"name": HOSTILE}],
        "gaps": [{"cause": HOSTILE, "from_agent": HOSTILE, "to_agent": HOSTILE, "abandoned": {HOSTILE: 1}}],
        "moves": [{"cause": HOSTILE, "from_agent": HOSTILE, "to_agent": HOSTILE}],
        "traces": [{"file": HOSTILE}, {"file": "javascript:alert(1)"}, {"file": format!("traces/{HOSTILE}"), "imsi": HOSTILE}],
        "agents": [{"id": HOSTILE, "state": HOSTILE, "address": HOSTILE, "shards": [1]}]});
    (summary, line.into_iter().map(rename).collect())
}

/// A session that was charged twice, as `billing.worst` has it.
pub(super) fn worst_session() -> Value {
    let side = json!({"serving": ["001/01"], "dnn": "internet", "records": 1, "from_us": 1_796_000_000_000_000u64, "to_us": 1_796_000_021_000_000u64,
        "recorded_us": null, "uplink": 90_000, "downlink": 600_000, "downlink_lost": 0, "uplink_lost": 0, "rates": [], "closing": "released"});
    json!({"cause": "duplicate", "supi": "001010000000009", "session": 1, "charging_id": 4217, "usage": side, "charging": side,
        "expected": 12_000, "charged": 24_000, "at_stake": 12_000, "currency": "EUR", "explanation": "charged twice", "lacks": null})
}
