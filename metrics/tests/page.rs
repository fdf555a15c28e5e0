//! docs/metrics.md has every metric, as it is.

#![allow(clippy::unwrap_used, reason = "a test")]

use metrics::{Kind, Metric, tables};

/// The row of a metric.
fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {kind} | {} | {} |", metric.full_name(), labels.join(", "), metric.help)
}

#[test]
fn every_metric_has_its_row_and_no_row_is_of_none() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        tables().iter().flat_map(|(_, all)| all.iter().map(|metric| row(metric))).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_eq!(rows, expected, "the tables of docs/metrics.md are to be:\n{}", expected.join("\n"));
}

#[test]
fn names_keep_to_the_conventions_of_prometheus() {
    let mut seen = std::collections::BTreeSet::new();
    for (part, all) in tables() {
        for metric in all {
            let name = metric.full_name();
            assert!(seen.insert(name.clone()), "{name} is there twice");
            let is_ours =
                name.starts_with("roamstorm_") || (part == "process" && name.starts_with("process_"));
            assert!(is_ours, "{name}");
            let wrong = ["ms", "us", "milliseconds", "octets", "percent", "kilobytes"];
            let is_wrong = name.split('_').any(|word| wrong.contains(&word));
            assert!(!is_wrong, "{name}: base units are seconds, bytes and ratios");
            assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(metric.kind == Kind::Counter || !name.ends_with("_total"), "{name}");
            assert!(!metric.help.ends_with('.') && metric.labels.len() <= 3, "{name}");
            // Whose they are would make as many series as there are subscribers, or agents.
            let many = ["imsi", "supi", "ue", "agent", "shard", "gnb", "cell"];
            assert!(!metric.labels.iter().any(|label| many.contains(label)), "{name}");
        }
    }
}
