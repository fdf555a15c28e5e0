//! A simulator while it serves: a live line on a terminal, plain lines where there is none. All on standard error.

use std::time::{Duration, Instant};

use edges::text;
use results::units::count;
use simulator::amf::Statistics;
use simulator::{NetworkStatistics, UpfCounters};

use crate::stderr;

/// Shows what changes.
pub(super) struct View {
    interactive: bool,
    last: Option<Instant>,
    line: String,
    /// How many refused gNBs and UEs have had their lines.
    told: usize,
}

impl View {
    pub(super) fn new() -> Self {
        Self { interactive: stderr::is_interactive(), last: None, line: String::new(), told: 0 }
    }

    /// What it is now.
    pub(super) fn show(&mut self, statistics: &NetworkStatistics) {
        for line in self.refusals(&statistics.amf) {
            eprintln!("{line}");
        }
        let line = status(&statistics.amf, &statistics.upf);
        if self.interactive {
            return stderr::show(&line);
        }
        let due = self.last.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due && line != self.line {
            eprintln!("{line}");
            (self.line, self.last) = (line, Some(Instant::now()));
        }
    }

    pub(super) fn close(&self) {
        if self.interactive {
            stderr::show("");
        }
    }

    /// A line for each gNB and UE that was refused since the last look: the first of all only.
    fn refusals(&mut self, amf: &Statistics) -> Vec<String> {
        let new = amf.turned_away.iter().skip(self.told).take(LINES.saturating_sub(self.told));
        let mut lines: Vec<String> = new
            .map(|one| text::line(&format!("refused: {}: {}", one.who, one.why), LONGEST_LINE).into_owned())
            .collect();
        let before = self.told;
        self.told += lines.len();
        if before < LINES && self.told == LINES {
            lines.push(
                "refused: what follows is only counted; --json has the first of it at the end".to_owned(),
            );
        }
        lines
    }
}

/// One line.
fn status(amf: &Statistics, upf: &UpfCounters) -> String {
    let event = |name: &str| amf.happened().find(|(known, _)| *known == name).map_or(0, |(_, n)| n);
    let mut line = format!(
        "gNBs {}   registered {}, {} accepted, {} rejected   connected {}   sessions {}   handovers {}",
        amf.gnbs,
        amf.registered,
        count(amf.registrations_accepted),
        count(amf.rejections.values().sum()),
        amf.connections,
        upf.sessions,
        count(event("handover-completed") + event("path-switched")),
    );
    let congestion = amf.refused().find(|(name, _)| *name == "congestion").map_or(0, |(_, n)| n);
    let strays: u64 = upf.not_taken().map(|(_, n)| n).sum();
    for (name, n) in [
        ("refused gNBs and UEs", amf.turned_away_total),
        ("turned away by congestion", congestion),
        ("stray packets", strays),
        ("messages that could not be sent", amf.sends_dropped + amf.sends_refused),
    ] {
        if n > 0 {
            line += &format!("   {name} {}", count(n));
        }
    }
    line
}

/// How often there is a plain line, at most.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Characters of a line about one of them.
const LONGEST_LINE: usize = 300;
/// How many refused gNBs and UEs have a line.
const LINES: usize = 50;

#[cfg(test)]
mod tests {
    use simulator::amf::TurnedAway;

    use super::*;

    fn statistics(refused: u64) -> Statistics {
        let one = |n| TurnedAway { at_us: 0, who: format!("UE {n}"), why: "rejected".to_owned() };
        let mut statistics = Statistics::default();
        statistics.turned_away = (0..refused).map(one).collect();
        (statistics.turned_away_total, statistics.gnbs) = (refused, 3);
        statistics
    }

    #[test]
    fn each_refusal_has_its_line_once_and_a_flood_of_them_is_counted() {
        let mut view = View { interactive: false, last: None, line: String::new(), told: 0 };
        assert_eq!(view.refusals(&statistics(2)), ["refused: UE 0: rejected", "refused: UE 1: rejected"]);
        assert_eq!(view.refusals(&statistics(3)), ["refused: UE 2: rejected"]);
        assert_eq!(view.refusals(&statistics(200)).len(), 50 - 3 + 1);
        assert_eq!(view.refusals(&statistics(200)), [""; 0]);
        let status = status(&statistics(200), &UpfCounters::default());
        assert!(status.starts_with("gNBs 3 ") && status.ends_with("refused gNBs and UEs 200"), "{status}");
    }
}
