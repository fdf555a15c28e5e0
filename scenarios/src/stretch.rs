//! `--duration`: the same scenario for longer, or for a shorter time, by its steady part.

use std::time::Duration;

use crate::units::{DurationText, LONGEST};
use crate::{Load, Phase, Scenario, ScenarioError, Shape, Window};

impl Scenario {
    /// The longest stretch of time in which every load keeps its rate and at least one has attempts. `None`: there is none.
    pub fn steady(&self) -> Option<Window> {
        let mut edges: Vec<Duration> = self.load.iter().flat_map(edges).collect();
        edges.push(Duration::ZERO);
        edges.sort_unstable();
        edges.dedup();
        let windows = edges.windows(2).map(|pair| Window { at: pair[0], for_: pair[1] - pair[0] });
        let steady = windows.filter(|window| {
            let phases = || self.load.iter().filter_map(|load| phase_at(load, window.at));
            phases().all(|(_, phase)| matches!(phase.shape, Shape::Constant { .. } | Shape::Hold { .. }))
                && phases().any(|(_, phase)| matches!(phase.shape, Shape::Constant { .. }))
        });
        // The earliest of the longest.
        steady.reduce(|longest, next| if next.for_ > longest.for_ { next } else { longest })
    }

    /// The scenario that lasts this long, from its start to the end of its last phase: its steady part is made longer or shorter, what
    /// comes before it stays, and what comes after it comes later or earlier. Impairments stay where they are.
    pub fn lasting(mut self, duration: Duration) -> Result<Self, ScenarioError> {
        let refuse =
            |why: String| Err(ScenarioError::Plan(format!("--duration {}: {why}", DurationText(duration))));
        if duration > LONGEST {
            return refuse("at most 366 days are accepted".to_owned());
        }
        if self.search.is_some() {
            return refuse(
                "a capacity search has no length of its own: load.probe is how long each probe lasts"
                    .to_owned(),
            );
        }
        let Some(steady) = self.steady() else {
            return refuse(format!(
                "{} has no steady part that could be stretched: a phase such as {{rate: 100/s, for: 60s}} during which no other load changes its rate",
                self.name
            ));
        };
        let now = self.load.iter().map(Load::ends_after).max().unwrap_or_default();
        let rest = now - steady.for_;
        if duration <= rest {
            let least = DurationText(rest);
            return refuse(format!(
                "the phases beside the steady part of {} last {least} alone: more is expected",
                self.name
            ));
        }
        let stretched = duration - rest;
        for load in &mut self.load {
            match place_at(load, steady.at) {
                Some(place) => {
                    if let Some(Phase {
                        shape: Shape::Constant { for_, .. } | Shape::Hold { for_ }, ..
                    }) = load.phases.get_mut(place)
                    {
                        *for_ = *for_ + stretched - steady.for_;
                    }
                }
                None if load.starts_after > steady.at => {
                    load.starts_after = load.starts_after + stretched - steady.for_
                }
                None => {}
            }
        }
        Ok(self)
    }
}

/// A time as scenarios write it, such as `90s` or `8h`; it must not be zero.
///
/// # Errors
/// What would be accepted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: DurationText = text.parse()?;
    if duration.0.is_zero() {
        Err("0s is no time: more is expected, such as 8h".to_owned())
    } else {
        Ok(duration.0)
    }
}

/// The instants at which a load changes its rate.
fn edges(load: &Load) -> Vec<Duration> {
    let mut at = load.starts_after;
    let mut edges = vec![at];
    for phase in &load.phases {
        at += phase.shape.duration();
        edges.push(at);
    }
    edges
}

fn place_at(load: &Load, at: Duration) -> Option<usize> {
    let edges = edges(load);
    edges.windows(2).position(|pair| pair[0] <= at && at < pair[1])
}

fn phase_at(load: &Load, at: Duration) -> Option<(usize, &Phase)> {
    let place = place_at(load, at)?;
    Some((place, load.phases.get(place)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(loads: &str) -> Scenario {
        let text = format!(
            "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 10, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}]\nload:\n{loads}"
        );
        Scenario::from_yaml(&text, "t.yaml").unwrap()
    }

    fn seconds(window: Option<Window>) -> (f64, f64) {
        window.map_or((0.0, 0.0), |window| (window.at.as_secs_f64(), window.for_.as_secs_f64()))
    }

    #[test]
    fn the_steady_part_grows_and_what_follows_comes_later() {
        let short = scenario(
            "  - {procedure: registration, phases: [{ramp: {from: 0/s, to: 10/s}, for: 10s}, {rate: 10/s, for: 20s}, {ramp: {from: 10/s, to: 0/s}, for: 5s}]}\n  - {procedure: deregistration, starts-after: 5s, phases: [{rate: 2/s, for: 30s}]}\n  - {procedure: service-request, starts-after: 32s, phases: [{rate: 2/s, for: 3s}]}\n",
        );
        assert_eq!(seconds(short.steady()), (10.0, 20.0));
        let long = short.clone().lasting(Duration::from_secs(28_800)).unwrap();
        assert_eq!(seconds(long.steady()), (10.0, 28_785.0));
        let ends: Vec<u64> = long.load.iter().map(|load| load.ends_after().as_secs()).collect();
        assert_eq!(ends, [28_800; 3]);
        assert_eq!(long.load[2].starts_after.as_secs(), 28_797);
        assert_eq!(long.lasting(Duration::from_secs(35)).unwrap(), short);
    }

    #[test]
    fn nothing_steady_or_too_little_time_is_refused() {
        let ramp =
            scenario("  - {procedure: registration, phases: [{ramp: {from: 0/s, to: 10/s}, for: 10s}]}\n");
        let error = ramp.lasting(Duration::from_secs(60)).unwrap_err().to_string();
        assert!(error.contains("--duration 60s: t has no steady part"), "{error}");
        let both = scenario(
            "  - {procedure: registration, phases: [{ramp: {from: 0/s, to: 10/s}, for: 10s}, {rate: 10/s, for: 20s}]}\n",
        );
        let error = both.lasting(Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("last 10s alone"), "{error}");
    }
}
