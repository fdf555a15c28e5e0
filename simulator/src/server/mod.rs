//! The thread that serves a core network: SCTP and UDP in, SCTP and UDP out, and time.
#![allow(clippy::disallowed_methods, reason = "the one place of this crate that reads the clock")]

mod campaign;
mod clock;
mod event_loop;
mod ledger;
mod n3;
mod newcomers;
mod served;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use billing::csv::CsvError;
use identity::TeidKey;
use scenarios::{Generator, Scenario};
use sctp::{Address, Endpoint, Options, SctpError, Waker};

use crate::amf::{AmfPlace, Command, Statistics};
use crate::charging::{ChargingSummary, InjectedFault};
use crate::core::Core;
use crate::upf::UpfCounters;
use clock::Clock;
use event_loop::EventLoop;
use ledger::Ledger;
use n3::{N3, own_address};
use newcomers::MOST;
use served::Counter;

pub use ledger::LedgerState;
pub use n3::N3Counters;
pub use newcomers::Turned;
pub use served::Served;

/// A simulator that runs on a thread of its own, named `simulator`. It ends when it is stopped or dropped.
pub struct Simulator {
    address: Address,
    n3: IpAddr,
    control: Sender<Control>,
    waker: Waker,
    statistics: Arc<Mutex<NetworkStatistics>>,
    thread: Option<JoinHandle<()>>,
}

/// How a simulator is to run, beside its scenario.
#[derive(Clone, Debug, Default)]
pub struct SimulatorOptions {
    /// The address of its UPF, UDP port 2152. `None`: where it listens, or, when that is this machine alone, one of
    /// 127/8 that is drawn.
    pub gtpu_address: Option<IpAddr>,
    /// Where its charging records go. `charging-faults.csv` is written beside it at the end.
    pub ledger: Option<PathBuf>,
    /// Beside the ledger a small file says whether it is complete ([`billing::csv::Completeness`]).
    pub says_completeness: bool,
    /// What the time is when it starts; `None` for what the system says. Later steps of the system's clock do not
    /// matter to its records.
    pub start: Option<SystemTime>,
    /// The place in the queue for a processor that its thread asks for.
    pub priority: host::Priority,
    /// A message that waits longer than this because the thread is not let run is late ([`Served::late`]); `None` for what
    /// a scenario allows that says nothing.
    pub late: Option<Duration>,
    /// Which of the AMFs of its target it is. Where there are several, their 5G-GUTIs must tell them apart.
    pub amf: AmfPlace,
}

/// What a simulator counted.
#[derive(Clone, Debug)]
pub struct NetworkStatistics {
    /// Signalling.
    pub amf: Statistics,
    /// User plane.
    pub upf: UpfCounters,
    /// The socket of the user plane.
    pub n3: N3Counters,
    /// Whether its thread was let run when there was something to do.
    pub served: Served,
    /// Associations that could not stay, and what was not NGAP on them.
    pub turned: Turned,
    /// Charging.
    pub charging: ChargingSummary,
    /// What was done wrong with charging records on purpose; empty until the simulator has stopped.
    pub faults_injected: Vec<InjectedFault>,
    /// Where the charging records went.
    pub ledger: Option<LedgerState>,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The address is in use, or its transport does not work here.
    #[error("the simulator cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: Address,
        /// What the transport says, and what it suggests.
        source: SctpError,
    },
    /// The address of its UPF is in use, or not one of this machine.
    #[error("the simulator's UPF cannot have UDP port {port} of {address}", port = gtpu::PORT)]
    UserPlane {
        /// What it was to have.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Charging records cannot be written.
    #[error("the simulator cannot write its charging records")]
    Ledger(#[from] CsvError),
    /// The machine has no thread for it.
    #[error("the simulator has no thread")]
    Thread(#[source] std::io::Error),
}

enum Control {
    Freeze(Duration),
    Command(Command),
    Stop,
}

impl Simulator {
    /// Starts to serve the network of a scenario at an address; port 0 is any free one.
    ///
    /// # Errors
    /// When an address is in use, its transport does not work here, the ledger cannot be written, or no thread starts.
    pub fn start(
        scenario: &Scenario,
        seed: u64,
        listen: &Address,
        options: &SimulatorOptions,
    ) -> Result<Self, SimulatorError> {
        let scenario = Arc::new(scenario.clone());
        let freezes = scenario.network.freezes.iter().map(|freeze| (freeze.at, freeze.for_)).collect();
        Self::serve(listen, options, freezes, |n3| Core::of_place(&scenario, seed, n3, options.amf))
    }

    /// Starts to serve a core network, which is made when the address of its UPF is known. `freezes` are (start,
    /// duration), the start since the first INITIAL UE MESSAGE.
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub fn serve(
        listen: &Address,
        simulator: &SimulatorOptions,
        freezes: Vec<(Duration, Duration)>,
        make: impl FnOnce(IpAddr) -> Core,
    ) -> Result<Self, SimulatorError> {
        let wanted = simulator.gtpu_address.or_else(|| own_address(listen));
        let n3 = N3::bind(wanted).map_err(|source| {
            let address = wanted.map_or_else(|| "127.0.0.0/8".to_owned(), |address| address.to_string());
            SimulatorError::UserPlane { address, source }
        })?;
        let n3_address = n3.address();
        let ledger =
            simulator.ledger.as_deref().map(|path| Ledger::create(path, simulator.says_completeness));
        let ledger = ledger.transpose()?;
        let clock = Clock::starting(simulator.start);
        let mut core = make(n3_address);
        core.upf.draw_teids_by(secret_teids());
        let statistics = Arc::new(Mutex::new(statistics(&core, &n3, ledger.as_ref())));
        let (control, controls) = mpsc::channel();
        let (started, outcome) = mpsc::sync_channel(1);
        let (published, address) = (Arc::clone(&statistics), listen.clone());
        let (priority, late) =
            (simulator.priority, simulator.late.unwrap_or_else(|| Generator::default().late));
        let body = move || {
            let _place = host::take(priority, host::Role::Target);
            let served = Counter::of_this_thread(late);
            match Endpoint::listen(&address, &options(priority)) {
                Err(source) => drop(started.send(Err(SimulatorError::Listen { address, source }))),
                Ok(endpoint) => {
                    if started.send(Ok((endpoint.local_address(), endpoint.waker()))).is_ok() {
                        EventLoop::new(
                            core,
                            (endpoint, n3, ledger),
                            clock,
                            freezes,
                            controls,
                            (published, served),
                        )
                        .run();
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(body);
        let thread = thread.map_err(SimulatorError::Thread)?;
        let died = |_| SimulatorError::Thread(std::io::Error::other("it ended before it served"));
        let (address, waker) = outcome.recv().map_err(died)??;
        Ok(Self { address, n3: n3_address, control, waker, statistics, thread: Some(thread) })
    }

    /// Where gNBs connect to it, with its real port.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// Where its UPF is.
    pub fn gtpu_address(&self) -> IpAddr {
        self.n3
    }

    /// From now on it serves no signalling, for so long; what comes meanwhile is served afterwards. Traffic goes on.
    pub fn freeze(&self, for_: Duration) {
        self.send(Control::Freeze(for_));
    }

    /// Has the network side start something.
    pub fn command(&self, command: Command) {
        self.send(Control::Command(command));
    }

    /// What it counted, a tenth of a second ago or less unless it is frozen.
    pub fn statistics(&self) -> NetworkStatistics {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all associations gracefully, charges what is still open, and ends the thread. The final statistics.
    pub fn stop(mut self) -> NetworkStatistics {
        self.end();
        self.statistics()
    }

    fn send(&self, control: Control) {
        // Without a thread nobody takes it.
        let _ = self.control.send(control);
        self.waker.wake();
    }

    fn end(&mut self) {
        self.send(Control::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic was printed by its own thread; the statistics until then are kept.
            let _ = thread.join();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.end();
    }
}

fn statistics(core: &Core, n3: &N3, ledger: Option<&Ledger>) -> NetworkStatistics {
    NetworkStatistics {
        amf: core.statistics(),
        upf: core.upf.counters(),
        n3: n3.counters(),
        served: Served::default(),
        turned: Turned::default(),
        charging: core.chf.summary(),
        faults_injected: Vec::new(),
        ledger: ledger.map(|ledger| ledger.state().clone()),
    }
}

/// TEIDs that nobody outside can tell: of this process alone, whatever the seed.
fn secret_teids() -> TeidKey {
    let random = RandomState::new();
    let mut secret = [0; 32];
    for (n, word) in secret.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&random.hash_one(n).to_le_bytes());
    }
    TeidKey::of_secret(&secret)
}

fn options(priority: host::Priority) -> Options {
    Options { max_associations: MOST, priority: (priority, host::Role::Target), ..Options::default() }
}
