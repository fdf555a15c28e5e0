//! Which parts of the attempts a condition of the scenario is about, and to which of them an attempt belongs.
//!
//! A scenario whose conditions have no limits has no parts, and an attempt then costs nothing here.

use std::time::Duration;

use identity::{Dnn, Plmn, Snssai};
use scenarios::{CellGroup, Scenario, Subject, Window};

/// The parts of a scenario, by their numbers.
pub(crate) struct Parts {
    parts: Vec<Part>,
}

struct Part {
    procedures: Vec<&'static str>,
    phase: Option<Phase>,
    during: Option<Window>,
    session: Option<(Option<Dnn>, Option<Snssai>)>,
    network: Option<Plmn>,
    cells: Option<CellGroup>,
}

/// When the phases of a name are.
struct Phase {
    /// Of each load, in the order of the scenario.
    of_loads: Vec<Vec<Window>>,
    /// For each procedure of the part, the loads whose phases count for what no load planned.
    of_others: Vec<Vec<usize>>,
}

/// A set of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartSet(u64);

impl PartSet {
    /// What is in this one and not in the other.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// A bit for each number in it.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The numbers in it.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |number| self.0 & (1 << number) != 0)
    }
}

/// What is known of an attempt when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun<'a> {
    pub(crate) procedure: &'static str,
    /// The load that planned it, by its place in the scenario.
    pub(crate) load: Option<usize>,
    /// Since the start of the run.
    pub(crate) due: Duration,
    /// Of its UE; `None` where no UE was there to begin it.
    pub(crate) place: Option<Place<'a>>,
}

/// Where a UE is, and what it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) network: Plmn,
    /// The gNB's place among all of the scenario.
    pub(crate) gnb: u32,
    /// The session that it has or asks for.
    pub(crate) session: Option<(&'a Dnn, Snssai)>,
}

impl Parts {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let parts =
            scenario.parts().into_iter().take(scenarios::MOST_PARTS).map(|part| Part::new(part, scenario));
        Self { parts: parts.collect() }
    }

    /// Whether nothing is counted apart.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts that an attempt belongs to.
    pub(crate) fn with(&self, begun: &Begun<'_>) -> PartSet {
        let with = (0u32..).zip(&self.parts).filter(|(_, part)| part.has(begun));
        PartSet(with.fold(0, |set, (number, _)| set | 1 << number))
    }
}

impl Part {
    fn new(part: scenarios::Part, scenario: &Scenario) -> Self {
        let scenarios::Part { limits, procedures } = part;
        let phase = limits.phase.map(|name| Phase::new(&name, &procedures, scenario));
        let session = (limits.dnn.is_some() || limits.slice.is_some()).then_some((limits.dnn, limits.slice));
        let group = |name: String| scenario.cells.groups.iter().find(|group| group.name == name).cloned();
        let (during, network, cells) = (limits.during, limits.network, limits.cells.and_then(group));
        Self { procedures, phase, during, session, network, cells }
    }

    fn has(&self, begun: &Begun<'_>) -> bool {
        let Some(procedure) = self.procedures.iter().position(|name| *name == begun.procedure) else {
            return false;
        };
        let in_time = self.during.is_none_or(|window| holds(window, begun.due));
        if !in_time || !self.phase.as_ref().is_none_or(|phase| phase.has(procedure, begun)) {
            return false;
        }
        if self.session.is_none() && self.network.is_none() && self.cells.is_none() {
            return true;
        }
        let Some(place) = begun.place else { return false };
        let in_session = self.session.as_ref().is_none_or(|(dnn, slice)| {
            place.session.is_some_and(|(has, of)| {
                dnn.as_ref().is_none_or(|dnn| dnn == has) && slice.is_none_or(|slice| slice == of)
            })
        });
        in_session
            && self.network.is_none_or(|network| network == place.network)
            && self.cells.as_ref().is_none_or(|group| group.contains(place.gnb))
    }
}

impl Phase {
    fn new(name: &str, procedures: &[&'static str], scenario: &Scenario) -> Self {
        let of_loads = scenario.load.iter().map(|load| load.phase_windows(name)).collect();
        let of_others = procedures.iter().map(|procedure| {
            let subject: Option<Subject> = procedure.parse().ok();
            let loads = subject.map(|subject| scenario.loads_with_phases_of(subject)).unwrap_or_default();
            let place =
                |load: &&scenarios::Load| scenario.load.iter().position(|one| std::ptr::eq(one, *load));
            loads.iter().filter_map(place).collect()
        });
        Self { of_loads, of_others: of_others.collect() }
    }

    fn has(&self, procedure: usize, begun: &Begun<'_>) -> bool {
        let of = |load: usize| {
            let windows = self.of_loads.get(load).into_iter().flatten();
            windows.copied().any(|window| holds(window, begun.due))
        };
        match begun.load {
            Some(load) => of(load),
            None => self.of_others.get(procedure).into_iter().flatten().copied().any(of),
        }
    }
}

fn holds(window: Window, at: Duration) -> bool {
    window.at <= at && at < window.at.saturating_add(window.for_)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
name: parts
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA"}
cells:
  networks: [{plmn: 001/01, nodes: 3}, {plmn: 208/01, nodes: 1}]
  slices: ["1", "1-000001"]
  groups: [{name: border, first: 2, count: 2}]
sessions: [{dnn: internet, slice: "1"}, {dnn: ims, slice: "1-000001"}]
load:
  - {procedure: registration, phases: [{name: calm, rate: 1/s, for: 10s}, {name: peak, rate: 9/s, for: 5s}]}
  - {procedure: pdu-session, phases: [{name: peak, rate: 1/s, for: 20s}]}
slos:
  - {that: registration.success >= 90%, phase: peak}
  - {that: registration.all.success >= 90%, during: 3s..4s}
  - {that: pdu-session.success >= 90%, dnn: ims}
  - {that: pdu-session.latency.p50 < 1s, slice: "1"}
  - {that: registration.success >= 90%, network: 208/01}
guardrails:
  - {abort-when: registration.success < 10%, cells: border, phase: calm}
  - {abort-when: registration-retry.success < 10%, phase: peak}
"#;

    fn numbers(
        procedure: &'static str,
        load: Option<usize>,
        due_s: u64,
        place: Option<(&str, u32, Option<&str>)>,
    ) -> Vec<u32> {
        let scenario = Scenario::from_yaml(SCENARIO, "parts.yaml").unwrap();
        let dnn = place.and_then(|(_, _, dnn)| dnn).map(|dnn| dnn.parse::<Dnn>().unwrap());
        let session = dnn.as_ref().map(|dnn| {
            let of = scenario.sessions.iter().find(|session| session.dnn == *dnn).unwrap();
            (dnn, of.slice)
        });
        let place = place.map(|(network, gnb, _)| Place { network: network.parse().unwrap(), gnb, session });
        let begun = Begun { procedure, load, due: Duration::from_secs(due_s), place };
        Parts::of(&scenario).with(&begun).numbers().collect()
    }

    #[test]
    fn an_attempt_belongs_to_the_parts_whose_limits_it_is_within() {
        let home = |gnb| Some(("001/01", gnb, None));
        assert_eq!(numbers("registration", Some(0), 12, home(0)), [0]);
        assert_eq!(numbers("registration", Some(0), 3, home(0)), [1]);
        assert_eq!(numbers("registration", Some(0), 4, home(2)), [5], "the end is not included");
        assert_eq!(numbers("registration", Some(0), 10, Some(("208/01", 3, None))), [0, 4]);
        assert_eq!(numbers("registration", Some(0), 9, Some(("208/01", 3, None))), [4, 5]);
        assert_eq!(numbers("pdu-session", Some(1), 3, Some(("001/01", 0, Some("ims")))), [2]);
        assert_eq!(numbers("pdu-session", Some(1), 3, Some(("001/01", 0, Some("internet")))), [3]);
    }

    #[test]
    fn what_a_ue_begins_itself_is_in_the_phases_of_the_load_that_it_belongs_to() {
        // Two conditions with the same limits share a part.
        assert_eq!(numbers("registration-retry", None, 12, Some(("001/01", 0, None))), [0]);
        assert_eq!(numbers("registration-retry", None, 3, Some(("001/01", 0, None))), [1]);
        assert_eq!(numbers("service-request", None, 12, Some(("001/01", 0, None))), Vec::<u32>::new());
    }

    #[test]
    fn without_a_ue_only_limits_of_time_are_known_to_hold() {
        assert_eq!(numbers("registration", Some(0), 12, None), [0]);
        assert_eq!(numbers("registration", Some(0), 9, None), Vec::<u32>::new());
    }

    #[test]
    fn a_scenario_without_limits_has_no_parts() {
        let plain = SCENARIO.split("slos:").next().unwrap();
        assert!(Parts::of(&Scenario::from_yaml(plain, "plain.yaml").unwrap()).is_empty());
    }
}
