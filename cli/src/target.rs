//! What the agents of an embedded run signal to, and the simulator where it is ours.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Error, ensure};
use coordinator::{NetworkClosed, NetworkSide, RunFolder, SharedNetwork};
use scenarios::Plan;
use simulator::amf::Event;
use simulator::{NetworkStatistics, Simulator, SimulatorOptions};

/// What the agents signal to.
pub(crate) struct Target {
    /// Where they connect.
    pub(crate) url: String,
    /// For the operator.
    pub(crate) description: String,
    /// The simulator, to be closed when the agents have gone.
    pub(crate) network: Option<SharedNetwork>,
}

impl Target {
    /// Opens the target of a URL; a simulator writes its ledger into the run folder.
    pub(crate) fn open(
        url: &str,
        plan: &Plan,
        folder: &RunFolder,
        gtpu_address: Option<IpAddr>,
    ) -> Result<Self, Error> {
        let Some(transport) = url.strip_prefix("sim:") else {
            let address: sctp::Address = url.parse().with_context(|| format!("--target {url}"))?;
            let description = format!("target: {address}");
            return Ok(Self { url: url.to_owned(), description, network: None });
        };
        let listen = match (transport, sctp::pick()) {
            ("kernel", _) | ("", sctp::Transport::Kernel) => "sctp://127.0.0.1:0",
            ("udp" | "", _) => "sctp+udp://127.0.0.1:0",
            ("ip", _) => "sctp+ip://127.0.0.1",
            _ => {
                ensure!(false, "--target {url}: the simulator has sim:, sim:kernel, sim:udp and sim:ip");
                ""
            }
        };
        let ledger = Some(folder.path().join("charging.csv"));
        let options = SimulatorOptions { gtpu_address, ledger, ..SimulatorOptions::default() };
        let simulator = Simulator::start(plan.scenario(), plan.seed(), &listen.parse()?, &options)?;
        let url = simulator.address().to_string();
        let why = match sctp::pick() {
            sctp::Transport::Kernel => "",
            _ if transport.is_empty() => " (this kernel has no SCTP, so it is spoken in UDP)",
            _ => "",
        };
        let description = format!("target: embedded simulator at {url}{why}");
        Ok(Self { url, description, network: Some(Arc::new(Embedded(Mutex::new(Some(simulator))))) })
    }
}

/// The simulator beside the agents.
struct Embedded(Mutex<Option<Simulator>>);

impl NetworkSide for Embedded {
    fn close(&self) -> Result<NetworkClosed, String> {
        let simulator = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let statistics = simulator.ok_or("the simulator is closed already")?.stop();
        tracing::info!("simulator: {statistics:?}");
        left_behind(statistics)
    }
}

fn left_behind(statistics: NetworkStatistics) -> Result<NetworkClosed, String> {
    let ledger = statistics.ledger.ok_or("the simulator wrote no ledger")?;
    if let Some(error) = ledger.error {
        return Err(error);
    }
    let faults = statistics.charging.faults.iter();
    let noticed = NOTICED.iter().map(|event| (event.as_str().to_owned(), statistics.amf.events(*event)));
    Ok(NetworkClosed {
        charging: Some(ledger.path),
        charging_faults: faults.map(|(fault, n)| (fault.as_str().to_owned(), *n)).collect(),
        counted: noticed.filter(|(_, n)| *n > 0).collect(),
        ..NetworkClosed::default()
    })
}

/// What tells an operator that something is wrong with a subscriber; all else is traffic.
const NOTICED: [Event; 2] = [Event::SimSwapDetected, Event::DeviceChangedIdentity];
