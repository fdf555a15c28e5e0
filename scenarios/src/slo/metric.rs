//! The figures that conditions name: `registration.success`, `registration.all.latency.p99`, `billing.unreconciled`.

use std::fmt;
use std::str::FromStr;

use identity::Procedure;

use crate::units::{DurationText, Rate, Ratio, hint};

/// A figure of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A figure of one procedure.
    Procedure {
        /// Whose attempts.
        subject: Subject,
        /// Which of their figures.
        kind: MetricKind,
    },
    /// How late attempts left, µs; this judges the generator, not the target.
    GeneratorLateness(Percentile),
    /// Charged sessions that don't agree with what was used, a count.
    BillingUnreconciled,
}

/// Whose attempts a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Those at one procedure, whether a load planned them or a UE began them.
    Procedure(Procedure),
    /// Registrations that UEs begin by themselves: retries, and what a signalling storm makes them do.
    RegistrationRetry,
    /// `NAME.all`: every attempt at it. Registrations and their retries are counted apart, and are summed here.
    All(Procedure),
    /// Registrations and PDU sessions that give the UEs of a lost agent back their state. They are in no other figure.
    Recovery,
}

impl Subject {
    /// Every subject, in the order in which messages name them.
    pub fn all() -> impl Iterator<Item = Self> {
        let planned = Procedure::of_scenarios().map(Self::Procedure);
        let sums = Procedure::of_scenarios().map(Self::All);
        planned.chain([Self::RegistrationRetry, Self::Recovery]).chain(sums)
    }

    /// The names under which the attempts are counted; none for what is in no statistics of a procedure.
    pub fn counted_as(self) -> &'static [&'static str] {
        match self {
            Self::All(Procedure::Registration) => &["registration", RETRY],
            Self::Procedure(procedure) | Self::All(procedure) => {
                std::slice::from_ref(&NAMES[usize::from(procedure.place())])
            }
            Self::RegistrationRetry => &[RETRY],
            Self::Recovery => &[],
        }
    }

    /// The procedure that loads name, where loads can start it.
    pub fn procedure(self) -> Option<Procedure> {
        match self {
            Self::Procedure(procedure) | Self::All(procedure) => Some(procedure),
            Self::RegistrationRetry | Self::Recovery => None,
        }
    }
}

/// The names of all procedures, each at its place.
static NAMES: [&str; Procedure::ALL.len()] = {
    let mut names = [""; Procedure::ALL.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = Procedure::ALL[place].name();
        place += 1;
    }
    names
};

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Procedure(procedure) => f.write_str(procedure.name()),
            Self::RegistrationRetry => f.write_str(RETRY),
            Self::All(procedure) => write!(f, "{}.all", procedure.name()),
            Self::Recovery => f.write_str(RECOVERY),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|subject| subject.to_string() == name).ok_or_else(|| unknown(name))
    }
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
    /// Successes per second of the time in which attempts are planned.
    Rate,
    /// From the due time to the end of successful attempts, µs.
    Latency(Percentile),
    /// From the first octet sent to the end of successful attempts, µs.
    Service(Percentile),
}

impl MetricKind {
    /// Whether it is a time that somebody's answer ends.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Service(_))
    }
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

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (subject, rest) =
            text.split_once('.').map_or((text, None), |(subject, rest)| (subject, Some(rest)));
        let (subject, rest) = match rest.and_then(|rest| rest.strip_prefix("all")) {
            Some("") => (format!("{subject}.all"), None),
            Some(rest) if rest.starts_with('.') => (format!("{subject}.all"), rest.get(1..)),
            _ => (subject.to_owned(), rest),
        };
        let (kind, detail) = match rest.map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
            Some((kind, detail)) => (Some(kind), Some(detail).filter(|detail| !detail.is_empty())),
            None => (None, None),
        };
        let percentile = || detail.map_or_else(|| Err(missing_percentile(text)), str::parse);
        match (subject.as_str(), kind) {
            ("generator", Some("lateness")) => return Ok(Self::GeneratorLateness(percentile()?)),
            ("billing", Some("unreconciled")) if detail.is_none() => return Ok(Self::BillingUnreconciled),
            ("generator", _) => return Err(format!("{text:?} is not a metric: generator.lateness.p99 is")),
            ("billing", _) => return Err(format!("{text:?} is not a metric: billing.unreconciled is")),
            _ => {}
        }
        let subject: Subject = subject.parse()?;
        let kind = match (kind, detail) {
            (Some("success"), None) => MetricKind::Success,
            (Some("failure"), None) => MetricKind::Failure,
            (Some("timeout"), None) if subject != Subject::Recovery => MetricKind::TimeoutRatio,
            (Some("rate"), None) if subject != Subject::Recovery => MetricKind::Rate,
            (Some("latency"), _) if subject != Subject::Recovery => MetricKind::Latency(percentile()?),
            (Some("service"), _) if subject != Subject::Recovery => MetricKind::Service(percentile()?),
            _ if subject == Subject::Recovery => {
                return Err(format!("{text:?} is not a metric: recovery.success and recovery.failure are"));
            }
            _ => {
                return Err(format!(
                    "{text:?} is not a metric: {subject}.success, .failure, .timeout, .rate, .latency.p50 and .service.p50 are"
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
            Self::Procedure { subject, kind } => (subject, kind),
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

impl Metric {
    /// Whose attempts it is about.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Procedure { subject, .. } => Some(*subject),
            Self::GeneratorLateness(_) | Self::BillingUnreconciled => None,
        }
    }

    pub(super) fn parse_value(self, text: &str) -> Result<f64, String> {
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
                // From nanoseconds, so that what is written in whole microseconds is that number.
                Ok(limit.0.as_nanos() as f64 / 1e3)
            }
        }
    }
}

fn unknown(name: &str) -> String {
    let names: Vec<String> = Subject::all()
        .filter(|subject| !matches!(subject, Subject::All(_)))
        .map(|subject| subject.to_string())
        .chain(["generator".to_owned(), "billing".to_owned()])
        .collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = hint(name, &known);
    format!("{name:?} has no metrics{hint} (what has: {})", known.join(", "))
}

fn missing_percentile(text: &str) -> String {
    format!("{text:?} lacks a percentile, as in \"{text}.p50\" or \"{text}.max\"")
}

const RETRY: &str = "registration-retry";
const RECOVERY: &str = "recovery";
