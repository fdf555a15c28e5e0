//! SLOs and guardrails, evaluated on a whole run or on one second of it.

use std::borrow::Cow;
use std::time::Duration;

use scenarios::{Guardrail, Limits, Metric, MetricKind, Scenario, Slo, Subject};
use wire::to_coordinator::Recovery;

use crate::histogram::Histogram;
use crate::merge::{Parts, ProcedureFigures, Procedures, sum};
use results::GuardrailResult;
use results::SloResult;
use results::units::float;

/// What metrics are read from.
pub(crate) struct Measured<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) procedures: &'a Procedures,
    /// What is counted apart for conditions with limits.
    pub(crate) parts: &'a Parts,
    pub(crate) recovery: Recovery,
    pub(crate) lateness: &'a Histogram,
    /// The stretch of the run that this is of. A rate is counted over what of it is planned time.
    pub(crate) span: (Duration, Duration),
    /// Billing sessions that don't reconcile; nothing while they have not been reconciled.
    pub(crate) unreconciled: Option<u64>,
}

impl Measured<'_> {
    /// The metric in the scenario language's own unit: µs, a ratio of 0 to 1, or a number. Nothing without samples.
    ///
    /// Ratios are of all attempts that ended, whatever ended them, except those that were lost with their agent or that a
    /// UE kept back itself.
    pub(crate) fn metric(&self, metric: &Metric, limits: &Limits) -> Option<f64> {
        match metric {
            Metric::GeneratorLateness(p) => percentile(self.lateness, p.percent()),
            Metric::BillingUnreconciled => self.unreconciled.map(float),
            Metric::Procedure { subject: Subject::Recovery, kind } => self.recovered(*kind),
            Metric::Procedure { subject, kind } => {
                let figures = self.figures(*subject, limits)?;
                let counts = &figures.counts;
                let share = |n: u64| (counts.judged() > 0).then(|| float(n) / float(counts.judged()));
                match kind {
                    MetricKind::Success => share(counts.succeeded),
                    MetricKind::Failure => share(sum(&counts.failed)),
                    MetricKind::TimeoutRatio => share(sum(&counts.timed_out)),
                    MetricKind::Rate => self.rate(*subject, limits, counts.succeeded),
                    MetricKind::Latency(p) => percentile(&figures.latency, p.percent()),
                    MetricKind::Service(p) => percentile(&figures.service, p.percent()),
                }
            }
        }
    }

    /// What is counted of this, all of it or the part that the limits allow; nothing where there was none.
    fn figures(&self, subject: Subject, limits: &Limits) -> Option<Cow<'_, ProcedureFigures>> {
        let procedures = if limits.is_none() {
            self.procedures
        } else {
            let part = self.scenario.parts().iter().position(|part| part.limits == *limits)?;
            self.parts.get(&u32::try_from(part).ok()?)?
        };
        let mut found = subject.counted_as().iter().filter_map(|name| procedures.get(*name));
        let first = found.next()?;
        Some(found.fold(Cow::Borrowed(first), |mut sum, more| {
            sum.to_mut().merge(more);
            sum
        }))
    }

    /// Successes a second of planned time. What the plan had to round to whole attempts is as good as done.
    fn rate(&self, subject: Subject, limits: &Limits, succeeded: u64) -> Option<f64> {
        let (from, to) = self.span;
        let planned = self.scenario.planned_time(subject, limits).into_iter();
        let nanos = planned.fold(0u128, |sum, (begins, ends)| {
            sum + ends.min(to).saturating_sub(begins.max(from)).as_nanos()
        });
        // Whole nanoseconds, so that 400 in 4 s are 100/s and no hair less.
        let nanos = u64::try_from(nanos).ok().filter(|nanos| *nanos > 0)?;
        let rounding = if limits.is_none() { self.scenario.rounding_of(subject) } else { 1.0 };
        Some(twelve_digits(float(succeeded) * rounding * 1e9 / float(nanos)))
    }

    fn recovered(&self, kind: MetricKind) -> Option<f64> {
        let Recovery { succeeded, failed, .. } = self.recovery;
        let all = succeeded.saturating_add(failed);
        let share = |n: u64| (all > 0).then(|| float(n) / float(all));
        match kind {
            MetricKind::Success => share(succeeded),
            MetricKind::Failure => share(failed),
            _ => None,
        }
    }

    /// The SLO as `summary.json` shows it.
    pub(crate) fn slo(&self, slo: &Slo) -> SloResult {
        let actual = self.metric(&slo.metric, &slo.limits);
        let target = slo.target().to_owned();
        let pass = actual.is_some_and(|actual| slo.holds(actual));
        let (unit, per_unit) = unit_of(&target, &slo.metric);
        SloResult {
            name: slo.name(),
            actual: actual.map(|actual| actual * per_unit),
            target,
            unit: unit.to_owned(),
            pass,
            coverage: None,
            limits: slo.limits.written().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            judged: true,
        }
    }
}

fn percentile(histogram: &Histogram, percent: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| float(histogram.value_at_quantile(percent / 100.0)))
}

/// Without the last digits, in which only binary fractions differ.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// A guardrail ends the run when its condition was true in as many seconds as its window has, with no good one between.
/// Seconds with nothing to measure count for neither side: a straggler that fails when the load is over ends nothing, and
/// a pause heals nothing.
pub(crate) struct Guard {
    guardrail: Guardrail,
    holding: Duration,
    broken_at_s: Option<f64>,
}

impl Guard {
    pub(crate) fn new(guardrail: Guardrail) -> Self {
        Self { guardrail, holding: Duration::ZERO, broken_at_s: None }
    }

    /// One more second of the run. The reason to end it, once. While the generator is the limit, what is measured says
    /// nothing about the target: only a condition on the generator itself is looked at then.
    pub(crate) fn observe(&mut self, at_s: u64, second: &Measured<'_>, limited: bool) -> Option<String> {
        let condition = &self.guardrail.condition;
        if limited && !matches!(condition.metric, Metric::GeneratorLateness(_)) {
            self.holding = Duration::ZERO;
            return None;
        }
        match second.metric(&condition.metric, &condition.limits) {
            Some(actual) if !condition.holds(actual) => self.holding = Duration::ZERO,
            None => {}
            Some(_) => self.holding += second.span.1.saturating_sub(second.span.0),
        }
        if self.holding.is_zero() || self.holding < self.guardrail.for_ || self.broken_at_s.is_some() {
            return None;
        }
        self.broken_at_s = Some(float(at_s + 1));
        let seconds = self.guardrail.for_.as_secs_f64();
        Some(format!("guardrail {condition} for {seconds} s broke at {} s", at_s + 1))
    }

    /// How it stands: how long its condition has held, and when it broke.
    pub(crate) fn standing(&self) -> (Duration, Option<f64>) {
        (self.holding, self.broken_at_s)
    }

    /// Stands as it did before a restart.
    pub(crate) fn stand(&mut self, (holding, broken_at_s): (Duration, Option<f64>)) {
        (self.holding, self.broken_at_s) = (holding, broken_at_s);
    }

    pub(crate) fn result(&self) -> GuardrailResult {
        GuardrailResult {
            condition: self.guardrail.condition.to_string(),
            for_s: self.guardrail.for_.as_secs_f64(),
            broken_at_s: self.broken_at_s,
        }
    }
}

/// The unit that a target such as `>= 99.5%` is written in, and how many of it the metric's own unit is. What mixes units,
/// such as `1m30s`, is shown in seconds.
fn unit_of(target: &str, metric: &Metric) -> (&'static str, f64) {
    let written =
        target.trim_start_matches(|letter: char| !letter.is_alphabetic() && !matches!(letter, '%' | '/'));
    match metric {
        Metric::BillingUnreconciled => ("", 1.0),
        Metric::Procedure {
            kind: MetricKind::Success | MetricKind::Failure | MetricKind::TimeoutRatio,
            ..
        } => ("%", 100.0),
        Metric::Procedure { kind: MetricKind::Rate, .. } => match written.trim() {
            "/min" => ("/min", 60.0),
            "/h" => ("/h", 3600.0),
            _ => ("/s", 1.0),
        },
        Metric::GeneratorLateness(_)
        | Metric::Procedure { kind: MetricKind::Latency(_) | MetricKind::Service(_), .. } => {
            match written.trim() {
                "us" => ("us", 1.0),
                "ms" => ("ms", 1e-3),
                "m" => ("m", 1.0 / 60e6),
                "h" => ("h", 1.0 / 3600e6),
                _ => ("s", 1e-6),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram;
    use crate::merge::ProcedureFigures;

    fn second(succeeded: u64, failed: u64) -> Procedures {
        let mut figures = ProcedureFigures::default();
        figures.counts.succeeded = succeeded;
        figures.counts.failed.insert("congestion".to_owned(), failed);
        figures.latency.record_n(250_000, succeeded);
        Procedures::from([("registration".to_owned(), figures)])
    }

    fn scenario() -> Scenario {
        let text = "name: t\nsubscribers: [{plmn: 001/01, imsi: \"001010000000001\", count: 9, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}]\nload: [{procedure: registration, phases: [{name: first, rate: 100/s, for: 4s}, {hold: 9s}]}]\nslos: [{that: registration.success >= 85%, phase: first}]\n";
        Scenario::from_yaml(text, "t.yaml").unwrap()
    }

    fn measure<T>(
        procedures: &Procedures,
        parts: &Parts,
        span: (u64, u64),
        read: impl Fn(&Measured<'_>) -> T,
    ) -> T {
        let (scenario, lateness) = (scenario(), histogram::empty());
        let span = (Duration::from_secs(span.0), Duration::from_secs(span.1));
        let recovery = Recovery { succeeded: 3, failed: 1, ..Recovery::default() };
        read(&Measured {
            scenario: &scenario,
            procedures,
            parts,
            recovery,
            lateness: &lateness,
            span,
            unreconciled: None,
        })
    }

    fn observe(guard: &mut Guard, at_s: u64, procedures: &Procedures) -> Option<String> {
        observe_late(guard, at_s, procedures, false)
    }

    fn observe_late(guard: &mut Guard, at_s: u64, procedures: &Procedures, limited: bool) -> Option<String> {
        let (scenario, mut lateness, parts) = (scenario(), histogram::empty(), Parts::new());
        lateness.record_n(if limited { 500_000 } else { 10 }, 1_000);
        let span = (Duration::from_secs(at_s), Duration::from_secs(at_s + 1));
        let second = Measured {
            scenario: &scenario,
            procedures,
            parts: &parts,
            recovery: Recovery::default(),
            lateness: &lateness,
            span,
            unreconciled: None,
        };
        guard.observe(at_s, &second, limited)
    }

    #[test]
    fn a_rate_is_counted_over_planned_time_alone() {
        let rate = "registration.rate >= 100/s".parse::<Slo>().unwrap();
        let whole = second(400, 0);
        // The last one ended a little after the load, and a hold followed.
        let judged = measure(&whole, &Parts::new(), (0, 14), |measured| measured.slo(&rate));
        assert_eq!((judged.actual, judged.pass), (Some(100.0), true));
        // While the load is under way, what has passed of it counts.
        let half = measure(&second(200, 0), &Parts::new(), (0, 2), |measured| measured.slo(&rate));
        assert_eq!((half.actual, half.pass), (Some(100.0), true));
        // A second of the hold has no rate, whatever straggles in it.
        assert_eq!(
            measure(&second(1, 0), &Parts::new(), (5, 6), |measured| measured
                .metric(&rate.metric, &rate.limits)),
            None
        );
        let one_less = measure(&second(399, 1), &Parts::new(), (0, 14), |measured| measured.slo(&rate));
        assert!(!one_less.pass, "{one_less:?}");
    }

    #[test]
    fn retries_count_in_the_sum_and_under_their_own_name() {
        let mut procedures = second(9, 1);
        let retries = second(0, 10).remove("registration").unwrap();
        procedures.insert("registration-retry".to_owned(), retries);
        let read = |text: &str| {
            let slo: Slo = text.parse().unwrap();
            measure(&procedures, &Parts::new(), (0, 9), |measured| measured.metric(&slo.metric, &slo.limits))
        };
        assert_eq!(read("registration.success > 1%"), Some(0.9));
        assert_eq!(read("registration-retry.success > 1%"), Some(0.0));
        assert_eq!(read("registration.all.success > 1%"), Some(0.45));
        assert_eq!(read("recovery.success > 1%"), Some(0.75));
        assert_eq!(read("pdu-session.all.success > 1%"), None);
    }

    #[test]
    fn what_a_ue_keeps_back_lowers_no_success() {
        let mut procedures = second(9, 1);
        let counts = &mut procedures.get_mut("registration").unwrap().counts;
        counts.abandoned.insert("barred".to_owned(), 7000);
        let slo: Slo = "registration.success > 1%".parse().unwrap();
        let read = |procedures: &Procedures| {
            measure(procedures, &Parts::new(), (0, 9), |measured| measured.metric(&slo.metric, &slo.limits))
        };
        assert_eq!(read(&procedures), Some(0.9));
        // What the drain cut off is the target's: it had not answered.
        procedures.get_mut("registration").unwrap().counts.abandoned.insert("end-of-run".to_owned(), 10);
        assert_eq!(read(&procedures), Some(0.45));
    }

    #[test]
    fn a_condition_with_limits_reads_its_part_and_says_so() {
        let slo = scenario().slos.remove(0);
        let parts = Parts::from([(0, second(1, 9))]);
        let judged = measure(&second(100, 0), &parts, (0, 9), |measured| measured.slo(&slo));
        assert_eq!((judged.name.as_str(), judged.pass), ("registration.success (phase first)", false));
        assert_eq!((judged.actual, judged.limits["phase"].as_str()), (Some(10.0), "first"));
        let none = measure(&second(100, 0), &Parts::new(), (0, 9), |measured| measured.slo(&slo));
        assert_eq!((none.actual, none.pass), (None, false), "nothing in the part is no pass");
    }

    #[test]
    fn nothing_of_the_target_ends_a_run_while_the_generator_is_the_limit() {
        let (mut of_target, bad) = (guard(), second(1, 9));
        let condition = "generator.lateness.p99 > 100ms".parse().unwrap();
        let mut of_generator = Guard::new(Guardrail { condition, for_: Duration::from_secs(3) });
        for at_s in 0..3 {
            assert_eq!(observe_late(&mut of_target, at_s, &bad, true), None);
            let ended = observe_late(&mut of_generator, at_s, &bad, true).is_some();
            assert_eq!(ended, at_s == 2);
        }
        // Punctual again, it takes the whole time.
        assert_eq!(observe(&mut of_target, 3, &bad), None);
        assert_eq!(observe(&mut of_target, 4, &bad), None);
        assert!(observe(&mut of_target, 5, &bad).is_some());
    }

    fn guard() -> Guard {
        let condition = "registration.success < 50%".parse().unwrap();
        Guard::new(Guardrail { condition, for_: Duration::from_secs(3) })
    }

    #[test]
    fn guardrail_breaks_after_its_window_once() {
        let (mut guard, bad) = (guard(), second(1, 9));
        assert_eq!(observe(&mut guard, 0, &bad), None);
        assert_eq!(
            observe(&mut guard, 1, &Procedures::new()),
            None,
            "nothing was measured: it counts for neither side"
        );
        assert_eq!(observe(&mut guard, 2, &bad), None);
        assert!(
            observe(&mut guard, 3, &bad).unwrap().starts_with("guardrail registration.success < 50% for 3 s")
        );
        assert_eq!(observe(&mut guard, 4, &bad), None);
    }

    #[test]
    fn guardrail_with_a_good_second_between_holds() {
        let (mut guard, bad, good) = (guard(), second(1, 9), second(9, 1));
        for (at_s, second) in [&bad, &bad, &good, &bad, &bad].into_iter().enumerate() {
            assert_eq!(observe(&mut guard, u64::try_from(at_s).unwrap(), second), None);
        }
    }

    #[test]
    fn slo_is_shown_in_the_unit_of_its_target() {
        let procedures = second(9, 1);
        let slo = |text: &str| {
            let slo: Slo = text.parse().unwrap();
            measure(&procedures, &Parts::new(), (0, 2), |measured| measured.slo(&slo))
        };
        let success = slo("registration.success >= 85%");
        assert_eq!(
            (success.name.as_str(), success.target.as_str(), success.pass),
            ("registration.success", ">= 85%", true)
        );
        assert!((success.actual.unwrap() - 90.0).abs() < 1e-9);
        let latency = slo("registration.latency.p50 < 200ms");
        assert!(!latency.pass && (latency.actual.unwrap() - 250.0).abs() < 1.0, "{latency:?}");
        assert_eq!(latency.measured().as_deref(), Some("250 ms"));
        let mixed = slo("registration.latency.p50 < 1m30s");
        assert_eq!((mixed.unit.as_str(), mixed.measured().as_deref()), ("s", Some("250 ms")));
        let fraction = slo("registration.success >= 0.85");
        assert_eq!((fraction.measured().as_deref(), fraction.pass), (Some("90.00 %"), true));
        let nothing = slo("deregistration.success >= 85%");
        assert_eq!((nothing.actual, nothing.pass), (None, false));
    }
}
