//! The thread that serves a core network: SCTP and UDP in, SCTP and UDP out, and time.
#![allow(clippy::disallowed_methods, reason = "the one place of this crate that reads the clock")]

mod campaign;
mod clock;
mod ledger;
mod n3;
mod newcomers;
mod served;

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use billing::csv::CsvError;
use identity::TeidKey;
use scenarios::{Generator, Scenario};
use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options, SctpError, Waker};

use crate::amf::{AmfAction, AmfEvent, Command, Statistics};
use crate::charging::{ChargingSummary, InjectedFault};
use crate::core::{Core, Moment, Output};
use crate::upf::UpfCounters;
use campaign::{Campaign, Step};
use clock::Clock;
use ledger::Ledger;
use n3::{N3, own_address};
use newcomers::{MOST, Newcomers};
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
        Self::serve(listen, options, freezes, |n3| Core::of(&scenario, seed, n3))
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
                        Server::new(
                            core,
                            (endpoint, n3, ledger),
                            clock,
                            freezes,
                            controls,
                            published,
                            served,
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
        self.tell(Control::Freeze(for_));
    }

    /// Has the network side start something.
    pub fn command(&self, command: Command) {
        self.tell(Control::Command(command));
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

    fn tell(&self, control: Control) {
        // Without a thread there is nobody to tell.
        let _ = self.control.send(control);
        self.waker.wake();
    }

    fn end(&mut self) {
        self.tell(Control::Stop);
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

/// What the thread owns.
struct Server {
    core: Core,
    endpoint: Endpoint,
    n3: N3,
    ledger: Option<Ledger>,
    clock: Clock,
    campaign: Campaign,
    /// In the order of their start.
    freezes: VecDeque<(Duration, Duration)>,
    first_ue: Option<Instant>,
    controls: Receiver<Control>,
    published: Arc<Mutex<NetworkStatistics>>,
    next_publication: Instant,
    /// Something happened since the last publication.
    changed: bool,
    /// When packets were last taken in.
    packets_came: Option<Instant>,
    sends_refused: u64,
    served: Counter,
    open: Vec<AssociationId>,
    newcomers: Newcomers,
    events: Vec<Event>,
    output: Output,
}

impl Server {
    fn new(
        core: Core,
        (endpoint, n3, ledger): (Endpoint, N3, Option<Ledger>),
        clock: Clock,
        mut freezes: Vec<(Duration, Duration)>,
        controls: Receiver<Control>,
        published: Arc<Mutex<NetworkStatistics>>,
        served: Counter,
    ) -> Self {
        freezes.sort_unstable();
        Self {
            core,
            endpoint,
            n3,
            ledger,
            campaign: Campaign::Over,
            freezes: freezes.into(),
            first_ue: None,
            controls,
            published,
            next_publication: clock.moment().now,
            changed: true,
            packets_came: None,
            clock,
            sends_refused: 0,
            served,
            open: Vec::new(),
            newcomers: Newcomers::default(),
            events: Vec::new(),
            output: Output::default(),
        }
    }

    fn run(mut self) {
        if let Err(error) = self.endpoint.watch(self.n3.socket()) {
            tracing::error!(%error, "the user plane's socket cannot be watched; the simulator serves none");
        }
        loop {
            let now = self.clock.moment().now;
            let deadline = self.deadline(now).min(self.rest_of_packets(now));
            let due = self.core.next_send().filter(|due| *due >= deadline);
            if let Err(error) = self.endpoint.wait_until_due(due, deadline, &mut self.events) {
                tracing::error!(%error, "the simulator's endpoint failed; it stops serving");
                break;
            }
            // A freeze comes before what has just arrived.
            if !self.obey() {
                break;
            }
            self.turn();
            if let Some(for_) = self.freeze_due(self.clock.moment().now)
                && !self.frozen(for_)
            {
                break;
            }
        }
        self.close();
    }

    /// Takes in what arrived, runs the timers, sends what is due.
    fn turn(&mut self) {
        self.changed |= !self.events.is_empty();
        // Packets first: what was sent before an event has arrived before it, and counts before it.
        self.take_packets();
        for (number, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            if number % EVENTS_BETWEEN_PACKETS == EVENTS_BETWEEN_PACKETS - 1 {
                self.take_packets();
            }
            self.take(event);
        }
        let at = self.clock.moment();
        self.changed |= self.core.next_deadline().is_some_and(|due| due <= at.now);
        self.core.advance(at, &mut self.output);
        self.carry_out(at.now);
        if self.first_ue.is_none() && self.core.amf.has_heard_of_a_ue() {
            self.first_ue = Some(at.now);
        }
        self.look_at_campaign(at);
        self.served.turn();
        if at.now >= self.next_publication {
            self.newcomers.end_overdue(&self.core.amf, &mut self.endpoint, at.now);
            if std::mem::take(&mut self.changed) {
                self.publish();
            }
            self.next_publication = at.now + PUBLICATION;
        }
    }

    /// What a run has left open is charged when its gNBs have gone, and the ledger is complete then.
    fn look_at_campaign(&mut self, at: Moment) {
        let (gnbs, owes) = (self.core.amf.has_gnbs(), self.core.chf.owes_records());
        let step = self.campaign.look(at.now, gnbs, owes);
        if step == Some(Step::Ended) && owes {
            self.core.end_campaign(at, &mut self.output);
            self.carry_out(at.now);
        }
        if let (Some(step), Some(ledger)) = (step, &mut self.ledger) {
            ledger.campaign(step == Step::Ended, at.wall_us, self.core.chf.faults_injected());
        }
    }

    fn take_packets(&mut self) {
        let (at, core) = (self.clock.moment(), &mut self.core);
        let came = self.n3.drain(|from, octets| core.received(at, from, octets));
        if came {
            (self.changed, self.packets_came) = (true, Some(at.now));
        }
    }

    fn take(&mut self, event: Event) {
        let at = self.clock.moment();
        match event {
            Event::Up { id, peer, .. } if !self.newcomers.up(id, peer.ip(), at.now) => {
                self.open.push(id);
                self.endpoint.abort(id, at.now);
                tracing::warn!(%peer, "association ended: its address has its share of them");
            }
            Event::Up { id, streams_out, .. } => {
                self.open.push(id);
                let event = AmfEvent::AssociationUp { association: id.0, streams_out };
                self.core.handle(at, event, &mut self.output);
            }
            Event::Received { id, stream, ppid, payload, .. } if ppid == NGAP_PPID => {
                self.served.message();
                let event = AmfEvent::Received { association: id.0, stream, octets: &payload };
                self.core.handle(at, event, &mut self.output);
            }
            Event::Received { id, ppid, .. } => {
                self.newcomers.turned.not_ngap += 1;
                tracing::warn!(association = id.0, ppid, "not NGAP; ignored");
            }
            Event::Down { id, reason } => {
                tracing::info!(association = id.0, %reason, "association down");
                self.open.retain(|open| *open != id);
                self.newcomers.down(id);
                let event = AmfEvent::AssociationDown { association: id.0 };
                self.core.handle(at, event, &mut self.output);
            }
        }
    }

    fn carry_out(&mut self, now: Instant) {
        for action in self.output.signalling.drain(..) {
            match action {
                AmfAction::Send { association, stream, octets } => {
                    self.served.message();
                    let sent = self.endpoint.send(AssociationId(association), stream, NGAP_PPID, octets);
                    self.sends_refused += u64::from(sent.is_err());
                }
                AmfAction::Close { association } => self.endpoint.shutdown(AssociationId(association), now),
            }
        }
        self.n3.send(self.output.datagrams.drain(..));
        self.write_records();
    }

    fn write_records(&mut self) {
        let at = self.clock.moment();
        let records = self.core.take_records(at.wall_us);
        match &mut self.ledger {
            Some(ledger) => ledger.write(at.now, records),
            None => records.for_each(drop),
        }
    }

    /// Until when nothing is to be done.
    fn deadline(&self, now: Instant) -> Instant {
        let freeze = self.first_ue.zip(self.freezes.front()).map(|(first, (at, _))| first + *at);
        let all = self.core.next_deadline().into_iter().chain(freeze);
        let publication = self.changed.then_some(self.next_publication);
        let all = all.chain(self.campaign.deadline()).chain(publication);
        all.chain([now + IDLE]).min().unwrap_or(now)
    }

    /// When packets are to be looked for. While many come, every few milliseconds, so that one turn takes many; else the
    /// endpoint says when one comes.
    fn rest_of_packets(&mut self, now: Instant) -> Instant {
        if self.n3.is_behind() {
            return now + PACKETS;
        }
        match self.packets_came.map(|came| came + PACKETS).filter(|soon| *soon > now) {
            Some(soon) => soon,
            None if self.endpoint.arm().is_err() => now + PACKETS,
            None => now + IDLE,
        }
    }

    /// While no signalling is served nobody says when packets arrive.
    fn packets_looked_for(&self, now: Instant) -> Instant {
        let often = self.core.upf.sessions() > 0 || self.n3.is_behind();
        now + if often { PACKETS } else { PUBLICATION }
    }

    fn freeze_due(&mut self, now: Instant) -> Option<Duration> {
        let (first, (at, for_)) = self.first_ue.zip(self.freezes.front().copied())?;
        if now < first + at {
            return None;
        }
        self.freezes.pop_front();
        // One that started late ends when it was to end.
        Some((first + at + for_).saturating_duration_since(now))
    }

    /// Does what it was told. `false` to stop.
    fn obey(&mut self) -> bool {
        while let Ok(control) = self.controls.try_recv() {
            match control {
                Control::Freeze(for_) if !self.frozen(for_) => return false,
                Control::Freeze(_) => {}
                Control::Command(command) => {
                    let at = self.clock.moment();
                    self.core.handle(at, AmfEvent::Command(command), &mut self.output);
                    self.carry_out(at.now);
                }
                Control::Stop => return false,
            }
        }
        true
    }

    /// Serves no signalling for a while. `false` when it is told to stop meanwhile.
    fn frozen(&mut self, for_: Duration) -> bool {
        let mut end = self.clock.moment().now + for_;
        loop {
            let now = self.clock.moment().now;
            if now >= end {
                return true;
            }
            let wait = self.packets_looked_for(now).min(end).saturating_duration_since(now);
            match self.controls.recv_timeout(wait) {
                Ok(Control::Freeze(more)) => end = end.max(self.clock.moment().now + more),
                Ok(Control::Command(command)) => {
                    let at = self.clock.moment();
                    self.core.handle(at, AmfEvent::Command(command), &mut self.output);
                }
                Ok(Control::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    self.take_packets();
                    self.core.advance_user_plane(self.clock.moment(), &mut self.output);
                    self.n3.send(self.output.datagrams.drain(..));
                }
            }
        }
    }

    fn publish(&mut self) {
        let mut statistics = statistics(&self.core, &self.n3, self.ledger.as_ref());
        statistics.amf.sends_refused = self.sends_refused;
        statistics.turned = self.newcomers.turned;
        statistics.served = self.served.served();
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = statistics;
    }

    /// Shuts the associations down, waits for their ends a little, and charges what is left open.
    fn close(&mut self) {
        self.take_packets();
        let now = self.clock.moment().now;
        for id in &self.open {
            self.endpoint.shutdown(*id, now);
        }
        let end = now + CLOSING;
        while !self.open.is_empty() && self.clock.moment().now < end {
            if self
                .endpoint
                .wait(end.min(self.packets_looked_for(self.clock.moment().now)), &mut self.events)
                .is_err()
            {
                break;
            }
            self.take_packets();
            for event in self.events.drain(..) {
                if let Event::Down { id, .. } = event {
                    self.open.retain(|open| *open != id);
                }
            }
        }
        self.core.finish(self.clock.moment().wall_us);
        self.write_records();
        if let Some(ledger) = &mut self.ledger {
            ledger.campaign(true, self.clock.moment().wall_us, self.core.chf.faults_injected());
        }
        self.publish();
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.faults_injected = self.core.chf.faults_injected().to_vec();
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

/// The longest sleep: nothing depends on its end.
const IDLE: Duration = Duration::from_secs(1);
/// How often the statistics are brought up to date, while anything happens.
const PUBLICATION: Duration = Duration::from_millis(100);
/// Packets that come within this time are taken in together.
const PACKETS: Duration = Duration::from_millis(5);
/// How many events come between two looks for packets, so that the kernel's buffer does not overflow meanwhile.
const EVENTS_BETWEEN_PACKETS: usize = 32;
/// How long the ends of the associations may take.
const CLOSING: Duration = Duration::from_secs(2);
