use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Error};
use coordinator::units::{count, decimal_octets};
use simulator::{NetworkStatistics, Simulator, SimulatorOptions};

use super::scenario::ScenarioArguments;
use crate::exit::Exit;

/// Serves the core simulator until Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Where to listen: sctp://ADDRESS:38412, sctp+udp://ADDRESS:9899 or sctp+ip://ADDRESS.
    #[arg(long, value_name = "URL", default_value = "sctp+udp://127.0.0.1:9899")]
    listen: sctp::Address,
    /// The address of its UPF on N3, UDP port 2152; gNBs send there what their UEs send. Default: that of --listen, or
    /// one of 127.0.0.0/8 when that is no address for others.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<IpAddr>,
    /// Where its charging records go, as CSV. What a run leaves open is charged 5 s after its last gNB has gone; FILE.state
    /// beside it says whether the ledger is complete, charging-faults.csv what was done wrong on purpose.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let plan = arguments.scenario.plan(1)?;
    super::have_memory(plan.memory().simulator, "the simulator")?;
    let options = SimulatorOptions {
        gtpu_address: arguments.gtpu_address,
        ledger: arguments.ledger.clone(),
        says_completeness: true,
        start: None,
    };
    let simulator = Simulator::start(plan.scenario(), plan.seed(), &arguments.listen, &options)?;
    eprintln!(
        "simulator: {} subscribers, listening on {}, UPF at {}",
        plan.scenario().subscriber_count(),
        simulator.address(),
        simulator.gtpu_address()
    );
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(super::interrupted());
    let statistics = simulator.stop();
    tracing::info!("{statistics:?}");
    print(&statistics);
    if let Some(error) = statistics.ledger.and_then(|ledger| ledger.error) {
        anyhow::bail!("the charging records are not whole: {error}");
    }
    Ok(Exit::Pass)
}

/// What it served; all of its counters are in the log at level info.
fn print(statistics: &NetworkStatistics) {
    let NetworkStatistics { amf, upf, charging, .. } = statistics;
    println!(
        "registrations {} accepted, service requests {}, deregistrations {}; registered at the end {}",
        count(amf.registrations_accepted),
        count(amf.services_accepted),
        count(amf.deregistrations),
        amf.registered
    );
    println!(
        "sessions {}; {} from UEs in {} packets, {} to UEs in {} packets",
        count(upf.sessions_made),
        decimal_octets(upf.uplink_octets as f64),
        count(upf.uplink_packets),
        decimal_octets(upf.downlink_octets as f64),
        count(upf.downlink_packets)
    );
    for (kind, n) in upf.not_taken() {
        println!("  {} × {kind}", count(n));
    }
    println!("charged {} {} in {} records", charging.amount, charging.currency, count(charging.records));
    for (fault, n) in &charging.faults {
        println!("  {n} × {} on purpose", fault.as_str());
    }
    let turned = &statistics.turned;
    for (n, what) in [
        (turned.never_set_up, "associations ended because NG was not set up in time"),
        (turned.beyond_share, "associations ended because their address had its share"),
        (turned.not_ngap, "messages that were not NGAP ignored"),
    ] {
        if n > 0 {
            println!("{} {what}", count(n));
        }
    }
    if let Some(ledger) = &statistics.ledger {
        println!("ledger: {}", ledger.path.display());
    }
}
