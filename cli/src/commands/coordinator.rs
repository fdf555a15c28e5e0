use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error};
use coordinator::{Coordinator, CoordinatorConfig, Interrupted, RunConfig};
use identity::Membership;
use scenarios::Plan;
use wire::{Identity, Role};

use super::certs::authority::{AuthorityOptions, PolicyOptions};
use super::certs::serve;
use super::scenario::ScenarioArguments;
use crate::exit::{self, Exit};
use crate::metrics::{Metrics, Seen};
use crate::spans::Spans;
use crate::{campaign, times};

/// Coordinates one run of agents that join from elsewhere.
#[derive(clap::Args)]
#[command(mut_arg("scenario", |scenario| scenario.required(false).required_unless_present("resume")))]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: Option<ScenarioArguments>,
    /// Takes up a run whose coordinator has died: its folder, or its name under --out. Everything is as the run was told at its
    /// beginning; --listen and --certs say otherwise where they have moved.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scenario", "target"])]
    resume: Option<PathBuf>,
    /// How many agents to wait for; where not given, as many as the scenario says (agents.min), or 1.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    agents: Option<u16>,
    /// Takes agents of this pool alone (`roamstorm agent --pool`); the scenario's where not given.
    #[arg(long, value_name = "NAME", value_parser = identity::membership::pool)]
    pool: Option<String>,
    /// Takes agents with this label alone; beside those of the scenario. May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = identity::membership::label)]
    labels: Vec<(String, String)>,
    /// What the agents signal to: sctp://HOST:38412, sctp+udp://HOST:9899 or sctp+ip://HOST. Given several times, each gNB has an
    /// association with each of these AMFs.
    #[arg(long, value_name = "URL", required_unless_present = "resume", value_parser = crate::target::url)]
    target: Vec<sctp::Address>,
    /// The address to accept agents on, and the UDP port where that is not 7400. Default: all addresses of this machine.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// The folder of authority.pem, coordinator.pem and coordinator.key (see `roamstorm certs`).
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    certs: Option<PathBuf>,
    /// How long to wait for the agents, such as 90s or 5m.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = times::time)]
    join_timeout: Duration,
    /// The ledger of the target's charging function, read at the end of the run; without it billing is not reconciled.
    #[arg(long, value_name = "FILE")]
    charging: Option<PathBuf>,
    /// Serves enrolment beside the run, at this address (UDP, port 7401 where none is named): agents with a token get their certificates
    /// here. Needs authority.key in the folder of --certs, or --authority-command.
    #[arg(long, value_name = "ADDRESS[:PORT]", num_args = 0..=1, require_equals = true, default_missing_value = "0.0.0.0", value_parser = serve::listen)]
    enrol: Option<SocketAddr>,
    #[command(flatten)]
    policy: PolicyOptions,
    #[command(flatten)]
    authority: AuthorityOptions,
    #[command(flatten)]
    campaign: campaign::Options,
}

/// Serves enrolment for as long as this process lives, where that is asked for.
fn serve_enrolment(arguments: &Arguments, certs: &Path) -> Result<(), Error> {
    if let Some(address) = arguments.enrol {
        let server = serve::open(certs, &arguments.authority, arguments.policy.policy()?, address)?;
        tokio::spawn(server.serve());
    }
    Ok(())
}

/// Which agents the run takes: of the pool that is given, or that the scenario asks for, with the labels of both.
fn agents_like(arguments: &Arguments, plan: &Plan) -> Membership {
    let mut like = plan.scenario().agents.like.clone();
    if let Some(pool) = &arguments.pool {
        like.pool.clone_from(pool);
    }
    like.labels.extend(arguments.labels.iter().cloned());
    like
}

/// Where metrics are wanted, the run tells what can be seen of it.
fn metrics(options: &campaign::Options, run: &mut RunConfig, identity: &Identity) -> Result<Metrics, Error> {
    run.observers = options.metrics.observers();
    let seen = run.observers.iter().map(|observers| Seen::Run(observers.subscribe())).collect();
    Metrics::open(&options.metrics, "coordinator", Some(&identity.clone().into()), seen)
}

pub(crate) fn run(mut arguments: Arguments) -> Result<Exit, Error> {
    campaign::Options::expect_ledger(arguments.charging.as_deref());
    super::have_threads(threads() + 2)?;
    let runtime = super::runtime(threads())?;
    if let Some(run) = arguments.resume.take() {
        return runtime.block_on(resume(&run, &mut arguments));
    }
    let certs = arguments.certs.as_deref().context("--certs is needed")?;
    let identity = identity(certs)?;
    let certs = std::path::absolute(certs).context("--certs")?;
    arguments.campaign.artifacts.sign_as(&certs);
    let scenario = arguments.scenario.as_ref().context("a scenario is needed, or --resume")?;
    let (plan, agents) = scenario.plan_of_fleet(arguments.agents)?;
    anyhow::ensure!(
        plan.scenario().search.is_none(),
        "{} is a capacity search: `roamstorm run` plays its probes, each with a fleet of its own",
        plan.scenario().name
    );
    runtime.block_on(arguments.campaign.artifacts.check())?;
    runtime.block_on(async {
        let target = match &arguments.target[..] {
            [] => String::new(),
            given => sctp::Targets::new(given.to_vec()).context("--target")?.to_string(),
        };
        let ends =
            arguments.campaign.coordinator_config(arguments.listen.unwrap_or(ANYWHERE), identity, &target);
        let like = agents_like(&arguments, &plan);
        let of = if like.is_empty() { String::new() } else { format!(" with {like}") };
        let mut run = RunConfig {
            agents_wanted: usize::from(agents),
            agents_like: like,
            join_timeout: arguments.join_timeout,
            certs: Some(certs),
            charging: arguments.charging.clone(),
            ..ends.run
        };
        serve_enrolment(&arguments, run.certs.as_deref().context("--certs is needed")?)?;
        let metrics = metrics(&arguments.campaign, &mut run, &ends.identity)?;
        let spans = Spans::open(&arguments.campaign.spans)?;
        run.spans = spans.sink();
        let coordinator = Coordinator::bind(CoordinatorConfig { run, ..ends }).await?;
        eprintln!("coordinator: waiting on {} for {agents} agents{of}", coordinator.local_addr());
        let ended = campaign::conduct(coordinator, plan, &arguments.campaign).await;
        spans.finish().await;
        metrics.last_look().await;
        ended
    })
}

/// Threads that move messages. One carries a thousand agents at less cost, but lets them in more slowly when all come at once.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4)
}

async fn resume(run: &Path, arguments: &mut Arguments) -> Result<Exit, Error> {
    let folder = crate::runs::find(run, arguments.campaign.out())?;
    let interrupted = Interrupted::open(&folder).map_err(exit::of_coordinator)?;
    let certs = arguments.certs.as_deref().or_else(|| interrupted.certs());
    let certs = certs.context("--certs is needed: the run does not know where its certificates are")?;
    arguments.campaign.artifacts.sign_as(certs);
    arguments.campaign.artifacts.check().await?;
    let listen = arguments.listen.or_else(|| interrupted.listen()).unwrap_or(ANYWHERE);
    let ends = arguments.campaign.coordinator_config(listen, identity(certs)?, "");
    let mut run = RunConfig { certs: Some(std::path::absolute(certs).context("--certs")?), ..ends.run };
    let metrics = metrics(&arguments.campaign, &mut run, &ends.identity)?;
    let spans = Spans::open(&arguments.campaign.spans)?;
    run.spans = spans.sink();
    serve_enrolment(arguments, certs)?;
    let config = CoordinatorConfig { run, ..ends };
    let (coordinator, plan) = Coordinator::resume(config, interrupted).await.map_err(exit::of_coordinator)?;
    eprintln!("coordinator: took up {} on {}", folder.display(), coordinator.local_addr());
    let ended = campaign::conduct(coordinator, plan, &arguments.campaign).await;
    spans.finish().await;
    metrics.last_look().await;
    ended
}

fn identity(certs: &Path) -> Result<Identity, Error> {
    let identity = Identity::load(certs, Role::Coordinator)?;
    super::say_what_ends_soon(&identity);
    Ok(identity)
}

/// An address with the port of coordinators where none is given.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, wire::PORT));
    }
    text.parse().map_err(|_| {
        "an IP address is accepted, with its port where that is not 7400, such as 0.0.0.0, 192.0.2.7:7401 or [::]:7400"
            .to_owned()
    })
}

/// Where a coordinator listens that is not told where.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), wire::PORT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_coordinators_need_not_be_said() {
        assert_eq!(listen("0.0.0.0"), Ok(ANYWHERE));
        assert_eq!(listen("127.0.0.1:7401"), Ok(([127, 0, 0, 1], 7401).into()));
        assert_eq!(listen("[::1]").unwrap().port(), 7400);
        assert_eq!(listen("::").unwrap().port(), 7400);
        assert!(listen("everywhere").unwrap_err().contains("192.0.2.7:7401"));
    }
}
