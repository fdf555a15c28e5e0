//! SLOs and guardrails, evaluated on a whole run or on one second of it.

use std::time::Duration;

use scenarios::{Guardrail, Metric, MetricKind, Slo};

use crate::SloResult;
use crate::figures::{Procedures, sum};
use crate::histogram::Histogram;
use crate::summary::GuardrailResult;

/// What metrics are read from.
pub(crate) struct Measured<'a> {
    pub(crate) procedures: &'a Procedures,
    pub(crate) lateness: &'a Histogram,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Billing sessions that don't reconcile; nothing while they have not been reconciled.
    pub(crate) unreconciled: Option<u64>,
}

impl Measured<'_> {
    /// The metric in the scenario language's own unit: µs, a ratio of 0 to 1, or a number. Nothing without samples.
    ///
    /// Ratios are of all attempts that ended, whatever ended them, except those that were lost with their agent.
    pub(crate) fn metric(&self, metric: &Metric) -> Option<f64> {
        let percentile = |histogram: &Histogram, percent: f64| {
            (!histogram.is_empty()).then(|| float(histogram.value_at_quantile(percent / 100.0)))
        };
        match metric {
            Metric::GeneratorLateness(p) => percentile(self.lateness, p.percent()),
            Metric::BillingUnreconciled => self.unreconciled.map(float),
            Metric::Procedure { subject, kind } => {
                let figures = self.procedures.get(subject.as_str())?;
                let counts = &figures.counts;
                let share = |n: u64| (counts.judged() > 0).then(|| float(n) / float(counts.judged()));
                match kind {
                    MetricKind::Success => share(counts.succeeded),
                    MetricKind::Failure => share(sum(&counts.failed)),
                    MetricKind::TimeoutRatio => share(sum(&counts.timed_out)),
                    MetricKind::Rate => (self.seconds > 0.0).then(|| float(counts.succeeded) / self.seconds),
                    MetricKind::Latency(p) => percentile(&figures.latency, p.percent()),
                    MetricKind::Service(p) => percentile(&figures.service, p.percent()),
                }
            }
        }
    }

    /// The SLO as `summary.json` shows it.
    pub(crate) fn slo(&self, slo: &Slo) -> SloResult {
        let actual = self.metric(&slo.metric);
        let target = slo.target().to_owned();
        let name = slo.text.strip_suffix(slo.target()).unwrap_or(&slo.text).trim().to_owned();
        let pass = actual.is_some_and(|actual| slo.holds(actual));
        let (unit, per_unit) = unit_of(&target, &slo.metric);
        SloResult {
            name,
            actual: actual.map(|actual| actual * per_unit),
            target,
            unit: unit.to_owned(),
            pass,
            coverage: None,
        }
    }
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

    /// One more second of the run. The reason to end it, once.
    pub(crate) fn observe(&mut self, at_s: u64, second: &Measured<'_>) -> Option<String> {
        let condition = &self.guardrail.condition;
        match second.metric(&condition.metric) {
            Some(actual) if !condition.holds(actual) => self.holding = Duration::ZERO,
            None => {}
            Some(_) => self.holding += Duration::from_secs_f64(second.seconds),
        }
        if self.holding.is_zero() || self.holding < self.guardrail.for_ || self.broken_at_s.is_some() {
            return None;
        }
        self.broken_at_s = Some(float(at_s + 1));
        let (text, seconds) = (&condition.text, self.guardrail.for_.as_secs_f64());
        Some(format!("guardrail {text} for {seconds} s broke at {} s", at_s + 1))
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
            condition: self.guardrail.condition.text.clone(),
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

/// Counts of a run are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53, and ratios need no more")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::ProcedureFigures;
    use crate::histogram;

    fn second(succeeded: u64, failed: u64) -> Procedures {
        let mut figures = ProcedureFigures::default();
        figures.counts.succeeded = succeeded;
        figures.counts.failed.insert("congestion".to_owned(), failed);
        figures.latency.record_n(250_000, succeeded);
        Procedures::from([("registration".to_owned(), figures)])
    }

    fn observe(guard: &mut Guard, at_s: u64, procedures: &Procedures) -> Option<String> {
        guard.observe(
            at_s,
            &Measured { procedures, lateness: &histogram::empty(), seconds: 1.0, unreconciled: None },
        )
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
        let (procedures, lateness) = (second(9, 1), histogram::empty());
        let measured =
            Measured { procedures: &procedures, lateness: &lateness, seconds: 2.0, unreconciled: None };
        let success = measured.slo(&"registration.success >= 85%".parse().unwrap());
        assert_eq!(
            (success.name.as_str(), success.target.as_str(), success.pass),
            ("registration.success", ">= 85%", true)
        );
        assert!((success.actual.unwrap() - 90.0).abs() < 1e-9);
        let latency = measured.slo(&"registration.latency.p50 < 200ms".parse().unwrap());
        assert!(!latency.pass && (latency.actual.unwrap() - 250.0).abs() < 1.0, "{latency:?}");
        assert_eq!(latency.measured().as_deref(), Some("250 ms"));
        let mixed = measured.slo(&"registration.latency.p50 < 1m30s".parse().unwrap());
        assert_eq!((mixed.unit.as_str(), mixed.measured().as_deref()), ("s", Some("250 ms")));
        let fraction = measured.slo(&"registration.success >= 0.85".parse().unwrap());
        assert_eq!((fraction.measured().as_deref(), fraction.pass), (Some("90.00 %"), true));
        let nothing = measured.slo(&"deregistration.success >= 85%".parse().unwrap());
        assert_eq!((nothing.actual, nothing.pass), (None, false));
    }
}
