use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Error, anyhow, ensure};
use coordinator::{
    Coordinator, CoordinatorConfig, Observed, RunConfig, RunFolder, RunOutcome, SharedNetwork, SpanSink,
};
use scenarios::Plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wire::{Authority, Role};

use super::place::Place;
use super::scenario::ScenarioArguments;
use crate::campaign;
use crate::exit::{Exit, RunInvalid};
use crate::metrics::{Metrics, Seen};
use crate::search;
use crate::spans::Spans;
use crate::target::{Embedded, Target};

/// Runs a scenario on this machine.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    played: Played,
}

/// How a plan is played.
#[derive(clap::Args)]
pub(crate) struct Played {
    /// How many embedded agents.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    agents: u16,
    /// What to signal to: sim: (the embedded simulator; sim:udp or sim:kernel chooses its SCTP), sctp://HOST:38412,
    /// sctp+udp://HOST:9899 or sctp+ip://HOST. Given several times, each gNB has an association with each of these AMFs.
    #[arg(long, value_name = "URL", default_value = "sim:")]
    target: Vec<String>,
    /// The address of the user plane, UDP port 2152: with sim: that of its UPF (default: one of 127.0.0.0/8), with another
    /// --target that of each agent's end (default: the one that reaches the target), which its UPF must be able to reach.
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    gtpu_address: Vec<IpAddr>,
    /// The ledger of the charging function of a --target that is not sim:, read at the end of the run.
    #[arg(long, value_name = "FILE")]
    charging: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    campaign: campaign::Options,
    /// Who is told what can be seen of the run.
    #[arg(skip)]
    observers: Option<watch::Sender<Arc<Observed>>>,
    /// Who makes spans of the run.
    #[arg(skip)]
    sink: Option<Arc<dyn SpanSink>>,
    /// The simulator of the run that is played, or of the last one.
    #[arg(skip)]
    simulator: Simulator,
}

type Simulator = Arc<Mutex<Option<Arc<Embedded>>>>;

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let Arguments { scenario, played: mut arguments } = arguments;
    let granted = arguments.place.check()?;
    let plan = scenario.plan(arguments.agents)?;
    arguments.user_plane(&plan)?;
    if !arguments.is_embedded() {
        campaign::Options::expect_ledger(arguments.charging.as_deref());
        arguments.expect_target(&plan)?;
    }
    let needs = plan.memory();
    let here = if arguments.is_embedded() { needs.simulator } else { 0 };
    super::have_memory(needs.agents.saturating_add(here), "the run")?;
    let agents = usize::from(arguments.agents);
    super::have_threads(THREADS + agents * campaign::workers_for(agents, granted))?;
    let runtime = super::runtime(2)?;
    runtime.block_on(arguments.campaign.artifacts.check())?;
    arguments.observers = arguments.campaign.metrics.observers();
    let metrics = Metrics::open(&arguments.campaign.metrics, "run", None, arguments.seen())?;
    let spans = Spans::open(&arguments.campaign.spans)?;
    arguments.sink = spans.sink();
    runtime.block_on(async {
        let ended = conduct(plan, &arguments).await;
        spans.finish().await;
        metrics.last_look().await;
        ended
    })
}

async fn conduct(plan: Plan, arguments: &Played) -> Result<Exit, Error> {
    let folder = arguments.campaign.folder(&plan)?;
    if let Some(search) = plan.scenario().search.clone() {
        let probe = async |plan, folder| embedded(plan, arguments, folder).await;
        let options = &arguments.campaign;
        let found = search::conduct(&plan, &search, &folder, arguments.agents, options, probe).await;
        // A search whose first probe cannot begin leaves nothing; a folder with probes stays.
        return found.inspect_err(|_| drop(std::fs::remove_dir(folder.path())));
    }
    let order = plan.scenario().order();
    let ended = embedded(plan, arguments, folder).await?;
    campaign::finish(&ended, &arguments.campaign, &order).await
}

/// Plays one plan, with a fleet and a target of its own. A run that cannot begin leaves nothing.
pub(crate) async fn embedded(plan: Plan, arguments: &Played, folder: RunFolder) -> Result<RunOutcome, Error> {
    let made = folder.clone();
    play(plan, arguments, folder).await.inspect_err(|_| made.abandon())
}

async fn play(plan: Plan, arguments: &Played, folder: RunFolder) -> Result<RunOutcome, Error> {
    let ends = arguments.user_plane(&plan)?;
    let (priority, granted) = (arguments.place.priority, arguments.place.check()?);
    let target = Target::open(&arguments.target, &plan, &folder, ends.network, priority)?;
    if !arguments.campaign.quiet {
        eprintln!("{}", target.description);
    }
    arguments.simulator.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&target.simulator);
    let authority = Authority::generate("roamstorm embedded fleet")?;
    let host = ["127.0.0.1".to_owned()];
    let agents = usize::from(arguments.agents);
    let identity = authority.issue("coordinator", Role::Coordinator, &host)?;
    let given = arguments.campaign.coordinator_config(([127, 0, 0, 1], 0).into(), identity, &target.url);
    let run = RunConfig {
        agents_wanted: agents,
        folder: Some(folder),
        network: target.simulator.map(|simulator| simulator as SharedNetwork),
        observers: arguments.observers.clone(),
        spans: arguments.sink.clone(),
        agents_inside: true,
        charging: arguments.charging.clone(),
        ..given.run
    };
    let coordinator = Coordinator::bind(CoordinatorConfig { run, ..given }).await?;
    let address = coordinator.local_addr().to_string();
    let mut fleet = JoinSet::new();
    for (number, gtpu_address) in (1..=agents).zip(ends.agents) {
        let name = format!("agent-{number}");
        let identity = authority.issue(&name, Role::Agent, &[])?;
        let config = agent::AgentConfig {
            workers: campaign::workers_for(agents, granted),
            priority,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            gtpu_address,
            // The coordinator is in this process: it does not come back.
            patience: std::time::Duration::from_secs(5),
            ..agent::AgentConfig::new(name, identity, address.clone())
        };
        let (_, interruptions) = tokio::sync::mpsc::unbounded_channel();
        fleet.spawn(agent::run(config, interruptions));
    }
    let ended = campaign::play(coordinator, plan, arguments.campaign.quiet).await;
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

/// Where the user plane's ends are; nothing where they find an address by themselves.
struct Ends {
    network: Option<IpAddr>,
    agents: Vec<Option<IpAddr>>,
}

impl Played {
    /// One agent that plays a probe in a folder of its own, and says nothing of it.
    pub(crate) fn of_probe(target: Vec<String>, gtpu_address: Option<IpAddr>, out: &std::path::Path) -> Self {
        Self {
            agents: 1,
            target,
            gtpu_address: gtpu_address.into_iter().collect(),
            charging: None,
            place: Place { priority: host::Priority::None },
            campaign: campaign::Options::of_probe(out),
            observers: None,
            sink: None,
            simulator: Simulator::default(),
        }
    }

    /// What can be seen of it from outside.
    fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<Seen> =
            self.observers.iter().map(|observers| Seen::Run(observers.subscribe())).collect();
        if self.is_embedded() {
            let simulator = Arc::clone(&self.simulator);
            seen.push(Seen::Simulator(Box::new(move || {
                let simulator = simulator.lock().unwrap_or_else(PoisonError::into_inner).clone();
                simulator.and_then(|simulator| simulator.statistics())
            })));
        }
        seen
    }

    /// Whether the target is the simulator beside the agents.
    fn is_embedded(&self) -> bool {
        self.target.iter().any(|target| target.starts_with("sim:"))
    }

    /// A target that cannot be used is told in one sentence, before there is a run.
    fn expect_target(&self, plan: &Plan) -> Result<(), Error> {
        let addresses: Result<Vec<sctp::Address>, Error> =
            self.target.iter().map(|text| crate::target::elsewhere(text)).collect();
        let plane = if plan.scenario().sessions.is_empty() { &[][..] } else { &self.gtpu_address };
        match doctor::obstacle(&addresses?, &doctor::broadcasts(plan), plane) {
            None => Ok(()),
            Some(obstacle) => Err(Error::new(RunInvalid(anyhow!("{obstacle}")))),
        }
    }

    /// Deals out the addresses, and refuses what cannot work before anything is started.
    fn user_plane(&self, plan: &Plan) -> Result<Ends, Error> {
        let (given, agents) = (&self.gtpu_address, usize::from(self.agents));
        if self.is_embedded() {
            ensure!(
                self.charging.is_none(),
                "--charging is for a --target that is not sim:; the embedded simulator writes its own ledger, charging.csv in the run folder"
            );
            ensure!(
                given.len() < 2,
                "--gtpu-address: the embedded simulator's UPF has one address, {} are given",
                given.len()
            );
            return Ok(Ends { network: given.first().copied(), agents: vec![None; agents] });
        }
        // ::ffff:192.0.2.1 is 192.0.2.1.
        let plain: Vec<IpAddr> = given.iter().map(IpAddr::to_canonical).collect();
        let apart = plain.iter().enumerate().all(|(position, address)| !plain[..position].contains(address));
        ensure!(
            apart,
            "--gtpu-address: each agent needs an address of its own, for all of them use UDP port 2152"
        );
        if !given.is_empty() {
            ensure!(
                given.len() == agents,
                "--gtpu-address: {agents} agents need {agents} addresses, separated by commas; {} are given",
                given.len()
            );
            return Ok(Ends { network: None, agents: given.iter().copied().map(Some).collect() });
        }
        let local = self.target.iter().all(|target| is_on_this_machine(target));
        ensure!(
            agents == 1 || local || plan.scenario().sessions.is_empty(),
            "{agents} agents with sessions need --gtpu-address with {agents} addresses of this machine, separated by commas: all of them use UDP port 2152"
        );
        Ok(Ends { network: None, agents: vec![None; agents] })
    }
}

/// Of the runtime, the coordinator, the simulator and the first agent.
const THREADS: usize = 8;

/// Whether everything that a target's URL names is a loopback address, however it is written.
fn is_on_this_machine(target: &str) -> bool {
    let found = target.parse::<sctp::Address>().ok().and_then(|address| address.resolve().ok());
    found.is_some_and(|found| {
        !found.is_empty() && found.iter().all(|end| end.ip().to_canonical().is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_addresses_not_by_their_text() {
        for here in [
            "sctp+udp://127.0.0.1:9899",
            "sctp+udp://127.9.9.9",
            "sctp://[::1]:38412",
            "sctp+udp://[0:0:0:0:0:0:0:1]:9899",
            "sctp+udp://[::ffff:127.0.0.1]:9899",
        ] {
            assert!(is_on_this_machine(here), "{here}");
        }
        for elsewhere in
            ["sctp+udp://192.0.2.127:9899", "sctp://[2001:db8::127]", "sctp://10.0.0.1?port=127", "nothing"]
        {
            assert!(!is_on_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
