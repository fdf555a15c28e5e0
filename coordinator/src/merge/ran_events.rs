//! What happened between the RAN nodes and their core, as agents report it: associations lost and restored, overloads, …

use results::{AmfSummary, RanEvents, ShownEvent};
use wire::to_coordinator::{IntervalReport, LONGEST_EVENT, MOST_AMFS, MOST_EVENTS, RanEvent};

use super::exactly_once::Fault;
use super::figures::tally;

/// Adds one report to the AMFs that are known.
pub(crate) fn add_amfs(known: &mut Vec<AmfSummary>, report: &IntervalReport) {
    for amf in &report.amfs {
        let place = known.iter().position(|one| one.target == amf.target).or_else(|| {
            let room = known.len() < MOST_AMFS;
            room.then(|| known.push(AmfSummary { target: amf.target.clone(), ..AmfSummary::default() }));
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

/// Adds the events of one report, which is merged once.
pub(crate) fn add(events: &mut RanEvents, report: &IntervalReport) {
    for event in &report.events {
        tally(&mut events.by_kind, &event.kind, 1);
        let shown = shown(event);
        if events.first.len() < MOST_SHOWN {
            events.first.push(shown.clone());
        }
        if events.last.len() >= MOST_LAST {
            events.last.remove(0);
        }
        events.last.push(shown);
    }
    events.left_out = events.left_out.saturating_add(report.events_left_out);
}
/// An event as it is shown.
pub(crate) fn shown(event: &RanEvent) -> ShownEvent {
    ShownEvent {
        at_us: event.at_us,
        kind: event.kind.clone(),
        node: event.node.clone(),
        details: event.details.clone(),
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

const MOST_SHOWN: usize = 500;
const MOST_LAST: usize = 8;
const LONGEST_KIND: usize = 40;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        add(
            &mut events,
            &report(vec![
                event(2_500_000, "association-lost", "x"),
                event(2_600_000, "association-lost", "x"),
            ]),
        );
        add(&mut events, &report(vec![event(4_000_000, "association-restored", "y")]));
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
        let mut one = RanEvents::default();
        add(&mut one, &report(vec![event(500_000, "association-lost", "x")]));
        let [warning] = &one.warnings(&BTreeMap::new())[..] else { panic!("{one:?}") };
        assert!(warning.starts_with("1 association with the core was lost, first at 0.5 s"), "{warning}");
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
