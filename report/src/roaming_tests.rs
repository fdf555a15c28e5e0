use serde_json::{Value, json};

use results::{CallFlow, Interval, Summary};

use super::roaming::{handovers, roaming};
use super::samples::{self, HOSTILE};
use super::tests::page_of;
use super::{Besides, render};

fn page() -> String {
    let run = roaming();
    page_of(&run.summary, &run.timeline, &run.ladders)
}

/// The part of the page with this anchor.
fn section(page: &str, id: &str) -> String {
    let start = page.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
    page[start..].split("</section>").next().unwrap().to_owned()
}

#[test]
fn billing_answers_first_and_shows_both_sides() {
    let billing = section(&page(), "billing");
    assert!(billing.contains("3 of 1,204 sessions are not reconciled"));
    assert!(billing.contains("<strong>0.023500 EUR</strong> is at stake"));
    assert!(billing.contains("used, but a record of it is missing") && billing.contains("0.012000 EUR"));
    assert!(billing.contains("001010000000017") && billing.contains("no record"), "{billing}");
    // What differs stands out: the downlink of the one with the wrong volume, on both sides.
    assert!(
        billing.contains("<td class=\"n differs\">512,000</td>")
            && billing.contains("<td class=\"n differs\">1,312,000</td>")
    );
    assert!(
        billing.contains("−0.011500 EUR"),
        "the difference of what should be and what was charged: {billing}"
    );
}

#[test]
fn billing_that_was_not_reconciled_says_why() {
    let mut run = roaming();
    run.summary["billing"] =
        json!({"reconciled": false, "reason": "no charging ledger", "sessions": 0, "usage_records": 1_622});
    let billing = section(&page_of(&run.summary, &run.timeline, &[]), "billing");
    assert!(billing.contains("Not reconciled: no charging ledger. 1,622 usage records"), "{billing}");
    assert!(!billing.contains("pass"), "nothing was proven: {billing}");
}

#[test]
fn handovers_have_a_heat_map_and_their_phases() {
    let handovers = section(&page(), "handovers");
    assert!(handovers.contains("handovers failed"));
    assert!(handovers.contains("<span class=\"away\">from 7.1 to 8.1: "), "{handovers}");
    for phase in ["Preparation", "Execution", "Completion"] {
        assert!(handovers.contains(phase), "{phase}");
    }
    // 42 ms of 42 + 61 + 15.3 at p95, which is the widest bar: 63 of 177.45 ms.
    assert!(
        handovers.contains("aria-label=\"p95: preparation 63.0 ms, execution 91.5 ms, completion 22.9 ms\""),
        "{handovers}"
    );
}

#[test]
fn sixty_gnbs_are_cut_to_what_can_be_read() {
    let mut run = roaming();
    run.summary["handovers"] = handovers(60);
    let page = section(&page_of(&run.summary, &run.timeline, &run.ladders), "handovers");
    assert!(page.contains("added up by gNB") && page.contains("The first 32 of 60 are shown"), "{page}");
    assert_eq!(
        page.matches("<th scope=\"row\">").count() - 5,
        32,
        "five rows of phases, the others of the map"
    );
}

#[test]
fn sessions_and_traffic_are_charts_with_bands_where_the_network_was_impaired() {
    let page = page();
    let traffic = section(&page, "traffic");
    let values: Vec<Value> = traffic
        .split("<script type=\"application/json\">")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap())
        .collect();
    assert_eq!(values.len(), 3);
    let run = roaming();
    let bits: Value = run
        .timeline
        .iter()
        .map(|s| json!(s["user_plane"]["downlink_octets"].as_u64().unwrap() * 8))
        .collect();
    assert_eq!((&values[1]["unit"], &values[1]["series"][0]["y"]), (&json!("bit_s"), &bits));
    assert_eq!(traffic.matches("<rect class=\"band\"").count(), 3 * 2);
    assert!(traffic.contains("signal loss for 8 s"));
    assert!(section(&page, "impairments").contains("24 s of impairment, at most 24 s of it within an hour"));
    assert!(section(&page, "network-events").contains("4 × SIM swap"));
}

#[test]
fn the_life_of_a_ue_is_a_ladder_to_choose() {
    let ladders = section(&page(), "ladders");
    assert!(ladders.contains("<option value=\"0\">✕ 001010000000093"), "{ladders}");
    assert!(ladders.contains("PDUSessionResourceSetupRequest · PDU session establishment accept"));
    assert!(ladders.contains("gNB 2") && ladders.contains("127.23.77.5:36012"));
}

#[test]
fn hostile_ledgers_ladders_and_cells_stay_texts() {
    let run = roaming();
    let mut summary = poisoned(run.summary.clone());
    // What is of a kind that has no room for such texts.
    for key in ["verdict", "billing"] {
        summary[key] = run.summary[key].clone();
    }
    for worst in summary["billing"]["worst"].as_array_mut().unwrap() {
        worst["explanation"] = json!(HOSTILE);
        worst["charging_id"] = json!(HOSTILE);
    }
    let ladders: Vec<Value> = run.ladders.iter().cloned().map(poisoned).collect();
    let page = page_of(&summary, &run.timeline, &ladders);
    for dangerous in ["<script>alert", "<img", "href=\"javascript", "onerror=alert(1)>"] {
        assert!(!page.contains(dangerous), "{dangerous} got through");
    }
}

/// Every text in it is hostile.
fn poisoned(value: Value) -> Value {
    match value {
        Value::String(_) => json!(HOSTILE),
        Value::Array(values) => values.into_iter().map(poisoned).collect(),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, poisoned(value))).collect())
        }
        other => other,
    }
}

#[test]
fn odd_values_anywhere_are_refused_or_drawn() {
    let run = roaming();
    let odd =
        [Value::Null, json!("x"), json!(-1), json!(1e308), json!([[]]), json!({"a": {}}), json!(u64::MAX)];
    let draw = |summary: &Value, ladder: &Value| {
        let summary = serde_json::from_value::<Summary>(summary.clone());
        let ladder = serde_json::from_value::<CallFlow>(ladder.clone());
        let (Ok(summary), Ok(ladder)) = (summary, ladder) else { return };
        let timeline: Vec<Interval> = Vec::new();
        assert!(render(&summary, &timeline, &[ladder], Besides::default()).ends_with("</html>"));
    };
    for key in ["billing", "handovers", "user_plane", "network_events", "impairments", "sessions_at_once"] {
        let inner: Vec<String> =
            run.summary[key].as_object().map_or_else(Vec::new, |o| o.keys().cloned().collect());
        for value in &odd {
            let mut changed = run.summary.clone();
            changed[key] = value.clone();
            draw(&changed, value);
            for inner in &inner {
                let mut changed = run.summary.clone();
                changed[key][inner] = value.clone();
                draw(&changed, &json!({"imsi": value, "messages": [value, {"at_us": value, "ran": value}]}));
            }
        }
    }
    for value in &odd {
        draw(&run.summary, &json!({"messages": [{"at_us": value}]}));
    }
}

/// Pages to be looked at, in the folder that `REPORT_SAMPLES` names.
#[test]
#[ignore = "it writes sample pages, and judges nothing"]
fn sample_pages_are_written() {
    let folder = std::env::var_os("REPORT_SAMPLES").expect("REPORT_SAMPLES names a folder");
    let (summary, timeline) = samples::gap();
    for (name, page) in [("roaming.html", page()), ("gap.html", page_of(&summary, &timeline, &[]))] {
        std::fs::write(std::path::Path::new(&folder).join(name), page).unwrap();
    }
}
