//! The UEs of one shard, and where they camp.
//!
//! A UE is named by its number within the shard. The first numbers are the shard's own subscribers; the ones after them
//! are visiting UEs, who came by a handover from another shard and keep their number until they leave.

use std::collections::HashMap;

use identity::{Imsi, Plmn, Tac};
use scenarios::{Scenario, Shard};
use signalling::{Device, STmsi, UeSettings};

use super::settings;
use crate::seam::Standing;

/// Every UE of a shard.
pub(crate) struct Ues {
    slots: Vec<Slot>,
    /// How many of the slots are the shard's own subscribers'; the others are visiting UEs'.
    home: usize,
    free: Vec<u32>,
    settings: Vec<UeSettings>,
    areas: Vec<(Plmn, Tac)>,
    /// Whom the network pages by this 5G-TMSI. May be out of date: the UE knows.
    paged: HashMap<u32, u32>,
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
    pub(crate) presence: Presence,
    /// It receives no cell.
    pub(crate) out_of_signal: bool,
    /// It is being recovered, or waits for that: it is not for the load.
    pub(crate) recovers: bool,
    /// How it stands, as it was told last.
    pub(crate) reported: Standing,
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

impl Ues {
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
        Self { slots, home, free: Vec::new(), settings, areas, paged: HashMap::new() }
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

    // Other USIMs.

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
    pub(crate) fn arrive(&mut self, ue: u32, arrived: Device, group: u16, (gnb, cell): (u16, u16)) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        (slot.ue, slot.group, slot.gnb, slot.cell) = (arrived, group, gnb, cell);
        slot.presence = Presence::Here;
        slot.out_of_signal = false;
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, None);
    }

    /// What group the UE's subscription is of.
    pub(crate) fn group(&self, ue: u32) -> u16 {
        self.slots.get(ue as usize).map_or(0, |slot| slot.group)
    }

    /// The UE leaves for another shard. Its slot stays its own until [`Self::forget`].
    pub(crate) fn leave(&mut self, ue: u32) {
        let home = self.home;
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let before = slot.ue.s_tmsi();
        let subscriber = slot.ue.subscriber();
        slot.ue = Device::new(&subscriber);
        slot.presence = if (ue as usize) < home { Presence::Away } else { Presence::Expected };
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, before);
    }

    /// The visiting UE that left has arrived elsewhere, or the expected one will not come. `false` for a subscriber of this shard.
    pub(crate) fn forget(&mut self, ue: u32) -> bool {
        let home = self.home;
        let Some(slot) = self.slots.get_mut(ue as usize) else { return false };
        let is_freed = (ue as usize) >= home && slot.presence != Presence::Free;
        if is_freed {
            slot.presence = Presence::Free;
            self.free.push(ue);
        }
        is_freed
    }

    // From one holder of the shard to the next.

    /// The numbers of all that are here and have done something, or are visiting UEs.
    pub(crate) fn travelling(&self) -> Vec<u32> {
        let travels = |ue: &u32| {
            (*ue as usize) >= self.home || self.peek(*ue).is_some_and(|slot| !slot.is_as_planned())
        };
        self.present().filter(travels).collect()
    }

    /// The subscribers who are away, with their groups and draws.
    pub(crate) fn away(&self) -> impl Iterator<Item = (u32, u16, u32)> + '_ {
        let home = (0..).zip(self.slots.get(..self.home).unwrap_or_default());
        let away = home.filter(|(_, slot)| slot.presence == Presence::Away);
        away.map(|(ue, slot)| (ue, slot.group, slot.draws))
    }

    /// Makes a slot for the UE of this number where it has none: a visiting UE. `false` where there is no room.
    pub(crate) fn make_room(&mut self, ue: u32) -> bool {
        let place = ue as usize;
        if place >= self.home + VISITORS_LIMIT {
            return false;
        }
        let Some(nobody) = self.slots.first().map(|slot| slot.ue.subscriber()) else { return false };
        while self.slots.len() <= place {
            self.slots.push(Slot::new(&nobody, Presence::Free));
        }
        true
    }

    /// The subscriber is in another shard, or on its way there. `false` for a visiting UE.
    pub(crate) fn is_away(&mut self, ue: u32, group: u16, draws: u32) -> bool {
        let is_at_home = (ue as usize) < self.home;
        if let Some(slot) = self.slots.get_mut(ue as usize).filter(|_| is_at_home) {
            (slot.presence, slot.group, slot.draws) = (Presence::Away, group, draws);
        }
        is_at_home
    }

    /// Everybody has come who travelled: the slots that are left are free.
    pub(crate) fn all_have_come(&mut self) {
        let slots = (0..).zip(&self.slots);
        self.free = slots.filter(|(_, slot)| slot.presence == Presence::Free).map(|(ue, _)| ue).collect();
    }

    /// The UE is as it was when it was bought: switched off, with nothing stored.
    pub(crate) fn start_over(&mut self, ue: u32) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let before = slot.ue.s_tmsi();
        slot.ue = Device::new(&slot.ue.subscriber());
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, before);
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
        let flat =
            self.slots.capacity() * size_of::<Slot>() + self.paged.capacity() * (size_of::<(u32, u32)>() + 1);
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
            presence,
            out_of_signal: false,
            recovers: false,
            reported: if presence == Presence::Here { Standing::SWITCHED_OFF } else { Standing::default() },
            connection: 0,
            draws: 0,
        }
    }

    /// The number of the UE's next draw of chance.
    pub(crate) fn next_draw(&mut self) -> u32 {
        self.draws = self.draws.wrapping_add(1);
        self.draws
    }

    /// Whether it says nothing that the plan does not: it need not travel.
    fn is_as_planned(&self) -> bool {
        self.draws == 0 && !self.out_of_signal && !self.recovers
    }

    /// How it stands for what could begin with it.
    pub(crate) fn standing(&self, leaving: bool) -> Standing {
        Standing {
            is_here: self.presence == Presence::Here && !self.out_of_signal,
            registered: self.ue.is_registered(),
            connected: self.ue.is_connected(),
            session: self.ue.has_session(),
            idle: self.ue.is_idle_for_attempts(),
            leaving,
        }
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

/// Visiting UEs that a shard takes in at once.
const VISITORS_LIMIT: usize = 1 << 17;
/// UEs whose heap is added up for one report.
const SAMPLE: usize = 4096;
