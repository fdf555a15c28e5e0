//! What happened between the RAN nodes and their core, as agents report it: associations lost and restored, overloads, …

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::to_coordinator::{IntervalReport, LONGEST_EVENT, MOST_AMFS, MOST_EVENTS, RanEvent};

use super::exactly_once::Fault;
use super::figures::tally;

/// `summary.ran_events`: how many of each kind, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanEvents {
    /// How many there were, by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first of them, in the order of their merging; at most 500.
    pub first: Vec<ShownEvent>,
    /// The last of them; at most 8.
    pub last: Vec<ShownEvent>,
    /// Events that agents could not keep: there were too many at once.
    pub left_out: u64,
}

/// One AMF in `summary.amfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmfSummary {
    /// Its URL.
    pub target: String,
    /// Its name, as it says.
    pub name: String,
    /// Initial UE messages that went to it.
    pub connections: u64,
    /// NGAP messages sent to it.
    pub messages_sent: u64,
    /// NGAP messages received from it.
    pub messages_received: u64,
}

impl AmfSummary {
    /// Adds one report to the AMFs that are known.
    pub(crate) fn add_all(known: &mut Vec<Self>, report: &IntervalReport) {
        for amf in &report.amfs {
            let place = known.iter().position(|one| one.target == amf.target).or_else(|| {
                let room = known.len() < MOST_AMFS;
                room.then(|| known.push(Self { target: amf.target.clone(), ..Self::default() }));
                room.then(|| known.len() - 1)
            });
            let Some(sum) = place.and_then(|place| known.get_mut(place)) else { continue };
            if !amf.name.is_empty() {
                sum.name.clone_from(&amf.name);
            }
            sum.connections = sum.connections.saturating_add(amf.connections);
            sum.messages_sent = sum.messages_sent.saturating_add(amf.sent);
            sum.messages_received = sum.messages_received.saturating_add(amf.received);
        }
    }
}

/// One event, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownEvent {
    /// µs since the run's start; what happened before it is at 0.
    pub at_us: u64,
    /// What happened: `association-lost`, `overload-start`, …
    pub kind: String,
    /// The RAN node's name.
    pub node: String,
    /// In a sentence.
    pub details: String,
}

impl RanEvents {
    /// Adds those of one report, which is merged once.
    pub(crate) fn add(&mut self, report: &IntervalReport) {
        for event in &report.events {
            tally(&mut self.by_kind, &event.kind, 1);
            let shown = ShownEvent::from(event);
            if self.first.len() < MOST_SHOWN {
                self.first.push(shown.clone());
            }
            if self.last.len() >= MOST_LAST {
                self.last.remove(0);
            }
            self.last.push(shown);
        }
        self.left_out = self.left_out.saturating_add(report.events_left_out);
    }

    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.by_kind.get(kind).copied().unwrap_or_default()
    }

    /// What an operator should know: in a sentence for each kind that changes what a run measures.
    pub(crate) fn warnings(&self, failed: &BTreeMap<String, u64>) -> Vec<String> {
        let mut warnings = Vec::new();
        let lost = self.count("association-lost");
        if lost > 0 {
            let at = self.first.iter().find(|event| event.kind == "association-lost");
            let at = at.map(|event| format!(", first at {:.1} s ({})", seconds(event.at_us), event.node));
            let cost = |cause: &str| failed.get(cause).copied().unwrap_or_default();
            warnings.push(format!(
                "{lost} {} with the core {} lost{}, {} came back; {} attempts ended with one, {} found none",
                if lost == 1 { "association" } else { "associations" },
                if lost == 1 { "was" } else { "were" },
                at.unwrap_or_default(),
                self.count("association-restored"),
                cost("association-lost"),
                cost("ng-interface-down"),
            ));
        }
        for (kind, what) in [
            ("overload-start", "OVERLOAD START of the core"),
            ("amf-status-indication", "AMF STATUS INDICATION"),
            ("ng-reset-by-amf", "NG RESET by the core"),
            ("ng-setup-refused", "refusals of NG setup"),
            ("ng-setup-unanswered", "NG setups without an answer"),
        ] {
            let count = self.count(kind);
            if count > 0 {
                warnings.push(format!("{count} × {what}: the events have their times"));
            }
        }
        warnings
    }
}

impl From<&RanEvent> for ShownEvent {
    fn from(event: &RanEvent) -> Self {
        Self {
            at_us: event.at_us,
            kind: event.kind.clone(),
            node: event.node.clone(),
            details: event.details.clone(),
        }
    }
}

impl ShownEvent {
    /// For a live view.
    pub fn line(&self) -> String {
        format!("{:.1} s  {}  {}: {}", seconds(self.at_us), self.kind, self.node, self.details)
    }
}

/// Events that an agent cannot have seen, or cannot have written so.
pub(crate) fn check(report: &IntervalReport) -> Result<(), Fault> {
    let bad = |text: &str| text.len() > LONGEST_EVENT || text.chars().any(char::is_control);
    if report.amfs.len() > MOST_AMFS || report.amfs.iter().any(|amf| bad(&amf.target) || bad(&amf.name)) {
        return Err(Fault::Counts(
            "more AMFs than a run has, or one whose name is too long or cannot be printed",
        ));
    }
    if report.events.len() > MOST_EVENTS {
        return Err(Fault::Counts("more events than a report may hold"));
    }
    for event in &report.events {
        if event.at_us > report.to_us {
            return Err(Fault::Counts("an event after the interval that it is reported for"));
        }
        let kind = &event.kind;
        let is_name = !kind.is_empty()
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit());
        if !is_name || kind.len() > LONGEST_KIND {
            return Err(Fault::Counts("an event whose kind is no name"));
        }
        if bad(&event.node) || bad(&event.details) {
            return Err(Fault::Counts("an event whose text is too long or cannot be printed"));
        }
    }
    Ok(())
}

fn seconds(us: u64) -> f64 {
    crate::units::float(us) / 1e6
}

const MOST_SHOWN: usize = 500;
const MOST_LAST: usize = 8;
const LONGEST_KIND: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(events: Vec<RanEvent>) -> IntervalReport {
        IntervalReport { to_us: 9_000_000, events, ..IntervalReport::default() }
    }

    fn event(at_us: u64, kind: &str, details: &str) -> RanEvent {
        RanEvent { at_us, kind: kind.to_owned(), node: "gnb-1".to_owned(), details: details.to_owned() }
    }

    #[test]
    fn lost_associations_are_a_warning_with_their_count_their_time_and_their_cost() {
        let mut events = RanEvents::default();
        events.add(&report(vec![
            event(2_500_000, "association-lost", "x"),
            event(2_600_000, "association-lost", "x"),
        ]));
        events.add(&report(vec![event(4_000_000, "association-restored", "y")]));
        let failed =
            BTreeMap::from([("association-lost".to_owned(), 7), ("ng-interface-down".to_owned(), 3)]);
        assert_eq!(
            events.warnings(&failed),
            [
                "2 associations with the core were lost, first at 2.5 s (gnb-1), 1 came back; 7 attempts ended with one, \
              3 found none"
            ]
        );
        assert!(RanEvents::default().warnings(&failed).is_empty());
    }

    #[test]
    fn events_that_cannot_be_are_refused() {
        assert_eq!(check(&report(vec![event(9_000_000, "overload-start", "so")])), Ok(()));
        for bad in [
            event(9_000_001, "overload-start", "so"),
            event(0, "Overload", "so"),
            event(0, "", "so"),
            event(0, "overload-start", "\u{1b}[2J"),
            event(0, "overload-start", &"x".repeat(LONGEST_EVENT + 1)),
        ] {
            assert!(check(&report(vec![bad.clone()])).is_err(), "{bad:?}");
        }
        assert!(check(&report(vec![event(0, "a", ""); MOST_EVENTS + 1])).is_err());
    }
}
