//! What a real run left is read into the types and written again to the octet, and is what the schemas describe.

use results::{Interval, Status, Summary, schema};
use serde_json::{Value, json};

const SUMMARY: &str = include_str!("../testdata/summary.json");
const TIMELINE: &str = include_str!("../testdata/timeline.ndjson");

#[test]
fn summary_of_a_real_run_is_written_again_to_the_octet() {
    let summary: Summary = serde_json::from_str(SUMMARY).unwrap();
    assert_eq!((summary.verdict.status, summary.agents.len()), (Status::Pass, 2));
    assert_eq!(summary.procedures["handover-n2"].failed["ho-target-not-allowed"], 13);
    // As the coordinator writes it.
    assert_eq!(format!("{:#}\n", json!(summary)), SUMMARY);
}

#[test]
fn time_line_of_a_real_run_is_written_again_to_the_octet() {
    for line in TIMELINE.lines() {
        let interval: Interval = serde_json::from_str(line).unwrap();
        assert_eq!(json!(interval).to_string(), line);
    }
}

#[test]
fn real_run_is_what_the_schemas_describe_and_another_shape_is_not() {
    let of_summary = jsonschema::validator_for(&schema::of_summary()).unwrap();
    let of_interval = jsonschema::validator_for(&schema::of_interval()).unwrap();
    let mut summary: Value = serde_json::from_str(SUMMARY).unwrap();
    let problems: Vec<String> = of_summary.iter_errors(&summary).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
    for line in TIMELINE.lines() {
        assert!(of_interval.is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
    summary["procedures"]["registration"]["succeeded"] = json!("all of them");
    assert!(!of_summary.is_valid(&summary));
}

/// A folder of an earlier version lacks what was not measured then.
#[test]
fn summary_of_an_earlier_version_is_read() {
    let mut early: Value = serde_json::from_str(SUMMARY).unwrap();
    for key in ["user_plane", "ran_events", "amfs", "gaps", "generator"] {
        early.as_object_mut().unwrap().remove(key);
    }
    let summary: Summary = serde_json::from_value(early).unwrap();
    assert_eq!((summary.verdict.status, summary.user_plane.uplink_packets), (Status::Pass, 0));
}
