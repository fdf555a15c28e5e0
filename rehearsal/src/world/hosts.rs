//! Hosts, their processes, and UEs that go from one to another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent::holder::{Input as ToHolder, Left};
use scenarios::stream_seed;

use super::{Event, World};
use crate::clock::Time;
use crate::host::{Deferred, Host};
use crate::network::End;
use crate::network::Way;
use crate::worker::{Passage, Passed};

impl World {
    pub(super) fn start_agent(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        if known.process.is_some() {
            return;
        }
        known.start(&self.plan, self.drill.memory, self.now);
        let incarnation = known.incarnation;
        self.connect_supervisor(host);
        self.queue.plan(self.now + 5_000, Event::Connect { host, incarnation });
    }

    pub(super) fn run_agent(&mut self, host: usize, input: Option<ToHolder>) {
        let known = &mut self.hosts[host];
        let clock = known.clock;
        let Some(process) = &mut known.process else { return };
        let said = process.handle(input, clock, self.now, &mut self.target, &mut self.truth);
        let (connection, left) = (process.connection, process.left);
        let passages = std::mem::take(&mut process.worker.passages);
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
        if !passages.is_empty() {
            self.hand_over(host, passages);
            // What came of them is told at once.
            self.wake(host, self.now + 1);
        }
        if let Some(at) = wake {
            self.wake(host, at.max(self.now + 1));
        }
    }

    /// The process is woken then, unless it is before.
    fn wake(&mut self, host: usize, at: Time) {
        let known = &mut self.hosts[host];
        let incarnation = known.incarnation;
        if known.wakes_at.is_none_or(|planned| planned <= self.now || at < planned) {
            known.wakes_at = Some(at);
            self.queue.plan(at, Event::Wake { host, incarnation });
        }
    }

    /// The agent's process has ended by itself; its connection with it, once everything is said.
    pub(super) fn agent_left(&mut self, host: usize, left: Left) {
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

    pub(super) fn child_exited(&mut self, host: usize, restart: bool) {
        let known = &mut self.hosts[host];
        known.incarnation += 1;
        known.wakes_at = None;
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

    pub(super) fn thaw(&mut self, host: usize) {
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

    pub(super) fn interrupt(&mut self, host: usize, within: Option<Duration>) {
        let reason = "spot interruption".to_owned();
        self.run_agent(host, Some(ToHolder::Interrupted { reason, within }));
    }

    // UEs that go from shard to shard, by the core network: no coordinator knows of them.

    fn hand_over(&mut self, host: usize, passages: Vec<Passage>) {
        for Passage { from, ue, to, what } in passages {
            let plays = |(number, known): (usize, &Host)| {
                let process = known.process.as_ref().filter(|_| !known.is_frozen())?;
                Some((process.worker.plays(to)?, number))
            };
            let target = self.hosts.iter().enumerate().filter_map(plays).max();
            let taken = target.is_some_and(|(epoch, number)| {
                let process = self.hosts[number].process.as_mut();
                process.is_some_and(|process| process.worker.admit((to, epoch), what, self.now))
            });
            let incarnation = self.hosts[host].incarnation;
            if let Some(process) = &mut self.hosts[host].process {
                let came_of = if taken { Passed::Taken } else { Passed::Refused };
                process.worker.passed(from, ue, came_of, self.now);
            }
            if let (true, Some((_, number))) = (taken, target) {
                self.truth.handovers += 1;
                self.wake(number, self.now + 1);
                let after = 1_000 + stream_seed(self.drill.seed, &[what.who().1.into(), self.now]) % 60_000;
                self.queue.plan(self.now + after, Event::HandedOver { host, incarnation, from, ue });
            }
        }
    }

    /// The core tells the source of a handover that the UE has arrived.
    pub(super) fn handed_over(&mut self, host: usize, incarnation: u64, from: (u32, u64), ue: u32) {
        let known = &mut self.hosts[host];
        if known.incarnation != incarnation {
            return;
        }
        if known.is_frozen() {
            let again = Event::HandedOver { host, incarnation, from, ue };
            return self.queue.plan(self.now + AGAIN, again);
        }
        if let Some(process) = &mut known.process {
            process.worker.passed(from, ue, Passed::Arrived, self.now);
        }
        self.run_agent(host, None);
    }

    /// No subscriber is in two shards at once, unless a shard was lost and its subscribers are registered anew.
    pub(super) fn doubled(&self) -> Option<String> {
        let present = self.hosts.iter().filter_map(|host| host.process.as_ref());
        let present: Vec<_> = present.flat_map(|process| process.worker.present()).collect();
        // A process that stands still has yet to find that its lease is over.
        let mut newest = BTreeMap::new();
        for ((shard, epoch), _) in &present {
            let known = newest.entry(*shard).or_insert(*epoch);
            *known = (*known).max(*epoch);
        }
        let mut seen = BTreeSet::new();
        let mut present = present.into_iter().filter(|((shard, epoch), _)| newest.get(shard) == Some(epoch));
        let (_, (shard, ue)) = present.find(|(_, who)| !seen.insert(*who))?;
        Some(format!("subscriber {ue} of shard {shard} is in two shards at the end"))
    }
}

/// When the core says again what a process that stands still has not heard.
const AGAIN: u64 = 20_000;
