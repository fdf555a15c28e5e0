//! A capacity search: for which rate, under which conditions, within which limits.

use std::time::Duration;

use identity::Procedure;

use crate::{Arrivals, Load, Phase, Scenario, Shape, Slo};

/// Looks for the highest rate of a procedure at which conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacitySearch {
    /// What is attempted.
    pub procedure: Procedure,
    /// How attempts are spread around the rate.
    pub arrivals: Arrivals,
    /// What each probe plays before, so that UEs are where the procedure begins.
    pub before: Vec<Load>,
    /// When the searched rate begins, since the start of a probe.
    pub starts_after: Duration,
    /// All of them must hold; at least one.
    pub conditions: Vec<Slo>,
    /// The first and lowest rate, attempts per second.
    pub from_per_s: f64,
    /// The highest rate, attempts per second.
    pub to_per_s: f64,
    /// How long each probe lasts.
    pub probe: Duration,
    /// How near the rate is to be known, relative.
    pub precision: f64,
}

impl CapacitySearch {
    /// The loads of a probe: those before, and the searched one last.
    pub fn loads_at(&self, rate_per_s: f64) -> Vec<Load> {
        let shape = Shape::Constant { rate_per_s, for_: self.probe };
        let phases = vec![Phase { name: None, shape, stretch: false }];
        let (procedure, arrivals, starts_after) = (self.procedure, self.arrivals, self.starts_after);
        let mut loads = self.before.clone();
        loads.push(Load { procedure, arrivals, starts_after, phases, repeat: None });
        loads
    }
}

impl Scenario {
    /// The run of a fixed rate that probes it; its SLOs are the search's conditions. `None`: the scenario searches nothing.
    pub fn probe_at(&self, rate_per_s: f64) -> Option<Self> {
        let search = self.search.as_ref()?;
        Some(Self {
            load: search.loads_at(rate_per_s),
            slos: search.conditions.clone(),
            search: None,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(search: &str) -> Result<Scenario, String> {
        let text = format!(
            "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 2000, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}]\nsearch: {search}\n"
        );
        Scenario::from_yaml(&text, "t.yaml").map_err(|error| error.to_string())
    }

    #[test]
    fn a_search_is_read_with_its_defaults_and_written_again() {
        let found = scenario("{find: registration.rate, while: \"registration.latency.p99 < 300ms and registration.success > 99.5%\"}").unwrap();
        let search = found.search.clone().unwrap();
        assert_eq!((search.from_per_s, search.to_per_s, search.precision), (10.0, 100.0, 0.05));
        assert_eq!(search.conditions.len(), 2);
        assert_eq!(Scenario::from_yaml(&found.to_yaml(), "again").unwrap(), found);
        let probe = found.probe_at(50.0).unwrap();
        assert_eq!((probe.load[0].planned(), probe.slos.len(), probe.search), (1000, 2, None));
    }

    #[test]
    fn objectives_stand_in_the_search_alone_and_no_warning_misses_them() {
        let search = "{find: registration.rate, while: registration.success > 99%}";
        let warnings = scenario(search).unwrap().warnings();
        assert!(warnings.iter().all(|warning| !warning.contains("no SLOs")), "{warnings:?}");
        let error = scenario(&format!("{search}\nslos: [registration.success > 90%]")).unwrap_err();
        assert!(error.contains("stand in search.while"), "{error}");
    }

    #[test]
    fn what_cannot_be_searched_says_where_and_why() {
        for (search, part) in [
            (
                "{find: registraton.rate, while: registration.success > 99%}",
                "search.find: \"registraton.rate\" cannot be searched for; did you mean \"registration.rate\"?",
            ),
            ("{find: registration.rate, while: registration.speed > 99%}", "search.while"),
            (
                "{find: registration.rate, while: registration.success > 99%, to: 1000/s}",
                "needs 20000 subscribers",
            ),
            ("{find: registration.rate, while: registration.success > 99%, from: 500/s}", "search.from"),
            (
                "{find: registration.rate, while: registration.success > 99%, precision: 0%}",
                "1% to 50% are accepted",
            ),
            ("{find: registration.rate}", "while"),
        ] {
            let error = scenario(search).unwrap_err();
            assert!(error.contains(part) && error.starts_with("t.yaml:3:"), "{search}: {error}");
        }
    }

    #[test]
    fn any_procedure_is_searched_after_what_comes_before_it() {
        let load = "[{procedure: registration, phases: [{rate: 1000/s, for: 2s}]}, {procedure: pdu-session, starts-after: 3s, phases: [{rate: 500/s, for: 2s}]}]";
        let found =
            scenario(&format!("{{find: pdu-session-release.rate, probe: 10s, while: pdu-session-release.success > 99%}}\nsessions: [{{dnn: internet}}]\nload: {load}"))
                .unwrap();
        let search = found.search.clone().unwrap();
        assert_eq!((search.starts_after.as_secs(), search.to_per_s, search.before.len()), (5, 100.0, 2));
        let probe = found.probe_at(50.0).unwrap();
        assert_eq!(probe.load.iter().map(Load::planned).collect::<Vec<_>>(), [2000, 1000, 500]);
        assert_eq!(Scenario::from_yaml(&found.to_yaml(), "again").unwrap(), found);
        let error = scenario(&format!(
            "{{find: pdu-session.rate, probe: 10s, to: 200/s, while: pdu-session.success > 99%}}\nsessions: [{{dnn: internet}}]\nload: {load}"
        ));
        let error = error.unwrap_err();
        assert!(
            error.contains(
                "needs 2000 registered UEs without a session, one for each attempt: there are 1000"
            ),
            "{error}"
        );
        let handovers = scenario(&format!(
            "{{find: handover-n2.rate, while: handover-n2.success > 99%}}\ncells: {{nodes: 2}}\nsessions: [{{dnn: internet}}]\nload: {load}"
        ));
        assert_eq!(handovers.unwrap().search.unwrap().to_per_s, 100_000.0);
    }

    #[test]
    fn a_search_that_stands_in_load_is_still_one() {
        let old = scenario("{find: registration.rate, while: registration.success > 99%}").unwrap();
        let text = old.to_yaml();
        assert!(text.contains("\nsearch:"), "{text}");
        let moved = text.replace("\nsearch:", "\nload:");
        let again = Scenario::from_yaml(&moved, "old.yaml").unwrap();
        assert_eq!(again, old);
        assert!(again.warnings()[0].contains("load is called search now"), "{:?}", again.warnings());
    }
}
