//! The network side of a run, where it is ours or has left a ledger: it is closed when the agents have gone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::charging_ledger::bring;
use crate::driver::Run;

/// The network that the agents of a run signal to, when it is run beside them.
pub trait NetworkSide: Send + Sync {
    /// Closes it, after the last agent has left: charging sessions that are open are closed, and every record is written.
    /// May block. Called once.
    ///
    /// # Errors
    /// Why it did not close as it should. The run's ledger is then not trusted.
    fn close(&self) -> Result<NetworkClosed, String>;
}

/// What a network leaves behind.
#[derive(Clone, Debug, Default)]
pub struct NetworkClosed {
    /// The ledger of its charging function.
    pub charging: Option<PathBuf>,
    /// What it noticed.
    pub events: Vec<NetworkEvent>,
    /// How often it noticed what it only counted, by kind.
    pub counted: BTreeMap<String, u64>,
    /// Sessions that the charging function did wrong on purpose, by fault.
    pub charging_faults: BTreeMap<String, u64>,
    /// Whether it was let run when there was something to do; `None` where it is not known.
    pub served: Option<NetworkServed>,
}

/// How a network beside the agents was served by the machine that it shares with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkServed {
    /// Messages of signalling, both ways.
    pub messages: u64,
    /// Those that waited for a processor longer than an attempt may be late.
    pub late: u64,
    /// The longest such wait, µs.
    pub longest_us: u64,
}

/// Something that the network noticed, such as a SIM swap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkEvent {
    /// UNIX time in µs.
    pub at_us: u64,
    /// What happened: `sim-swap`.
    pub kind: String,
    /// To whom; empty where it is nobody's.
    pub supi: String,
    /// In a sentence.
    pub details: String,
}

/// `summary.network_events`: how many of each kind, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkEvents {
    /// How many there were, by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first of them, with their times in seconds since the start.
    pub first: Vec<TimedEvent>,
}

/// A [`NetworkEvent`] in the time of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimedEvent {
    /// µs since the start.
    pub run_us: u64,
    /// What happened.
    pub kind: String,
    /// To whom.
    pub supi: String,
    /// In a sentence.
    pub details: String,
}

/// What is known of the network side at the end.
#[derive(Default)]
pub(crate) struct Network {
    pub(crate) ledger: Ledger,
    pub(crate) events: NetworkEvents,
    pub(crate) charging_faults: BTreeMap<String, u64>,
    pub(crate) served: Option<NetworkServed>,
}

/// The charging ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// The target is a network that gave us none.
    #[default]
    None,
    /// There should be one, but it cannot be used.
    Unusable(String),
    /// In the run folder.
    Here {
        /// The file.
        path: PathBuf,
        /// Every session that there was is in it, also those that were open at the end.
        complete: bool,
    },
}

impl Run {
    /// Closes the network and brings its ledger into the run folder.
    pub(crate) async fn close_network(&mut self) {
        if let Some(network) = self.config.network.take() {
            let close = move || network.close();
            let closed = match tokio::task::spawn_blocking(close).await {
                Ok(closed) => closed,
                Err(_) => Err("the network side died while it was closed".to_owned()),
            };
            match closed {
                Err(error) => self.network.ledger = Ledger::Unusable(error),
                Ok(closed) => {
                    self.network.charging_faults = closed.charging_faults;
                    self.network.served = closed.served;
                    self.network.events = self.timed(closed.events, closed.counted);
                    if let Some(source) = closed.charging {
                        // It has closed every session before it was closed itself.
                        self.network.ledger = bring(&source, &self.folder.path.join("charging.csv"), true);
                    }
                }
            }
        } else if let Some(source) = self.config.charging.clone() {
            self.network.ledger = self.bring_ledger(source).await;
        }
        let ledger = format!("{:?}", self.network.ledger);
        self.decide("closed the network side", json!({"ledger": ledger}));
    }

    fn timed(&self, events: Vec<NetworkEvent>, counted: BTreeMap<String, u64>) -> NetworkEvents {
        let start = self.core.state().start_wall_us.unwrap_or_default();
        let mut timed = NetworkEvents { by_kind: counted, ..NetworkEvents::default() };
        for event in events {
            crate::merge::tally(&mut timed.by_kind, &event.kind, 1);
            if timed.first.len() < MOST_EVENTS {
                let NetworkEvent { at_us, kind, supi, details } = event;
                timed.first.push(TimedEvent { run_us: at_us.saturating_sub(start), kind, supi, details });
            }
        }
        timed
    }
}

/// How [`crate::CoordinatorConfig`] holds it.
pub type SharedNetwork = Arc<dyn NetworkSide>;

const MOST_EVENTS: usize = 200;
