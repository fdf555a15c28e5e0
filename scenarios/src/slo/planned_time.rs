//! The time over which a rate is counted: that in which the attempts are planned, not that of the clock.

use std::time::Duration;

use identity::Procedure;

use super::{Limits, Subject};
use crate::curve::Curve;
use crate::{Load, Scenario, Window};

/// A stretch of the run: from here until before there.
type Span = (Duration, Duration);

impl Scenario {
    /// When attempts at this are planned, as far as a condition is limited to: stretches in order of time that do not
    /// touch. What no load plans is begun in the windows of the impairments that cause it, or else at any time.
    pub fn planned_time(&self, subject: Subject, limits: &Limits) -> Vec<Span> {
        let own = |load: &&Load| subject.procedure() == Some(load.procedure);
        let loads: Vec<&Load> = self.load.iter().filter(own).collect();
        let end = self.load.iter().map(Load::ends_after).max().unwrap_or_default();
        let mut spans = Vec::new();
        if loads.is_empty() || !matches!(subject, Subject::Procedure(_)) {
            spans.extend(self.windows_that_start(subject, end));
        }
        match limits.phase.as_deref() {
            None => spans.extend(loads.iter().flat_map(|load| load.planned_time(None))),
            // A phase says itself when it is.
            Some(phase) => {
                let loads = self.loads_with_phases_of(subject);
                spans = loads.into_iter().flat_map(|load| load.planned_time(Some(phase))).collect();
            }
        }
        if spans.is_empty() && limits.phase.is_none() {
            spans.push((Duration::ZERO, end));
        }
        let within = limits.during.map_or((Duration::ZERO, Duration::MAX), span);
        joined(spans.into_iter().filter_map(|span| overlap(span, within)).collect())
    }

    /// The loads whose phases are meant when a condition on this names one: its own, or all where it has none.
    pub fn loads_with_phases_of(&self, subject: Subject) -> Vec<&Load> {
        let procedure = match subject {
            Subject::RegistrationRetry => Some(Procedure::Registration),
            _ => subject.procedure(),
        };
        let own: Vec<&Load> = self.load.iter().filter(|load| procedure == Some(load.procedure)).collect();
        if own.is_empty() { self.load.iter().collect() } else { own }
    }

    /// How many attempts a second the loads hold exactly, for each one that they plan: Λ is rounded to whole attempts. 1
    /// for what no load plans alone.
    pub fn rounding_of(&self, subject: Subject) -> f64 {
        let (exact, planned) = self
            .load
            .iter()
            .filter(|load| subject == Subject::Procedure(load.procedure))
            .map(|load| (Curve::new(load).total(), load.planned()))
            .fold((0.0, 0u64), |sum, of| (sum.0 + of.0, sum.1.saturating_add(of.1)));
        if planned > 0 { exact / planned as f64 } else { 1.0 }
    }

    fn windows_that_start(&self, subject: Subject, end: Duration) -> Vec<Span> {
        let started = self.self_started();
        let causes = |name: &str| {
            let starts = |one: &&super::SelfStarted| {
                one.impairment.as_deref() == Some(name)
                    && one.procedure.counted_as().iter().any(|name| subject.counted_as().contains(name))
            };
            started.iter().any(|one| starts(&one))
        };
        let impairments = self.conditions.impairments.iter().filter(|impairment| causes(&impairment.name));
        impairments.flat_map(|impairment| impairment.windows(end)).map(span).collect()
    }
}

impl Load {
    /// The stretches in which its rate is above zero, of all phases or of those with this name.
    fn planned_time(&self, phase: Option<&str>) -> Vec<Span> {
        let pieces = Curve::new(self).busy_pieces();
        let mut spans = Vec::new();
        // Both are in the order of time.
        let mut from = 0;
        for (starts, one) in self.played() {
            let ends = starts.saturating_add(one.shape.duration());
            from += pieces.iter().skip(from).take_while(|piece| piece.1 <= starts).count();
            if phase.is_none_or(|name| one.name.as_deref() == Some(name)) {
                let busy = pieces.iter().skip(from).take_while(|piece| piece.0 < ends);
                spans.extend(busy.filter_map(|piece| overlap(*piece, (starts, ends))));
            }
        }
        spans
    }

    /// When its phases of this name are: the attempts that are due then are those of the phase.
    pub fn phase_windows(&self, name: &str) -> Vec<Window> {
        let named = self.played().filter(|(_, phase)| phase.name.as_deref() == Some(name));
        named.map(|(at, phase)| Window { at, for_: phase.shape.duration() }).collect()
    }
}

fn span(window: Window) -> Span {
    (window.at, window.at.saturating_add(window.for_))
}

fn overlap(a: Span, b: Span) -> Option<Span> {
    let both = (a.0.max(b.0), a.1.min(b.1));
    (both.0 < both.1).then_some(both)
}

/// The same time without overlaps, in order.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut().filter(|last| span.0 <= last.1) {
            Some(last) => last.1 = last.1.max(span.1),
            None => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(load: &str, rest: &str) -> Scenario {
        let text = format!(
            "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 2000, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}]\nload: {load}\n{rest}"
        );
        Scenario::from_yaml(&text, "t.yaml").unwrap()
    }

    fn seconds(scenario: &Scenario, subject: &str, limits: &Limits) -> Vec<(f64, f64)> {
        let spans = scenario.planned_time(subject.parse().unwrap(), limits);
        spans.into_iter().map(|(from, to)| (from.as_secs_f64(), to.as_secs_f64())).collect()
    }

    #[test]
    fn a_hold_and_a_rate_of_nothing_are_not_in_the_planned_time() {
        let of = |load: &str| seconds(&scenario(load, ""), "registration", &Limits::default());
        assert_eq!(
            of("[{procedure: registration, phases: [{rate: 100/s, for: 4s}, {hold: 60s}]}]"),
            [(0.0, 4.0)]
        );
        assert_eq!(
            of(
                "[{procedure: registration, starts-after: 2s, phases: [{rate: 9/s, for: 1s}, {hold: 5s}, {ramp: {from: 0/s, to: 9/s}, for: 2s}]}]"
            ),
            [(2.0, 3.0), (8.0, 10.0)]
        );
        assert_eq!(
            of(
                "[{procedure: registration, phases: [{spike: {base: 0/s, peak: 9/s, after: 1s, lasts: 2s}, for: 9s}]}]"
            ),
            [(1.0, 3.0)]
        );
        // Two loads at once are one stretch.
        assert_eq!(
            of(
                "[{procedure: registration, phases: [{rate: 9/s, for: 4s}]}, {procedure: registration, starts-after: 2s, phases: [{rate: 9/s, for: 4s}]}]"
            ),
            [(0.0, 6.0)]
        );
    }

    #[test]
    fn limits_of_time_cut_it_and_a_storm_adds_its_windows() {
        let load = "[{procedure: registration, phases: [{name: calm, rate: 9/s, for: 4s}, {name: peak, rate: 99/s, for: 2s}]}]";
        let plain = scenario(load, "");
        let peak = Limits { phase: Some("peak".to_owned()), ..Limits::default() };
        assert_eq!(seconds(&plain, "registration", &peak), [(4.0, 6.0)]);
        assert_eq!(seconds(&plain, "registration-retry", &peak), [(4.0, 6.0)]);
        let window = Window { at: Duration::from_secs(3), for_: Duration::from_secs(2) };
        let during = Limits { during: Some(window), ..Limits::default() };
        assert_eq!(seconds(&plain, "registration", &during), [(3.0, 5.0)]);
        let storm = "conditions: {impairments: [{signalling-storm: {share: 50%, period: 1s}, at: 5s, for: 3s}]}\ndrain: 9s";
        let storm = scenario(load, storm);
        assert_eq!(seconds(&storm, "registration-retry", &Limits::default()), [(5.0, 8.0)]);
        assert_eq!(seconds(&storm, "registration.all", &Limits::default()), [(0.0, 8.0)]);
        assert_eq!(seconds(&storm, "registration", &Limits::default()), [(0.0, 6.0)]);
    }

    #[test]
    fn a_plan_that_does_not_come_out_even_still_has_its_rate() {
        let odd = scenario("[{procedure: registration, phases: [{rate: 100/s, for: 4004ms}]}]", "");
        let registration = Subject::Procedure(Procedure::Registration);
        assert_eq!(odd.load[0].planned(), 400);
        assert!((400.0 * odd.rounding_of(registration) - 400.4).abs() < 1e-9);
    }
}
