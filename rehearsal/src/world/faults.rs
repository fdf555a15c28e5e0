//! What goes wrong in a drill.

use std::time::Duration;

use coordinator::core::Input;

use super::{Event, World};
use crate::clock::Time;
use crate::drill::Fault;
use crate::host::Deferred;
use crate::network::{ConnectionId, End};

impl World {
    pub(super) fn go_wrong(&mut self, fault: Fault) {
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

    pub(super) fn coordinator_is_gone(&mut self, back_at: Time) {
        for connection in self.network.believed(End::Coordinator, None) {
            self.silence(connection, End::Coordinator);
        }
        self.queue.plan(back_at, Event::CoordinatorBack);
    }

    pub(super) fn kill_agent(&mut self, host: usize) {
        let Some(process) = &self.hosts[host].process else { return };
        if let Some(connection) = process.connection {
            self.silence(connection, End::Host);
        }
        let restart = self.hosts[host].supervisor.is_some();
        self.child_exited(host, restart);
    }

    pub(super) fn freeze(&mut self, host: usize, lasts: Time) {
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
    pub(super) fn silence(&mut self, connection: ConnectionId, end: End) {
        self.network.give_up(connection, end);
        let (other, idle) =
            (if end == End::Host { End::Coordinator } else { End::Host }, self.network.idle());
        self.queue.plan(self.now + idle, Event::Broken(connection, other));
    }
}
