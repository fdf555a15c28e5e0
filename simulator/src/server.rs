//! The thread that serves an AMF: SCTP in, SCTP out, and time.
#![allow(clippy::disallowed_methods, reason = "the one place of this crate that reads the clock")]

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scenarios::Scenario;
use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options, SctpError, Waker};

use crate::amf::{Amf, AmfAction, AmfEvent, Command, Statistics};
use crate::scenario::{ScenarioSubscribers, settings};

/// A simulator that runs on a thread of its own, named `simulator`. It ends when it is stopped or dropped.
pub struct Simulator {
    address: Address,
    control: Sender<Control>,
    waker: Waker,
    statistics: Arc<Mutex<Statistics>>,
    thread: Option<JoinHandle<()>>,
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
    /// When the address is in use, its transport does not work here, or no thread starts.
    pub fn start(scenario: &Scenario, seed: u64, listen: &Address) -> Result<Self, SimulatorError> {
        let scenario = Arc::new(scenario.clone());
        let amf = Amf::new(settings(&scenario, seed), Box::new(ScenarioSubscribers(Arc::clone(&scenario))));
        let freezes = scenario.network.freezes.iter().map(|freeze| (freeze.at, freeze.for_)).collect();
        Self::serve(amf, freezes, listen)
    }

    /// Starts to serve an AMF. `freezes` are (start, duration), the start since the first INITIAL UE MESSAGE.
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub fn serve(
        amf: Amf,
        freezes: Vec<(Duration, Duration)>,
        listen: &Address,
    ) -> Result<Self, SimulatorError> {
        let statistics = Arc::new(Mutex::new(amf.statistics()));
        let (control, controls) = mpsc::channel();
        let (started, outcome) = mpsc::sync_channel(1);
        let (published, address) = (Arc::clone(&statistics), listen.clone());
        let body = move || match Endpoint::listen(&address, &options()) {
            Err(source) => drop(started.send(Err(SimulatorError::Listen { address, source }))),
            Ok(endpoint) => {
                if started.send(Ok((endpoint.local_address(), endpoint.waker()))).is_ok() {
                    Server::new(amf, endpoint, freezes, controls, published).run();
                }
            }
        };
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(body);
        let thread = thread.map_err(SimulatorError::Thread)?;
        let died = |_| SimulatorError::Thread(std::io::Error::other("it ended before it served"));
        let (address, waker) = outcome.recv().map_err(died)??;
        Ok(Self { address, control, waker, statistics, thread: Some(thread) })
    }

    /// Where gNBs connect to it, with its real port.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// From now on it serves nothing, for so long; what comes meanwhile is served afterwards.
    pub fn freeze(&self, for_: Duration) {
        self.tell(Control::Freeze(for_));
    }

    /// Has the network side start something.
    pub fn command(&self, command: Command) {
        self.tell(Control::Command(command));
    }

    /// What it counted, a tenth of a second ago or less unless it is frozen.
    pub fn statistics(&self) -> Statistics {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all associations gracefully, then the thread. The final statistics.
    pub fn stop(mut self) -> Statistics {
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
    amf: Amf,
    endpoint: Endpoint,
    /// In the order of their start.
    freezes: VecDeque<(Duration, Duration)>,
    first_ue: Option<Instant>,
    controls: Receiver<Control>,
    published: Arc<Mutex<Statistics>>,
    next_publication: Instant,
    sends_refused: u64,
    open: Vec<AssociationId>,
    events: Vec<Event>,
    actions: Vec<AmfAction>,
}

impl Server {
    fn new(
        amf: Amf,
        endpoint: Endpoint,
        mut freezes: Vec<(Duration, Duration)>,
        controls: Receiver<Control>,
        published: Arc<Mutex<Statistics>>,
    ) -> Self {
        freezes.sort_unstable();
        Self {
            amf,
            endpoint,
            freezes: freezes.into(),
            first_ue: None,
            controls,
            published,
            next_publication: Instant::now(),
            sends_refused: 0,
            open: Vec::new(),
            events: Vec::new(),
            actions: Vec::new(),
        }
    }

    fn run(mut self) {
        loop {
            let deadline = self.deadline(Instant::now());
            if let Err(error) = self.endpoint.wait(deadline, &mut self.events) {
                tracing::error!(%error, "the simulator's endpoint failed; it stops serving");
                break;
            }
            // A freeze comes before what has just arrived.
            if !self.obey() {
                break;
            }
            self.turn();
            if let Some(for_) = self.freeze_due(Instant::now())
                && !self.frozen(for_)
            {
                break;
            }
        }
        self.close();
        self.publish();
    }

    /// Takes in what arrived, runs the timers, sends what is due.
    fn turn(&mut self) {
        let now = Instant::now();
        for event in std::mem::take(&mut self.events) {
            self.take(now, event);
        }
        self.amf.advance(now, &mut self.actions);
        self.carry_out(now);
        if self.first_ue.is_none() && self.amf.has_heard_of_a_ue() {
            self.first_ue = Some(now);
        }
        if now >= self.next_publication {
            self.publish();
            self.next_publication = now + PUBLICATION;
        }
    }

    fn take(&mut self, now: Instant, event: Event) {
        match event {
            Event::Up { id, streams_out, .. } => {
                self.open.push(id);
                let event = AmfEvent::AssociationUp { association: id.0, streams_out };
                self.amf.handle(now, event, &mut self.actions);
            }
            Event::Received { id, stream, ppid, payload } if ppid == NGAP_PPID => {
                let event = AmfEvent::Received { association: id.0, stream, octets: &payload };
                self.amf.handle(now, event, &mut self.actions);
            }
            Event::Received { id, ppid, .. } => {
                tracing::warn!(association = id.0, ppid, "not NGAP; ignored");
            }
            Event::Down { id, reason } => {
                tracing::info!(association = id.0, %reason, "association down");
                self.open.retain(|open| *open != id);
                let event = AmfEvent::AssociationDown { association: id.0 };
                self.amf.handle(now, event, &mut self.actions);
            }
        }
    }

    fn carry_out(&mut self, now: Instant) {
        for action in self.actions.drain(..) {
            match action {
                AmfAction::Send { association, stream, octets } => {
                    let sent = self.endpoint.send(AssociationId(association), stream, NGAP_PPID, octets);
                    self.sends_refused += u64::from(sent.is_err());
                }
                AmfAction::Close { association } => self.endpoint.shutdown(AssociationId(association), now),
            }
        }
    }

    /// Until when nothing is to be done.
    fn deadline(&self, now: Instant) -> Instant {
        let freeze = self.first_ue.zip(self.freezes.front()).map(|(first, (at, _))| first + *at);
        let all = self.amf.next_deadline().into_iter().chain(freeze);
        all.chain([now + PUBLICATION]).min().unwrap_or(now)
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
                    let now = Instant::now();
                    self.amf.handle(now, AmfEvent::Command(command), &mut self.actions);
                    self.carry_out(now);
                }
                Control::Stop => return false,
            }
        }
        true
    }

    /// Serves nothing for a while. `false` when it is told to stop meanwhile.
    fn frozen(&mut self, for_: Duration) -> bool {
        let mut end = Instant::now() + for_;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.controls.recv_timeout(left) {
                Ok(Control::Freeze(more)) => end = end.max(Instant::now() + more),
                Ok(Control::Command(command)) => {
                    self.amf.handle(Instant::now(), AmfEvent::Command(command), &mut self.actions);
                }
                Ok(Control::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }

    fn publish(&mut self) {
        let mut statistics = self.amf.statistics();
        statistics.sends_refused = self.sends_refused;
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = statistics;
    }

    /// Shuts the associations down, and waits for their ends a little.
    fn close(&mut self) {
        self.publish();
        let now = Instant::now();
        for id in &self.open {
            self.endpoint.shutdown(*id, now);
        }
        let end = now + CLOSING;
        while !self.open.is_empty() && Instant::now() < end {
            if self.endpoint.wait(end, &mut self.events).is_err() {
                return;
            }
            for event in self.events.drain(..) {
                if let Event::Down { id, .. } = event {
                    self.open.retain(|open| *open != id);
                }
            }
        }
    }
}

fn options() -> Options {
    Options { max_associations: 4_096, ..Options::default() }
}

/// How often the statistics are brought up to date.
const PUBLICATION: Duration = Duration::from_millis(100);
/// How long the ends of the associations may take.
const CLOSING: Duration = Duration::from_secs(2);
