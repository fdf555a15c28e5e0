//! SLOs and guardrails: a metric, a comparison and a value, such as `registration.success >= 99.5%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Procedure;
use crate::units::{DurationText, Rate, Ratio, nearest};

/// A condition on one figure of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Which figure.
    pub metric: Metric,
    /// How it is compared.
    pub op: Comparison,
    /// With what: µs for times, 0 to 1 for ratios, per second for rates, a number for counts.
    pub value: f64,
    /// As the scenario's author wrote it.
    pub text: String,
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

/// A figure of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A figure of one procedure.
    Procedure {
        /// Which procedure.
        subject: Procedure,
        /// Which of its figures.
        kind: MetricKind,
    },
    /// How late attempts left, µs; this judges the generator, not the target.
    GeneratorLateness(Percentile),
    /// Charged sessions that don't agree with what was used, a count.
    BillingUnreconciled,
}

/// A figure of one procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// Succeeded of all that ended, 0 to 1.
    Success,
    /// Failed with a cause, of all that ended, 0 to 1.
    Failure,
    /// Timed out, of all that ended, 0 to 1.
    TimeoutRatio,
    /// Successes per second.
    Rate,
    /// From the due time to the end of successful attempts, µs.
    Latency(Percentile),
    /// From the first octet sent to the end of successful attempts, µs.
    Service(Percentile),
}

/// A percentile, above 0 and up to 100; 100 is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percentile(f64);

impl Percentile {
    /// `None` unless above 0 and at most 100.
    pub fn new(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent <= 100.0).then_some(Self(percent))
    }

    /// In percent: 50 is the median.
    pub fn percent(self) -> f64 {
        self.0
    }
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
        Ok(Self { metric, op, value, text: text.to_owned() })
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '.');
        let (subject, kind, detail) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let percentile = || detail.map_or_else(|| Err(missing_percentile(text)), str::parse);
        match (subject, kind) {
            ("generator", Some("lateness")) => return Ok(Self::GeneratorLateness(percentile()?)),
            ("billing", Some("unreconciled")) if detail.is_none() => return Ok(Self::BillingUnreconciled),
            ("generator", _) => return Err(format!("{text:?} is not a metric: generator.lateness.p99 is")),
            ("billing", _) => return Err(format!("{text:?} is not a metric: billing.unreconciled is")),
            _ => {}
        }
        let subject = procedure(subject)?;
        let kind = match (kind, detail) {
            (Some("success"), None) => MetricKind::Success,
            (Some("failure"), None) => MetricKind::Failure,
            (Some("timeout"), None) => MetricKind::TimeoutRatio,
            (Some("rate"), None) => MetricKind::Rate,
            (Some("latency"), _) => MetricKind::Latency(percentile()?),
            (Some("service"), _) => MetricKind::Service(percentile()?),
            _ => {
                let name = subject.as_str();
                return Err(format!(
                    "{text:?} is not a metric: {name}.success, .failure, .timeout, .rate, .latency.p50 and .service.p50 are"
                ));
            }
        };
        Ok(Self::Procedure { subject, kind })
    }
}

impl FromStr for Percentile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not a percentile: p50, p95, p99, p99.9 (or p999) and max are");
        if text == "max" {
            return Ok(Self(100.0));
        }
        let digits = text.strip_prefix('p').ok_or_else(error)?;
        if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.') {
            return Err(error());
        }
        // p999 is the usual short form of p99.9.
        let shorthand = digits.len() > 2 && digits != "100" && digits.bytes().all(|octet| octet == b'9');
        let percent = match digits.split_at_checked(2) {
            Some((whole, part)) if shorthand => format!("{whole}.{part}").parse(),
            _ => digits.parse(),
        };
        percent.ok().and_then(Self::new).ok_or_else(error)
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 100.0 { f.write_str("max") } else { write!(f, "p{}", self.0) }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, kind) = match self {
            Self::GeneratorLateness(percentile) => return write!(f, "generator.lateness.{percentile}"),
            Self::BillingUnreconciled => return f.write_str("billing.unreconciled"),
            Self::Procedure { subject, kind } => (subject.as_str(), kind),
        };
        match kind {
            MetricKind::Success => write!(f, "{subject}.success"),
            MetricKind::Failure => write!(f, "{subject}.failure"),
            MetricKind::TimeoutRatio => write!(f, "{subject}.timeout"),
            MetricKind::Rate => write!(f, "{subject}.rate"),
            MetricKind::Latency(percentile) => write!(f, "{subject}.latency.{percentile}"),
            MetricKind::Service(percentile) => write!(f, "{subject}.service.{percentile}"),
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Metric {
    /// The procedure that must be part of some load, or the figure never comes to exist.
    pub fn subject(&self) -> Option<Procedure> {
        match self {
            Self::Procedure { subject, .. } => Some(*subject),
            Self::GeneratorLateness(_) | Self::BillingUnreconciled => None,
        }
    }

    fn parse_value(self, text: &str) -> Result<f64, String> {
        match self {
            Self::BillingUnreconciled => match text.parse::<u32>() {
                Ok(count) => Ok(f64::from(count)),
                Err(_) => Err(format!("{text:?} is not a count of sessions such as 0")),
            },
            Self::Procedure { kind: MetricKind::Rate, .. } => Ok(text.parse::<Rate>()?.per_s()),
            Self::Procedure {
                kind: MetricKind::Success | MetricKind::Failure | MetricKind::TimeoutRatio,
                ..
            } => Ok(text.parse::<Ratio>()?.value()),
            Self::GeneratorLateness(_)
            | Self::Procedure { kind: MetricKind::Latency(_) | MetricKind::Service(_), .. } => {
                let limit: DurationText = text.parse()?;
                Ok(limit.0.as_secs_f64() * 1e6)
            }
        }
    }
}

fn procedure(name: &str) -> Result<Procedure, String> {
    Procedure::ALL.into_iter().find(|procedure| procedure.as_str() == name).ok_or_else(|| {
        let mut names: Vec<&str> = Procedure::ALL.iter().map(|procedure| procedure.as_str()).collect();
        names.extend(["generator", "billing"]);
        let hint = nearest(name, &names).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        format!("{name:?} has no metrics{hint} (what has: {})", names.join(", "))
    })
}

fn missing_percentile(text: &str) -> String {
    format!("{text:?} lacks a percentile, as in \"{text}.p50\" or \"{text}.max\"")
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
    }

    #[test]
    fn metrics_are_printed_as_they_are_read() {
        for text in [
            "registration.success",
            "deregistration.failure",
            "service-request.timeout",
            "mobility-registration-update.rate",
            "registration.latency.p99.9",
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
        ] {
            let error = text.parse::<Slo>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
