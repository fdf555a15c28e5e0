//! The world of one drill: everything that happens, in order of true time.

mod connections;
mod faults;
mod hosts;

use std::collections::BTreeMap;
use std::sync::Arc;

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
use crate::host::Host;
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
    /// The core tells the source of a handover that its UE has arrived.
    HandedOver {
        host: usize,
        incarnation: u64,
        from: (u32, u64),
        ue: u32,
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
            target: Target::default(),
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
        if self.coordinator.core().is_some_and(|core| core.gaps().is_empty()) {
            violations.extend(self.doubled());
        }
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
            handovers: self.truth.handovers,
            asked: self.truth.asked.values().sum(),
            audits: self.truth.audits,
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
                let is_next = known.wakes_at.is_none_or(|at| at == self.now);
                if is_next && known.incarnation == incarnation && !known.is_frozen() {
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
            Event::HandedOver { host, incarnation, from, ue } => {
                self.handed_over(host, incarnation, from, ue)
            }
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
}

const TICK: Time = 100_000;
/// No drill takes longer, µs.
const LONGEST: Time = 400_000_000;
const MOST_EVENTS: u64 = 2_000_000;
