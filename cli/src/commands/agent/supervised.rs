use anyhow::{Context, Error};
use supervisor::spot::{Endpoint as Metadata, SpotSettings};
use supervisor::{RestartPolicy, Supervised, SupervisorConfig};
use tokio::sync::watch;

use super::Arguments;
use crate::exit::Exit;
use crate::metrics::{Endpoint, Metrics, Seen};

/// The supervisor of an agent, which is this program again, with the same arguments.
pub(super) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let (name, identity, coordinator) = arguments.who_and_where()?;
    let endpoint = arguments.metadata.or_else(|| arguments.spot.then(Metadata::of_ec2));
    let spot = endpoint.map(|endpoint| SpotSettings {
        leave_on_rebalance: !arguments.ignore_rebalance,
        ..SpotSettings::new(endpoint)
    });
    let (told, supervised) = watch::channel(Supervised::default());
    let options = Endpoint::at(arguments.supervisor_metrics).alone();
    let seen = vec![Seen::Supervisor(supervised)];
    let _metrics = Metrics::open(&options, "supervisor", Some(&identity), seen)?;
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
            observers: Some(told),
        };
        supervisor::supervise(config).await
    })?;
    Ok(Exit::Child(ended.code()))
}
