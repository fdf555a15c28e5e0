use anyhow::Error;

use super::scenario::ScenarioArguments;
use crate::exit::Exit;

/// Checks a scenario.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let plan = arguments.scenario.plan()?;
    let plan = plan.describe();
    println!(
        "{}: {} subscribers, {} gNBs, {} cells, seed {}",
        plan.scenario, plan.subscribers, plan.gnbs, plan.cells, plan.seed
    );
    println!(
        "ends after {:.0} s, at the latest after {:.0} s",
        plan.duration.as_secs_f64(),
        plan.longest.as_secs_f64()
    );
    println!();
    println!("{:<32}{:>12}{:>14}{:>10}{:>10}", "load", "attempts", "peak per s", "from", "to");
    for load in &plan.loads {
        println!(
            "{:<32}{:>12}{:>14.1}{:>8.0} s{:>8.0} s",
            load.procedure.as_str(),
            load.planned,
            load.peak_rate_per_s,
            load.starts_after.as_secs_f64(),
            load.ends_after.as_secs_f64()
        );
    }
    println!();
    println!("{:<8}{:>8}{:>14}{:>12}", "shard", "gNBs", "subscribers", "attempts");
    for shard in plan.shards.iter().take(SHARDS_SHOWN) {
        println!("{:<8}{:>8}{:>14}{:>12}", shard.number, shard.gnbs, shard.subscribers, shard.planned);
    }
    if let Some(more) = plan.shards.len().checked_sub(SHARDS_SHOWN).filter(|&more| more > 0) {
        println!("and {more} more");
    }
    Ok(Exit::Pass)
}

const SHARDS_SHOWN: usize = 16;
