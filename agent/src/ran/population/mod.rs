//! The subscribers of one shard: their UEs, where they camp, and which of them is next in line for an attempt.
//!
//! A UE is named by its number within the shard. The first numbers are the shard's own subscribers; the ones after them
//! are visiting UEs, who came by a handover from another shard and keep their number until they leave.

mod moving;
mod ready_queues;
mod settings;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use identity::{Imsi, Needs, Plmn, Procedure, Tac};
use scenarios::{Scenario, Shard};
use signalling::{Device, STmsi, UeSettings};

use crate::transfer::Home;
use ready_queues::{Fitness, QueuedFor, ReadyQueues};

/// Every UE of a shard.
pub(crate) struct Population {
    slots: Vec<Slot>,
    /// How many of the slots are the shard's own subscribers'; the others are visiting UEs'.
    home: usize,
    free: Vec<u32>,
    settings: Vec<UeSettings>,
    areas: Vec<(Plmn, Tac)>,
    queues: ReadyQueues,
    /// Whom the network pages by this 5G-TMSI. May be out of date: the UE knows.
    paged: HashMap<u32, u32>,
    shard: u32,
    /// Where each visiting UE is at home.
    homes: HashMap<u32, Home>,
    /// The visiting UE of each home that has one here.
    visitors: HashMap<(u32, u32), u32>,
    /// The shard that a visiting UE who was here has gone on to, by its home and number there.
    gone_on: HashMap<(u32, u32), u32>,
    /// The subscribers who are away.
    away: HashMap<u32, Away>,
    /// Whom the next attempt for somebody who is away asks for; may hold some who are back.
    away_queue: VecDeque<u32>,
}

/// What is known of a subscriber who is away.
#[derive(Clone, Copy, Debug, Default)]
struct Away {
    /// Since when it is known to have arrived in another shard.
    since: Option<Instant>,
    /// Which one that is.
    at: Option<u32>,
    /// It is not registered there, as far as is known.
    deregistered: bool,
}

pub(crate) struct Slot {
    pub(crate) ue: Device,
    group: u16,
    /// Number of the gNB within the shard.
    pub(crate) gnb: u16,
    /// The cell of that gNB.
    pub(crate) cell: u16,
    /// The AMF of its present or last connection: its place among the targets.
    pub(crate) amf: u8,
    queued_for: QueuedFor,
    pub(crate) presence: Presence,
    /// It receives no cell.
    pub(crate) out_of_signal: bool,
    /// It is being recovered, or waits for that: it is not for the load.
    pub(crate) recovers: bool,
    /// How often it was chosen for a handover here.
    pub(crate) handovers: u16,
    /// The number of the UE's present or next connection; a message in the air for another one is void.
    pub(crate) connection: u32,
    /// How often chance decided something for this UE.
    pub(crate) draws: u32,
}

/// Where the UE of a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// In this shard.
    Here,
    /// A subscriber of this shard that is in another, or on its way.
    Away,
    /// A slot that waits for its visiting UE.
    Expected,
    /// A slot for a visiting UE, without one.
    Free,
}

impl Population {
    pub(crate) fn new(scenario: &Scenario, shard: &Shard) -> Self {
        let settings = scenario.subscribers.iter();
        let settings: Vec<UeSettings> =
            settings.map(|group| settings::ue_settings(scenario, &group.suci)).collect();
        let areas: Vec<(Plmn, Tac)> = shard.nodes.iter().map(|gnb| (gnb.plmn, gnb.tac)).collect();
        let gnbs = areas.len().max(1);
        let cells = shard.nodes.first().map_or(1, |gnb| gnb.cells.max(1));
        let cells = usize::try_from(cells).unwrap_or(1);
        let slots: Vec<Slot> = (0..shard.subscriber_count())
            .filter_map(|local| shard.subscriber(local))
            .enumerate()
            .map(|(number, subscriber)| Slot {
                group: u16::try_from(subscriber.group).unwrap_or(u16::MAX),
                gnb: u16::try_from(number % gnbs).unwrap_or_default(),
                cell: u16::try_from(number / gnbs % cells).unwrap_or_default(),
                ..Slot::new(&usim(&subscriber), Presence::Here)
            })
            .collect();
        let home = slots.len();
        let mut population = Self {
            slots,
            home,
            free: Vec::new(),
            settings,
            areas,
            queues: ReadyQueues::new(scenario.load.iter().map(|load| load.procedure)),
            paged: HashMap::new(),
            shard: shard.number,
            homes: HashMap::new(),
            visitors: HashMap::new(),
            gone_on: HashMap::new(),
            away: HashMap::new(),
            away_queue: VecDeque::new(),
        };
        for ue in 0..u32::try_from(home).unwrap_or(u32::MAX) {
            population.enqueue(ue);
        }
        population
    }

    /// Slots, those that are free among them.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The shard's own subscribers.
    pub(crate) fn home(&self) -> u32 {
        u32::try_from(self.home).unwrap_or(u32::MAX)
    }

    /// The numbers of all that are here.
    pub(crate) fn present(&self) -> impl Iterator<Item = u32> + '_ {
        let slots = (0..).zip(&self.slots);
        slots.filter(|(_, slot)| slot.presence == Presence::Here).map(|(ue, _)| ue)
    }

    pub(crate) fn slot(&mut self, ue: u32) -> Option<&mut Slot> {
        self.slots.get_mut(ue as usize)
    }

    pub(crate) fn peek(&self, ue: u32) -> Option<&Slot> {
        self.slots.get(ue as usize)
    }

    /// The UE with what it needs to handle an event: its settings and where it camps.
    pub(crate) fn camped(&mut self, ue: u32) -> Option<(&mut Slot, &UeSettings, (Plmn, Tac))> {
        let slot = self.slots.get_mut(ue as usize)?;
        let settings = self.settings.get(usize::from(slot.group))?;
        let area = *self.areas.get(usize::from(slot.gnb))?;
        Some((slot, settings, area))
    }

    pub(crate) fn imsi(&self, ue: u32) -> Option<Imsi> {
        self.slots.get(ue as usize).map(|slot| slot.ue.imsi())
    }

    /// The network of a gNB of the shard.
    pub(crate) fn plmn_of(&self, gnb: u16) -> Option<Plmn> {
        self.areas.get(usize::from(gnb)).map(|(plmn, _)| *plmn)
    }

    // Paging.

    /// The UE may have another temporary identity now.
    pub(crate) fn note_identity(&mut self, ue: u32, before: Option<STmsi>) {
        let Some(slot) = self.slots.get(ue as usize) else { return };
        let now = slot.ue.s_tmsi();
        if now == before {
            return;
        }
        if let Some(before) = before
            && self.paged.get(&before.tmsi()) == Some(&ue)
        {
            self.paged.remove(&before.tmsi());
        }
        if let Some(now) = now {
            self.paged.insert(now.tmsi(), ue);
        }
    }

    /// The UE with this temporary identity.
    pub(crate) fn find_paged(&self, s_tmsi: STmsi) -> Option<u32> {
        let ue = *self.paged.get(&s_tmsi.tmsi())?;
        let slot = self.slots.get(ue as usize)?;
        (slot.presence == Presence::Here && slot.ue.s_tmsi() == Some(s_tmsi)).then_some(ue)
    }

    // Ready queues.

    /// Chooses the UE for an attempt: the one that has waited longest among those in the right state.
    ///
    /// A handover needs a UE that is connected. Of UEs that were handed over equally often a connected one goes first;
    /// one that is idle is still taken in its turn, so that nobody is left out: the caller connects it before.
    pub(crate) fn next_for(
        &mut self,
        procedure: Procedure,
        is_busy: impl Fn(u32) -> bool,
    ) -> Result<u32, &'static str> {
        let slots = &mut self.slots;
        let mut left = Vec::new();
        let fitness = |ue: u32| {
            let Some(slot) = slots.get(ue as usize) else { return Fitness::Unable };
            if !slot.is_able(procedure) {
                return Fitness::Unable;
            }
            if is_busy(ue) || !slot.ue.is_idle_for_attempts() {
                return Fitness::Busy;
            }
            let rank = match procedure {
                Procedure::HandoverN2 | Procedure::HandoverXn => {
                    2 * u32::from(slot.handovers) + u32::from(!slot.ue.is_connected())
                }
                _ => 0,
            };
            Fitness::Able { rank }
        };
        let taken = self.queues.take(procedure, fitness, |ue| left.push(ue));
        for ue in left {
            if let Some(slot) = slots.get_mut(ue as usize) {
                slot.queued_for.set(procedure, false);
            }
        }
        let ue = taken.ok_or_else(|| nobody(procedure))?;
        if matches!(procedure, Procedure::HandoverN2 | Procedure::HandoverXn)
            && let Some(slot) = slots.get_mut(ue as usize)
        {
            slot.handovers = slot.handovers.saturating_add(1);
        }
        Ok(ue)
    }

    /// Whether the UE is in the state that the procedure begins in, busy or not.
    pub(crate) fn is_able(&self, ue: u32, procedure: Procedure) -> bool {
        self.peek(ue).is_some_and(|slot| slot.is_able(procedure))
    }

    /// The UE joins the queues of what it could attempt in its present state.
    pub(crate) fn enqueue(&mut self, ue: u32) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let mut queued_for = slot.queued_for;
        self.queues.join(ue, &mut queued_for, |procedure| slot.is_able(procedure));
        slot.queued_for = queued_for;
    }

    /// A deregistered subscriber of this shard other than the UE, with whom it may change USIMs.
    pub(crate) fn find_deregistered(&self, but: u32, is_busy: impl Fn(u32) -> bool) -> Option<u32> {
        let count = u32::try_from(self.home).unwrap_or(u32::MAX);
        let others = (1..count).map(|step| (but % count.max(1) + step) % count.max(1));
        others.filter(|ue| !is_busy(*ue)).find(|ue| {
            self.peek(*ue).is_some_and(|slot| {
                slot.presence == Presence::Here
                    && !slot.recovers
                    && !slot.ue.is_registered()
                    && slot.ue.is_idle_for_attempts()
            })
        })
    }

    /// The two UEs have each other's USIM: what belongs to the subscription goes with it.
    pub(crate) fn swap_groups(&mut self, one: u32, other: u32) {
        let (one, other) = (one as usize, other as usize);
        let (Some(a), Some(b)) =
            (self.slots.get(one).map(|slot| slot.group), self.slots.get(other).map(|slot| slot.group))
        else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(one) {
            slot.group = b;
        }
        if let Some(slot) = self.slots.get_mut(other) {
            slot.group = a;
        }
    }

    // Visiting UEs, and subscribers who are away.

    /// A slot for a UE that comes from another shard: its own where it is at home here. `None` where there is no room, or
    /// where its slot says that it never left.
    pub(crate) fn expect(&mut self, at_home: Option<u32>) -> Option<u32> {
        if let Some(ue) = at_home {
            let slot = self.slots.get(ue as usize)?;
            return ((ue as usize) < self.home && slot.presence == Presence::Away).then_some(ue);
        }
        if let Some(ue) = self.free.pop() {
            self.slots.get_mut(ue as usize)?.presence = Presence::Expected;
            return Some(ue);
        }
        if self.slots.len() - self.home >= VISITORS_LIMIT {
            return None;
        }
        let ue = u32::try_from(self.slots.len()).ok()?;
        let nobody = self.slots.first()?.ue.subscriber();
        self.slots.push(Slot::new(&nobody, Presence::Expected));
        Some(ue)
    }

    /// The expected UE has come, to a cell.
    pub(crate) fn arrive(&mut self, ue: u32, arrived: Device, at: Home, group: u16, (gnb, cell): (u16, u16)) {
        let home = self.home;
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        if (ue as usize) >= home {
            self.homes.insert(ue, at);
            self.visitors.insert((at.shard, at.ue), ue);
            self.gone_on.remove(&(at.shard, at.ue));
        } else {
            self.away.remove(&ue);
        }
        (slot.ue, slot.group, slot.gnb, slot.cell) = (arrived, group, gnb, cell);
        slot.presence = Presence::Here;
        slot.out_of_signal = false;
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, None);
    }

    /// Where the UE is at home, and what group its subscription is of.
    pub(crate) fn origin(&self, ue: u32) -> (Home, u16) {
        let here = Home { shard: self.shard, ue, losses: 0 };
        (
            self.homes.get(&ue).copied().unwrap_or(here),
            self.slots.get(ue as usize).map_or(0, |slot| slot.group),
        )
    }

    /// The UE leaves for another shard. Its slot stays its own until [`Self::forget`].
    pub(crate) fn leave(&mut self, ue: u32) {
        let home = self.home;
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let before = slot.ue.s_tmsi();
        let subscriber = slot.ue.subscriber();
        slot.ue = Device::new(&subscriber);
        slot.presence = if (ue as usize) < home { Presence::Away } else { Presence::Expected };
        if (ue as usize) < home {
            self.away.insert(ue, Away::default());
            self.away_queue.push_back(ue);
        }
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, before);
    }

    /// The subscriber who left has arrived elsewhere.
    pub(crate) fn has_arrived(&mut self, ue: u32, now: Instant) {
        if let Some(away) = self.away.get_mut(&ue) {
            away.since = Some(now);
        }
    }

    /// The visiting UE that left has arrived elsewhere, or the expected one will not come.
    pub(crate) fn forget(&mut self, ue: u32) {
        let home = self.home;
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        if (ue as usize) >= home && slot.presence != Presence::Free {
            slot.presence = Presence::Free;
            if let Some(home) = self.homes.remove(&ue)
                && self.visitors.get(&(home.shard, home.ue)) == Some(&ue)
            {
                self.visitors.remove(&(home.shard, home.ue));
            }
            self.free.push(ue);
        }
    }

    /// The UE that left was lost on its way: it is here again, switched off.
    pub(crate) fn revive(&mut self, ue: u32) {
        if let Some(slot) = self.slots.get_mut(ue as usize) {
            slot.presence = Presence::Here;
        }
        self.away.remove(&ue);
        self.enqueue(ue);
    }

    /// Moves the UE to a cell of another gNB of its shard, of another tracking area where there is one.
    pub(crate) fn move_on(&mut self, ue: u32) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let here = usize::from(slot.gnb);
        let others = || (1..self.areas.len()).map(|step| (here + step) % self.areas.len());
        let target =
            others().find(|&gnb| self.areas.get(gnb) != self.areas.get(here)).or_else(|| others().next());
        if let Some(gnb) = target {
            slot.gnb = u16::try_from(gnb).unwrap_or(slot.gnb);
        }
    }

    /// Octets of the UEs and their queues, heap included; from a sample where there are many.
    pub(crate) fn octets(&self) -> u64 {
        let flat = self.slots.capacity() * size_of::<Slot>()
            + self.queues.octets()
            + self.paged.capacity() * (size_of::<(u32, u32)>() + 1);
        let stride = (self.slots.len() / SAMPLE).max(1);
        let sampled: usize = self.slots.iter().step_by(stride).map(|slot| slot.ue.heap_octets()).sum();
        (flat + sampled * stride) as u64
    }
}

impl Slot {
    fn new(subscriber: &signalling::Subscriber, presence: Presence) -> Self {
        Self {
            ue: Device::new(subscriber),
            group: 0,
            gnb: 0,
            cell: 0,
            amf: 0,
            queued_for: QueuedFor::default(),
            presence,
            out_of_signal: false,
            recovers: false,
            handovers: 0,
            connection: 0,
            draws: 0,
        }
    }

    /// The number of the UE's next draw of chance.
    pub(crate) fn next_draw(&mut self) -> u32 {
        self.draws = self.draws.wrapping_add(1);
        self.draws
    }

    /// Whether the UE is in the state that the procedure begins in.
    fn is_able(&self, procedure: Procedure) -> bool {
        if self.presence != Presence::Here || self.out_of_signal || self.recovers {
            return false;
        }
        let (ue, needs) = (&self.ue, procedure.needs());
        ue.is_registered() == needs.registered
            && needs.connected.is_none_or(|connected| ue.is_connected() == connected)
            && needs.session.is_none_or(|session| ue.has_session() == session)
    }
}

/// The USIM of a subscriber.
pub(crate) fn usim(subscriber: &scenarios::Subscriber) -> signalling::Subscriber {
    signalling::Subscriber {
        imsi: subscriber.imsi,
        plmn: subscriber.plmn,
        k: subscriber.k,
        opc: subscriber.opc,
    }
}

/// Why there is no UE for an attempt.
fn nobody(procedure: Procedure) -> &'static str {
    match procedure.needs() {
        Needs { registered: false, .. } => "no-deregistered-subscriber",
        Needs { connected: Some(false), .. } => "no-idle-subscriber",
        Needs { connected: Some(true), .. } => "no-connected-subscriber",
        Needs { session: Some(false), .. } => "no-subscriber-without-session",
        Needs { session: Some(true), .. } => "no-subscriber-with-session",
        Needs { .. } => "no-registered-subscriber",
    }
}

/// Visiting UEs that a shard takes in at once.
const VISITORS_LIMIT: usize = 1 << 17;
/// UEs whose heap is added up for one report.
const SAMPLE: usize = 4096;
