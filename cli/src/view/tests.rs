//! What the view shows, and where it breaks its lines.

use super::*;

#[test]
fn lateness_is_said_when_it_begins_changes_and_ends_and_not_with_each_new_figure() {
    let mut lines = News::default();
    let likely = |n| format!("late: this run will be invalid if it goes on like this: {n} of 900 attempts");
    let certain = "late: this run will be invalid: 161 of 1,161 attempts".to_owned();
    assert_eq!(lines.lateness(None), None);
    assert_eq!(lines.lateness(Some(&likely(20))), Some(format!("warning: {}", likely(20))));
    assert_eq!(lines.lateness(Some(&likely(30))), None);
    assert_eq!(lines.lateness(Some(&certain)), Some(format!("warning: {certain}")));
    assert_eq!(lines.lateness(None).as_deref(), Some("no longer late"));
}

#[test]
fn a_late_generator_is_said_and_nothing_of_the_target_is_judged_by_it() {
    let slo = |pass| results::SloResult {
        name: "registration.success".to_owned(),
        target: ">= 99%".to_owned(),
        actual: Some(50.0),
        unit: "%".to_owned(),
        pass,
        coverage: None,
        limits: std::collections::BTreeMap::new(),
        judged: true,
    };
    let mut progress = Progress { slos: vec![slo(false), slo(true)], ..Progress::default() };
    let judged = screen(&progress, (80, 24));
    assert!(judged.contains("✗") && judged.contains("✓"), "{judged}");
    progress.late = Some("late: this run will be invalid: 161 of 1,161 attempts".to_owned());
    let late = screen(&progress, (80, 24));
    assert!(late.contains("! late: this run will be invalid"), "{late}");
    assert!(!late.contains("✗") && !late.contains("✓"), "{late}");
}

#[test]
fn user_plane_is_shown_once_there_is_some() {
    let mut progress = Progress::default();
    assert_eq!(user_plane(&progress), None);
    (progress.sessions, progress.user_bps) = (100, (1_250, 48_123_000));
    assert_eq!(user_plane(&progress).unwrap(), "100 sessions, 1.25 kbit/s up, 48.1 Mbit/s down");
}

fn busy() -> Progress {
    let procedure = |succeeded, failed| results::ProcedureProgress {
        planned: 10_000,
        due: succeeded,
        started: succeeded,
        succeeded,
        failed,
        timed_out: 3,
        rate_per_s: 1_000,
        latency_us: results::Percentiles { p50: 74_300, p95: 308_000, p99: 1_320_000, ..Default::default() },
        ..Default::default()
    };
    let slo = |name: &str, pass| results::SloResult {
        name: name.to_owned(),
        target: ">= 99.5%".to_owned(),
        actual: Some(99.9),
        unit: "%".to_owned(),
        pass,
        coverage: None,
        limits: std::collections::BTreeMap::new(),
        judged: true,
    };
    let names = ["handover-n2", "mobility-registration-update", "pdu-session", "registration"];
    Progress {
        phase: Phase::Running,
        elapsed: Duration::from_secs(8 * 3600 - 60),
        total: Duration::from_secs(8 * 3600),
        procedures: names.map(|name| (name.to_owned(), procedure(9_999, 12))).into(),
        order: ["registration", "pdu-session", "handover-n2"].map(str::to_owned).to_vec(),
        agents_wanted: 1,
        slos: vec![slo("registration.success", true), slo("handover-n2.latency.p95", false)],
        sessions: 5_000,
        ..Progress::default()
    }
}

#[test]
fn nothing_is_wider_than_the_terminal_and_no_figure_is_broken() {
    for columns in [40, 60, 80, 100, 140, 300] {
        let text = screen(&busy(), (columns, 50));
        for line in text.lines() {
            assert!(line.chars().count() < columns, "{columns}: {line:?}");
        }
        for whole in [
            "p95 308 ms",
            "p99 1.32 s",
            "9999 of 10000 ok",
            "7 h 59 min of 8 h",
            "12 failed",
            "✗ handover-n2.latency.p95 >= 99.5%",
        ] {
            let here = text.lines().any(|line| line.contains(whole));
            assert!(here || columns < 60, "{columns}: {whole:?} is not in one line of\n{text}");
        }
    }
    assert_eq!(screen(&busy(), (140, 50)).lines().filter(|line| line.contains("p95")).count(), 5);
}

#[test]
fn a_low_terminal_keeps_the_headline_the_procedures_and_the_objectives() {
    for rows in [12, 16, 24] {
        let text = screen(&busy(), (60, rows));
        assert!(text.lines().count() < rows, "{rows}: {text}");
        assert!(text.contains("7 h 59 min") && text.contains("✓ registration.success"), "{rows}: {text}");
    }
}

#[test]
fn procedures_come_in_the_order_of_the_scenario() {
    let progress = busy();
    let names: Vec<&str> =
        in_order(&progress.procedures, &progress.order).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["registration", "pdu-session", "handover-n2", "mobility-registration-update"]);
}

#[test]
fn a_run_that_stands_still_says_so_and_shows_no_rates() {
    let mut progress = busy();
    assert!(screen(&progress, (140, 50)).contains("1000 started/s"));
    (progress.paused, progress.sessions) = (true, 0);
    for text in [screen(&progress, (140, 50)), plain(&progress)] {
        assert!(text.contains("PAUSED at 7 h 59 min of 8 h"), "{text}");
        assert!(!text.contains("/s"), "{text}");
    }
    let mut news = News::default();
    assert_eq!(news.unsaid(&progress), ["paused: nothing is due"]);
    assert_eq!(news.unsaid(&progress), [""; 0]);
    progress.paused = false;
    assert_eq!(news.unsaid(&progress), ["going on"]);
}

#[test]
fn what_happens_is_said_once_and_what_the_account_says_is_left_to_it() {
    let mut progress = busy();
    let mut news = News::default();
    progress.warnings =
        vec!["agent a is lost".to_owned(), "3 attempts of x were never started: 3 × busy".to_owned()];
    progress.events = vec!["0:12 overload".to_owned()];
    assert_eq!(news.unsaid(&progress), ["warning: agent a is lost", "event: 0:12 overload"]);
    progress.warnings.push("agent b is lost".to_owned());
    assert_eq!(news.unsaid(&progress), ["warning: agent b is lost"]);
}

#[test]
fn after_its_end_the_schedule_says_since_when_what_is_in_flight_ends() {
    let mut progress = busy();
    progress.elapsed = progress.total + Duration::from_secs(5);
    assert_eq!(headline(&progress), "8 h of 8 h, what is in flight ends since 5 s");
}
