use std::path::PathBuf;

use anyhow::{Context, Error};
use tokio::sync::mpsc::unbounded_channel;
use wire::{Identity, Role};

use crate::exit::{Exit, RunInvalid};

/// Joins a coordinator and works until the run is over.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The coordinator's host:port.
    #[arg(long, value_name = "HOST:PORT")]
    coordinator: String,
    /// The folder of authority.pem, agent.pem and agent.key (see `roamstorm certs`).
    #[arg(long, value_name = "DIR")]
    certs: PathBuf,
    /// The name in the report; the host's where none is given.
    #[arg(long)]
    name: Option<String>,
    /// Worker threads; one for each core where not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// The address of this agent's end of the user plane (GTP-U, UDP port 2152). Default: the one that reaches the
    /// target; on loopback one of its own.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<std::net::IpAddr>,
}

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let identity = Identity::load(&arguments.certs, Role::Agent)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let name = arguments.name.unwrap_or_else(host_name);
    let config = agent::AgentConfig {
        workers: arguments.workers.map_or(cores, usize::from),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        gtpu_address: arguments.gtpu_address,
        ..agent::AgentConfig::new(name, identity, arguments.coordinator)
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let (interrupt, interruptions) = unbounded_channel();
        let work = agent::run(config, interruptions);
        tokio::pin!(work);
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = super::interrupted() => {
                eprintln!("stopping: shards are handed over; interrupt again to leave at once");
                let reason = "interrupted by its operator".to_owned();
                let _ = interrupt.send(agent::Interruption { reason, deadline: None });
                tokio::select! {
                    ended = &mut work => ended,
                    () = super::interrupted() => return Ok(Exit::Invalid),
                }
            }
        };
        match ended {
            Ok(()) => Ok(Exit::Pass),
            Err(error @ agent::AgentError::Join(_)) => Err(error.into()),
            Err(error) => Err(Error::new(RunInvalid(error.into()))),
        }
    })
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "agent".to_owned() } else { name.to_owned() }
}
