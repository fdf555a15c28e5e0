//! The arguments that name a scenario, shared by the commands that take one.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Error;
use scenarios::{Plan, Scenario};

/// A scenario with its overrides and seed.
#[derive(clap::Args)]
pub(crate) struct ScenarioArguments {
    /// A scenario file, or a name of the catalogue (see `roamstorm catalogue`).
    pub(crate) scenario: OsString,
    /// Overrides a field, such as --set load.0.phases.0.rate=500/s; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    set: Vec<(String, String)>,
    /// Seed of plan, keys, arrivals and radio; the scenario's own, or one drawn and printed, where none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long the run lasts, such as 8h: what the scenario marks with stretch, a hold, or what is steady in it, is made longer or shorter.
    #[arg(long, value_name = "TIME", value_parser = scenarios::parse_duration)]
    duration: Option<Duration>,
}

impl ScenarioArguments {
    pub(crate) fn load(&self) -> Result<Scenario, Error> {
        let scenario = Scenario::load(&self.scenario, &self.set)?;
        let scenario = match self.duration {
            Some(duration) => scenario.lasting(duration)?,
            None => scenario,
        };
        for warning in scenario.warnings() {
            eprintln!("warning: {warning}");
        }
        Ok(scenario)
    }

    /// The network of the scenario, and its seed: what is attempted, and what must hold, are another's.
    pub(crate) fn network(&self) -> Result<(Plan, u64), Error> {
        let scenario = Scenario::load_network(&self.scenario, &self.set)?;
        for warning in scenario.network_warnings() {
            eprintln!("warning: {warning}");
        }
        let seed = self.seed.or(scenario.seed).unwrap_or_else(drawn_seed);
        Ok((Plan::new(Arc::new(scenario), seed, 1)?, seed))
    }

    /// Whether each run of it draws a seed of its own.
    pub(crate) fn draws_seed(&self, scenario: &Scenario) -> bool {
        self.seed.or(scenario.seed).is_none()
    }

    /// Cut into shards for this many agents.
    pub(crate) fn plan(&self, agents: u16) -> Result<Plan, Error> {
        self.cut(self.load()?, agents)
    }

    /// Cut into shards for so many agents as are waited for: those that are given, or that the scenario asks for, or one.
    pub(crate) fn plan_of_fleet(&self, agents: Option<u16>) -> Result<(Plan, u16), Error> {
        let scenario = self.load()?;
        let agents = agents.or(scenario.agents.min).unwrap_or(1);
        Ok((self.cut(scenario, agents)?, agents))
    }

    fn cut(&self, scenario: Scenario, agents: u16) -> Result<Plan, Error> {
        let seed = self.seed.or(scenario.seed).unwrap_or_else(drawn_seed);
        Ok(Plan::new(Arc::new(scenario), seed, u32::from(agents))?)
    }
}

pub(crate) fn path_and_value(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE, such as cells.nodes=4")?;
    Ok((path.to_owned(), value.to_owned()))
}

/// A seed that differs from run to run, short enough to be typed.
fn drawn_seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    scenarios::stream_seed(u64::from(since.subsec_nanos()), &[since.as_secs(), u64::from(std::process::id())])
        % 1_000_000
}
