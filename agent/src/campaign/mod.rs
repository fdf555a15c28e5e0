//! The campaign of a shard: what is due, what was begun, and what became of it. It knows procedures and UEs by their numbers; the rest it
//! leaves to a [`RadioNetwork`].

mod abroad;
mod arrived;
mod attempts;
mod ending;
mod pacer;
mod ready_queues;
mod ready_ues;
mod recovery;
mod rows;
mod standstills;
mod takeover;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use identity::Procedure;
use scenarios::Plan;
use wire::away::AwayPlace;
use wire::to_agent::{Lease, Takeover};
use wire::to_coordinator::IntervalReport;

use crate::measure::{AttemptRows, Begun, PartSet, Parts, Place, Recorder};
use crate::seam::{End, Handover, RadioEvent, RadioNetwork, ScheduleClock, Start, StartCause, Task};
use crate::time::micros;
use abroad::Abroad;
use arrived::Arrived;
use attempts::{Attempts, Begin, Ended, First, Owner};
use ending::Ending;
use pacer::DueAttempt;
pub(crate) use pacer::Pacer;
use ready_ues::ReadyUes;
use recovery::Recovery;
use standstills::{Standstills, StoodStill};

/// The campaign of one leased shard. Sans-IO: time is an argument, and what it starts it starts in the [`RadioNetwork`] that it is
/// given at each call.
pub struct Campaign {
    run: String,
    number: u32,
    epoch: u64,
    plan: Plan,
    clock: ScheduleClock,
    pacer: Pacer,
    ready: ReadyUes,
    attempts: Attempts,
    /// The attempts whose first message is on its way out, by the message.
    first_messages: HashMap<u64, First>,
    /// What other shards were asked for.
    abroad: Abroad,
    parts: Parts,
    recorder: Recorder,
    ending: Ending,
    sequence: u64,
    reported_to: Duration,
    /// How the shard is taken over, until it is.
    takeover: Option<Takeover>,
    /// When UEs of its last holder were taken over.
    taken_over: Option<Instant>,
    arrived: Arrived,
    recovery: Recovery,
    /// What is still to be recovered, of a shard at rest.
    broken_off: Option<HashMap<u32, Task>>,
    /// The last visitor audit that was answered, and when.
    audit_answered: Option<(u64, Instant)>,
    shifted: u64,
    standstills: Standstills,
    reports_dropped: u64,
}

impl Campaign {
    /// The campaign of a lease.
    ///
    /// # Panics
    /// When the plan does not have that shard: check it first.
    pub fn new(plan: &Plan, lease: &Lease) -> Self {
        let (scenario, shard) = (plan.scenario(), plan.shard(lease.shard));
        let subscribers = u32::try_from(shard.subscriber_count()).unwrap_or(u32::MAX);
        let takeover = lease.takeover.as_ref();
        let rows = AttemptRows::new(lease.rows, plan.seed(), lease.shard);
        Self {
            run: lease.run.clone(),
            number: lease.shard,
            epoch: lease.epoch,
            plan: plan.clone(),
            clock: ScheduleClock::default(),
            pacer: Pacer::new(shard.schedules(), &lease.resume_at),
            ready: ReadyUes::new(subscribers, scenario.load.iter().map(|load| load.procedure)),
            attempts: Attempts::new(),
            first_messages: HashMap::new(),
            abroad: Abroad::default(),
            parts: Parts::of(scenario),
            recorder: Recorder::new(scenario.generator.late).with(rows),
            ending: Ending::after(plan.duration(), scenario.drain),
            sequence: 0,
            reported_to: Duration::from_micros(takeover.map_or(0, |takeover| takeover.from_us)),
            takeover: lease.takeover.clone(),
            taken_over: None,
            arrived: Arrived::expecting(takeover.map_or(0, |takeover| takeover.batches)),
            recovery: Recovery::default(),
            broken_off: None,
            audit_answered: None,
            shifted: 0,
            standstills: Standstills::default(),
            reports_dropped: 0,
        }
    }

    /// Shard number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The lease's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The clock of its schedules.
    pub fn clock(&self) -> ScheduleClock {
        self.clock
    }

    /// How many attempts of each load are started, or accounted for otherwise.
    pub fn progress(&self) -> Vec<u64> {
        self.pacer.progress()
    }

    /// When the next attempt is due: its lateness is measured.
    pub fn next_due(&self) -> Option<Instant> {
        self.pacer.next_due()
    }

    /// How many attempts left later than the scenario allows, since the last call.
    pub fn take_late(&mut self) -> u64 {
        self.recorder.take_late()
    }

    /// Octets of all that is held for the UEs.
    pub(crate) fn octets(&self) -> usize {
        self.attempts.octets() + self.ready.octets()
    }

    // What the radio network tells.

    /// Takes in what the radio network has to tell.
    pub fn handle_events<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant, out: &mut Vec<R::Action>) {
        while let Some(event) = ran.next_event() {
            self.handle(event, ran, now, out);
        }
    }

    fn handle<R: RadioNetwork>(
        &mut self,
        event: RadioEvent,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        match event {
            RadioEvent::Changed { ue, standing } => {
                self.ready.changed(ue, standing);
                self.enqueue_ready(ue);
            }
            RadioEvent::Spoke { ue, ticket, planned } => {
                if let Some(first) = self.attempts.speaks(ue, planned) {
                    self.first_messages.insert(ticket, first);
                }
            }
            RadioEvent::Departed { ticket, at } => {
                let first = self.first_messages.remove(&ticket);
                if let (Some(first), Some(at)) = (first, at) {
                    self.attempts.left(first, at, &mut self.recorder);
                }
            }
            RadioEvent::Finished { ue, procedure, end } => self.finished(ue, procedure, &end, None, ran, now),
            RadioEvent::HandoverFinished { ue, procedure, end, handover } => {
                self.finished(ue, procedure, &end, Some(handover), ran, now);
            }
            RadioEvent::Began { ue, procedure } => self.began(ue, procedure, ran, now),
            RadioEvent::Discarded { ue, kind } => self.attempts.discarded(ue, kind),
            RadioEvent::Dropped { ue, performer, reason } => {
                self.attempts.drop_of(ue, performer, reason, &mut self.recorder);
                self.enqueue_ready(ue);
            }
            RadioEvent::Unprepared(why) => self.cannot_prepare(why, ran, now, out),
        }
    }

    /// Counts what no load has planned. Only a UE that is switched off deregisters of itself, and nobody answers that
    /// (TS 24.501 §5.5.2.2.2).
    fn began<R: RadioNetwork>(&mut self, ue: u32, procedure: Procedure, ran: &R, now: Instant) {
        let parts = self.parts_of(Some(ue), procedure, None, now, ran);
        self.recorder.self_started(procedure.name(), parts);
        let answered = procedure != Procedure::Deregistration;
        let begin = Begin { due: now, now, parts, answered, scheduled: false };
        self.attempts.begin(ue, procedure, begin, &mut self.recorder);
        let row = rows::begun(&mut self.recorder.rows, (ue, procedure), (now, self.clock), None, ran);
        self.attempts.keep_row(ue, procedure, row);
    }

    fn finished<R: RadioNetwork>(
        &mut self,
        ue: u32,
        procedure: Procedure,
        end: &End,
        handover: Option<Handover>,
        ran: &mut R,
        now: Instant,
    ) {
        if self.recovered(ue, procedure, end, ran) {
            return;
        }
        let succeeded = *end == End::Succeeded;
        let is_owned = handover.is_some() && self.attempts.is_owned(ue, procedure);
        let is_disturbed = handover.is_some() && self.attempts.is_disturbed(ue, procedure);
        let failed_into = handover.and_then(|handover| handover.into).and_then(|shard| {
            let (cause, timed_out) = match end {
                End::Failed(cause) => (cause, false),
                End::TimedOut(timer) => (timer, true),
                End::Succeeded | End::Abandoned(_) => return None,
            };
            let (cause, parts) = self.attempts.counted_as(ue, procedure, cause)?;
            Some((shard, cause, timed_out, parts))
        });
        if let Some(Handover { source, target, .. }) = handover {
            self.attempts.moves(ue, source, target);
        }
        let latency = if succeeded { self.attempts.latency_of(ue, procedure, now) } else { None };
        if !self.attempts.end(ue, procedure, end, now, &mut self.recorder) {
            // What a node does may have been given up before: too late, or at the end of the run.
            if procedure.performer() == identity::Performer::Ue {
                self.recorder.unexpected("outcome-without-attempt");
            }
            return;
        }
        if let Some(latency) = latency {
            ran.succeeded(ue, procedure, latency);
        }
        // The coordinator knows whether that shard was there.
        if let Some((shard, cause, timed_out, parts)) = failed_into {
            self.recorder.failed_into(shard, procedure.name(), &cause, timed_out, parts);
        }
        if let Some(Handover { source, target, phases, .. }) = handover {
            self.recorder.handover(procedure.name(), source, target, succeeded);
            if succeeded && !is_disturbed {
                self.tell_phases(procedure, phases, is_owned);
            }
        }
        self.enqueue_ready(ue);
    }

    /// A UE that attempts nothing waits in the queues of what it could attempt.
    fn enqueue_ready(&mut self, ue: u32) {
        if !self.attempts.contains(ue) {
            self.ready.enqueue(ue);
        }
    }

    /// Whether the UE is in the middle of something, or of something that is done to it.
    fn is_busy(&self, ue: u32) -> bool {
        self.attempts.contains(ue) || self.ready.standing(ue).is_busy()
    }

    // What is due.

    /// Starts the next attempt that is due. `false` where none is.
    pub fn begin_due<R: RadioNetwork>(
        &mut self,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) -> bool {
        let Some(attempt) = self.pacer.pop_due(now) else { return false };
        self.begin(attempt, ran, now, out);
        self.handle_events(ran, now, out);
        true
    }

    fn begin<R: RadioNetwork>(
        &mut self,
        attempt: DueAttempt,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        let DueAttempt { procedure, load, index, due, shifted } = attempt;
        let name = procedure.name();
        self.shifted += u64::from(shifted);
        let attempts = &self.attempts;
        let ue = match self.ready.next_for(procedure, |ue| attempts.contains(ue)) {
            Ok(ue) => ue,
            Err(reason) => {
                let parts = self.parts_of(None, procedure, Some(load), due, ran);
                self.recorder.due(name, parts);
                self.recorder.late(name, now.saturating_duration_since(due));
                if self.ask_abroad(&attempt, parts, ran, now, out) {
                    return;
                }
                // Whoever is in the middle of something could have been taken otherwise.
                let busy = self.attempts.ues().chain(self.ready.leaving()).take(LOOKED_AT);
                let busy = { busy }.any(|ue| self.ready.is_able(ue, procedure));
                let reason = match () {
                    () if busy => BUSY,
                    () if ran.visitors().has_away() => AWAY,
                    () => reason,
                };
                return self.recorder.never_started(name, parts, reason, 1);
            }
        };
        let parts = self.parts_of(Some(ue), procedure, Some(load), due, ran);
        self.recorder.due(name, parts);
        let begin = Begin { due, now, parts, answered: true, scheduled: true };
        self.attempts.begin(ue, procedure, begin, &mut self.recorder);
        let planned = Some((load, index));
        let row = rows::begun(&mut self.recorder.rows, (ue, procedure), (due, self.clock), planned, ran);
        self.attempts.keep_row(ue, procedure, row);
        let cause = StartCause::Due { load, index, due };
        ran.start(Start { ue, procedure, cause }, now, out);
    }

    /// The parts of the attempts that this one belongs to.
    fn parts_of<R: RadioNetwork>(
        &self,
        ue: Option<u32>,
        procedure: Procedure,
        load: Option<usize>,
        due: Instant,
        ran: &R,
    ) -> PartSet {
        let place = ue.filter(|_| !self.parts.is_empty()).and_then(|ue| ran.place(ue, procedure));
        self.parts_at(place, procedure, load, due)
    }

    /// The same of an attempt that was made at this place, in whatever shard that is.
    fn parts_at(
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
        let due = self.clock.since_start(due);
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

    // Reports.

    /// What happened since the last report. `None` before the start.
    pub fn report<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant) -> Option<IntervalReport> {
        // The first interval of a successor begins where it was taken over, also where that lies ahead.
        let elapsed = self.clock.of_run(now).checked_duration_since(self.clock.start()?)?;
        // Where nothing began no time of the run has passed.
        let to = if self.clock.unbegun { self.reported_to } else { elapsed.max(self.reported_to) };
        self.attempts.record_lateness(&mut self.recorder);
        let (procedures, unexpected) = self.recorder.take();
        let from = std::mem::replace(&mut self.reported_to, to);
        let sequence = self.sequence;
        self.sequence += 1;
        let mut report = IntervalReport {
            run: self.run.clone(),
            shard: self.number,
            epoch: self.epoch,
            sequence,
            from_us: micros(from),
            to_us: micros(to),
            progress: self.pacer.progress(),
            procedures,
            in_flight: (self.attempts.own() + self.abroad.len()) as u64,
            unexpected,
            handovers: self.recorder.take_handovers(),
            shifted: std::mem::take(&mut self.shifted),
            recovery: self.recovery.take_counts(),
            parts: self.recorder.take_parts(),
            standstills: self.standstills.take(self.clock),
            failed_into: self.recorder.take_failed_into(),
            dropped: std::mem::take(&mut self.reports_dropped),
            ..IntervalReport::default()
        };
        (report.rows, report.rows_left_out) = self.recorder.rows.take();
        ran.report(&mut report);
        Some(report)
    }

    /// There was no room for this report: the next one says so.
    pub fn report_dropped(&mut self, report: &IntervalReport) {
        self.reports_dropped += report.dropped + 1;
    }

    /// The process did not run for so long, until this instant: the next report says it.
    pub fn stood_still(&mut self, until: Instant, lasted: Duration) {
        let (under_way, came_due) = (self.attempts.disturb(), self.pacer.waiting(until));
        self.standstills.push(StoodStill { until, lasted, under_way, came_due });
    }
}

/// Why an attempt has no UE, though there are some in the right state.
const BUSY: &str = "busy";
/// Why an attempt has no UE, where handovers have taken subscribers to other shards.
const AWAY: &str = "away-in-another-shard";
/// UEs that are looked at to tell why there is none for an attempt.
const LOOKED_AT: usize = 4096;
