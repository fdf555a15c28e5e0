//! Whether a process of roamstorm is well: asked at the endpoint of its metrics, or where it can be asked without one.

mod association;
mod endpoint;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Error, ensure};
use coordinator::control::{self, ControlError, Watched};
use results::Progress;
use supervisor::control::{agents, answers, folder};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::exit::Exit;
use crate::metrics::{self, Where};
use crate::runs::Runs;
use crate::times;

/// Asks whether a process of roamstorm is well.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What is asked: the endpoint of --metrics, such as 127.0.0.1:9464; a run (its folder, or its name under --out), whose
    /// coordinator answers; or a simulator or core at sctp://…, sctp+udp://… or sctp+ip://…, for an association alone. Without it, the
    /// endpoint that ROAMSTORM_METRICS names; where it names none, every agent of this user on this host.
    #[arg(value_name = "ADDRESS:PORT|RUN|URL")]
    what: Option<String>,
    /// Asks an endpoint whether its process does its work, not only whether it is there: an agent with its coordinator, a run under way.
    #[arg(long)]
    ready: bool,
    /// How long an answer is waited for.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = times::time)]
    timeout: Duration,
    #[command(flatten)]
    runs: Runs,
}

/// How a process is; both in words.
type Health = Result<String, String>;

/// What is asked.
enum Asked {
    Endpoint(endpoint::Place),
    Association(sctp::Address),
    Run(PathBuf),
    Agents,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let asked = arguments.asked()?;
    ensure!(
        !arguments.ready || matches!(asked, Asked::Endpoint(_)),
        "--ready is for endpoints of --metrics, such as 127.0.0.1:9464"
    );
    let health = match asked {
        Asked::Endpoint(place) => endpoint::ask(&place, arguments.path(), arguments.timeout),
        Asked::Association(address) => association::ask(&address, arguments.timeout),
        Asked::Run(folder) => block_on(coordinator_of(folder, arguments.timeout))?,
        Asked::Agents => block_on(agents_here(arguments.timeout))??,
    };
    Ok(match health {
        Ok(well) => {
            println!("well: {well}");
            Exit::Pass
        }
        Err(why) => {
            eprintln!("not well: {why}");
            Exit::SloFailed
        }
    })
}

impl Arguments {
    fn asked(&self) -> Result<Asked, Error> {
        let Some(what) = &self.what else {
            return Ok(match metrics::of_environment()? {
                Some(Where::At(address)) => Asked::Endpoint(endpoint::Place::of_this_host(address)?),
                Some(Where::Nowhere) | None => Asked::Agents,
            });
        };
        if what.starts_with("sctp") && what.contains("://") {
            return Ok(Asked::Association(crate::target::url(what).map_err(Error::msg)?));
        }
        // A run's name has no colon, and its folder is there.
        if what.contains("://") || (what.contains(':') && !std::path::Path::new(what).exists()) {
            return Ok(Asked::Endpoint(what.parse()?));
        }
        Ok(Asked::Run(self.runs.find(what.as_ref())?))
    }

    fn path(&self) -> &'static str {
        if self.ready { "/readyz" } else { "/healthz" }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    Ok(runtime.block_on(future))
}

/// A coordinator is well that says how its run goes.
async fn coordinator_of(folder: PathBuf, patience: Duration) -> Health {
    let (progress, mut shown) = watch::channel(Progress::default());
    let place = folder.display();
    tokio::select! {
        watched = control::watch(&folder, &progress) => Err(match watched {
            Ok(Watched::Over(_)) | Err(ControlError::Ended { .. }) => format!("{place}: the run has ended"),
            Ok(Watched::Vanished) => format!("{place}: its coordinator is gone without a verdict"),
            Err(error) => error.to_string(),
        }),
        Ok(()) = shown.changed() => Ok(format!("{place}: its coordinator answers")),
        () = tokio::time::sleep(patience) => Err(format!("{place}: {}", silence(patience))),
    }
}

/// The agents of this user on this host are well when each of them, or its supervisor, answers.
async fn agents_here(patience: Duration) -> Result<Health, Error> {
    let folder = folder();
    let all = agents(&folder).await.with_context(|| folder.display().to_string())?;
    ensure!(
        !all.is_empty(),
        "there is nothing to ask: no agent of this user runs on this host ({}), and ROAMSTORM_METRICS names no endpoint; name one, such as 127.0.0.1:9464",
        folder.display()
    );
    for (name, socket) in &all {
        match timeout(patience, answers(socket)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Ok(Err(format!("agent {name}: {error}"))),
            Err(_) => return Ok(Err(format!("agent {name}: {}", silence(patience)))),
        }
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    Ok(Ok(format!("agent {}", names.join(", "))))
}

fn silence(patience: Duration) -> String {
    format!("no answer within {} s", patience.as_secs_f64())
}
