use results::{CallFlow, Interval, Summary};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::samples::{self, Sample, worst_session};
use super::{Besides, render};

/// What a sample is, as the types of a run folder.
pub(super) fn typed<T: DeserializeOwned>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_else(|error| panic!("{error}: {value}"))
}

pub(super) fn page((summary, timeline): &Sample) -> String {
    page_of(summary, timeline, &[])
}

pub(super) fn page_of(summary: &Value, timeline: &[Value], call_flows: &[Value]) -> String {
    let timeline: Vec<Interval> = timeline.iter().map(typed).collect();
    let call_flows: Vec<CallFlow> = call_flows.iter().map(typed).collect();
    render(&typed::<Summary>(summary), &timeline, &call_flows, Besides::default())
}

/// The values embedded for the read-out, one for each chart, in order of the page.
fn charts(page: &str) -> Vec<Value> {
    let scripts = page.split("<script type=\"application/json\">").skip(1);
    scripts.map(|rest| serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()).collect()
}

#[test]
fn hostile_texts_stay_texts() {
    let page = page(&samples::hostile());
    for dangerous in ["<script>alert", "<img", "href=\"javascript", "\u{2028}</script>", "onerror=alert(1)>"]
    {
        assert!(!page.contains(dangerous), "{dangerous} got through");
    }
    // One script for each chart and the read-out itself: nobody added one.
    let expected = charts(&page).len() + 1;
    assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (expected, expected));
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert"));
}

#[test]
fn page_refers_to_nothing_outside_its_folder() {
    for sample in [samples::pass(), samples::fail(), samples::invalid(), samples::empty(), samples::hostile()]
    {
        let page = page(&sample).to_lowercase();
        for (attribute, _) in page.match_indices(" href=\"").chain(page.match_indices(" src=\"")) {
            let value = page[attribute..].split('"').nth(1).unwrap();
            assert!(value.starts_with('#') || value.starts_with("traces/"), "refers to {value}");
        }
        assert!(
            !super::STYLE.contains("url(")
                && !super::STYLE.contains("@import")
                && !super::STYLE.contains("http")
        );
        assert!(
            !super::SCRIPT.contains("http")
                && !super::SCRIPT.contains("innerHTML")
                && !super::SCRIPT.contains("fetch")
        );
        assert!(!page.contains("<link") && !page.contains("<iframe") && !page.contains("<object"));
    }
}

#[test]
fn any_key_may_be_missing_and_an_odd_one_is_refused_or_drawn() {
    let (summary, timeline) = samples::fail();
    let odd = [
        json!("x"),
        json!(-1),
        json!(1e308),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"a": {}}),
        json!(true),
    ];
    let draw = |summary: &Value, timeline: &[Value]| {
        let summary = serde_json::from_value::<Summary>(summary.clone());
        let timeline: Result<Vec<Interval>, _> =
            timeline.iter().map(|entry| serde_json::from_value(entry.clone())).collect();
        let (Ok(summary), Ok(timeline)) = (summary, timeline) else { return false };
        assert!(render(&summary, &timeline, &[], Besides::default()).ends_with("</html>"));
        true
    };
    let mut drawn = 0;
    for key in summary.as_object().unwrap().keys() {
        let mut less = summary.clone();
        less.as_object_mut().unwrap().remove(key);
        assert!(draw(&less, &timeline), "without {key}");
        for value in &odd {
            let mut changed = summary.clone();
            changed[key] = value.clone();
            drawn += u32::from(draw(&changed, &timeline));
        }
    }
    for key in summary["procedures"]["registration"].as_object().unwrap().keys() {
        for value in &odd {
            let mut changed = summary.clone();
            changed["procedures"]["registration"][key] = value.clone();
            drawn += u32::from(draw(&changed, &timeline));
        }
    }
    for key in timeline[0].as_object().unwrap().keys() {
        let mut less = timeline.clone();
        less[3].as_object_mut().unwrap().remove(key);
        assert!(draw(&summary, &less), "without {key}");
        for value in &odd {
            let mut changed = timeline.clone();
            changed[3][key] = value.clone();
            drawn += u32::from(draw(&summary, &changed));
        }
    }
    assert!(drawn > 20, "{drawn}");
    assert!(draw(&json!({}), &[]));
}

#[test]
fn charts_hold_the_points_of_the_time_line() {
    let (summary, timeline) = samples::fail();
    let charts = charts(&page_of(&summary, &timeline, &[]));
    let line = |name: &str, unit: &str| {
        let of_unit = charts.iter().filter(|c| c["unit"] == unit && c["x"]["scale"] == "linear");
        let series =
            of_unit.flat_map(|c| c["series"].as_array().unwrap()).find(|s| s["name"] == name).unwrap();
        (series["x"].clone(), series["y"].clone())
    };
    let times: Value = timeline.iter().map(|e| e["at_s"].clone()).collect();
    for key in ["due", "started", "succeeded", "failed"] {
        let values: Value = timeline.iter().map(|e| e["procedures"]["registration"][key].clone()).collect();
        assert_eq!(line(key, "per_s"), (times.clone(), values), "{key}");
    }
    let registered: Value = timeline.iter().map(|e| e["registered"].clone()).collect();
    assert_eq!(line("registered", "count"), (times, registered));
    let measured = || timeline.iter().filter(|e| e["procedures"]["registration"]["succeeded"] != 0);
    for key in ["p50", "p95", "p99", "max"] {
        let times: Value = measured().map(|e| e["at_s"].clone()).collect();
        let values: Value =
            measured().map(|e| e["procedures"]["registration"]["latency_us"][key].clone()).collect();
        assert_eq!(line(key, "us"), (times, values), "{key}");
    }
    let curve = charts.iter().find(|c| c["x"]["scale"] == "nines").unwrap();
    let carried = summary["procedures"]["registration"]["percentiles"].as_array().unwrap();
    // 9,987 attempts tell nothing about the percentiles between 99.98999 and the maximum.
    let told = carried.iter().filter(|p| p[0] != 99.99);
    assert_eq!(curve["series"][0]["y"], told.map(|p| p[1].clone()).collect::<Value>());
}

#[test]
fn eight_hours_of_five_procedures_stay_below_two_megabytes_and_keep_the_peak() {
    let (summary, timeline) = samples::soak(5);
    let page = page_of(&summary, &timeline, &[]);
    assert!(page.len() < 2_000_000, "{} octets", page.len());
    let peak = timeline
        .iter()
        .filter_map(|e| e["procedures"]["service-request"]["latency_us"]["max"].as_u64())
        .max();
    let shown = charts(&page)
        .into_iter()
        .flat_map(|c| c["series"].as_array().unwrap().clone())
        .filter(|s| s["name"] == "max");
    assert_eq!(
        shown.filter_map(|s| s["y"].as_array().unwrap().iter().filter_map(Value::as_u64).max()).max(),
        peak
    );
}

#[test]
fn invalid_run_judges_nothing() {
    let (mut summary, timeline) = samples::invalid();
    summary["slos"][0]["pass"] = json!(false);
    summary["billing"] = json!({"sessions": 20, "matched": 17, "unreconciled": 3, "reconciled": true,
        "by_cause": {"duplicate-record": 3}, "worst": [worst_session()]});
    let invalid = page_of(&summary, &timeline, &[]);
    for accusation in
        ["badge pass", "badge fail", "of 3 met", "duplicate", "001010000000009", "held", "broke at"]
    {
        assert!(!invalid.contains(accusation), "{accusation}");
    }
    assert!(invalid.matches(">not judged<").count() >= 4, "{}", invalid.matches(">not judged<").count());
    summary["verdict"]["status"] = json!("fail");
    let judged = page_of(&summary, &timeline, &[]);
    for word in ["badge pass", "badge fail", "of 3 met", "broke at"] {
        assert!(judged.contains(word), "{word}");
    }
    assert!(!judged.contains(">not judged<"));
}

#[test]
fn who_had_the_processors_is_told_by_host() {
    let (mut summary, timeline) = samples::pass();
    summary["generator"]["priority"] = json!("slice");
    summary["generator"]["processors"] = json!([{"agents": ["agent-1"], "priority": "slice", "set_back": 2, "processors": 2,
        "run": {"busy": 0.5, "this_program": 0.25, "other_processes": 0.2, "stolen": 0.05},
        "while_late": {"busy": 0.98, "this_program": 0.35, "other_processes": 0.6, "stolen": 0.03}}]);
    summary["generator"]["advice"] = json!("end the other processes");
    let page = page_of(&summary, &timeline, &[]);
    for text in
        ["98.00 %", "35.00 %", "60.00 %", "in short slices", "set back 2 times", "end the other processes"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("while_late") && !page.contains("[object"));
}

#[test]
fn verdict_comes_with_its_reasons_and_an_unbalanced_account_is_seen() {
    let page = page(&samples::invalid());
    assert!(page.contains("<title>invalid · attach-10k"));
    assert!(page.contains("attempts left 48.1 ms late"));
    assert!(page.contains("20 without an outcome"));
}

#[test]
fn percentiles_are_shown_from_due_time_beside_service_time() {
    let page = page(&samples::pass());
    assert!(
        page.contains("<th scope=\"row\">p99.9</th><td class=\"n\">461 ms</td><td class=\"n\">456 ms</td>")
    );
}

#[test]
fn second_that_does_not_mention_a_procedure_counts_as_zero_and_has_no_latency() {
    let (summary, mut timeline) = samples::pass();
    timeline[4]["procedures"] = json!({});
    timeline[4]["lateness_us"] = json!({"p50": 0, "p99": 0, "max": 0});
    let charts = charts(&page_of(&summary, &timeline, &[]));
    let lines: Vec<&Value> = charts.iter().flat_map(|c| c["series"].as_array().unwrap()).collect();
    let due = lines.iter().find(|s| s["name"] == "due").unwrap();
    assert_eq!((&due["x"][4], &due["y"][4]), (&json!(5), &json!(0)));
    for quiet in lines.iter().filter(|s| s["name"] == "p50") {
        assert!(!quiet["x"].as_array().unwrap().contains(&json!(5)), "{quiet}");
    }
}
