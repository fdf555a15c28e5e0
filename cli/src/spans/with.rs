//! A build with traces.

use std::sync::Arc;

use anyhow::{Context as _, Error};
use coordinator::SpanSink;
use spans::{Exporter, Sent, Settings};

use super::Collector;

/// What sends spans.
pub(crate) struct Spans {
    exporter: Option<(Arc<Exporter>, String)>,
}

impl Spans {
    /// Begins to send, where that is asked for.
    pub(crate) fn open(options: &Collector) -> Result<Self, Error> {
        let Some(url) = &options.otlp else { return Ok(Self { exporter: None }) };
        let to = post::address(url).context("--otlp")?;
        let host = to.authority().map(ToString::to_string).unwrap_or_default();
        // A password in an address is nobody's to read.
        let host = host.rsplit('@').next().unwrap_or_default().to_owned();
        let settings = Settings {
            to,
            headers: pairs("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
                .or_else(|| pairs("OTEL_EXPORTER_OTLP_HEADERS"))
                .unwrap_or_default(),
            resource: resource(),
            share: options.otlp_sample,
        };
        Ok(Self { exporter: Some((Exporter::start(settings).context("--otlp: no thread")?, host)) })
    }

    /// Whom a run tells.
    pub(crate) fn sink(&self) -> Option<Arc<dyn SpanSink>> {
        self.exporter.as_ref().map(|(exporter, _)| Arc::clone(exporter) as Arc<dyn SpanSink>)
    }

    /// What waits is sent, and what has become of it is said.
    pub(crate) async fn finish(self) {
        let Some((exporter, host)) = self.exporter else { return };
        let sent = tokio::task::spawn_blocking(move || exporter.finish()).await.unwrap_or_default();
        let Sent { spans, left_out, rejected, why, traces } = sent;
        if spans > 0 {
            let traces: Vec<String> = traces.iter().map(hex::encode).collect();
            let named = match &traces[..] {
                [one] => format!("trace {one}"),
                several => format!("{} traces", several.len()),
            };
            eprintln!("traces: {spans} spans sent to {host}, {named}");
        }
        if left_out > 0 {
            eprintln!(
                "warning: {left_out} attempts have no span: {host} was too slow for them, or not there"
            );
        }
        if rejected > 0 {
            let why = why.unwrap_or_else(|| "it does not say why".to_owned());
            eprintln!("warning: {rejected} spans were not taken by {host}: {why}");
        }
    }
}

/// What is said of this program, by the environment's word where there is one.
fn resource() -> Vec<(String, String)> {
    let mut all = vec![
        ("service.name".to_owned(), "roamstorm".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("host.name".to_owned(), crate::commands::host_name()),
    ];
    let mut say = |name: String, value: String| {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    };
    pairs("OTEL_RESOURCE_ATTRIBUTES")
        .unwrap_or_default()
        .into_iter()
        .for_each(|(name, value)| say(name, value));
    if let Some(name) = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty()) {
        say("service.name".to_owned(), name);
    }
    all
}

/// `NAME=VALUE,…`, values percent-encoded, as OpenTelemetry's variables are written. What is none is left out.
fn pairs(variable: &str) -> Option<Vec<(String, String)>> {
    let said = std::env::var(variable).ok().filter(|said| !said.trim().is_empty())?;
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
    };
    let mut pairs = Vec::new();
    for pair in said.split(',').filter(|pair| !pair.trim().is_empty()) {
        match read(pair) {
            Some(pair) => pairs.push(pair),
            // Its text may be a password.
            None => eprintln!("warning: {variable}: a part of it is not NAME=VALUE, and is left out"),
        }
    }
    Some(pairs)
}

fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let mut one = [0];
            hex::decode_to_slice(digits, &mut one).ok()?;
            octets.extend(one);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_are_percent_decoded() {
        assert_eq!(decoded("Basic%20a%3Db").as_deref(), Some("Basic a=b"));
        assert_eq!(decoded("plain").as_deref(), Some("plain"));
        for wrong in ["%", "%2", "%zz", "%ff", "%+f"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
