//! What was made worse on purpose, and how much of the safety budget it took.

use std::time::Duration;

use results::{ImpairmentSummary, ImpairmentWindow, Override};
use scenarios::{ImpairmentKind, Scenario};

/// Every window of the scenario's conditions that began before the run ended.
pub(crate) fn executed(scenario: &Scenario, lasted: Duration) -> ImpairmentSummary {
    let mut windows: Vec<(f64, f64)> = Vec::new();
    let mut lines: Vec<ImpairmentWindow> = Vec::new();
    for impairment in &scenario.conditions.impairments {
        let (kind, details) = describe(&impairment.kind);
        for window in impairment.windows(lasted) {
            let (at, for_) = (window.at.as_secs_f64(), window.for_.as_secs_f64());
            windows.push((at, (at + for_).min(lasted.as_secs_f64())));
            if lines.len() < MOST_WINDOWS {
                lines.push(ImpairmentWindow {
                    name: impairment.name.clone(),
                    kind: kind.to_owned(),
                    at_s: at,
                    for_s: for_,
                    cells: impairment.cells,
                    details: details.clone(),
                });
            }
        }
    }
    lines.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let merged = union(windows);
    let overridden = scenario.conditions.override_.as_ref();
    ImpairmentSummary {
        windows: lines,
        // A sum of nothing is -0.0.
        active_s: merged.iter().map(|(from, to)| to - from).sum::<f64>() + 0.0,
        worst_hour_s: worst_hour(&merged),
        overridden: overridden
            .map(|allowed| Override { by: allowed.by.clone(), reason: allowed.reason.clone() }),
    }
}

fn describe(kind: &ImpairmentKind) -> (&'static str, String) {
    let percent = |share: f64| format!("{} %", (share * 1000.0).round() / 10.0);
    let time = |time: Duration| format!("{} s", time.as_secs_f64());
    match kind {
        ImpairmentKind::SignalLoss { share } => ("signal loss", format!("{} of the UEs", percent(*share))),
        ImpairmentKind::RrcOscillation { share, period } => {
            ("RRC oscillation", format!("{} of the UEs, every {}", percent(*share), time(*period)))
        }
        ImpairmentKind::Congestion { capacity, wait } => {
            let beyond = wait.map_or_else(|| "refused".to_owned(), |wait| format!("waits {}", time(wait)));
            ("congestion", format!("{capacity} connections a cell, more is {beyond}"))
        }
        ImpairmentKind::Throttle { factor } => ("throttling", format!("{} of the rate", percent(*factor))),
        ImpairmentKind::Interference { loss, latency } => {
            ("interference", format!("{} lost, {} later", percent(*loss), time(*latency)))
        }
        ImpairmentKind::SignallingStorm { share, period } => {
            ("signalling storm", format!("{} of the UEs, every {}", percent(*share), time(*period)))
        }
    }
}

/// Windows that overlap count once.
fn union(mut windows: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    windows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, to) in windows {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The most impairment within an hour: such an hour begins with a window, or ends with one.
fn worst_hour(merged: &[(f64, f64)]) -> f64 {
    let within = |from: f64| -> f64 {
        merged.iter().map(|(at, to)| (to.min(from + HOUR_S) - at.max(from)).max(0.0)).sum()
    };
    merged
        .iter()
        .take(MOST_WINDOWS)
        .flat_map(|(at, to)| [within(*at), within(to - HOUR_S)])
        .fold(0.0, f64::max)
}

const HOUR_S: f64 = 3600.0;
const MOST_WINDOWS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_windows_count_once_and_the_worst_hour_is_found() {
        let merged = union(vec![(3500.0, 3700.0), (0.0, 100.0), (50.0, 150.0), (7000.0, 7050.0)]);
        assert_eq!(merged, [(0.0, 150.0), (3500.0, 3700.0), (7000.0, 7050.0)]);
        // From 100 to 3700: the rest of the first, and the whole second.
        assert_eq!(worst_hour(&merged), 250.0);
        assert_eq!(worst_hour(&[]), 0.0);
    }
}
