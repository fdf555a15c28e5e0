//! The RRC connections of a shard's UEs: in which cell, what is in the air on them, and when they have been idle too long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use scenarios::RadioProfile;
use signalling::ConnectionRefusal;

use crate::population::Slot;
use crate::radio::{Arrival, Delivery, Radio};
use crate::timers::Timers;

/// Every connection of a shard, at most one a UE.
pub(crate) struct Access {
    radio: Radio,
    connections: HashMap<u32, Connection>,
    cell_load: HashMap<Cell, u32>,
    inactivity: Option<Duration>,
    idle: Timers<u32>,
}

/// A cell: the number of its gNB within the shard, and its own within the gNB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) gnb: u16,
    pub(crate) cell: u32,
}

struct Connection {
    cell: Cell,
    /// Before this, nothing more arrives at the gNB: order is kept.
    uplink: Instant,
    /// The same at the UE.
    downlink: Instant,
    last_used: Instant,
}

impl Access {
    pub(crate) fn new(profile: RadioProfile, seed: u64, inactivity: Option<Duration>) -> Self {
        Self {
            radio: Radio::new(profile, seed),
            connections: HashMap::new(),
            cell_load: HashMap::new(),
            inactivity,
            idle: Timers::new(),
        }
    }

    pub(crate) fn is_connected(&self, ue: u32) -> bool {
        self.connections.contains_key(&ue)
    }

    /// The gNB of the UE's connection.
    pub(crate) fn gnb_of(&self, ue: u32) -> Option<u16> {
        self.connections.get(&ue).map(|connection| connection.cell.gnb)
    }

    /// Sets up a connection in a cell and sends the first NAS message over it, when the cell has room.
    pub(crate) fn connect(&mut self, ue: u32, slot: &mut Slot, cell: Cell, first: Delivery, now: Instant) {
        self.disconnect(ue);
        slot.connection = slot.connection.wrapping_add(1);
        let connection = slot.connection;
        let mut draw = self.radio.draw(ue, slot.next_draw());
        let load = self.cell_load.entry(cell).or_insert(0);
        if self.radio.capacity().is_some_and(|capacity| *load >= capacity) {
            let at = now + 2 * self.radio.one_way(&mut draw);
            let delivery = Delivery::Refused(ConnectionRefusal::CellAtCapacity);
            return self.radio.deliver_at(at, Arrival { ue, connection, delivery });
        }
        *load += 1;
        let mut uplink = now;
        let ready = now + self.radio.setup_delay(&mut draw);
        self.radio.carry(ready, &mut draw, &mut uplink, Arrival { ue, connection, delivery: first });
        self.connections.insert(ue, Connection { cell, uplink, downlink: now, last_used: now });
        if let Some(inactivity) = self.inactivity {
            self.idle.set(ue, now + inactivity);
        }
    }

    /// Sends a message over the UE's connection. False when it has none: the message goes nowhere.
    pub(crate) fn send(&mut self, ue: u32, slot: &mut Slot, delivery: Delivery, now: Instant) -> bool {
        let Some(connection) = self.connections.get_mut(&ue) else { return false };
        connection.last_used = now;
        let mut draw = self.radio.draw(ue, slot.next_draw());
        let in_order = match delivery {
            Delivery::Connect { .. } | Delivery::Uplink(_) => &mut connection.uplink,
            _ => &mut connection.downlink,
        };
        self.radio.carry(now, &mut draw, in_order, Arrival { ue, connection: slot.connection, delivery });
        true
    }

    /// Pages a UE that need not have a connection.
    pub(crate) fn page(&mut self, ue: u32, slot: &mut Slot, now: Instant) {
        let mut draw = self.radio.draw(ue, slot.next_draw());
        let arrival = Arrival { ue, connection: slot.connection, delivery: Delivery::Paged };
        self.radio.carry(now, &mut draw, &mut now.clone(), arrival);
    }

    /// The next message that has arrived, and the cell of the connection it came over, if there is one still.
    pub(crate) fn pop_arrived(&mut self, now: Instant) -> Option<(Arrival, Option<Cell>)> {
        let arrival = self.radio.pop_arrived(now)?;
        let cell = self.connections.get_mut(&arrival.ue).map(|connection| {
            connection.last_used = now;
            connection.cell
        });
        Some((arrival, cell))
    }

    /// The UE drops its connection by itself. The gNB sees the radio link fail a while after what the UE said last.
    pub(crate) fn drop_by_ue(&mut self, ue: u32, now: Instant) {
        if let Some(connection) = self.connections.get(&ue) {
            self.idle.set(ue, connection.uplink.max(now) + RADIO_LINK_FAILURE);
        }
    }

    /// The connection is gone at both ends. Returns its gNB.
    pub(crate) fn disconnect(&mut self, ue: u32) -> Option<u16> {
        let Connection { cell, .. } = self.connections.remove(&ue)?;
        self.idle.stop(ue);
        if let Some(load) = self.cell_load.get_mut(&cell) {
            *load = load.saturating_sub(1);
        }
        Some(cell.gnb)
    }

    /// Drops every connection.
    pub(crate) fn clear(&mut self) {
        self.connections.clear();
        self.cell_load.clear();
    }

    /// The next UE whose connection may have been idle for too long, or that has dropped it.
    pub(crate) fn pop_idle(&mut self, now: Instant) -> Option<u32> {
        self.idle.pop_expired(now)
    }

    /// Whether the connection was used too long ago, by the scenario's inactivity time. Looks again later by itself: a
    /// release that the core does not answer is asked for again.
    pub(crate) fn is_inactive(&mut self, ue: u32, now: Instant) -> bool {
        let (Some(connection), Some(inactivity)) = (self.connections.get(&ue), self.inactivity) else {
            return false;
        };
        let due = connection.last_used + inactivity;
        self.idle.set(ue, if due > now { due } else { now + inactivity });
        due <= now
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.radio.next_deadline(), self.idle.next_deadline()].into_iter().flatten().min()
    }

    /// How many messages the radio lost since the last call.
    pub(crate) fn take_lost(&mut self) -> u64 {
        self.radio.take_lost()
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.connections.capacity() * (size_of::<(u32, Connection)>() + 1) + self.idle.octets()
    }
}

/// How long a gNB needs to see that a UE is gone (RLF detection, TS 38.331 §7.1.1: T310 of 1 s).
const RADIO_LINK_FAILURE: Duration = Duration::from_secs(1);
