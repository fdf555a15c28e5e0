//! What a simulator counted, under the names of its counters.

use results::units::{count, decimal_octets};
use serde_json::{Map, Value, json};
use simulator::NetworkStatistics;

/// All of it, for other programs.
pub(super) fn json(statistics: &NetworkStatistics) -> Value {
    let NetworkStatistics { amf, upf, n3, charging, .. } = statistics;
    let map = |pairs: &mut dyn Iterator<Item = (String, u64)>| -> Map<String, Value> {
        pairs.map(|(name, n)| (name, json!(n))).collect()
    };
    let named = |(name, n): (&str, u64)| (name.to_owned(), n);
    let messages: Map<String, Value> = amf
        .messages()
        .map(|(name, received, sent)| (name.to_owned(), json!({ "received": received, "sent": sent })))
        .collect();
    let refused: Vec<Value> = amf
        .turned_away
        .iter()
        .map(|one| json!({ "at_us": one.at_us, "who": one.who, "why": one.why }))
        .collect();
    json!({
        "gnbs": { "connected": amf.gnbs, "associations": amf.associations },
        "registrations": {
            "accepted": amf.registrations_accepted,
            "completed": amf.registrations_completed,
            "rejected": map(&mut amf.rejections.iter().map(|(cause, n)| (format!("#{cause}"), *n))),
            "registered": amf.registered,
        },
        "services_accepted": amf.services_accepted,
        "deregistrations": amf.deregistrations,
        "authentications": amf.authentications,
        "events": map(&mut amf.happened().map(named)),
        "refusals": map(&mut amf.refused().map(named)),
        "turned_away": { "total": amf.turned_away_total, "first": refused },
        "messages": messages,
        "associations_ended": {
            "never_set_up": statistics.turned.never_set_up,
            "beyond_share": statistics.turned.beyond_share,
        },
        "messages_not_ngap": statistics.turned.not_ngap,
        "sends": { "dropped": amf.sends_dropped, "refused": amf.sends_refused },
        "user_plane": {
            "sessions": upf.sessions,
            "sessions_made": upf.sessions_made,
            "sessions_refused": upf.sessions_refused,
            "uplink": { "packets": upf.uplink_packets, "octets": upf.uplink_octets },
            "downlink": { "packets": upf.downlink_packets, "octets": upf.downlink_octets },
            "downlink_skipped_octets": upf.downlink_skipped,
            "too_late": { "packets": upf.too_late_packets, "octets": upf.too_late_octets },
            "not_taken": map(&mut upf.not_taken().map(|(kind, n)| (kind.to_string(), n))),
            "error_indications_received": upf.error_indications_received,
            "datagrams": { "received": n3.received, "sent": n3.sent, "dropped": n3.dropped },
        },
        "charging": {
            "amount": charging.amount.to_string(),
            "currency": charging.currency.to_string(),
            "records": charging.records,
            "faults": map(&mut charging.faults.iter().map(|(fault, n)| (fault.as_str().to_owned(), *n))),
        },
        "ledger": statistics.ledger.as_ref().map(|ledger| ledger.path.display().to_string()),
    })
}

/// What a person wants to know at the end.
pub(super) fn text(statistics: &NetworkStatistics) -> String {
    let NetworkStatistics { amf, upf, charging, .. } = statistics;
    let mut lines = vec![
        format!(
            "registrations {} accepted, {} rejected{}; service requests {}, deregistrations {}; registered at the end {}",
            count(amf.registrations_accepted),
            count(amf.rejections.values().sum()),
            listed(amf.rejections.iter().map(|(cause, n)| (format!("cause #{cause}"), *n))),
            count(amf.services_accepted),
            count(amf.deregistrations),
            amf.registered
        ),
        format!(
            "sessions {}; {} from UEs in {} packets, {} to UEs in {} packets",
            count(upf.sessions_made),
            decimal_octets(upf.uplink_octets as f64),
            count(upf.uplink_packets),
            decimal_octets(upf.downlink_octets as f64),
            count(upf.downlink_packets)
        ),
    ];
    lines.extend(upf.not_taken().map(|(kind, n)| format!("  {} × {kind}", count(n))));
    lines.extend(amf.happened().map(|(name, n)| format!("  {n} × {name}")));
    lines.push(format!(
        "charged {} {} in {} records",
        charging.amount,
        charging.currency,
        count(charging.records)
    ));
    lines.extend(charging.faults.iter().map(|(fault, n)| format!("  {n} × {} on purpose", fault.as_str())));
    let reasons = listed(amf.refused().map(|(name, n)| (name.to_owned(), n)));
    if !reasons.is_empty() {
        lines.push(format!("refused or given up{reasons}"));
    }
    let turned = &statistics.turned;
    for (n, what) in [
        (turned.never_set_up, "associations ended because NG was not set up in time"),
        (turned.beyond_share, "associations ended because their address had its share"),
        (turned.not_ngap, "messages that were not NGAP ignored"),
    ] {
        if n > 0 {
            lines.push(format!("{} {what}", count(n)));
        }
    }
    if let Some(ledger) = &statistics.ledger {
        lines.push(format!("ledger: {}", ledger.path.display()));
    }
    lines.join("\n")
}

/// ` (2 × a, 1 × b)` of what is not 0; nothing where all is.
fn listed(pairs: impl Iterator<Item = (String, u64)>) -> String {
    let shown: Vec<String> = pairs.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} × {name}")).collect();
    if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
}
