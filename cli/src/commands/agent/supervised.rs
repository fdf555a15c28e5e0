use anyhow::{Context, Error};
use supervisor::spot::{Endpoint as Metadata, SpotSettings};
use supervisor::{RestartPolicy, Supervised, SupervisorConfig};
use tokio::sync::watch;

use super::{Arguments, Who, who_and_where};
use crate::exit::Exit;
use crate::metrics::{Endpoint, Metrics, Seen};

/// The supervisor of an agent, which is this program again, with the same arguments.
pub(super) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let Who { name, slot, joined, coordinator, .. } = who_and_where(&arguments)?;
    // The child renews it.
    let slot = joined.map_or(slot, |joined| joined.following());
    let endpoint = arguments.metadata.or_else(|| arguments.spot.then(Metadata::of_ec2));
    let spot = endpoint.map(|endpoint| SpotSettings {
        leave_on_rebalance: !arguments.ignore_rebalance,
        ..SpotSettings::new(endpoint)
    });
    let (told, supervised) = watch::channel(Supervised::default());
    let options = Endpoint::at(arguments.supervisor_metrics).alone();
    let seen = vec![Seen::Supervisor(supervised)];
    let _metrics = Metrics::open(&options, "supervisor", Some(&slot), seen)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let ended = runtime.block_on(async {
        let control = super::control(&name);
        let config = SupervisorConfig {
            arguments: std::env::args_os().skip(1).collect(),
            name,
            identity: slot,
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
