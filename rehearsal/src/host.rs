//! A machine of the fleet: the agent's process, which holds the real holder, and the supervisor that watches over it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::holder::{Holder, HolderSettings, Input, Left, Output, ReportId};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use scenarios::Plan;
use wire::to_agent::ToAgent;
use wire::to_coordinator::{Hello, IntervalReport, Part, ToCoordinator};

use crate::clock::{Clock, Time};
use crate::network::ConnectionId;
use crate::target::Target;
use crate::truth::Truth;
use crate::worker::Worker;

pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) clock: Clock,
    pub(crate) process: Option<Process>,
    pub(crate) supervisor: Option<Supervisor>,
    /// How often a process was started here: names the present one.
    pub(crate) incarnation: u64,
    /// When it was last stopped.
    pub(crate) frozen_since: Time,
    /// SIGSTOP until then.
    pub(crate) frozen_until: Option<Time>,
    /// What waits for a frozen process.
    pub(crate) deferred: Vec<Deferred>,
    /// When its process is woken next, as far as that is planned.
    pub(crate) wakes_at: Option<Time>,
    rng: SmallRng,
}

/// Something that happens to a process; a frozen one finds it when it goes on.
pub(crate) enum Deferred {
    Message(ConnectionId, ToAgent),
    Broken(ConnectionId),
    Interrupted(Option<Duration>),
    Connect,
}

/// The agent.
pub(crate) struct Process {
    pub(crate) holder: Holder,
    pub(crate) worker: Worker,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) mark: [u8; 16],
    disk: BTreeMap<ReportId, Box<IntervalReport>>,
    pub(crate) left: Option<Left>,
}

/// Watches over the agent.
#[derive(Default)]
pub(crate) struct Supervisor {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) welcomed: bool,
    /// Ends of processes that the coordinator has not been told.
    pub(crate) untold: Vec<[u8; 16]>,
}

impl Host {
    pub(crate) fn new(number: usize, clock: Clock, seed: u64) -> Self {
        Self {
            number,
            clock,
            process: None,
            supervisor: None,
            incarnation: 0,
            frozen_since: 0,
            frozen_until: None,
            deferred: Vec::new(),
            wakes_at: None,
            rng: SmallRng::seed_from_u64(seed ^ (number as u64 + 1)),
        }
    }

    /// The supervisor starts the agent.
    pub(crate) fn start(&mut self, plan: &Arc<Plan>, memory: u64, at: Time) {
        self.incarnation += 1;
        self.wakes_at = None;
        self.supervisor.get_or_insert_default();
        let mark: [u8; 16] = self.rng.random();
        let settings = HolderSettings {
            name: format!("agent-{}", self.number + 1),
            mark: Some(mark),
            memory,
            ..HolderSettings::default()
        };
        let rng = SmallRng::seed_from_u64(self.rng.random());
        self.process = Some(Process {
            holder: Holder::new(settings, self.clock.instant(at)),
            worker: Worker::new(self.number, plan, self.clock, rng),
            connection: None,
            mark,
            disk: BTreeMap::new(),
            left: None,
        });
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen_until.is_some()
    }

    /// Until the next attempt to connect.
    pub(crate) fn back_off(&mut self) -> Time {
        self.rng.random_range(100_000..600_000)
    }

    /// Until the supervisor has started the agent again.
    pub(crate) fn restart_after(&mut self) -> Time {
        self.rng.random_range(50_000..800_000)
    }
}

impl Process {
    /// Something happens to the agent. Returns what it says.
    pub(crate) fn handle(
        &mut self,
        input: Option<Input>,
        clock: Clock,
        at: Time,
        target: &mut Target,
        truth: &mut Truth,
    ) -> Vec<ToCoordinator> {
        let now = clock.instant(at);
        let (mut said, mut outputs) = (Vec::new(), Vec::new());
        let mut inputs: Vec<Input> = input.into_iter().collect();
        loop {
            // The workers have threads of their own: they look at their clocks first, whatever the holder does.
            inputs.extend(self.worker.advance(at, target, truth).into_iter().map(Input::Notice));
            if inputs.is_empty() {
                inputs.push(Input::Tick);
            }
            for input in inputs.drain(..) {
                self.holder.handle(input, now, &mut outputs);
            }
            let mut again = false;
            for output in outputs.drain(..) {
                match output {
                    Output::Send(message) => said.push(message),
                    Output::Tell { command, .. } => {
                        inputs.extend(self.worker.obey(command, at, truth).map(Input::Notice));
                        again = true;
                    }
                    Output::Spool { id, report } => {
                        self.disk.insert(id, report);
                        inputs.push(Input::Spooled { id, returned: None });
                    }
                    Output::Fetch(id) => {
                        inputs.push(Input::Fetched { id, report: self.disk.get(&id).cloned() });
                    }
                    Output::Forget(id) => drop(self.disk.remove(&id)),
                    Output::Leave(left) => self.left = Some(left),
                }
            }
            if self.left.is_some() || (!again && inputs.is_empty()) {
                return said;
            }
        }
    }

    /// It goes on, and its workers find that they had not run for so long.
    pub(crate) fn stood_still(&mut self, at: Time, lasted: Duration) {
        if lasted >= wire::standstill::LIMIT {
            self.worker.stood_still(at, lasted);
        }
    }

    /// When it has something to do by itself.
    pub(crate) fn next_wake(&self, clock: Clock) -> Option<Time> {
        let deadlines = self.worker.next_deadline().into_iter().chain(self.holder.next_deadline());
        deadlines.min().map(|deadline| clock.when(deadline))
    }
}

impl Supervisor {
    pub(crate) fn hello(host: usize) -> Hello {
        Hello {
            name: format!("host-{}", host + 1),
            program: wire::PROGRAM.to_owned(),
            workers: 0,
            agent_us: 0,
            part: Part::Supervisor,
            mark: None,
            belongs: Default::default(),
        }
    }

    pub(crate) fn tell(&mut self) -> Vec<ToCoordinator> {
        let status = "killed by signal 9".to_owned();
        self.untold
            .drain(..)
            .map(|mark| ToCoordinator::ChildExited { mark, status: status.clone() })
            .collect()
    }
}
