use anyhow::{Context, Error};
use simulator::Simulator;

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
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let plan = arguments.scenario.plan()?;
    let simulator = Simulator::start(plan.scenario(), plan.seed(), &arguments.listen)?;
    eprintln!(
        "simulator: {} subscribers, listening on {}",
        plan.scenario().subscriber_count(),
        simulator.address()
    );
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(super::interrupted());
    let statistics = simulator.stop();
    println!("{statistics:#?}");
    Ok(Exit::Pass)
}
