//! Traces of runs for a collector: what is sent, and where.
//!
//! A build without the feature `otlp` takes the options all the same, and says how to get what it lacks.

#[cfg(feature = "otlp")]
#[path = "spans/with.rs"]
mod built;
#[cfg(not(feature = "otlp"))]
#[path = "spans/without.rs"]
mod built;

use wire::trace_context::TraceParent;

pub(crate) use built::Spans;

use crate::campaign;

/// Where traces go, and what of.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Collector {
    /// Sends the run's trace to this collector, by OTLP over HTTP, such as http://127.0.0.1:4318: spans of the run, its phases,
    /// takeovers and reconciliation, and of attempts. Headers and what is said of this program are taken from OTEL_EXPORTER_OTLP_HEADERS,
    /// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES; a pipeline's TRACEPARENT is the parent.
    #[arg(long, value_name = "URL", value_parser = collector)]
    otlp: Option<String>,
    /// How many of the attempts have a span, drawn by the seed. Those that did not succeed have one anyway.
    #[arg(long, value_name = "SHARE%", default_value = "10%", value_parser = share, requires = "otlp")]
    otlp_sample: u32,
}

impl Collector {
    /// Nothing is sent.
    pub(crate) fn none() -> Self {
        Self { otlp: None, otlp_sample: 0 }
    }
}

/// What a pipeline says of itself, where one began this program.
pub(crate) fn parent() -> Option<TraceParent> {
    let said = std::env::var("TRACEPARENT").ok().filter(|said| !said.trim().is_empty())?;
    let parent = TraceParent::parse(&said);
    if parent.is_none() {
        eprintln!("warning: TRACEPARENT is not understood: the run has a trace of its own");
    }
    parent
}

/// The address for traces: what is given, with the path that the protocol has where none is given.
fn collector(text: &str) -> Result<String, String> {
    let known = post::address(text).ok_or_else(|| {
        "expected http://HOST:PORT or https://HOST, such as http://127.0.0.1:4318 (OTLP over HTTP, not gRPC's port 4317)".to_owned()
    })?;
    let bare = known.path_and_query().is_none_or(|path| path.as_str() == "/");
    Ok(if bare { format!("{}/v1/traces", text.trim_end_matches('/')) } else { text.to_owned() })
}

/// Of a million.
fn share(text: &str) -> Result<u32, String> {
    campaign::share(text).ok_or_else(|| "expected a share from 0% to 100%, such as 10%".to_owned())
}

#[cfg(test)]
mod tests {
    use wire::attempts::WHOLE;

    use super::*;

    #[test]
    fn a_collector_has_the_path_of_the_protocol_where_none_is_given() {
        assert_eq!(collector("http://h:4318").unwrap(), "http://h:4318/v1/traces");
        assert_eq!(collector("https://h/").unwrap(), "https://h/v1/traces");
        assert_eq!(collector("https://h/otlp/v1/traces?k=v").unwrap(), "https://h/otlp/v1/traces?k=v");
        for wrong in ["", "h:4318", "grpc://h:4317", "http://", "4318"] {
            assert!(collector(wrong).unwrap_err().contains("4318"), "{wrong}");
        }
    }

    #[test]
    fn share_is_of_nothing_to_all() {
        assert_eq!((share("0%"), share("10%"), share("100 %")), (Ok(0), Ok(100_000), Ok(WHOLE)));
        for wrong in ["", "10", "101%", "-1%", "NaN%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
