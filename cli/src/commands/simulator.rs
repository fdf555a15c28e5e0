mod summary;
mod view;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error};
use simulator::amf::AmfPlace;
use simulator::{Simulator, SimulatorOptions};

use super::place::Place;
use super::scenario::ScenarioArguments;
use crate::exit::Exit;
use crate::metrics::{self, Metrics, Seen};

/// Serves the core simulator until Ctrl-C.
#[derive(clap::Args)]
#[command(mut_arg("duration", |duration| duration.hide(true)))]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Where to listen: sctp://ADDRESS:38412, sctp+udp://ADDRESS:9899 or sctp+ip://ADDRESS.
    #[arg(long, value_name = "URL", default_value = "sctp+udp://127.0.0.1:9899", value_parser = crate::target::url)]
    listen: sctp::Address,
    /// The address of its UPF on N3, UDP port 2152; gNBs send there what their UEs send. Default: that of --listen, or
    /// one of 127.0.0.0/8 when that is no address for others.
    #[arg(long, value_name = "IP")]
    gtpu_address: Option<IpAddr>,
    /// Its AMF Set ID. Where a run has several simulators for its AMFs, each needs its own (or its own --amf-pointer): by it a
    /// UE's 5G-GUTI names the AMF that knows the UE.
    #[arg(long, value_name = "0..1023", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    amf_set: u16,
    /// Its AMF Pointer: AMFs of one set differ in it.
    #[arg(long, value_name = "0..63", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..64))]
    amf_pointer: u8,
    /// Its relative AMF capacity: of several AMFs, one with twice as much gets twice as many UEs.
    #[arg(long, value_name = "0..255", default_value_t = 255)]
    amf_capacity: u8,
    /// Where its charging records go, as CSV. What a run leaves open is charged 5 s after its last gNB has gone; FILE.state
    /// beside it says whether the ledger is complete, charging-faults.csv what was done wrong on purpose.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// At the end, prints every counter as JSON on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    metrics: metrics::Endpoint,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    arguments.place.check()?;
    let (plan, seed) = arguments.scenario.network()?;
    super::have_memory(plan.memory().simulator, "the simulator")?;
    let scenario = plan.scenario();
    let options = SimulatorOptions {
        gtpu_address: arguments.gtpu_address,
        ledger: arguments.ledger.clone(),
        says_completeness: true,
        start: None,
        priority: arguments.place.priority,
        late: Some(scenario.generator.late),
        amf: AmfPlace {
            set: arguments.amf_set,
            pointer: arguments.amf_pointer,
            capacity: arguments.amf_capacity,
        },
    };
    let simulator = Simulator::start(scenario, seed, &arguments.listen, &options)?;
    eprintln!(
        "simulator: {} subscribers, listening on {}, UPF at {}",
        scenario.subscriber_count(),
        simulator.address(),
        simulator.gtpu_address()
    );
    let simulator = Arc::new(simulator);
    let seen = Arc::downgrade(&simulator);
    let look = move || seen.upgrade().map(|simulator| simulator.statistics());
    let seen = vec![Seen::Simulator(Box::new(look))];
    let metrics = Metrics::open(&arguments.metrics.alone(), "simulator", None, seen)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(watch(&simulator));
    metrics.close();
    let simulator = Arc::into_inner(simulator).context("the simulator is still looked at")?;
    let statistics = simulator.stop();
    tracing::info!("{statistics:?}");
    if arguments.json {
        // gNBs chose some of the names in it.
        crate::stdout::json(&summary::json(&statistics).to_string());
    } else {
        for line in summary::text(&statistics).lines() {
            println!("{line}");
        }
    }
    if let Some(error) = statistics.ledger.and_then(|ledger| ledger.error) {
        anyhow::bail!("the charging records are not whole: {error}");
    }
    Ok(Exit::Pass)
}

/// Shows what it serves until it is interrupted.
async fn watch(simulator: &Simulator) {
    let mut view = view::View::new();
    let mut ticks = tokio::time::interval(LOOK);
    let interrupted = super::interrupted();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => break,
            _ = ticks.tick() => view.show(&simulator.statistics()),
        }
    }
    view.close();
}

const LOOK: Duration = Duration::from_secs(1);
