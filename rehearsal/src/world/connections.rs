//! Connections between the hosts and the coordinator, and what is said over them.

use agent::holder::Input as ToHolder;
use coordinator::core::{Input, LinkId};
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;

use super::{Event, User, World};
use crate::host::{Deferred, Supervisor};
use crate::network::{ConnectionId, End, Way};

impl World {
    pub(super) fn connect(&mut self, host: usize) {
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

    pub(super) fn connect_supervisor(&mut self, host: usize) {
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

    pub(super) fn arrived(&mut self, connection: ConnectionId, message: ToAgent) {
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

    pub(super) fn hear(&mut self, host: usize, connection: ConnectionId, message: ToAgent) {
        let process = self.hosts[host].process.as_ref();
        if process.is_some_and(|process| process.connection == Some(connection)) {
            let input = match message {
                ToAgent::Welcome(welcome) => ToHolder::Connected(welcome),
                message => ToHolder::Message(message),
            };
            self.run_agent(host, Some(input));
        }
    }

    pub(super) fn tell_exits(&mut self, host: usize) {
        let Some(supervisor) = &mut self.hosts[host].supervisor else { return };
        let Some(connection) = supervisor.connection.filter(|_| supervisor.welcomed) else { return };
        for message in supervisor.tell() {
            self.say(connection, message);
        }
    }

    pub(super) fn say(&mut self, connection: ConnectionId, message: ToCoordinator) {
        if let Some(at) = self.network.send(connection, Way::ToCoordinator, self.now) {
            self.queue.plan(at, Event::ToCoordinator(connection, Box::new(message)));
        }
    }

    /// The coordinator has closed the connection, and the host hears of it.
    pub(super) fn closed(&mut self, connection: ConnectionId, refused: bool) {
        if refused && let Some(&User::Agent { host, incarnation }) = self.users.get(&connection) {
            let known = &mut self.hosts[host];
            if known.incarnation == incarnation && !known.is_frozen() {
                known.process = None;
            }
        }
        self.broken(connection, End::Host);
    }

    /// One end finds that the connection is over.
    pub(super) fn broken(&mut self, connection: ConnectionId, end: End) {
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
}
