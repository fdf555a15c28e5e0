//! The RRC connections of a shard's UEs: in which cell, what is in the air on them, and when they have been idle too long.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use scenarios::RadioProfile;
use signalling::ConnectionRefusal;

use super::radio::{Arrival, Delivery, Draw, Interference, Radio};
use super::ues::Slot;
use crate::time::Timers;

/// What became of a message over the air.
pub(crate) enum Sent {
    /// It will arrive.
    OnItsWay,
    /// The radio has lost it.
    Lost(Delivery),
    /// The UE has no connection.
    Nowhere,
}

/// Every connection of a shard, at most one a UE.
pub(crate) struct Access {
    radio: Radio,
    connections: HashMap<u32, Connection>,
    cell_load: HashMap<Cell, u32>,
    inactivity: Option<Duration>,
    idle: Timers<u32>,
    /// Cells that suffer more than the profile says.
    interference: HashMap<Cell, Interference>,
    /// Cells that have less room than the profile says.
    congestion: HashMap<Cell, Congestion>,
    /// UEs that wait for a place in a cell, with what they have to say.
    waiting: HashMap<u32, (Cell, Delivery)>,
    queues: BTreeMap<Cell, VecDeque<u32>>,
    patience: Timers<u32>,
}

/// How much room a congested cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Congestion {
    pub(crate) capacity: u32,
    /// How long a UE waits for a place; `None`: it is refused at once.
    pub(crate) wait: Option<Duration>,
}

/// A cell: the number of its gNB within the shard, and its own within the gNB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// The gNB knows of it: what it says of the UE before is about an earlier connection.
    established: bool,
    /// The UE is on its way to the cell, and says nothing before.
    arrives: Option<Instant>,
}

impl Access {
    pub(crate) fn new(profile: RadioProfile, seed: u64, inactivity: Option<Duration>) -> Self {
        Self {
            radio: Radio::new(profile, seed),
            connections: HashMap::new(),
            cell_load: HashMap::new(),
            inactivity,
            idle: Timers::new(),
            interference: HashMap::new(),
            congestion: HashMap::new(),
            waiting: HashMap::new(),
            queues: BTreeMap::new(),
            patience: Timers::new(),
        }
    }

    /// What a cell suffers from now on; `None`: nothing more than the profile says.
    pub(crate) fn set_interference(&mut self, cell: Cell, interference: Option<Interference>) {
        match interference {
            Some(interference) => self.interference.insert(cell, interference),
            None => self.interference.remove(&cell),
        };
    }

    /// How much room a cell has from now on; `None`: as the profile says.
    pub(crate) fn set_congestion(&mut self, cell: Cell, congestion: Option<Congestion>) {
        match congestion {
            Some(congestion) => self.congestion.insert(cell, congestion),
            None => self.congestion.remove(&cell),
        };
    }

    fn suffers(&self, cell: Cell) -> Interference {
        self.interference.get(&cell).copied().unwrap_or_default()
    }

    fn has_room(&self, cell: Cell) -> bool {
        let congested = self.congestion.get(&cell).map(|congestion| congestion.capacity);
        let capacity = [self.radio.capacity(), congested].into_iter().flatten().min();
        capacity.is_none_or(|capacity| self.cell_load.get(&cell).copied().unwrap_or(0) < capacity)
    }

    pub(crate) fn is_connected(&self, ue: u32) -> bool {
        self.connections.contains_key(&ue)
    }

    /// The gNB learns of the UE's connection.
    pub(crate) fn establish(&mut self, ue: u32) {
        if let Some(connection) = self.connections.get_mut(&ue) {
            connection.established = true;
        }
    }

    /// Whether this gNB knows of the UE's connection.
    pub(crate) fn is_established(&self, ue: u32, gnb: u16) -> bool {
        let connection = self.connections.get(&ue);
        connection.is_some_and(|connection| connection.established && connection.cell.gnb == gnb)
    }

    /// The cell of the UE's connection.
    pub(crate) fn cell_of(&self, ue: u32) -> Option<Cell> {
        self.connections.get(&ue).map(|connection| connection.cell)
    }

    /// Chance, for this UE.
    pub(crate) fn draw(&self, ue: u32, slot: &mut Slot) -> Draw {
        self.radio.draw(ue, slot.next_draw())
    }

    /// How long a UE is between two cells, from the message that sends it there.
    pub(crate) fn interruption(&self, median: Duration, draw: &mut Draw) -> Duration {
        self.radio.one_way(draw) + self.radio.interruption(median, draw)
    }

    /// The gNB of the UE's connection.
    pub(crate) fn gnb_of(&self, ue: u32) -> Option<u16> {
        self.connections.get(&ue).map(|connection| connection.cell.gnb)
    }

    /// Sets up a connection in a cell and sends the first NAS message over it, when the cell has room. The message, where the radio
    /// loses it.
    pub(crate) fn connect(
        &mut self,
        ue: u32,
        slot: &mut Slot,
        cell: Cell,
        first: Delivery,
        now: Instant,
    ) -> Option<Delivery> {
        self.disconnect(ue);
        slot.connection = slot.connection.wrapping_add(1);
        let connection = slot.connection;
        let mut draw = self.radio.draw(ue, slot.next_draw());
        if !self.has_room(cell) {
            if let Some(wait) = self.congestion.get(&cell).and_then(|congestion| congestion.wait)
                && self.waiting.len() < WAITING_LIMIT
            {
                self.waiting.insert(ue, (cell, first));
                self.queues.entry(cell).or_default().push_back(ue);
                self.patience.set(ue, now + wait);
                return None;
            }
            let at = now + 2 * self.radio.one_way(&mut draw);
            let delivery = Delivery::Refused(ConnectionRefusal::CellAtCapacity);
            self.radio.deliver_at(at, Arrival { ue, connection, delivery, at: None });
            return None;
        }
        *self.cell_load.entry(cell).or_insert(0) += 1;
        let mut uplink = now;
        let ready = now + self.radio.setup_delay(&mut draw);
        let suffers = self.suffers(cell);
        let lost = self.radio.carry(
            ready,
            &mut draw,
            &mut uplink,
            suffers,
            Arrival { ue, connection, delivery: first, at: None },
        );
        let connection =
            Connection { cell, uplink, downlink: now, last_used: now, established: false, arrives: None };
        self.connections.insert(ue, connection);
        if let Some(inactivity) = self.inactivity {
            self.idle.set(ue, now + inactivity);
        }
        lost
    }

    /// The UE gets no connection, and learns it after a while.
    pub(crate) fn refuse(&mut self, ue: u32, slot: &mut Slot, refusal: ConnectionRefusal, now: Instant) {
        self.disconnect(ue);
        slot.connection = slot.connection.wrapping_add(1);
        let arrival =
            Arrival { ue, connection: slot.connection, delivery: Delivery::Refused(refusal), at: None };
        self.radio.deliver_at(now + RADIO_LINK_FAILURE, arrival);
    }

    /// Sends a message over the UE's connection.
    pub(crate) fn send(&mut self, ue: u32, slot: &mut Slot, delivery: Delivery, now: Instant) -> Sent {
        let Some(connection) = self.connections.get_mut(&ue) else { return Sent::Nowhere };
        connection.last_used = now;
        let mut draw = self.radio.draw(ue, slot.next_draw());
        let suffers = self.interference.get(&connection.cell).copied().unwrap_or_default();
        let in_order = match delivery {
            Delivery::Connect { .. } | Delivery::Uplink(_) => &mut connection.uplink,
            _ => &mut connection.downlink,
        };
        let arrival = Arrival { ue, connection: slot.connection, delivery, at: None };
        self.radio.carry(now, &mut draw, in_order, suffers, arrival).map_or(Sent::OnItsWay, Sent::Lost)
    }

    /// The UE leaves its cell for another of the shard, and arrives there at an instant. Its connection goes along: what
    /// is in the air keeps its order, and nothing is lost (TS 38.323 §5.1.2, data recovery).
    pub(crate) fn relocate(&mut self, ue: u32, cell: Cell, arrives: Instant) {
        let Some(connection) = self.connections.get_mut(&ue) else { return };
        let left = std::mem::replace(&mut connection.cell, cell);
        connection.uplink = connection.uplink.max(arrives);
        connection.downlink = connection.downlink.max(arrives);
        connection.last_used = arrives;
        connection.arrives = Some(arrives);
        if let Some(load) = self.cell_load.get_mut(&left) {
            *load = load.saturating_sub(1);
        }
        *self.cell_load.entry(cell).or_insert(0) += 1;
    }

    /// A UE has come into a cell with its connection, by a handover from another shard.
    pub(crate) fn arrive(&mut self, ue: u32, cell: Cell, now: Instant) {
        self.disconnect(ue);
        *self.cell_load.entry(cell).or_insert(0) += 1;
        let connection =
            Connection { cell, uplink: now, downlink: now, last_used: now, established: true, arrives: None };
        self.connections.insert(ue, connection);
        if let Some(inactivity) = self.inactivity {
            self.idle.set(ue, now + inactivity);
        }
    }

    /// Pages a UE that need not have a connection.
    pub(crate) fn page(&mut self, ue: u32, slot: &mut Slot, now: Instant) {
        let mut draw = self.radio.draw(ue, slot.next_draw());
        let arrival = Arrival { ue, connection: slot.connection, delivery: Delivery::Paged, at: None };
        let no_interference = Interference::default();
        // A page is never lost.
        let _ = self.radio.carry(now, &mut draw, &mut now.clone(), no_interference, arrival);
    }

    /// The next message that has arrived, and the cell of the connection it came over, if there is one still.
    pub(crate) fn pop_arrived(&mut self, now: Instant) -> Option<(Arrival, Option<Cell>)> {
        loop {
            let arrival = self.radio.pop_arrived(now)?;
            let Some(connection) = self.connections.get_mut(&arrival.ue) else {
                return Some((arrival, None));
            };
            if let Some(arrives) = connection.arrives.filter(|arrives| *arrives > now) {
                if matches!(arrival.delivery, Delivery::Connect { .. } | Delivery::Uplink(_)) {
                    // It was on its way to the old cell: the UE says it again in the new one.
                    self.radio.deliver_at(arrives, arrival);
                    continue;
                }
            } else {
                connection.last_used = connection.last_used.max(now);
            }
            return Some((arrival, Some(connection.cell)));
        }
    }

    /// The UE drops its connection by itself. The gNB sees the radio link fail a while after what the UE said last.
    pub(crate) fn drop_by_ue(&mut self, ue: u32, now: Instant) {
        self.stop_waiting(ue);
        if let Some(connection) = self.connections.get(&ue) {
            self.idle.set(ue, connection.uplink.max(now) + RADIO_LINK_FAILURE);
        }
    }

    /// The connection is gone at both ends. Returns its gNB.
    pub(crate) fn disconnect(&mut self, ue: u32) -> Option<u16> {
        self.stop_waiting(ue);
        let Connection { cell, .. } = self.connections.remove(&ue)?;
        self.idle.stop(ue);
        if let Some(load) = self.cell_load.get_mut(&cell) {
            *load = load.saturating_sub(1);
        }
        Some(cell.gnb)
    }

    fn stop_waiting(&mut self, ue: u32) {
        if self.waiting.remove(&ue).is_some() {
            self.patience.stop(ue);
        }
    }

    /// The next UE that waited for a place and can have one now, with what it has to say.
    pub(crate) fn pop_admissible(&mut self) -> Option<(u32, Cell, Delivery)> {
        let cells: Vec<Cell> = self.queues.keys().copied().collect();
        for cell in cells {
            while self.has_room(cell) {
                let Some(ue) = self.queues.get_mut(&cell).and_then(VecDeque::pop_front) else {
                    self.queues.remove(&cell);
                    break;
                };
                // A UE that gave up has left its number in the queue.
                if self.waiting.get(&ue).is_some_and(|(waits_in, _)| *waits_in == cell) {
                    let (cell, first) = self.waiting.remove(&ue)?;
                    self.patience.stop(ue);
                    return Some((ue, cell, first));
                }
            }
        }
        None
    }

    /// The next UE that has waited for a place for too long.
    pub(crate) fn pop_impatient(&mut self, now: Instant) -> Option<u32> {
        let ue = self.patience.pop_expired(now)?;
        self.waiting.remove(&ue);
        Some(ue)
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
    pub(crate) fn is_inactive(&mut self, ue: u32, user_data: Option<Instant>, now: Instant) -> bool {
        let (Some(connection), Some(inactivity)) = (self.connections.get(&ue), self.inactivity) else {
            return false;
        };
        let due = connection.last_used.max(user_data.unwrap_or(connection.last_used)) + inactivity;
        self.idle.set(ue, if due > now { due } else { now + inactivity });
        due <= now
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timers = [self.idle.next_deadline(), self.patience.next_deadline()];
        timers.into_iter().chain([self.radio.next_deadline()]).flatten().min()
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

/// UEs that wait for places at once, over all cells.
const WAITING_LIMIT: usize = 65_536;
/// How long a gNB needs to see that a UE is gone (RLF detection, TS 38.331 §7.1.1: T310 of 1 s).
const RADIO_LINK_FAILURE: Duration = Duration::from_secs(1);
