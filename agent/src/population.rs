//! The subscribers of one shard: their UEs, where they camp, and which of them is next in line for an attempt.

use std::collections::VecDeque;

use identity::{Plmn, Tac};
use scenarios::{Procedure, Scenario, Shard, SuciScheme};
use signalling::{Ue, UeSettings};

/// Every UE of a shard. A UE is named by its number within the shard.
pub(crate) struct Population {
    slots: Vec<Slot>,
    settings: Vec<UeSettings>,
    areas: Vec<(Plmn, Tac)>,
    cells: u32,
    deregistered: VecDeque<u32>,
    registered: VecDeque<u32>,
}

pub(crate) struct Slot {
    pub(crate) ue: Ue,
    group: u16,
    /// Number of the gNB within the shard.
    pub(crate) gnb: u16,
    line: Line,
    /// The number of the UE's present or next connection; a message in the air for another one is void.
    pub(crate) connection: u32,
    /// How often chance decided something for this UE.
    draws: u32,
}

/// In which queue the UE waits for an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    None,
    Deregistered,
    Registered,
}

impl Population {
    pub(crate) fn new(scenario: &Scenario, shard: &Shard) -> Self {
        let settings: Vec<UeSettings> =
            scenario.subscribers.iter().map(|group| ue_settings(scenario, &group.suci)).collect();
        let areas: Vec<(Plmn, Tac)> = shard.gnbs.iter().map(|gnb| (gnb.plmn, gnb.tac)).collect();
        let gnbs = areas.len().max(1);
        let slots: Vec<Slot> = (0..shard.subscriber_count())
            .filter_map(|local| shard.subscriber(local))
            .enumerate()
            .map(|(number, subscriber)| Slot {
                ue: Ue::new(&signalling::Subscriber {
                    imsi: subscriber.imsi,
                    plmn: subscriber.plmn,
                    k: subscriber.k,
                    opc: subscriber.opc,
                }),
                group: u16::try_from(subscriber.group).unwrap_or(u16::MAX),
                gnb: u16::try_from(number % gnbs).unwrap_or_default(),
                line: Line::Deregistered,
                connection: 0,
                draws: 0,
            })
            .collect();
        let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let cells = shard.gnbs.first().map_or(1, |gnb| gnb.cells.max(1));
        Self {
            slots,
            settings,
            areas,
            cells,
            deregistered: (0..count).collect(),
            registered: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn slot(&mut self, ue: u32) -> Option<&mut Slot> {
        self.slots.get_mut(ue as usize)
    }

    /// The UE with what it needs to handle an event: its settings and where it camps.
    pub(crate) fn camped(&mut self, ue: u32) -> Option<(&mut Slot, &UeSettings, (Plmn, Tac))> {
        let slot = self.slots.get_mut(ue as usize)?;
        let settings = self.settings.get(usize::from(slot.group))?;
        let area = *self.areas.get(usize::from(slot.gnb))?;
        Some((slot, settings, area))
    }

    /// The cell of its gNB that the UE is in.
    pub(crate) fn cell(&self, ue: u32) -> u32 {
        let gnbs = u32::try_from(self.areas.len().max(1)).unwrap_or(1);
        ue / gnbs % self.cells
    }

    /// The UEs with this temporary identity, of those that a page concerns.
    pub(crate) fn find_paged(&self, s_tmsi: signalling::STmsi) -> Option<u32> {
        let found = self.slots.iter().position(|slot| slot.ue.s_tmsi() == Some(s_tmsi))?;
        u32::try_from(found).ok()
    }

    /// Chooses the UE for an attempt: the one that has waited longest among those in the right state.
    pub(crate) fn next_for(
        &mut self,
        procedure: Procedure,
        is_busy: impl Fn(u32) -> bool,
    ) -> Result<u32, &'static str> {
        let line = if procedure == Procedure::Registration { Line::Deregistered } else { Line::Registered };
        // A few that are in the middle of something are passed over; a line of nothing else gives up soon.
        for _ in 0..PASSED_OVER_LIMIT {
            let queue = if line == Line::Registered { &mut self.registered } else { &mut self.deregistered };
            let Some(ue) = queue.pop_front() else { break };
            let Some(slot) = self.slots.get_mut(ue as usize) else { continue };
            if slot.line != line {
                continue;
            }
            slot.line = Line::None;
            let suits = match procedure {
                Procedure::Registration => !slot.ue.is_registered(),
                Procedure::ServiceRequest => slot.ue.is_registered() && !slot.ue.is_connected(),
                _ => slot.ue.is_registered(),
            };
            if suits && slot.ue.is_idle_for_attempts() && !is_busy(ue) {
                return Ok(ue);
            }
            self.enqueue(ue);
        }
        Err(match procedure {
            Procedure::Registration => "no-deregistered-subscriber",
            Procedure::ServiceRequest => "no-idle-subscriber",
            _ => "no-registered-subscriber",
        })
    }

    /// The UE is free for another attempt and goes to the end of its line.
    pub(crate) fn enqueue(&mut self, ue: u32) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let (queue, line) = if slot.ue.is_registered() {
            (&mut self.registered, Line::Registered)
        } else {
            (&mut self.deregistered, Line::Deregistered)
        };
        if slot.line == line {
            return;
        }
        slot.line = line;
        queue.push_back(ue);
        if queue.len() > 2 * self.slots.len() {
            // UEs that changed line left stale entries behind: keep the last valid one of each.
            let slots = &self.slots;
            let mut kept = vec![false; slots.len()];
            queue.retain(|&waiting| {
                let valid = slots.get(waiting as usize).is_some_and(|slot| slot.line == line);
                valid && kept.get_mut(waiting as usize).is_some_and(|seen| !std::mem::replace(seen, true))
            });
        }
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
            + (self.deregistered.capacity() + self.registered.capacity()) * size_of::<u32>();
        let stride = (self.slots.len() / SAMPLE).max(1);
        let sampled: usize = self.slots.iter().step_by(stride).map(|slot| slot.ue.heap_octets()).sum();
        (flat + sampled * stride) as u64
    }
}

impl Slot {
    /// The number of the UE's next draw of chance.
    pub(crate) fn next_draw(&mut self) -> u32 {
        self.draws = self.draws.wrapping_add(1);
        self.draws
    }
}

fn ue_settings(scenario: &Scenario, suci: &SuciScheme) -> UeSettings {
    UeSettings {
        suci: match suci {
            SuciScheme::Null => signalling::SuciScheme::Null,
            SuciScheme::ProfileA { key_id, public_key, .. } => {
                signalling::SuciScheme::ProfileA { key_id: *key_id, public_key: *public_key }
            }
            SuciScheme::ProfileB { key_id, public_key, .. } => match public_key.as_slice().try_into() {
                Ok(public_key) => signalling::SuciScheme::ProfileB { key_id: *key_id, public_key },
                Err(_) => unreachable!("a checked scenario has compressed public keys of 33 octets"),
            },
        },
        ciphering: scenario.nas.ciphering.clone(),
        integrity: scenario.nas.integrity.clone(),
        requested_slices: scenario.cells.slices.clone(),
        retry: match scenario.nas.retry {
            scenarios::Retry::Never => signalling::Retry::Never,
            scenarios::Retry::AsSpecified => signalling::Retry::AsSpecified,
        },
        t3512: scenario.nas.t3512,
    }
}

/// The procedure of the protocol for a procedure of the scenario.
pub(crate) fn procedure_of(procedure: Procedure) -> signalling::Procedure {
    match procedure {
        Procedure::Registration => signalling::Procedure::Registration,
        Procedure::Deregistration => signalling::Procedure::Deregistration,
        Procedure::ServiceRequest => signalling::Procedure::ServiceRequest,
        Procedure::MobilityRegistrationUpdate => signalling::Procedure::MobilityRegistrationUpdate,
        Procedure::PeriodicRegistrationUpdate => signalling::Procedure::PeriodicRegistrationUpdate,
        Procedure::PduSession => signalling::Procedure::PduSession,
        Procedure::PduSessionModification => signalling::Procedure::PduSessionModification,
        Procedure::PduSessionRelease => signalling::Procedure::PduSessionRelease,
        Procedure::HandoverN2 => signalling::Procedure::HandoverN2,
        Procedure::HandoverXn => signalling::Procedure::HandoverXn,
        Procedure::UeContextRelease => signalling::Procedure::UeContextRelease,
        Procedure::SimSwap => signalling::Procedure::SimSwap,
    }
}

/// UEs in the middle of something that one choice passes over.
const PASSED_OVER_LIMIT: usize = 64;
/// UEs whose heap is added up for one report.
const SAMPLE: usize = 4096;
