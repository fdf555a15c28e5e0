//! What is seen of this process from outside while it works: an endpoint for Prometheus, or samples that are pushed.
//!
//! A build without the feature `metrics` takes the options all the same, and says how to get what it lacks.

#[cfg(feature = "metrics")]
#[path = "metrics/with.rs"]
mod built;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/without.rs"]
mod built;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Observed;
use simulator::NetworkStatistics;
use supervisor::Supervised;
use tokio::sync::watch;

pub(crate) use built::Metrics;

use crate::times;

/// Where metrics are served.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Endpoint {
    /// Serves metrics for Prometheus at this address (/metrics; /healthz and /readyz too), such as 127.0.0.1:9464. Port 0 takes a
    /// free one.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    metrics: Option<SocketAddr>,
}

/// Where metrics of a run are served, and pushed to.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    endpoint: Endpoint,
    /// When the run is over, waits so long for the last look of those who have looked at --metrics before; 0s for not at all.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = linger)]
    metrics_linger: Duration,
    /// Pushes metrics to this address by Prometheus' remote write, such as http://HOST:9090/api/v1/write, and once more at the
    /// end: for runs that are over before anybody looks.
    #[arg(long, value_name = "URL", value_parser = receiver)]
    metrics_push: Option<String>,
    /// How often metrics are pushed.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = times::time, requires = "metrics_push")]
    metrics_push_every: Duration,
}

/// Something of this process that can be seen.
#[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "nobody looks in this build"))]
pub(crate) enum Seen {
    /// A run, by its coordinator.
    Run(watch::Receiver<Arc<Observed>>),
    /// A simulator, while there is one.
    Simulator(Box<dyn Fn() -> Option<NetworkStatistics> + Send>),
    /// A supervisor.
    Supervisor(watch::Receiver<Supervised>),
    /// The agent that [`Metrics::agent`] looks on at.
    Agent,
}

impl Endpoint {
    /// The same at another option.
    pub(crate) fn at(metrics: Option<SocketAddr>) -> Self {
        Self { metrics }
    }

    /// An endpoint alone: nothing is pushed, and nobody is waited for.
    pub(crate) fn alone(&self) -> Options {
        Options {
            endpoint: self.clone(),
            metrics_linger: Duration::ZERO,
            metrics_push: None,
            metrics_push_every: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// Nobody looks.
    pub(crate) fn none() -> Self {
        Endpoint::default().alone()
    }

    /// Whether anybody wants to look.
    pub(crate) fn is_wanted(&self) -> bool {
        self.endpoint.metrics.is_some() || self.metrics_push.is_some()
    }

    /// What a run is told by, where anybody wants to look.
    pub(crate) fn observers(&self) -> Option<watch::Sender<Arc<Observed>>> {
        self.is_wanted().then(|| watch::Sender::new(Arc::new(Observed::default())))
    }
}

/// An address with its port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an IP address and a TCP port are accepted, such as 127.0.0.1:9464, 0.0.0.0:9464 or [::1]:9464"
            .to_owned()
    })
}

fn receiver(text: &str) -> Result<String, String> {
    let known = post::address(text).is_some();
    known.then(|| text.to_owned()).ok_or_else(|| {
        "expected http://HOST:PORT/PATH or https://…, such as http://127.0.0.1:9090/api/v1/write".to_owned()
    })
}

fn linger(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { times::time(text) }
}
