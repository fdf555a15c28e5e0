//! The log: one event a line on standard error, as text for people or as JSON for machines. No IMSI is in it: a name stands for each
//! subscriber, the same one as long as a run lasts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, layer};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::stderr;

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// An object a line, with run_id, agent, shard and trace_id where they are known. Whatever else goes to standard error is one too.
    Json,
}

/// Logs to standard error at this filter (a level, or `CRATE=LEVEL` separated by commas); warnings where none is given.
pub(crate) fn to_stderr(filter: Option<&str>, is_agent: bool, format: Format) {
    if format == Format::Json {
        stderr::speak_json();
    }
    // An agent has no view: when it joins, waits, drains and leaves is all that it shows.
    let asked = filter.unwrap_or(if is_agent { "warn,agent_news=info" } else { "warn" });
    let filter = quiet_libraries(asked).parse().unwrap_or_else(|error| {
        eprintln!("warning: --log is not understood ({error}); logging warnings");
        Targets::new().with_default(Level::WARN)
    });
    let lines = layer().with_writer(stderr::Log).with_ansi(false).event_format(Lines(format));
    let within = (format == Format::Json).then_some(Within);
    tracing_subscriber::registry().with(within).with(lines).with(filter).init();
}

/// The SCTP library tells every chunk: it is heard where its name is in the filter, and in trace.
fn quiet_libraries(filter: &str) -> String {
    let told = filter.contains("dcsctp") || filter.trim() == "trace";
    if told { filter.to_owned() } else { format!("{filter},dcsctp=warn") }
}

/// A line that is no event: the same object, without what is known of a run.
pub(crate) fn object(level: &str, message: &str) -> String {
    let mut at = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut at));
    let mut object = Object::begin(&at, level);
    let run = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    object.add("message", &message.into());
    run.iter().for_each(|(name, value)| object.add(name, value));
    object.end()
}

/// What a line of text is, by how it begins.
pub(crate) fn level_of(text: &str) -> &'static str {
    match text {
        _ if text.starts_with("error") || text.starts_with("internal error") => "ERROR",
        _ if text.starts_with("warning") => "WARN",
        _ => "INFO",
    }
}

/// The text without what nobody may read there: an IMSI, or a packet that has one.
pub(crate) fn discreet(text: String) -> String {
    // The SCTP library writes whole packets out, and with them NAS messages.
    let text = match text.split_once(" # SCTP_PACKET") {
        None => text,
        Some((packet, name)) => {
            let words = packet.split(' ').filter(|word| word.len() == 2);
            let octets = words.filter(|word| word.bytes().all(|digit| digit.is_ascii_hexdigit())).count();
            let kept: Vec<&str> = packet.split(' ').take_while(|word| *word != "0000").collect();
            format!("{} ({octets} octets) # SCTP_PACKET{name}", kept.join(" "))
        }
    };
    wire::pseudonyms::masked(&text).unwrap_or(text)
}

/// Writes the lines.
struct Lines(Format);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, of: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.0 == Format::Text {
            SystemTime.format_time(&mut to)?;
            write!(to, " {:>5} ", event.metadata().level().as_str())?;
            of.field_format().format_fields(to.by_ref(), event)?;
            return writeln!(to);
        }
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = Object::begin(&at, event.metadata().level().as_str());
        line.add("target", &event.metadata().target().into());
        let mut fields = Fields::default();
        event.record(&mut fields);
        let outer = of.event_scope().into_iter().flatten();
        for span in outer {
            let known = span.extensions();
            for (name, value) in known.get::<Fields>().into_iter().flat_map(|known| &known.0) {
                // What is said nearer to the event is what holds.
                fields.0.entry(name).or_insert_with(|| value.clone());
            }
        }
        fields.0.remove_entry("message").iter().for_each(|(name, value)| line.add(name, value));
        fields.0.iter().for_each(|(name, value)| line.add(name, value));
        writeln!(to, "{}", line.end())
    }
}

/// A JSON object with its keys in the order in which people read them.
struct Object(String);

impl Object {
    fn begin(at: &str, level: &str) -> Self {
        let mut object = Self(String::from("{"));
        object.add("timestamp", &at.into());
        object.add("level", &level.into());
        object
    }

    fn add(&mut self, name: &str, value: &Value) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(&edges::text::json(&value.to_string()));
    }

    fn end(self) -> String {
        self.0 + "}"
    }
}

/// Remembers what a span says of all events in it.
struct Within;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Within {
    fn on_new_span(&self, said: &Attributes<'_>, id: &Id, of: Context<'_, S>) {
        let Some(span) = of.span(id) else { return };
        let mut fields = Fields::default();
        said.record(&mut fields);
        if said.metadata().name() == "run" {
            RUN.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&fields.0);
        }
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, said: &Record<'_>, of: Context<'_, S>) {
        let Some(span) = of.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            said.record(fields);
        }
    }
}

/// Names with their values, as JSON.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name(), value.into());
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, &*edges::text::line(value, LONGEST_VALUE));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let shown = format!("{value:?}");
        // An optional value is the value, or null.
        let inner = shown.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')'));
        match inner.unwrap_or(&shown) {
            "None" => self.keep(field, Value::Null),
            shown => self.record_str(field, shown),
        }
    }
}

/// What is known of the run that this process has begun last: lines that are no events are about it.
static RUN: Mutex<BTreeMap<&'static str, Value>> = Mutex::new(BTreeMap::new());
/// Characters of one value.
const LONGEST_VALUE: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_imsis_are_in_no_line() {
        let packet =
            "INFO O 12:00:01.000 0000 1f 40 2e 05 00 01 01 21 43 65 87 09 # SCTP_PACKET gnb-1".to_owned();
        assert_eq!(discreet(packet), "INFO O 12:00:01.000 (12 octets) # SCTP_PACKET gnb-1");
        let named = discreet("SUPI imsi-001010000000001 is unknown".to_owned());
        assert!(named.starts_with("SUPI ue-") && named.ends_with(" is unknown"), "{named}");
        assert_eq!(discreet("nothing of the kind".to_owned()), "nothing of the kind");
    }

    #[test]
    fn a_line_is_an_object_that_says_what_the_spans_around_it_say() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let file = std::sync::Arc::new(log.reopen().unwrap());
        let lines = layer().with_writer(file).event_format(Lines(Format::Json));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Within).with(lines), || {
            let agent = tracing::error_span!("agent", agent = "a1", run_id = tracing::field::Empty);
            let _within = agent.enter();
            tracing::info!("early");
            agent.record("run_id", "r1");
            let (asked, left) = (Some("x\u{1b}[2J"), None::<u8>);
            tracing::warn!(shard = 3, ?asked, ?left, agent = "nearer", "late");
        });
        let said = std::fs::read(log.path()).unwrap();
        let lines: Vec<Value> = said
            .split_inclusive(|octet| *octet == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(
            (&lines[0]["message"], &lines[0]["agent"], lines[0].get("run_id")),
            (&"early".into(), &"a1".into(), None)
        );
        assert_eq!(
            (&lines[1]["run_id"], &lines[1]["shard"], &lines[1]["level"]),
            (&"r1".into(), &3.into(), &"WARN".into())
        );
        assert_eq!((&lines[1]["agent"], &lines[1]["left"]), (&"nearer".into(), &Value::Null));
        assert!(!lines[1]["asked"].as_str().unwrap().contains('\u{1b}'), "{}", lines[1]);
        assert!(said.starts_with(b"{\"timestamp\":"));
    }

    #[test]
    fn the_sctp_library_is_heard_where_it_is_asked_for() {
        assert_eq!(quiet_libraries("debug"), "debug,dcsctp=warn");
        assert_eq!(quiet_libraries("trace"), "trace");
        assert_eq!(quiet_libraries("warn,dcsctp=debug"), "warn,dcsctp=debug");
    }
}
