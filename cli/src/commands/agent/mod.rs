//! An agent: the process that works, or the supervisor that starts it and watches over it.

mod drain;
mod enrol;
mod supervised;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Error, ensure};
use supervisor::Orders;
use supervisor::spot::Endpoint;
use wire::{Identity, IdentitySlot, Role};

use super::place::Place;
use crate::exit::Exit;
use crate::{help, metrics, times};

/// Joins a coordinator and works until the run is over.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    /// The coordinator's name or address, and its port where that is not 7400.
    #[arg(long, value_name = "HOST[:PORT]", required = true)]
    coordinator: Option<String>,
    /// The folder of authority.pem, agent.pem and agent.key (see `roamstorm certs`), for an agent whose files were copied.
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    #[command(flatten)]
    enrol: enrol::Options,
    /// The name in the report; the host's where none is given.
    #[arg(long)]
    name: Option<String>,
    /// The pool that it belongs to: runs may ask for agents of one.
    #[arg(long, value_name = "NAME", value_parser = identity::membership::pool)]
    pool: Option<String>,
    /// What else it is or has, such as zone=a: runs may ask for that, too. May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = identity::membership::label)]
    labels: Vec<(String, String)>,
    /// Worker threads; one for each core where not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    #[command(flatten)]
    place: Place,
    /// The address of this agent's end of the user plane (GTP-U, UDP port 2152). Default: the one that reaches the
    /// target; on loopback one of its own.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<std::net::IpAddr>,
    /// Takes part in one run after the other, and waits for a coordinator that is not there yet.
    #[arg(long)]
    stay: bool,
    /// Where reports wait that memory does not hold while the coordinator is away. Default: the folder for temporary files.
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// How much of that folder reports may take, MiB; 0 for nothing.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    spool_limit: u64,
    /// How long the coordinator may be away once no lease is valid any more, such as 90s or 10m.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = times::time)]
    patience: Duration,
    /// Works in a child process that is watched over: its death is told at once, and it is started again.
    #[arg(long)]
    supervised: bool,
    /// Leaves when EC2's metadata service (IMDSv2) says that this host is to be taken away.
    #[arg(long, requires = "supervised")]
    spot: bool,
    /// Another metadata service than EC2's own, for --ec2 and --spot; with --supervised it implies --spot.
    #[arg(long, value_name = "URL")]
    metadata: Option<Endpoint>,
    /// Stays when the metadata service merely recommends to rebalance.
    #[arg(long, requires = "supervised")]
    ignore_rebalance: bool,
    #[command(flatten)]
    metrics: metrics::Endpoint,
    /// Serves the supervisor's own metrics at this address; --metrics is its agent's.
    #[arg(
        long,
        value_name = "ADDRESS:PORT|off",
        env = "ROAMSTORM_SUPERVISOR_METRICS",
        hide_env_values = true
    )]
    #[arg(requires = "supervised", value_parser = metrics::place)]
    supervisor_metrics: Option<metrics::Where>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the agent of this host hand over its shards and leave, and wait until it has left.
    #[command(after_help = help::DRAIN)]
    Drain(drain::Arguments),
}

pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    if let Some(Command::Drain(arguments)) = &arguments.command {
        return drain::run(arguments);
    }
    // Before any other thread is there: an agent's child begins with the orders of its supervisor.
    let orders = Orders::from_supervisor().context("taking orders from the supervisor")?;
    match orders {
        None if arguments.supervised => supervised::run(arguments),
        orders => work::run(arguments, orders),
    }
}

/// Name, certificate and coordinator.
fn who_and_where(arguments: &Arguments) -> Result<Who, Error> {
    let coordinator = arguments.coordinator.clone().context("--coordinator is required")?;
    ensure!(
        arguments.metadata.is_none() || arguments.supervised || arguments.enrol.is_ec2(),
        "--metadata is for --ec2, and for --supervised with --spot"
    );
    let name = arguments.name.clone().unwrap_or_else(super::host_name);
    if let Some(certs) = &arguments.certs {
        let identity = Identity::load(certs, Role::Agent)?;
        super::say_what_ends_soon(&identity);
        return Ok(Who { name, pool: None, slot: identity.into(), joined: None, coordinator });
    }
    let joined = enrol::join(&enrol::Asking {
        options: &arguments.enrol,
        coordinator: &coordinator,
        name: &name,
        pool: arguments.pool.as_deref().unwrap_or_default(),
        metadata: arguments.metadata.clone().unwrap_or_else(Endpoint::of_ec2),
        stay: arguments.stay,
    })?;
    let joined = joined.context(
        "an agent needs a join token (--token-file FILE, or ROAMSTORM_TOKEN; `roamstorm certs DIR token create` makes one), --ec2, or copied files (--certs DIR)",
    )?;
    let (name, pool, slot) = (joined.name.clone(), joined.pool.clone(), joined.identity.clone().into());
    Ok(Who { name, pool, slot, joined: Some(joined), coordinator })
}

/// Who an agent is, and where it goes.
struct Who {
    name: String,
    /// Of its certificate.
    pool: Option<String>,
    slot: IdentitySlot,
    /// It enrolled: its certificate is renewed.
    joined: Option<enrol::Joined>,
    coordinator: String,
}

/// Where `roamstorm agent drain` finds us; without it everything else works.
fn control(name: &str) -> Option<supervisor::control::Control> {
    let folder = supervisor::control::folder();
    supervisor::control::Control::open(&folder, name)
        .inspect_err(|error| {
            tracing::warn!("`roamstorm agent drain` will not work: {}: {error}", folder.display())
        })
        .ok()
}
