//! A build with metrics.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Error};
use metrics::{Agent, Core, Endpoint, Labels, Process, Push, Run, Source, Supervisor};
use wire::IdentitySlot;

use super::{Options, Seen};
use crate::commands::{host_name, interrupted};

/// The endpoint, and what is pushed.
pub(crate) struct Metrics {
    endpoint: Option<Endpoint>,
    push: Option<Push>,
    linger: Duration,
    agent: Option<Arc<Agent>>,
}

impl Metrics {
    /// Opens what is asked for; `part` is what the process runs as.
    pub(crate) fn open(
        options: &Options,
        part: &'static str,
        identity: Option<&IdentitySlot>,
        seen: Vec<Seen>,
    ) -> Result<Self, Error> {
        let linger = options.metrics_linger;
        if !options.is_wanted() {
            return Ok(Self { endpoint: None, push: None, linger, agent: None });
        }
        let mut sources: Vec<Arc<dyn Source>> = vec![Arc::new(Process::new(part, identity))];
        let (mut agent, mut run) = (None, None);
        for seen in seen {
            sources.push(match seen {
                Seen::Run(observed) => {
                    let seen = Arc::new(Run::new(observed));
                    run = Some(Arc::clone(&seen));
                    seen
                }
                Seen::Simulator(look) => Core::new(look),
                Seen::Supervisor(supervised) => Arc::new(Supervisor::new(supervised)),
                Seen::Agent => {
                    let seen = Arc::new(Agent::default());
                    agent = Some(Arc::clone(&seen));
                    seen
                }
            });
        }
        let endpoint = options.endpoint.address().map(|address| Endpoint::open(address, sources.clone()));
        let endpoint = endpoint.transpose()?;
        if let Some(endpoint) = &endpoint {
            eprintln!("metrics: http://{}/metrics", endpoint.address());
        }
        let push = match &options.metrics_push {
            None => None,
            Some(to) => {
                let to = post::address(to).context("--metrics-push")?;
                let host = host_name();
                let labels = move || labels(&host, part, run.as_deref());
                Some(
                    Push::start(to, labels, sources, options.metrics_push_every)
                        .context("--metrics-push: no thread")?,
                )
            }
        };
        Ok(Self { endpoint, push, linger, agent })
    }

    /// Who looks on at the agent of this process.
    pub(crate) fn agent(&self) -> Option<Arc<dyn agent::Observer>> {
        self.agent.clone().map(|agent| agent as Arc<dyn agent::Observer>)
    }

    /// Nobody looks any more.
    pub(crate) fn close(self) {
        drop(self);
    }

    /// What is final is pushed, and seen by those who have looked before.
    pub(crate) async fn last_look(self) {
        if let Some(push) = self.push {
            let pushed = tokio::task::spawn_blocking(move || push.finish()).await;
            if let Ok(Err(why)) = pushed {
                eprintln!("warning: the last metrics could not be pushed: {why}");
            }
        }
        if let Some(endpoint) = self.endpoint.filter(|_| !self.linger.is_zero()) {
            tokio::select! {
                () = endpoint.last_look(self.linger) => {}
                () = interrupted() => {}
            }
            // It ends on its own thread.
            let _ = tokio::task::spawn_blocking(move || drop(endpoint)).await;
        }
    }
}

fn labels(host: &str, part: &str, run: Option<&Run>) -> Labels {
    let mut labels =
        vec![("job".to_owned(), "roamstorm".to_owned()), ("instance".to_owned(), format!("{host}/{part}"))];
    if let Some(id) = run.map(Run::id).filter(|id| !id.is_empty()) {
        labels.push(("run_id".to_owned(), id));
    }
    labels
}
