//! How attempts begin.

use std::time::Instant;

use scenarios::SimSwap;
use signalling::{NodeEvent, Procedure, ReleaseCause, UeEvent};
use wire::away::AwayPlace;

use crate::campaign::{Begin, DueAttempt, End};
use crate::measure::{Begun, Comment, PartSet, Place};
use crate::ran::{Step, usim};
use crate::shard::{ShardAction, ShardRunner};

impl ShardRunner {
    pub(in crate::shard) fn begin(&mut self, attempt: DueAttempt, now: Instant, out: &mut Vec<ShardAction>) {
        let procedure = attempt.procedure;
        let name = procedure.name();
        let late = now.saturating_duration_since(attempt.due);
        self.shifted += u64::from(attempt.shifted);
        let attempts = &self.attempts;
        let handovers = &self.handovers;
        let is_busy = |ue| attempts.contains(ue) || handovers.departure(ue).is_some();
        let ue = match self.population.next_for(attempt.procedure, is_busy) {
            Ok(ue) => ue,
            Err(reason) => {
                let parts = self.parts_of(None, procedure, Some(attempt.load), attempt.due);
                self.recorder.due(name, parts);
                self.recorder.late(name, late);
                if self.ask_abroad(&attempt, parts, now, out) {
                    return;
                }
                // Whoever is in the middle of something could have been taken otherwise.
                let busy = self.attempts.ues().chain(self.handovers.leaving()).take(LOOKED_AT);
                let busy = { busy }.any(|ue| self.population.is_able(ue, attempt.procedure));
                let reason = match () {
                    () if busy => BUSY,
                    () if self.population.has_away() => AWAY,
                    () => reason,
                };
                return self.recorder.never_started(name, parts, reason, 1);
            }
        };
        let parts = self.parts_of(Some(ue), procedure, Some(attempt.load), attempt.due);
        self.recorder.due(name, parts);
        let begin = Begin { due: attempt.due, now, parts, answered: true, scheduled: true };
        self.attempts.begin(ue, procedure, begin, &mut self.recorder);
        let due = self.start.map(|start| attempt.due.saturating_duration_since(start)).unwrap_or_default();
        let scheduled = || Comment::Scheduled { attempt: format!("{name} {}", attempt.index), due, late };
        self.tracer.begins(ue, scheduled);
        self.start_procedure(ue, procedure, now, out);
    }

    /// Whether the UE is in the middle of something, or of something that is done to it.
    pub(in crate::shard) fn is_busy(&self, ue: u32) -> bool {
        self.attempts.contains(ue)
            || self.handovers.departure(ue).is_some()
            || self.population.peek(ue).is_some_and(|slot| slot.recovers)
    }

    pub(in crate::shard) fn start_procedure(
        &mut self,
        ue: u32,
        procedure: Procedure,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        match procedure {
            Procedure::MobilityRegistrationUpdate => {
                self.leave_cell(ue, now, out);
                self.population.move_on(ue);
                self.ue(ue, UeEvent::Start(procedure), now, out);
            }
            Procedure::PduSession => {
                let supi = self.population.imsi(ue);
                match supi.and_then(|supi| self.user_plane.request(ue, supi)) {
                    Some(request) => self.ue(ue, UeEvent::EstablishSession(&request), now, out),
                    None => self.end_attempt(ue, procedure, &End::Failed("no-session-template".into()), now),
                }
            }
            Procedure::HandoverN2 | Procedure::HandoverXn => {
                if self.access.is_connected(ue) {
                    self.start_handover(ue, procedure, now, out);
                } else {
                    // An idle UE is connected first, as data in either direction would have done.
                    self.preludes.insert(ue, procedure);
                    self.ue(ue, UeEvent::Start(Procedure::ServiceRequest), now, out);
                }
            }
            Procedure::UeContextRelease => self.release_context(ue, now, out),
            Procedure::SimSwap => self.swap_usim(ue, now, out),
            _ => self.ue(ue, UeEvent::Start(procedure), now, out),
        }
    }

    /// The UE begins this by itself, as far as the load knows: an impairment made it.
    pub(in crate::shard) fn begin_by_itself(
        &mut self,
        ue: u32,
        procedure: Procedure,
        why: &str,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.began_itself(ue, procedure, now);
        self.tracer.begins(ue, || Comment::Begins(format!("{} begins: {why}", procedure.name())));
        self.start_procedure(ue, procedure, now, out);
    }

    /// Counts what no load has planned. Only a UE that is switched off deregisters of itself, and nobody answers that
    /// (TS 24.501 §5.5.2.2.2).
    pub(in crate::shard) fn began_itself(&mut self, ue: u32, procedure: Procedure, now: Instant) {
        let parts = self.parts_of(Some(ue), procedure, None, now);
        self.recorder.self_started(procedure.name(), parts);
        let answered = procedure != Procedure::Deregistration;
        let begin = Begin { due: now, now, parts, answered, scheduled: false };
        self.attempts.begin(ue, procedure, begin, &mut self.recorder);
    }

    /// The parts of the attempts that this one belongs to.
    fn parts_of(&self, ue: Option<u32>, procedure: Procedure, load: Option<usize>, due: Instant) -> PartSet {
        let place = ue.filter(|_| !self.parts.is_empty()).and_then(|ue| self.place_of(ue, procedure));
        self.parts_at(place, procedure, load, due)
    }

    /// The same of an attempt that was made at this place, in whatever shard that is.
    pub(in crate::shard) fn parts_at(
        &self,
        place: Option<AwayPlace>,
        procedure: Procedure,
        load: Option<usize>,
        due: Instant,
    ) -> PartSet {
        if self.parts.is_empty() {
            return PartSet::default();
        }
        let scenario = self.plan.scenario();
        let due = self.start.map(|start| due.saturating_duration_since(start)).unwrap_or_default();
        let place = place.filter(|place| place.gnb < scenario.cells.nodes).map(|place| {
            let session = place.session.and_then(|session| scenario.sessions.get(session as usize));
            Place {
                network: scenario.cells.node(place.gnb).plmn,
                gnb: place.gnb,
                session: session.map(|session| (&session.dnn, session.slice)),
            }
        });
        self.parts.with(&Begun { procedure: procedure.name(), load, due, place })
    }

    /// Where the UE is, and the session that it has or asks for.
    pub(in crate::shard) fn place_of(&self, ue: u32, procedure: Procedure) -> Option<AwayPlace> {
        let gnb = self.population.peek(ue)?.gnb;
        let session = match procedure {
            Procedure::PduSession => self.user_plane.next_session(),
            _ => self.user_plane.session_of(ue),
        };
        let session = session.and_then(|session| u32::try_from(session).ok());
        Some(AwayPlace { gnb: self.shard.nodes.get(usize::from(gnb))?.index, session })
    }

    /// A UE that moves while connected loses its old cell first; there is no handover in this.
    fn leave_cell(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        if let Some(gnb) = self.access.disconnect(ue) {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
            self.ue(ue, UeEvent::ConnectionReleased, now, out);
        }
    }

    /// The gNB asks for the release of a UE that is connected (TS 38.413 §8.3.2).
    fn release_context(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(gnb) = self.access.gnb_of(ue) else {
            let end = End::Failed("no-connection".into());
            return self.end_attempt(ue, Procedure::UeContextRelease, &end, now);
        };
        self.handovers.steps.set(Step::Unreleased { ue }, now + RELEASE_WAIT);
        let event = NodeEvent::RequestRelease { ue, cause: ReleaseCause::UserInactivity };
        self.gnb(self.interface_of(gnb, ue), event, now, out);
    }

    /// Another USIM in the device. The network learns of it by the registration alone.
    fn swap_usim(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(before) = self.population.peek(ue).map(|slot| slot.ue.subscriber()) else { return };
        let attempts = &self.attempts;
        let after = match self.plan.scenario().sim_swap {
            SimSwap::NewKeys => self.plan.scenario().find_subscriber(before.imsi).map(|found| {
                // The card before may be a replacement itself.
                usim(&scenarios::Subscriber { k: before.k, ..found }.after_swap())
            }),
            SimSwap::OtherIdentity => {
                let other = self.population.find_deregistered(ue, |ue| attempts.contains(ue));
                let theirs = other.and_then(|other| self.population.peek(other));
                let theirs = theirs.map(|slot| slot.ue.subscriber());
                if let Some(other) = other.filter(|_| theirs.is_some()) {
                    self.population.swap_groups(ue, other);
                    self.ue(other, UeEvent::SwapUsim(before), now, out);
                }
                theirs
            }
        };
        let Some(after) = after else {
            let end = End::Failed("no-other-subscriber".into());
            return self.end_attempt(ue, Procedure::SimSwap, &end, now);
        };
        let gnb = self.access.disconnect(ue);
        self.ue(ue, UeEvent::SwapUsim(after), now, out);
        if let Some(gnb) = gnb {
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        }
        self.ue(ue, UeEvent::Start(Procedure::Registration), now, out);
    }
}

/// Why an attempt has no UE, though there are some in the right state.
const BUSY: &str = "busy";
/// Why an attempt has no UE, where handovers have taken subscribers to other shards.
const AWAY: &str = "away-in-another-shard";
/// UEs that are looked at to tell why there is none for an attempt.
const LOOKED_AT: usize = 4096;
/// How long the release of a UE may take: TS 38.413 leaves it to the gNB.
const RELEASE_WAIT: std::time::Duration = std::time::Duration::from_secs(10);
