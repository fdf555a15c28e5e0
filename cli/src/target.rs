//! What the agents of an embedded run signal to, and the simulator where it is ours.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Error, ensure};
use coordinator::{NetworkClosed, NetworkEvent, NetworkServed, NetworkSide, RunFolder};
use scenarios::Plan;
use simulator::amf::{Event, Noticed, Statistics};
use simulator::{NetworkStatistics, Simulator, SimulatorOptions};

/// What the agents signal to.
pub(crate) struct Target {
    /// Where they connect.
    pub(crate) url: String,
    /// For the operator.
    pub(crate) description: String,
    /// The simulator, to be closed when the agents have gone.
    pub(crate) simulator: Option<Arc<Embedded>>,
}

impl Target {
    /// Opens the target of a URL, or those of several; a simulator writes its ledger into the run folder.
    pub(crate) fn open(
        urls: &[String],
        plan: &Plan,
        folder: &RunFolder,
        gtpu_address: Option<IpAddr>,
        priority: host::Priority,
    ) -> Result<Self, Error> {
        let [url] = urls else { return Self::elsewhere(urls) };
        let Some(transport) = url.strip_prefix("sim:") else { return Self::elsewhere(urls) };
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
        let late = Some(plan.scenario().generator.late);
        let options =
            SimulatorOptions { gtpu_address, ledger, priority, late, ..SimulatorOptions::default() };
        let simulator = Simulator::start(plan.scenario(), plan.seed(), &listen.parse()?, &options)?;
        let url = simulator.address().to_string();
        let why = match sctp::pick() {
            sctp::Transport::Kernel => "",
            _ if transport.is_empty() => " (this kernel has no SCTP, so it is spoken in UDP)",
            _ => "",
        };
        let description = format!("target: embedded simulator at {url}{why}");
        let simulator = Embedded(Mutex::new(Stage::Serves(simulator)));
        Ok(Self { url, description, simulator: Some(Arc::new(simulator)) })
    }
}

impl Target {
    /// AMFs that are elsewhere.
    fn elsewhere(urls: &[String]) -> Result<Self, Error> {
        ensure!(
            urls.iter().all(|url| !url.starts_with("sim:")),
            "--target sim: is the embedded simulator, which stands alone: leave the other targets out"
        );
        let addresses: Result<Vec<sctp::Address>, Error> = urls.iter().map(|text| elsewhere(text)).collect();
        let targets = sctp::Targets::new(addresses?).context("--target")?;
        let what = if urls.len() > 1 { "targets" } else { "target" };
        let description = format!("{what}: {}", targets.to_string().replace(' ', ", "));
        Ok(Self { url: targets.to_string(), description, simulator: None })
    }
}

/// The address of something that is elsewhere; what is within a process is no target for another one.
pub(crate) fn url(text: &str) -> Result<sctp::Address, String> {
    let address: sctp::Address = text.parse().map_err(|error: sctp::AddressError| error.to_string())?;
    if address.transport() == sctp::Transport::Memory {
        return Err(format!(
            "`{text}`: sctp://HOST[:38412], sctp+udp://HOST[:9899] and sctp+ip://HOST[:38412] are accepted"
        ));
    }
    Ok(address)
}

/// [`url`] for `run`, which has a simulator of its own.
pub(crate) fn elsewhere(text: &str) -> Result<sctp::Address, Error> {
    url(text).map_err(|why| anyhow::anyhow!("--target: {why}; or sim:, the embedded simulator"))
}

/// The simulator beside the agents.
pub(crate) struct Embedded(Mutex<Stage>);

enum Stage {
    Serves(Simulator),
    Closes,
    Closed(Box<NetworkStatistics>),
}

impl Embedded {
    /// What it counts, or did until it was closed.
    pub(crate) fn statistics(&self) -> Option<NetworkStatistics> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Serves(simulator) => Some(simulator.statistics()),
            Stage::Closes => None,
            Stage::Closed(statistics) => Some((**statistics).clone()),
        }
    }

    fn become_(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), stage)
    }
}

impl NetworkSide for Embedded {
    fn close(&self) -> Result<NetworkClosed, String> {
        let Stage::Serves(simulator) = self.become_(Stage::Closes) else {
            return Err("the simulator is closed already".to_owned());
        };
        let statistics = simulator.stop();
        tracing::info!("simulator: {statistics:?}");
        self.become_(Stage::Closed(Box::new(statistics.clone())));
        left_behind(statistics)
    }
}

fn left_behind(statistics: NetworkStatistics) -> Result<NetworkClosed, String> {
    let counted = counted(&statistics);
    let served = statistics.served;
    let served = served.known.then(|| NetworkServed {
        messages: served.messages,
        late: served.late,
        longest_us: u64::try_from(served.longest.as_micros()).unwrap_or(u64::MAX),
    });
    let ledger = statistics.ledger.ok_or("the simulator wrote no ledger")?;
    if let Some(error) = ledger.error {
        return Err(error);
    }
    let faults = statistics.charging.faults.iter();
    Ok(NetworkClosed {
        charging: Some(ledger.path),
        charging_faults: faults.map(|(fault, n)| (fault.as_str().to_owned(), *n)).collect(),
        counted,
        served,
        events: statistics.amf.noticed.iter().map(told).collect(),
    })
}

/// What tells an operator that something is wrong with a subscriber; all else is traffic.
fn told(noticed: &Noticed) -> NetworkEvent {
    let details = match noticed.event {
        Event::SimSwapDetected => "registers with the keys of another card than before",
        Event::DeviceChanged => "registers with another device than before",
        _ => "",
    };
    NetworkEvent {
        at_us: noticed.at_us,
        kind: noticed.event.as_str().to_owned(),
        supi: noticed.supi.to_string(),
        details: details.to_owned(),
    }
}

/// What the network only counted: events beyond those that were noted, and what its UPF could not take.
fn counted(statistics: &NetworkStatistics) -> BTreeMap<String, u64> {
    let not_taken = statistics.upf.not_taken().map(|(kind, count)| (kind.to_owned(), count));
    only_counted(&statistics.amf).into_iter().chain(not_taken).collect()
}

/// What happened beyond the events that were noted one by one.
fn only_counted(statistics: &Statistics) -> BTreeMap<String, u64> {
    let beyond = |event: &Event| {
        let noted = statistics.noticed.iter().filter(|noticed| noticed.event == *event).count();
        (event.as_str().to_owned(), statistics.events(*event).saturating_sub(noted as u64))
    };
    let events = [Event::SimSwapDetected, Event::DeviceChanged];
    events.iter().map(beyond).filter(|(_, n)| *n > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_with_its_time_and_subscriber_and_not_counted_twice() {
        let supi = "001010000000007".parse().unwrap();
        let noticed = Noticed { at_us: 5, event: Event::SimSwapDetected, supi };
        let told = told(&noticed);
        assert_eq!(
            (told.at_us, told.kind.as_str(), told.supi.as_str()),
            (5, "sim-swap-detected", "001010000000007")
        );
        assert!(!told.details.is_empty());
        let mut statistics = Statistics::default();
        statistics.noticed.push(noticed);
        assert!(only_counted(&statistics).is_empty());
    }
}
