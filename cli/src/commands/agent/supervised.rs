use anyhow::{Context, Error};
use supervisor::spot::{Endpoint, SpotSettings};
use supervisor::{RestartPolicy, SupervisorConfig};

use super::Arguments;
use crate::exit::Exit;

/// The supervisor of an agent, which is this program again, with the same arguments.
pub(super) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let (name, identity, coordinator) = arguments.who_and_where()?;
    let endpoint = arguments.metadata.or_else(|| arguments.spot.then(Endpoint::of_ec2));
    let spot = endpoint.map(|endpoint| SpotSettings {
        leave_on_rebalance: !arguments.ignore_rebalance,
        ..SpotSettings::new(endpoint)
    });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let ended = runtime.block_on(async {
        let control = super::control(&name);
        let config = SupervisorConfig {
            arguments: std::env::args_os().skip(1).collect(),
            name,
            identity,
            coordinator,
            control,
            spot,
            restarts: RestartPolicy::default(),
        };
        supervisor::supervise(config).await
    })?;
    Ok(Exit::Child(ended.code()))
}
