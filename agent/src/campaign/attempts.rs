//! The attempts in flight. Every attempt that begins is ended exactly once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use identity::{CellId, Performer, Procedure};
use wire::attempts::{AttemptRow, RowOutcome};
use wire::away::{AwayOutcome, AwayPlace, HandoverPhases};

use crate::measure::{PartSet, Recorder};
use crate::seam::End;
use crate::time::micros;

/// The attempts in flight: of each UE at most one of its own procedures and one of its gNB's. A UE may update its registration
/// while its gNB still waits for the end of a handover.
pub(crate) struct Attempts {
    in_flight: HashMap<(u32, Performer), Attempt>,
    /// Those of other shards' accounts that have ended: their homes are to be told.
    ended: Vec<Ended>,
    /// Rows of those in flight that may have one.
    rows: HashMap<(u32, Performer), AttemptRow>,
}

/// The shard in whose account an attempt is, where that is another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) home: u32,
    /// The home's lease, and the attempt's number under it.
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    /// The UE's number at home.
    pub(crate) ue: u32,
    /// Where it is made: the home's conditions may be about that.
    pub(crate) place: Option<AwayPlace>,
}

/// The end of an attempt that is in another shard's account.
pub(crate) struct Ended {
    pub(crate) owner: Owner,
    pub(crate) outcome: AwayOutcome,
    pub(crate) cause: String,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Of a handover.
    pub(crate) phases: HandoverPhases,
}

/// One start of one procedure by one UE.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    procedure: Procedure,
    due: Instant,
    /// When it began, and later by what its first message was late on its way out of here: so much the generator took, and
    /// not the target.
    began: Instant,
    parts: PartSet,
    /// Somebody answers it, so that it has a latency.
    answered: bool,
    /// The last message of the network that the UE could not use: why it waits, and for what it is released.
    discarded: Option<&'static str>,
    owner: Option<Owner>,
    /// The process stood still while it was under way: how it ends says nothing.
    is_disturbed: bool,
    /// Its first message has left the gNB, and may have to wait for the kernel.
    has_spoken: bool,
    /// How late it left as far as is known; `None` once that is recorded, and for what no schedule made due.
    late: Option<Duration>,
}

/// When an attempt was due and begins, and what it counts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) due: Instant,
    pub(crate) now: Instant,
    pub(crate) parts: PartSet,
    /// Somebody answers it.
    pub(crate) answered: bool,
    /// The schedule made it due, not the UE itself.
    pub(crate) scheduled: bool,
}

/// Which attempt the first message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    ue: u32,
    performer: Performer,
    /// When it would have left, had nothing been late here.
    planned: Instant,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { in_flight: HashMap::new(), ended: Vec::new(), rows: HashMap::new() }
    }

    /// Whether the UE has any attempt in flight.
    pub(crate) fn contains(&self, ue: u32) -> bool {
        self.in_flight.contains_key(&(ue, Performer::Ue))
            || self.in_flight.contains_key(&(ue, Performer::RanNode))
    }

    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// The UE begins this. An attempt that it has in flight still is ended: superseded.
    pub(crate) fn begin(&mut self, ue: u32, procedure: Procedure, begin: Begin, recorder: &mut Recorder) {
        let Begin { due, now, parts, answered, scheduled } = begin;
        let late = scheduled.then(|| since(now, due));
        let attempt = Attempt {
            procedure,
            due,
            began: now,
            parts,
            answered,
            discarded: None,
            owner: None,
            is_disturbed: false,
            has_spoken: false,
            late,
        };
        if let Some(mut previous) = self.in_flight.insert((ue, procedure.performer()), attempt) {
            self.give_up(ue, &mut previous, "superseded", recorder);
        }
        recorder.started(procedure.name(), parts);
    }

    /// The UE begins what is due for it at its home, in whose account it is.
    pub(crate) fn begin_for(
        &mut self,
        owner: Owner,
        ue: u32,
        procedure: Procedure,
        now: Instant,
        recorder: &mut Recorder,
    ) {
        let attempt = Attempt {
            procedure,
            due: now,
            began: now,
            parts: PartSet::default(),
            answered: true,
            discarded: None,
            owner: Some(owner),
            is_disturbed: false,
            has_spoken: false,
            late: None,
        };
        if let Some(mut previous) = self.in_flight.insert((ue, procedure.performer()), attempt) {
            self.give_up(ue, &mut previous, "superseded", recorder);
        }
    }

    /// Whether the attempt is in another shard's account.
    pub(crate) fn is_owned(&self, ue: u32, procedure: Procedure) -> bool {
        self.in_flight.get(&(ue, procedure.performer())).is_some_and(|attempt| attempt.owner.is_some())
    }

    /// The cause under which its failure will be counted, and the parts that count it: none of another shard's account, for that one
    /// knows them. `None` where the process stood still, so that nothing fails.
    pub(crate) fn counted_as(&self, ue: u32, procedure: Procedure, cause: &str) -> Option<(String, PartSet)> {
        let attempt =
            self.in_flight.get(&(ue, procedure.performer())).filter(|attempt| !attempt.is_disturbed)?;
        Some((attempt.in_depth(cause).into_owned(), attempt.parts))
    }

    /// Whether the process stood still while it was under way.
    pub(crate) fn is_disturbed(&self, ue: u32, procedure: Procedure) -> bool {
        self.in_flight.get(&(ue, procedure.performer())).is_some_and(|attempt| attempt.is_disturbed)
    }

    /// Attempts that are in this shard's own account.
    pub(crate) fn own(&self) -> usize {
        self.in_flight.values().filter(|attempt| attempt.owner.is_none()).count()
    }

    /// What the phases of a handover took. Only where its attempt has just ended, and is in another shard's account.
    pub(crate) fn tell_phases(&mut self, phases: HandoverPhases) {
        if let Some(ended) = self.ended.last_mut() {
            ended.phases = phases;
        }
    }

    /// The ends of attempts of other shards' accounts since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// The process stood still: what is under way may have been answered long ago. How many attempts that are.
    pub(crate) fn disturb(&mut self) -> u64 {
        let undisturbed = self.in_flight.values_mut().filter(|attempt| !attempt.is_disturbed);
        undisturbed.map(|attempt| attempt.is_disturbed = true).count() as u64
    }

    fn give_up(&mut self, ue: u32, attempt: &mut Attempt, reason: &str, recorder: &mut Recorder) {
        attempt.record_lateness(recorder);
        let reason = if attempt.is_disturbed { STOOD_STILL } else { reason };
        self.end_row(ue, attempt, (RowOutcome::Abandoned, reason), None, recorder);
        match attempt.owner {
            Some(owner) => self.ended.push(Ended {
                owner,
                outcome: AwayOutcome::Abandoned,
                cause: reason.to_owned(),
                began: attempt.began,
                ended: attempt.began,
                phases: HandoverPhases::default(),
            }),
            None => recorder.abandoned(attempt.procedure.name(), attempt.parts, reason),
        }
    }

    /// The UE could not use a message of the network, while it attempts something or not.
    pub(crate) fn discarded(&mut self, ue: u32, kind: &'static str) {
        if let Some(attempt) = self.in_flight.get_mut(&(ue, Performer::Ue)) {
            attempt.discarded = Some(kind);
        }
    }

    /// A message about the UE goes out of its gNB, which would have done so at `planned`. The attempt that it is the first
    /// message of, if it is of any.
    pub(crate) fn speaks(&mut self, ue: u32, planned: Instant) -> Option<First> {
        let silent = [Performer::RanNode, Performer::Ue].into_iter().find(|performer| {
            self.in_flight.get(&(ue, *performer)).is_some_and(|attempt| !attempt.has_spoken)
        })?;
        self.in_flight.get_mut(&(ue, silent))?.has_spoken = true;
        Some(First { ue, performer: silent, planned })
    }

    /// The first message of an attempt was given to the kernel. What it waited for here is the generator's lateness.
    pub(crate) fn left(&mut self, first: First, at: Instant, recorder: &mut Recorder) {
        let waited = since(at, first.planned);
        let Some(attempt) = self.in_flight.get_mut(&(first.ue, first.performer)) else { return };
        attempt.began += waited;
        attempt.late = attempt.late.map(|late| late + waited);
        attempt.record_lateness(recorder);
    }

    /// Records the lateness of what has begun, before a report counts it: also of what has not left yet, as far as is known.
    pub(crate) fn record_lateness(&mut self, recorder: &mut Recorder) {
        self.in_flight.values_mut().for_each(|attempt| attempt.record_lateness(recorder));
    }

    /// How long the UE's attempt has taken from its due time; nothing for one that nobody answers, or that says nothing.
    pub(crate) fn latency_of(&self, ue: u32, procedure: Procedure, now: Instant) -> Option<Duration> {
        let attempt = self.in_flight.get(&(ue, procedure.performer()))?;
        let counts = attempt.answered && !attempt.is_disturbed && attempt.owner.is_none();
        (counts && attempt.procedure == procedure).then(|| since(now, attempt.due))
    }

    /// The UE's attempt has ended. False when it had none of this procedure.
    pub(crate) fn end(
        &mut self,
        ue: u32,
        procedure: Procedure,
        end: &End,
        now: Instant,
        recorder: &mut Recorder,
    ) -> bool {
        let Entry::Occupied(found) = self.in_flight.entry((ue, procedure.performer())) else { return false };
        if found.get().procedure != procedure {
            return false;
        }
        let mut attempt = found.remove();
        attempt.record_lateness(recorder);
        let name = procedure.name();
        let parts = attempt.parts;
        let disturbed = attempt.is_disturbed.then(|| End::Abandoned(STOOD_STILL.to_owned()));
        let end = disturbed.as_ref().unwrap_or(end);
        if let Some(owner) = attempt.owner {
            let (outcome, cause) = match end {
                End::Succeeded => (AwayOutcome::Succeeded, String::new()),
                End::Failed(cause) => (AwayOutcome::Failed, attempt.in_depth(cause).into_owned()),
                End::TimedOut(timer) => (AwayOutcome::TimedOut, attempt.in_depth(timer).into_owned()),
                End::Abandoned(reason) => (AwayOutcome::Abandoned, reason.clone()),
            };
            let phases = HandoverPhases::default();
            self.ended.push(Ended { owner, outcome, cause, began: attempt.began, ended: now, phases });
            return true;
        }
        if !self.rows.is_empty() {
            let (outcome, cause) = match end {
                End::Succeeded => (RowOutcome::Succeeded, Cow::Borrowed("")),
                End::Failed(cause) => (RowOutcome::Failed, attempt.in_depth(cause)),
                End::TimedOut(timer) => (RowOutcome::TimedOut, attempt.in_depth(timer)),
                End::Abandoned(reason) => (RowOutcome::Abandoned, Cow::Borrowed(reason.as_str())),
            };
            self.end_row(ue, &attempt, (outcome, &cause), Some(now), recorder);
        }
        match end {
            End::Succeeded if !attempt.answered => recorder.unanswered(name, parts),
            End::Succeeded => {
                recorder.succeeded(name, parts, since(now, attempt.due), since(now, attempt.began));
            }
            End::Failed(cause) => recorder.failed(name, parts, &attempt.in_depth(cause)),
            End::TimedOut(timer) => recorder.timed_out(name, parts, &attempt.in_depth(timer)),
            End::Abandoned(reason) => recorder.abandoned(name, parts, reason),
        }
        true
    }

    /// What the UE begins may have a row, which its end completes.
    pub(crate) fn keep_row(&mut self, ue: u32, procedure: Procedure, row: Option<AttemptRow>) {
        if let Some(row) = row {
            self.rows.insert((ue, procedure.performer()), row);
        }
    }

    /// Between which cells the handover was that now ends.
    pub(crate) fn moves(&mut self, ue: u32, source: CellId, target: CellId) {
        if let Some(row) = self.rows.get_mut(&(ue, Performer::RanNode)) {
            (row.cell, row.target) = (Some(source), Some(target));
        }
    }

    /// Completes the row of an attempt, where it has one. What is given up has no latency.
    fn end_row(
        &mut self,
        ue: u32,
        attempt: &Attempt,
        (outcome, cause): (RowOutcome, &str),
        ended: Option<Instant>,
        recorder: &mut Recorder,
    ) {
        if self.rows.is_empty() {
            return;
        }
        let Some(row) = self.rows.remove(&(ue, attempt.procedure.performer())) else { return };
        let ended = ended.filter(|_| attempt.answered && outcome != RowOutcome::Abandoned);
        let lasted = |from| ended.map(|at| micros(since(at, from)));
        recorder.rows.ended(AttemptRow {
            outcome,
            cause: cause.to_owned(),
            latency_us: lasted(attempt.due),
            service_us: lasted(attempt.began),
            lateness_us: (!row.self_started).then(|| micros(since(attempt.began, attempt.due))),
            ..row
        });
    }

    /// Gives up what the UE itself attempts, or what its node does with it, or both: the UE is gone.
    pub(crate) fn drop_of(
        &mut self,
        ue: u32,
        performer: Option<Performer>,
        reason: &str,
        recorder: &mut Recorder,
    ) {
        for one in [Performer::Ue, Performer::RanNode] {
            if performer.is_none_or(|only| only == one)
                && let Some(mut attempt) = self.in_flight.remove(&(ue, one))
            {
                self.give_up(ue, &mut attempt, reason, recorder);
            }
        }
    }

    /// Gives up everything in flight, each UE's for its own reason. Returns the UEs and the reasons, in order.
    pub(crate) fn abandon_all(
        &mut self,
        reason: impl Fn(u32) -> String,
        recorder: &mut Recorder,
    ) -> Vec<(u32, String)> {
        let mut ues = Vec::with_capacity(self.in_flight.len());
        for ((ue, _), mut attempt) in std::mem::take(&mut self.in_flight) {
            let reason = reason(ue);
            self.give_up(ue, &mut attempt, &reason, recorder);
            ues.push((ue, reason));
        }
        ues.sort_unstable();
        ues
    }

    /// The UEs that attempt something.
    pub(crate) fn ues(&self) -> impl Iterator<Item = u32> + '_ {
        self.in_flight.keys().map(|(ue, _)| *ue)
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        let rows = self.rows.capacity() * (size_of::<((u32, Performer), AttemptRow)>() + 1);
        self.in_flight.capacity() * (size_of::<((u32, Performer), Attempt)>() + 1) + rows
    }
}

impl Attempt {
    fn record_lateness(&mut self, recorder: &mut Recorder) {
        if let Some(late) = self.late.take() {
            recorder.late(self.procedure.name(), late);
        }
    }

    /// The cause with what lies beneath it: a release and a timer say nothing of the answer that came and was discarded.
    fn in_depth<'a>(&self, cause: &'a str) -> Cow<'a, str> {
        let hides = HIDING.contains(&cause) || cause.starts_with('T');
        match self.discarded.filter(|_| hides) {
            Some(kind) => Cow::Owned(format!("{cause} ({kind})")),
            None => Cow::Borrowed(cause),
        }
    }
}

/// Why an attempt is given up, in the account, that was under way when the process stood still.
const STOOD_STILL: &str = "agent-stood-still";
/// Causes behind which another may stand.
const HIDING: [&str; 2] = ["connection-released", "deregistered-by-network"];

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

#[cfg(test)]
mod tests;
