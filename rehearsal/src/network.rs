//! The network between the coordinator and the hosts of its agents, as QUIC makes it look: each connection delivers its
//! messages in order or breaks. What datagrams suffer (loss, reordering, duplicates) shows as delay; a link that is cut
//! for longer than the idle time breaks the connection, at each end in its own time, and what was under way is lost.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::clock::Time;

/// One connection; a number is never used twice.
pub(crate) type ConnectionId = u64;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    ToCoordinator,
    FromCoordinator,
}

pub(crate) struct Network {
    rng: SmallRng,
    /// Chance that a datagram is lost and sent again.
    loss: f64,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Until when each host's link is cut, either way; and since when.
    cuts: BTreeMap<(usize, Way), (Time, Time)>,
    opened: ConnectionId,
}

struct Connection {
    host: usize,
    /// When the last message of each way arrives: no later one overtakes it.
    last: [Time; 2],
    /// Whether each end still believes in it: the host's, the coordinator's.
    alive: [bool; 2],
}

impl Network {
    pub(crate) fn new(rng: SmallRng, loss: f64) -> Self {
        Self { rng, loss, connections: BTreeMap::new(), cuts: BTreeMap::new(), opened: 0 }
    }

    /// A connection from a host; its first message is on its way after `handshake`.
    pub(crate) fn open(&mut self, host: usize) -> ConnectionId {
        self.opened += 1;
        self.connections.insert(self.opened, Connection { host, last: [0; 2], alive: [true; 2] });
        self.opened
    }

    /// When a message that is sent now arrives; `None` when it never does.
    pub(crate) fn send(&mut self, connection: ConnectionId, way: Way, now: Time) -> Option<Time> {
        let delay = self.delay();
        let known = self.connections.get_mut(&connection)?;
        if !known.alive[sender(way)] {
            return None;
        }
        let mut at = now + delay;
        if let Some((since, until)) = self.cuts.get(&(known.host, way))
            && now < *until
        {
            if until - since >= IDLE {
                return None;
            }
            at = until + delay;
        }
        let last = &mut known.last[way as usize];
        *last = at.max(*last);
        Some(*last)
    }

    /// Whether a message of this connection still finds the other end.
    pub(crate) fn is_alive(&self, connection: ConnectionId, way: Way) -> bool {
        self.connections.get(&connection).is_some_and(|known| known.alive[1 - sender(way)])
    }

    /// A host can make a new connection now.
    pub(crate) fn reaches(&self, host: usize, now: Time) -> bool {
        [Way::ToCoordinator, Way::FromCoordinator]
            .into_iter()
            .all(|way| self.cuts.get(&(host, way)).is_none_or(|(since, until)| now < *since || now >= *until))
    }

    /// Cuts a host's link in one direction. Returns the connections that this breaks, with the time at which the host's end and
    /// the coordinator's notice.
    pub(crate) fn cut(
        &mut self,
        host: usize,
        way: Way,
        now: Time,
        until: Time,
    ) -> Vec<(ConnectionId, Time, Time)> {
        let cut = self.cuts.entry((host, way)).or_insert((now, until));
        if now >= cut.1 {
            *cut = (now, until);
        }
        cut.1 = cut.1.max(until);
        let breaks = cut.1 - cut.0 >= IDLE;
        let since = cut.0;
        let mut broken = Vec::new();
        for (id, connection) in self.connections.iter().filter(|(_, c)| c.host == host && breaks) {
            if connection.alive.contains(&true) {
                let (a, b) = (self.rng.random_range(0..JITTER), self.rng.random_range(0..JITTER));
                broken.push((*id, since + IDLE + a, since + IDLE + b));
            }
        }
        broken
    }

    /// One end gives the connection up. True when it still believed in it.
    pub(crate) fn give_up(&mut self, connection: ConnectionId, end: End) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else { return false };
        let believed = std::mem::replace(&mut known.alive[end as usize], false);
        if known.alive == [false; 2] {
            self.connections.remove(&connection);
        }
        believed
    }

    /// Connections that an end believes in.
    pub(crate) fn believed(&self, end: End, host: Option<usize>) -> Vec<ConnectionId> {
        let of_host = |c: &Connection| host.is_none_or(|host| c.host == host);
        let alive = self.connections.iter().filter(|(_, c)| c.alive[end as usize] && of_host(c));
        alive.map(|(id, _)| *id).collect()
    }

    /// Until the other end of a silent connection notices.
    pub(crate) fn idle(&mut self) -> Time {
        IDLE + self.rng.random_range(0..JITTER)
    }

    fn delay(&mut self) -> Time {
        let mut delay = self.rng.random_range(100..3_000);
        while self.rng.random_bool(self.loss) {
            delay += self.rng.random_range(5_000..300_000);
        }
        delay
    }
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Host = 0,
    Coordinator = 1,
}

fn sender(way: Way) -> usize {
    match way {
        Way::ToCoordinator => End::Host as usize,
        Way::FromCoordinator => End::Coordinator as usize,
    }
}

/// A connection on which nothing came for so long is over.
const IDLE: Time = 1_500_000;
const JITTER: Time = 400_000;
