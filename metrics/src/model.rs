//! Metrics as values: what each one is, and what it is now.

use std::collections::BTreeMap;

use coordinator::Histogram;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives. Its name gets `_total`.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How often what lasted how long. Its unit is a second.
    Histogram,
}

/// One metric, as docs/metrics.md describes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, without `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells, in a sentence without its full stop.
    pub help: &'static str,
}

impl Metric {
    /// The name by which Prometheus has it.
    pub fn full_name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// Makes a table of metrics: a constant for each, and `ALL`.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(crate) static $constant: crate::model::Metric = crate::model::Metric {
                name: $name,
                kind: crate::model::Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+
        /// Every metric of the table.
        pub(crate) static ALL: &[&crate::model::Metric] = &[$(&$constant,)+];
    };
}
pub(crate) use metrics;

/// What one series is now.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Count(u64),
    Real(f64),
    Distribution(Histogram),
}

/// Everything that there is to see at one moment: by metric, the series that it has.
#[derive(Debug, Default)]
pub struct Families {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) metric: &'static Metric,
    pub(crate) series: BTreeMap<Vec<String>, Value>,
}

impl Families {
    /// Sets a counter.
    pub(crate) fn count(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Count(value));
    }

    /// Sets a counter of time, in seconds, or a gauge.
    pub(crate) fn real(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        self.add(metric, labels, Value::Real(value));
    }

    /// Sets a gauge that counts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; beyond 2^53 its last digits mean nothing"
    )]
    pub(crate) fn gauge(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Real(value as f64));
    }

    /// Sets a gauge that is 1 for yes and 0 for no.
    pub(crate) fn flag(&mut self, metric: &'static Metric, labels: &[&str], value: bool) {
        self.add(metric, labels, Value::Real(f64::from(u8::from(value))));
    }

    /// Sets a histogram of µs.
    pub(crate) fn distribution(&mut self, metric: &'static Metric, labels: &[&str], value: &Histogram) {
        self.add(metric, labels, Value::Distribution(value.clone()));
    }

    /// Sets one series. Texts of peers pass the door for texts; beyond a limit of series, what comes is added to one of `other`.
    fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let family =
            self.families.entry(metric.name).or_insert_with(|| Family { metric, series: BTreeMap::new() });
        let labels: Vec<String> =
            labels.iter().map(|text| edges::text::line(text, LONGEST_LABEL).into_owned()).collect();
        let is_full = family.series.len() >= MOST_SERIES && !family.series.contains_key(&labels);
        let labels = if is_full { vec![OTHER.to_owned(); labels.len()] } else { labels };
        match (family.series.get_mut(&labels), value) {
            (Some(Value::Count(sum)), Value::Count(more)) if is_full => *sum = sum.saturating_add(more),
            (Some(Value::Real(sum)), Value::Real(more)) if is_full => *sum += more,
            (Some(Value::Distribution(sum)), Value::Distribution(more)) if is_full => sum.add(&more),
            (_, value) => drop(family.series.insert(labels, value)),
        }
    }

    /// By name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    /// The names of the metrics that are here.
    pub fn names(&self) -> Vec<String> {
        self.families.values().map(|family| family.metric.full_name()).collect()
    }
}

/// Series of one metric. Causes come from peers; a thousand of them help nobody.
const MOST_SERIES: usize = 1_000;
/// Characters of a label's value.
const LONGEST_LABEL: usize = 100;
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    metrics! {
        TRIED = Counter "tried" ["cause"] "What was tried";
    }

    #[test]
    fn beyond_a_limit_series_are_added_up_in_one_and_nothing_is_lost() {
        let mut families = Families::default();
        for n in 0..3_000 {
            families.count(&TRIED, &[&format!("cause {n}")], 2);
        }
        assert_eq!((ALL.len(), TRIED.full_name().as_str()), (1, "tried_total"));
        let family = families.iter().next().unwrap();
        assert_eq!(family.series.len(), MOST_SERIES + 1);
        let all = family.series.values().map(|value| match value {
            Value::Count(count) => *count,
            _ => 0,
        });
        assert_eq!(all.sum::<u64>(), 6_000);
        assert!(matches!(family.series.get(&vec![OTHER.to_owned()]), Some(Value::Count(4_000))));
    }

    #[test]
    fn what_a_peer_calls_a_cause_breaks_no_line() {
        let mut families = Families::default();
        families.count(&TRIED, &["a\nb\u{1b}[31m"], 1);
        let family = families.iter().next().unwrap();
        let labels = &family.series.keys().next().unwrap()[0];
        assert!(!labels.contains(['\n', '\u{1b}']), "{labels:?}");
    }
}
