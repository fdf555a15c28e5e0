use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error};
use coordinator::{Coordinator, CoordinatorConfig, RunConfig};
use wire::{Identity, Role};

use super::scenario::ScenarioArguments;
use crate::campaign;
use crate::exit::{self, Exit};

/// Coordinates one run of agents that join from elsewhere.
#[derive(clap::Args)]
#[command(mut_arg("scenario", |scenario| scenario.required(false).required_unless_present("resume")))]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: Option<ScenarioArguments>,
    /// Takes up a run whose coordinator has died: its folder, or its name under --out. Everything but --listen, --certs and
    /// --json is as the run was told at its beginning.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scenario", "target"])]
    resume: Option<PathBuf>,
    /// How many agents to wait for.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    agents: u16,
    /// What the agents signal to: sctp://HOST:38412, sctp+udp://HOST:9899 or sctp+ip://HOST. Given several times, each gNB has an
    /// association with each of these AMFs.
    #[arg(long, value_name = "URL", required_unless_present = "resume")]
    target: Vec<sctp::Address>,
    /// The address and UDP port to accept agents on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7400")]
    listen: SocketAddr,
    /// The folder of authority.pem, coordinator.pem and coordinator.key (see `roamstorm certs`).
    #[arg(long, value_name = "DIR")]
    certs: PathBuf,
    /// How long to wait for the agents, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    join_timeout: u64,
    /// The ledger of the target's charging function, read at the end of the run; without it billing is not reconciled.
    #[arg(long, value_name = "FILE")]
    charging: Option<PathBuf>,
    #[command(flatten)]
    campaign: campaign::Options,
}

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    campaign::Options::expect_ledger(arguments.charging.as_deref());
    let identity = Identity::load(&arguments.certs, Role::Coordinator)?;
    super::have_threads(threads() + 2)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads())
        .enable_all()
        .build()
        .context("starting the runtime")?;
    if let Some(run) = &arguments.resume {
        return runtime.block_on(resume(run, &arguments, identity));
    }
    let plan = arguments.scenario.context("a scenario is needed, or --resume")?.plan(arguments.agents)?;
    anyhow::ensure!(
        plan.scenario().search.is_none(),
        "{} is a capacity search: `roamstorm run` plays its probes, each with a fleet of its own",
        plan.scenario().name
    );
    runtime.block_on(async {
        let target = match &arguments.target[..] {
            [] => String::new(),
            given => sctp::Targets::new(given.to_vec()).context("--target")?.to_string(),
        };
        let ends = arguments.campaign.coordinator_config(arguments.listen, identity, &target);
        let run = RunConfig {
            agents_wanted: usize::from(arguments.agents),
            join_timeout: Duration::from_secs(arguments.join_timeout),
            charging: arguments.charging,
            ..ends.run
        };
        let coordinator = Coordinator::bind(CoordinatorConfig { run, ..ends }).await?;
        eprintln!("coordinator: waiting on {} for {} agents", coordinator.local_addr(), arguments.agents);
        campaign::conduct(coordinator, plan, &arguments.campaign).await
    })
}

/// Threads that move messages. One carries a thousand agents at less cost, but lets them in more slowly when all come at once.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4)
}

async fn resume(run: &Path, arguments: &Arguments, identity: Identity) -> Result<Exit, Error> {
    let folder = crate::runs::find(run, arguments.campaign.out())?;
    let ends = arguments.campaign.coordinator_config(arguments.listen, identity, "");
    let (coordinator, plan) = Coordinator::resume(ends, &folder).await.map_err(exit::of_coordinator)?;
    eprintln!("coordinator: took up {} on {}", folder.display(), coordinator.local_addr());
    campaign::conduct(coordinator, plan, &arguments.campaign).await
}
