//! The world of one drill: everything that happens, in order of true time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::holder::{Input as ToHolder, Left};
use coordinator::core::{Close, CoreSettings, Input, LinkId};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use scenarios::{Plan, Scenario};
use wire::to_agent::ToAgent;
use wire::to_coordinator::{Hello, ToCoordinator};

use crate::Outcome;
use crate::check;
use crate::clock::{Clock, Time};
use crate::coordinator_process::{CoordinatorProcess, Emission};
use crate::drill::{Drill, Fault};
use crate::host::{Deferred, Host, Supervisor};
use crate::network::{ConnectionId, End, Network, Way};
use crate::queue::Queue;
use crate::target::Target;
use crate::truth::Truth;

pub(crate) struct World {
    drill: Drill,
    tell: bool,
    plan: Arc<Plan>,
    now: Time,
    queue: Queue<Event>,
    network: Network,
    coordinator: CoordinatorProcess,
    hosts: Vec<Host>,
    users: BTreeMap<ConnectionId, User>,
    target: Target,
    truth: Truth,
    /// The operator wanted the run to go on: asked again where the coordinator died without having written it down.
    resume_wanted: bool,
    events: u64,
}

/// Who is at the host's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Agent { host: usize, incarnation: u64 },
    Supervisor { host: usize },
}

#[derive(Debug)]
enum Event {
    Tick {
        incarnation: u64,
    },
    Durable {
        incarnation: u64,
    },
    CoordinatorBack,
    Hello(ConnectionId, Box<Hello>),
    ToCoordinator(ConnectionId, Box<ToCoordinator>),
    FromCoordinator(ConnectionId, Box<ToAgent>),
    /// The coordinator has ended the connection; true when it refused the peer.
    Closed(ConnectionId, bool),
    Broken(ConnectionId, End),
    Wake {
        host: usize,
        incarnation: u64,
    },
    Connect {
        host: usize,
        incarnation: u64,
    },
    ConnectSupervisor {
        host: usize,
    },
    StartAgent {
        host: usize,
    },
    Thaw {
        host: usize,
    },
    Unpause,
    Fault(Fault),
}

impl World {
    pub(crate) fn new(drill: Drill, tell: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(drill.seed ^ 0x5eed);
        let scenario = match Scenario::from_yaml(&drill.scenario, "rehearsal") {
            Ok(scenario) => Arc::new(scenario),
            Err(error) => panic!("the scenario of seed {}: {error}\n{}", drill.seed, drill.scenario),
        };
        let plan = match Plan::with_shards(Arc::clone(&scenario), drill.seed, scenario.cells.nodes) {
            Ok(plan) => Arc::new(plan),
            Err(error) => panic!("the plan of seed {}: {error}", drill.seed),
        };
        let clocks: Vec<Clock> =
            drill.drift.iter().map(|ppm| Clock::new(rng.random_range(0..1 << 40), *ppm)).collect();
        let mut clocks = clocks.into_iter();
        let settings = CoreSettings {
            agents_wanted: drill.agents,
            lease: drill.lease,
            ..CoreSettings::new("rehearsal", "sctp+udp://127.0.0.1:9")
        };
        let first = clocks.next().unwrap_or_else(|| Clock::new(0, 0));
        let coordinator = CoordinatorProcess::new(
            settings,
            &plan,
            first,
            drill.seed,
            SmallRng::seed_from_u64(rng.random()),
        )
        .telling(tell);
        let hosts = clocks.enumerate().map(|(number, clock)| Host::new(number, clock, drill.seed)).collect();
        let network = Network::new(SmallRng::seed_from_u64(drill.seed ^ 0x1055), drill.loss);
        Self {
            target: Target::new(drill.seed),
            truth: Truth::default(),
            plan,
            tell,
            now: 0,
            queue: Queue::new(),
            network,
            coordinator,
            hosts,
            users: BTreeMap::new(),
            resume_wanted: false,
            events: 0,
            drill,
        }
    }

    pub(crate) fn play(mut self) -> Outcome {
        self.queue.plan(0, Event::CoordinatorBack);
        for host in 0..self.drill.agents {
            self.queue.plan(1_000 * host as u64, Event::StartAgent { host });
        }
        for (at, fault) in self.drill.faults.clone() {
            self.queue.plan(at, Event::Fault(fault));
        }
        if self.tell {
            eprintln!("{:#?}", self.drill);
        }
        let mut stuck = None;
        while let Some((at, event)) = self.queue.next() {
            self.now = at;
            self.events += 1;
            if self.tell && !matches!(event, Event::Tick { .. } | Event::Wake { .. } | Event::Durable { .. })
            {
                let mut text = format!("{event:?}");
                if text.len() > 400 {
                    text = text.chars().take(400).collect();
                }
                eprintln!("{:>12.6} {text}", at as f64 / 1e6);
            }
            self.happen(event);
            if self.coordinator.end().is_some() {
                break;
            }
            if at > LONGEST || self.events > MOST_EVENTS {
                stuck = Some(format!("the run has not ended after {at} µs and {} events", self.events));
                break;
            }
        }
        let mut violations = std::mem::take(&mut self.target.violations);
        violations.append(&mut self.truth.violations);
        violations.extend(stuck);
        let verdict = check::check(&self.drill, &self.plan, &self.coordinator, &self.target, &self.truth);
        violations.extend(verdict.violations);
        Outcome {
            seed: self.drill.seed,
            violations,
            faults: self.drill.faults.len(),
            starts: self.target.starts().len(),
            lost: verdict.lost,
            late: verdict.late,
            limited: verdict.limited,
            stood_still: verdict.stood_still,
            moves: verdict.moves,
            events: self.events,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { incarnation } => {
                if incarnation == self.coordinator.incarnation && self.coordinator.is_up() {
                    self.coordinate(Input::Tick);
                    self.queue.plan(self.now + TICK, Event::Tick { incarnation });
                }
            }
            Event::Durable { incarnation } => {
                if incarnation == self.coordinator.incarnation {
                    match self.coordinator.confirm(self.now) {
                        Ok(released) => self.emit(released),
                        Err(back_at) => self.coordinator_is_gone(back_at),
                    }
                }
            }
            Event::CoordinatorBack => {
                let emissions = self.coordinator.start(self.now);
                let incarnation = self.coordinator.incarnation;
                self.emit(emissions);
                self.queue.plan(self.now + TICK, Event::Tick { incarnation });
                if self.resume_wanted {
                    self.queue.plan(self.now + TICK, Event::Unpause);
                }
            }
            Event::Hello(connection, hello) => {
                if self.network.is_alive(connection, Way::ToCoordinator) && self.coordinator.is_up() {
                    let emissions = self.coordinator.joined(LinkId(connection), *hello, self.now);
                    self.emit(emissions);
                }
            }
            Event::ToCoordinator(connection, message) => {
                if self.network.is_alive(connection, Way::ToCoordinator) {
                    self.coordinate(Input::Message { link: LinkId(connection), message });
                }
            }
            Event::FromCoordinator(connection, message) => {
                if self.network.is_alive(connection, Way::FromCoordinator) {
                    self.arrived(connection, *message);
                }
            }
            Event::Closed(connection, refused) => self.closed(connection, refused),
            Event::Broken(connection, end) => self.broken(connection, end),
            Event::Wake { host, incarnation } => {
                let known = &self.hosts[host];
                if known.incarnation == incarnation && !known.is_frozen() {
                    self.run_agent(host, None);
                }
            }
            Event::Connect { host, incarnation } => {
                if self.hosts[host].incarnation == incarnation {
                    self.connect(host);
                }
            }
            Event::ConnectSupervisor { host } => self.connect_supervisor(host),
            Event::StartAgent { host } => self.start_agent(host),
            Event::Thaw { host } => self.thaw(host),
            Event::Unpause if self.coordinator.is_up() => {
                self.resume_wanted = true;
                self.coordinate(Input::Resume);
            }
            // The operator asks again.
            Event::Unpause => self.queue.plan(self.now + TICK, Event::Unpause),
            Event::Fault(fault) => self.go_wrong(fault),
        }
    }

    // The coordinator.

    fn coordinate(&mut self, input: Input) {
        let emissions = self.coordinator.handle(input, self.now);
        self.emit(emissions);
    }

    fn emit(&mut self, emissions: Vec<Emission>) {
        for emission in emissions {
            match emission {
                Emission::Send(LinkId(connection), message) => {
                    if let Some(at) = self.network.send(connection, Way::FromCoordinator, self.now) {
                        self.queue.plan(at, Event::FromCoordinator(connection, Box::new(message)));
                    }
                }
                Emission::Close(LinkId(connection), close) => {
                    if let Some(at) = self.network.send(connection, Way::FromCoordinator, self.now) {
                        self.queue.plan(at, Event::Closed(connection, matches!(close, Close::Refuse(_))));
                    }
                    self.network.give_up(connection, End::Coordinator);
                }
            }
        }
        if let Some(at) = self.coordinator.next_commit() {
            let incarnation = self.coordinator.incarnation;
            self.queue.plan(at, Event::Durable { incarnation });
        }
    }

    // Connections.

    fn connect(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        if known.is_frozen() {
            return known.deferred.push(Deferred::Connect);
        }
        let back_off = known.back_off();
        let incarnation = known.incarnation;
        let Some(process) = &mut known.process else { return };
        if process.connection.is_some() {
            return;
        }
        if !self.coordinator.is_up() || !self.network.reaches(host, self.now) {
            return self.queue.plan(self.now + back_off, Event::Connect { host, incarnation });
        }
        let connection = self.network.open(host);
        process.connection = Some(connection);
        let hello = process.holder.hello(known.clock.instant(self.now));
        self.users.insert(connection, User::Agent { host, incarnation });
        if let Some(at) = self.network.send(connection, Way::ToCoordinator, self.now) {
            self.queue.plan(at, Event::Hello(connection, Box::new(hello)));
        }
    }

    fn connect_supervisor(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        let back_off = known.back_off();
        let Some(supervisor) = &mut known.supervisor else { return };
        if supervisor.connection.is_some() {
            return;
        }
        if !self.coordinator.is_up() || !self.network.reaches(host, self.now) {
            return self.queue.plan(self.now + back_off, Event::ConnectSupervisor { host });
        }
        let connection = self.network.open(host);
        (supervisor.connection, supervisor.welcomed) = (Some(connection), false);
        self.users.insert(connection, User::Supervisor { host });
        if let Some(at) = self.network.send(connection, Way::ToCoordinator, self.now) {
            self.queue.plan(at, Event::Hello(connection, Box::new(Supervisor::hello(host))));
        }
    }

    fn arrived(&mut self, connection: ConnectionId, message: ToAgent) {
        match self.users.get(&connection) {
            Some(&User::Agent { host, incarnation }) if self.hosts[host].incarnation == incarnation => {
                let known = &mut self.hosts[host];
                if known.is_frozen() {
                    return known.deferred.push(Deferred::Message(connection, message));
                }
                self.hear(host, connection, message);
            }
            Some(&User::Supervisor { host }) => {
                let welcomed = matches!(message, ToAgent::Welcome(_));
                if let Some(supervisor) = &mut self.hosts[host].supervisor
                    && supervisor.connection == Some(connection)
                    && welcomed
                {
                    supervisor.welcomed = true;
                }
                self.tell_exits(host);
            }
            _ => {}
        }
    }

    fn hear(&mut self, host: usize, connection: ConnectionId, message: ToAgent) {
        let process = self.hosts[host].process.as_ref();
        if process.is_some_and(|process| process.connection == Some(connection)) {
            let input = match message {
                ToAgent::Welcome(welcome) => ToHolder::Connected(welcome),
                message => ToHolder::Message(message),
            };
            self.run_agent(host, Some(input));
        }
    }

    fn tell_exits(&mut self, host: usize) {
        let Some(supervisor) = &mut self.hosts[host].supervisor else { return };
        let Some(connection) = supervisor.connection.filter(|_| supervisor.welcomed) else { return };
        for message in supervisor.tell() {
            self.say(connection, message);
        }
    }

    fn say(&mut self, connection: ConnectionId, message: ToCoordinator) {
        if let Some(at) = self.network.send(connection, Way::ToCoordinator, self.now) {
            self.queue.plan(at, Event::ToCoordinator(connection, Box::new(message)));
        }
    }

    /// The coordinator has closed the connection, and the host hears of it.
    fn closed(&mut self, connection: ConnectionId, refused: bool) {
        if refused && let Some(&User::Agent { host, incarnation }) = self.users.get(&connection) {
            let known = &mut self.hosts[host];
            if known.incarnation == incarnation && !known.is_frozen() {
                known.process = None;
            }
        }
        self.broken(connection, End::Host);
    }

    /// One end finds that the connection is over.
    fn broken(&mut self, connection: ConnectionId, end: End) {
        if let (End::Host, Some(&User::Agent { host, incarnation })) = (end, self.users.get(&connection))
            && self.hosts[host].incarnation == incarnation
            && self.hosts[host].is_frozen()
        {
            return self.hosts[host].deferred.push(Deferred::Broken(connection));
        }
        if !self.network.give_up(connection, end) {
            return;
        }
        // The other end finds out by its silence.
        let (other, idle) =
            (if end == End::Host { End::Coordinator } else { End::Host }, self.network.idle());
        self.queue.plan(self.now + idle, Event::Broken(connection, other));
        match (end, self.users.get(&connection)) {
            (End::Coordinator, _) => {
                self.coordinate(Input::Gone { link: LinkId(connection), why: "timed out".to_owned() });
            }
            (End::Host, Some(&User::Agent { host, incarnation })) => {
                let known = &mut self.hosts[host];
                let after = known.back_off();
                if known.incarnation == incarnation
                    && let Some(process) = &mut known.process
                    && process.connection == Some(connection)
                {
                    process.connection = None;
                    self.queue.plan(self.now + after, Event::Connect { host, incarnation });
                    self.run_agent(host, Some(ToHolder::Disconnected));
                }
            }
            (End::Host, Some(&User::Supervisor { host })) => {
                let after = self.hosts[host].back_off();
                if let Some(supervisor) = &mut self.hosts[host].supervisor
                    && supervisor.connection == Some(connection)
                {
                    supervisor.connection = None;
                    self.queue.plan(self.now + after, Event::ConnectSupervisor { host });
                }
            }
            (End::Host, None) => {}
        }
    }

    // The hosts.

    fn start_agent(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        if known.process.is_some() {
            return;
        }
        known.start(&self.plan, self.drill.memory, self.now);
        let incarnation = known.incarnation;
        self.connect_supervisor(host);
        self.queue.plan(self.now + 5_000, Event::Connect { host, incarnation });
    }

    fn run_agent(&mut self, host: usize, input: Option<ToHolder>) {
        let known = &mut self.hosts[host];
        let (clock, incarnation) = (known.clock, known.incarnation);
        let Some(process) = &mut known.process else { return };
        let said = process.handle(input, clock, self.now, &mut self.target, &mut self.truth);
        let (connection, left) = (process.connection, process.left);
        let wake = process.next_wake(clock);
        for message in said {
            match connection {
                Some(connection) => self.say(connection, message),
                None => self.truth.violations.push(format!("said without a connection: {message:?}")),
            }
        }
        if let Some(left) = left {
            return self.agent_left(host, left);
        }
        if let Some(at) = wake {
            self.queue.plan(at.max(self.now + 1), Event::Wake { host, incarnation });
        }
    }

    /// The agent's process has ended by itself; its connection with it, once everything is said.
    fn agent_left(&mut self, host: usize, left: Left) {
        if self.tell {
            eprintln!("{:>12.6} agent-{} leaves: {left:?}", self.now as f64 / 1e6, host + 1);
        }
        let connection = self.hosts[host].process.as_ref().and_then(|process| process.connection);
        if let Some(connection) = connection {
            if let Some(at) = self.network.send(connection, Way::ToCoordinator, self.now) {
                self.queue.plan(at, Event::Broken(connection, End::Coordinator));
            }
            self.network.give_up(connection, End::Host);
        }
        self.child_exited(host, false);
    }

    fn child_exited(&mut self, host: usize, restart: bool) {
        let known = &mut self.hosts[host];
        known.incarnation += 1;
        known.deferred.clear();
        known.frozen_until = None;
        let after = known.restart_after();
        let Some(process) = known.process.take() else { return };
        if let Some(supervisor) = &mut known.supervisor {
            supervisor.untold.push(process.mark);
            self.tell_exits(host);
            if restart {
                self.queue.plan(self.now + after, Event::StartAgent { host });
            }
        }
    }

    fn thaw(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        if known.frozen_until != Some(self.now) {
            return;
        }
        known.frozen_until = None;
        let incarnation = known.incarnation;
        let lasted = Duration::from_micros(self.now - known.frozen_since);
        if let Some(process) = &mut known.process {
            process.stood_still(self.now, lasted);
        }
        self.run_agent(host, None);
        for deferred in std::mem::take(&mut self.hosts[host].deferred) {
            if self.hosts[host].incarnation != incarnation {
                return;
            }
            match deferred {
                Deferred::Message(connection, message) => self.hear(host, connection, message),
                Deferred::Broken(connection) => self.broken(connection, End::Host),
                Deferred::Interrupted(within) => self.interrupt(host, within),
                Deferred::Connect => self.connect(host),
            }
        }
    }

    fn interrupt(&mut self, host: usize, within: Option<Duration>) {
        let reason = "spot interruption".to_owned();
        self.run_agent(host, Some(ToHolder::Interrupted { reason, within }));
    }

    // Faults.

    fn go_wrong(&mut self, fault: Fault) {
        match fault {
            Fault::KillAgent { host } => self.kill_agent(host),
            Fault::LoseHost { host, back_after } => {
                if self.hosts[host].incarnation == 0 {
                    return;
                }
                self.hosts[host].supervisor = None;
                self.kill_agent(host);
                for connection in self.network.believed(End::Host, Some(host)) {
                    self.silence(connection, End::Host);
                }
                if let Some(after) = back_after {
                    self.queue.plan(self.now + after, Event::StartAgent { host });
                }
            }
            Fault::Freeze { host, lasts } => self.freeze(host, lasts),
            Fault::Cut { host, way, lasts } => {
                let broken = self.network.cut(host, way, self.now, self.now + lasts);
                for (connection, at_host, at_coordinator) in broken {
                    self.queue.plan(at_host.max(self.now), Event::Broken(connection, End::Host));
                    self.queue
                        .plan(at_coordinator.max(self.now), Event::Broken(connection, End::Coordinator));
                }
            }
            Fault::KillCoordinator { back_after } => {
                if !self.coordinator.is_up() {
                    return;
                }
                self.coordinator.kill();
                self.coordinator_is_gone(self.now + back_after);
            }
            Fault::FullDisk { lasts } => self.coordinator.fill_disk(self.now + lasts),
            Fault::SlowDisk { commit, lasts } => self.coordinator.slow_down(self.now + lasts, commit),
            Fault::Interrupt { host, within } => {
                let within_time = within.map(Duration::from_micros);
                let known = &mut self.hosts[host];
                if known.process.is_none() {
                    return;
                }
                if known.is_frozen() {
                    known.deferred.push(Deferred::Interrupted(within_time));
                } else {
                    self.interrupt(host, within_time);
                }
                if let Some(within) = within {
                    self.queue
                        .plan(self.now + within, Event::Fault(Fault::LoseHost { host, back_after: None }));
                }
            }
            Fault::Pause { lasts } => {
                self.coordinate(Input::Pause);
                self.queue.plan(self.now + lasts, Event::Unpause);
            }
            Fault::Join { host } => self.start_agent(host),
        }
    }

    fn coordinator_is_gone(&mut self, back_at: Time) {
        for connection in self.network.believed(End::Coordinator, None) {
            self.silence(connection, End::Coordinator);
        }
        self.queue.plan(back_at, Event::CoordinatorBack);
    }

    fn kill_agent(&mut self, host: usize) {
        let Some(process) = &self.hosts[host].process else { return };
        if let Some(connection) = process.connection {
            self.silence(connection, End::Host);
        }
        let restart = self.hosts[host].supervisor.is_some();
        self.child_exited(host, restart);
    }

    fn freeze(&mut self, host: usize, lasts: Time) {
        let known = &mut self.hosts[host];
        if known.process.is_none() || known.is_frozen() {
            return;
        }
        let until = self.now + lasts;
        (known.frozen_since, known.frozen_until) = (self.now, Some(until));
        let connection = known.process.as_ref().and_then(|process| process.connection);
        self.queue.plan(until, Event::Thaw { host });
        let idle = self.network.idle();
        if let Some(connection) = connection.filter(|_| lasts >= idle) {
            self.queue.plan(self.now + idle, Event::Broken(connection, End::Coordinator));
            self.queue.plan(until, Event::Broken(connection, End::Host));
        }
    }

    /// One end is dead without a word: the other finds out when nothing comes for a while.
    fn silence(&mut self, connection: ConnectionId, end: End) {
        self.network.give_up(connection, end);
        let (other, idle) =
            (if end == End::Host { End::Coordinator } else { End::Host }, self.network.idle());
        self.queue.plan(self.now + idle, Event::Broken(connection, other));
    }
}

const TICK: Time = 100_000;
/// No drill takes longer, µs.
const LONGEST: Time = 400_000_000;
const MOST_EVENTS: u64 = 2_000_000;
