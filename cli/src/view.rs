//! The run while it runs: a live view on a terminal, plain lines where there is none. All on standard error.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use edges::text;
use results::{Phase, Progress, units};
use tokio::sync::watch;

use crate::stderr;

/// Shows the run until its progress channel closes.
pub(crate) async fn show(mut progress: watch::Receiver<Progress>) {
    if stderr::is_interactive() {
        while progress.changed().await.is_ok() {
            let shown = shown(&mut progress);
            stderr::show(&format!("{} {}", bar(&shown), screen(&shown)));
        }
        stderr::show("");
    } else {
        let mut lines = Lines::default();
        while progress.changed().await.is_ok() {
            lines.show(&shown(&mut progress));
        }
    }
}

/// The progress with every text in it fit for a terminal: agents and core networks wrote some of them, and `watch` has them from
/// a socket.
fn shown(progress: &mut watch::Receiver<Progress>) -> Progress {
    let mut shown = progress.borrow_and_update().clone();
    for agent in &mut shown.agents {
        text::make_line(&mut agent.name, LONGEST_NAME);
    }
    for slo in &mut shown.slos {
        text::make_line(&mut slo.name, LONGEST_NAME);
        text::make_line(&mut slo.target, LONGEST_NAME);
    }
    for line in shown.warnings.iter_mut().chain(&mut shown.events) {
        text::make_line(line, LONGEST_WARNING);
    }
    let fit = |(name, procedure): (String, _)| (text::line(&name, LONGEST_NAME).into_owned(), procedure);
    shown.procedures = std::mem::take(&mut shown.procedures).into_iter().map(fit).collect();
    shown
}

/// How much of the schedule is over.
fn bar(progress: &Progress) -> String {
    let part = progress.elapsed.as_secs_f64() / progress.total.as_secs_f64().max(0.001);
    let full = (part.clamp(0.0, 1.0) * BAR_COLUMNS as f64).round();
    let columns = (0..BAR_COLUMNS).map(|column| (column as f64) < full);
    let (full, rest): (Vec<bool>, Vec<bool>) = columns.partition(|is_full| *is_full);
    let (full, rest) = ("█".repeat(full.len()), "░".repeat(rest.len()));
    if stderr::is_colourful() { format!("\x1b[36m{full}\x1b[2m{rest}\x1b[0m") } else { full + &rest }
}

/// The live view: a headline, then a line for each procedure and for the fleet.
fn screen(progress: &Progress) -> String {
    let mut text = headline(progress);
    for (name, procedure) in &progress.procedures {
        let latency = procedure.latency_us;
        let _ = write!(
            text,
            "\n  {name:<30} {:>7}/s  {:>9} of {} ok{}{}  p50 {}  p95 {}  p99 {}",
            procedure.rate_per_s,
            procedure.succeeded,
            procedure.planned.max(procedure.due),
            counted("failed", procedure.failed),
            counted("timed out", procedure.timed_out),
            duration(latency.p50),
            duration(latency.p95),
            duration(latency.p99),
        );
    }
    let alive = progress.agents.iter().filter(|agent| agent.alive).count();
    let _ = write!(
        text,
        "\n  agents {alive} of {}   registered {}   in flight {}   lateness p99 {}",
        progress.agents_wanted.max(progress.agents.len()),
        progress.registered,
        progress.in_flight,
        duration(progress.lateness_us_p99),
    );
    if let Some(user_plane) = user_plane(progress) {
        let _ = write!(text, "\n  {user_plane}");
    }
    for agent in progress.agents.iter().filter(|_| progress.agents.len() > 1).take(AGENTS_SHOWN) {
        let state = if agent.alive { "" } else { "  lost" };
        let _ = write!(
            text,
            "\n    {:<20} {:>3} shards {:>7}/s{state}",
            agent.name, agent.shards, agent.rate_per_s
        );
    }
    if progress.agents.len() > AGENTS_SHOWN {
        let _ = write!(text, "\n    and {} more", progress.agents.len() - AGENTS_SHOWN);
    }
    if let Some(late) = &progress.late {
        let _ = write!(text, "\n  ! {late}");
    }
    for slo in &progress.slos {
        // What is measured at the end, such as billing, is neither kept nor missed yet; and a generator that is late says
        // nothing about the target.
        let mark = match (slo.pass, slo.actual) {
            _ if progress.late.is_some() => "·",
            (true, _) => "✓",
            (false, Some(_)) => "✗",
            (false, None) => "·",
        };
        let measured = slo.measured().map(|measured| format!("   {measured}")).unwrap_or_default();
        let _ = write!(text, "\n  {mark} {} {}{measured}", slo.name, slo.target);
    }
    for event in progress.events.iter().rev().take(EVENTS_SHOWN) {
        let _ = write!(text, "\n  * {event}");
    }
    for warning in progress.warnings.iter().rev().take(WARNINGS_SHOWN) {
        let _ = write!(text, "\n  ! {warning}");
    }
    text
}

fn headline(progress: &Progress) -> String {
    match progress.phase {
        Phase::Joining => {
            format!("waiting for agents: {} of {}", progress.agents.len(), progress.agents_wanted)
        }
        Phase::Preparing => "setting up NG interfaces".to_owned(),
        Phase::Running | Phase::Draining => {
            let draining = if progress.phase == Phase::Draining { "  ending" } else { "" };
            format!(
                "{:.0} s of {:.0} s{draining}",
                progress.elapsed.as_secs_f64(),
                progress.total.as_secs_f64()
            )
        }
        Phase::Done => "writing the report".to_owned(),
    }
}

/// Plain lines: one for each phase, one every few seconds, each warning once.
#[derive(Default)]
struct Lines {
    phase: Option<Phase>,
    last: Option<Instant>,
    warned: Vec<String>,
    told: Vec<String>,
    /// What was said of lateness, without its figures.
    late: Option<String>,
}

impl Lines {
    /// What is to be said of lateness: when it begins, when it becomes certain, and when it is over.
    fn lateness(&mut self, late: Option<&str>) -> Option<String> {
        // The figures change all the time; what they mean stands before them.
        let kind = late.map(|late| late.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": "));
        let before = std::mem::replace(&mut self.late, kind);
        if before == self.late {
            return None;
        }
        Some(late.map_or_else(|| "no longer late".to_owned(), |late| format!("warning: {late}")))
    }

    fn show(&mut self, progress: &Progress) {
        for warning in &progress.warnings {
            if !self.warned.contains(warning) {
                eprintln!("warning: {warning}");
            }
        }
        self.warned.clone_from(&progress.warnings);
        for event in &progress.events {
            if !self.told.contains(event) {
                eprintln!("event: {event}");
            }
        }
        self.told.clone_from(&progress.events);
        if let Some(late) = self.lateness(progress.late.as_deref()) {
            eprintln!("{late}");
        }
        let new_phase = self.phase.replace(progress.phase) != Some(progress.phase);
        if !new_phase && self.last.is_some_and(|last| last.elapsed() < LINE_INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        let mut line = headline(progress);
        for (name, procedure) in progress.procedures.iter().filter(|(_, procedure)| procedure.due > 0) {
            let _ = write!(
                line,
                "   {name} {}/s, {} ok{}{}",
                procedure.rate_per_s,
                procedure.succeeded,
                counted("failed", procedure.failed),
                counted("timed out", procedure.timed_out),
            );
            if procedure.latency_us.p99 > 0 {
                let _ = write!(line, ", p99 {}", duration(procedure.latency_us.p99));
            }
        }
        if let Some(user_plane) = user_plane(progress) {
            let _ = write!(line, "   {user_plane}");
        }
        eprintln!("{line}");
    }
}

/// Sessions and what they carry; nothing while there are none.
fn user_plane(progress: &Progress) -> Option<String> {
    let (uplink, downlink) = progress.user_bps;
    (progress.sessions > 0 || uplink > 0 || downlink > 0).then(|| {
        format!(
            "{} sessions, {} up, {} down",
            progress.sessions,
            units::bits(uplink as f64),
            units::bits(downlink as f64)
        )
    })
}

fn counted(what: &str, count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

/// Microseconds for people; a percentile of nothing is no zero.
pub(crate) fn duration(us: u64) -> String {
    if us == 0 { "–".to_owned() } else { units::latency(us as f64) }
}

const LINE_INTERVAL: Duration = Duration::from_secs(5);
const AGENTS_SHOWN: usize = 8;
const WARNINGS_SHOWN: usize = 3;
const EVENTS_SHOWN: usize = 3;
const BAR_COLUMNS: usize = 40;
/// Characters.
const LONGEST_NAME: usize = 100;
/// Characters.
const LONGEST_WARNING: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_said_when_it_begins_changes_and_ends_and_not_with_each_new_figure() {
        let mut lines = Lines::default();
        let likely =
            |n| format!("late: this run will be invalid if it goes on like this: {n} of 900 attempts");
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
        let judged = screen(&progress);
        assert!(judged.contains("✗") && judged.contains("✓"), "{judged}");
        progress.late = Some("late: this run will be invalid: 161 of 1,161 attempts".to_owned());
        let late = screen(&progress);
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
}
