//! SLOs and guardrails: a metric, a comparison and a value, such as `registration.success >= 99.5%`.

mod limits;
mod metric;
mod planned_time;
mod self_started;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use limits::{Limits, MOST_PARTS, Part};
pub use metric::{Metric, MetricKind, Percentile, Subject};
pub use self_started::SelfStarted;

/// A condition on one figure of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Which figure.
    pub metric: Metric,
    /// How it is compared.
    pub op: Comparison,
    /// With what: µs for times, 0 to 1 for ratios, per second for rates, a number for counts.
    pub value: f64,
    /// As the scenario's author wrote it, without the limits.
    pub text: String,
    /// Which attempts count.
    pub limits: Limits,
}

impl Slo {
    /// Whether this figure meets the condition; `actual` has the unit of `value`. NaN never does.
    pub fn holds(&self, actual: f64) -> bool {
        match self.op {
            Comparison::Less => actual < self.value,
            Comparison::AtMost => actual <= self.value,
            Comparison::Greater => actual > self.value,
            Comparison::AtLeast => actual >= self.value,
            Comparison::Equal => actual == self.value,
        }
    }

    /// The figure as it is shown: with what it is limited to, `registration.success (phase peak)`.
    pub fn name(&self) -> String {
        let metric = self.text.strip_suffix(self.target()).unwrap_or(&self.text).trim();
        if self.limits.is_none() { metric.to_owned() } else { format!("{metric} ({})", self.limits) }
    }

    /// The comparison and the value as written, such as `>= 99.5%`.
    pub fn target(&self) -> &str {
        self.text.find(['<', '>', '=']).and_then(|at| self.text.get(at..)).unwrap_or_default()
    }
}

/// Aborts the run when its condition has been true without a break for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Guardrail {
    /// Abort when this is TRUE.
    pub condition: Slo,
    /// For how long.
    pub for_: Duration,
}

/// How a figure is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Comparison {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
        }
    }
}

impl Slo {
    /// Of every attempt, from the text of a value with the unit of the metric.
    pub(crate) fn new(metric: Metric, op: Comparison, value: &str) -> Result<Self, String> {
        let value = value.trim();
        let text = format!("{metric} {} {value}", op.as_str());
        Ok(Self { metric, op, value: metric.parse_value(value)?, text, limits: Limits::default() })
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let shape = || format!("{text:?} is not a condition such as \"registration.success >= 99.5%\"");
        let at = text.find(['<', '>', '=']).ok_or_else(shape)?;
        let (metric, rest) = text.split_at(at);
        let end = rest.find(|letter| !matches!(letter, '<' | '>' | '=')).unwrap_or(rest.len());
        let (op, value) = rest.split_at(end);
        let op = match op {
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            "==" => Comparison::Equal,
            _ => return Err(format!("{op:?} is not a comparison: <, <=, >, >= and == are")),
        };
        let metric: Metric = metric.trim().parse()?;
        let value = metric.parse_value(value.trim())?;
        Ok(Self { metric, op, value, text: text.to_owned(), limits: Limits::default() })
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.limits.is_none() { Ok(()) } else { write!(f, " ({})", self.limits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_carry_their_units() {
        let success: Slo = "registration.success >= 99.5%".parse().unwrap();
        assert_eq!((success.op, success.value, success.target()), (Comparison::AtLeast, 0.995, ">= 99.5%"));
        let latency: Slo = " registration.latency.p50<300ms ".parse().unwrap();
        assert_eq!((latency.value, latency.text.as_str()), (300_000.0, "registration.latency.p50<300ms"));
        let rate: Slo = "service-request.rate > 120/min".parse().unwrap();
        assert_eq!(rate.value, 2.0);
        assert!("billing.unreconciled == 0".parse::<Slo>().unwrap().holds(0.0));
        assert!(!success.holds(f64::NAN));
        // What is written in whole microseconds is that number, whatever binary fractions would make of the seconds.
        for us in (1..2_000_000).step_by(997) {
            assert_eq!(
                format!("registration.latency.p50 < {us}us").parse::<Slo>().unwrap().value,
                f64::from(us)
            );
        }
    }

    #[test]
    fn metrics_are_printed_as_they_are_read() {
        for text in [
            "registration.success",
            "deregistration.failure",
            "service-request.timeout",
            "mobility-registration-update.rate",
            "registration.latency.p99.9",
            "registration-retry.success",
            "registration.all.success",
            "registration.all.latency.p99.9",
            "pdu-session.all.rate",
            "recovery.failure",
            "periodic-registration-update.service.max",
            "generator.lateness.p99",
            "billing.unreconciled",
        ] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
        }
        assert_eq!("p999".parse::<Percentile>().unwrap(), "p99.9".parse().unwrap());
    }

    #[test]
    fn mistakes_say_what_would_be_accepted() {
        for (text, part) in [
            ("registration.success", "is not a condition such as"),
            ("registration.success => 1%", "is not a comparison: <, <=, >, >= and == are"),
            ("registratoin.success > 1%", "did you mean \"registration\"?"),
            ("registration.succes > 1%", "registration.success, .failure"),
            ("registration.latency < 1s", "lacks a percentile, as in \"registration.latency.p50\""),
            ("registration.latency.p0 < 1s", "is not a percentile"),
            ("registration.latency.p50 < 300", "is not a duration"),
            ("registration.success > 120%", "is not a percentage from 0% to 100%"),
            ("generator.speed > 1%", "generator.lateness.p99 is"),
            ("recovery.latency.p99 < 1s", "recovery.success and recovery.failure are"),
            ("registration.al.success > 1%", "registration.success, .failure"),
            ("registration-retri.success > 1%", "did you mean \"registration-retry\"?"),
            ("registration.all < 1%", "registration.all.success, .failure"),
            ("billing.all.unreconciled == 0", "has no metrics"),
        ] {
            let error = text.parse::<Slo>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
