//! Takes what a coordinator tells, and posts it as spans to a collector, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coordinator::{SpanSink, Told};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use post::{Body, Uri};
use prost::Message as _;
use wire::trace_context::TraceId;

use crate::make::{Maker, of};
use crate::queue::Queue;

/// Where spans go, and what of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector's address for traces, such as `http://127.0.0.1:4318/v1/traces`.
    pub to: Uri,
    /// Headers of each message, such as one with a password.
    pub headers: Vec<(String, String)>,
    /// What is said of this program: `service.name` and the like.
    pub resource: Vec<(String, String)>,
    /// How many of a million attempts have a span, beside those that did not succeed.
    pub share: u32,
}

/// Posts spans until it is finished.
pub struct Exporter {
    share: u32,
    queue: Arc<Queue>,
    /// Nothing more comes, and it is time to come to an end.
    hurries: Arc<AtomicBool>,
    thread: std::sync::Mutex<Option<JoinHandle<Sent>>>,
}

/// What became of the spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans that the collector has.
    pub spans: u64,
    /// Attempts whose spans had no room, or came when the time was over.
    pub left_out: u64,
    /// Spans that the collector did not take.
    pub rejected: u64,
    /// Why, the last time.
    pub why: Option<String>,
    /// The traces that they are of.
    pub traces: Vec<TraceId>,
}

impl Exporter {
    /// Begins to post.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(settings: Settings) -> std::io::Result<Arc<Self>> {
        let (queue, hurries) = (Arc::new(Queue::default()), Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let share = settings.share;
        let poster = Poster { settings, runtime, hurries: Arc::clone(&hurries), sent: Sent::default() };
        let from = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("spans".to_owned()).spawn(move || poster.run(&from))?;
        Ok(Arc::new(Self { share, queue, hurries, thread: std::sync::Mutex::new(Some(thread)) }))
    }

    /// Posts what waits, for a few seconds at most, and ends.
    pub fn finish(&self) -> Sent {
        self.hurries.store(true, Ordering::Relaxed);
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let ended = thread.map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or_default()
    }
}

impl SpanSink for Exporter {
    fn share(&self) -> u32 {
        self.share
    }

    fn tell(&self, told: Told) {
        self.queue.put(told);
    }
}

struct Poster {
    settings: Settings,
    runtime: tokio::runtime::Runtime,
    hurries: Arc<AtomicBool>,
    sent: Sent,
}

impl Poster {
    fn run(mut self, queue: &Queue) -> Sent {
        let mut maker = Maker::default();
        let mut end = None;
        while let Some(told) = queue.take(BETWEEN_POSTS) {
            let mut spans = Vec::new();
            told.into_iter().for_each(|told| maker.spans_of(told, &mut spans));
            if !spans.is_empty() {
                self.deliver(spans, &mut end);
            }
            if self.is_late(&mut end) {
                queue.leave_out();
            }
        }
        self.sent.left_out = queue.left_out();
        self.sent.traces = maker.traces;
        self.sent
    }

    /// Whether the time is over in which the program waits for its end.
    fn is_late(&self, end: &mut Option<Instant>) -> bool {
        self.hurries.load(Ordering::Relaxed)
            && *end.get_or_insert_with(|| Instant::now() + LAST_WORDS) <= Instant::now()
    }

    /// Posts them until they are taken, refused for good, or the time is over. Meanwhile the queue fills, and leaves out what has no
    /// room.
    fn deliver(&mut self, spans: Vec<Span>, end: &mut Option<Instant>) {
        let count = spans.len() as u64;
        let octets = self.message(spans).encode_to_vec();
        let (mut wait, began) = (FIRST_WAIT, Instant::now());
        loop {
            let refusal = match self.post(octets.clone()) {
                Ok(rejected) => {
                    self.sent.spans += count.saturating_sub(rejected);
                    self.sent.rejected += rejected.min(count);
                    return;
                }
                Err(refusal) => refusal,
            };
            if self.sent.why.as_ref() != Some(&refusal.why) {
                // The rest of an address is often a secret.
                let host = self.settings.to.host().unwrap_or_default();
                tracing::warn!("spans cannot be sent: {host}: {}", refusal.why);
            }
            let too_old = began.elapsed() >= LONGEST_TRY;
            self.sent.why = Some(refusal.why);
            if refusal.is_final || too_old || self.is_late(end) {
                self.sent.rejected += count;
                return;
            }
            self.rest(wait, *end);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Waits, but not when the program comes to its end.
    fn rest(&self, wait: Duration, end: Option<Instant>) {
        let until = Instant::now() + wait;
        let until = end.map_or(until, |end| end.min(until));
        let was_hurried = self.hurries.load(Ordering::Relaxed);
        while Instant::now() < until && self.hurries.load(Ordering::Relaxed) == was_hurried {
            std::thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
        }
    }

    /// How many spans of the message the collector did not take.
    fn post(&mut self, octets: Vec<u8>) -> Result<u64, Refusal> {
        let body = Body { media_type: "application/x-protobuf", octets };
        let answer = self.runtime.block_on(post::post(&self.settings.to, body, &self.settings.headers));
        let answer = answer.map_err(|why| Refusal { why, is_final: false })?;
        if !answer.status.is_success() {
            let is_final = !post::is_worth_another_try(answer.status);
            return Err(Refusal { why: format!("it answers {}", answer.status), is_final });
        }
        let said = ExportTraceServiceResponse::decode(&*answer.body).unwrap_or_default();
        let partial = said.partial_success.unwrap_or_default();
        if !partial.error_message.is_empty() {
            self.sent.why = Some(format!("it says: {}", partial.error_message));
        }
        Ok(u64::try_from(partial.rejected_spans).unwrap_or_default())
    }

    fn message(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let attributes = self.settings.resource.iter();
        let attributes = attributes.map(|(name, value)| of(name, Value::StringValue(value.clone())));
        let resource = Resource { attributes: attributes.collect(), ..Resource::default() };
        let scope = InstrumentationScope {
            name: "roamstorm".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource_spans =
            ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
    }
}

struct Refusal {
    why: String,
    is_final: bool,
}

/// A few spans wait for others at most so long.
const BETWEEN_POSTS: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A message that nobody takes for so long makes room for the next one.
const LONGEST_TRY: Duration = Duration::from_secs(120);
/// How soon the end of the program is noticed.
const LOOK: Duration = Duration::from_millis(100);
/// How long the program waits for the collector when the run is over.
const LAST_WORDS: Duration = Duration::from_secs(5);
