//! What is seen, as Prometheus reads it: its text, OpenMetrics' text, or protobuf with native histograms.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::{self, prometheus_data_model::MetricFamily};
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet, prometheus_text,
    text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::distribution::{Distribution, SCHEMA};
use crate::model::{Families, Family, Kind, Value};

/// A form in which metrics are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// OpenMetrics' text, version 1.0.0.
    OpenMetrics,
    /// Prometheus' protobuf messages, each after its length: the one that has native histograms.
    Protobuf,
}

impl Format {
    /// The one that a scraper likes most, by its `Accept` header: the largest `q`, the first of equals (RFC 9110 §12.5.1). Who
    /// asks for none of them gets text.
    pub(crate) fn accepted(header: &str) -> Self {
        let mut best: Option<(u32, Self)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(String, &str)> = parts
                .filter_map(|part| part.split_once('='))
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
                .collect();
            let parameter =
                |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            let format = match media_type.as_str() {
                "application/vnd.google.protobuf"
                    if parameter("proto")
                        .is_none_or(|proto| proto == "io.prometheus.client.MetricFamily")
                        && parameter("encoding").is_none_or(|encoding| encoding == "delimited") =>
                {
                    Self::Protobuf
                }
                "application/openmetrics-text" => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Text,
                _ => continue,
            };
            let Some(weight) = parameter("q").map_or(Some(1_000), thousandths).filter(|weight| *weight > 0)
            else {
                continue;
            };
            if best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, format));
            }
        }
        best.map_or(Self::Text, |(_, format)| format)
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// A weight between 0 and 1.
fn thousandths(q: &str) -> Option<u32> {
    let value: f64 = q.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    (0.0..=1.0).contains(&value).then_some((value * 1000.0).round() as u32)
}

/// All of it, in one of the formats.
pub(crate) fn encode(families: Families, format: Format) -> Result<Vec<u8>, fmt::Error> {
    let registry = registry(families);
    match format {
        Format::Protobuf => prometheus_protobuf::encode_to_vec(&registry).map_err(|_| fmt::Error),
        Format::Text | Format::OpenMetrics => {
            let mut written = String::new();
            match format {
                Format::OpenMetrics => text::encode(&mut written, &registry)?,
                _ => prometheus_text::encode(&mut written, &registry)?,
            }
            Ok(written.into_bytes())
        }
    }
}

/// All of it as messages.
pub(crate) fn messages(families: Families) -> Result<Vec<MetricFamily>, fmt::Error> {
    prometheus_protobuf::encode(&registry(families))
}

fn registry(families: Families) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Collected(Arc::new(families))));
    registry
}

#[derive(Debug)]
struct Collected(Arc<Families>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| encode_family(&mut encoder, family))
    }
}

fn encode_family(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
    let kind = match family.metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    let help = format!("{}.", family.metric.help);
    let mut encoder = encoder.encode_descriptor(family.metric.name, &help, None, kind)?;
    for (values, value) in &family.series {
        if family.metric.labels.is_empty() {
            encode_value(&mut encoder, family.metric.kind, value)?;
            continue;
        }
        // A label without a value is none.
        let labels = family.metric.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let labels: Vec<(&str, &str)> = labels.map(|(name, value)| (*name, value.as_str())).collect();
        encode_value(&mut encoder.encode_family(&labels)?, family.metric.kind, value)?;
    }
    Ok(())
}

fn encode_value(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match value {
        Value::Real(value) if kind == Kind::Counter => {
            encoder.encode_counter::<NoLabelSet, f64, f64>(value, None)
        }
        Value::Count(count) => encoder.encode_counter::<NoLabelSet, u64, u64>(count, None),
        Value::Real(value) => encoder.encode_gauge(value),
        Value::Distribution(histogram) => {
            let Distribution { count, sum, classic, native } = Distribution::of(histogram);
            let none = NativeHistogramBuckets { spans: &[], deltas: &[] };
            let native = NativeHistogram {
                schema: SCHEMA,
                zero_threshold: SMALLEST,
                zero_count: native.zeros,
                negative: none,
                positive: NativeHistogramBuckets { spans: &native.spans, deltas: &native.deltas },
                created: None,
            };
            encoder.encode_histogram_with_native::<NoLabelSet>(sum, count, &classic, None, native)
        }
    }
}

/// What is below it counts as 0; a µs is not.
const SMALLEST: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::metrics;

    metrics! {
        TRIED = Counter "tried" ["cause"] "What was tried";
        WORKED = Counter "worked_seconds" [] "How long it worked";
        OPEN = Gauge "open" [] "What is open";
        LASTED = Histogram "lasted_seconds" ["procedure"] "How long it lasted";
    }

    fn families() -> Families {
        let mut families = Families::default();
        families.count(&TRIED, &["say \"no\"\\"], u64::MAX);
        families.count(&TRIED, &[""], 3);
        families.real(&WORKED, &[], 1.5);
        families.gauge(&OPEN, &[], 7);
        let mut lasted = coordinator::Histogram::default();
        lasted.record_n(0, 1);
        lasted.record_n(1_000, 2);
        lasted.record_n(70_000_000, 1);
        families.distribution(&LASTED, &["registration"], &lasted);
        families
    }

    #[test]
    fn text_is_what_prometheus_reads() {
        assert_eq!(ALL.len(), 4);
        let text = String::from_utf8(encode(families(), Format::Text).unwrap()).unwrap();
        for line in [
            "# TYPE tried_total counter",
            "# HELP tried_total What was tried.",
            "tried_total{cause=\"say \\\"no\\\"\\\\\"} 18446744073709551615",
            "tried_total 3",
            "worked_seconds_total 1.5",
            "open 7.0",
            "lasted_seconds_bucket{procedure=\"registration\",le=\"0.0005\"} 1",
            "lasted_seconds_bucket{procedure=\"registration\",le=\"0.001\"} 3",
            "lasted_seconds_bucket{procedure=\"registration\",le=\"+Inf\"} 4",
            "lasted_seconds_count{procedure=\"registration\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let open = String::from_utf8(encode(families(), Format::OpenMetrics).unwrap()).unwrap();
        assert!(open.ends_with("# EOF\n"), "{open}");
    }

    #[test]
    fn messages_have_native_histograms_beside_the_fixed_buckets() {
        let all = messages(families()).unwrap();
        let lasted = all.iter().find(|family| family.name == "lasted_seconds").unwrap();
        let histogram = lasted.metric[0].histogram.as_ref().unwrap();
        assert_eq!((histogram.schema, histogram.zero_count, histogram.sample_count), (3, 1, 4));
        assert_eq!(
            histogram
                .positive_delta
                .iter()
                .scan(0, |sum, delta| {
                    *sum += delta;
                    Some(*sum)
                })
                .sum::<i64>(),
            3
        );
        assert!(!encode(families(), Format::Protobuf).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_answered(header in "(?s).{0,200}", weight in "[0-9.eE+-]{0,12}") {
            Format::accepted(&header);
            Format::accepted(&format!("text/plain;q={weight},application/openmetrics-text;q=\"{weight}"));
        }
    }

    #[test]
    fn the_form_is_the_one_that_a_scraper_likes_most() {
        // What Prometheus 2.42 sends, without and with native histograms.
        let usual = "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";
        for (header, format) in [
            (usual, Format::OpenMetrics),
            (native, Format::Protobuf),
            ("", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/vnd.google.protobuf;q=0", Format::Text),
            (
                "application/vnd.google.protobuf; proto=\"io.prometheus.client.MetricFamily\"; encoding=text",
                Format::Text,
            ),
            ("Text/Plain;q=0.9, application/openmetrics-text;q=0.95", Format::OpenMetrics),
            (";;;,q=,;q=x", Format::Text),
        ] {
            assert_eq!(Format::accepted(header), format, "{header}");
        }
    }
}
