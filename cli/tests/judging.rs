//! What a run is judged by, end to end: storms that UEs start themselves, rates, parts of the attempts, and runs without a condition.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::Value;
use support::{Run, assert_failed, assert_passed, registrations, roamstorm, run, scenario};

fn slo<'a>(run: &'a Run, name: &str) -> &'a Value {
    let slos = run.summary["slos"].as_array().unwrap();
    slos.iter().find(|slo| slo["name"] == name).unwrap_or_else(|| panic!("{name}: {slos:?}"))
}

/// Phones that switch off and on, at a core that takes a third of them: the load's own registrations all succeed.
fn storm(conditions: &str) -> String {
    let load = "load:\n  - {procedure: registration, phases: [{rate: 50/s, for: 4s}, {hold: 9s}]}";
    let registrations = registrations(200, 50, 4, "");
    let (before, _) = registrations.split_once("load:").unwrap();
    let before = before.replace("retry: never", "retry: as-specified");
    format!(
        "{before}{load}
conditions: {{impairments: [{{signalling-storm: {{share: 100%, period: 1s}}, at: 5s, for: 7s}}]}}
network: {{nr: {{congestion: {{max-registrations-per-s: 60, backoff: 1s}}}}}}
drain: 3s
{conditions}
"
    )
}

#[test]
fn a_guardrail_sees_the_storm_that_the_planned_registrations_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let conditions = "slos: [registration.success >= 95%, registration.all.success >= 95%]\n\
                      guardrails: [{abort-when: registration.all.success < 60%, for: 2s}]";
    let run = run(&scenario(folder.path(), &storm(conditions)), &["--seed", "3"]);
    assert_failed(&run);
    let (planned, all) = (slo(&run, "registration.success"), slo(&run, "registration.all.success"));
    assert_eq!(
        (&planned["actual"], &all["pass"]),
        (&Value::from(100.0), &Value::from(false)),
        "{planned} {all}"
    );
    if run.status() == "fail" {
        assert!(
            run.reasons().contains("guardrail registration.all.success < 60% for 2 s broke at"),
            "{}",
            run.reasons()
        );
    }
    let retries = &run.summary["procedures"]["registration-retry"];
    assert!(retries["failed"]["congestion"].as_u64().unwrap() > 50, "{retries}");
    assert!(retries["failed"].get("barred").is_none(), "what never left is no failure: {retries}");
    // Switched off, nobody is answered.
    let off = &run.summary["procedures"]["deregistration"];
    assert_eq!(
        (&off["succeeded"], &off["latency_us"]["max"]),
        (&off["unanswered"], &Value::from(0)),
        "{off}"
    );
    assert!(off["succeeded"].as_u64().unwrap() > 100, "{off}");
}

#[test]
fn a_storm_that_no_condition_sees_is_warned_of_by_check_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &storm("slos: [registration.success >= 95%]"));
    let output = roamstorm().args(["check", &path]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("registration-retry that no SLO and no guardrail sees"),
        "{said}"
    );
}

#[test]
fn a_rate_is_that_of_the_loads_own_time_and_conditions_hold_for_a_phase() {
    let folder = tempfile::tempdir().unwrap();
    let text = registrations(400, 100, 4, "").replace(
        "arrivals: poisson, phases: [{rate: 100/s, for: 4s}]",
        "arrivals: uniform, phases: [{name: first, rate: 100/s, for: 3s}, {name: last, rate: 100/s, for: 1s}, {hold: 2s}]",
    );
    let text = text.replace(
        "slos: [registration.success >= 99%]",
        "slos:\n  - registration.rate >= 100/s\n  - {that: registration.rate >= 99/s, phase: last}\n  - {that: registration.success == 100%, during: 1s..2s}",
    );
    let run = run(&scenario(folder.path(), &text), &["--seed", "4", "--agents", "2"]);
    assert_passed(&run);
    assert_eq!(slo(&run, "registration.rate")["actual"], 100.0);
    assert_eq!(slo(&run, "registration.rate (phase last)")["actual"], 100.0);
    assert_eq!(slo(&run, "registration.success (during 1s..2s)")["limits"]["during"], "1s..2s");
    let junit = std::fs::read_to_string(run.folder().join("junit.xml")).unwrap();
    assert!(junit.contains("registration.rate (phase last) &gt;= 99/s"), "{junit}");
}

#[test]
fn without_a_condition_a_pass_says_that_nothing_was_judged_and_no_success_at_all_is_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let text = registrations(5, 5, 1, "").replace("slos: [registration.success >= 99%]", "");
    let path = scenario(folder.path(), &text);
    let good = run(&path, &["--seed", "1"]);
    assert_passed(&good);
    assert!(
        good.status() == "invalid" || good.reasons().contains("nothing was judged"),
        "{}",
        good.reasons()
    );
    let refusing = ["--seed", "1", "--set", "subscribers.0.refused=user-not-found"];
    let refused = run(&path, &refusing);
    assert_failed(&refused);
    assert!(
        refused.reasons().contains("registration: of 5 attempts not one succeeded (5 × "),
        "{}",
        refused.reasons()
    );
    let path = scenario(folder.path(), &(text + "expect: {never-succeeds: [registration]}\n"));
    assert_passed(&run(&path, &refusing));
}

#[test]
fn runs_are_compared_by_name_and_a_page_is_kept_for_each_base() {
    let out = tempfile::tempdir().unwrap();
    for (name, seed) in [("one", "1"), ("two", "2")] {
        let folder = tempfile::tempdir().unwrap();
        let path = scenario(
            folder.path(),
            &registrations(100, 50, 2, "").replace("name: test", &format!("name: {name}")),
        );
        roamstorm().args(["run", &path, "--seed", seed, "--out"]).arg(out.path()).output().unwrap();
    }
    let mut names: Vec<String> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let [one, two] = names.try_into().unwrap();
    let compare = |base: &str, run: &str| {
        // A busy machine makes runs invalid, which are compared by force.
        let output =
            roamstorm().args(["compare", base, run, "--force", "--out"]).arg(out.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said, error) = compare(&one, &two);
    assert!(said.contains("latency.p50") && said.contains("not judged: both runs:"), "{said}{error}");
    assert!(said.contains("success") && said.contains("by its counts"), "{said}");
    assert!(matches!(code, Some(0 | 1)), "{code:?} {said}{error}");
    assert!(out.path().join(&two).join(format!("compare-with-{one}.html")).is_file(), "{said}");
    let (code, said, _) = compare(&one, &one);
    assert!(code == Some(0) && said.starts_with("THE SAME RUN"), "{code:?} {said}");
    let (code, _, error) = compare(&one, "three");
    assert!(code == Some(2) && error.contains("there is no run three"), "{code:?} {error}");
}

/// The scenario of docs/scenarios.md, as it stands there, and with phones that keep to the back-off, as the text says.
#[test]
fn the_documented_storm_breaks_its_guardrail() {
    let document = include_str!("../../docs/scenarios.md");
    let (_, after) = document.split_once("cat > overload.yaml <<'YAML'\n").unwrap();
    let (yaml, _) = after.split_once("YAML\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let polite = yaml.replace("radio: ideal\n", "radio: ideal\nnas: {nr: {retry: as-specified}}\n");
    let at_once = polite.replace("for: 3s}\n", "for: 1s}\n");
    assert!(polite != yaml && at_once != polite);
    for (yaml, broken) in [(yaml, Some("for 3 s")), (&polite, None), (&at_once, Some("for 1 s"))] {
        let run = run(&scenario(folder.path(), yaml), &["--seed", "1"]);
        if run.status() == "invalid" {
            continue;
        }
        let retries = &run.summary["procedures"]["registration-retry"];
        assert!(retries["failed"]["congestion"].as_u64().unwrap() > 100, "{retries}");
        match broken {
            Some(length) => {
                assert_failed(&run);
                let told = format!("guardrail registration.all.success < 60% {length} broke at");
                assert!(run.reasons().contains(&told), "{}", run.reasons());
            }
            None => {
                assert_passed(&run);
                assert!(retries["abandoned"]["barred"].as_u64().unwrap() > 1_000, "{retries}");
            }
        }
    }
}
