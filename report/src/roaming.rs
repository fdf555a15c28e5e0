//! A run with sessions, handovers and money to draw a report of, made up but shaped like a real one.

use serde_json::{Value, json};

use super::samples::{self, noise};

/// Summary, time line and ladders.
pub(super) struct Roaming {
    pub(super) summary: Value,
    pub(super) timeline: Vec<Value>,
    pub(super) ladders: Vec<Value>,
}

/// Two networks of six gNBs with two cells each; three of 1,204 sessions were not charged for what was used.
pub(super) fn roaming() -> Roaming {
    let (mut summary, _) = samples::pass();
    summary["scenario"] = json!("cross-border");
    summary["description"] = json!(
        "400 subscribers attach, open sessions, cross a border and come back; every session is charged."
    );
    summary["duration_s"] = json!(120);
    summary["verdict"] = json!({"status": "fail", "reasons": ["billing.unreconciled is 3, target == 0",
        "unreconciled: 001010000000017 session 1, charging id 4217: missing",
        "unreconciled: 001010000000201 session 1, charging id 4398: volume",
        "unreconciled: 001010000000318 session 2, charging id 4555: serving-network"]});
    summary["slos"] = json!([
        {"name": "registration.success", "target": ">= 99.5%", "actual": 100.0, "pass": true},
        {"name": "handover-n2.latency.p95", "target": "< 450ms", "actual": 183.2, "pass": true},
        {"name": "billing.unreconciled", "target": "== 0", "actual": 3.0, "pass": false}]);
    summary["procedures"] = procedures();
    summary["billing"] = billing();
    summary["handovers"] = handovers(12);
    summary["user_plane"] = json!({"uplink_packets": 184_220, "uplink_octets": 92_110_000, "downlink_packets": 611_900, "downlink_octets": 734_280_000u64,
        "downlink_lost": 214, "downlink_reordered": 3, "uplink_dropped": 0, "strays": 2, "end_markers": 1_977, "echoes": 96});
    summary["sessions_at_once"] = json!(398);
    summary["network_events"] = json!({"by_kind": {"sim-swap": 4}, "first": (0..4).map(|n| json!({"run_us": 61_000_000 + n * 700_000, "kind": "sim-swap",
        "supi": format!("00101000000{:04}", 40 + n), "details": "synchronisation failed with a sequence number that another card had used"})).collect::<Vec<_>>()});
    summary["impairments"] = json!({"active_s": 24.0, "worst_hour_s": 24.0, "windows": [
        {"name": "tunnel", "kind": "signal loss", "at_s": 30.0, "for_s": 8.0, "cells": 0.25, "details": "40 % of the UEs"},
        {"name": "rain", "kind": "interference", "at_s": 70.0, "for_s": 16.0, "cells": 1.0, "details": "2 % lost, 0.03 s later"}]});
    Roaming { summary, timeline: (0..120).map(second).collect(), ladders: ladders() }
}

fn procedures() -> Value {
    let (pass, _) = samples::pass();
    let figures = |planned: u64, failed: Value, p50: u64| {
        let lost: u64 = failed.as_object().unwrap().values().filter_map(Value::as_u64).sum();
        let mut figures = pass["procedures"]["registration"].clone();
        figures["planned"] = json!(planned);
        figures["succeeded"] = json!(planned - lost);
        figures["failed"] = failed;
        figures["timed_out"] = json!(0);
        figures["timed_out_by_timer"] = json!({});
        figures["latency_us"] = samples::latencies(p50);
        figures["service_us"] = samples::latencies(p50 - 900);
        figures["percentiles"] = samples::curve(p50);
        figures["service_percentiles"] = samples::curve(p50 - 900);
        figures
    };
    json!({"registration": figures(400, json!({}), 121_400), "pdu-session": figures(1_204, json!({}), 83_100),
        "handover-n2": figures(1_580, json!({"handover-target-not-allowed": 9, "radio-link-failure": 3}), 118_300),
        "handover-xn": figures(421, json!({}), 61_900), "service-request": figures(380, json!({}), 44_000),
        "ue-context-release": figures(380, json!({}), 9_800), "deregistration": figures(400, json!({}), 31_000)})
}

fn billing() -> Value {
    let side = |charging: bool, serving: &[&str], up: u64, down: u64, lasted_s: u64| {
        let from = 1_795_556_003_120_000u64;
        json!({"serving": serving, "dnn": "internet", "records": if serving.len() > 1 { 2 } else { 1 }, "from_us": from, "to_us": from + lasted_s * 1_000_000,
            "recorded_us": if charging { json!(from + 1) } else { Value::Null }, "uplink": up, "downlink": down, "downlink_lost": 0,
            "rates": if charging { json!(["home-data"]) } else { json!([]) }, "closing": "released"})
    };
    let session = |supi: &str,
                   number: u64,
                   id: u64,
                   cause: &str,
                   sides: (Value, Value),
                   money: (i64, i64, i64),
                   why: &str| {
        json!({"cause": cause, "supi": supi, "session": number, "charging_id": id, "usage": sides.0, "charging": sides.1,
            "expected": money.0, "charged": money.1, "at_stake": money.2, "currency": "EUR", "explanation": why})
    };
    json!({"reconciled": true, "sessions": 1_204, "matched": 1_201, "unreconciled": 3, "by_cause": {"missing": 1, "volume": 1, "serving-network": 1},
        "currency": "EUR", "charged_micros": 8_214_500, "expected_micros": 8_226_000, "at_stake_micros": 23_500,
        "at_stake_by_cause_micros": {"missing": 12_000, "volume": 9_000, "serving-network": 2_500},
        "used_uplink": 92_110_000, "used_downlink": 734_280_000u64, "charged_uplink": 92_020_000, "charged_downlink": 735_080_000u64,
        "usage_records": 1_622, "charging_records": 1_620, "redelivered": 0, "unused": 0, "rejected_usage": 0, "rejected_charging": 0, "problems": [],
        "faults_injected": {"lost": 1, "wrong-volume": 1, "wrong-plmn": 1},
        "worst": [
            session("001010000000017", 1, 4217, "missing", (side(false, &["001/01"], 90_000, 600_000, 21), Value::Null), (12_000, 0, 12_000), "690,000 octets were used, and nothing was charged"),
            session("001010000000201", 1, 4398, "volume", (side(false, &["001/01"], 71_200, 512_000, 18), side(true, &["001/01"], 71_200, 1_312_000, 18)), (7_000, 16_000, 9_000), "800,000 octets more were charged than used; 0 B are tolerated"),
            session("001010000000318", 2, 4555, "serving-network", (side(false, &["001/01", "262/42"], 44_000, 301_000, 30), side(true, &["001/01"], 44_000, 301_000, 30)), (6_500, 4_000, 2_500), "262/42 served from 12.4 s on, 001/01 was charged")]})
}

/// A ring of `gnbs` gNBs with two cells each, and a few that fail at the border.
pub(super) fn handovers(gnbs: u64) -> Value {
    let mut cells = Vec::new();
    for gnb in 0..gnbs {
        for cell in 0..2 {
            let next = (gnb + 1) % gnbs;
            let failed = if gnb == gnbs / 2 { 4 + cell } else { u64::from(noise(gnb * 2 + cell) > 940) };
            cells.push(json!({"procedure": "handover-n2", "source": format!("{}.{cell}", gnb + 1), "target": format!("{}.{}", next + 1, (cell + gnb) % 2),
                "succeeded": 40 + noise(gnb + cell * 50) / 14, "failed": failed}));
            if gnb % 3 == 0 {
                cells.push(json!({"procedure": "handover-xn", "source": format!("{}.{cell}", gnb + 1), "target": format!("{}.{cell}", (gnb + 3) % gnbs + 1),
                    "succeeded": 20 + noise(gnb) / 30, "failed": 0}));
            }
        }
    }
    let sum = |key: &str| cells.iter().filter_map(|pair| pair[key].as_u64()).sum::<u64>();
    let phase = |name: &str, p50: u64| json!({"phase": name, "samples": 1_568, "latency_us": samples::latencies(p50)});
    json!({"succeeded": sum("succeeded"), "failed": sum("failed"), "elsewhere": 0,
        "phases": {"handover-n2": [phase("preparation", 42_000), phase("execution", 61_000), phase("completion", 15_300)],
            "handover-xn": [phase("execution", 48_000), phase("completion", 13_900)]},
        "cells": cells})
}

fn second(at: u64) -> Value {
    let open = if at < 20 {
        at * 20
    } else if at > 100 {
        398u64.saturating_sub((at - 100) * 21)
    } else {
        380 + noise(at) / 60
    };
    let faded = (30..38).contains(&at);
    let procedure = |n: u64, p50: u64| {
        json!({"due": n, "started": n, "succeeded": n.saturating_sub(u64::from(noise(at + n) > 930)), "failed": u64::from(noise(at + n) > 930), "timed_out": 0, "abandoned": 0, "never_started": 0,
            "latency_us": samples::latencies(p50 + noise(at * 3) * 12)})
    };
    json!({"at_s": at, "agents": 2, "registered": if at < 20 { at * 20 } else if at > 104 { 400u64.saturating_sub((at - 104) * 27) } else { 400 }, "in_flight": 3 + noise(at) / 200, "sessions": open,
        "lateness_us": {"p50": 14, "p99": 220, "max": 600},
        "user_plane": {"uplink_packets": open * 4, "uplink_octets": open * if faded { 900 } else { 2_200 + noise(at) }, "downlink_packets": open * 14,
            "downlink_octets": open * if faded { 4_000 } else { 16_000 + noise(at + 9) * 6 }, "downlink_lost": if faded { 20 + noise(at) / 100 } else { 0 }, "downlink_reordered": 0, "uplink_dropped": 0},
        "procedures": {"registration": procedure(if at < 20 { 20 } else { 0 }, 118_000), "pdu-session": procedure(10, 82_000), "handover-n2": procedure(if (20..100).contains(&at) { 19 } else { 0 }, 116_000),
            "handover-xn": procedure(5, 60_000), "service-request": procedure(3, 43_000), "ue-context-release": procedure(3, 9_500), "deregistration": procedure(if at > 100 { 20 } else { 0 }, 30_000)}})
}

fn ladders() -> Vec<Value> {
    let (first, second, core) = ("127.81.4.9:41210", "127.23.77.5:36012", "127.0.0.1:38412");
    // When, at which gNB, to the core or from it, what, and what begins there.
    let life: [(i64, u8, bool, &str, &str); 26] = [
        (
            2_010,
            1,
            true,
            "InitialUEMessage · Registration request",
            "registration begins 0.1 ms after it was due at 2.010 s",
        ),
        (2_014, 1, false, "DownlinkNASTransport · Authentication request", ""),
        (2_061, 1, true, "UplinkNASTransport · Authentication response", ""),
        (2_064, 1, false, "DownlinkNASTransport · Security mode command", ""),
        (2_102, 1, true, "UplinkNASTransport · Security mode complete", ""),
        (2_106, 1, false, "InitialContextSetupRequest · Registration accept", ""),
        (2_131, 1, true, "InitialContextSetupResponse", ""),
        (2_133, 1, true, "UplinkNASTransport · Registration complete", ""),
        (
            5_400,
            1,
            true,
            "UplinkNASTransport · PDU session establishment request",
            "pdu-session begins 0.2 ms after it was due at 5.400 s",
        ),
        (5_408, 1, false, "PDUSessionResourceSetupRequest · PDU session establishment accept", ""),
        (5_441, 1, true, "PDUSessionResourceSetupResponse", ""),
        (21_000, 1, true, "HandoverRequired", "handover-n2 begins when it was due at 21.000 s"),
        (21_006, 2, false, "HandoverRequest", ""),
        (21_021, 2, true, "HandoverRequestAcknowledge", ""),
        (21_025, 1, false, "HandoverCommand", ""),
        (21_026, 1, true, "UplinkRANStatusTransfer", ""),
        (21_030, 2, false, "DownlinkRANStatusTransfer", ""),
        (21_081, 2, true, "HandoverNotify", ""),
        (21_085, 1, false, "UEContextReleaseCommand", ""),
        (21_087, 1, true, "UEContextReleaseComplete", ""),
        (
            88_000,
            2,
            true,
            "UplinkNASTransport · PDU session release request",
            "pdu-session-release begins when it was due at 88.000 s",
        ),
        (88_004, 2, false, "PDUSessionResourceReleaseCommand · PDU session release command", ""),
        (88_036, 2, true, "PDUSessionResourceReleaseResponse", ""),
        (
            101_300,
            2,
            true,
            "UplinkNASTransport · Deregistration request",
            "deregistration begins when it was due at 101.300 s",
        ),
        (101_304, 2, false, "DownlinkNASTransport · Deregistration accept", ""),
        (101_306, 2, false, "UEContextReleaseCommand", ""),
    ];
    let message = |(at_ms, gnb, uplink, name, comment): &(i64, u8, bool, &str, &str)| json!({"at_us": at_ms * 1000 + 137, "uplink": uplink, "ran": if *gnb == 1 { first } else { second }, "core": core, "name": name, "comment": comment});
    let whole: Vec<Value> = life.iter().map(message).collect();
    let failed: Vec<Value> = life[11..13].iter().map(message).chain([
        json!({"at_us": 21_009_000, "uplink": true, "ran": second, "core": core, "name": "HandoverFailure", "comment": ""}),
        json!({"at_us": 21_012_000, "uplink": false, "ran": first, "core": core, "name": "HandoverPreparationFailure", "comment": ""})]).collect();
    vec![
        json!({"imsi": "001010000000093", "why": "handover-n2 handover-target-not-allowed", "failed": true, "messages": failed, "left_out": 0}),
        json!({"imsi": "001010000000001", "why": "sampled", "failed": false, "messages": whole, "left_out": 0}),
    ]
}
