//! The network side of a run, where it is ours or has left a ledger: it is closed when the agents have gone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use results::{NetworkEvents, TimedEvent};
use serde::Serialize;

use crate::merge::tally;

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

/// The events of a network in the time of a run that started then, UNIX time in µs.
pub(crate) fn timed(
    start_us: u64,
    events: Vec<NetworkEvent>,
    counted: BTreeMap<String, u64>,
) -> NetworkEvents {
    let mut timed = NetworkEvents { by_kind: counted, ..NetworkEvents::default() };
    for event in events {
        tally(&mut timed.by_kind, &event.kind, 1);
        if timed.first.len() < MOST_EVENTS {
            let NetworkEvent { at_us, kind, supi, details } = event;
            timed.first.push(TimedEvent { run_us: at_us.saturating_sub(start_us), kind, supi, details });
        }
    }
    timed
}

/// How [`crate::driver::CoordinatorConfig`] holds it.
pub type SharedNetwork = Arc<dyn NetworkSide>;

const MOST_EVENTS: usize = 200;
