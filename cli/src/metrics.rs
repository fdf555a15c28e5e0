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

use anyhow::{Error, anyhow};
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
    /// free one, `off` serves none.
    #[arg(long, value_name = "ADDRESS:PORT|off", env = OF_ENVIRONMENT, hide_env_values = true, value_parser = place)]
    metrics: Option<Where>,
}

/// Whether there is an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// At this address.
    At(SocketAddr),
    /// None, whatever the environment or a service says.
    Nowhere,
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

impl Where {
    fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Nowhere => None,
        }
    }
}

impl Endpoint {
    /// The same at another option.
    pub(crate) fn at(metrics: Option<Where>) -> Self {
        Self { metrics }
    }

    fn address(&self) -> Option<SocketAddr> {
        self.metrics.and_then(Where::address)
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
        self.endpoint.address().is_some() || self.metrics_push.is_some()
    }

    /// What a run is told by, where anybody wants to look.
    pub(crate) fn observers(&self) -> Option<watch::Sender<Arc<Observed>>> {
        self.is_wanted().then(|| watch::Sender::new(Arc::new(Observed::default())))
    }
}

/// An address with its port, or `off`; nothing is off as well, as a service's file may have it.
pub(crate) fn place(text: &str) -> Result<Where, String> {
    if matches!(text, "off" | "") {
        return Ok(Where::Nowhere);
    }
    text.parse().map(Where::At).map_err(|_| {
        "an IP address and a TCP port are accepted, such as 127.0.0.1:9464, 0.0.0.0:9464 or [::1]:9464, or off"
            .to_owned()
    })
}

/// Where the environment says that this host's processes have their endpoint.
pub(crate) fn of_environment() -> Result<Option<Where>, Error> {
    let Some(text) = std::env::var_os(OF_ENVIRONMENT) else { return Ok(None) };
    let text = text.to_string_lossy();
    place(&text).map(Some).map_err(|why| anyhow!("{OF_ENVIRONMENT}={text}: {why}"))
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

/// Of the services and the image, which serve metrics on loopback.
const OF_ENVIRONMENT: &str = "ROAMSTORM_METRICS";
