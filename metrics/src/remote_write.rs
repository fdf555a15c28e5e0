//! Prometheus' remote write, version 1.0: for runs that are over before anybody comes to look.
//!
//! A POST of samples every few seconds and one at the end, on a thread of its own. Who is not there is told nothing, and the next
//! sample says the same and more: nothing is kept, and nothing waits for it but the last one, a little.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use post::{Body, Uri};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{Metric, MetricFamily};
use prost::Message as _;

use crate::encode::messages;
use crate::{Families, Source};

/// Pushes until it is finished or dropped.
pub struct Push {
    end: Sender<()>,
    thread: std::thread::JoinHandle<Result<(), String>>,
}

/// What every sample is labelled with beside its own labels: `job`, `instance`, `run_id`.
pub type Labels = Vec<(String, String)>;

impl Push {
    /// Begins to push what the sources see to this address.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        to: Uri,
        labels: impl Fn() -> Labels + Send + 'static,
        sources: Vec<Arc<dyn Source>>,
        every: Duration,
    ) -> std::io::Result<Self> {
        let (end, ended) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let pusher = Pusher { to, labels: Box::new(labels), sources, runtime };
        let body = move || pusher.run(&ended, every);
        Ok(Self { end, thread: std::thread::Builder::new().name("metrics-push".to_owned()).spawn(body)? })
    }

    /// Pushes once more, tries a few times, and ends.
    ///
    /// # Errors
    /// The last samples were not taken: why.
    pub fn finish(self) -> Result<(), String> {
        drop(self.end);
        self.thread.join().unwrap_or_else(|_| Err("its thread died".to_owned()))
    }
}

struct Pusher {
    to: Uri,
    labels: Box<dyn Fn() -> Labels + Send>,
    sources: Vec<Arc<dyn Source>>,
    runtime: tokio::runtime::Runtime,
}

impl Pusher {
    fn run(&self, ended: &Receiver<()>, every: Duration) -> Result<(), String> {
        let mut said = false;
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(every) {
            match self.push() {
                Ok(()) => said = false,
                // Once, until it works again.
                Err(Refusal { why, .. }) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!("metrics cannot be pushed: {}: {why}", self.host());
                    }
                }
            }
        }
        let mut wait = FIRST_WAIT;
        for last in [false, false, true] {
            match self.push() {
                Ok(()) => return Ok(()),
                Err(Refusal { why, is_final }) if last || is_final => {
                    return Err(format!("{}: {why}", self.host()));
                }
                Err(_) => std::thread::sleep(wait),
            }
            wait *= 2;
        }
        Ok(())
    }

    /// The rest of an address is often a secret.
    fn host(&self) -> &str {
        self.to.host().unwrap_or_default()
    }

    fn push(&self) -> Result<(), Refusal> {
        let mut families = Families::default();
        self.sources.iter().for_each(|source| source.look(&mut families));
        let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let at_ms = i64::try_from(at).unwrap_or(i64::MAX);
        let unfit = |what: &str| Refusal { why: what.to_owned(), is_final: true };
        let messages = messages(families).map_err(|_| unfit("the samples cannot be written"))?;
        let request = WriteRequest::of(&messages, &(self.labels)(), at_ms);
        let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        let octets = packed.map_err(|_| unfit("the samples are too long for one message"))?;
        let body = Body { media_type: "application/x-protobuf", octets };
        let headers = [
            ("content-encoding", "snappy".to_owned()),
            ("x-prometheus-remote-write-version", "0.1.0".to_owned()),
        ];
        let answer = self.runtime.block_on(post::post(&self.to, body, &headers));
        match answer {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(Refusal {
                why: format!("it answers {}", answer.status),
                is_final: !post::is_worth_another_try(answer.status),
            }),
            Err(why) => Err(Refusal { why, is_final: false }),
        }
    }
}

struct Refusal {
    why: String,
    is_final: bool,
}

/// `prometheus.WriteRequest`, what of it is used.
#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// UNIX time, ms.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

impl WriteRequest {
    fn of(families: &[MetricFamily], common: &Labels, at_ms: i64) -> Self {
        let mut request = Self::default();
        for family in families {
            for metric in &family.metric {
                let mut add = |suffix: &str, more: Option<(&str, String)>, value: f64| {
                    let label =
                        |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
                    let mut labels = vec![label("__name__", &format!("{}{suffix}", family.name))];
                    labels.extend(common.iter().map(|(name, value)| label(name, value)));
                    labels.extend(metric.label.iter().map(|pair| label(&pair.name, &pair.value)));
                    labels.extend(more.map(|(name, value)| label(name, &value)));
                    // They are to come in order.
                    labels.sort();
                    labels.dedup_by(|later, earlier| later.name == earlier.name);
                    request
                        .timeseries
                        .push(TimeSeries { labels, samples: vec![Sample { value, timestamp: at_ms }] });
                };
                add_samples(metric, &mut add);
            }
        }
        request
    }
}

/// The samples that a metric is in Prometheus' database.
fn add_samples(metric: &Metric, add: &mut impl FnMut(&str, Option<(&str, String)>, f64)) {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus' samples are floats")]
    let float = |count: u64| count as f64;
    if let Some(counter) = &metric.counter {
        add("", None, counter.value);
    }
    if let Some(gauge) = &metric.gauge {
        add("", None, gauge.value);
    }
    if let Some(histogram) = &metric.histogram {
        for bucket in &histogram.bucket {
            let bound = bucket.upper_bound;
            let le = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
            add("_bucket", Some(("le", le)), float(bucket.cumulative_count));
        }
        add("_sum", None, histogram.sample_sum);
        add("_count", None, float(histogram.sample_count));
    }
}

const FIRST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::metrics;

    metrics! {
        TRIED = Counter "tried" ["cause"] "What was tried";
        LASTED = Histogram "lasted_seconds" [] "How long it lasted";
    }

    #[test]
    fn labels_are_in_order_and_a_histogram_is_its_buckets_sum_and_count() {
        assert_eq!(ALL.len(), 2);
        let mut families = Families::default();
        families.count(&TRIED, &["x"], 3);
        let mut lasted = coordinator::Histogram::default();
        lasted.record_n(1_000, 2);
        families.distribution(&LASTED, &[], &lasted);
        let common = vec![("run_id".to_owned(), "r".to_owned()), ("job".to_owned(), "roamstorm".to_owned())];
        let request = WriteRequest::of(&messages(families).unwrap(), &common, 5);
        let shown = |series: &TimeSeries| {
            let labels: Vec<String> =
                series.labels.iter().map(|l| format!("{}={}", l.name, l.value)).collect();
            format!("{} {}", labels.join(","), series.samples[0].value)
        };
        let all: Vec<String> = request.timeseries.iter().map(shown).collect();
        assert!(all.contains(&"__name__=tried_total,cause=x,job=roamstorm,run_id=r 3".to_owned()), "{all:?}");
        assert!(
            all.contains(&"__name__=lasted_seconds_bucket,job=roamstorm,le=+Inf,run_id=r 2".to_owned()),
            "{all:?}"
        );
        assert!(
            all.contains(&"__name__=lasted_seconds_count,job=roamstorm,run_id=r 2".to_owned()),
            "{all:?}"
        );
        assert!(request.timeseries.iter().all(|series| series.labels.is_sorted()));
    }
}
