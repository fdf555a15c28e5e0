//! Events for a UE, and what it wants done.

use std::time::Instant;

use billing::Closing;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use scenarios::stream_seed;
use signalling::{
    Cause, ConnectionRefusal, Context, NodeEvent, Outcome, Procedure, ReleaseCause, UeAction, UeEvent,
};

use crate::campaign::End;
use crate::measure::Comment;
use crate::ran::{Arrival, Cell, Delivery, Presence, Sent};
use crate::shard::{SEED_OF_UES, ShardAction, ShardRunner};

impl ShardRunner {
    /// Delivers what is due over the air; with an ideal radio, an answer goes out at the instant of its question.
    pub(in crate::shard) fn deliver_arrived(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        while let Some((arrival, cell)) = self.access.pop_arrived(now) {
            self.arrived_at = arrival.at;
            self.deliver(arrival, cell, now, out);
            self.arrived_at = None;
        }
    }

    fn deliver(&mut self, arrival: Arrival, cell: Option<Cell>, now: Instant, out: &mut Vec<ShardAction>) {
        let Arrival { ue, connection: number, delivery, .. } = arrival;
        let current = self.population.slot(ue).is_some_and(|slot| slot.connection == number);
        let refused_or_paged = matches!(delivery, Delivery::Refused(_) | Delivery::Paged);
        if !current || !(refused_or_paged || cell.is_some()) {
            return;
        }
        let Cell { gnb, cell } = cell.unwrap_or(Cell { gnb: 0, cell: 0 });
        match delivery {
            // The account is closed: nobody comes any more.
            Delivery::Connect { .. } if !self.receives() => {}
            Delivery::Connect { nas, cause, s_tmsi } => {
                self.access.establish(ue);
                let interface = self.select_amf(gnb, ue, s_tmsi, now, out);
                if self.is_barred(interface, ue, cause) {
                    let refused = Delivery::Refused(ConnectionRefusal::BarredByOverload);
                    return self.over_the_air(ue, refused, now);
                }
                let amf = self.amf_of(interface);
                self.count_amf(amf, |counts| counts.connections += 1);
                self.gnb(interface, NodeEvent::Connect { ue, cell, nas: &nas, cause, s_tmsi }, now, out);
            }
            Delivery::Uplink(nas) => {
                self.gnb(self.interface_of(gnb, ue), NodeEvent::Uplink { ue, nas: &nas }, now, out);
            }
            // What a UE takes to another shard was packed when its handover began: what it received after that would stay behind. The
            // core's timers repeat it where the UE arrives.
            Delivery::Downlink(_) if self.handovers.has_packed(ue) => {
                self.recorder.unexpected("nas-while-leaving");
            }
            Delivery::Downlink(nas) => self.ue(ue, UeEvent::Downlink(&nas), now, out),
            Delivery::Released => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionReleased, now, out);
            }
            Delivery::Refused(refusal) => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionRefused(refusal), now, out);
            }
            Delivery::Paged => self.ue(ue, UeEvent::Paged, now, out),
        }
    }

    /// Gives a UE an event and carries out what it wants. A UE that is not here receives nothing.
    pub(in crate::shard) fn ue(
        &mut self,
        ue: u32,
        event: UeEvent<'_>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let mut actions = std::mem::take(&mut self.ue_actions);
        let seed = self.seed;
        if !self.is_at_rest()
            && let Some((slot, settings, tai)) = self.population.camped(ue)
            && slot.presence == Presence::Here
        {
            let draw = slot.next_draw();
            let mut rng =
                SmallRng::seed_from_u64(stream_seed(seed, &[SEED_OF_UES, u64::from(ue), u64::from(draw)]));
            let (registered, identity) = (slot.ue.is_registered(), slot.ue.s_tmsi());
            slot.ue.handle(event, &mut Context { now, rng: &mut rng, settings, tai }, &mut actions);
            match (registered, slot.ue.is_registered()) {
                (false, true) => self.registered += 1,
                (true, false) => self.registered = self.registered.saturating_sub(1),
                _ => {}
            }
            self.population.note_identity(ue, identity);
        }
        for action in actions.drain(..) {
            self.carry_out(ue, action, now, out);
        }
        self.ue_actions = actions;
        self.enqueue_ready(ue);
    }

    /// A UE that attempts nothing waits in the queues of what it could attempt.
    pub(in crate::shard) fn enqueue_ready(&mut self, ue: u32) {
        if !self.attempts.contains(ue) {
            self.population.enqueue(ue);
        }
    }

    fn carry_out(&mut self, ue: u32, action: UeAction, now: Instant, out: &mut Vec<ShardAction>) {
        match action {
            UeAction::Connect { nas, cause, s_tmsi } => {
                self.connect(ue, Delivery::Connect { nas, cause, s_tmsi }, now);
            }
            UeAction::Uplink(nas) => self.over_the_air(ue, Delivery::Uplink(nas), now),
            UeAction::ReleaseConnection => self.access.drop_by_ue(ue, now),
            UeAction::SetTimer(timer, after) => self.ue_timers.set((ue, timer), now + after),
            UeAction::StopTimer(timer) => self.ue_timers.stop((ue, timer)),
            UeAction::Started(procedure) => {
                self.began_itself(ue, procedure, now);
                let begins = || format!("{} begins, started by the UE itself", procedure.name());
                self.tracer.begins(ue, || Comment::Begins(begins()));
            }
            UeAction::Finished { procedure, outcome } => self.finished(ue, procedure, outcome, now, out),
            UeAction::Deregistered => self.recorder.unexpected("deregistered-by-network"),
            UeAction::SessionUp(session) => {
                let network = self.population.peek(ue).and_then(|slot| self.population.plmn_of(slot.gnb));
                if let (Some(supi), Some(serving)) = (self.population.imsi(ue), network) {
                    self.user_plane.session_up(ue, supi, serving, &session, now);
                    self.throttle_as_cell(ue, now);
                }
            }
            UeAction::SessionDown { id } => {
                let registered = self.population.peek(ue).is_some_and(|slot| slot.ue.is_registered());
                let closing = if registered { Closing::Released } else { Closing::Deregistered };
                self.user_plane.session_down(ue, id, closing, now);
            }
            UeAction::Unexpected(kind) => {
                self.attempts.discarded(ue, kind);
                self.recorder.unexpected(kind);
            }
        }
    }

    fn finished(
        &mut self,
        ue: u32,
        procedure: Procedure,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if procedure == Procedure::PduSession
            && outcome != Outcome::Succeeded
            && outcome != Outcome::Failed(Cause::SessionExists)
        {
            self.user_plane.not_granted(ue, now);
        }
        if self.recovered(ue, procedure, &outcome) {
            return;
        }
        if procedure == Procedure::ServiceRequest
            && let Some(handover) = self.preludes.remove(&ue)
        {
            return match outcome {
                Outcome::Succeeded if self.access.is_connected(ue) => {
                    self.start_handover(ue, handover, now, out);
                }
                Outcome::Succeeded => {
                    self.end_attempt(ue, handover, &End::Failed("no-connection".into()), now);
                }
                _ => self.end_attempt(ue, handover, &outcome.into(), now),
            };
        }
        // The registration with a new USIM is the end of the swap.
        let swapping = procedure == Procedure::Registration && self.attempts.is(ue, Procedure::SimSwap);
        let procedure = if swapping { Procedure::SimSwap } else { procedure };
        self.end_attempt(ue, procedure, &outcome.into(), now);
    }

    /// The attempt of a UE has ended.
    pub(in crate::shard) fn end_attempt(&mut self, ue: u32, procedure: Procedure, end: &End, now: Instant) {
        let latency = self.attempts.latency_of(ue, procedure, now);
        if !self.attempts.end(ue, procedure, end, now, &mut self.recorder) {
            self.recorder.unexpected("outcome-without-attempt");
            return;
        }
        if matches!(procedure, Procedure::PduSessionRelease | Procedure::Deregistration)
            && *end != End::Succeeded
            && let Some(slot) = self.population.peek(ue)
            && let Some(network) = self.population.plmn_of(slot.gnb)
        {
            self.user_plane.moved(ue, slot.gnb, network, now);
        }
        let name = procedure.name();
        match end {
            End::Succeeded => {
                if let Some(latency) = latency {
                    self.tracer.succeeded(ue, name, latency);
                }
            }
            End::Failed(cause) => {
                self.tracer.failed(ue, format!("{name} failed: {cause}"));
                self.count_cost(ue, cause);
            }
            End::Abandoned(reason) => self.tracer.failed(ue, format!("{name} abandoned: {reason}")),
            End::TimedOut(timer) => self.tracer.failed(ue, format!("{name} timed out: {timer}")),
        }
        self.enqueue_ready(ue);
    }

    fn connect(&mut self, ue: u32, first: Delivery, now: Instant) {
        self.lost_by_reconnecting(ue, now);
        let Some(slot) = self.population.slot(ue) else { return };
        let cell = Cell { gnb: slot.gnb, cell: u32::from(slot.cell) };
        if slot.out_of_signal {
            self.access.refuse(ue, slot, ConnectionRefusal::RadioLinkFailure, now);
        } else {
            let lost = self.access.connect(ue, slot, cell, first, now);
            self.trace_lost(ue, lost, now);
        }
    }

    /// Sends a message over the UE's connection; without one it goes nowhere.
    pub(in crate::shard) fn over_the_air(&mut self, ue: u32, delivery: Delivery, now: Instant) {
        let Some(slot) = self.population.slot(ue) else { return };
        match self.access.send(ue, slot, delivery, now) {
            Sent::OnItsWay => {}
            Sent::Lost(delivery) => self.trace_lost(ue, Some(delivery), now),
            Sent::Nowhere => self.recorder.unexpected("message-without-connection"),
        }
    }

    /// The gNB asks the core to release a connection that nobody uses, or that the UE has dropped.
    pub(in crate::shard) fn check_inactivity(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(gnb) = self.access.gnb_of(ue) else { return };
        let user_data = self.user_plane.last_used(ue);
        if !self.population.peek(ue).is_some_and(|slot| slot.ue.is_connected()) {
            self.access.disconnect(ue);
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        } else if self.access.is_inactive(ue, user_data, now) {
            self.request_release(ue, gnb, ReleaseCause::UserInactivity, now, out);
        }
    }

    pub(in crate::shard) fn request_release(
        &mut self,
        ue: u32,
        gnb: u16,
        cause: ReleaseCause,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.gnb(self.interface_of(gnb, ue), NodeEvent::RequestRelease { ue, cause }, now, out);
    }
}
