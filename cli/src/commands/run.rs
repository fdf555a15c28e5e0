use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Error};
use coordinator::{Coordinator, CoordinatorConfig};
use scenarios::Plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wire::{Authority, Role};

use super::scenario::ScenarioArguments;
use crate::campaign;
use crate::exit::Exit;
use crate::target::Target;

/// Runs a scenario on this machine.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// How many embedded agents.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    agents: u16,
    /// What to signal to: sim: (the embedded simulator; sim:udp or sim:kernel chooses its SCTP), sctp://HOST:38412,
    /// sctp+udp://HOST:9899 or sctp+ip://HOST.
    #[arg(long, value_name = "URL", default_value = "sim:")]
    target: String,
    /// The address of the user plane's network end, UDP port 2152; one of 127.0.0.0/8 is drawn where none is given.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<IpAddr>,
    /// The ledger of the charging function of a --target that is not sim:, read at the end of the run.
    #[arg(long, value_name = "FILE")]
    charging: Option<PathBuf>,
    #[command(flatten)]
    campaign: campaign::Options,
}

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let plan = arguments.scenario.plan()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(embedded(plan, arguments))
}

async fn embedded(plan: Plan, arguments: Arguments) -> Result<Exit, Error> {
    let folder = arguments.campaign.folder(&plan)?;
    let opened = Target::open(&arguments.target, &plan, &folder, arguments.gtpu_address);
    // A run that cannot begin leaves nothing.
    let target = opened.inspect_err(|_| drop(std::fs::remove_dir(folder.path())))?;
    eprintln!("{}", target.description);
    let authority = Authority::generate("roamstorm embedded fleet")?;
    let host = ["127.0.0.1".to_owned()];
    let agents = usize::from(arguments.agents);
    let identity = authority.issue("coordinator", Role::Coordinator, &host)?;
    let coordinator = Coordinator::bind(CoordinatorConfig {
        agents_wanted: agents,
        folder: Some(folder),
        network: target.network,
        charging: arguments.charging,
        ..arguments.campaign.coordinator_config(([127, 0, 0, 1], 0).into(), identity, &target.url)
    })
    .await?;
    let address = coordinator.local_addr().to_string();
    let (_stop, stopped) = watch::channel(false);
    let mut fleet = JoinSet::new();
    for number in 1..=agents {
        let name = format!("agent-{number}");
        fleet.spawn(agent::run(
            agent::AgentConfig {
                identity: authority.issue(&name, Role::Agent, &[])?,
                name,
                workers: campaign::workers_for(agents),
                coordinator: address.clone(),
                program: env!("CARGO_PKG_VERSION").to_owned(),
                gtpu_address: None,
            },
            stopped.clone(),
        ));
    }
    let ended = campaign::conduct(coordinator, plan, &arguments.campaign).await;
    if ended.is_err() {
        fleet.abort_all();
    }
    while let Some(agent) = fleet.join_next().await {
        if let Ok(Err(error)) = agent {
            tracing::warn!("an embedded agent ended early: {error}");
        }
    }
    ended
}
