use anyhow::{Context, Error, ensure};
use coordinator::{Coordinator, CoordinatorConfig};
use scenarios::Plan;
use simulator::{Simulator, SimulatorOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;
use wire::{Authority, Role};

use super::scenario::ScenarioArguments;
use crate::campaign;
use crate::exit::Exit;

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
    let target = Target::open(&arguments.target, &plan)?;
    eprintln!("{}", target.description);
    let authority = Authority::generate("roamstorm embedded fleet")?;
    let host = ["127.0.0.1".to_owned()];
    let agents = usize::from(arguments.agents);
    let identity = authority.issue("coordinator", Role::Coordinator, &host)?;
    let coordinator = Coordinator::bind(CoordinatorConfig {
        agents_wanted: agents,
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
    if let Some(simulator) = target.simulator {
        tracing::info!("simulator: {:?}", simulator.stop());
    }
    ended
}

/// What the agents signal to, and the simulator where it is ours.
struct Target {
    url: String,
    description: String,
    simulator: Option<Simulator>,
}

impl Target {
    fn open(url: &str, plan: &Plan) -> Result<Self, Error> {
        let Some(transport) = url.strip_prefix("sim:") else {
            let address: sctp::Address = url.parse().with_context(|| format!("--target {url}"))?;
            let description = format!("target: {address}");
            return Ok(Self { url: url.to_owned(), description, simulator: None });
        };
        let listen = match (transport, sctp::pick()) {
            ("kernel", _) | ("", sctp::Transport::Kernel) => "sctp://127.0.0.1:0",
            ("udp" | "", _) => "sctp+udp://127.0.0.1:0",
            ("ip", _) => "sctp+ip://127.0.0.1",
            _ => {
                ensure!(false, "--target {url}: the simulator has sim:, sim:kernel, sim:udp and sim:ip");
                ""
            }
        };
        let simulator =
            Simulator::start(plan.scenario(), plan.seed(), &listen.parse()?, &SimulatorOptions::default())?;
        let url = simulator.address().to_string();
        let why = match sctp::pick() {
            sctp::Transport::Kernel => "",
            _ if transport.is_empty() => " (this kernel has no SCTP, so it is spoken in UDP)",
            _ => "",
        };
        let description = format!("target: embedded simulator at {url}{why}");
        Ok(Self { url, description, simulator: Some(simulator) })
    }
}
