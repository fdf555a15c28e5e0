//! `--duration`: the same scenario for longer, or for a shorter time, by what it marks, or by what waits or is steady in it.

use std::time::Duration;

use identity::Procedure;

use crate::units::{DurationText, LONGEST};
use crate::{Load, Phase, Repeat, RepeatEnds, Scenario, ScenarioError, Shape, Window};

impl Scenario {
    /// The longest stretch of time in which every load keeps its rate and at least one has attempts. `None`: there is none.
    pub fn steady(&self) -> Option<Window> {
        let loads: Vec<&Load> = self.load.iter().collect();
        let steady = windows(&loads).into_iter().filter(|window| keep_their_rates(&loads, window));
        longest(steady.filter(|window| loads.iter().any(|load| has_attempts(load, window))))
    }

    /// The part that a change of the length makes longer or shorter: what is marked; else one in which loads wait and none uses UEs up;
    /// else one in which none uses UEs up; else the steady part. Repetitions fit themselves to it.
    fn elastic(&self) -> Option<Window> {
        let once: Vec<&Load> = self.load.iter().filter(|load| load.repeat.is_none()).collect();
        let steady: Vec<Window> =
            windows(&once).into_iter().filter(|window| keep_their_rates(&once, window)).collect();
        let at = |load: &Load, window: &Window| phase_at(load, window.at).map(|(_, phase)| phase.clone());
        let marked =
            |window: &Window| once.iter().any(|load| at(load, window).is_some_and(|phase| phase.stretch));
        if once.iter().any(|load| load.phases.iter().any(|phase| phase.stretch)) {
            return longest(steady.into_iter().filter(marked));
        }
        let waits = |window: &Window| {
            let holds = |load: &&Load| {
                at(load, window).is_some_and(|phase| matches!(phase.shape, Shape::Hold { .. }))
            };
            once.iter().any(holds)
        };
        let goes_on = |window: &Window| once.iter().any(|load| has_attempts(load, window));
        let spares =
            |window: &Window| once.iter().all(|load| !uses_up(load.procedure) || !has_attempts(load, window));
        let of = |wanted: &dyn Fn(&Window) -> bool| {
            longest(steady.iter().copied().filter(|window| wanted(window)))
        };
        of(&|window| spares(window) && waits(window))
            .or_else(|| of(&|window| spares(window) && goes_on(window)))
            .or_else(|| of(&|window| goes_on(window)))
    }

    /// The scenario that lasts this long, from its start to the end of its last phase: one part is made longer or shorter, what
    /// comes before it stays, and what comes after it comes later or earlier. Loads that are repeated are played as often as fits.
    /// Impairments stay where they are.
    pub fn lasting(mut self, duration: Duration) -> Result<Self, ScenarioError> {
        let refuse =
            |why: String| Err(ScenarioError::Plan(format!("--duration {}: {why}", DurationText(duration))));
        if duration > LONGEST {
            return refuse("at most 366 days are accepted".to_owned());
        }
        if self.search.is_some() {
            return refuse(
                "a capacity search has no length of its own: search.probe is how long each probe lasts"
                    .to_owned(),
            );
        }
        let now = self.load.iter().map(Load::ends_after).max().unwrap_or_default();
        let elastic = match self.elastic() {
            Some(elastic) => elastic,
            None if self.load.iter().any(|load| load.repeat.is_some()) => {
                Window { at: now, for_: Duration::ZERO }
            }
            None => return refuse(self.why_nothing_is_elastic()),
        };
        let once = self.load.iter().filter(|load| load.repeat.is_none());
        let rest = once.map(Load::ends_after).max().unwrap_or_default().saturating_sub(elastic.for_);
        if duration <= rest {
            let least = DurationText(rest);
            return refuse(format!(
                "the phases of {} beside the part that is stretched last {least} alone: more is expected",
                self.name
            ));
        }
        // What is repeated may have gone on for longer than the rest.
        let changed = |time: Duration| (time + duration).checked_sub(now).unwrap_or_default();
        if elastic.for_ > Duration::ZERO && changed(elastic.at + elastic.for_) <= elastic.at {
            let least = DurationText(now - elastic.for_);
            return refuse(format!(
                "the phases of {} beside the part that is stretched last {least} alone: more is expected",
                self.name
            ));
        }
        for load in &mut self.load {
            if !stretch(load, &elastic, changed) {
                return refuse(format!(
                    "not one round of the repeated load of {} fits: more is expected",
                    load.procedure.name()
                ));
            }
        }
        Ok(self)
    }

    fn why_nothing_is_elastic(&self) -> String {
        if self.load.iter().flat_map(|load| &load.phases).any(|phase| phase.stretch) {
            return "in the phase that is marked with stretch some other load changes its rate all the time"
                .to_owned();
        }
        format!(
            "{} has no part that could be stretched: a phase with stretch: true, a hold, or a phase such as {{rate: 100/s, for: 60s}} during which no other load changes its rate",
            self.name
        )
    }
}

/// Makes a load longer or shorter with the elastic part. `false`: not one round of a repeated one fits.
fn stretch(load: &mut Load, elastic: &Window, changed: impl Fn(Duration) -> Duration) -> bool {
    if let Some(repeat) = load.repeat {
        let Some(repeat) = fitted(load, repeat, elastic, changed) else { return false };
        load.repeat = Some(repeat);
        return true;
    }
    match place_at(load, elastic.at) {
        Some(place) => {
            if let Some(Phase { shape: Shape::Constant { for_, .. } | Shape::Hold { for_ }, .. }) =
                load.phases.get_mut(place)
            {
                *for_ = changed(*for_);
            }
        }
        None if load.starts_after > elastic.at => load.starts_after = changed(load.starts_after),
        None => {}
    }
    true
}

/// A repetition beside what is stretched: one that goes on to its end does so again, one that ends before it only makes room where it
/// must. `None`: not one round fits.
fn fitted(
    load: &Load,
    repeat: Repeat,
    elastic: &Window,
    changed: impl Fn(Duration) -> Duration,
) -> Option<Repeat> {
    let ends = load.ends_after();
    if ends <= elastic.at && elastic.for_ > Duration::ZERO {
        return Some(repeat);
    }
    let over = elastic.at.saturating_add(elastic.for_);
    let until = if ends < over { ends.min(changed(over)) } else { changed(ends) };
    let rounds = load.rounds_until(repeat.every, until);
    let ends = match repeat.ends {
        RepeatEnds::After(_) => RepeatEnds::After(rounds),
        RepeatEnds::At(_) => RepeatEnds::At(until),
    };
    (rounds > 0).then_some(Repeat { ends, ..repeat })
}

/// Between the times at which some of the loads changes its rate.
fn windows(loads: &[&Load]) -> Vec<Window> {
    let mut edges: Vec<Duration> = loads.iter().flat_map(|load| edges(load)).collect();
    edges.push(Duration::ZERO);
    edges.sort_unstable();
    edges.dedup();
    edges.windows(2).map(|pair| Window { at: pair[0], for_: pair[1] - pair[0] }).collect()
}

/// Whether a UE is through with it once: it must be brought back before it can do it again.
fn uses_up(procedure: Procedure) -> bool {
    use Procedure::{Deregistration, PduSession, PduSessionRelease, Registration};
    matches!(procedure, Registration | Deregistration | PduSession | PduSessionRelease)
}

fn keep_their_rates(loads: &[&Load], window: &Window) -> bool {
    let mut phases = loads.iter().filter_map(|load| phase_at(load, window.at));
    phases.all(|(_, phase)| matches!(phase.shape, Shape::Constant { .. } | Shape::Hold { .. }))
}

fn has_attempts(load: &Load, window: &Window) -> bool {
    phase_at(load, window.at).is_some_and(|(_, phase)| matches!(phase.shape, Shape::Constant { .. }))
}

/// The earliest of the longest.
fn longest(windows: impl Iterator<Item = Window>) -> Option<Window> {
    windows.reduce(|longest, next| if next.for_ > longest.for_ { next } else { longest })
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
    let ends = load.played().map(|(starts, phase)| starts.saturating_add(phase.shape.duration()));
    load.played().map(|(starts, _)| starts).chain(ends).collect()
}

/// The place of the phase that is played at this time.
fn place_at(load: &Load, at: Duration) -> Option<usize> {
    let mut since = at.checked_sub(load.starts_after)?;
    if let Some(Repeat { every, .. }) = load.repeat {
        let round = since.as_nanos().checked_div(every.as_nanos())?;
        let round = u32::try_from(round).ok().filter(|round| *round < load.rounds())?;
        since = since.saturating_sub(every.saturating_mul(round));
    }
    let mut ends = Duration::ZERO;
    load.phases.iter().position(|phase| {
        ends = ends.saturating_add(phase.shape.duration());
        since < ends
    })
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
        assert!(error.contains("--duration 60s: t has no part that could be stretched"), "{error}");
        let both = scenario(
            "  - {procedure: registration, phases: [{ramp: {from: 0/s, to: 10/s}, for: 10s}, {rate: 10/s, for: 20s}]}\n",
        );
        let error = both.lasting(Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("last 10s alone"), "{error}");
    }

    fn attempts(scenario: &Scenario) -> Vec<u64> {
        scenario.load.iter().map(Load::planned).collect()
    }

    fn ends(scenario: &Scenario) -> Vec<u64> {
        scenario.load.iter().map(|load| load.ends_after().as_secs()).collect()
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_hold_is_stretched_and_a_storm_is_not() {
        let storm = scenario(
            "  - {procedure: registration, phases: [{rate: 1/s, for: 10s}, {hold: 5s}]}\n  - {procedure: service-request, starts-after: 10s, phases: [{rate: 2/s, for: 5s}]}\n",
        );
        let long = storm.lasting(DAY).unwrap();
        assert_eq!((attempts(&long), ends(&long)), (vec![10, 2 * 86_390], vec![86_400; 2]));
        let no_hold = scenario(
            "  - {procedure: registration, phases: [{rate: 1/s, for: 10s}]}\n  - {procedure: service-request, starts-after: 10s, phases: [{rate: 2/s, for: 5s}]}\n",
        );
        assert_eq!(attempts(&no_hold.lasting(DAY).unwrap()), [10, 2 * 86_390]);
    }

    #[test]
    fn what_is_marked_is_stretched_before_anything_else() {
        let marked = scenario(
            "  - {procedure: registration, phases: [{rate: 1/s, for: 10s, stretch: true}, {hold: 50s}]}\n",
        );
        let long = marked.lasting(Duration::from_secs(100)).unwrap();
        assert_eq!((attempts(&long), ends(&long)), (vec![50], vec![100]));
        let blocked = scenario(
            "  - {procedure: registration, phases: [{rate: 1/s, for: 10s, stretch: true}]}\n  - {procedure: service-request, phases: [{ramp: {from: 1/s, to: 2/s}, for: 10s}]}\n",
        );
        let error = blocked.lasting(DAY).unwrap_err().to_string();
        assert!(error.contains("some other load changes its rate all the time"), "{error}");
    }

    #[test]
    fn repetitions_fit_themselves_to_the_length() {
        let soak = scenario(
            "  - {procedure: registration, phases: [{rate: 1/s, for: 10s}, {hold: 8h}]}\n  - {procedure: service-request, starts-after: 1m, repeat: {every: 10m, until: 8h}, phases: [{rate: 2/s, for: 5s}]}\n  - {procedure: deregistration, starts-after: 2m, repeat: {every: 1m, times: 3}, phases: [{rate: 1/s, for: 1s}]}\n",
        );
        assert_eq!(attempts(&soak), [10, 480, 3]);
        let short = soak.clone().lasting(Duration::from_secs(30 * 60)).unwrap();
        assert_eq!((attempts(&short)[..2].to_vec(), ends(&short)[0]), (vec![10, 30], 1_800));
        // What is repeated a number of times and ends early is not in the way of what waits.
        let alone = scenario(
            "  - {procedure: registration, repeat: {every: 10m, times: 3}, phases: [{rate: 1/s, for: 10s}]}\n",
        );
        assert_eq!(ends(&alone), [1_210]);
        assert_eq!(alone.clone().lasting(Duration::from_secs(3_600)).unwrap().load[0].rounds(), 6);
        let error = alone.lasting(Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.contains("not one round of the repeated load of registration fits"), "{error}");
    }
}
