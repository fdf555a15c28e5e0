//! Handovers at the target (TS 38.413 §8.4.2, TS 23.502 §4.9.1): whom a gNB admits, and how a UE of another shard comes.

use std::time::{Duration, Instant};

use identity::CellId;
use signalling::{Device, NodeEvent, UeEvent};

use crate::ran::{Cell, ExpectedUe, Step, Target};
use crate::shard::campaign::Ending;
use crate::shard::{ShardAction, ShardRunner};
use crate::transfer::{Encrypted, EncryptedId, UeContext, UeContextTransfer, Who, timer_of};

impl ShardRunner {
    /// A UE wants to come to a gNB of this shard.
    pub(in crate::shard) fn handover_requested(
        &mut self,
        interface: u16,
        handle: u32,
        cell: u32,
        container: &[u8],
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let (number, amf) = (self.gnb_of(interface), self.amf_of(interface));
        let amf = u8::try_from(amf).unwrap_or_default();
        let admitted = match self.open_ue_context_transfer(number, cell, container, now) {
            Err(why) => Err(Some(why)),
            Ok(transfer) if transfer.refused => Err(None),
            Ok(transfer) => self.admit(number, amf, cell, transfer, now).map_err(Some),
        };
        let event = match admitted {
            Ok(ue) => NodeEvent::AdmitHandover { handle, ue },
            Err(why) => {
                if let Some(why) = why {
                    self.recorder.unexpected(&why);
                }
                NodeEvent::RefuseHandover { handle }
            }
        };
        self.gnb(interface, event, now, out);
    }

    /// Opens what the source has sealed, where it was sealed for this cell and comes for the first time.
    fn open_ue_context_transfer(
        &mut self,
        number: u16,
        cell: u32,
        container: &[u8],
        now: Instant,
    ) -> Result<UeContextTransfer, String> {
        let transfer = self
            .encryption
            .open::<UeContextTransfer>(Encrypted::UeContextTransfer, container)
            .map_err(|error| error.to_string())?;
        let here = self.shard.nodes.get(usize::from(number)).map(|gnb| CellId { node: gnb.node_id, cell });
        if here != Some(transfer.to) {
            return Err("sealed-ue-misdirected".to_owned());
        }
        let id = EncryptedId::of(container).ok_or("sealed-ue-misdirected")?;
        let now_us = self.run_us(now);
        let taken = self.handovers.taken.take(id, transfer.sealed_us, now_us);
        taken.map(|()| transfer).map_err(|refusal| refusal.to_string())
    }

    fn admit(
        &mut self,
        number: u16,
        amf: u8,
        cell: u32,
        transfer: UeContextTransfer,
        now: Instant,
    ) -> Result<u32, String> {
        match transfer.who {
            Who::Neighbour { shard, ue } => {
                let coming = self.handovers.departure(ue).is_some_and(|departure| {
                    departure.commanded.is_none()
                        && matches!(departure.target, Target::Here(to) if to.gnb == number)
                });
                if shard != self.number || !coming {
                    return Err("handover-of-nobody".into());
                }
                if let Some(departure) = self.handovers.departure_mut(ue) {
                    departure.amf = Some(amf);
                }
                Ok(ue)
            }
            Who::UeContext(ue_context) => {
                if !self.takes_whom_it_was_sent(now) {
                    return Err("handover-after-the-end".into());
                }
                let home = ue_context.home;
                let at_home = (home.shard == self.number).then_some(home.ue);
                // One whose departure is not over yet comes back too soon.
                if at_home.is_some_and(|ue| self.handovers.departure(ue).is_some()) {
                    return Err("handover-back-too-soon".into());
                }
                let ue = self.population.expect(at_home).ok_or("handover-without-room")?;
                if self.handovers.arrival(number, ue).is_some() {
                    return Err("handover-twice".into());
                }
                self.handovers.touch(now);
                self.handovers.expect(
                    number,
                    ue,
                    ExpectedUe { ue_context, cell, amf, arrives: transfer.arrives },
                );
                Ok(ue)
            }
        }
    }

    /// Whether a UE that comes now can still arrive here. A shard that is to move takes those that come while it waits for the
    /// ends of its own attempts: they travel on with the rest.
    fn takes_whom_it_was_sent(&self, now: Instant) -> bool {
        match self.ending {
            Ending::Running => true,
            Ending::Settling => self.end.is_some_and(|end| now + ON_ITS_WAY <= end),
            Ending::Closing { .. } | Ending::Closed | Ending::GivenUp => false,
        }
    }

    /// The UE of another agent has left its source.
    pub(in crate::shard) fn handover_expected(&mut self, number: u16, ue: u32, now: Instant) {
        if !self.handovers.arrival(number, ue).is_some_and(|arrival| arrival.arrives) {
            return;
        }
        self.handovers.touch(now);
        let median = self.plan.scenario().mobility.interruption;
        let Some(slot) = self.population.slot(ue) else { return };
        let mut draw = self.access.draw(ue, slot);
        let at = now + self.access.interruption(median, &mut draw);
        self.handovers.steps.set(Step::Arrive { gnb: number, ue }, at);
    }

    pub(super) fn arrive_from_elsewhere(
        &mut self,
        gnb: u16,
        ue: u32,
        arrival: ExpectedUe,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let ExpectedUe { ue_context, cell, amf, .. } = arrival;
        let UeContext { home, group, state, timers, session_contexts } = *ue_context;
        self.handovers.touch(now);
        let arrived = Device::import(state);
        let supi = arrived.imsi();
        let sessions: Vec<_> = arrived.sessions().map(|session| (supi, session.clone())).collect();
        if arrived.is_registered() {
            self.registered += 1;
        }
        let place = (gnb, u16::try_from(cell).unwrap_or_default());
        self.population.arrive(ue, arrived, home, group, place);
        if let Some(slot) = self.population.slot(ue) {
            slot.amf = amf;
        }
        self.arm(ue, &timers, now);
        self.access.arrive(ue, Cell { gnb, cell }, now);
        if let Some(network) = self.population.plmn_of(gnb) {
            self.user_plane.arrive(ue, &sessions, &session_contexts, gnb, network, now);
        }
        self.throttle_as_cell(ue, now);
        self.gnb(self.interface_of(gnb, ue), NodeEvent::HandoverArrived { ue }, now, out);
        self.ue(ue, UeEvent::CellChanged, now, out);
        if self.losses.hit(&home) {
            self.give_visitor_up(ue, now);
        }
    }

    /// Arms the timers that a UE has brought along.
    pub(in crate::shard) fn arm(&mut self, ue: u32, timers: &[(u8, u64)], now: Instant) {
        for &(timer, left_us) in timers {
            if let Some(timer) = timer_of(timer) {
                self.ue_timers.set((ue, timer), now + Duration::from_micros(left_us));
            }
        }
    }
}

/// How long a UE may take from the preparation to its arrival.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
